//! Which objects of two snapshots can differ: those of which a row differs.
//!
//! In: the visible rows of both snapshots, in the order of their encoded keys. Out: a filter that lets them pass, and
//! hardly any others, so that objects of equal rows are neither laid out nor hashed. Where an object is made of more
//! than the rows that its key tells (a table that migrates, a bucket, a queue, the filesystem), all of its scope or
//! service passes.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Result;
use crate::keyspace::dynamodb::ItemKey;
use crate::keyspace::{Family, Namespace};
use crate::limits;
use crate::model::{Answer, Object, ScopeEnd};
use crate::name::{self, SERVICES, Selection};
use crate::report::Report;
use crate::run::owner::owner;
use crate::service::focus::redis;
use crate::sink::Sink;
use crate::snapshot::{Entries, Entry, Focus, RowFilter, Snapshot};
use crate::time::Hlc;
use crate::tree::Wanted;

/// Of so many rows one may differ for the contents of all that pass to be kept at the first reading.
const KEEP_ONE_OF: u64 = 8;

/// Of so many rows one may differ for the objects to be looked up one by one: looking one up takes as long as reading some
/// dozens of rows.
const SEEK_ONE_OF: u64 = 32;

/// Objects of which rows differ.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Services of which everything passes.
    whole: BTreeSet<Namespace>,
    /// Services of which anything passes.
    services: BTreeSet<Namespace>,
    filter: Wanted,
    /// Keys of Redis and rows of items that the filter lets pass; not all of them where there is no `room` left.
    keys: Vec<(Namespace, Vec<u8>)>,
    /// Bytes of keys that are still held.
    room: usize,
    /// Whether items pass by their table.
    by_table: bool,
    rows: u64,
    differing: u64,
}

/// The row at hand of one side.
#[derive(Default)]
struct Row {
    /// User key, then its inverted commit time: rows ascend by it.
    encoded: Vec<u8>,
    expire_at: Hlc,
    body: Vec<u8>,
    is_there: bool,
}

/// Tells tables of which rows of several generations are there.
#[derive(Default)]
struct Generations {
    table: Vec<u8>,
    generation: u64,
}

impl Touched {
    /// Compares the rows of all services but these.
    pub(super) fn compare(old: &Snapshot, new: &Snapshot, excluded: &BTreeSet<Namespace>) -> Result<Self> {
        let mut touched = Self { room: limits::DIFF_KEYS, ..Self::default() };
        for family in Family::all() {
            let owner = family.owner();
            if owner != Namespace::Internal && !excluded.contains(&owner) && !touched.whole.contains(&owner) {
                touched.family(family, old.scan(family), new.scan(family))?;
            }
        }
        Ok(touched)
    }

    /// Returns what has to be read of a snapshot: of few keys their rows alone.
    pub(super) fn focus(self: &Arc<Self>, snapshot: &Snapshot) -> Focus {
        let mut focus = Focus::passing(Arc::<Self>::clone(self));
        if self.room == 0 || self.differing > self.rows / SEEK_ONE_OF {
            return focus;
        }
        let keys = |service| self.keys.iter().filter(move |(of, _)| *of == service).map(|(_, key)| key);
        if !self.whole.contains(&Namespace::Redis) {
            let keys: Vec<_> = keys(Namespace::Redis).map(Vec::as_slice).collect();
            redis(&keys, &mut focus, is_plain);
        }
        // Malformed keys are met as they are in a scan: where there are none.
        if !self.whole.contains(&Namespace::Dynamodb) && !self.by_table && snapshot.item_runs().is_some() {
            focus.narrow(Family::DynamodbItem, keys(Namespace::Dynamodb).cloned().collect());
        }
        focus
    }

    /// Lists the services of which nothing passes.
    pub(super) fn untouched(&self) -> impl Iterator<Item = Namespace> {
        SERVICES.into_iter().filter(|service| !self.services.contains(service))
    }

    /// Whether few enough rows differ for all contents to be kept at once.
    pub(super) fn is_small(&self) -> bool {
        self.differing <= self.rows / KEEP_ONE_OF
    }

    fn family(&mut self, family: Family, mut old: Entries<'_>, mut new: Entries<'_>) -> Result<()> {
        let (mut old_last, mut new_last) = (Generations::default(), Generations::default());
        let (mut one, mut other) = (Row::default(), Row::default());
        loop {
            // As a rule both sides have the same row, and nothing is copied.
            match (old.next()?, new.next()?) {
                (None, None) => return Ok(()),
                (Some(left), Some(right)) if is_same(&left, &right) => {
                    self.rows += 1;
                    self.migrates(family, left.key, &mut old_last);
                    self.migrates(family, right.key, &mut new_last);
                    continue;
                }
                (left, right) => {
                    one.set(left);
                    other.set(right);
                }
            }
            loop {
                let order = match (one.is_there, other.is_there) {
                    (false, false) => return Ok(()),
                    (true, true) => one.encoded.cmp(&other.encoded),
                    (true, false) => Ordering::Less,
                    (false, true) => Ordering::Greater,
                };
                self.rows += 1;
                if order.is_ne() || one.expire_at != other.expire_at || one.body != other.body {
                    self.differing += 1;
                    let row = if order.is_gt() { &other } else { &one };
                    self.touch(family, row.key());
                }
                if order.is_le() {
                    self.migrates(family, one.key(), &mut old_last);
                }
                if order.is_ge() {
                    self.migrates(family, other.key(), &mut new_last);
                }
                match order {
                    Ordering::Less => one.set(old.next()?),
                    Ordering::Greater => other.set(new.next()?),
                    Ordering::Equal => break,
                }
            }
        }
    }

    /// Lets the object of a row pass.
    fn touch(&mut self, family: Family, key: &[u8]) {
        let service = family.owner();
        self.services.insert(service);
        let owner = owner(family, key);
        let is_whole =
            service == Namespace::Fs || matches!(family, Family::S3ChunkBlob | Family::S3BucketGeneration);
        match owner {
            None => drop(self.whole.insert(service)),
            Some(_) if is_whole => drop(self.whole.insert(service)),
            Some(owner) => match (service, &owner.key) {
                (Namespace::Dynamodb, _) if family == Family::DynamodbItem => self.add(service, b"r", key),
                (Namespace::Redis | Namespace::Kv, Some(name)) => self.add(service, b"k", name),
                _ => self.add(service, b"s", &owner.scope),
            },
        }
    }

    /// An item of a table that migrates can be made of a row of either generation.
    fn migrates(&mut self, family: Family, key: &[u8], last: &mut Generations) {
        if family != Family::DynamodbItem {
            return;
        }
        let whole = key;
        let Ok(key) = ItemKey::parse(key) else { return };
        if key.table_segment != last.table {
            last.table.clear();
            last.table.extend_from_slice(key.table_segment);
            last.generation = key.generation;
        } else if key.generation != last.generation {
            last.generation = key.generation;
            if let Some(owner) = owner(family, whole) {
                self.add(Namespace::Dynamodb, b"s", &owner.scope);
            }
        }
    }

    fn add(&mut self, service: Namespace, kind: &[u8], name: &[u8]) {
        if (service, kind) == (Namespace::Redis, b"k") || kind == b"r" {
            self.room = self.room.saturating_sub(name.len());
            if self.room > 0 {
                self.keys.push((service, name.to_vec()));
            } else {
                self.keys = Vec::new();
            }
        }
        if service == Namespace::Dynamodb && kind == b"s" {
            self.by_table = true;
            // Rows have the name as a segment.
            let segment = URL_SAFE_NO_PAD.encode(name);
            self.filter.add_parts(&[service.name().as_bytes(), b"t", segment.as_bytes()]);
        }
        self.filter.add_parts(&[service.name().as_bytes(), kind, name]);
    }

    fn has(&self, service: Namespace, kind: &[u8], name: &[u8]) -> bool {
        self.whole.contains(&service) || self.filter.has_parts(&[service.name().as_bytes(), kind, name])
    }

    /// Whether an object passes.
    fn passes(&self, object: &Object<'_>) -> bool {
        match object {
            Object::Redis(object) => self.has(Namespace::Redis, b"k", object.key),
            Object::Kv(pair) => self.has(Namespace::Kv, b"k", pair.key),
            Object::Dynamodb(crate::model::dynamodb::Object::Item(item)) => {
                self.has(Namespace::Dynamodb, b"r", item.row_key)
                    || self.has(Namespace::Dynamodb, b"s", item.table)
            }
            Object::S3(_) => self.has(Namespace::S3, b"s", &object.summary().scope),
            Object::Sqs(_) => self.has(Namespace::Sqs, b"s", &object.summary().scope),
            // A table, which its items need to have a place.
            Object::Dynamodb(_) | Object::Fs(_) => true,
        }
    }
}

impl RowFilter for Touched {
    fn passes(&self, family: Family, key: &[u8]) -> bool {
        let service = family.owner();
        if family == Family::DynamodbItem {
            return match ItemKey::parse(key) {
                Ok(item) => self.has(service, b"r", key) || self.has(service, b"t", item.table_segment),
                Err(_) => true,
            };
        }
        if !matches!(service, Namespace::Redis | Namespace::Kv) {
            return true;
        }
        owner(family, key).and_then(|owner| owner.key).is_none_or(|name| self.has(service, b"k", &name))
    }
}

/// Whether all keys of a family of Redis are well-formed, since they are but a prefix and a name.
fn is_plain(family: Family) -> bool {
    matches!(
        family,
        Family::RedisString
            | Family::RedisHll
            | Family::RedisTtl
            | Family::RedisHashBlob
            | Family::RedisSetBlob
            | Family::RedisZsetBlob
            | Family::RedisStreamBlob
    )
}

/// Whether two rows are the same.
fn is_same(one: &Entry<'_>, other: &Entry<'_>) -> bool {
    one.commit_ts == other.commit_ts
        && one.expire_at == other.expire_at
        && one.key == other.key
        && one.body == other.body
}

impl Row {
    fn set(&mut self, entry: Option<Entry<'_>>) {
        self.is_there = entry.is_some();
        let Some(entry) = entry else { return };
        self.encoded.clear();
        self.encoded.extend_from_slice(entry.key);
        self.encoded.extend_from_slice(&entry.commit_ts.suffix());
        self.body.clear();
        self.body.extend_from_slice(entry.body);
        self.expire_at = entry.expire_at;
    }

    fn key(&self) -> &[u8] {
        self.encoded.split_last_chunk::<8>().map_or(&[], |(key, _)| key)
    }
}

/// Which objects are looked at.
#[derive(Clone, Copy)]
pub(super) struct Filter<'f> {
    pub(super) touched: &'f Arc<Touched>,
    pub(super) selection: &'f Selection,
}

/// Passes on the objects that can differ, and are looked at.
pub(super) struct Restricted<'s> {
    filter: Filter<'s>,
    sink: &'s mut dyn Sink,
    name: String,
    /// Whether anything of the scope was passed on.
    in_scope: bool,
}

impl<'s> Restricted<'s> {
    pub(super) fn new(filter: Filter<'s>, sink: &'s mut dyn Sink) -> Self {
        Self { filter, sink, name: String::new(), in_scope: false }
    }

    fn passes(&mut self, object: &Object<'_>) -> bool {
        let Filter { touched, selection } = self.filter;
        if !selection.is_everything() {
            name::of(&object.summary(), &mut self.name);
            // Each pattern hears of each name, so that it is known whether it matches any.
            if !selection.selects(&self.name) && !selection.reaches(&self.name) {
                return false;
            }
        }
        touched.passes(object)
    }
}

impl Sink for Restricted<'_> {
    fn behind(&self) -> Option<&dyn Sink> {
        Some(self.sink)
    }

    fn behind_mut(&mut self) -> Option<&mut dyn Sink> {
        Some(self.sink)
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        if !self.passes(&object) {
            return Ok(Answer::Left);
        }
        self.in_scope = true;
        self.sink.object(report, object)
    }

    fn end_scope(&mut self, report: &mut Report<'_>, end: ScopeEnd) -> Result<()> {
        if std::mem::take(&mut self.in_scope) { self.sink.end_scope(report, end) } else { Ok(()) }
    }

    fn end_service(&mut self, report: &mut Report<'_>, owner: Namespace) -> Result<()> {
        self.in_scope = false;
        self.sink.end_service(report, owner)
    }
}
