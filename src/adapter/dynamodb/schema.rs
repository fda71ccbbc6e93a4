//! Table schemas: the body of a `!ddb|meta|table|` row to `_schema.json` (`dynamodb.md` 2, 3.2, 4.4).

use std::collections::BTreeMap;

use prost::Message;
use serde::Serialize;

use super::generation::Generations;
use super::message::{KeySchema, TableSchema};
use crate::dump::json::{self, Html};

/// Head of every schema body.
const MAGIC: &[u8] = b"\0DS\x01";

/// Why a table cannot be dumped: class `ddb_invalid_schema`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum InvalidSchema {
    /// The body does not begin with the magic.
    #[error("body lacks the schema magic 00445301")]
    Magic,
    /// The rest of the body is no `TableSchema`.
    #[error("{0}")]
    Message(#[from] prost::DecodeError),
    /// The name in the value is not that of the key (10, L12).
    #[error("the schema is that of table {0:?}")]
    Name(String),
    /// No hash attribute is named: no item could have a place.
    #[error("the schema names no hash attribute")]
    NoHashKey,
}

/// A decoded schema.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    message: TableSchema,
    /// Fields that were skipped since `dynamodb.md` 2.1 does not know them.
    pub unknown_fields: u64,
}

impl Schema {
    /// Decodes the body of the schema row of table `name`.
    pub fn parse(name: &[u8], body: &[u8]) -> Result<Self, InvalidSchema> {
        let bytes = body.strip_prefix(MAGIC).ok_or(InvalidSchema::Magic)?;
        let message = TableSchema::decode(bytes)?;
        if message.table_name.as_bytes() != name {
            return Err(InvalidSchema::Name(message.table_name));
        }
        let schema = Self { message, unknown_fields: TableSchema::unknown_fields(bytes) };
        if schema.hash_key().is_empty() { Err(InvalidSchema::NoHashKey) } else { Ok(schema) }
    }

    /// Returns the name of the hash attribute; never empty.
    pub fn hash_key(&self) -> &str {
        self.message.primary_key.as_ref().map_or("", |key| &key.hash_key)
    }

    /// Returns the name of the range attribute, if the table has one.
    pub fn range_key(&self) -> Option<&str> {
        let name = &self.message.primary_key.as_ref()?.range_key;
        (!name.is_empty()).then_some(name)
    }

    /// Returns which generations are live.
    pub fn generations(&self) -> Generations {
        Generations::new(
            self.message.generation,
            self.message.migrating_from_generation,
            self.message.key_encoding_version,
        )
    }

    /// Appends `_schema.json`.
    pub fn write(&self, out: &mut Vec<u8>) {
        json::indented(out, &Document::from(&self.message), Html::Escaped);
    }
}

#[derive(Serialize)]
struct Document<'a> {
    format_version: u32,
    table_name: &'a str,
    primary_key: KeyPair<'a>,
    attribute_definitions: Vec<Definition<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    global_secondary_indexes: Vec<Index<'a>>,
}

#[derive(Serialize)]
struct KeyPair<'a> {
    hash_key: Key<'a>,
    range_key: Key<'a>,
}

#[derive(Serialize)]
struct Key<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    kind: &'a str,
}

#[derive(Serialize)]
struct Definition<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Serialize)]
struct Index<'a> {
    name: &'a str,
    key_schema: KeyPair<'a>,
    projection: Projection<'a>,
}

#[derive(Serialize)]
struct Projection<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    non_key_attributes: &'a [String],
}

impl<'a> From<&'a TableSchema> for Document<'a> {
    fn from(schema: &'a TableSchema) -> Self {
        let types = &schema.attribute_definitions;
        Document {
            format_version: 1,
            table_name: &schema.table_name,
            primary_key: KeyPair::new(schema.primary_key.as_ref(), types),
            attribute_definitions: types.iter().map(|(name, kind)| Definition { name, kind }).collect(),
            global_secondary_indexes: schema
                .global_secondary_indexes
                .iter()
                .map(|(name, index)| Index {
                    name,
                    key_schema: KeyPair::new(index.key_schema.as_ref(), types),
                    projection: Projection::new(index.projection.as_ref()),
                })
                .collect(),
        }
    }
}

impl<'a> KeyPair<'a> {
    fn new(key: Option<&'a KeySchema>, types: &'a BTreeMap<String, String>) -> Self {
        let kind = |name: &str| types.get(name).filter(|_| !name.is_empty()).map_or("", |kind| kind);
        let part = |name: &'a str| Key { name, kind: kind(name) };
        KeyPair {
            hash_key: part(key.map_or("", |key| &key.hash_key)),
            range_key: part(key.map_or("", |key| &key.range_key)),
        }
    }
}

impl<'a> Projection<'a> {
    /// A blank type is served as `ALL` without further attributes (3.2).
    fn new(projection: Option<&'a super::message::Projection>) -> Self {
        match projection {
            Some(projection) if !projection.projection_type.trim().is_empty() => Projection {
                kind: &projection.projection_type,
                non_key_attributes: &projection.non_key_attributes,
            },
            _ => Projection { kind: "ALL", non_key_attributes: &[] },
        }
    }
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
        assert_eq!(schema.generations(), Generations::new(3, 0, 2));
        assert_eq!(schema.unknown_fields, 0);
    }

    #[test]
    fn the_worked_example_has_its_bytes() {
        let schema = Schema::parse(b"events", &hex::decode(EVENTS).unwrap()).unwrap();
        let mut out = Vec::new();
        schema.write(&mut out);
        assert_eq!(out.len(), 657);
        assert!(String::from_utf8(out).unwrap().contains(r#""type": "ALL""#));
    }

    #[test]
    fn a_key_pair_has_neither_empty_names_nor_empty_types() {
        let message = TableSchema {
            attribute_definitions: BTreeMap::from([("h".into(), String::new()), (String::new(), "S".into())]),
            primary_key: Some(KeySchema { hash_key: "h".into(), range_key: String::new() }),
            ..TableSchema::default()
        };
        let document = serde_json::to_value(Document::from(&message)).unwrap();
        assert_eq!(document["primary_key"], serde_json::json!({"hash_key": {"name": "h"}, "range_key": {}}));
        let definitions = serde_json::json!([{"name": "", "type": "S"}, {"name": "h", "type": ""}]);
        assert_eq!(document["attribute_definitions"], definitions);
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
