//! Random clusters: transactions in every state, rows in mixed payload forms, route catalogs; and their sources.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::*;
use crate::container::fixture::{self, MemoryVersion};

/// `last_commit_ts` of the payloads' headers.
pub(super) const T: u64 = 100;

/// What happened to a transaction's key; all have the primary `!redis|str|p<start>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Committed(u64),
    RolledBack,
    Pending,
    Unknown,
}

#[derive(Clone, Debug)]
pub(super) struct Transaction {
    pub(super) fate: Fate,
    /// Key to new value; `None` deletes.
    pub(super) writes: BTreeMap<Vec<u8>, Option<u8>>,
    /// Whether the record is in a snapshot that is searched for records only.
    pub(super) elsewhere: bool,
}

/// A row: key, timestamp, tombstone, expiry, body.
pub(super) type Row = (Vec<u8>, u64, bool, u64, Vec<u8>);

/// A range of routing keys; no end: to the last one.
type Range<'a> = (&'a [u8], Option<&'a [u8]>);

/// A route catalog: three ranges.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    /// Input that holds it.
    pub(super) home: usize,
    /// When it was committed; it is its version too.
    pub(super) ts: u64,
    /// Where the second and the third range begin.
    pub(super) splits: (Vec<u8>, Vec<u8>),
    /// Raft groups of the ranges, and whether each is on its way there.
    pub(super) groups: Vec<(u64, bool)>,
}

#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) inputs: Vec<Vec<Row>>,
    pub(super) memory: Vec<bool>,
    pub(super) records: Vec<Row>,
    pub(super) transactions: BTreeMap<u64, Transaction>,
    /// Ascending by version.
    pub(super) catalogs: Vec<Routes>,
}

/// Raft group of the input with this index.
pub(super) fn group(input: usize) -> u64 {
    input as u64 + 1
}

impl Routes {
    fn rows(&self) -> impl Iterator<Item = Row> {
        let version = [&[1][..], &self.ts.to_be_bytes()].concat();
        let version = (b"!dist|meta|version".to_vec(), self.ts, false, 0, version);
        let (low, high) = (&self.splits.0[..], &self.splits.1[..]);
        let ranges = [(&b""[..], Some(low)), (low, Some(high)), (high, None)];
        let route = |(id, ((start, end), (group, arriving))): (u64, (Range<'_>, &(u64, bool)))| {
            let mut body = [&[2][..], &id.to_be_bytes(), &group.to_be_bytes()].concat();
            body.push(if *arriving { 3 } else { 0 });
            body.extend([0; 8]);
            body.extend((start.len() as u64).to_be_bytes());
            body.extend(start);
            body.push(u8::from(end.is_some()));
            if let Some(end) = end {
                body.extend((end.len() as u64).to_be_bytes());
                body.extend(end);
            }
            body.extend([0; 8]);
            ([b"!dist|route|", &id.to_be_bytes()[..]].concat(), self.ts, false, 0, body)
        };
        let routes: Vec<Row> = (1..).zip(ranges.into_iter().zip(&self.groups)).map(route).collect();
        routes.into_iter().chain([version])
    }
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![Just(0), Just(b'a'), Just(0xfe), Just(0xff)]
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let prefix = prop_oneof![
        3 => Just(&b""[..]),
        2 => Just(&b"!redis|str|"[..]),
        1 => Just(&b"!hs|fld|"[..]),
        1 => Just(&b"!hs|meta|"[..]),
        1 => Just(&b"!hs|meta|d|"[..]),
    ];
    let tail = prop_oneof![4 => vec(byte(), 0..4), 1 => vec(byte(), 8..12)];
    (prefix, tail).prop_map(|(prefix, tail)| [prefix, &tail].concat())
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => (1..30_u64).prop_map(Fate::Committed),
        1 => Just(Fate::RolledBack),
        1 => Just(Fate::Pending),
        1 => Just(Fate::Unknown),
    ]
}

fn lock(primary: &[u8], start: u64) -> Vec<u8> {
    let length = (primary.len() as u64).to_be_bytes();
    [&[1][..], &start.to_be_bytes(), &9_u64.to_be_bytes(), &[0], &length, primary].concat()
}

fn intent(start: u64, value: Option<u8>) -> Vec<u8> {
    let (op, value) = value.map_or((1, Vec::new()), |value| (0, vec![value]));
    [&[1][..], &start.to_be_bytes(), &[op], &(value.len() as u64).to_be_bytes(), &value].concat()
}

pub(super) fn primary(start: u64) -> Vec<u8> {
    format!("!redis|str|p{start}").into_bytes()
}

fn record(family: &str, start: u64) -> Vec<u8> {
    [family.as_bytes(), &primary(start), &start.to_be_bytes()].concat()
}

prop_compose! {
    fn routes(ts: u64)(
        ts in ts..ts + 20,
        home in any::<Index>(),
        splits in prop_oneof![
            Just((&b"!hs|meta|"[..], &b"a"[..])),
            Just((&b"!hs|"[..], &b"\xfe"[..])),
            Just((&b"a"[..], &b"a\xff"[..])),
        ],
        groups in vec((1..6_u64, proptest::bool::weighted(0.15)), 3),
    ) -> (Index, Routes) {
        // The first range is never on its way, so that a range before each one has an owner or ends.
        let splits = (splits.0.to_vec(), splits.1.to_vec());
        (home, Routes { home: 0, ts, splits, groups })
    }
}

prop_compose! {
    pub(super) fn cluster()(
        stored in btree_map(key(), btree_map(1..60_u64, (any::<bool>(), prop_oneof![4 => Just(0), 1 => 90..110_u64], any::<u8>()), 1..4), 0..25),
        transactions in btree_map(20..70_u64, (fate(), vec((key(), proptest::option::weighted(0.7, any::<u8>())), 1..5), any::<bool>()), 0..6),
        old_locks in vec((key(), 1..10_u64), 0..4),
        memory in vec(any::<bool>(), 1..5),
        homes in vec(any::<Index>(), 40),
        scatter in any::<bool>(),
        catalogs in (proptest::option::of(routes(1)), proptest::option::weighted(0.3, routes(21))),
        copies in vec((any::<Index>(), any::<Index>()), 0..4),
    ) -> Cluster {
        let mut locked = BTreeSet::new();
        let transactions: BTreeMap<u64, Transaction> = transactions
            .into_iter()
            .map(|(start, (fate, writes, elsewhere))| {
                let fate = if let Fate::Committed(after) = fate { Fate::Committed(start + after) } else { fate };
                let writes = writes.into_iter().filter(|(key, _)| locked.insert(key.clone())).collect();
                (start, Transaction { fate, writes, elsewhere })
            })
            .collect();
        let count = memory.len();
        let mut inputs = vec![Vec::new(); count];
        let mut records = Vec::new();
        // All rows of a key, and its locks and intents, are in one group; or each row is anywhere.
        let mut homes = homes.iter().cycle();
        let mut home_of = BTreeMap::new();
        let mut home = |key: &[u8]| {
            let key = if scatter { Vec::new() } else { key.to_vec() };
            let next = homes.next().unwrap().index(count);
            if scatter { next } else { *home_of.entry(key).or_insert(next) }
        };
        let catalogs: Vec<Routes> = [catalogs.0, catalogs.1].into_iter().flatten().map(|(home, routes)| Routes { home: home.index(count), ..routes }).collect();
        for (key, versions) in &stored {
            for (ts, (gone, expiry, body)) in versions {
                let row = if *gone { (key.clone(), *ts, true, 0, Vec::new()) } else { (key.clone(), *ts, false, *expiry, vec![*body]) };
                inputs[home(key)].push(row);
            }
        }
        for (start, transaction) in &transactions {
            for (key, value) in &transaction.writes {
                inputs[home(key)].push(([b"!txn|lock|", &key[..]].concat(), *start, false, 0, lock(&primary(*start), *start)));
                inputs[home(key)].push(([b"!txn|int|", &key[..]].concat(), *start, false, 0, intent(*start, *value)));
            }
            let input = if transaction.elsewhere && transaction.fate != Fate::Pending {
                &mut records
            } else {
                &mut inputs[home(&primary(*start))]
            };
            match transaction.fate {
                Fate::Committed(at) => {
                    input.push((record("!txn|cmt|", *start), at, false, 0, [&[1][..], &at.to_be_bytes()].concat()));
                }
                Fate::RolledBack => input.push((record("!txn|rb|", *start), start + 1, false, 0, vec![1])),
                Fate::Pending => {
                    let key = [&b"!txn|lock|"[..], &primary(*start)].concat();
                    input.push((key, *start, false, 0, lock(&primary(*start), *start)));
                }
                Fate::Unknown => {}
            }
        }
        for (key, ts) in old_locks {
            inputs[home(&key)].push(([b"!txn|lock|", &key[..]].concat(), ts, true, 0, Vec::new()));
        }
        // Copies that a move of a range left behind.
        for (key, to) in copies {
            if let Some(key) = (!stored.is_empty()).then(|| stored.keys().nth(key.index(stored.len())).unwrap()) {
                let (from, to) = (home(key), to.index(count));
                let rows: Vec<Row> = inputs[from].iter().filter(|row| row.0 == *key).cloned().collect();
                if to != from {
                    inputs[to].extend(rows);
                }
            }
        }
        for routes in &catalogs {
            inputs[routes.home].extend(routes.rows());
        }
        for input in &mut inputs {
            input.sort();
            input.dedup_by(|one, other| (&one.0, one.1) == (&other.0, other.1));
        }
        Cluster { inputs, memory, records, transactions, catalogs }
    }
}

/// Returns the name of the input with this index.
pub(super) fn name(input: usize) -> String {
    format!("{input}.fsm")
}

pub(super) fn source(name: &str, rows: &[Row], memory: bool) -> Source {
    if !memory {
        let add = |snapshot: Native, (key, ts, gone, expiry, body): &Row| {
            snapshot.version(key, *ts, u8::from(*gone), *expiry, body)
        };
        return fixture::source_named(name, &rows.iter().fold(Native::new(T), add).file());
    }
    let mut entries: BTreeMap<&[u8], Vec<MemoryVersion<'_>>> = BTreeMap::new();
    for (key, ts, gone, expiry, body) in rows {
        entries.entry(key).or_default().push((*ts, u8::from(*gone), *expiry, body));
    }
    let entries: Vec<_> = entries.iter().map(|(key, versions)| (*key, versions.as_slice())).collect();
    fixture::source_named(name, &fixture::memory(T, &entries))
}
