//! Several snapshots as one store.

use super::*;

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
    assert_eq!(store.read_ts(), 20);
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
