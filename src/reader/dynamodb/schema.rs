//! `_schema.json` to the message of a table's schema (`tree/dynamodb.md#json-of-a-schema`).

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::{File, Reader};
use crate::codec::protobuf::{push_bytes, push_message, push_number};
use crate::error::{Error, Result};
use crate::limits;
use crate::model::dynamodb::Schema;

/// Version of ordered keys: a table is restored with them, whatever it had.
const ORDERED: u64 = 2;

#[derive(Deserialize)]
struct Name<'t> {
    format_version: u64,
    #[serde(borrow)]
    table_name: Cow<'t, str>,
}

#[derive(Deserialize)]
struct Document {
    primary_key: Keys,
    #[serde(default)]
    attribute_definitions: Option<Vec<Definition>>,
    #[serde(default)]
    global_secondary_indexes: Option<Vec<Index>>,
}

#[derive(Deserialize)]
struct Keys {
    hash_key: Key,
    #[serde(default)]
    range_key: Key,
}

#[derive(Default, Deserialize)]
struct Key {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Definition {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Index {
    name: String,
    key_schema: Keys,
    #[serde(default)]
    projection: Projection,
}

#[derive(Default, Deserialize)]
struct Projection {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    non_key_attributes: Option<Vec<String>>,
}

/// Returns the name of the table that a file is of.
pub(super) fn name(reader: &mut Reader<'_, '_>, file: &File) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    reader.whole(file, limits::DIFF_SCHEMA, &mut text)?;
    let name: Name<'_> = serde_json::from_slice(&text).map_err(|error| reader.unsound(&file.path, &error))?;
    if name.format_version != 1 {
        return Err(reader.unsound(&file.path, &"format_version is not 1"));
    }
    Ok(name.table_name.as_bytes().to_vec())
}

/// Reads the schema of table `name`.
pub(super) fn read(reader: &mut Reader<'_, '_>, file: &File, name: &[u8], generation: u64) -> Result<Schema> {
    let document: Document = reader.json(file, limits::DIFF_SCHEMA)?;
    let definitions = document.attribute_definitions.unwrap_or_default();
    let indexes = document.global_secondary_indexes.unwrap_or_default();
    for (what, mut names) in [
        ("attribute", definitions.iter().map(|definition| &*definition.name).collect::<Vec<_>>()),
        ("index", indexes.iter().map(|index| &*index.name).collect()),
    ] {
        names.sort_unstable();
        if let Some([twice, _]) = names.windows(2).find(|pair| matches!(pair, [one, other] if one == other)) {
            return Err(reader.unsound(&file.path, &format!("the {what} {twice:?} stands there twice")));
        }
    }
    let mut out = b"\0DS\x01".to_vec();
    push_bytes(&mut out, 1, name);
    for definition in &definitions {
        message(&mut out, 2, |out| {
            push_bytes(out, 1, definition.name.as_bytes());
            push_bytes(out, 2, definition.kind.as_bytes());
        })?;
    }
    message(&mut out, 3, |out| document.primary_key.push(out))?;
    for index in &indexes {
        let mut body = Vec::new();
        message(&mut body, 1, |out| index.key_schema.push(out))?;
        message(&mut body, 2, |out| {
            push_bytes(out, 1, index.projection.kind.as_bytes());
            for name in index.projection.non_key_attributes.iter().flatten() {
                push_bytes(out, 2, name.as_bytes());
            }
        })?;
        message(&mut out, 4, |out| {
            push_bytes(out, 1, index.name.as_bytes());
            push_bytes(out, 2, &body);
        })?;
    }
    push_number(&mut out, 5, ORDERED);
    push_number(&mut out, 7, generation);
    Schema::parse(name, &out).map_err(|error| reader.unsound(&file.path, &error))
}

fn message(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
    push_message(out, number, |out| {
        write(out);
        Ok::<_, Error>(())
    })
}

impl Keys {
    fn push(&self, out: &mut Vec<u8>) {
        push_bytes(out, 1, self.hash_key.name.as_bytes());
        if !self.range_key.name.is_empty() {
            push_bytes(out, 2, self.range_key.name.as_bytes());
        }
    }
}

impl Reader<'_, '_> {
    /// Reads a file as one JSON value.
    pub(in crate::reader) fn json<T: DeserializeOwned>(&mut self, file: &File, most: u64) -> Result<T> {
        let mut text = Vec::new();
        self.whole(file, most, &mut text)?;
        serde_json::from_slice(&text).map_err(|error| self.unsound(&file.path, &error))
    }
}
