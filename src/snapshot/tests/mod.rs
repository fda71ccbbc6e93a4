//! Whole stores on small snapshots.

mod changing;
mod cluster;
mod memory;
mod model;
mod opening;
mod placing;
mod reading;
mod several;
mod shared;
mod transactions;

use super::index::IndexShape;
use super::{Entries, EntryBuf, Family, ReadAt, Snapshot, SnapshotOptions, open};
use crate::container::Source;
use crate::container::fixture::Native;
use crate::snapshot::{Error, Result};
use crate::time::Hlc;

/// Marks at every row, of which only two bytes are kept, and few of them.
const DENSE: IndexShape = IndexShape { spacing: 1, marks: 64, key: 2 };

fn open_at(sources: Vec<Source>, at: Option<u64>) -> Result<Snapshot> {
    open::open(
        sources,
        &SnapshotOptions { at: at.map(|at| ReadAt::Hlc(Hlc(at))), ..SnapshotOptions::default() },
        DENSE,
    )
}

fn store(snapshot: &Native) -> Snapshot {
    open_at(vec![snapshot.source()], None).unwrap()
}

fn error(snapshot: &Native) -> Error {
    open_at(vec![snapshot.source()], None).unwrap_err()
}

/// Collects (key, timestamp, body).
fn collect(mut entries: Entries<'_>) -> Vec<(Vec<u8>, u64, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(entry) = entries.next().unwrap() {
        all.push((entry.key.to_vec(), entry.commit_ts.0, entry.body.to_vec()));
    }
    assert!(entries.next().unwrap().is_none());
    all
}

/// Collects the keys as text.
fn keys(entries: Entries<'_>) -> Vec<String> {
    collect(entries).into_iter().map(|(key, ..)| key.escape_ascii().to_string()).collect()
}

/// Collects the entries of all families.
fn everything(store: &Snapshot) -> Vec<(Vec<u8>, u64, Vec<u8>)> {
    Family::all().flat_map(|family| collect(store.scan(family))).collect()
}

fn body(store: &Snapshot, key: &[u8]) -> Option<Vec<u8>> {
    let mut entry = EntryBuf::default();
    store.get(key, &mut entry).unwrap().then_some(entry.body)
}
