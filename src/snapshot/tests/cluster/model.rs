//! What a cluster must read like: slow and obvious, resolved input by input, then merged.

use std::collections::{BTreeMap, BTreeSet};

use super::generator::{Cluster, Fate, Row, group};
use crate::container::fixture;

/// Key to timestamp and value.
pub(super) type State = BTreeMap<Vec<u8>, (u64, Vec<u8>)>;

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

impl Cluster {
    /// Returns the group that owns a key at a time: strings are placed by their names, all others here by themselves.
    pub(super) fn owner(&self, key: &[u8], at: u64) -> Option<u64> {
        let routes = self.catalogs.iter().rfind(|routes| routes.ts <= at)?;
        let key = key.strip_prefix(b"!redis|str|").unwrap_or(key);
        let range = usize::from(*key >= *routes.splits.0) + usize::from(*key >= *routes.splits.1);
        let (group, arriving) = routes.groups[range];
        (!arriving).then_some(group)
    }

    /// Whether a live server would never find the lock of a key, whose newest row is in this input: the first row of
    /// the store from the lock's key with eight zeros on is another key's (`reading/transactions.md#what-a-server-does-with-a-lock`).
    fn is_hidden(&self, input: usize, key: &[u8]) -> bool {
        let lock = [b"!txn|lock|", key].concat();
        let from = [&lock[..], &[0; 8]].concat();
        let rows = self.inputs[input].iter().map(|row| (fixture::encoded(&row.0, row.1), &row.0));
        rows.filter(|(encoded, _)| *encoded >= from).min().is_some_and(|(_, first)| *first != lock)
    }
}

/// What a store must hold at a timestamp: key to (timestamp, value), and the keys of committed writes behind hidden
/// locks.
pub(super) fn model(cluster: &Cluster, at: u64) -> (State, BTreeSet<Vec<u8>>) {
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
