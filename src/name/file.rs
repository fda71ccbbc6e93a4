//! Files of a dump as the objects that they are of: a path back to a name.
//!
//! In: a path below the root of a dump. Out: the [name](super) of its object, and what is in the file. A component in SHA
//! form has its original in a KEYMAP: where the caller doesn't know it, the component stands for itself.

use super::of;
use crate::keyspace::Namespace;
use crate::model::Summary;
use crate::tree::segment;

const KEYMAP: &[u8] = b"KEYMAP.jsonl";
const SIDECAR: &[u8] = b".elastickv-meta.json";

/// What a file is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// Name of the object; of a file of lines that of the table, bucket or queue, or of the service.
    pub name: String,
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
    /// Uploads in progress.
    Uploads,
    /// Inodes.
    Inodes,
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
    let object = |name, contents| FileName { name, contents, is_main: true };
    let side = |name, contents| FileName { name, contents, is_main: false };
    Some(match *parts.as_slice() {
        [b"redis", _, b"strings_ttl.jsonl" | b"hll_ttl.jsonl"] => {
            side("redis".to_owned(), Contents::Lines(Lines::Expiries))
        }
        [b"redis", database, kind, file] => {
            let (suffix, contents) = match kind {
                b"strings" | b"hll" => (&b".bin"[..], Contents::Bytes),
                b"hashes" => (&b".json"[..], Contents::Document("field")),
                b"lists" => (&b".json"[..], Contents::Document("item")),
                b"sets" | b"zsets" => (&b".json"[..], Contents::Document("member")),
                b"streams" => (&b".jsonl"[..], Contents::Stream),
                _ => return Some(by_path(path)),
            };
            let segment = file.strip_suffix(suffix).unwrap_or(file);
            object(names.redis(database, segment), contents)
        }
        [b"dynamodb", table, b"_schema.json"] => {
            object(names.scope("dynamodb", table), Contents::Document("schema member"))
        }
        [b"dynamodb", table, b"items", file] if file.starts_with(b"data-") && file.ends_with(b".jsonl") => {
            object(names.scope("dynamodb", table), Contents::Lines(Lines::Items))
        }
        [b"dynamodb", table, b"items", file] => {
            object(names.item(table, file), Contents::Document("attribute"))
        }
        [b"s3", bucket, b"_bucket.json"] => object(names.scope("s3", bucket), Contents::Document("member")),
        [b"s3", bucket, b"_incomplete_uploads", b"records.jsonl"] => {
            object(names.scope("s3", bucket), Contents::Lines(Lines::Uploads))
        }
        [b"s3", bucket, _, ..] => {
            let key = path.get(b"s3/".len() + bucket.len() + 1..).unwrap_or_default();
            match key.strip_suffix(SIDECAR) {
                Some(key) => side(names.s3(bucket, key), Contents::Document("header")),
                None => object(names.s3(bucket, key), Contents::Bytes),
            }
        }
        [b"sqs", queue, b"_queue.json"] => object(names.scope("sqs", queue), Contents::Document("setting")),
        [b"sqs", queue, b"messages.jsonl"] => {
            object(names.scope("sqs", queue), Contents::Lines(Lines::Messages))
        }
        [b"sqs", queue, b"_internals", b"side_records.jsonl"] => {
            object(names.scope("sqs", queue), Contents::Lines(Lines::SideRecords))
        }
        [b"extra", b"sqs", b"queues.jsonl"] => side("sqs".to_owned(), Contents::Lines(Lines::Queues)),
        [b"extra", b"s3", b"buckets.jsonl"] => side("s3".to_owned(), Contents::Lines(Lines::Buckets)),
        [b"extra", b"fs", b"inodes.jsonl"] => object("fs".to_owned(), Contents::Lines(Lines::Inodes)),
        [b"extra", b"fs", b"tree", _] => object(names.fs(path), Contents::Bytes),
        [b"extra", b"kv", file] => {
            let segment = file.strip_suffix(b".bin").unwrap_or(file);
            let key = names.component(b"extra/kv/", segment);
            object(name("kv", b"", &key, None), Contents::Bytes)
        }
        _ => by_path(path),
    })
}

/// Returns the name of a message, or of a record of a queue.
#[must_use]
pub fn below(scope: &str, key: &[u8]) -> String {
    let mut name = format!("{scope}/");
    super::escape(key, false, &mut name);
    name
}

/// Returns the name of a queue or bucket.
#[must_use]
pub fn of_scope(service: &'static str, scope: &[u8]) -> String {
    name(service, scope, b"", None)
}

/// Returns the name of the Redis key whose file is called `segment`.
pub fn of_redis_segment(segment: &[u8], originals: Originals<'_>) -> String {
    Names { originals }.redis(b"db_0", segment)
}

/// Returns the name of a path of the filesystem.
#[must_use]
pub fn of_fs_path(path: &[u8]) -> String {
    name("fs", b"", path, None)
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
    FileName { name, contents: Contents::Bytes, is_main: true }
}

fn name(service: &'static str, scope: &[u8], name: &[u8], hash_len: Option<usize>) -> String {
    let mut out = String::new();
    of(
        &Summary { service, scope: scope.into(), name: name.into(), hash_len, ..Summary::default() },
        &mut out,
    );
    out
}

/// Reads components.
struct Names<'o> {
    originals: Originals<'o>,
}

impl Names<'_> {
    /// Returns what a segment stands for that follows `before`.
    fn component(&mut self, before: &[u8], text: &[u8]) -> Vec<u8> {
        segment::decode(text)
            .ok()
            .or_else(|| (self.originals)(&[before, text].concat()))
            .unwrap_or_else(|| text.to_vec())
    }

    fn scope(&mut self, service: &'static str, directory: &[u8]) -> String {
        let scope = self.component(format!("{service}/").as_bytes(), directory);
        name(service, &scope, b"", None)
    }

    fn redis(&mut self, database: &[u8], segment: &[u8]) -> String {
        let key = self.component(&[b"redis/", database, b"/"].concat(), segment);
        name(Namespace::Redis.name(), b"", &key, None)
    }

    fn item(&mut self, table: &[u8], file: &[u8]) -> String {
        let before = [b"dynamodb/", table, b"/items/"].concat();
        let table = self.component(b"dynamodb/", table);
        // A file has its suffix in its record.
        let mut file_of = |before: &[u8], file: &[u8]| {
            let segment = file.strip_suffix(b".json").unwrap_or(file);
            let whole = [before, file].concat();
            segment::decode(segment)
                .ok()
                .or_else(|| (self.originals)(&whole))
                .unwrap_or_else(|| segment.to_vec())
        };
        let Some(slash) = memchr::memchr(b'/', file) else {
            return name("dynamodb", &table, &file_of(&before, file), None);
        };
        let (directory, rest) = file.split_at(slash);
        let range = file_of(&[&before, directory, b"/"].concat(), rest.get(1..).unwrap_or_default());
        let hash = self.component(&before, directory);
        let both = [&*hash, &*range].join(&b'/');
        name("dynamodb", &table, &both, Some(hash.len()))
    }

    fn s3(&mut self, directory: &[u8], path: &[u8]) -> String {
        let key = (self.originals)(&[b"s3/", directory, b"/", path].concat());
        let bucket = self.component(b"s3/", directory);
        name("s3", &bucket, key.as_deref().unwrap_or(path), None)
    }

    /// A node has a record of its own path, one below a directory in SHA form one of that directory alone.
    fn fs(&mut self, path: &[u8]) -> String {
        const TREE: &[u8] = b"extra/fs/tree/";
        let own = path.strip_prefix(TREE).unwrap_or(path);
        if !own.split(|&byte| byte == b'/').any(segment::looks_like_fallback) {
            return of_fs_path(own);
        }
        let ends = memchr::memrchr_iter(b'/', path).filter(|&end| end > TREE.len());
        for end in std::iter::once(path.len()).chain(ends) {
            let (front, rest) = path.split_at(end);
            if let Some(original) = (self.originals)(front) {
                return of_fs_path(&[&*original, rest].concat());
            }
        }
        of_fs_path(own)
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
        ] {
            assert_eq!(named(path), name.replace("SHA", "0123456789abcdef0123456789abcdef__"), "{path}");
        }
    }
}
