//! Items to the bodies of their rows (`format/dynamodb.md#messages`, `tree/dynamodb.md#json-of-an-item`): attributes are written as they are read.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::codec::protobuf::{push_bytes, push_message, push_number};

/// Puts the body of the row of an item in place of what `out` holds.
pub(super) fn body(text: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    out.clear();
    out.extend_from_slice(b"\0DI\x01");
    let mut reader = serde_json::Deserializer::from_slice(text);
    Map(out).deserialize(&mut reader)?;
    reader.end()
}

/// A map of attributes: field 1, an entry each.
struct Map<'o>(&'o mut Vec<u8>);

/// A value: the object of its one member.
struct Value<'o>(&'o mut Vec<u8>);

/// The elements of a list or a set, field 1 each.
struct Elements<'o>(&'o mut Vec<u8>, Element);

#[derive(Clone, Copy)]
enum Element {
    Text,
    Bytes,
    Value,
}

impl<'de> DeserializeSeed<'de> for Map<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Map<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            push_message(self.0, 1, |out| {
                push_bytes(out, 1, name.as_bytes());
                push_message(out, 2, |out| map.next_value_seed(Value(out)))
            })?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one type and its value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(out) = self;
        let one = || A::Error::custom("expected one type and its value");
        let kind: Cow<'de, str> = map.next_key()?.ok_or_else(one)?;
        match &*kind {
            "S" => push_bytes(out, 1, map.next_value::<Cow<'de, str>>()?.as_bytes()),
            "N" => push_bytes(out, 2, map.next_value::<Cow<'de, str>>()?.as_bytes()),
            "B" => push_bytes(out, 3, &bytes(&map.next_value::<Cow<'de, str>>()?)?),
            "BOOL" => push_number(out, 4, map.next_value::<bool>()?.into()),
            "NULL" => push_number(out, 5, map.next_value::<bool>()?.into()),
            "SS" => push_message(out, 6, |out| map.next_value_seed(Elements(out, Element::Text)))?,
            "NS" => push_message(out, 7, |out| map.next_value_seed(Elements(out, Element::Text)))?,
            "BS" => push_message(out, 8, |out| map.next_value_seed(Elements(out, Element::Bytes)))?,
            "L" => push_message(out, 9, |out| map.next_value_seed(Elements(out, Element::Value)))?,
            "M" => push_message(out, 10, |out| map.next_value_seed(Map(out)))?,
            other => return Err(A::Error::custom(format!("no attribute has the type {other:?}"))),
        }
        if map.next_key::<Cow<'de, str>>()?.is_some() { Err(one()) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self(out, kind) = self;
        match kind {
            Element::Text => {
                while let Some(text) = elements.next_element::<Cow<'de, str>>()? {
                    push_bytes(out, 1, text.as_bytes());
                }
            }
            Element::Bytes => {
                while let Some(text) = elements.next_element::<Cow<'de, str>>()? {
                    push_bytes(out, 1, &bytes(&text)?);
                }
            }
            Element::Value => loop {
                let mut more = false;
                let start = out.len();
                push_message(out, 1, |out| {
                    more = elements.next_element_seed(Value(out))?.is_some();
                    Ok(())
                })?;
                if !more {
                    out.truncate(start);
                    break;
                }
            },
        }
        Ok(())
    }
}

fn bytes<E: Error>(text: &str) -> Result<Vec<u8>, E> {
    STANDARD.decode(text).map_err(|_| E::custom("not base64 with padding"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_all_types_are_written_as_the_document_says() {
        let text = br#"{"s":{"S":"x"},"n":{"N":"1.0"},"b":{"B":"AP8="},"t":{"BOOL":true},"f":{"BOOL":false},"z":{"NULL":true},
            "ss":{"SS":["a","b"]},"ns":{"NS":[]},"bs":{"BS":["AQ=="]},"l":{"L":[{"S":"y"},{"L":[]}]},"m":{"M":{"k":{"N":"2"}}}}"#;
        let mut out = b"stale".to_vec();
        body(text, &mut out).unwrap();
        let item = crate::model::dynamodb::Attributes::parse(&out).unwrap();
        let mut text_again = Vec::new();
        crate::layout::dynamodb::item_text(&item, &mut text_again).unwrap();
        let again: serde_json::Value = serde_json::from_slice(&text_again).unwrap();
        assert_eq!(again, serde_json::from_slice::<serde_json::Value>(text).unwrap());
    }

    #[test]
    fn what_is_no_item_is_refused() {
        for text in [
            "",
            "[]",
            "{",
            r#"{"a":1}"#,
            r#"{"a":{}}"#,
            r#"{"a":{"S":"x","N":"1"}}"#,
            r#"{"a":{"S":1}}"#,
            r#"{"a":{"N":1}}"#,
            r#"{"a":{"X":"x"}}"#,
            r#"{"a":{"B":"AP8"}}"#,
            r#"{"a":{"L":[1]}}"#,
            "{} x",
            r#"{"a":{"NULL":null}}"#,
            r#"{"a":{"SS":null}}"#,
        ] {
            assert!(body(text.as_bytes(), &mut Vec::new()).is_err(), "{text}");
        }
    }
}
