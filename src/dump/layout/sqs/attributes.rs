//! Message attributes: names sorted and spelt anew, values as they are stored (`sqs.md` 4.3).
//!
//! In: the checked JSON text of the attribute map. Out: its compact form.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::codec::gojson::read::{Error, Reader};
use crate::codec::gojson::{Html, string};

/// The attributes of a message by name; each value is its JSON text as it is stored.
#[derive(Clone, Debug, Default)]
pub struct Attributes<'a>(BTreeMap<Cow<'a, str>, &'a [u8]>);

impl<'a> Attributes<'a> {
    /// Reads the checked text of the map; of equal names the last counts. Empty text is an empty map.
    #[must_use]
    pub fn read(text: &'a [u8]) -> Self {
        let mut members = BTreeMap::new();
        if !text.is_empty() {
            let read = Reader::new(text).object(|name, reader| {
                members.insert(name, reader.value()?);
                Ok::<_, Error>(())
            });
            debug_assert!(read.is_ok(), "the text was checked when the message was read");
        }
        Self(members)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends the map, sorted by the UTF-8 bytes of the names. Values lose their insignificant white space
    /// and nothing else.
    pub fn push(&self, out: &mut Vec<u8>) {
        let mut separator = b'{';
        for (name, value) in &self.0 {
            out.push(separator);
            string(out, name, Html::Raw);
            out.push(b':');
            push_dense(out, value);
            separator = b',';
        }
        out.push(b'}');
    }
}

/// Appends checked JSON text without the white space between its tokens.
fn push_dense(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(quote) = memchr::memchr(b'"', text) {
        let (plain, rest) = text.split_at_checked(quote).unwrap_or_default();
        push_visible(out, plain);
        let (quoted, rest) = rest.split_at_checked(string_length(rest)).unwrap_or_default();
        out.extend_from_slice(quoted);
        text = rest;
    }
    push_visible(out, text);
}

fn push_visible(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(text.iter().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')));
}

/// Returns the length of the string at the front of checked text, quotes included.
fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(length) = memchr::memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        at += length + 1;
        if text.get(at - 1) == Some(&b'"') {
            return at;
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pushed(text: &[u8]) -> String {
        let mut out = Vec::new();
        Attributes::read(text).push(&mut out);
        String::from_utf8(out).unwrap()
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
    fn no_text_and_an_empty_map_are_no_attributes() {
        assert!(Attributes::read(b"").is_empty());
        assert!(Attributes::read(b" { } ").is_empty());
        assert!(!Attributes::read(b"{\"a\":null}").is_empty());
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
        fn compaction_equals_the_slow_model(value in any_value()) {
            let text = format!("{{\"name\": {value} }}");
            prop_assert_eq!(pushed(text.as_bytes()), model(&text));
        }
    }
}
