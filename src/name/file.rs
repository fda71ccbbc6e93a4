//! Files of a dump as the objects that they are of: a path back to a name.
//!
//! In: a path below the root of a dump. Out: the [name](super) of its object, and what is in the file. A component in SHA
//! form has its original in a KEYMAP: where the caller doesn't know it, the component stands for itself.

use super::of;
use crate::keyspace::Namespace;
use crate::model::Summary;
use crate::tree::part::{self, Of};
use crate::tree::segment;

const KEYMAP: &[u8] = b"KEYMAP.jsonl";
const SIDECAR: &[u8] = b".elastickv-meta.json";

/// What a file is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// Name of the object; of a file of lines that of the table, bucket or queue, or of the service.
    pub name: String,
    /// What the path says of it.
    pub summary: Summary<'static>,
    /// What is in it.
    pub contents: Contents,
    /// Whether the object is there if, and only if, the file is; a sidecar only adds to it.
    pub is_main: bool,
}

/// What is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Any bytes.
    Bytes,
    /// One JSON object, whose members are called so.
    Document(&'static str),
    /// The entries of one Redis stream, a line each.
    Stream,
    /// A line each of several objects.
    Lines(Lines),
}

/// What lines are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Expiries of Redis strings and HLLs.
    Expiries,
    /// Items of a DynamoDB table.
    Items,
    /// Messages of a queue.
    Messages,
    /// Records beside the messages.
    SideRecords,
    /// What the reference layout has no place for, of queues.
    Queues,
    /// The same of buckets.
    Buckets,
    /// Parts of S3 objects.
    Multipart,
    /// Uploads in progress.
    Uploads,
    /// Inodes.
    Inodes,
    /// Keys of Redis, which are of this kind.
    Keys(&'static str),
    /// Keys of no service.
    Values,
    /// Headers of the objects of a bucket.
    Headers,
}

/// What a component of a path that is in SHA form stands for: asked by the path from the root up to it, without a suffix.
pub type Originals<'o> = &'o mut dyn FnMut(&[u8]) -> Option<Vec<u8>>;

/// Returns what a file is of; `None` for one that is of the dump itself.
pub fn of_file(path: &[u8], originals: Originals<'_>) -> Option<FileName> {
    let parts: Vec<&[u8]> = path.splitn(4, |&byte| byte == b'/').collect();
    let mut names = Names { originals };
    if !path.contains(&b'/') || is_keymap(path) && !path.starts_with(b"s3/") {
        return None;
    }
    let object = |summary: Summary<'static>, contents| {
        let mut name = String::new();
        of(&summary, &mut name);
        FileName { name, summary, contents, is_main: true }
    };
    let side = |summary, contents| FileName { is_main: false, ..object(summary, contents) };
    let all = |service: Namespace, lines| FileName {
        name: service.name().to_owned(),
        summary: summary(service.name(), "", b"", b""),
        contents: Contents::Lines(lines),
        is_main: false,
    };
    if let Some(part) = part::of(path) {
        return Some(match part.of {
            Of::Redis(_, kind) => {
                let kind = ["string", "hll", "list", "hash", "set", "zset", "stream"].get(kind)?;
                FileName { is_main: true, ..all(Namespace::Redis, Lines::Keys(kind)) }
            }
            Of::Kv => FileName { is_main: true, ..all(Namespace::Kv, Lines::Values) },
            Of::S3(bucket) => side(names.scope("s3", bucket, "bucket"), Contents::Lines(Lines::Headers)),
        });
    }
    Some(match *parts.as_slice() {
        [b"redis", _, b"strings_ttl.jsonl" | b"hll_ttl.jsonl"] => all(Namespace::Redis, Lines::Expiries),
        [b"redis", database, kind, file] => {
            let (kind, suffix, contents) = match kind {
                b"strings" => ("string", &b".bin"[..], Contents::Bytes),
                b"hll" => ("hll", &b".bin"[..], Contents::Bytes),
                b"hashes" => ("hash", &b".json"[..], Contents::Document("field")),
                b"lists" => ("list", &b".json"[..], Contents::Document("item")),
                b"sets" => ("set", &b".json"[..], Contents::Document("member")),
                b"zsets" => ("zset", &b".json"[..], Contents::Document("member")),
                b"streams" => ("stream", &b".jsonl"[..], Contents::Stream),
                _ => return Some(by_path(path)),
            };
            let segment = file.strip_suffix(suffix).unwrap_or(file);
            object(names.redis(database, segment, kind), contents)
        }
        [b"dynamodb", table, b"_schema.json"] => {
            object(names.scope("dynamodb", table, "table"), Contents::Document("schema member"))
        }
        [b"dynamodb", table, b"items", file] if file.starts_with(b"data-") && file.ends_with(b".jsonl") => {
            object(names.scope("dynamodb", table, "table"), Contents::Lines(Lines::Items))
        }
        [b"dynamodb", table, b"items", file] => {
            object(names.item(table, file), Contents::Document("attribute"))
        }
        [b"s3", bucket, b"_bucket.json"] => {
            object(names.scope("s3", bucket, "bucket"), Contents::Document("member"))
        }
        [b"s3", bucket, b"_incomplete_uploads", b"records.jsonl"] => {
            object(names.scope("s3", bucket, "bucket"), Contents::Lines(Lines::Uploads))
        }
        [b"s3", bucket, _, ..] => {
            let key = path.get(b"s3/".len() + bucket.len() + 1..).unwrap_or_default();
            match key.strip_suffix(SIDECAR) {
                Some(key) => side(names.s3(bucket, key), Contents::Document("header")),
                None => object(names.s3(bucket, key), Contents::Bytes),
            }
        }
        [b"sqs", queue, b"_queue.json"] => {
            object(names.scope("sqs", queue, "queue"), Contents::Document("setting"))
        }
        [b"sqs", queue, b"messages.jsonl"] => {
            object(names.scope("sqs", queue, "queue"), Contents::Lines(Lines::Messages))
        }
        [b"sqs", queue, b"_internals", b"side_records.jsonl"] => {
            object(names.scope("sqs", queue, "queue"), Contents::Lines(Lines::SideRecords))
        }
        [b"extra", b"sqs", b"queues.jsonl"] => all(Namespace::Sqs, Lines::Queues),
        [b"extra", b"s3", b"buckets.jsonl"] => all(Namespace::S3, Lines::Buckets),
        [b"extra", b"s3", b"parts.jsonl"] => all(Namespace::S3, Lines::Multipart),
        [b"extra", b"fs", b"inodes.jsonl"] => {
            object(summary("fs", "directory", b"", b""), Contents::Lines(Lines::Inodes))
        }
        [b"extra", b"fs", b"tree", _] => object(names.fs(path), Contents::Bytes),
        [b"extra", b"kv", file] => {
            let segment = file.strip_suffix(b".bin").unwrap_or(file);
            let key = names.component(b"extra/kv/", segment);
            object(summary("kv", "value", b"", &key), Contents::Bytes)
        }
        _ => by_path(path),
    })
}

/// Returns the Redis key whose file is called `segment`.
pub(super) fn of_redis_segment(segment: &[u8], originals: Originals<'_>) -> Summary<'static> {
    Names { originals }.redis(b"db_0", segment, "")
}

/// Returns the path from the root that a record of a KEYMAP is about.
#[must_use]
pub fn from_root(keymap: &[u8], encoded: &[u8]) -> Vec<u8> {
    let directory = keymap.strip_suffix(KEYMAP).unwrap_or_default();
    if directory == b"extra/" { encoded.to_vec() } else { [directory, encoded].concat() }
}

/// Whether a file is a KEYMAP; that of a bucket is an object of the user's if it has a sidecar.
#[must_use]
pub fn is_keymap(path: &[u8]) -> bool {
    let mut parts = path.rsplitn(4, |&byte| byte == b'/');
    let (last, rest) = (parts.next(), [parts.next(), parts.next(), parts.next()]);
    let keeps = matches!(
        rest,
        [Some(b"extra"), None, None]
            | [Some(b"kv"), Some(b"extra"), None]
            | [Some(_), Some(b"redis" | b"s3"), None]
    );
    last == Some(KEYMAP) && keeps
}

/// Returns the KEYMAP that may have something to say of a path.
#[must_use]
pub fn keymap_of(path: &[u8]) -> Option<Vec<u8>> {
    let mut parts = path.splitn(3, |&byte| byte == b'/');
    let (first, second) = (parts.next()?, parts.next()?);
    match first {
        b"redis" | b"s3" => Some([first, second, KEYMAP].join(&b'/')),
        b"extra" if second == b"kv" => Some(b"extra/kv/KEYMAP.jsonl".to_vec()),
        _ => None,
    }
}

/// Returns the name of a file that is of no known object: its path.
#[must_use]
pub fn by_path(path: &[u8]) -> FileName {
    let mut name = String::new();
    super::escape(path, false, &mut name);
    FileName { name, summary: summary("", "file", b"", path), contents: Contents::Bytes, is_main: true }
}

pub(super) fn summary(
    service: &'static str,
    kind: &'static str,
    scope: &[u8],
    name: &[u8],
) -> Summary<'static> {
    let (scope, name) = (scope.to_vec().into(), name.to_vec().into());
    Summary { service, scope, name, kind, ..Summary::default() }
}

/// Reads components.
struct Names<'o> {
    originals: Originals<'o>,
}

impl Names<'_> {
    /// Returns what a segment stands for that follows `before`.
    fn component(&mut self, before: &[u8], text: &[u8]) -> Vec<u8> {
        self.file(before, text, b"")
    }

    /// Does the same for the name of a file, whose record has its suffix too.
    fn file(&mut self, before: &[u8], text: &[u8], suffix: &[u8]) -> Vec<u8> {
        let segment = text.strip_suffix(suffix).unwrap_or(text);
        segment::decode(segment)
            .ok()
            .or_else(|| (self.originals)(&[before, text].concat()))
            .unwrap_or_else(|| segment.to_vec())
    }

    fn scope(&mut self, service: &'static str, directory: &[u8], kind: &'static str) -> Summary<'static> {
        let scope = self.component(format!("{service}/").as_bytes(), directory);
        summary(service, kind, &scope, b"")
    }

    fn redis(&mut self, database: &[u8], segment: &[u8], kind: &'static str) -> Summary<'static> {
        let key = self.component(&[b"redis/", database, b"/"].concat(), segment);
        summary(Namespace::Redis.name(), kind, database, &key)
    }

    fn item(&mut self, table: &[u8], file: &[u8]) -> Summary<'static> {
        let before = [b"dynamodb/", table, b"/items/"].concat();
        let table = self.component(b"dynamodb/", table);
        let Some(slash) = memchr::memchr(b'/', file) else {
            return summary("dynamodb", "item", &table, &self.file(&before, file, b".json"));
        };
        let (directory, rest) = file.split_at(slash);
        let rest = rest.get(1..).unwrap_or_default();
        let range = self.file(&[&before, directory, b"/"].concat(), rest, b".json");
        let hash = self.component(&before, directory);
        let both = [&*hash, &*range].join(&b'/');
        Summary { hash_len: Some(hash.len()), ..summary("dynamodb", "item", &table, &both) }
    }

    fn s3(&mut self, directory: &[u8], path: &[u8]) -> Summary<'static> {
        let key = (self.originals)(&[b"s3/", directory, b"/", path].concat());
        let bucket = self.component(b"s3/", directory);
        summary("s3", "object", &bucket, key.as_deref().unwrap_or(path))
    }

    /// A node has a record of its own path, one below a directory in SHA form one of that directory alone.
    fn fs(&mut self, path: &[u8]) -> Summary<'static> {
        const TREE: &[u8] = b"extra/fs/tree/";
        let node = |path: &[u8]| summary("fs", "file", b"", path);
        let own = path.strip_prefix(TREE).unwrap_or(path);
        if !own.split(|&byte| byte == b'/').any(segment::looks_like_fallback) {
            return node(own);
        }
        let ends = memchr::memrchr_iter(b'/', path).filter(|&end| end > TREE.len());
        for end in std::iter::once(path.len()).chain(ends) {
            let (front, rest) = path.split_at(end);
            if let Some(original) = (self.originals)(front) {
                return node(&[&*original, rest].concat());
            }
        }
        node(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str) -> String {
        let long = "0123456789abcdef0123456789abcdef__";
        let mut originals = |path: &[u8]| {
            let path = String::from_utf8(path.to_vec()).unwrap();
            let known = [
                (format!("redis/db_0/{long}k"), "key"),
                (format!("extra/kv/{long}k"), "value"),
                (format!("dynamodb/t/items/{long}h"), "hash"),
                (format!("dynamodb/t/items/{long}h/{long}r.json"), "range"),
                ("s3/b/a.elastickv-leaf-data".to_owned(), "a"),
                (format!("sqs/{long}q"), "queue"),
                (format!("extra/fs/tree/a/{long}d"), "a/directory"),
            ];
            known.iter().find(|(known, _)| *known == path).map(|(_, name)| name.as_bytes().to_vec())
        };
        let path = path.replace("SHA", long);
        of_file(path.as_bytes(), &mut originals).map_or("-".to_owned(), |file| {
            format!("{} {:?}{}", file.name, file.contents, if file.is_main { "" } else { " side" })
        })
    }

    #[test]
    fn keymaps_are_known() {
        for path in
            ["extra/KEYMAP.jsonl", "extra/kv/KEYMAP.jsonl", "redis/db_0/KEYMAP.jsonl", "s3/b/KEYMAP.jsonl"]
        {
            assert!(is_keymap(path.as_bytes()), "{path}");
        }
        for path in ["KEYMAP.jsonl", "s3/b/a/KEYMAP.jsonl", "sqs/q/KEYMAP.jsonl", "extra/fs/KEYMAP.jsonl"] {
            assert!(!is_keymap(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn each_file_is_of_an_object() {
        for (path, name) in [
            ("MANIFEST.json", "-"),
            ("PROBLEMS.jsonl", "-"),
            ("extra/KEYMAP.jsonl", "-"),
            ("redis/db_0/KEYMAP.jsonl", "-"),
            ("redis/db_0/strings/cart%3A1.bin", "redis/cart:1 Bytes"),
            ("redis/db_0/strings/SHAk.bin", "redis/key Bytes"),
            ("redis/db_0/hashes/SHAx.json", "redis/SHAx Document(\"field\")"),
            ("redis/db_0/streams/s.jsonl", "redis/s Stream"),
            ("redis/db_0/strings_ttl.jsonl", "redis Lines(Expiries) side"),
            ("dynamodb/t/_schema.json", "dynamodb/t Document(\"schema member\")"),
            ("dynamodb/t/items/a%2Fb.json", "dynamodb/t/a/b Document(\"attribute\")"),
            ("dynamodb/t/items/a%2Fb/c.json", "dynamodb/t/a%2Fb/c Document(\"attribute\")"),
            ("dynamodb/t/items/SHAh/SHAr.json", "dynamodb/t/hash/range Document(\"attribute\")"),
            ("dynamodb/t/items/b64.AP8.json", "dynamodb/t/%00%FF Document(\"attribute\")"),
            ("dynamodb/t/items/data-00001.jsonl", "dynamodb/t Lines(Items)"),
            ("s3/b/a/b.jpg", "s3/b/a/b.jpg Bytes"),
            ("s3/b/a/b.jpg.elastickv-meta.json", "s3/b/a/b.jpg Document(\"header\") side"),
            ("s3/b/a.elastickv-leaf-data", "s3/b/a Bytes"),
            ("s3/b/a.elastickv-leaf-data.elastickv-meta.json", "s3/b/a Document(\"header\") side"),
            ("s3/b/_bucket.json", "s3/b Document(\"member\")"),
            ("sqs/SHAq/_queue.json", "sqs/queue Document(\"setting\")"),
            ("sqs/q/messages.jsonl", "sqs/q Lines(Messages)"),
            ("extra/fs/tree/a/SHAd/f", "fs/a/directory/f Bytes"),
            ("extra/fs/tree/etc/hosts", "fs/etc/hosts Bytes"),
            ("extra/kv/SHAk.bin", "kv/value Bytes"),
            ("extra/kv/a%2Fb.bin", "kv/a/b Bytes"),
            ("redis/db_0/zsets-00002.jsonl", "redis Lines(Keys(\"zset\"))"),
            ("extra/kv/data-00001.jsonl", "kv Lines(Values)"),
            ("extra/s3/objects/SHAq/data-00001.jsonl", "s3/SHAq Lines(Headers) side"),
        ] {
            assert_eq!(named(path), name.replace("SHA", "0123456789abcdef0123456789abcdef__"), "{path}");
        }
    }
}
