//! Several snapshots as one store.

use super::*;
use crate::container::fixture;
use crate::event::{Event, Warning};
use crate::time::Hlc;

fn two() -> Vec<Source> {
    let one = Native::new(10)
        .put(b"only one", 3, b"1")
        .put(b"both", 5, b"older")
        .put(b"moved", 4, b"left behind")
        .version(b"expiring", 2, 0, 15, b"");
    let two = Native::new(20)
        .put(b"only two", 19, b"2")
        .put(b"both", 7, b"newer")
        .put(b"moved", 3, b"")
        .delete(b"moved", 6)
        .put(b"a", 1, b"");
    vec![one.source(), two.source()]
}

#[test]
fn the_read_timestamp_is_the_greatest_of_all() {
    let store = open_at(two(), None).unwrap();
    assert_eq!(store.read_ts(), Hlc(20));
    assert_eq!(store.stats(Family::Bare).expired, 1, "judged by the other input's timestamp");
    assert_eq!(store.inputs().len(), 2);
}

#[test]
fn entries_are_merged_and_the_newest_copy_counts() {
    let mut sources = two();
    for _ in 0..2 {
        let store = open_at(sources, None).unwrap();
        let entries: Vec<_> = collect(store.scan(Family::Bare));
        let expected = [
            ("a", 1, ""),
            ("both", 7, "newer"),
            ("moved", 4, "left behind"),
            ("only one", 3, "1"),
            ("only two", 19, "2"),
        ];
        let expected =
            expected.map(|(key, ts, body)| (key.as_bytes().to_vec(), ts, body.as_bytes().to_vec()));
        assert_eq!(entries, expected);
        assert_eq!(collect(store.scan_prefix(b"", None)), expected);
        assert_eq!(body(&store, b"both").unwrap(), b"newer");
        assert_eq!(body(&store, b"moved").unwrap(), b"left behind");
        assert_eq!(body(&store, b"expiring"), None);
        assert_eq!(keys(store.scan_parts(Family::Bare, 4).pop().unwrap()).len(), 5);
        sources = two();
        sources.reverse();
    }
}

#[test]
fn places_name_their_input() {
    let store = open_at(two(), None).unwrap();
    let mut scan = store.scan(Family::Bare);
    let mut entry = EntryBuf::default();
    let mut inputs = Vec::new();
    while let Some(found) = scan.next().unwrap() {
        store.read(found.place, &mut entry).unwrap();
        assert_eq!(entry.key, found.key);
        inputs.push(found.place.input);
    }
    assert_eq!(inputs, [1, 1, 0, 0, 1]);
    let mut hinted = store.scan_prefix(b"only", entry.place);
    assert_eq!(hinted.next().unwrap().unwrap().key, b"only one");
    assert_eq!(hinted.next().unwrap().unwrap().key, b"only two");
}

#[test]
fn an_older_copy_behind_another_keys_row_is_left_out_too() {
    let ts = |low: u64| 0x018f_2a33_f800_0000 + low;
    let between = hex::decode("61fe70d5cc07fffff5").unwrap();
    let one = Native::new(ts(99)).put(b"a", ts(0x10), b"newer");
    let two = Native::new(ts(99)).put(&between, ts(5), b"").put(b"a", ts(1), b"older");
    let store = open_at(vec![two.source(), one.source()], None).unwrap();
    let entries = collect(store.scan(Family::Bare));
    assert_eq!(entries, [(b"a".to_vec(), ts(0x10), b"newer".to_vec()), (between, ts(5), Vec::new())]);
}

#[test]
fn an_oracle_among_others_is_silent_and_no_input_is_an_empty_store() {
    let oracle = Native::new(0).raw(b"_meta_applied_index", &[9, 0, 0, 0, 0, 0, 0, 0]);
    let store = open_at(vec![oracle.source(), Native::new(9).put(b"a", 1, b"").source()], None).unwrap();
    assert!(store.warnings().is_empty());
    assert_eq!(keys(store.scan(Family::Bare)), ["a"]);
    let store = open_at(Vec::new(), None).unwrap();
    assert!(everything(&store).is_empty());
}

/// Adds a catalog of this version that gives the keys below `m` to group 1 and the others to group 2.
fn catalog(mut snapshot: Native, version: u64, swapped: bool) -> Native {
    let row = |route: u64, group: u64, start: &[u8], end: Option<&[u8]>| {
        let mut body = [&[2][..], &route.to_be_bytes(), &group.to_be_bytes(), &[0], &[0; 8]].concat();
        for key in [Some(start), end].into_iter().flatten() {
            if !std::ptr::eq(key, start) {
                body.push(1);
            }
            body.extend((key.len() as u64).to_be_bytes());
            body.extend(key);
        }
        if end.is_none() {
            body.push(0);
        }
        body.extend([0; 8]);
        body
    };
    let (low, high) = if swapped { (2, 1) } else { (1, 2) };
    for (route, body) in [(1_u64, row(1, low, b"", Some(b"m"))), (2, row(2, high, b"m", None))] {
        snapshot = snapshot.put(&[b"!dist|route|", &route.to_be_bytes()[..]].concat(), version, &body);
    }
    snapshot.put(b"!dist|meta|version", version, &[&[1][..], &version.to_be_bytes()].concat())
}

fn duplicates(store: &Snapshot) -> Vec<Warning> {
    let all = store.warnings().iter();
    all.filter(|warning| warning.event == "duplicate_key_across_groups").cloned().collect()
}

#[test]
fn the_owners_copy_counts_by_the_newest_catalog_whatever_its_age() {
    // Groups follow from keys that only their owners have.
    let one = |snapshot: Native| {
        snapshot.put(b"!redis|str|a", 1, b"").put(b"!redis|str|b", 4, b"one").put(
            b"!redis|str|gone",
            3,
            b"one",
        )
    };
    let two = |snapshot: Native| {
        snapshot.put(b"!redis|str|x", 1, b"").put(b"!redis|str|b", 7, b"two").put(
            b"!redis|str|gone",
            9,
            b"two",
        )
    };
    let mut first = one(Native::new(20)).delete(b"!redis|str|gone", 5);
    let mut second = two(Native::new(20));
    first = catalog(first, 12, false);
    second = catalog(second, 11, true);
    let named = |number: u8| {
        fixture::source_named(&format!("{number}.fsm"), &[&first, &second][usize::from(number) - 1].file())
    };
    for order in [[1, 2], [2, 1]] {
        let sources: Vec<_> = order.into_iter().map(named).collect();
        let groups = order
            .into_iter()
            .zip(&sources)
            .map(|(group, source)| (source.path().to_owned(), u64::from(group)));
        let options = SnapshotOptions { groups: groups.collect(), ..SnapshotOptions::default() };
        let store = open::open(sources, &options, DENSE).unwrap();
        assert_eq!(body(&store, b"!redis|str|b").unwrap(), b"one", "older, but the owner's");
        assert_eq!(body(&store, b"!redis|str|gone"), None, "the owner has deleted it");
        assert_eq!(keys(store.scan(Family::RedisString)), ["!redis|str|a", "!redis|str|b", "!redis|str|x"]);
        assert_eq!(keys(store.scan_prefix(b"!redis|str|", None)).len(), 3);
        assert_eq!(store.stats(Family::RedisString).visible, 3);
        let warnings = duplicates(&store);
        let key = |key: &[u8]| {
            Warning::new(Event::DUPLICATE_KEY_ACROSS_GROUPS)
                .with("key_hex", hex::encode(key))
                .with("groups", vec![1, 2])
        };
        assert_eq!(warnings[warnings.len() - 2..], [key(b"!redis|str|b"), key(b"!redis|str|gone")]);
    }
}

#[test]
fn node_local_chunks_and_chunks_under_unused_home_slots_are_no_duplicates() {
    let chunk = |home: u64| [&b"!fs|chk|"[..], &home.to_be_bytes(), &5_u64.to_be_bytes(), &[0; 8]].concat();
    let inode = [&b"!fs|ino|"[..], &5_u64.to_be_bytes()].concat();
    let snapshot = || {
        let snapshot = Native::new(9).put(&chunk(1), 2, b"old").put(&chunk(3), 2, b"new");
        snapshot.put(b"!s3|chunkblob|00", 2, b"")
    };
    let one = snapshot().put(&inode, 3, br#"{"inode":5,"home_slot":3}"#);
    let store = open_at(vec![one.source(), snapshot().source()], None).unwrap();
    let found = duplicates(&store);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].fields[0].1, hex::encode(chunk(3)));
    assert_eq!(keys(store.scan(Family::FsChunk)).len(), 2);
}
