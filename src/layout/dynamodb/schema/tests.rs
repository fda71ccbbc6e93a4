//! `_schema.json` beside that of a model, and what is refused.

use std::collections::BTreeMap;

use proptest::prelude::*;
use prost::Message;
use serde::Serialize;
use serde_json::json;

use super::*;
use crate::model::dynamodb::Schema;
use crate::model::dynamodb::messages::{self as model, KeySchema, SecondaryIndex, TableSchema};
use crate::model::dynamodb::shape::check_schema;
use crate::tree::json::{self as go, Html};

/// `_schema.json` of a message that is valid but for its name and keys.
fn written(message: &[u8]) -> String {
    check_schema(message).unwrap();
    let mut out = Vec::new();
    write(&mut out, message).unwrap();
    String::from_utf8(out).unwrap()
}

/// The same by way of a tree of values.
fn modelled(schema: &TableSchema) -> String {
    let mut out = Vec::new();
    go::indented(&mut out, &Document::from(schema), Html::Escaped);
    String::from_utf8(out).unwrap()
}

const EVENTS: &str = "004453010a066576656e747312070a02706b120153120b0a06726567696f6e12015312070a02747312014e1a080a\
                      02706b1202747322190a0962792d726567696f6e120c0a080a06726567696f6e120028023803";

#[test]
fn the_worked_example_has_its_bytes() {
    let schema = Schema::parse(b"events", &hex::decode(EVENTS).unwrap()).unwrap();
    let mut out = Vec::new();
    write(&mut out, schema.message()).unwrap();
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
    let document: serde_json::Value = serde_json::from_str(&written(&message.encode_to_vec())).unwrap();
    assert_eq!(document["primary_key"], json!({"hash_key": {"name": "h"}, "range_key": {}}));
    let definitions = json!([{"name": "", "type": "S"}, {"name": "h", "type": ""}]);
    assert_eq!(document["attribute_definitions"], definitions);
}

#[test]
fn a_known_field_of_another_wire_type_is_skipped() {
    // The map of indexes as a varint, the bytes behind it being the generation.
    let body = b"\0DS\x01\x0a\x01t\x1a\x03\x0a\x01h\x20\x02\x38\x01";
    let schema = Schema::parse(b"t", body).unwrap();
    assert_eq!((schema.generation, schema.migrating_from, schema.key_encoding_version), (1, 0, 0));
    assert_eq!(schema.unknown_fields, 1);
    assert!(!written(&body[4..]).contains("global_secondary_indexes"));
    // Every known field in a form that it does not have, in the schema, in entries of maps, in nested messages.
    for (message, unknown) in [
        (&b"\x08\x01\x10\x02\x18\x03\x20\x04\x2a\x01x\x32\x01x\x3a\x01x"[..], 7),
        (b"\x12\x04\x08\x01\x10\x02", 2),
        (b"\x1a\x04\x08\x01\x10\x02", 2),
        (b"\x22\x04\x08\x01\x10\x02", 2),
        (b"\x22\x06\x12\x04\x08\x01\x10\x02", 2),
        (b"\x22\x08\x12\x06\x0a\x04\x08\x01\x10\x02", 2),
        (b"\x22\x08\x12\x06\x12\x04\x08\x01\x10\x02", 2),
    ] {
        let whole = [&b"\0DS\x01\x0a\x01t\x1a\x03\x0a\x01h"[..], message].concat();
        let schema = Schema::parse(b"t", &whole).unwrap();
        assert_eq!((schema.unknown_fields, schema.hash_key()), (unknown, "h"), "{message:?}");
    }
}

fn key() -> impl Strategy<Value = KeySchema> {
    ("[ab]{0,1}", "[ab]{0,1}").prop_map(|(hash_key, range_key)| KeySchema { hash_key, range_key })
}

fn index() -> impl Strategy<Value = SecondaryIndex> {
    let projection = ("( |ALL|INCLUDE)?", proptest::collection::vec("[a-c<]{0,2}", 0..3)).prop_map(
        |(projection_type, non_key_attributes)| model::Projection { projection_type, non_key_attributes },
    );
    (proptest::option::of(key()), proptest::option::of(projection))
        .prop_map(|(key_schema, projection)| SecondaryIndex { key_schema, projection })
}

fn schema() -> impl Strategy<Value = TableSchema> {
    (
        "[a-c]{0,2}",
        proptest::collection::btree_map("[ab]{0,1}", "[SNB]?", 0..3),
        proptest::option::of(key()),
        proptest::collection::btree_map("[a-c]{0,2}", index(), 0..4),
        proptest::array::uniform3(0_u64..3),
    )
        .prop_map(
            |(table_name, attribute_definitions, primary_key, global_secondary_indexes, numbers)| {
                TableSchema {
                    table_name,
                    attribute_definitions,
                    primary_key,
                    global_secondary_indexes,
                    key_encoding_version: numbers[0],
                    migrating_from_generation: numbers[1],
                    generation: numbers[2],
                }
            },
        )
}

proptest! {
    #[test]
    fn two_schemas_in_a_row_are_written_as_their_merged_model(one in schema(), other in schema()) {
        let message = [one.encode_to_vec(), other.encode_to_vec()].concat();
        let merged = TableSchema::decode(&message[..]).unwrap();
        prop_assert_eq!(written(&message), modelled(&merged));
        let numbered = [b"\0DS\x01\x1a\x03\x0a\x01h", &message[..]].concat();
        if let Ok(schema) = Schema::parse(merged.table_name.as_bytes(), &numbered) {
            prop_assert_eq!(schema.generation, merged.generation);
        }
        let path = last_text(&message, &[3, 1]).unwrap().unwrap_or_default();
        prop_assert_eq!(path, merged.primary_key.map_or(String::new(), |key| key.hash_key));
    }

    #[test]
    fn damaged_schemas_are_refused_or_written_as_prost_reads_them(
        schema in schema(), at: prop::sample::Index, byte: u8
    ) {
        let mut message = schema.encode_to_vec();
        prop_assume!(!message.is_empty());
        let at = at.index(message.len());
        message[at] = byte;
        match (check_schema(&message), TableSchema::decode(&message[..])) {
            // `prost` does not look at the wire type of a map, and refuses other known fields of a wrong one.
            (Ok(0), Ok(model)) => prop_assert_eq!(written(&message), modelled(&model)),
            (Ok(0), Err(error)) => prop_assert!(false, "{}", error),
            _ => {}
        }
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
    /// A blank type is served as `ALL` without further attributes (`reading/dynamodb.md#blank-projections`).
    fn new(projection: Option<&'a model::Projection>) -> Self {
        match projection {
            Some(projection) if !projection.projection_type.trim().is_empty() => Projection {
                kind: &projection.projection_type,
                non_key_attributes: &projection.non_key_attributes,
            },
            _ => Projection { kind: "ALL", non_key_attributes: &[] },
        }
    }
}
