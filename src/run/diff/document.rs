//! Two JSON documents, or two Redis streams, member by member.
//!
//! In: the texts of both sides. Out: what was added, removed, changed. The elements of a collection are sorted by what
//! tells them apart, and joined: neither side is held in memory, only one member of it at a time.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, Read as _};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::MEMORY;
use super::change::{Change, Changes, Sign};
use crate::bug::Bug;
use crate::error::Result;
use crate::limits;
use crate::sort::{self, Scratch, Sorted, Sorter};

/// What is in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One JSON object, whose members, or the elements of its list, are called so.
    Document(&'static str),
    /// A line each of a Redis stream.
    Stream,
}

/// A member of the document itself.
const MEMBER: u8 = b'a';
/// An element that is told apart by a name.
const ELEMENT: u8 = b'b';
/// An element that is told apart by its place.
const ITEM: u8 = b'c';

/// Members of both sides.
#[derive(Debug)]
pub(super) struct Documents {
    sides: [Sorter; 2],
}

impl Documents {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { sides: [(); 2].map(|()| Sorter::new(scratch, MEMORY)) }
    }

    /// Reads the text of one side to its end; whether it is what it should be.
    pub(super) fn read(
        &mut self,
        side: usize,
        shape: Shape,
        reader: impl BufRead,
    ) -> Result<io::Result<bool>> {
        let rows = self.sides.get_mut(side).ok_or(Bug::new("a comparison has two sides"))?;
        let mut failed = None;
        let read = match shape {
            Shape::Document(noun) => {
                let mut deserializer = serde_json::Deserializer::from_reader(reader);
                let top = Top { rows, noun, failed: &mut failed };
                top.deserialize(&mut deserializer).and_then(|()| deserializer.end())
            }
            Shape::Stream => read_stream(rows, reader, &mut failed),
        };
        if let Some(error) = failed {
            return Err(error.into());
        }
        Ok(match read {
            Ok(()) => Ok(true),
            Err(error) if error.is_io() => Err(error.into()),
            // Their bytes are compared instead.
            Err(_) => Ok(false),
        })
    }

    /// Joins the members of both sides, and forgets them.
    pub(super) fn compare(&mut self, shape: Shape) -> Result<Changes> {
        let noun = match shape {
            Shape::Document(noun) => noun,
            Shape::Stream => "entry",
        };
        let mut changes = Changes::default();
        let mut items = Items::default();
        join(&mut self.sides, |key, old, new| {
            let (&tag, name) = key.split_first().ok_or(Bug::new("a member of a document has no tag"))?;
            if tag == ITEM {
                items.add(name, old, new);
            } else if old != new {
                let what = if tag == MEMBER { member_noun(noun, name) } else { noun };
                changes.push(|| change(what, name, old, new));
            }
            Ok(())
        })?;
        items.end(&mut changes);
        Ok(changes)
    }
}

/// Passes the records of both sides to `each`, those of one key together.
pub(super) fn join(
    [old, new]: &mut [Sorter; 2],
    mut each: impl FnMut(&[u8], Option<&[u8]>, Option<&[u8]>) -> Result<()>,
) -> Result<()> {
    fn advance(rows: &mut Sorted<'_>) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        Ok(rows.next()?.map(|(key, value)| (key.to_vec(), value.to_vec())))
    }
    let (mut old, mut new) = (old.sort()?, new.sort()?);
    let (mut one, mut other) = (advance(&mut old)?, advance(&mut new)?);
    loop {
        let order = match (&one, &other) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((one, _)), Some((other, _))) => one.cmp(other),
        };
        let left = one.as_ref().filter(|_| order.is_le());
        let right = other.as_ref().filter(|_| order.is_ge());
        let key = left.or(right).map(|(key, _)| key.as_slice()).unwrap_or_default();
        each(key, left.map(|(_, value)| value.as_slice()), right.map(|(_, value)| value.as_slice()))?;
        if order.is_le() {
            one = advance(&mut old)?;
        }
        if order.is_ge() {
            other = advance(&mut new)?;
        }
    }
}

/// Returns what a member of the frame is called.
fn member_noun(noun: &'static str, name: &[u8]) -> &'static str {
    match (noun, name) {
        ("field" | "item" | "member" | "entry", b"expire_at_ms") => "expiry",
        ("field" | "item" | "entry", _) => "member",
        _ => noun,
    }
}

/// Returns a change of something with a name; values are JSON, or nothing.
pub(super) fn change(what: &str, name: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) -> Change {
    let shown = |value: &[u8]| (!value.is_empty()).then(|| compact(value));
    let name =
        Some(String::from_utf8_lossy(name).into_owned()).filter(|_| !["expiry", "value"].contains(&what));
    let values = (old.and_then(shown), new.and_then(shown));
    Change {
        sign: Sign::of(old.is_some(), new.is_some()),
        ..Change::new(what, name, values.0.as_deref(), values.1.as_deref())
    }
}

/// Returns JSON on one line.
fn compact(json: &[u8]) -> String {
    let value = serde_json::from_slice::<Value>(json);
    value.map_or_else(|_| String::from_utf8_lossy(json).into_owned(), |value| value.to_string())
}

/// A list, which is compared as a whole.
#[derive(Default)]
struct Items {
    old: u64,
    new: u64,
    first: Option<u64>,
}

impl Items {
    fn add(&mut self, place: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) {
        self.old += u64::from(old.is_some());
        self.new += u64::from(new.is_some());
        if old != new && self.first.is_none() {
            self.first = place.first_chunk().map(|place| u64::from_be_bytes(*place));
        }
    }

    fn end(&self, changes: &mut Changes) {
        if let Some(first) = self.first {
            let (old, new) = (self.old.to_string(), format!("{}, first difference at {first}", self.new));
            changes.push(|| Change::new("items", None, Some(&old), Some(&new)));
        }
    }
}

/// The object at the top of a document.
struct Top<'s> {
    rows: &'s mut Sorter,
    noun: &'static str,
    /// What the sorter said, which no parser can pass on.
    failed: &'s mut Option<sort::Error>,
}

impl Top<'_> {
    fn push<E: serde::de::Error>(&mut self, tag: u8, name: &[u8], value: &[u8]) -> Result<(), E> {
        let pushed = self.rows.push(&[&[tag], name].concat(), value);
        pushed.map_err(|error| {
            *self.failed = Some(error);
            E::custom("not sorted")
        })
    }

    fn member<E: serde::de::Error>(&mut self, name: &str, value: &RawValue) -> Result<(), E> {
        if value.get() == "null" {
            return Ok(());
        }
        // An attribute is a value, an object of another document has members of its own.
        if self.noun != "attribute"
            && let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(value.get())
        {
            for (member, value) in members {
                self.push(MEMBER, format!("{name}.{member}").as_bytes(), value.get().as_bytes())?;
            }
            return Ok(());
        }
        self.push(MEMBER, name.as_bytes(), value.get().as_bytes())
    }
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            match (self.noun, name.as_str()) {
                ("field", "fields") | ("item", "items") | ("member", "members") => {
                    members.next_value_seed(Elements { top: &mut self })?;
                }
                _ => {
                    let value: Box<RawValue> = members.next_value()?;
                    self.member(&name, &value)?;
                }
            }
        }
        Ok(())
    }
}

/// The elements of a collection.
struct Elements<'t, 's> {
    top: &'t mut Top<'s>,
}

#[derive(Deserialize)]
struct Element<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    member: Option<&'a RawValue>,
    #[serde(borrow)]
    score: Option<&'a RawValue>,
}

impl<'de> DeserializeSeed<'de> for Elements<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut place = 0_u64;
        while let Some(element) = elements.next_element::<Box<RawValue>>()? {
            let text = element.get();
            if self.top.noun == "item" {
                self.top.push(ITEM, &place.to_be_bytes(), text.as_bytes())?;
                place += 1;
                continue;
            }
            let parts = serde_json::from_str::<Element<'_>>(text).ok();
            let parts =
                parts.and_then(|parts| Some((parts.name.or(parts.member)?, parts.value.or(parts.score)?)));
            match parts {
                Some((name, value)) => {
                    self.top.push(ELEMENT, text_of(name.get()).as_bytes(), value.get().as_bytes())?;
                }
                None => self.top.push(ELEMENT, text_of(text).as_bytes(), b"")?,
            }
        }
        Ok(())
    }
}

/// Returns what a JSON string says, or another value as it is.
fn text_of(json: &str) -> String {
    serde_json::from_str::<String>(json).unwrap_or_else(|_| compact(json.as_bytes()))
}

fn read_stream(
    rows: &mut Sorter,
    mut reader: impl BufRead,
    failed: &mut Option<sort::Error>,
) -> Result<(), serde_json::Error> {
    let mut line = Vec::new();
    let mut top = Top { rows, noun: "entry", failed };
    while next_line(&mut reader, &mut line).map_err(serde_json::Error::io)? {
        let members: BTreeMap<String, &RawValue> = serde_json::from_slice(&line)?;
        match members.get("id") {
            Some(id) => {
                let fields = members.get("fields").map_or("", |fields| fields.get());
                top.push::<serde_json::Error>(ELEMENT, text_of(id.get()).as_bytes(), fields.as_bytes())?;
            }
            None if members.contains_key("_meta") => {
                for (name, value) in &members {
                    top.member::<serde_json::Error>(name, value)?;
                }
            }
            None => return Err(serde_json::Error::custom("no entry")),
        }
    }
    Ok(())
}

/// Reads the next line without its newline; `false` at the end.
pub(super) fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = reader.take(limits::DIFF_LINE).read_until(b'\n', line)?;
    if line.pop_if(|last| *last == b'\n').is_none() && u64::try_from(read) == Ok(limits::DIFF_LINE) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line of more than 1 GiB"));
    }
    Ok(read > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(shape: Shape, old: &str, new: &str) -> Vec<String> {
        let mut documents = Documents::new(&Scratch::default());
        for (side, text) in [old, new].into_iter().enumerate() {
            assert!(documents.read(side, shape, text.as_bytes()).unwrap().unwrap(), "{text}");
        }
        let changes = documents.compare(shape).unwrap();
        let text = |value: &Option<String>| value.clone().unwrap_or("-".to_owned());
        let lines = changes.listed().iter().map(|change| {
            let (sign, what) = (change.sign.text(), &change.what);
            format!("{sign} {what} {}: {} -> {}", text(&change.name), text(&change.old), text(&change.new))
        });
        lines.collect()
    }

    #[test]
    fn members_of_documents_are_compared() {
        let attributes = |old, new| compared(Shape::Document("attribute"), old, new);
        assert_eq!(
            attributes(r#"{"a":{"S":"x"},"b":{"N":"1"}}"#, r#"{"b":{"N": "2"},"c":{"BOOL":true}}"#),
            [
                r#"- attribute a: {"S":"x"} -> -"#,
                r#"M attribute b: {"N":"1"} -> {"N":"2"}"#,
                r#"+ attribute c: - -> {"BOOL":true}"#
            ]
        );
        let headers = |old, new| compared(Shape::Document("header"), old, new);
        assert_eq!(
            headers(r#"{"size":1,"user":{"a":"1","b":"2"}}"#, r#"{"size":1,"user":{"a":"1","b":"3"}}"#),
            [r#"M header user.b: "2" -> "3""#]
        );
    }

    #[test]
    fn elements_are_told_apart_by_their_names() {
        let fields = |text: &str, expiry: &str| {
            format!(r#"{{"format_version":1,"fields":[{text}],"expire_at_ms":{expiry}}}"#)
        };
        let old = fields(r#"{"name":"a","value":"1"},{"name":"b","value":"2"}"#, "null");
        let new = fields(r#"{"name":"c","value":"3"},{"name":"b","value":"4"}"#, "7");
        assert_eq!(
            compared(Shape::Document("field"), &old, &new),
            [
                "+ expiry -: - -> 7",
                r#"- field a: "1" -> -"#,
                r#"M field b: "2" -> "4""#,
                r#"+ field c: - -> "3""#
            ]
        );
        let set = |members: &str| format!(r#"{{"members":[{members}]}}"#);
        assert_eq!(
            compared(Shape::Document("member"), &set(r#""a",{"base64":"_w"}"#), &set(r#""a","b""#)),
            ["+ member b: - -> -", r#"- member {"base64":"_w"}: - -> -"#]
        );
        let scored = |score: &str| set(&format!(r#"{{"member":"a","score":{score}}}"#));
        assert_eq!(
            compared(Shape::Document("member"), &scored("1"), &scored("2.5")),
            ["M member a: 1 -> 2.5"]
        );
    }

    #[test]
    fn lists_say_where_they_differ_first() {
        let list = |items: &str| format!(r#"{{"items":[{items}]}}"#);
        assert_eq!(
            compared(Shape::Document("item"), &list(r#""a","b","c""#), &list(r#""a","c""#)),
            ["M items -: 3 -> 2, first difference at 1"]
        );
    }

    #[test]
    fn entries_of_streams_are_compared() {
        let meta = |length| format!(r#"{{"_meta":true,"length":{length},"expire_at_ms":null}}"#);
        let old = format!("{{\"id\":\"1-0\",\"fields\":[1]}}\n{}\n", meta(1));
        let new =
            format!("{{\"id\":\"1-0\",\"fields\":[1]}}\n{{\"id\":\"2-0\",\"fields\":[2]}}\n{}\n", meta(2));
        assert_eq!(compared(Shape::Stream, &old, &new), ["M member length: 1 -> 2", "+ entry 2-0: - -> [2]"]);
    }

    #[test]
    fn what_is_no_document_says_so() {
        let mut documents = Documents::new(&Scratch::default());
        for text in ["", "[]", "{", "{} x", "nonsense"] {
            assert!(
                !documents.read(0, Shape::Document("field"), text.as_bytes()).unwrap().unwrap(),
                "{text}"
            );
        }
        assert!(!documents.read(0, Shape::Stream, &b"{\"a\":1}\n"[..]).unwrap().unwrap());
        assert!(documents.compare(Shape::Stream).unwrap().is_empty());
    }
}
