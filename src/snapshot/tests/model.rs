//! A store against a map of maps.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::container::RowHeader;
use crate::snapshot::read_view::ReadView;
use crate::time::Hlc;

/// Key to timestamp to (flags, expiry).
type Model = BTreeMap<Vec<u8>, BTreeMap<u64, (u8, u64)>>;

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![Just(0), Just(b'a'), Just(0xfe), Just(0xff)]
}

/// Timestamps whose suffixes are made of the bytes that keys are made of.
fn ts() -> impl Strategy<Value = u64> {
    prop_oneof![
        vec(byte(), 8).prop_map(|bytes| !u64::from_be_bytes(bytes.try_into().unwrap())),
        1..4_u64,
        (0..3_u64).prop_map(|ts| u64::MAX - ts),
    ]
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let prefix = prop_oneof![
        4 => Just(&b""[..]),
        1 => Just(&b"!st|mem|"[..]),
        1 => Just(&b"!st|meta|"[..]),
        1 => Just(&b"!st|meta|d|"[..]),
        1 => Just(&b"!"[..]),
        1 => Just(&b"!s3|chunkblob|"[..]),
    ];
    let tail = prop_oneof![vec(byte(), 0..4), vec(byte(), 0..18)];
    (prefix, tail).prop_map(|(prefix, tail)| [prefix, &tail].concat())
}

fn model() -> impl Strategy<Value = Model> {
    let flags = prop_oneof![3 => Just(0_u8), 1 => Just(1)];
    let expiry = prop_oneof![3 => Just(0_u64), 1 => ts()];
    btree_map(key(), btree_map(ts(), (flags, expiry), 1..5), 0..25)
}

fn body_of(key: &[u8], ts: u64) -> Vec<u8> {
    [key, &ts.to_be_bytes()].concat()
}

fn snapshot(model: &Model, last_commit_ts: u64) -> Native {
    let mut snapshot = Native::new(last_commit_ts).raw(b"_meta_applied_index", &[0; 8]);
    for (key, versions) in model {
        for (&ts, &(flags, expire_at)) in versions {
            snapshot = snapshot.version(key, ts, flags, expire_at, &body_of(key, ts));
        }
    }
    snapshot
}

/// Chooses by definition (`reading/versions.md#which-version-counts`).
fn visible(model: &Model, read_ts: u64) -> BTreeMap<Vec<u8>, u64> {
    let mut visible = BTreeMap::new();
    for (key, versions) in model {
        let view = ReadView::at(Hlc(read_ts)).of(Family::of(key));
        let Some((&ts, &(flags, expire_at))) = versions.range(..=view.newest.0).next_back() else { continue };
        let head = RowHeader {
            commit_ts: Hlc(ts),
            tombstone: flags == 1,
            encrypted: false,
            expire_at: Hlc(expire_at),
        };
        if view.is_visible(&head) {
            visible.insert(key.clone(), ts);
        }
    }
    visible
}

fn check(model: &Model, header_ts: u64, at: Option<u64>) -> std::result::Result<(), TestCaseError> {
    let snapshot = snapshot(model, header_ts);
    check_source(model, snapshot.source(), header_ts, at)?;
    check_source(model, snapshot.tables(), header_ts, at)
}

fn check_source(
    model: &Model,
    source: Source,
    header_ts: u64,
    at: Option<u64>,
) -> std::result::Result<(), TestCaseError> {
    let rows = model.iter().flat_map(|(key, versions)| versions.keys().map(move |ts| (key, *ts)));
    let moving = rows.clone().filter(|(key, _)| Family::of(key) != Family::S3ChunkBlob);
    let latest = moving.map(|(_, ts)| ts).max().unwrap_or_default().max(header_ts);
    let store = open_at(vec![source], at).unwrap();
    prop_assert_eq!(store.read_ts().0, at.unwrap_or(u64::MAX).min(latest));

    let expected = visible(model, store.read_ts().0);
    let found = everything(&store);
    prop_assert_eq!(found.len(), expected.len());
    let entries: BTreeMap<_, _> = found.iter().map(|(key, ts, _)| (key.clone(), *ts)).collect();
    prop_assert_eq!(&entries, &expected);
    prop_assert!(found.iter().all(|(key, ts, body)| *body == body_of(key, *ts)));

    let totals = store.totals();
    prop_assert_eq!(totals.visible, expected.len() as u64);
    prop_assert_eq!(totals.rows, rows.count() as u64);
    let mut versions = BTreeMap::new();
    for family in Family::all() {
        let mut parts = Vec::new();
        for part in store.scan_parts(family, 3) {
            parts.extend(collect(part));
        }
        prop_assert_eq!(parts, collect(store.scan(family)));
        prop_assert_eq!(store.stats(family).visible, collect(store.scan(family)).len() as u64);
        let mut scan = store.versions(family);
        while let Some(version) = scan.next().unwrap() {
            let of_key: &mut Vec<_> = versions.entry(version.key.to_vec()).or_default();
            of_key.push((version.commit_ts.0, (u8::from(version.tombstone), version.expire_at.0)));
        }
    }
    let all: BTreeMap<_, Vec<_>> = model
        .iter()
        .map(|(key, versions)| (key.clone(), versions.iter().rev().map(|(ts, it)| (*ts, *it)).collect()))
        .collect();
    prop_assert_eq!(versions, all);
    single_keys(&store, model, &expected)
}

fn single_keys(
    store: &Snapshot,
    model: &Model,
    expected: &BTreeMap<Vec<u8>, u64>,
) -> std::result::Result<(), TestCaseError> {
    let mut entry = EntryBuf::default();
    for key in model.keys() {
        prop_assert_eq!(store.get(key, &mut entry).unwrap(), expected.contains_key(key));
        if let Some(ts) = expected.get(key) {
            prop_assert_eq!((&entry.key, entry.commit_ts.0, &entry.body), (key, *ts, &body_of(key, *ts)));
            let place = entry.place.unwrap();
            store.read(place, &mut entry).unwrap();
            prop_assert_eq!((&entry.key, entry.commit_ts.0, entry.place), (key, *ts, Some(place)));
        }
        for prefix in [&key[..], &key[..key.len() / 2], &[&key[..], &[0xfe]].concat()] {
            let mut found = collect(store.scan_prefix(prefix, None));
            found.sort();
            let wanted: Vec<_> = expected
                .iter()
                .filter(|(key, _)| key.starts_with(prefix))
                .map(|(key, ts)| (key.clone(), *ts, body_of(key, *ts)))
                .collect();
            prop_assert_eq!(&found, &wanted);
            let mut scan = store.scan_prefix(prefix, None);
            if let Some(first) = scan.next().unwrap().map(|entry| entry.place) {
                let mut hinted = collect(store.scan_prefix(prefix, Some(first)));
                hinted.sort();
                prop_assert_eq!(&hinted, &wanted);
            }
        }
    }
    prop_assert!(!store.get(b"absent", &mut entry).unwrap());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_newest_versions_are_visible(model in model(), header_ts in ts()) {
        check(&model, header_ts, None)?;
    }

    #[test]
    fn older_states_are_visible_at_older_timestamps(model in model(), header_ts in ts(), at in ts()) {
        check(&model, header_ts, Some(at))?;
    }
}
