//! Random clusters against a slow model: rows of one store spread over several inputs in mixed payload forms, with
//! transactions in every state of `keyspaces.md` 6.2 (hidden locks and equal timestamps included), rows that stand in
//! other groups than their neighbours, and route catalogs that say whose copy counts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::container::fixture::{self, MemoryVersion};

const T: u64 = 100;

/// What happened to a transaction's key; all have the primary `!redis|str|p<start>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Committed(u64),
    RolledBack,
    Pending,
    Unknown,
}

#[derive(Clone, Debug)]
struct Transaction {
    fate: Fate,
    /// Key to new value; `None` deletes.
    writes: BTreeMap<Vec<u8>, Option<u8>>,
    /// Whether the record is in a snapshot that is searched for records only.
    elsewhere: bool,
}

/// A row: key, timestamp, tombstone, expiry, body.
type Row = (Vec<u8>, u64, bool, u64, Vec<u8>);

/// Key to timestamp and value.
type State = BTreeMap<Vec<u8>, (u64, Vec<u8>)>;

/// A range of routing keys; no end: to the last one.
type Range<'a> = (&'a [u8], Option<&'a [u8]>);

/// What an input says about a key.
#[derive(Clone, Debug)]
struct KeyCopy {
    input: usize,
    ts: u64,
    /// Whether it is a committed write.
    write: bool,
    /// The value; none where it says that the key is not there.
    value: Option<Vec<u8>>,
}

/// A route catalog: three ranges.
#[derive(Clone, Debug)]
struct Routes {
    /// Input that holds it.
    home: usize,
    /// When it was committed; it is its version too.
    ts: u64,
    /// Where the second and the third range begin.
    splits: (Vec<u8>, Vec<u8>),
    /// Raft groups of the ranges, and whether each is on its way there.
    groups: Vec<(u64, bool)>,
}

#[derive(Clone, Debug)]
struct Cluster {
    inputs: Vec<Vec<Row>>,
    memory: Vec<bool>,
    records: Vec<Row>,
    transactions: BTreeMap<u64, Transaction>,
    /// Ascending by version.
    catalogs: Vec<Routes>,
}

/// Raft group of the input with this index.
fn group(input: usize) -> u64 {
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

impl Cluster {
    /// Returns the group that owns a key at a time: strings are placed by their names, all others here by themselves.
    fn owner(&self, key: &[u8], at: u64) -> Option<u64> {
        let routes = self.catalogs.iter().rfind(|routes| routes.ts <= at)?;
        let key = key.strip_prefix(b"!redis|str|").unwrap_or(key);
        let range = usize::from(*key >= *routes.splits.0) + usize::from(*key >= *routes.splits.1);
        let (group, arriving) = routes.groups[range];
        (!arriving).then_some(group)
    }

    /// Whether a live server would never find the lock of a key, whose newest row is in this input: the first row of
    /// the store from the lock's key with eight zeros on is another key's (6.2).
    fn is_hidden(&self, input: usize, key: &[u8]) -> bool {
        let lock = [b"!txn|lock|", key].concat();
        let from = [&lock[..], &[0; 8]].concat();
        let rows = self.inputs[input].iter().map(|row| (fixture::encoded(&row.0, row.1), &row.0));
        rows.filter(|(encoded, _)| *encoded >= from).min().is_some_and(|(_, first)| *first != lock)
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

fn primary(start: u64) -> Vec<u8> {
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
    fn cluster()(
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
fn name(input: usize) -> String {
    format!("{input}.fsm")
}

fn source(name: &str, rows: &[Row], memory: bool) -> Source {
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

/// What a store must hold at a timestamp: key to (timestamp, value), and the keys of committed writes behind hidden
/// locks. Resolved input by input, then merged.
fn model(cluster: &Cluster, at: u64) -> (State, BTreeSet<Vec<u8>>) {
    let mut all: BTreeMap<Vec<u8>, Vec<KeyCopy>> = BTreeMap::new();
    for (input, rows) in cluster.inputs.iter().enumerate() {
        let mut newest: BTreeMap<&[u8], &Row> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.1 <= at) {
            let kept = newest.entry(&row.0).or_insert(row);
            if kept.1 < row.1 {
                *kept = row;
            }
        }
        for (key, (_, ts, gone, expiry, body)) in &newest {
            let visible = !gone && (*expiry == 0 || *expiry > at);
            let value = visible.then(|| body.clone());
            all.entry(key.to_vec()).or_default().push(KeyCopy { input, ts: *ts, write: false, value });
        }
    }
    let mut hidden = BTreeSet::new();
    for (_, transaction) in cluster.transactions.iter().filter(|(start, _)| **start <= at) {
        let Fate::Committed(committed) = transaction.fate else { continue };
        for (key, value) in transaction.writes.iter().filter(|_| committed <= at) {
            let lock = [b"!txn|lock|", &key[..]].concat();
            let input = all[&lock].iter().find(|copy| copy.value.is_some()).unwrap().input;
            let copies = all.entry(key.clone()).or_default();
            // In its own group the write came after all that stands there; elsewhere it is one copy of several.
            let owned = cluster.owner(key, at) == Some(group(input));
            if copies.iter().all(|copy| copy.ts <= committed || (owned && copy.input != input)) {
                copies.push(KeyCopy {
                    input,
                    ts: committed,
                    write: true,
                    value: value.map(|value| vec![value]),
                });
                if cluster.is_hidden(input, key) {
                    hidden.insert(key.clone());
                }
            }
        }
    }
    let mut state = BTreeMap::new();
    for (key, copies) in all {
        let owner = cluster.owner(&key, at);
        let own = copies.iter().filter(|copy| Some(group(copy.input)) == owner);
        let winner = own.max_by_key(|copy| copy.write).or_else(|| {
            let counts = copies.iter().filter(|copy| copy.write || copy.value.is_some());
            counts.max_by_key(|copy| (copy.ts, copy.write))
        });
        if let Some(KeyCopy { ts, value: Some(body), .. }) = winner
            && !key.starts_with(b"!txn|")
        {
            state.insert(key, (*ts, body.clone()));
        }
    }
    (state, hidden)
}

fn families() -> impl Iterator<Item = Family> {
    Family::all().filter(|family| !family.name().starts_with("!txn|"))
}

fn check(cluster: &Cluster, asked: Option<u64>, reverse: bool) -> std::result::Result<(), TestCaseError> {
    let named = cluster.inputs.iter().zip(&cluster.memory).enumerate();
    let mut sources: Vec<_> =
        named.map(|(input, (rows, memory))| source(&name(input), rows, *memory)).collect();
    if reverse {
        sources.reverse();
    }
    let txn_from = vec![std::sync::Arc::new(source("records.fsm", &cluster.records, false))];
    let directory = tempfile::tempdir().unwrap();
    let scratch = crate::sort::Scratch::new(directory.path().to_owned());
    let groups = (0..cluster.inputs.len()).map(|input| (name(input).into(), group(input))).collect();
    let at = asked.map(ReadAt::Hlc);
    let options = StoreOptions { at, groups, txn_from, scratch, ..StoreOptions::default() };
    let store = open::open(sources, &options, DENSE).unwrap();
    let rows = cluster.inputs.iter().flatten();
    let latest = rows.map(|row| row.1).max().unwrap_or_default().max(T);
    prop_assert_eq!(store.read_ts(), asked.unwrap_or(latest).min(latest));
    let (expected, hidden) = model(cluster, store.read_ts());

    let mut found = BTreeMap::new();
    for family in families() {
        let entries = collect(store.scan(family));
        prop_assert_eq!(store.stats(family).visible, entries.len() as u64, "{:?}", family);
        let order: Vec<_> = entries.iter().map(|(key, ts, _)| fixture::encoded(key, *ts)).collect();
        prop_assert!(order.is_sorted(), "one order of rows");
        found.extend(entries.into_iter().map(|(key, ts, body)| (key, (ts, body))));
    }
    prop_assert_eq!(&found, &expected);

    let mut entry = EntryBuf::default();
    let locked = cluster.transactions.values().flat_map(|transaction| transaction.writes.keys());
    let keys: BTreeSet<_> = cluster.inputs.iter().flatten().map(|row| &row.0).chain(locked).collect();
    for key in keys.into_iter().filter(|key| !key.starts_with(b"!txn|")) {
        prop_assert_eq!(store.get(key, &mut entry).unwrap(), expected.contains_key(key));
        if let Some((ts, body)) = expected.get(key) {
            prop_assert_eq!((&entry.key, entry.commit_ts, &entry.body), (key, *ts, body));
            let place = entry.place.unwrap();
            store.read(place, &mut entry).unwrap();
            prop_assert_eq!((&entry.key, entry.commit_ts, &entry.body), (key, *ts, body));
        }
        for prefix in [&key[..], &key[..key.len() / 2], &[&key[..], &[0xfe]].concat()] {
            let mut scan = store.scan_prefix(prefix, None);
            let hint = scan.next().unwrap().map(|entry| entry.place);
            for hint in [None, hint] {
                let found = collect(store.scan_prefix(prefix, hint));
                let found: Vec<_> =
                    found.into_iter().filter(|(key, ..)| !key.starts_with(b"!txn|")).collect();
                let found_keys = found.len();
                let found: BTreeMap<_, _> =
                    found.into_iter().map(|(key, ts, body)| (key, (ts, body))).collect();
                prop_assert_eq!(found.len(), found_keys);
                let wanted: BTreeMap<_, _> = expected
                    .iter()
                    .filter(|(key, _)| key.starts_with(prefix))
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                prop_assert_eq!(found, wanted);
            }
        }
    }
    let warned = store.warnings().iter().filter(|warning| warning.event == "txn_hidden_commit");
    let warned: BTreeSet<_> = warned.map(|warning| warning.fields[0].1.to_string()).collect();
    let hidden: BTreeSet<_> =
        hidden.iter().map(|key| serde_json::Value::from(hex::encode(key)).to_string()).collect();
    prop_assert_eq!(warned, hidden);
    undecided(cluster, &store)
}

/// Compares the locks that nothing decides.
fn undecided(cluster: &Cluster, store: &Store) -> std::result::Result<(), TestCaseError> {
    let mut expected = BTreeSet::new();
    for (start, transaction) in cluster.transactions.iter().filter(|(start, _)| **start <= store.read_ts()) {
        let pending = match transaction.fate {
            Fate::Pending => {
                expected.insert((primary(*start), true));
                true
            }
            // The primary's group is here and knows nothing: it was given up.
            Fate::Unknown
                if cluster
                    .owner(&primary(*start), store.read_ts())
                    .is_some_and(|owner| owner <= group(cluster.inputs.len() - 1)) =>
            {
                continue;
            }
            Fate::Unknown => false,
            _ => continue,
        };
        expected.extend(transaction.writes.keys().map(|key| (key.clone(), pending)));
    }
    let found: BTreeSet<_> = store.undecided().iter().map(|lock| (lock.key.clone(), lock.pending)).collect();
    prop_assert_eq!(found, expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_cluster_reads_like_its_resolved_state(
        cluster in cluster(),
        at in proptest::option::weighted(0.3, 1..110_u64),
        reverse in any::<bool>(),
    ) {
        check(&cluster, at, reverse)?;
    }
}
