//! Inputs that change between the first pass and a second reading, in ways that lengths and places do not show.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::*;
use crate::container::ErrorKind;
use crate::container::fixture::{self, MemoryVersion};
use crate::snapshot::RowLocation;

/// A file that is written to after it was opened.
struct Changing(File, Vec<u8>);

impl Changing {
    fn new(bytes: Vec<u8>) -> (Self, Source) {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        let twin = file.try_clone().unwrap();
        (Self(file, bytes), fixture::source_of("test.fsm", twin))
    }

    /// Puts `new` in the place of `old`, which is there once.
    fn replace(&self, old: &[u8], new: &[u8]) {
        assert_eq!(old.len(), new.len());
        let mut found = self.1.windows(old.len()).enumerate().filter(|(_, window)| *window == old);
        let (at, _) = found.next().unwrap();
        assert!(found.next().is_none());
        self.0.write_all_at(new, at as u64).unwrap();
    }
}

const A: &[u8] = b"!redis|str|a";
const C: &[u8] = b"!redis|str|c";
const LONG: &[u8] = b"!redis|str|long";

fn long(first: u8, last: u8) -> Vec<u8> {
    [&[first][..], &[b'.'; 10_000], &[last]].concat()
}

fn native() -> Vec<u8> {
    Native::new(9).put(A, 5, b"body of a").put(C, 5, b"body of c").put(LONG, 5, &long(b'<', b'>')).file()
}

fn memory() -> Vec<u8> {
    let of = |body: &'static [u8]| -> [MemoryVersion<'static>; 1] { [(5, 0, 0, body)] };
    let long = long(b'<', b'>');
    fixture::memory(9, &[(A, &of(b"body of a")), (C, &of(b"body of c")), (LONG, &[(5, 0, 0, &long)])])
}

#[track_caller]
fn is_changed(result: &Result<impl Sized>) {
    match result.as_ref().err() {
        Some(Error::Container(error)) if matches!(error.kind, ErrorKind::Changed { .. }) => {}
        other => panic!("{other:?}"),
    }
}

/// Scans a family; returns the location of each entry.
fn locations(mut entries: Entries<'_>) -> Result<Vec<RowLocation>> {
    let mut all = Vec::new();
    while let Some(entry) = entries.next()? {
        all.push(entry.place);
    }
    Ok(all)
}

#[test]
fn a_row_in_the_place_of_another_of_equal_length_is_a_change() {
    let long_old = long(b'<', b'>');
    let cases: [(usize, &[u8], &[u8], bool); 5] = [
        (1, b"str|c", b"str|d", true),
        (1, b"body of c", b"BODY of c", true),
        (1, b"body of c", b"body of C", true),
        (2, &long_old[..40], &long(b'[', b'>')[..40], true),
        // Of a long body only the beginning is known before it is lent.
        (2, &long_old[9_900..], &long(b'<', b']')[9_900..], false),
    ];
    for bytes in [native(), memory()] {
        for (at, old, new, in_scans) in cases {
            let (file, source) = Changing::new(bytes.clone());
            let store = open_at(vec![source], None).unwrap();
            let places = locations(store.scan(Family::RedisString)).unwrap();
            assert_eq!(places.len(), 3);
            let mut entry = EntryBuf::default();
            store.read(places[at], &mut entry).unwrap();
            file.replace(old, new);
            is_changed(&store.read(places[at], &mut entry));
            store.read(places[0], &mut entry).unwrap();
            assert_eq!(entry.body, b"body of a");
            let scanned = locations(store.scan(Family::RedisString));
            let mut versions = store.versions(Family::RedisString);
            let all = std::iter::from_fn(|| versions.next().map(|row| row.map(|_| ())).transpose());
            let all = all.collect::<Result<Vec<()>>>();
            if in_scans {
                is_changed(&scanned);
                is_changed(&all);
            } else {
                assert_eq!((scanned.unwrap().len(), all.unwrap().len()), (3, 3));
            }
        }
    }
}

#[test]
fn rows_that_change_places_are_a_change() {
    let (file, source) = Changing::new(native());
    let store = open_at(vec![source], None).unwrap();
    let places = locations(store.scan(Family::RedisString)).unwrap();
    file.replace(b"body of a", b"body of c");
    let start = file.1.windows(9).position(|window| window == b"body of c").unwrap();
    file.0.write_all_at(b"body of a", start as u64).unwrap();
    is_changed(&locations(store.scan(Family::RedisString)));
    is_changed(&store.read(places[0], &mut EntryBuf::default()));
}

#[test]
fn the_row_at_a_hint_is_the_one_that_stood_there() {
    let (file, source) = Changing::new(native());
    let store = open_at(vec![source], None).unwrap();
    let hint = locations(store.scan(Family::RedisString)).unwrap()[1];
    assert_eq!(locations(store.scan_prefix(C, Some(hint))).unwrap(), [hint]);
    file.replace(b"body of c", b"body of d");
    is_changed(&locations(store.scan_prefix(C, Some(hint))));
}

#[test]
fn an_intent_that_changes_is_a_change_wherever_its_write_is_read() {
    let (start, commit) = (5_u64.to_be_bytes(), 7_u64.to_be_bytes());
    let lock = [&[1][..], &start, &[0; 8], &[0], &1_u64.to_be_bytes(), b"p"].concat();
    let intent = [&[1][..], &start, &[0], &3_u64.to_be_bytes(), b"new"].concat();
    let bytes = Native::new(9)
        .put(A, 3, b"old")
        .put(&[b"!txn|lock|", A].concat(), 5, &lock)
        .put(&[b"!txn|int|", A].concat(), 5, &intent)
        .put(&[b"!txn|cmt|p", &start[..]].concat(), 7, &[&[1][..], &commit].concat())
        .file();
    let (file, source) = Changing::new(bytes);
    let store = open_at(vec![source], None).unwrap();
    let places = locations(store.scan(Family::RedisString)).unwrap();
    let mut entry = EntryBuf::default();
    store.read(places[0], &mut entry).unwrap();
    assert_eq!((&entry.key[..], &entry.body[..]), (A, &b"new"[..]));
    file.replace(b"new", b"NEW");
    is_changed(&store.read(places[0], &mut entry));
    is_changed(&store.get(A, &mut entry));
    is_changed(&locations(store.scan(Family::RedisString)));
}
