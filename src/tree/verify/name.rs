//! What the path of a file or directory says about it (`tree/README.md#layout`): which names are segments, and what the
//! file should hold.

use crate::tree::part;
use crate::tree::segment::{self, DecodeError};

/// What a file should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Any bytes.
    Bytes,
    /// One JSON value.
    Json,
    /// One JSON value a line.
    JsonLines,
    /// An object a line, in the JSONL layout.
    Part,
    /// Parts of S3 objects.
    Multipart,
    /// KEYMAP records, of which `encoded` is relative to this directory.
    Keymap(Scope),
}

/// What the records of a KEYMAP name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Segments: names of files in any folder below, without their suffix. Each is the fallback of its original.
    Segments,
    /// Paths of the objects of a bucket; the file is an object itself when it has a sidecar.
    Bucket,
    /// Paths from the dump root.
    Root,
}

/// What the last component of a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name<'p> {
    /// Nothing that has to be checked, or sound.
    Sound,
    /// A SHA fallback whose record stands in the KEYMAP of the directory `scope`.
    Fallback { scope: &'p [u8], segment: &'p [u8] },
    /// No segment.
    Bad(String),
}

/// What the names of S3 sidecars end in.
pub(super) const SIDECAR: &[u8] = b".elastickv-meta.json";
const KEYMAP: &[u8] = b"KEYMAP.jsonl";

/// Returns what a file should hold.
pub(super) fn content(path: &[u8]) -> Content {
    if part::of(path).is_some() {
        return Content::Part;
    }
    let parts: Vec<&[u8]> = path.splitn(5, |&byte| byte == b'/').collect();
    let by_suffix = if path.ends_with(b".json") {
        Content::Json
    } else if path.ends_with(b".jsonl") {
        Content::JsonLines
    } else {
        Content::Bytes
    };
    match parts.as_slice() {
        [b"redis", _, KEYMAP] | [b"extra", b"kv", KEYMAP] => Content::Keymap(Scope::Segments),
        [b"redis", _, b"strings_ttl.jsonl" | b"hll_ttl.jsonl"] => Content::JsonLines,
        [b"s3", _, KEYMAP] => Content::Keymap(Scope::Bucket),
        [b"s3", _, b"_bucket.json"] => Content::Json,
        [b"s3", _, _, ..] if path.ends_with(SIDECAR) => Content::Json,
        [b"extra", KEYMAP] => Content::Keymap(Scope::Root),
        [b"extra", b"s3", b"parts.jsonl"] => Content::Multipart,
        [b"redis", _, b"hashes" | b"lists" | b"sets" | b"zsets" | b"streams", _]
        | [b"dynamodb" | b"sqs", ..]
        | [b"PROBLEMS.jsonl"]
        | [b"extra", b"fs", b"inodes.jsonl"]
        | [b"extra", b"sqs" | b"s3", _] => by_suffix,
        _ => Content::Bytes,
    }
}

/// Checks the last component of a file's path.
pub(super) fn file(path: &[u8]) -> Name<'_> {
    if part::of(path).is_some() {
        return Name::Sound;
    }
    let parts: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    let (suffix, keyed) = match parts.as_slice() {
        [b"redis", _, b"strings" | b"hll", _] => (&b".bin"[..], true),
        [b"redis", _, b"hashes" | b"lists" | b"sets" | b"zsets", _] => (&b".json"[..], true),
        [b"redis", _, b"streams", _] => (&b".jsonl"[..], true),
        [b"extra", b"kv", name] if *name != KEYMAP => (&b".bin"[..], true),
        [b"dynamodb", _, b"items", name] if !name.ends_with(b".jsonl") => (&b".json"[..], false),
        [b"dynamodb", _, b"items", _, _] => (&b".json"[..], false),
        _ => return Name::Sound,
    };
    let (scope, name) = match parts.as_slice() {
        [one, two, .., name] => (path.get(..=one.len() + two.len()).unwrap_or_default(), *name),
        _ => return Name::Sound,
    };
    let Some(segment) = name.strip_suffix(suffix) else {
        return Name::Bad(format!("does not end in {}", String::from_utf8_lossy(suffix)));
    };
    match segment::decode(segment) {
        Err(DecodeError::NeedsKeymap) if keyed => Name::Fallback { scope, segment },
        Ok(_) | Err(DecodeError::NeedsKeymap) => Name::Sound,
        Err(error) => Name::Bad(error.to_string()),
    }
}

/// Checks the last component of a directory's path.
pub(super) fn directory(path: &[u8]) -> Name<'_> {
    let parts: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    match parts.as_slice() {
        // A key segment as it is, which is no binary key (`tree/sqs.md#paths`). No queue is called so: its name has a fallback.
        [b"sqs", b"b64.orphan"] => Name::Sound,
        [b"dynamodb" | b"s3" | b"sqs", name]
        | [b"dynamodb", _, b"items", name]
        | [b"extra", b"s3", b"objects", name] => match segment::decode(name) {
            Ok(_) | Err(DecodeError::NeedsKeymap) => Name::Sound,
            Err(error) => Name::Bad(error.to_string()),
        },
        _ => Name::Sound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_hold_what_their_place_says() {
        for (path, expected) in [
            ("MANIFEST.json", Content::Bytes),
            ("PROBLEMS.jsonl", Content::JsonLines),
            ("redis/db_0/KEYMAP.jsonl", Content::Keymap(Scope::Segments)),
            ("redis/db_0/hashes/KEYMAP.jsonl.json", Content::Json),
            ("redis/db_0/strings/a.json.bin", Content::Bytes),
            ("redis/db_0/strings_ttl.jsonl", Content::JsonLines),
            ("redis/db_0/streams/a.jsonl", Content::JsonLines),
            ("dynamodb/t/_schema.json", Content::Json),
            ("dynamodb/t/items/h/r.json", Content::Json),
            ("dynamodb/t/items/data-00001.jsonl", Content::JsonLines),
            ("sqs/q/messages.jsonl", Content::JsonLines),
            ("sqs/q/_queue.json", Content::Json),
            ("s3/b/_bucket.json", Content::Json),
            ("s3/b/a/_bucket.json", Content::Bytes),
            ("s3/b/KEYMAP.jsonl", Content::Keymap(Scope::Bucket)),
            ("s3/b/a/KEYMAP.jsonl", Content::Bytes),
            ("s3/b/a.json", Content::Bytes),
            ("s3/b/a/b/c/d.elastickv-meta.json", Content::Json),
            ("extra/KEYMAP.jsonl", Content::Keymap(Scope::Root)),
            ("extra/kv/KEYMAP.jsonl", Content::Keymap(Scope::Segments)),
            ("extra/kv/a.bin", Content::Bytes),
            ("extra/s3/buckets.jsonl", Content::JsonLines),
            ("extra/s3/parts.jsonl", Content::Multipart),
            ("extra/fs/inodes.jsonl", Content::JsonLines),
            ("redis/db_0/strings-00001.jsonl", Content::Part),
            ("extra/kv/data-00001.jsonl", Content::Part),
            ("extra/s3/objects/b/data-00001.jsonl", Content::Part),
            ("s3/b/data-00001.jsonl", Content::Bytes),
            ("extra/fs/tree/a.json", Content::Bytes),
        ] {
            assert_eq!(content(path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn segments_decode() {
        for path in [
            "redis/db_0/strings/a%3A.bin",
            "redis/db_0/strings/.bin",
            "dynamodb/t/items/.json",
            "s3/b/a b",
            "x y",
        ] {
            assert_eq!(file(path.as_bytes()), Name::Sound, "{path}");
        }
        for path in [
            "redis/db_0/strings/a.json",
            "redis/db_0/hashes/a%.json",
            "redis/db_0/streams/a b.jsonl",
            "dynamodb/t/items/a b.json",
            "dynamodb/t/items/h/a b.json",
            "extra/kv/a~.bin",
            "extra/kv/data-1.jsonl",
        ] {
            assert!(matches!(file(path.as_bytes()), Name::Bad(_)), "{path}");
        }
        for path in [
            "dynamodb/a b",
            "s3/a b",
            "sqs/a b",
            "s3/b64.orphan",
            "dynamodb/t/items/a b",
            "extra/s3/objects/a b",
        ] {
            assert!(matches!(directory(path.as_bytes()), Name::Bad(_)), "{path}");
        }
        for path in ["dynamodb", "s3/b/a b", "sqs/a.orphan", "sqs/b64.orphan", "redis/db_0/strings"] {
            assert_eq!(directory(path.as_bytes()), Name::Sound, "{path}");
        }
    }

    #[test]
    fn fallbacks_need_a_record_where_the_layout_keeps_one() {
        let segment = segment::fallback(b"key");
        let name = |path: String| match file(path.as_bytes()) {
            Name::Fallback { scope, segment: found } => {
                assert_eq!(found, segment.as_bytes());
                Some(String::from_utf8(scope.to_vec()).unwrap())
            }
            name => {
                assert_eq!(name, Name::Sound);
                None
            }
        };
        assert_eq!(name(format!("redis/db_0/sets/{segment}.json")).as_deref(), Some("redis/db_0"));
        assert_eq!(name(format!("extra/kv/{segment}.bin")).as_deref(), Some("extra/kv"));
        assert_eq!(name(format!("dynamodb/t/items/{segment}.json")), None);
    }
}
