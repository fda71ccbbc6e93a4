//! `EKVMVCC2` through the same interface.

use super::*;
use crate::container::fixture::{self, MemoryVersion};
use crate::container::{ErrorKind, Source};
use crate::time::Hlc;

const AB: &[MemoryVersion<'_>] = &[(1, 0, 0, b"ab1"), (8, 0, 0, b"ab8")];
const A: &[MemoryVersion<'_>] = &[(2, 0, 0, b"a2"), (4, 1, 0, b""), (6, 0, 0, b"a6")];
const GONE: &[MemoryVersion<'_>] = &[(3, 0, 0, b"old"), (5, 1, 0, b"")];
const EXPIRED: &[MemoryVersion<'_>] = &[(3, 0, 0, b"old"), (5, 0, 7, b"new")];

fn payload() -> Vec<u8> {
    let index = b"_meta_applied_index";
    fixture::memory(8, &[(b"", A), (index, A), (b"a", A), (b"ab", AB), (b"b", GONE), (b"c", EXPIRED)])
}

fn source() -> Source {
    fixture::source(&payload())
}

#[test]
fn newest_versions_are_visible_in_the_order_of_encoded_keys() {
    let store = open_at(vec![source()], None).unwrap();
    assert_eq!(keys(store.scan(Family::Bare)), ["_meta_applied_index", "ab", "a", ""]);
    let parts = store.scan_parts(Family::Bare, 4).into_iter().flat_map(keys);
    assert_eq!(parts.collect::<Vec<_>>(), ["_meta_applied_index", "ab", "a", ""]);
    assert_eq!(store.read_ts(), Hlc(8));
    let totals = store.totals();
    assert_eq!((totals.rows, totals.visible, totals.expired, totals.tombstones), (15, 4, 1, 4));
    assert_eq!(store.inputs()[0].payload, "EKVMVCC2");
}

#[test]
fn older_states_are_visible_at_older_timestamps() {
    for (at, expected) in [
        (2, vec![("_meta_applied_index", 2), ("ab", 1), ("a", 2), ("", 2)]),
        (4, vec![("ab", 1), ("b", 3), ("c", 3)]),
        (6, vec![("_meta_applied_index", 6), ("ab", 1), ("a", 6), ("c", 5), ("", 6)]),
    ] {
        let store = open_at(vec![source()], Some(at)).unwrap();
        let found = collect(store.scan(Family::Bare));
        let found: Vec<_> =
            found.iter().map(|(key, ts, _)| (std::str::from_utf8(key).unwrap(), *ts)).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn single_keys_prefixes_and_places_are_found() {
    let store = open_at(vec![source()], None).unwrap();
    assert_eq!(body(&store, b"a").unwrap(), b"a6");
    assert_eq!(body(&store, b"").unwrap(), b"a6");
    assert_eq!(body(&store, b"b"), None);
    assert_eq!(body(&store, b"aa"), None);
    assert_eq!(body(&store, b"zz"), None);
    assert_eq!(keys(store.scan_prefix(b"a", None)), ["ab", "a"]);
    let mut entry = EntryBuf::default();
    let mut versions = store.versions(Family::Bare);
    let mut seen = 0;
    while let Some(version) = versions.next().unwrap() {
        store.read(version.place, &mut entry).unwrap();
        assert_eq!(
            (&entry.key[..], entry.commit_ts, &entry.body[..]),
            (version.key, version.commit_ts, version.body)
        );
        seen += 1;
    }
    assert_eq!(seen, 15);
}

#[test]
fn versions_come_newest_first() {
    let store = open_at(vec![source()], None).unwrap();
    let mut versions = store.versions(Family::Bare);
    let mut of_a = Vec::new();
    while let Some(version) = versions.next().unwrap() {
        if version.key == b"a" {
            of_a.push(version.commit_ts);
        }
    }
    assert_eq!(of_a, [6, 4, 2].map(Hlc));
}

#[test]
fn every_truncation_and_every_flipped_byte_is_an_error() {
    let file = fixture::headed(&payload());
    for len in 0..file.len() {
        assert!(open_at(vec![fixture::source(&file[..len])], None).is_err(), "{len}");
    }
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        assert!(open_at(vec![fixture::source(&damaged)], None).is_err(), "{at}");
    }
}

#[test]
fn order_is_checked_under_a_valid_checksum() {
    let payload = fixture::memory(8, &[(b"b", A), (b"a", A)]);
    match open_at(vec![fixture::source(&payload)], None).unwrap_err() {
        Error::Container(error) => assert!(matches!(error.kind, ErrorKind::OutOfOrder { .. })),
        other => panic!("{other}"),
    }
}

#[test]
fn it_is_merged_with_other_forms_by_user_key() {
    let native = || Native::new(9).put(b"a", 7, b"a7").put(b"aa", 9, b"aa9").put(b"b", 1, b"b1").source();
    for sources in [vec![source(), native()], vec![native(), source()]] {
        let store = open_at(sources, None).unwrap();
        let found: Vec<_> = collect(store.scan(Family::Bare)).into_iter().map(|(_, _, body)| body).collect();
        assert_eq!(found, [&b"a6"[..], b"aa9", b"ab8", b"a7", b"b1", b"a6"]);
        assert_eq!(keys(store.scan_prefix(b"a", None)), ["aa", "ab", "a"]);
        assert_eq!(body(&store, b"a").unwrap(), b"a7");
    }
}
