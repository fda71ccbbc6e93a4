//! Which rows have an object's history, and what a version of one says.
//!
//! In: a row key, and the value of one of its versions. Out: what the row is of its object (`field "name"`, `item`), and
//! [`Facts`].

use std::collections::BTreeSet;

use super::fact::{self, Facts};
use crate::error::{Error, Result};
use crate::keyspace::dynamodb::ItemKey;
use crate::keyspace::s3::{ObjectKey, parse_bucket};
use crate::keyspace::sqs::{self, DataKey};
use crate::keyspace::{Family, Namespace, fs};
use crate::layout;
use crate::model::dynamodb::{Attributes, Schema};
use crate::name::{ItemKey as ItemKeyText, Literal};
use crate::service::fs::NameRecord;
use crate::service::redis::history::{self, Part};
use crate::snapshot::{EntryBuf, Snapshot};

/// Magic numbers in front of JSON.
const MAGIC: usize = 4;

/// The rows of an object.
#[derive(Debug)]
pub(crate) struct Rows<'l> {
    object: &'l Literal,
    /// Primary keys of an item.
    primaries: Vec<Vec<u8>>,
    /// Row keys of a file's name.
    names: BTreeSet<Vec<u8>>,
    /// Inodes that the name ever had.
    inodes: BTreeSet<u64>,
}

impl<'l> Rows<'l> {
    /// Finds the rows of an object.
    pub(crate) fn of(snapshot: &Snapshot, object: &'l Literal) -> Result<Self> {
        let mut rows =
            Self { object, primaries: Vec::new(), names: BTreeSet::new(), inodes: BTreeSet::new() };
        let mut row = EntryBuf::default();
        match (object.service, &object.key) {
            (Namespace::Dynamodb, _) => {
                if let Some(item) = &object.item {
                    rows.primaries = primaries(snapshot, object, item)?;
                }
            }
            (Namespace::Fs, None) => _ = rows.inodes.insert(fs::ROOT),
            (Namespace::Fs, Some(path)) => {
                // Directories that had the name at any time.
                let mut directories = BTreeSet::from([fs::ROOT]);
                let mut names = path.split(|&byte| byte == b'/').peekable();
                while let Some(name) = names.next() {
                    rows.names = directories.iter().map(|&directory| fs::name_key(directory, name)).collect();
                    if names.peek().is_none() {
                        break;
                    }
                    directories.clear();
                    let mut versions = snapshot.versions(Family::FsName);
                    while let Some(version) = versions.next()? {
                        if rows.names.contains(version.key) {
                            directories.extend(inode_of(version.body));
                        }
                    }
                    for name in &rows.names {
                        if snapshot.get(name, &mut row)? {
                            directories.extend(inode_of(&row.body));
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(rows)
    }

    /// Lists the families in which the object can have rows with a history.
    pub(crate) fn families(&self) -> &'static [Family] {
        let whole = self.object.key.is_none() && self.object.item.is_none();
        match self.object.service {
            Namespace::Redis => &history::FAMILIES,
            Namespace::Dynamodb if whole => &[Family::DynamodbTable],
            Namespace::Dynamodb => &[Family::DynamodbItem],
            Namespace::S3 if whole => &[Family::S3BucketMeta],
            Namespace::S3 => &[Family::S3ObjectHead],
            Namespace::Sqs if whole => &[Family::SqsQueueMeta],
            Namespace::Sqs => &[Family::SqsData],
            Namespace::Fs => &[Family::FsName, Family::FsInode],
            Namespace::Kv => &[Family::Bare, Family::Unknown],
            Namespace::Internal => &[],
        }
    }

    /// Returns what a row is of the object; `None` where it is of another one.
    pub(crate) fn label(&self, family: Family, key: &[u8]) -> Option<String> {
        let object = self.object;
        let own = object.key.as_deref();
        match family {
            Family::DynamodbTable => {
                let table = crate::keyspace::dynamodb::schema_table(key).ok()?;
                (table == object.scope).then(|| "table".to_owned())
            }
            Family::DynamodbItem => {
                let key = ItemKey::parse(key).ok()?;
                let table = crate::keyspace::dynamodb::table_name(key.table_segment).ok()?;
                let is_own = table == object.scope && self.primaries.iter().any(|own| own == key.primary);
                is_own.then(|| format!("item, generation {}", key.generation))
            }
            Family::S3BucketMeta => {
                (*parse_bucket(family, key)? == object.scope).then(|| "bucket".to_owned())
            }
            Family::S3ObjectHead => {
                let key = ObjectKey::parse(key)?;
                let is_own = *key.bucket.raw() == object.scope && Some(&*key.object.raw()) == own;
                is_own.then(|| format!("object, generation {}", key.generation))
            }
            Family::SqsQueueMeta => self.is_queue(sqs::queue(family, key).ok()?).then(|| "queue".to_owned()),
            Family::SqsData => {
                let key = DataKey::parse(key).ok()?;
                let mut id = Vec::new();
                key.message_id.decode(&mut id);
                let partition = key.partition.map_or(String::new(), |number| format!(", partition {number}"));
                (self.is_queue(key.queue) && Some(&*id) == own).then(|| format!("message{partition}"))
            }
            Family::FsName => self.names.contains(key).then(|| "name".to_owned()),
            Family::FsInode => {
                let inode = fs::inode(key).filter(|inode| self.inodes.contains(inode))?;
                Some(format!("inode {inode}"))
            }
            Family::Bare | Family::Unknown => (Some(key) == own).then(|| "value".to_owned()),
            _ => history::part(family, own?, key).map(|part| match part {
                Part::Whole(what) => what.to_owned(),
                Part::Named(what, name) => format!("{what} {}", fact::bytes(&name)),
                Part::Item(position) => format!("item {position}"),
                Part::Entry(id) => format!("entry {}-{}", id.ms, id.seq),
            }),
        }
    }

    fn is_queue(&self, segment: sqs::Segment<'_>) -> bool {
        let mut name = Vec::new();
        segment.decode(&mut name);
        name == self.object.scope
    }

    /// Takes to the rows of the object what a version leads to.
    pub(crate) fn follow(&mut self, family: Family, body: &[u8]) {
        if family == Family::FsName {
            self.inodes.extend(inode_of(body));
        }
    }

    /// Returns what a version says.
    pub(crate) fn facts(&mut self, family: Family, body: &[u8]) -> Result<Facts> {
        let mut facts = Facts::new();
        let mut json = Vec::new();
        let is_read = match family {
            Family::DynamodbItem => match Attributes::parse(body) {
                Ok(attributes) => {
                    layout::dynamodb::item_text(&attributes, &mut json)?;
                    // Attributes, each with its type, whatever is in them.
                    attributes_of(&json, &mut facts)
                }
                Err(_) => false,
            },
            Family::DynamodbTable => match Schema::parse(&self.object.scope, body) {
                Ok(schema) => {
                    layout::dynamodb::schema_text(&schema, &mut json)?;
                    fact::members(&json, &mut facts)
                }
                Err(_) => false,
            },
            Family::S3BucketMeta | Family::S3ObjectHead | Family::FsInode => fact::members(body, &mut facts),
            Family::FsName => {
                self.follow(family, body);
                fact::members(body, &mut facts)
            }
            Family::SqsQueueMeta | Family::SqsData => {
                body.get(MAGIC..).is_some_and(|json| fact::members(json, &mut facts))
            }
            Family::Bare | Family::Unknown => false,
            _ => {
                redis(family, body, &mut facts);
                true
            }
        };
        if !is_read {
            facts.insert("value".to_owned(), fact::bytes(body));
        }
        // Where the bytes are kept follows from nothing that a user sees.
        facts.retain(|name, _| !matches!(&**name, "parts" | "upload_id"));
        Ok(facts)
    }
}

/// Returns the primary keys that an item can have, whatever schema its table had.
fn primaries(snapshot: &Snapshot, object: &Literal, item: &ItemKeyText) -> Result<Vec<Vec<u8>>> {
    let (mut primaries, mut failed) = (Vec::new(), None);
    let mut take = |key: &[u8], body: &[u8]| {
        if crate::keyspace::dynamodb::schema_table(key).is_ok_and(|table| table == object.scope) {
            let schema = Schema::parse(&object.scope, body)
                .map_err(|error| Error::Name(format!("{}: the table's schema: {error}", object.name)));
            match schema.and_then(|schema| item.primaries(&schema)) {
                Ok(own) => primaries.extend(own),
                Err(error) => failed = Some(error),
            }
        }
    };
    let mut versions = snapshot.versions(Family::DynamodbTable);
    while let Some(version) = versions.next()? {
        if !version.tombstone {
            take(version.key, version.body);
        }
    }
    let mut entries = snapshot.scan(Family::DynamodbTable);
    while let Some(entry) = entries.next()? {
        take(entry.key, entry.body);
    }
    primaries.sort_unstable();
    primaries.dedup();
    // What one schema refuses another one may take.
    failed.filter(|_| primaries.is_empty()).map_or(Ok(primaries), Err)
}

fn inode_of(body: &[u8]) -> Option<u64> {
    NameRecord::parse(body).map(|record| record.inode)
}

fn attributes_of(json: &[u8], facts: &mut Facts) -> bool {
    let Ok(serde_json::Value::Object(attributes)) = serde_json::from_slice(json) else { return false };
    facts.extend(attributes.iter().map(|(name, value)| (name.clone(), fact::json(value))));
    true
}

fn redis(family: Family, body: &[u8], facts: &mut Facts) {
    let said = history::said(family, body);
    let named = [
        ("value", said.value.as_deref().map(fact::bytes)),
        ("expires_ms", said.expires_ms.map(|ms| ms.to_string())),
        ("length", said.length.map(|length| length.to_string())),
        ("score", said.score.map(|score| score.to_string())),
    ];
    facts.extend(named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    for (at, (name, value)) in said.fields.iter().enumerate() {
        // Names of an entry's fields may repeat.
        let again = said.fields.iter().take(at).any(|(before, _)| before == name);
        let name = if again { format!("{name} ({at})") } else { name.clone() };
        facts.insert(name, fact::bytes(value.as_bytes()));
    }
}
