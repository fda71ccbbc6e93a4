//! `create-table.json`: the request of `CreateTable` that makes a table as the snapshot's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Longest schema that is looked at, bytes: DynamoDB has 20 indexes and 255 bytes of a name.
pub(super) const SCHEMA: usize = 1 << 20;
/// Most global indexes of a table.
const INDEXES: usize = 20;

/// A table as its `_schema.json` tells it.
#[derive(Debug, Deserialize)]
pub(super) struct Schema {
    pub table_name: String,
    primary_key: Keys,
    attribute_definitions: Vec<Attribute>,
    #[serde(default)]
    global_secondary_indexes: Vec<Index>,
}

#[derive(Debug, Deserialize)]
struct Keys {
    hash_key: Attribute,
    range_key: Attribute,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attribute {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct Index {
    name: String,
    key_schema: Keys,
    projection: Projection,
}

#[derive(Debug, Deserialize)]
struct Projection {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    non_key_attributes: Vec<String>,
}

/// A key attribute.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub name: String,
    /// `S`, `N` or `B`; `None` where the schema does not say.
    pub kind: Option<String>,
    pub is_range: bool,
    /// Of the table itself, not of an index.
    pub is_primary: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    table_name: &'a str,
    attribute_definitions: Vec<Definition<'a>>,
    key_schema: Vec<KeyElement<'a>>,
    billing_mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    global_secondary_indexes: Vec<IndexRequest<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition<'a> {
    attribute_name: &'a str,
    attribute_type: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeyElement<'a> {
    attribute_name: &'a str,
    key_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct IndexRequest<'a> {
    index_name: &'a str,
    key_schema: Vec<KeyElement<'a>>,
    projection: ProjectionRequest<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProjectionRequest<'a> {
    projection_type: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    non_key_attributes: Vec<&'a str>,
}

/// What was left out or altered, and of which attribute or index.
pub(super) type Altered = (&'static str, Option<String>);

impl Schema {
    /// Leaves out the indexes that no request can have; lists the attributes of the keys that are left.
    pub(super) fn keys(&mut self, altered: &mut Vec<Altered>) -> Vec<Key> {
        if !is_name(&self.table_name) {
            altered.push(("a name that no table can have: another is to be put into the files", None));
        }
        let all = std::mem::take(&mut self.global_secondary_indexes);
        for index in all {
            let kind = index.projection.kind.as_str();
            let why = match () {
                () if self.global_secondary_indexes.len() == INDEXES => Some("index left out: more than 20"),
                () if !is_name(&index.name) => Some("index left out: its name"),
                () if index.key_schema.hash_key.name.is_empty() => Some("index left out: no hash key"),
                () if !["ALL", "KEYS_ONLY", "INCLUDE"].contains(&kind) => {
                    Some("index left out: its projection")
                }
                () if (kind == "INCLUDE") == index.projection.non_key_attributes.is_empty() => {
                    Some("index left out: its projection")
                }
                () => None,
            };
            match why {
                Some(why) => altered.push((why, Some(index.name))),
                None => self.global_secondary_indexes.push(index),
            }
        }
        let indexes = self.global_secondary_indexes.iter().map(|index| (&index.key_schema, false));
        let mut keys = Vec::new();
        for (schema, is_primary) in std::iter::once((&self.primary_key, true)).chain(indexes) {
            for (attribute, is_range) in [(&schema.hash_key, false), (&schema.range_key, true)] {
                if !attribute.name.is_empty() {
                    let kind =
                        Some(attribute.kind.clone()).filter(|kind| ["S", "N", "B"].contains(&kind.as_str()));
                    keys.push(Key { name: attribute.name.clone(), kind, is_range, is_primary });
                }
            }
        }
        for attribute in &self.attribute_definitions {
            if keys.iter().all(|key| key.name != attribute.name) {
                let what = "attribute definition left out: no key uses it";
                altered.push((what, Some(attribute.name.clone())));
            }
        }
        keys
    }

    /// Returns the request; key attributes whose type nothing tells are texts.
    pub(super) fn request(&self, keys: &[Key], altered: &mut Vec<Altered>) -> Vec<u8> {
        let mut kinds: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for key in keys {
            let kind = kinds.entry(&key.name).or_default();
            *kind = kind.or(key.kind.as_deref());
        }
        for (name, _) in kinds.iter().filter(|(_, kind)| kind.is_none()) {
            altered.push(("type S given: nothing tells the type of the key", Some((*name).to_owned())));
        }
        let indexes = self.global_secondary_indexes.iter().map(|index| IndexRequest {
            index_name: &index.name,
            key_schema: elements(&index.key_schema),
            projection: ProjectionRequest {
                projection_type: &index.projection.kind,
                non_key_attributes: index.projection.non_key_attributes.iter().map(String::as_str).collect(),
            },
        });
        let request = Request {
            table_name: &self.table_name,
            attribute_definitions: kinds
                .iter()
                .map(|(name, kind)| Definition { attribute_name: name, attribute_type: kind.unwrap_or("S") })
                .collect(),
            key_schema: elements(&self.primary_key),
            billing_mode: "PAY_PER_REQUEST",
            global_secondary_indexes: indexes.collect(),
        };
        let mut text = Vec::new();
        crate::tree::json::indented(&mut text, &request, crate::tree::json::Html::Raw);
        text.push(b'\n');
        text
    }
}

fn elements(keys: &Keys) -> Vec<KeyElement<'_>> {
    [(&keys.hash_key, "HASH"), (&keys.range_key, "RANGE")]
        .into_iter()
        .filter(|(attribute, _)| !attribute.name.is_empty())
        .map(|(attribute, key_type)| KeyElement { attribute_name: &attribute.name, key_type })
        .collect()
}

/// Whether a table or an index can have this name.
fn is_name(name: &str) -> bool {
    (3..=255).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}
