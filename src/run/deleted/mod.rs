//! Deleted objects: names whose newest row at the read time is a tombstone, and of which nothing is left.
//!
//! In: all versions of the families that make objects; the names of the objects that are there. Out: names with the time of
//! the newest tombstone, bytewise by name. An object that was deleted and came back, moved to another generation, or changed
//! its type is there, and so is a file that has another name. The path above a name of the filesystem is the one that its
//! directory had then.

mod directories;

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::bug::Bug;
use crate::cursor;
use crate::error::Result;
use crate::keyspace::dynamodb::{ItemKey, schema_table, table_name};
use crate::keyspace::s3::{ObjectKey, parse_bucket};
use crate::keyspace::sqs::{self, DataKey};
use crate::keyspace::{Family, Namespace, fs, redis};
use crate::model::dynamodb::{Attributes, Schema, key};
use crate::model::fs::{InodeRecord, NodeType};
use crate::model::redis::DATABASE;
use crate::model::{Answer, Object, Summary};
use crate::name::{self, Selection};
use crate::report::Report;
use crate::service::fs::NameRecord;
use crate::sink::{List, Listed, Sink};
use crate::snapshot::{EntryBuf, RowLocation, Snapshot, Version};
use crate::sort::{Scratch, Sorter};
use crate::time::Hlc;
use directories::Directories;

const RECORD: Bug = Bug::new("a deleted name does not read back");
/// Memory for names, bytes.
const MEMORY: usize = 16 << 20;

/// Families that make objects, and what those are. A Redis key is gone with the last of its rows, so that those of
/// elements count too.
const FAMILIES: [(Family, &str); 27] = [
    (Family::DynamodbTable, "table"),
    (Family::DynamodbItem, "item"),
    (Family::S3BucketMeta, "bucket"),
    (Family::S3ObjectHead, "object"),
    (Family::RedisString, "string"),
    (Family::RedisHll, "hll"),
    (Family::RedisHashBlob, "hash"),
    (Family::RedisSetBlob, "set"),
    (Family::RedisZsetBlob, "zset"),
    (Family::RedisStreamBlob, "stream"),
    (Family::HashMeta, "hash"),
    (Family::HashField, "hash"),
    (Family::ListMeta, "list"),
    (Family::ListItem, "list"),
    (Family::SetMeta, "set"),
    (Family::SetMember, "set"),
    (Family::ZsetMeta, "zset"),
    (Family::ZsetMember, "zset"),
    (Family::StreamMeta, "stream"),
    (Family::StreamEntry, "stream"),
    (Family::SqsQueueMeta, "queue"),
    (Family::SqsData, "message"),
    (Family::Bare, "value"),
    (Family::Unknown, "value"),
    (Family::FsName, "file"),
    (Family::FsName, "directory"),
    (Family::FsName, "name"),
];
/// Type of a Redis key of which no older version is held: a server deletes rows of all types.
const KEY: &str = "key";

/// Collects names that are there, and then names that have tombstones.
pub(super) struct Names<'s> {
    selection: &'s Selection,
    sorter: Sorter,
    name: String,
    record: Vec<u8>,
}

/// What a key says of its object.
#[derive(Debug, Default, PartialEq, Eq)]
struct Named {
    scope: Vec<u8>,
    name: Vec<u8>,
    hash_len: Option<usize>,
}

impl Sink for Names<'_> {
    fn object(&mut self, _report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        name::of(&object.summary(), &mut self.name);
        if self.selection.selects(&self.name) {
            self.sorter.push(self.name.as_bytes(), b"")?;
        }
        Ok(Answer::Left)
    }
}

impl<'s> Names<'s> {
    pub(super) fn new(selection: &'s Selection, scratch: &Scratch) -> Self {
        Self { selection, sorter: Sorter::new(scratch, MEMORY), name: String::new(), record: Vec::new() }
    }

    /// Adds what has tombstones; returns the number of names whose directory has no name that is still held.
    pub(super) fn scan(
        &mut self,
        snapshot: &Snapshot,
        scratch: &Scratch,
        excluded: &BTreeSet<Namespace>,
    ) -> Result<u64> {
        let mut untold = 0;
        for (number, (family, kind)) in FAMILIES.into_iter().enumerate() {
            if excluded.contains(&family.owner()) || snapshot.stats(family).tombstones == 0 {
                continue;
            }
            let number = u8::try_from(number).unwrap_or(u8::MAX);
            match (family, kind) {
                (Family::DynamodbItem, _) => self.items(snapshot, number)?,
                (Family::FsName, "file") => untold = self.files(snapshot, scratch, number)?,
                (Family::FsName, _) => {}
                _ => tombstones(snapshot, family, |key, ts, before| match named(family, key) {
                    Some(named) => self.push((number, before.is_some()), &named, ts),
                    None => Ok(()),
                })?,
            }
        }
        Ok(untold)
    }

    /// What had a name is in an older version of it, where there is still one. `file` is followed by the numbers of a
    /// directory and of what is not known.
    fn files(&mut self, snapshot: &Snapshot, scratch: &Scratch, file: u8) -> Result<u64> {
        let mut directories = Directories::read(snapshot, scratch)?;
        let (mut row, mut untold) = (EntryBuf::default(), 0);
        tombstones(snapshot, Family::FsName, |key, ts, before| {
            let Some((directory, name)) = fs::name(key) else { return Ok(()) };
            let mut record = None;
            if let Some(place) = before {
                snapshot.read(place, &mut row)?;
                record = NameRecord::parse(&row.body);
            }
            if let Some(record) = record
                && snapshot.get(&fs::inode_key(record.inode), &mut row)?
                && InodeRecord::parse(&row.body).is_some_and(|inode| inode.is_live())
            {
                return Ok(());
            }
            let Some(path) = directories.path(directory, ts)? else {
                untold += 1;
                return Ok(());
            };
            let kind = match record.map(|record| record.node_type) {
                Some(NodeType::File) => 0,
                Some(NodeType::Directory) => 1,
                Some(NodeType::Other) | None => 2,
            };
            let named = Named { name: [&*path, name].concat(), ..Named::default() };
            self.push((file + kind, before.is_some()), &named, ts)
        })?;
        Ok(untold)
    }

    /// An item's name is in its attributes: of an older version, where there is still one.
    fn items(&mut self, snapshot: &Snapshot, number: u8) -> Result<()> {
        let mut schema: Option<(Vec<u8>, Option<Schema>)> = None;
        tombstones(snapshot, Family::DynamodbItem, |key, ts, before| {
            let Ok(item) = ItemKey::parse(key) else { return Ok(()) };
            let Ok(table) = table_name(item.table_segment) else { return Ok(()) };
            if schema.as_ref().is_none_or(|(of, _)| *of != table) {
                let row = [Family::DynamodbTable.prefix(), item.table_segment].concat();
                let mut entry = EntryBuf::default();
                let is_there = snapshot.get(&row, &mut entry)?;
                let found = is_there.then(|| Schema::parse(&table, &entry.body).ok()).flatten();
                schema = Some((table.clone(), found));
            }
            let schema = schema.as_ref().and_then(|(_, schema)| schema.as_ref());
            let mut buffer = EntryBuf::default();
            if let Some(place) = before {
                snapshot.read(place, &mut buffer)?;
            }
            let schema = schema.filter(|_| before.is_some());
            let read = schema.and_then(|schema| Attributes::parse_keyed(&buffer.body, schema).ok());
            let values = read.map(|(_, values)| values);
            let parts = match values {
                Some(values) => Some((
                    values.hash.named().into_owned(),
                    values.range.map(|range| range.named().into_owned()),
                )),
                None => key::parts(item.primary),
            };
            let Some((hash, range)) = parts else { return Ok(()) };
            let hash_len = range.as_ref().map(|_| hash.len());
            let name = range.map_or(hash.clone(), |range| [hash, range].join(&b'/'));
            self.push((number, before.is_some()), &Named { scope: table, name, hash_len }, ts)
        })
    }

    /// Adds a name; `was_there` says that an older version is held.
    fn push(&mut self, (family, was_there): (u8, bool), named: &Named, ts: Hlc) -> Result<()> {
        let summary = named.summary(family, ts);
        name::of(&summary, &mut self.name);
        if !self.selection.selects(&self.name) {
            return Ok(());
        }
        self.record.clear();
        self.record.extend(ts.0.to_be_bytes());
        self.record.extend([u8::from(was_there), family]);
        let hash_len = named.hash_len.map_or(u64::MAX, |len| u64::try_from(len).unwrap_or(u64::MAX));
        self.record.extend(hash_len.to_be_bytes());
        self.record.extend(u64::try_from(named.scope.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.record.extend_from_slice(&named.scope);
        self.record.extend_from_slice(&named.name);
        Ok(self.sorter.push(self.name.as_bytes(), &self.record)?)
    }

    /// Lists the names that have tombstones only.
    pub(super) fn list(mut self, list: &mut List<'_>) -> Result<()> {
        let mut records = self.sorter.sort()?;
        let (mut name, mut newest) = (Vec::new(), Vec::new());
        let (mut is_there, mut is_ambiguous) = (true, false);
        while let Some((key, record)) = records.next()? {
            if key != name {
                if !is_there {
                    add(list, &name, &newest, is_ambiguous)?;
                }
                name = key.to_vec();
                newest.clear();
                (is_there, is_ambiguous) = (false, false);
            }
            is_there |= record.is_empty();
            // Of one time, and none of which an older version is held.
            is_ambiguous = match record.get(..FRONT).cmp(&newest.get(..FRONT)) {
                Ordering::Less => is_ambiguous,
                Ordering::Equal => is_ambiguous || kind(record) != kind(&newest),
                Ordering::Greater => false,
            };
            if record > newest.as_slice() {
                newest = record.to_vec();
            }
        }
        if is_there { Ok(()) } else { add(list, &name, &newest, is_ambiguous) }
    }
}

/// Bytes of a record that tell when, and whether an older version is held.
const FRONT: usize = 9;

/// Returns the type that a record tells.
fn kind(record: &[u8]) -> Option<&'static str> {
    FAMILIES.get(usize::from(*record.get(FRONT)?)).map(|(_, kind)| *kind)
}

fn add(list: &mut List<'_>, name: &[u8], record: &[u8], is_ambiguous: bool) -> Result<()> {
    let (family, ts, named) = Named::read(record).ok_or(RECORD)?;
    let name = String::from_utf8_lossy(name);
    let mut summary = named.summary(family, ts);
    let is_of_any =
        is_ambiguous && summary.service == Namespace::Redis.name() && record.get(FRONT - 1) == Some(&0);
    if is_of_any {
        summary.kind = KEY;
    }
    list.add(&Listed { name: &name, summary: &summary, deleted: true, delivery: None })
}

impl Named {
    fn summary(&self, family: u8, ts: Hlc) -> Summary<'_> {
        let (family, kind) = FAMILIES.get(usize::from(family)).copied().unwrap_or((Family::Bare, "value"));
        Summary {
            service: family.owner().name(),
            scope: self.scope.as_slice().into(),
            name: self.name.as_slice().into(),
            hash_len: self.hash_len,
            kind,
            commit_ts: Some(ts),
            ..Summary::default()
        }
    }

    fn read(mut record: &[u8]) -> Option<(u8, Hlc, Self)> {
        let ts = cursor::take_u64_be(&mut record).map(Hlc)?;
        let _was_there = cursor::take_u8(&mut record)?;
        let family = cursor::take_u8(&mut record)?;
        let hash_len = cursor::take_u64_be(&mut record)?;
        let scope = usize::try_from(cursor::take_u64_be(&mut record)?).ok()?;
        let (scope, name) = record.split_at_checked(scope)?;
        let hash_len = usize::try_from(hash_len).ok().filter(|_| hash_len != u64::MAX);
        Some((family, ts, Self { scope: scope.to_vec(), name: name.to_vec(), hash_len }))
    }
}

/// Calls `each` with the keys of a family whose newest version at the read time is a tombstone, its time, and where the
/// version before it is.
fn tombstones(
    snapshot: &Snapshot,
    family: Family,
    mut each: impl FnMut(&[u8], Hlc, Option<RowLocation>) -> Result<()>,
) -> Result<()> {
    let mut versions = snapshot.versions(family);
    let (mut key, mut is_decided) = (Vec::new(), false);
    let mut open: Option<Hlc> = None;
    while let Some(version) = versions.next()? {
        let Version { commit_ts, tombstone, encrypted, place, .. } = version;
        if version.key != key {
            if let Some(ts) = open.take() {
                each(&key, ts, None)?;
            }
            key.clear();
            key.extend_from_slice(version.key);
            is_decided = false;
        }
        if commit_ts > snapshot.read_ts() {
            continue;
        }
        if let Some(ts) = open.filter(|_| !tombstone) {
            open = None;
            each(&key, ts, Some(place).filter(|_| !encrypted))?;
        }
        if !is_decided {
            is_decided = true;
            open = tombstone.then_some(commit_ts);
        }
    }
    open.map_or(Ok(()), |ts| each(&key, ts, None))
}

/// Returns what a key names; `None` where it is malformed: then no object had it.
fn named(family: Family, key: &[u8]) -> Option<Named> {
    let of = |scope: &[u8], name: &[u8]| Named { scope: scope.to_vec(), name: name.to_vec(), hash_len: None };
    let segment = |segment: sqs::Segment<'_>| {
        let mut text = Vec::new();
        segment.decode(&mut text);
        text
    };
    let database = DATABASE.as_bytes();
    match family {
        Family::DynamodbTable => Some(of(&schema_table(key).ok()?, b"")),
        Family::S3BucketMeta => Some(of(&parse_bucket(family, key)?, b"")),
        Family::S3ObjectHead => {
            let key = ObjectKey::parse(key)?;
            Some(of(&key.bucket.raw(), &key.object.raw()))
        }
        Family::SqsQueueMeta => Some(of(&segment(sqs::queue(family, key).ok()?), b"")),
        Family::SqsData => {
            let key = DataKey::parse(key).ok()?;
            Some(of(&segment(key.queue), &segment(key.message_id)))
        }
        Family::Bare | Family::Unknown => Some(of(b"", key)),
        Family::HashField | Family::SetMember | Family::ZsetMember => {
            Some(of(database, redis::parse_element(family, key)?.0))
        }
        Family::HashMeta | Family::SetMeta | Family::ZsetMeta | Family::StreamMeta => {
            Some(of(database, redis::parse_meta(family, key)?))
        }
        Family::StreamEntry => Some(of(database, redis::parse_entry(key)?.0)),
        Family::ListItem => Some(of(database, redis::parse_item(key)?.key)),
        _ => Some(of(database, redis::parse_plain(family, key)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        for hash_len in [None, Some(0), Some(1)] {
            let named = Named { scope: b"t".to_vec(), name: b"a/b".to_vec(), hash_len };
            let scratch = Scratch::default();
            let selection = Selection::default();
            let mut collected = Names::new(&selection, &scratch);
            collected.push((1, true), &named, Hlc(7)).unwrap();
            assert_eq!(Named::read(&collected.record), Some((1, Hlc(7), named)));
            assert_eq!(Named::read(&collected.record[..18]), None);
        }
    }

    #[test]
    fn keys_name_their_objects() {
        for (family, key, want) in [
            (Family::RedisString, &b"!redis|str|k"[..], "redis/k"),
            (Family::HashField, b"!hs|fld|\0\0\0\x01kname", "redis/k"),
            (Family::HashMeta, b"!hs|meta|\0\0\0\x01k", "redis/k"),
            (Family::ListItem, b"!lst|itm|k\x80\0\0\0\0\0\0\0", "redis/k"),
            (Family::DynamodbTable, b"!ddb|meta|table|dA", "dynamodb/t"),
            (Family::S3ObjectHead, b"!s3|obj|head|b\0\x01\0\0\0\0\0\0\0\x05o/x\0\x01", "s3/b/o/x"),
            (Family::SqsQueueMeta, b"!sqs|queue|meta|cQ", "sqs/q"),
            (Family::SqsData, b"!sqs|msg|data|cQ\0\0\0\0\0\0\0\x01bQ", "sqs/q/m"),
            (Family::Bare, b"k", "kv/k"),
        ] {
            let number = FAMILIES.iter().position(|(of, _)| *of == family).unwrap();
            let named = named(family, key).unwrap();
            let mut name = String::new();
            name::of(&named.summary(u8::try_from(number).unwrap(), Hlc(1)), &mut name);
            assert_eq!(name, want);
        }
        assert_eq!(named(Family::HashMeta, b"!hs|meta|\0\0\0\x02k"), None);
    }
}
