//! Lines of a dump's files as the objects that they are of.
//!
//! In: a line, and what its file is of. Out: the object, as far as the line tells; the members that tell it from others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::file::{self, Lines, Originals};
use crate::codec::gojson::read::Binary;
use crate::limits;
use crate::model::Summary;
use crate::model::dynamodb::KeyValue;
use crate::time::UnixMs;

/// Members of a line.
pub type Members<'l> = BTreeMap<Cow<'l, str>, &'l RawValue>;

/// What the lines of a file are of.
#[derive(Clone, Debug)]
pub struct LineNames {
    /// What they are.
    pub kind: Lines,
    /// The table, bucket, queue or service that the objects are in.
    pub scope: Summary<'static>,
    /// The attributes that are the key of an item.
    pub keys: Vec<String>,
}

impl LineNames {
    /// Returns what tells a line from others; one that cannot be read is told by itself.
    #[must_use]
    pub fn identity(&self, line: &[u8]) -> Vec<u8> {
        let members = parse(line);
        let mut identity = Vec::new();
        for name in self.identifying() {
            match members.get(name) {
                Some(value) => identity.extend_from_slice(value.get().as_bytes()),
                None => return line.to_vec(),
            }
            identity.push(0);
        }
        identity
    }

    /// Lists the members that tell lines apart.
    fn identifying(&self) -> Vec<&str> {
        match self.kind {
            Lines::Items if self.keys.is_empty() => vec!["\0"],
            Lines::Items => self.keys.iter().map(String::as_str).collect(),
            Lines::Messages => vec!["message_id"],
            Lines::SideRecords => vec!["prefix", "key_hex"],
            Lines::Queues => vec!["encoded"],
            Lines::Buckets => vec!["bucket"],
            Lines::Multipart => vec!["bucket", "key"],
            Lines::Uploads => vec!["prefix", "key"],
            Lines::Inodes => vec!["path"],
            Lines::Expiries | Lines::Keys(_) | Lines::Values | Lines::Headers => vec!["key"],
        }
    }

    /// Returns the object of a line; `None` where the line does not tell it.
    pub fn object(&self, line: &[u8], originals: Originals<'_>) -> Option<Summary<'static>> {
        let members = parse(line);
        let text = |name: &str| serde_json::from_str::<String>(members.get(name)?.get()).ok();
        let number = |name: &str| members.get(name)?.get().parse::<u64>().ok();
        let base64 = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let below = |kind, name: Vec<u8>| Summary { kind, name: name.into(), ..self.scope.clone() };
        let bytes = u64::try_from(line.len()).ok();
        let key = || Some(serde_json::from_str::<Binary<'_>>(members.get("key")?.get()).ok()?.0.into_owned());
        Some(match self.kind {
            Lines::Keys(kind) => {
                let expires_ms = number("expire_at_ms").map(UnixMs);
                Summary { bytes, expires_ms, ..file::summary("redis", kind, b"db_0", &key()?) }
            }
            Lines::Values => Summary { bytes, ..file::summary("kv", "value", b"", &key()?) },
            Lines::Headers => below("object", key()?),
            Lines::Expiries => file::of_redis_segment(text("key")?.as_bytes(), originals),
            Lines::Items => Summary { bytes, ..self.item(&members)? },
            Lines::Messages => Summary { bytes, ..below("message", text("message_id")?.into_bytes()) },
            Lines::SideRecords => {
                Summary { bytes, ..below("side_record", hex::decode(text("key_hex")?).ok()?) }
            }
            Lines::Queues => file::summary("sqs", "queue", &base64("encoded")?, b""),
            Lines::Buckets => file::summary("s3", "bucket", text("bucket")?.as_bytes(), b""),
            Lines::Multipart => file::summary("s3", "object", text("bucket")?.as_bytes(), &base64("key")?),
            Lines::Uploads => Summary { bytes, ..below("upload", STANDARD.decode(text("key")?).ok()?) },
            Lines::Inodes => {
                let is_file = text("type")? == "file";
                let kind = if is_file { "file" } else { "directory" };
                Summary { bytes: number("size").filter(|_| is_file), ..below(kind, base64("path")?) }
            }
        })
    }

    /// Returns an item.
    fn item(&self, members: &Members<'_>) -> Option<Summary<'static>> {
        let mut parts = Vec::new();
        for name in &self.keys {
            let value: BTreeMap<String, String> =
                serde_json::from_str(members.get(name.as_str())?.get()).ok()?;
            parts.push(match value.into_iter().next()? {
                (kind, text) if kind == "B" => STANDARD.decode(text).ok()?,
                (kind, text) if kind == "N" => KeyValue::N(&text).named().into_owned(),
                (_, text) => text.into_bytes(),
            });
        }
        let [hash, range @ ..] = parts.as_slice() else { return None };
        let hash_len = (!range.is_empty()).then_some(hash.len());
        Some(Summary { kind: "item", name: parts.join(&b'/').into(), hash_len, ..self.scope.clone() })
    }
}

/// Reads the members of a line; none where it is no object.
#[must_use]
pub fn parse(line: &[u8]) -> Members<'_> {
    serde_json::from_slice(line).unwrap_or_default()
}

#[derive(Deserialize)]
struct Schema {
    primary_key: PrimaryKey,
}

#[derive(Deserialize)]
struct PrimaryKey {
    hash_key: Key,
    range_key: Option<Key>,
}

#[derive(Deserialize)]
struct Key {
    name: Option<String>,
    #[serde(rename = "type", default)]
    kind: String,
}

/// Reads the key attributes from `_schema.json`, names and types: hash key, range key.
///
/// # Errors
///
/// What reading says; what is no schema.
pub fn key_attributes(schema: impl Read) -> serde_json::Result<Vec<(String, String)>> {
    let schema = BufReader::new(schema.take(limits::DIFF_SCHEMA));
    let Schema { primary_key } = serde_json::from_reader(schema)?;
    let keys = [Some(primary_key.hash_key), primary_key.range_key].into_iter().flatten();
    let keys = keys.filter_map(|key| Some((key.name?, key.kind)));
    Ok(keys.filter(|(name, _)| !name.is_empty()).collect())
}

/// Whether a schema is that of the table that a file of items is of.
#[must_use]
pub fn is_schema_of(schema: &[u8], path: &[u8]) -> bool {
    let directory = schema.strip_suffix(b"_schema.json").unwrap_or_default();
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"items/"))
}
