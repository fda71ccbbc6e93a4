//! The protobuf messages of DynamoDB as `prost` reads them (`format/dynamodb.md#messages`): what this adapter, which reads the wire
//! itself, is held against in tests.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::{Message, Oneof};
use serde_json::{Value as Json, json};

/// Attribute names of a primary or index key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct KeySchema {
    /// Hash attribute.
    #[prost(string, tag = "1")]
    pub hash_key: String,
    /// Range attribute; empty for hash-only.
    #[prost(string, tag = "2")]
    pub range_key: String,
}

/// What an index holds of an item.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Projection {
    /// `ALL`, `KEYS_ONLY`, `INCLUDE`; blank is served as `ALL`.
    #[prost(string, tag = "1")]
    pub projection_type: String,
    /// Further attributes of `INCLUDE`.
    #[prost(string, repeated, tag = "2")]
    pub non_key_attributes: Vec<String>,
}

/// A global secondary index.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SecondaryIndex {
    /// Key.
    #[prost(message, optional, tag = "1")]
    pub key_schema: Option<KeySchema>,
    /// Projection.
    #[prost(message, optional, tag = "2")]
    pub projection: Option<Projection>,
}

/// Body of a `!ddb|meta|table|` row, behind its magic.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TableSchema {
    /// Name of the table.
    #[prost(string, tag = "1")]
    pub table_name: String,
    /// Attribute name to `S`, `N` or `B`.
    #[prost(btree_map = "string, string", tag = "2")]
    pub attribute_definitions: BTreeMap<String, String>,
    /// Primary key.
    #[prost(message, optional, tag = "3")]
    pub primary_key: Option<KeySchema>,
    /// Indexes by name.
    #[prost(btree_map = "string, message", tag = "4")]
    pub global_secondary_indexes: BTreeMap<String, SecondaryIndex>,
    /// 0 and 1 legacy, from 2 ordered.
    #[prost(uint64, tag = "5")]
    pub key_encoding_version: u64,
    /// 0 is no migration.
    #[prost(uint64, tag = "6")]
    pub migrating_from_generation: u64,
    /// Live generation.
    #[prost(uint64, tag = "7")]
    pub generation: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StringSet {
    #[prost(string, repeated, tag = "1")]
    pub values: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NumberSet {
    #[prost(string, repeated, tag = "1")]
    pub values: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BinarySet {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub values: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueList {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<AttributeValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueMap {
    #[prost(btree_map = "string, message", tag = "1")]
    pub values: BTreeMap<String, AttributeValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributeValue {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub value: Option<Value>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Value {
    #[prost(string, tag = "1")]
    S(String),
    #[prost(string, tag = "2")]
    N(String),
    #[prost(bytes, tag = "3")]
    B(Vec<u8>),
    #[prost(bool, tag = "4")]
    Bool(bool),
    #[prost(bool, tag = "5")]
    Null(bool),
    #[prost(message, tag = "6")]
    Ss(StringSet),
    #[prost(message, tag = "7")]
    Ns(NumberSet),
    #[prost(message, tag = "8")]
    Bs(BinarySet),
    #[prost(message, tag = "9")]
    L(ValueList),
    #[prost(message, tag = "10")]
    M(ValueMap),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Item {
    #[prost(btree_map = "string, message", tag = "1")]
    pub attributes: BTreeMap<String, AttributeValue>,
}

/// The item as the JSON of `tree/dynamodb.md#json-of-an-item`.
pub(crate) fn to_json(item: &Item) -> Json {
    object(&item.attributes)
}

fn object(values: &BTreeMap<String, AttributeValue>) -> Json {
    values.iter().map(|(name, value)| (name.clone(), value_to_json(value))).collect()
}

/// Reads that JSON back.
pub(crate) fn from_json(item: &Json) -> Item {
    Item { attributes: members(item) }
}

fn members(object: &Json) -> BTreeMap<String, AttributeValue> {
    let object = object.as_object().unwrap();
    object.iter().map(|(name, value)| (name.clone(), value_from_json(value))).collect()
}

fn value_from_json(value: &Json) -> AttributeValue {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let bytes = |value: &Json| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let array = |value: &Json| value.as_array().unwrap().clone();
    let texts = |value| array(value).iter().map(text).collect();
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let value = match kind.as_str() {
        "S" => Value::S(text(value)),
        "N" => Value::N(text(value)),
        "B" => Value::B(bytes(value)),
        "BOOL" => Value::Bool(value.as_bool().unwrap()),
        "NULL" => Value::Null(value.as_bool().unwrap()),
        "SS" => Value::Ss(StringSet { values: texts(value) }),
        "NS" => Value::Ns(NumberSet { values: texts(value) }),
        "BS" => Value::Bs(BinarySet { values: array(value).iter().map(bytes).collect() }),
        "L" => Value::L(ValueList { values: array(value).iter().map(value_from_json).collect() }),
        "M" => Value::M(ValueMap { values: members(value) }),
        kind => panic!("no type: {kind}"),
    };
    AttributeValue { value: Some(value) }
}

fn value_to_json(value: &AttributeValue) -> Json {
    let base64 = |bytes: &Vec<u8>| STANDARD.encode(bytes);
    match &value.value {
        None => json!({"NULL": true}),
        Some(Value::S(text)) => json!({"S": text}),
        Some(Value::N(text)) => json!({"N": text}),
        Some(Value::B(bytes)) => json!({"B": base64(bytes)}),
        Some(Value::Bool(value)) => json!({"BOOL": value}),
        Some(Value::Null(value)) => json!({"NULL": value}),
        Some(Value::Ss(set)) => json!({"SS": set.values}),
        Some(Value::Ns(set)) => json!({"NS": set.values}),
        Some(Value::Bs(set)) => json!({"BS": set.values.iter().map(base64).collect::<Vec<_>>()}),
        Some(Value::L(list)) => json!({"L": list.values.iter().map(value_to_json).collect::<Vec<_>>()}),
        Some(Value::M(map)) => json!({"M": object(&map.values)}),
    }
}
