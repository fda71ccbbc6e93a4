//! Objects of which the members are sorted and their names spelt anew: message attributes, tags (`tree/sqs.md#lines-of-messages`).
//!
//! In: the checked JSON text of an object. Out: its members in the order of the UTF-8 bytes of their names; of equal
//! names the last. Only where the values stand is sorted, on disk when there are many: an object can be millions of
//! tiny members, and a map of them takes ten times their bytes.

use crate::bug::Bug;
use crate::codec::gojson::Html;
use crate::codec::gojson::read::{self as json, Reader};
use crate::cursor;
use crate::error::{Error, Result};
use crate::tree::{Scratch, Sorter};

use super::pieces::Pieces;

/// What the names of an object may hold of memory before they go to disk, bytes.
const MEMORY: usize = 8 << 20;

/// The object was checked when its row was read.
const CHECKED: Bug = Bug::new("an object of a queue or a message does not read back");

/// Sorts one object after the other.
#[derive(Debug)]
pub(crate) struct Members {
    /// Offset and length of a value in the object's text, by name.
    places: Sorter,
    name: Vec<u8>,
}

impl Members {
    /// Returns a sorter without members.
    #[must_use]
    pub(crate) fn new(scratch: &Scratch) -> Self {
        Self { places: Sorter::new(scratch, MEMORY), name: Vec::new() }
    }

    /// Reads the checked text of an object; `None` when it has no members. Empty text is an empty object.
    pub(crate) fn read<'m>(&'m mut self, text: &'m [u8]) -> Result<Option<Object<'m>>> {
        if !text.is_empty() {
            let mut reader = Reader::new(text);
            let start = reader.clone();
            let places = &mut self.places;
            let read = reader.object(|name, reader| {
                let value = reader.value()?;
                let at = reader.since(&start).len().saturating_sub(value.len());
                push(places, name.as_bytes(), at, value.len()).map_err(Stop)
            });
            read.map_err(|Stop(error)| error)?;
        }
        Ok(if self.places.is_empty() { None } else { Some(Object { members: self, text }) })
    }
}

/// Why an object cannot be read.
struct Stop(Error);

impl From<json::Error> for Stop {
    fn from(_: json::Error) -> Self {
        Self(CHECKED.into())
    }
}

fn push(places: &mut Sorter, name: &[u8], at: usize, length: usize) -> Result<()> {
    let mut place = [0; 2 * size_of::<usize>()];
    let (first, second) = place.split_at_mut(size_of::<usize>());
    first.copy_from_slice(&at.to_be_bytes());
    second.copy_from_slice(&length.to_be_bytes());
    Ok(places.push(name, &place)?)
}

/// Returns the value that stands at `place` in the object's text.
fn value<'t>(text: &'t [u8], mut place: &[u8]) -> Option<&'t [u8]> {
    let at = usize::from_be_bytes(cursor::take_array(&mut place)?);
    let length = usize::from_be_bytes(cursor::take_array(&mut place)?);
    text.get(at..)?.get(..length).filter(|_| place.is_empty())
}

/// An object that has members.
#[derive(Debug)]
pub(crate) struct Object<'m> {
    members: &'m mut Members,
    text: &'m [u8],
}

impl Object<'_> {
    /// Adds the object to `out`; `add` adds a value, which it gets as it is stored.
    pub(crate) fn write<'o, W: FnMut(&[u8]) -> Result<()>>(
        self,
        out: &mut Pieces<'o, W>,
        mut add: impl FnMut(&mut Pieces<'o, W>, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let Members { places, name } = self.members;
        let mut sorted = places.sort()?;
        let mut last = None;
        let mut separator = "{";
        let mut member = |name: &[u8], value: &[u8]| {
            out.bytes(separator.as_bytes())?;
            separator = ",";
            out.string(std::str::from_utf8(name).map_err(|_| CHECKED.at((name, value)))?, Html::Raw)?;
            out.bytes(b":")?;
            add(out, value)
        };
        while let Some((next, place)) = sorted.next()? {
            if let Some(value) = last.filter(|_| name != next) {
                member(name, value)?;
            }
            name.clear();
            name.extend_from_slice(next);
            last = Some(value(self.text, place).ok_or_else(|| CHECKED.at((next, place)))?);
        }
        if let Some(value) = last {
            member(name, value)?;
        }
        out.bytes(b"}")
    }
}

/// Adds the value of a tag: a string that is spelt anew, the empty one for `null`.
pub(crate) fn tag<W: FnMut(&[u8]) -> Result<()>>(out: &mut Pieces<'_, W>, value: &[u8]) -> Result<()> {
    let text = Reader::new(value).string().map_err(|_| CHECKED)?;
    out.string(&text, Html::Raw)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Write<'w> = &'w mut dyn FnMut(&[u8]) -> Result<()>;

    /// Writes the attributes of a message; `None` when there are none.
    fn written(members: &mut Members, text: &[u8]) -> Result<Option<String>> {
        let (mut all, mut buffer) = (Vec::new(), Vec::new());
        let mut write = |piece: &[u8]| {
            all.extend_from_slice(piece);
            Ok(())
        };
        let mut out = Pieces::new(&mut buffer, &mut write as Write<'_>);
        let Some(object) = members.read(text)? else { return Ok(None) };
        object.write(&mut out, Pieces::dense)?;
        out.finish()?;
        Ok(Some(String::from_utf8(all).unwrap()))
    }

    fn pushed(text: &[u8]) -> String {
        written(&mut Members::new(&Scratch::default()), text).unwrap().unwrap()
    }

    #[test]
    fn values_keep_their_spelling_and_lose_their_white_space() {
        let text = br#"{ "x" : { "StringValue" : "a b\u003c\/\u00e9\"\\" ,
            "n" : [ 1.0 , 1E+2, -0 ] , "n":null } , "":{} }"#;
        let expected = r#"{"":{},"x":{"StringValue":"a b\u003c\/\u00e9\"\\","n":[1.0,1E+2,-0],"n":null}}"#;
        assert_eq!(pushed(text), expected);
    }

    #[test]
    fn names_are_sorted_by_their_bytes_and_spelt_anew() {
        let text = br#"{"z\u003c":null,"\ud83d\ude00":1,"a":2,"B":3,"\uffff":4}"#;
        assert_eq!(pushed(text), "{\"B\":3,\"a\":2,\"z<\":null,\"\u{ffff}\":4,\"😀\":1}");
    }

    #[test]
    fn the_last_of_equal_names_wins() {
        assert_eq!(pushed(br#"{"a":1,"b":2,"\u0061":3}"#), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn no_text_and_an_empty_object_have_no_members() {
        let mut members = Members::new(&Scratch::default());
        for text in [&b""[..], b" { } "] {
            assert_eq!(written(&mut members, text).unwrap(), None);
        }
        assert_eq!(written(&mut members, b"{\"a\":null}").unwrap().unwrap(), "{\"a\":null}");
        // Nothing stays of the object before.
        assert_eq!(written(&mut members, b"{\"b\":1}").unwrap().unwrap(), "{\"b\":1}");
    }

    #[test]
    fn text_that_nobody_checked_ends_the_run() {
        for text in [&b"[]"[..], b"{", b"{\"a\":}", b"{\"a\":1,}", b"1"] {
            let written = written(&mut Members::new(&Scratch::default()), text);
            assert!(matches!(written, Err(Error::Internal(_))), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_place_that_does_not_read_back_ends_the_run() {
        let place = [[0; 8], 1_usize.to_be_bytes()].concat();
        let far = [[0; 8], 4_usize.to_be_bytes()].concat();
        for (name, place, whole) in [
            (&b"a"[..], &place[..], true),
            (b"a", &place[..15], false),
            (b"a", &[&place[..], &[0]].concat(), false),
            (b"a", &far, false),
            (b"\xff", &place, false),
        ] {
            let mut members = Members::new(&Scratch::default());
            members.places.push(name, place).unwrap();
            let object = Object { members: &mut members, text: b"1 2" };
            let mut out = Vec::new();
            let outcome = object.write(&mut Pieces::new(&mut out, |_| Ok(())), Pieces::dense);
            assert_eq!(outcome.is_ok(), whole);
            assert!(whole || matches!(outcome, Err(Error::Internal(_))));
        }
    }

    #[test]
    fn tags_are_strings_that_are_spelt_anew() {
        for (stored, expected) in
            [("null", "\"\""), (r#""\u003c\/""#, "\"</\""), ("\"é\"", "\"é\""), ("\"\"", "\"\"")]
        {
            let mut out = Vec::new();
            let mut all = Vec::new();
            let mut pieces = Pieces::new(&mut out, |piece: &[u8]| {
                all.extend_from_slice(piece);
                Ok(())
            });
            tag(&mut pieces, stored.as_bytes()).unwrap();
            pieces.finish().unwrap();
            assert_eq!(all, expected.as_bytes());
        }
    }

    #[test]
    fn more_members_than_memory_holds_are_sorted_on_disk() {
        let directory = tempfile::tempdir().unwrap();
        let mut members = Members::new(&Scratch::new(directory.path().to_owned()));
        members.places = Sorter::new(&Scratch::new(directory.path().to_owned()), 1 << 12);
        let name = |at: usize| format!("n{}", at * 7919 % 5000);
        let stored: Vec<_> = (0..10_000).map(|at| format!("\"{}\":{at}", name(at))).collect();
        let sorted: BTreeMap<_, _> = (0..10_000).map(|at| (name(at), at)).collect();
        let expected: Vec<_> = sorted.iter().map(|(name, at)| format!("\"{name}\":{at}")).collect();
        let text = format!("{{{}}}", stored.join(" , "));
        let written = written(&mut members, text.as_bytes()).unwrap().unwrap();
        assert!(written == format!("{{{}}}", expected.join(",")));
    }

    /// Drops white space byte by byte, by whether a string is open.
    fn model(text: &str) -> String {
        let (mut out, mut inside, mut escaped) = (String::new(), false, false);
        for character in text.chars() {
            if inside || !matches!(character, ' ' | '\t' | '\n' | '\r') {
                out.push(character);
            }
            inside ^= character == '"' && !escaped;
            escaped = inside && character == '\\' && !escaped;
        }
        out
    }

    fn any_value() -> impl Strategy<Value = String> {
        let space = "[ \t\n\r]{0,2}";
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("-1.50E+7".to_owned()),
            "\"( |[a-z{}:,é<]|\\\\\"|\\\\\\\\|\\\\u00[0-7][0-9a-f]){0,6}\"",
        ];
        leaf.prop_recursive(3, 16, 3, move |inner| {
            let list = proptest::collection::vec((space, inner, space), 0..3);
            (list, any::<bool>()).prop_map(|(list, object)| {
                let name = if object { "\"a b\\\\\" : " } else { "" };
                let items = list.iter().map(|(one, value, two)| format!("{one}{name}{value}{two}"));
                let items = items.collect::<Vec<_>>().join(",");
                if object { format!("{{{items}}}") } else { format!("[{items}]") }
            })
        })
    }

    proptest! {
        #[test]
        fn members_are_those_of_a_map(members in proptest::collection::vec(("[ab\u{0}é\u{ffff}😀]{0,10}", any::<u8>()), 1..20)) {
            let mut map = BTreeMap::new();
            let spelt = |text: &str| serde_json::to_string(text).unwrap();
            let stored: Vec<_> =
                members.iter().map(|(name, value)| format!("{} : {value}", spelt(name))).collect();
            for (name, value) in &members {
                map.insert(Cow::Borrowed(name.as_str()), *value);
            }
            let text = format!("{{ {} }}", stored.join(" , "));
            let expected: Vec<_> = map.iter().map(|(name, value)| format!("{}:{value}", spelt(name))).collect();
            prop_assert_eq!(pushed(text.as_bytes()), format!("{{{}}}", expected.join(",")));
        }

        #[test]
        fn compaction_equals_the_slow_model(value in any_value()) {
            let text = format!("{{\"name\": {value} }}");
            prop_assert_eq!(pushed(text.as_bytes()), model(&text));
        }
    }
}
