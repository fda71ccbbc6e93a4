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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_its_paths() {
        let paths = |service, scope: &[u8], key: Option<&[u8]>| {
            let paths = of(service, scope, key).into_iter();
            paths.map(|path| String::from_utf8(path).unwrap()).collect::<Vec<_>>().join(" ")
        };
        let redis = paths(Namespace::Redis, b"", Some(b"k/"));
        assert!(redis.starts_with("redis/db_0/strings/k%2F.bin redis/db_0/hashes/k%2F.json "), "{redis}");
        assert_eq!(redis.split(' ').count(), REDIS.len());
        for (service, scope, key, wanted) in [
            (Namespace::Kv, &b""[..], Some(&b"k"[..]), "extra/kv/k.bin"),
            (Namespace::Fs, b"", Some(b"d/f"), "extra/fs/tree/d/f"),
            (Namespace::S3, b"b", Some(b"d/o"), "s3/b/d/o"),
            (Namespace::S3, b"b", None, "s3/b/_bucket.json"),
            (Namespace::Sqs, b"q", Some(b"m"), "sqs/q/messages.jsonl"),
            (Namespace::Sqs, b"q", None, "sqs/q/_queue.json"),
            (Namespace::Dynamodb, b"t", None, "dynamodb/t/_schema.json"),
            (Namespace::Redis, b"", None, ""),
        ] {
            assert_eq!(paths(service, scope, key), wanted, "{service:?}");
        }
    }
}
