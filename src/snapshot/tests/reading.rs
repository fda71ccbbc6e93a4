//! Scans, seeks and single reads on larger snapshots.

use super::*;
use crate::snapshot::RowLocation;

fn numbered(rows: u32) -> Native {
    (0..rows).fold(Native::new(9), |snapshot, row| {
        let key = format!("!redis|str|{row:05}");
        snapshot.put(key.as_bytes(), 5, b"old").put(key.as_bytes(), 6, key.as_bytes())
    })
}

#[test]
fn every_key_is_found_through_many_marks() {
    for shape in [
        IndexShape { spacing: 1, marks: 64, key: 192 },
        IndexShape { spacing: 1, marks: 100_000, key: 14 },
        IndexShape { spacing: 1 << 40, marks: 4, key: 0 },
        IndexShape { spacing: 1000, marks: 1000, key: 13 },
    ] {
        let store = open::open(vec![numbered(700).source()], &SnapshotOptions::default(), shape).unwrap();
        for row in (0..700).step_by(7) {
            let key = format!("!redis|str|{row:05}");
            assert_eq!(body(&store, key.as_bytes()).unwrap(), key.as_bytes());
            assert_eq!(keys(store.scan_prefix(key.as_bytes(), None)), [key.as_str()]);
        }
        assert_eq!(body(&store, b"!redis|str|007000"), None);
        assert_eq!(keys(store.scan_prefix(b"!redis|str|0065", None)).len(), 10);
        assert_eq!(keys(store.scan_prefix(b"", None)).len(), 700);
        assert_eq!(keys(store.scan_prefix(b"!redis|str|007", None)).len(), 0);
    }
}

#[test]
fn families_are_told_apart_though_their_rows_stand_among_each_other() {
    // The timestamp of a key that is shorter than the prefix goes on like the prefix.
    let imitation = !u64::from_be_bytes(*b"|xxxxxxx");
    let store = store(
        &Native::new(u64::MAX)
            .put(b"!st|mem", imitation, b"unknown")
            .put(b"!st|mem|a", 5, b"member")
            .put(b"!st|meta|a", 5, b"meta")
            .put(b"!st|meta|d|a", 5, b"delta")
            .put(b"!st|meta|e", 5, b"meta")
            .put(b"a", 5, b"bare"),
    );
    assert_eq!(keys(store.scan(Family::SetMember)), ["!st|mem|a"]);
    assert_eq!(keys(store.scan(Family::SetMeta)), ["!st|meta|a", "!st|meta|e"]);
    assert_eq!(keys(store.scan(Family::SetDelta)), ["!st|meta|d|a"]);
    assert_eq!(keys(store.scan(Family::Unknown)), ["!st|mem"]);
    assert_eq!(keys(store.scan(Family::Bare)), ["a"]);
    assert_eq!(keys(store.scan_prefix(b"!st|mem|", None)), ["!st|mem|a"]);
    assert_eq!(keys(store.scan_prefix(b"!st|mem", None)), ["!st|mem|a", "!st|mem"]);
}

#[test]
fn a_prefix_scan_ends_with_its_range() {
    let mut snapshot = numbered(50);
    snapshot = snapshot.put(b"z", 1, b"");
    let store = store(&snapshot);
    let mut scan = store.scan_prefix(b"!redis|str|00003", None);
    assert!(scan.next().unwrap().is_some());
    assert!(scan.next().unwrap().is_none());
    assert!(scan.next().unwrap().is_none());
}

#[test]
fn the_place_of_a_committed_write_is_no_hint_to_start_at() {
    let (start, commit) = (5_u64.to_be_bytes(), 7_u64.to_be_bytes());
    let (length, none) = (1_u64.to_be_bytes(), [0; 8]);
    let lock = [&[1][..], &start, &none, &[0], &length, b"p"].concat();
    let intent = [&[1][..], &start, &[0], &3_u64.to_be_bytes(), b"new"].concat();
    let store = store(
        &Native::new(9)
            .put(b"!st|mem|ka", 3, b"old")
            .put(b"!st|mem|kb", 3, b"kept")
            .put(b"!txn|lock|!st|mem|ka", 5, &lock)
            .put(b"!txn|int|!st|mem|ka", 5, &intent)
            .put(&[b"!txn|cmt|p", &start[..]].concat(), 7, &[&[1][..], &commit].concat()),
    );
    let entries = collect(store.scan_prefix(b"!st|mem|k", None));
    assert_eq!(entries[0], (b"!st|mem|ka".to_vec(), 7, b"new".to_vec()));
    let first = store.scan_prefix(b"!st|mem|k", None).next().unwrap().map(|entry| entry.place);
    assert_eq!(collect(store.scan_prefix(b"!st|mem|k", first)), entries);
}

#[test]
fn places_that_no_scan_gave_hold_no_row() {
    let store = store(&numbered(3));
    let mut entry = EntryBuf::default();
    let place = RowLocation::new(1, 32);
    let Err(error @ Error::NoRow(_)) = store.read(place, &mut entry) else { panic!("a row of no input") };
    assert!(matches!(crate::Error::from(error), crate::Error::Internal(bug) if bug.place().is_some()));
    let error = store.read(RowLocation::new(0, 1 << 40), &mut entry).unwrap_err();
    assert!(error.to_string().contains("a row is not where it was"), "{error}");
}

#[test]
fn parts_of_a_scan_are_of_about_equal_size() {
    let shape = IndexShape { spacing: 100, marks: 10_000, key: 64 };
    let store = open::open(vec![numbered(1000).source()], &SnapshotOptions::default(), shape).unwrap();
    let sizes: Vec<_> =
        store.scan_parts(Family::RedisString, 4).into_iter().map(|part| collect(part).len()).collect();
    assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (4, 1000));
    assert!(sizes.iter().all(|size| (200..300).contains(size)), "{sizes:?}");
    assert!(store.scan_parts(Family::HashField, 4).into_iter().all(|part| collect(part).is_empty()));
}

#[test]
fn a_store_is_read_by_several_threads() {
    let store = store(&numbered(100));
    std::thread::scope(|scope| {
        for part in store.scan_parts(Family::RedisString, 2) {
            scope.spawn(|| assert!(!collect(part).is_empty()));
        }
    });
}
