//! Scans that another thread shares, against those of one thread.

use super::*;
use crate::snapshot::merge::{Merge, Walk};
use crate::snapshot::scan::{KeyFilter, Scan, VersionMode};
use crate::snapshot::shared_scan::SharedScan;

/// Rows of two tables, and of strings whose keys extend each other, of which every third is deleted.
fn many() -> Native {
    let mut native = Native::new(9);
    for number in 0..17_000_u32 {
        let string = format!("!redis|str|{:04}", number / 3);
        let extended = [
            string.as_bytes(),
            &b"\xff\xff\xff\xff\xff\xff\xff\xf5x"[..usize::try_from(number % 3).unwrap() * 4],
        ]
        .concat();
        native = native.put(&extended, 5, &number.to_le_bytes()).put(&extended, 4, b"older");
        if number % 3 == 0 {
            native = native.delete(&extended, 6);
        }
        for table in ["dA", "dB"] {
            let key = format!("!ddb|item|{table}|1|s{number:06}");
            native = native.put(key.as_bytes(), 7, key.as_bytes());
        }
    }
    native
}

/// A store whose index has marks at which stretches are cut.
fn open_many(source: Source) -> Snapshot {
    let shape = IndexShape { spacing: 1000, marks: 1 << 14, key: 192 };
    open::open(vec![source], &SnapshotOptions::default(), shape).unwrap()
}

fn shared(store: &Snapshot, wanted: KeyFilter) -> Option<Box<SharedScan>> {
    SharedScan::start((0, &store.inputs[0]), wanted, store.view, &store.interrupt, 1).map(Box::new)
}

/// Collects place, timestamp, encoded key and body of all rows.
fn all(mut rows: Merge<'_>) -> Vec<(crate::snapshot::RowLocation, Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some((place, row)) = rows.next().unwrap() {
        all.push((place, row.key.to_vec(), row.body.to_vec()));
    }
    assert!(rows.next().unwrap().is_none());
    all
}

#[test]
fn two_threads_lend_what_one_does() {
    let store = open_many(many().source());
    for family in [Family::RedisString, Family::DynamodbItem] {
        // One core: nothing is shared.
        let Some(rows) = shared(&store, KeyFilter::Family(family)) else { return };
        let alone = store.over(
            &store.inputs[0],
            store.inputs[0].catalog.extents[family.index()].to_vec(),
            family,
            true,
        );
        let merge = |walk| Merge::new(std::iter::once((0, walk)), VersionMode::Visible);
        let alone = all(merge(alone.into()));
        assert_eq!(all(merge(Walk::Shared(rows))), alone);
        assert!(alone.len() > 10_000);
    }
    for prefix in [&b"!ddb|item|dA|1|"[..], b"!ddb|item|dB|1|"] {
        let wanted = || KeyFilter::Prefix(prefix.to_vec());
        let merge = |walk| Merge::new(std::iter::once((0, walk)), VersionMode::Visible);
        let alone = Scan::prefix(&store.inputs[0], prefix, None, store.view, &store.interrupt);
        let alone = all(merge(alone.into()));
        assert_eq!(alone.len(), 17_000);
        let Some(rows) = shared(&store, wanted()) else { return };
        assert_eq!(all(merge(Walk::Shared(rows))), alone);
    }
    let none = shared(&store, KeyFilter::Prefix(b"!ddb|item|dA|2|".to_vec()));
    assert!(none.is_none(), "no such run");
}

#[test]
fn few_rows_and_long_ones_are_read_by_one() {
    let store = store(&numbered_strings(100, 10));
    assert!(shared(&store, KeyFilter::Family(Family::RedisString)).is_none());
    let store = open_many(numbered_strings(17_000, 5000).source());
    assert!(shared(&store, KeyFilter::Family(Family::RedisString)).is_none());
}

fn numbered_strings(rows: u32, length: usize) -> Native {
    (0..rows).fold(Native::new(9), |native, row| {
        native.put(format!("!redis|str|{row:06}").as_bytes(), 5, &vec![7; length])
    })
}

#[test]
fn a_scan_that_is_dropped_lets_the_input_go() {
    let store = open_many(numbered_strings(40_000, 100).source());
    let mut entries = store.scan(Family::RedisString);
    assert!(entries.next().unwrap().is_some());
    drop(entries);
    assert_eq!(store.into_sources().len(), 1);
}

#[test]
fn rows_that_changed_after_the_first_pass_are_an_error_at_the_end() {
    use std::os::unix::fs::FileExt;
    let native = numbered_strings(40_000, 100);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), native.file()).unwrap();
    let source =
        Source::open(file.path(), std::path::Path::new("."), &crate::interrupt::Interrupt::default());
    let store = open_many(source.unwrap());
    let bytes = std::fs::read(file.path()).unwrap();
    let at = bytes.windows(17).position(|key| key == b"!redis|str|020000").unwrap();
    file.as_file().write_all_at(b"x", u64::try_from(at + 17 + 8 + 8 + 9).unwrap()).unwrap();
    let mut entries = store.scan(Family::RedisString);
    let error = loop {
        match entries.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a changed row passed"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("do not say what they said"), "{error}");
}

#[test]
fn a_request_to_stop_ends_it() {
    let store = open_many(numbered_strings(40_000, 100).source());
    store.interrupt.flag().store(15, std::sync::atomic::Ordering::Relaxed);
    let mut entries = store.scan(Family::RedisString);
    let stopped = loop {
        match entries.next() {
            Ok(Some(_)) => {}
            end => break end.is_err(),
        }
    };
    assert!(stopped);
}
