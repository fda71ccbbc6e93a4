//! Items: the body of a `!ddb|item|` row to its attributes (`dynamodb.md` 2).
//!
//! In: a body. Out: an [`Item`] that borrows from it.

use super::attribute::Members;
use super::parser::Parser;
use super::wire::Malformed;

/// Head of every item body.
const MAGIC: &[u8] = b"\0DI\x01";

/// Why an item cannot be decoded or has no place in the tree: class `ddb_invalid_item`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidItem {
    /// The body does not begin with the magic.
    #[error("body lacks the item magic 00444901")]
    Magic,
    /// The rest of the body is no `Item`.
    #[error(transparent)]
    Message(#[from] Malformed),
    /// The hash or range attribute is missing.
    #[error("the item lacks its {0} attribute")]
    NoKey(&'static str),
    /// The hash or range attribute is not S, N or B.
    #[error("the {0} attribute is not of type S, N or B")]
    KeyType(&'static str),
}

/// A decoded item.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Item<'a> {
    /// Attributes.
    pub attributes: Members<'a>,
    /// Fields that were skipped since `dynamodb.md` 2.1 does not know them.
    pub unknown_fields: u64,
}

impl<'a> Item<'a> {
    /// Decodes a body.
    pub fn parse(body: &'a [u8]) -> Result<Self, InvalidItem> {
        let message = body.strip_prefix(MAGIC).ok_or(InvalidItem::Magic)?;
        let mut parser = Parser::default();
        let attributes = parser.item(message)?;
        Ok(Self { attributes, unknown_fields: parser.unknown_fields })
    }
}

#[cfg(test)]
mod tests {
    use super::super::attribute::Attribute;
    use super::*;

    #[test]
    fn a_body_begins_with_the_magic() {
        for body in [&b""[..], b"\0", b"\0DI", b"\0DS\x01", b"DI\x01\0", b"garbage"] {
            assert_eq!(Item::parse(body), Err(InvalidItem::Magic));
        }
        assert_eq!(Item::parse(MAGIC), Ok(Item::default()));
    }

    #[test]
    fn the_worked_example_reads_as_its_attributes() {
        let body = "004449010a0d0a05636f756e741204120234320a0b0a05666c616773120220010a1b0a0a73657373696f6e5f69641\
                    20d0a0b736573732d616263313233";
        let body = hex::decode(body).unwrap();
        let item = Item::parse(&body).unwrap();
        let names: Vec<_> = item.attributes.0.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["count", "flags", "session_id"]);
        assert_eq!(item.attributes.find("flags"), Some(&Attribute::Bool(true)));
        assert_eq!(item.unknown_fields, 0);
    }

    #[test]
    fn every_truncation_of_a_message_is_an_error_or_another_item() {
        let body = b"\0DI\x01\x0a\x09\x0a\x02id\x12\x03\x0a\x01x";
        for end in MAGIC.len() + 1..body.len() {
            assert_eq!(Item::parse(&body[..end]), Err(InvalidItem::Message(Malformed::Truncated)), "{end}");
        }
    }
}
