//! Random clusters against a slow model: rows of one store spread over several inputs in mixed payload forms, with
//! transactions in every state of `reading/transactions.md#what-a-server-does-with-a-lock` (hidden locks and equal timestamps included), rows that stand in
//! other groups than their neighbours, and route catalogs that say whose copy counts.
//!
//! `generator` makes them, `model` says what they hold; here the store is compared with it.

mod generator;
mod model;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use self::generator::{Cluster, Fate, T, cluster, group, name, primary, source};
use self::model::model;
use super::*;
use crate::container::fixture;
use crate::time::Hlc;

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
    let at = asked.map(|at| ReadAt::Hlc(Hlc(at)));
    let options = SnapshotOptions { at, groups, txn_from, scratch, ..SnapshotOptions::default() };
    let snapshot = open::open(sources, &options, DENSE).unwrap();
    let rows = cluster.inputs.iter().flatten();
    let latest = rows.map(|row| row.1).max().unwrap_or_default().max(T);
    prop_assert_eq!(snapshot.read_ts().0, asked.unwrap_or(latest).min(latest));
    let (expected, hidden) = model(cluster, snapshot.read_ts().0);

    let mut found = BTreeMap::new();
    for family in families() {
        let entries = collect(snapshot.scan(family));
        prop_assert_eq!(snapshot.stats(family).visible, entries.len() as u64, "{:?}", family);
        let order: Vec<_> = entries.iter().map(|(key, ts, _)| fixture::encoded(key, *ts)).collect();
        prop_assert!(order.is_sorted(), "one order of rows");
        found.extend(entries.into_iter().map(|(key, ts, body)| (key, (ts, body))));
    }
    prop_assert_eq!(&found, &expected);

    let mut entry = EntryBuf::default();
    let locked = cluster.transactions.values().flat_map(|transaction| transaction.writes.keys());
    let keys: BTreeSet<_> = cluster.inputs.iter().flatten().map(|row| &row.0).chain(locked).collect();
    for key in keys.into_iter().filter(|key| !key.starts_with(b"!txn|")) {
        prop_assert_eq!(snapshot.get(key, &mut entry).unwrap(), expected.contains_key(key));
        if let Some((ts, body)) = expected.get(key) {
            prop_assert_eq!((&entry.key, entry.commit_ts.0, &entry.body), (key, *ts, body));
            let place = entry.place.unwrap();
            snapshot.read(place, &mut entry).unwrap();
            prop_assert_eq!((&entry.key, entry.commit_ts.0, &entry.body), (key, *ts, body));
        }
        for prefix in [&key[..], &key[..key.len() / 2], &[&key[..], &[0xfe]].concat()] {
            let mut scan = snapshot.scan_prefix(prefix, None);
            let hint = scan.next().unwrap().map(|entry| entry.place);
            for hint in [None, hint] {
                let found = collect(snapshot.scan_prefix(prefix, hint));
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
    let warned = snapshot.warnings().iter().filter(|warning| warning.event == "txn_hidden_commit");
    let warned: BTreeSet<_> = warned.map(|warning| warning.fields[0].1.to_string()).collect();
    let hidden: BTreeSet<_> =
        hidden.iter().map(|key| serde_json::Value::from(hex::encode(key)).to_string()).collect();
    prop_assert_eq!(warned, hidden);
    undecided(cluster, &snapshot)
}

/// Compares the locks that nothing decides.
fn undecided(cluster: &Cluster, snapshot: &Snapshot) -> std::result::Result<(), TestCaseError> {
    let mut expected = BTreeSet::new();
    for (start, transaction) in
        cluster.transactions.iter().filter(|(start, _)| **start <= snapshot.read_ts().0)
    {
        let pending = match transaction.fate {
            Fate::Pending => {
                expected.insert((primary(*start), true));
                true
            }
            // The primary's group is here and knows nothing: it was given up.
            Fate::Unknown
                if cluster
                    .owner(&primary(*start), snapshot.read_ts().0)
                    .is_some_and(|owner| owner <= group(cluster.inputs.len() - 1)) =>
            {
                continue;
            }
            Fate::Unknown => false,
            _ => continue,
        };
        expected.extend(transaction.writes.keys().map(|key| (key.clone(), pending)));
    }
    let found: BTreeSet<_> =
        snapshot.undecided().iter().map(|lock| (lock.key.clone(), lock.pending)).collect();
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
