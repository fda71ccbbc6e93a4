//! Where an object can be in a dump, as its name alone tells it.
//!
//! In: names. Out: paths, those first that an object has if nothing is in its way. Renamed objects of S3 are in the KEYMAP
//! of their bucket.

use super::dynamodb::item_paths;
use super::{fs, s3, sqs};
use crate::keyspace::Namespace;
use crate::model::dynamodb::KeyValues;
use crate::tree::segment;

/// Directories and suffixes of the types of Redis.
const REDIS: [(&str, &str); 7] = [
    ("strings", ".bin"),
    ("hashes", ".json"),
    ("lists", ".json"),
    ("sets", ".json"),
    ("zsets", ".json"),
    ("streams", ".jsonl"),
    ("hll", ".bin"),
];

/// Lists the paths that an object can have; of a message that of its queue's messages.
pub(crate) fn of(service: Namespace, scope: &[u8], key: Option<&[u8]>) -> Vec<Vec<u8>> {
    let encoded = |key: &[u8]| segment::encode(key).text;
    match (service, key) {
        (Namespace::Redis, Some(key)) => {
            let path = |(directory, suffix)| format!("redis/db_0/{directory}/{}{suffix}", encoded(key));
            REDIS.into_iter().map(path).map(String::into_bytes).collect()
        }
        (Namespace::Kv, Some(key)) => vec![format!("extra/kv/{}.bin", encoded(key)).into_bytes()],
        (Namespace::Fs, Some(path)) => vec![fs::disk_path(path)],
        (Namespace::S3, key) => s3::path(scope, key.unwrap_or(b"_bucket.json")).into_iter().collect(),
        (Namespace::Sqs, key) => {
            let file = if key.is_some() { "messages.jsonl" } else { "_queue.json" };
            vec![sqs::path(scope, file)]
        }
        (Namespace::Dynamodb, None) => vec![super::dynamodb::table_path(scope, b"_schema.json")],
        _ => Vec::new(),
    }
}

/// Lists the paths that an item can have.
pub(crate) fn of_item(table: &[u8], keys: &KeyValues<'_>) -> Vec<Vec<u8>> {
    item_paths(keys).into_iter().map(|path| super::dynamodb::table_path(table, &path)).collect()
}
