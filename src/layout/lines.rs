//! Files of a dump with the lines of many objects: in which order these stand. Of a dump in shares each share has such a
//! file, with the lines of its objects.
//!
//! In: a path; a line. Out: the order of the file, and what its line is sorted by.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::fs;
use crate::report;
use crate::tree::keymap;

/// What the lines of a file are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// `PROBLEMS.jsonl`: adapter, scope, key.
    Problems,
    /// `extra/KEYMAP.jsonl`: path.
    Paths,
    /// `extra/kv/KEYMAP.jsonl`: encoded name.
    Encoded,
    /// `s3/<bucket>/KEYMAP.jsonl`: key of the object.
    Originals,
    /// `extra/fs/inodes.jsonl`: path of the node.
    Nodes,
    /// `extra/s3/buckets.jsonl`: name.
    Buckets,
    /// `extra/s3/parts.jsonl`: bucket, key.
    Multipart,
    /// `extra/sqs/queues.jsonl`: name.
    Queues,
}

/// Names of scopes by adapter and by their text, where they are not the bytes of it.
pub(crate) type ScopeNames = BTreeMap<(String, String), Vec<u8>>;

impl Order {
    /// Returns the order of a file, `None` where it is one object's.
    pub(crate) fn of(path: &[u8]) -> Option<Self> {
        Some(match path {
            b"PROBLEMS.jsonl" => Self::Problems,
            b"extra/KEYMAP.jsonl" => Self::Paths,
            b"extra/kv/KEYMAP.jsonl" => Self::Encoded,
            b"extra/fs/inodes.jsonl" => Self::Nodes,
            b"extra/s3/buckets.jsonl" => Self::Buckets,
            b"extra/s3/parts.jsonl" => Self::Multipart,
            b"extra/sqs/queues.jsonl" => Self::Queues,
            _ => {
                let bucket = path.strip_prefix(b"s3/")?.strip_suffix(b"/KEYMAP.jsonl")?;
                return (!bucket.contains(&b'/')).then_some(Self::Originals);
            }
        })
    }

    /// Whether more than one share may have a line, which the whole dump has once.
    pub(crate) fn repeats(self) -> bool {
        matches!(self, Self::Problems | Self::Paths)
    }

    /// Returns what a line is sorted by, or what is wrong with it.
    pub(crate) fn key(self, line: &[u8], scopes: &ScopeNames) -> Result<Vec<u8>, String> {
        match self {
            Self::Paths | Self::Encoded | Self::Originals => {
                let record = keymap::parse(line).map_err(|error| error.to_string())?;
                Ok(match self {
                    Self::Originals => record.original,
                    Self::Paths if record.encoded.starts_with("extra/fs/") => fs::disk_path(&record.original),
                    _ => record.encoded.into_bytes(),
                })
            }
            _ => self.key_of(serde_json::from_slice(line).map_err(|error| error.to_string())?, scopes),
        }
    }

    fn key_of(self, members: Members<'_>, scopes: &ScopeNames) -> Result<Vec<u8>, String> {
        let decoded = |text: Option<Cow<'_, str>>, name: &str| {
            let text = text.ok_or_else(|| format!("{name} is missing"))?;
            URL_SAFE_NO_PAD.decode(&*text).map_err(|_| format!("{name} is not base64url without padding"))
        };
        let scope = |adapter: &str, text: Option<Cow<'_, str>>, name: &str| {
            let text = text.ok_or_else(|| format!("{name} is missing"))?.into_owned();
            let known = scopes.get(&(adapter.to_owned(), text.clone()));
            Ok::<_, String>(known.cloned().unwrap_or_else(|| text.into_bytes()))
        };
        match self {
            Self::Nodes => decoded(members.path, "path"),
            Self::Queues => decoded(members.encoded, "encoded"),
            Self::Buckets => scope("s3", members.bucket, "bucket"),
            Self::Multipart => {
                let bucket = scope("s3", members.bucket, "bucket")?;
                Ok(report::sort_key(b"s3", &bucket, &decoded(members.key, "key")?))
            }
            _ => {
                let adapter = members.adapter.ok_or("adapter is missing")?;
                let scope = scope(&adapter, members.scope, "scope")?;
                Ok(report::sort_key(adapter.as_bytes(), &scope, &decoded(members.key, "key")?))
            }
        }
    }
}

/// The members that lines are sorted by.
#[derive(Deserialize)]
struct Members<'l> {
    #[serde(borrow)]
    adapter: Option<Cow<'l, str>>,
    #[serde(borrow)]
    scope: Option<Cow<'l, str>>,
    #[serde(borrow)]
    key: Option<Cow<'l, str>>,
    #[serde(borrow)]
    path: Option<Cow<'l, str>>,
    #[serde(borrow)]
    encoded: Option<Cow<'l, str>>,
    #[serde(borrow)]
    bucket: Option<Cow<'l, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(order: Order, line: &str) -> Result<Vec<u8>, String> {
        order
            .key(line.as_bytes(), &ScopeNames::from([(("s3".into(), "b\u{fffd}".into()), b"b\xff".to_vec())]))
    }

    #[test]
    fn files_of_many_objects_are_known_by_their_paths() {
        for (path, order) in [
            ("s3/b/KEYMAP.jsonl", Some(Order::Originals)),
            ("s3/b/c/KEYMAP.jsonl", None),
            ("s3/KEYMAP.jsonl", None),
            ("extra/KEYMAP.jsonl", Some(Order::Paths)),
            ("sqs/q/messages.jsonl", None),
            ("dynamodb/t/items/data-00001.jsonl", None),
        ] {
            assert_eq!(Order::of(path.as_bytes()), order, "{path}");
        }
    }

    #[test]
    fn lines_are_sorted_by_the_bytes_that_they_stand_for() {
        let record = r#"{"encoded":"extra/fs/tree/n","original":"_w","kind":"sha-fallback"}"#;
        assert_eq!(key(Order::Originals, record).unwrap(), b"\xff");
        assert_eq!(key(Order::Encoded, record).unwrap(), b"extra/fs/tree/n");
        assert_eq!(key(Order::Paths, record).unwrap(), b"extra/fs/tree/\xff");
        assert_eq!(key(Order::Nodes, r#"{"path":"_w","inode":1}"#).unwrap(), b"\xff");
        assert_eq!(key(Order::Queues, r#"{"queue":"q","encoded":"cQ"}"#).unwrap(), b"q");
        assert_eq!(key(Order::Buckets, r#"{"bucket":"b\ufffd"}"#).unwrap(), b"b\xff");
        assert_eq!(key(Order::Buckets, r#"{"bucket":"c"}"#).unwrap(), b"c");
        let parts = r#"{"bucket":"b\ufffd","key":"aw","parts":[]}"#;
        assert_eq!(key(Order::Multipart, parts).unwrap(), report::sort_key(b"s3", b"b\xff", b"k"));
        let problem = r#"{"adapter":"s3","scope":"b\ufffd","key":"aw","class":"X","message":"m"}"#;
        assert_eq!(key(Order::Problems, problem).unwrap(), report::sort_key(b"s3", b"b\xff", b"k"));
        for (order, line) in [
            (Order::Encoded, "{}"),
            (Order::Nodes, r#"{"path":"a="}"#),
            (Order::Queues, "{}"),
            (Order::Buckets, "[1]"),
            (Order::Problems, r#"{"adapter":"s3","key":"aw"}"#),
        ] {
            assert!(key(order, line).is_err(), "{line}");
        }
    }
}
