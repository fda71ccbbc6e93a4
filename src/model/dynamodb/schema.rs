//! Table schemas: the body of a `!ddb|meta|table|` row (`format/dynamodb.md#values`, `reading/dynamodb.md#blank-projections`).
//!
//! A schema can be as long as any value: what is kept of it is its bytes, which are read where they stand.

use super::shape::check_schema;
use super::value::last_text;
use crate::codec::protobuf::{Fields, Malformed, Value};
use crate::excerpt;

/// Head of every schema body.
pub(super) const MAGIC: &[u8] = b"\0DS\x01";

/// Why a table cannot be dumped: class `ddb_invalid_schema`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidSchema {
    /// The body does not begin with the magic.
    #[error("body lacks the schema magic 00445301")]
    Magic,
    /// The rest of the body is no `TableSchema`.
    #[error(transparent)]
    Message(#[from] Malformed),
    /// The name in the value is not that of the key (`compat.md#name-of-the-table-in-the-schema`).
    #[error("the schema is that of table {0:?}")]
    Name(String),
    /// No hash attribute is named: no item could have a place.
    #[error("the schema names no hash attribute")]
    NoHashKey,
}

/// A schema that was found valid.
#[derive(Clone, Debug)]
pub struct Schema {
    message: Vec<u8>,
    hash_key: String,
    range_key: String,
    /// Field `generation`: the active one.
    pub generation: u64,
    /// Field `migrating_from_generation`; 0 without a migration.
    pub migrating_from: u64,
    /// Field `key_encoding_version`.
    pub key_encoding_version: u64,
    /// Fields that were skipped since `format/dynamodb.md#messages` does not know them, or not with their wire type.
    pub unknown_fields: u64,
}

impl Schema {
    /// Decodes the body of the schema row of table `name`.
    pub fn parse(name: &[u8], body: &[u8]) -> Result<Self, InvalidSchema> {
        let message = body.strip_prefix(MAGIC).ok_or(InvalidSchema::Magic)?;
        let unknown_fields = check_schema(message)?;
        let own_name = last_text(message, &[1])?.unwrap_or_default();
        if own_name.as_bytes() != name {
            return Err(InvalidSchema::Name(excerpt::name(own_name.as_bytes())));
        }
        let key = |part| last_text(message, &[3, part]).map(|name| name.unwrap_or_default().to_owned());
        let (hash_key, range_key) = (key(1)?, key(2)?);
        if hash_key.is_empty() {
            return Err(InvalidSchema::NoHashKey);
        }
        let number = |number| last_number(message, number);
        let (key_encoding_version, migrating_from, generation) = (number(5)?, number(6)?, number(7)?);
        let message = message.to_vec();
        Ok(Self {
            message,
            hash_key,
            range_key,
            generation,
            migrating_from,
            key_encoding_version,
            unknown_fields,
        })
    }

    /// Returns the name of the hash attribute; never empty.
    #[must_use]
    pub fn hash_key(&self) -> &str {
        &self.hash_key
    }

    /// Returns the name of the range attribute, if the table has one.
    #[must_use]
    pub fn range_key(&self) -> Option<&str> {
        (!self.range_key.is_empty()).then_some(&self.range_key)
    }

    /// Returns the `TableSchema` message.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }
}

/// Returns the value of a number: of several the last, 0 where there is none.
fn last_number(message: &[u8], number: u32) -> Result<u64, Malformed> {
    let mut last = 0;
    for field in Fields::new(message) {
        if let (found, Value::Varint(value)) = field?
            && found == number
        {
            last = value;
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &str = "004453010a066576656e747312070a02706b120153120b0a06726567696f6e12015312070a02747312014e1a080a\
                          02706b1202747322190a0962792d726567696f6e120c0a080a06726567696f6e120028023803";

    #[test]
    fn a_schema_names_its_keys_and_generations() {
        let schema = Schema::parse(b"events", &hex::decode(EVENTS).unwrap()).unwrap();
        assert_eq!((schema.hash_key(), schema.range_key()), ("pk", Some("ts")));
        assert_eq!((schema.generation, schema.migrating_from, schema.key_encoding_version), (3, 0, 2));
        assert_eq!(schema.unknown_fields, 0);
    }

    #[test]
    fn invalid_schemas_say_why() {
        let body = hex::decode(EVENTS).unwrap();
        assert_eq!(Schema::parse(b"events", &body[..3]).unwrap_err(), InvalidSchema::Magic);
        assert_eq!(Schema::parse(b"events", b"").unwrap_err(), InvalidSchema::Magic);
        assert_eq!(Schema::parse(b"event", &body).unwrap_err(), InvalidSchema::Name("events".into()));
        assert_eq!(Schema::parse(b"t", MAGIC).unwrap_err(), InvalidSchema::Name(String::new()));
        assert_eq!(Schema::parse(b"t", b"\0DS\x01\x0a\x01t").unwrap_err(), InvalidSchema::NoHashKey);
        assert!(matches!(Schema::parse(b"events", &body[..11]), Err(InvalidSchema::Message(_))));
        assert!(matches!(Schema::parse(b"t", b"\0DS\x01\x0a\x01\xff"), Err(InvalidSchema::Message(_))));
    }

    #[test]
    fn unknown_fields_are_counted_at_every_level() {
        let name = b"\x0a\x01t";
        let key = b"\x1a\x05\x0a\x01h\x18\x01";
        let index = b"\x22\x0a\x0a\x01i\x12\x05\x12\x03\x1a\x01x";
        let body = [MAGIC, name, key, index, b"\x9a\x06\0"].concat();
        let schema = Schema::parse(b"t", &body).unwrap();
        assert_eq!(schema.unknown_fields, 3);
    }
}
