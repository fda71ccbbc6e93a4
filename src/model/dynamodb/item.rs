//! Attributes of an item: the body of a `!ddb|item|` row (`format/dynamodb.md#values`).
//!
//! In: a body. Out: [`Attributes`] that borrow from it.

use super::check;
use super::key::KeyValues;
use super::schema::Schema;
use super::value::{Collection, Value, last_bytes};
use crate::codec::protobuf::Malformed;
use crate::limits;

/// Head of every item body.
pub(super) const MAGIC: &[u8] = b"\0DI\x01";

/// Why an item cannot be decoded or has no place in the tree: class `ddb_invalid_item`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidItem {
    /// The body does not begin with the magic.
    #[error("body lacks the item magic 00444901")]
    Magic,
    /// The rest of the body is no `Item`.
    #[error(transparent)]
    Message(#[from] Malformed),
    /// An attribute value has a field outside of `format/dynamodb.md#messages`.
    #[error("attribute value has the unknown member {0}")]
    UnknownMember(u32),
    /// The JSON would be far larger than anything that a server takes.
    #[error("its JSON would have some {0} bytes beside the texts, over the limit of {limit}", limit = limits::ITEM_FRAME)]
    TooLarge(u64),
    /// The file's name would be a fraction whose lowest terms take too long to find.
    #[error("the number of the {0} attribute is a fraction of more than {limit} digits", limit = limits::FRACTION_DIGITS)]
    LongFraction(&'static str),
    /// The hash or range attribute is missing.
    #[error("the item lacks its {0} attribute")]
    NoKey(&'static str),
    /// The hash or range attribute is not S, N or B.
    #[error("the {0} attribute is not of type S, N or B")]
    KeyType(&'static str),
}

/// The attributes of an item, which were found valid.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Attributes<'a> {
    /// The `Item` message.
    pub message: &'a [u8],
    /// Fields that were skipped since `format/dynamodb.md#messages` does not know them, or not with their wire type.
    pub unknown_fields: u64,
}

impl<'a> Attributes<'a> {
    /// Checks a body.
    pub fn parse(body: &'a [u8]) -> Result<Self, InvalidItem> {
        Ok(Self::find(body, [])?.0)
    }

    /// Checks a body, and finds the key attributes that the schema names on the way.
    pub fn parse_keyed(body: &'a [u8], schema: &Schema) -> Result<(Self, KeyValues<'a>), InvalidItem> {
        let range = schema.range_key();
        let (item, found) = Self::find(body, [schema.hash_key(), range.unwrap_or_default()])?;
        Ok((item, KeyValues::of(found, range.is_some())?))
    }

    /// Returns the value of an attribute.
    pub(crate) fn value(&self, name: &str) -> Result<Option<Value<'a>>, InvalidItem> {
        let mut found = None;
        for entry in Collection::from(self.message).elements() {
            let entry = entry?;
            if last_bytes(entry, 1)? == name.as_bytes() {
                found = Some(entry);
            }
        }
        Ok(found.map(Value::of_entry).transpose()?)
    }

    /// Checks a body; returns the entries of the attributes of these names too.
    fn find<const N: usize>(
        body: &'a [u8],
        names: [&str; N],
    ) -> Result<(Self, check::Entries<'a, N>), InvalidItem> {
        let message = body.strip_prefix(MAGIC).ok_or(InvalidItem::Magic)?;
        let (checked, found) = check::item(message, names)?;
        if checked.frame > limits::ITEM_FRAME {
            return Err(InvalidItem::TooLarge(checked.frame));
        }
        Ok((Self { message, unknown_fields: checked.unknown_fields }, found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_begins_with_the_magic() {
        for body in [&b""[..], b"\0", b"\0DI", b"\0DS\x01", b"DI\x01\0", b"garbage"] {
            assert_eq!(Attributes::parse(body), Err(InvalidItem::Magic));
        }
        assert_eq!(Attributes::parse(MAGIC), Ok(Attributes::default()));
    }

    #[test]
    fn the_worked_example_reads_as_its_attributes() {
        let body = "004449010a0d0a05636f756e741204120234320a0b0a05666c616773120220010a1b0a0a73657373696f6e5f69641\
                    20d0a0b736573732d616263313233";
        let body = hex::decode(body).unwrap();
        let (item, found) = Attributes::find(&body, ["flags", "session_id", "other"]).unwrap();
        let [flags, session_id, other] =
            found.map(|entry| entry.map(|entry| Value::of_entry(entry).unwrap()));
        assert!(matches!(flags, Some(Value::Bool(true))));
        assert!(matches!(session_id, Some(Value::S("sess-abc123"))));
        assert!(other.is_none());
        assert_eq!(item.unknown_fields, 0);
    }

    #[test]
    fn every_truncation_of_a_message_is_an_error_or_another_item() {
        let body = b"\0DI\x01\x0a\x09\x0a\x02id\x12\x03\x0a\x01x";
        for end in MAGIC.len() + 1..body.len() {
            assert_eq!(
                Attributes::parse(&body[..end]),
                Err(InvalidItem::Message(Malformed::Truncated)),
                "{end}"
            );
        }
    }

    #[test]
    fn of_equal_names_the_last_value_is_found() {
        let body = b"\0DI\x01\x0a\x08\x0a\x01k\x12\x03\x0a\x01x\x0a\x08\x0a\x01k\x12\x03\x12\x017\x0a\x05\x12\x03\x0a\x01e";
        let (_, [Some(k), Some(unnamed)]) = Attributes::find(body, ["k", ""]).unwrap() else {
            panic!("no key")
        };
        assert!(matches!(Value::of_entry(k), Ok(Value::N("7"))));
        assert!(matches!(Value::of_entry(unnamed), Ok(Value::S("e"))));
    }

    fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        prost::encoding::encode_varint(bytes.len() as u64, &mut out);
        [&out, bytes].concat()
    }

    #[test]
    fn an_item_whose_json_would_be_beyond_all_bounds_is_refused() {
        // 49 lists in each other, the innermost with elements that take 2 bytes, and over 600 of JSON each.
        let nested = |elements: usize| {
            let mut value = field(0x4a, &b"\x0a\x00".repeat(elements));
            for _ in 1..49 {
                value = field(0x4a, &field(0x0a, &value));
            }
            [MAGIC, &field(0x0a, &field(0x12, &value))].concat()
        };
        assert!(Attributes::parse(&nested(1000)).is_ok());
        assert!(
            matches!(Attributes::parse(&nested(3_500_000)), Err(InvalidItem::TooLarge(size)) if size > 2 << 30)
        );
    }
}
