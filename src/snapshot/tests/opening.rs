//! What the first pass finds: facts, warnings, errors.

use super::*;
use crate::container::{ErrorKind, fixture};
use crate::event::{Event, Warning};
use crate::time::{Hlc, UnixMs};

fn kind(snapshot: &[u8]) -> ErrorKind {
    match open_at(vec![fixture::source(snapshot)], None).unwrap_err() {
        Error::Container(error) => error.kind,
        other => panic!("{other}"),
    }
}

/// The worked example of `format/container.md#example-of-a-file`.
const EXAMPLE: &str = concat!(
    "454b5654484c43310000018f2a3403b8454b565042424c31010000f8332a8f01",
    "18000000000000002172656469737c7374727c68656c6c6ffe70d5cc07fffffe",
    "1100000000000000000000000000000000ff0100776f726c64",
    "14000000000000005f6d6574615f6c6173745f636f6d6d69745f7473",
    "0800000000000000010000f8332a8f01d3b10175",
);

#[test]
fn the_worked_example_is_read() {
    let bytes = hex::decode(EXAMPLE).unwrap();
    let source = fixture::source_named("0000000000000064.fsm", &bytes);
    let store = Snapshot::open(vec![source], &SnapshotOptions::default()).unwrap();
    let ts = 0x018f_2a33_f800_0001;
    assert_eq!(everything(&store), [(b"!redis|str|hello".to_vec(), ts, b"\xff\x01\0world".to_vec())]);
    assert_eq!((store.read_ts(), store.read_ms()), (Hlc(ts), UnixMs(1_714_400_000_000)));
    assert_eq!(store.now_ms(), UnixMs(1_714_400_003_000 - 10_000));
    let [info] = store.inputs() else { panic!() };
    assert_eq!((info.size, info.payload, info.crc32c), (137, "EKVPBBL1", Some(0xd3b1_0175)));
    assert_eq!((info.header_version, info.ceiling_ms), (Some(1), Some(UnixMs(1_714_400_003_000))));
    assert_eq!((info.snapshot_index, info.operational_rows, info.oracle), (Some(100), 1, false));
    assert_eq!(store.stats(Family::RedisString).bytes, 24 + 17);
    assert_eq!(store.largest()[0].key, b"!redis|str|hello");
    assert!(store.warnings().is_empty());
}

#[test]
fn every_truncation_and_every_flipped_byte_is_an_error() {
    let bytes = hex::decode(EXAMPLE).unwrap();
    for len in 0..bytes.len() {
        assert!(!kind(&bytes[..len]).is_unreadable());
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(!kind(&damaged).is_unreadable());
        }
    }
}

#[test]
fn a_wrong_footer_counts_more_than_what_the_walk_found() {
    let mut file = Native::new(1).raw(b"short", b"").file();
    assert!(matches!(kind(&file), ErrorKind::CorruptRow { .. }));
    *file.last_mut().unwrap() ^= 1;
    assert!(matches!(kind(&file), ErrorKind::FooterMismatch { .. }));
}

#[test]
fn rows_must_ascend_operational_rows_included() {
    let rows = [&b"_meta_applied_index"[..], b"_meta_last_commit_ts"];
    for keys in [[rows[1], rows[0]], [rows[0], rows[0]]] {
        let payload = Native::new(1).raw(keys[0], &[0; 8]).raw(keys[1], &[0; 8]).unsorted();
        match kind(&payload) {
            ErrorKind::OutOfOrder { previous, found, .. } => {
                assert_eq!(previous.to_string().as_bytes(), keys[0]);
                assert_eq!(found.to_string().as_bytes(), keys[1]);
            }
            other => panic!("{other}"),
        }
    }
    let older_first = Native::new(9).put(b"a", 1, b"").put(b"a", 2, b"").unsorted();
    assert!(matches!(kind(&older_first), ErrorKind::OutOfOrder { .. }));
    let user_key_order = Native::new(9).put(b"a", 1 << 56, b"").put(b"ab", 1 << 56, b"").unsorted();
    assert!(matches!(kind(&user_key_order), ErrorKind::OutOfOrder { .. }));
}

#[test]
fn operational_rows_are_facts_and_no_keys() {
    let store = store(
        &Native::new(9)
            .raw(b"_meta_applied_index", &100_u64.to_le_bytes())
            .raw(b"_meta_min_retained_ts", &[&5_u64.to_le_bytes()[..], b"more"].concat())
            .raw(b"_meta_pending_min_retained_ts", &7_u64.to_le_bytes())
            .raw(b"!encryption|writers|\0\0\0\x01|\0\x02", &[0; 12])
            .put(b"_meta_applied_index", 3, b"a user's"),
    );
    let [info] = store.inputs() else { panic!() };
    assert_eq!((info.applied_index, info.snapshot_index), (Some(100), Some(100)));
    assert_eq!(
        (info.min_retained_ts, info.pending_min_retained_ts, info.floor()),
        (Some(Hlc(5)), Some(Hlc(7)), Hlc(7))
    );
    assert_eq!(info.operational_rows, 4);
    assert_eq!(everything(&store), [(b"_meta_applied_index".to_vec(), 3, b"a user's".to_vec())]);
    assert_eq!(body(&store, b"_meta_appli"), None);
}

#[test]
fn operational_rows_of_another_length_are_warned_and_short_ones_count_as_absent() {
    let store = store(
        &Native::new(9)
            .raw(b"_meta_applied_index", &[0; 7])
            .raw(b"_meta_min_retained_ts", &[5, 0, 0, 0, 0, 0, 0, 0, 9])
            .raw(b"!encryption|writers|\0\0\0\x01|\0\x02", &[0; 13]),
    );
    assert_eq!(store.inputs()[0].snapshot_index, None);
    assert_eq!(store.inputs()[0].min_retained_ts, Some(Hlc(5)));
    let warning = Warning::new(Event::META_ROW_MALFORMED);
    let registry = "!encryption|writers|\\x00\\x00\\x00\\x01|\\x00\\x02";
    assert_eq!(
        store.warnings(),
        [
            warning.clone().with("key", registry).with("length", 13),
            warning.clone().with("key", "_meta_applied_index").with("length", 7),
            warning.with("key", "_meta_min_retained_ts").with("length", 9),
        ]
    );
}

#[test]
fn rows_above_the_header_count_and_are_warned() {
    let store = store(&Native::new(4).put(b"a", 4, b"").put(b"a", 5, b"new").put(b"b", 6, b""));
    assert_eq!(store.read_ts(), Hlc(6));
    assert_eq!(body(&store, b"a").unwrap(), b"new");
    assert_eq!(store.warnings(), [Warning::new(Event::VERSION_ABOVE_WATERMARK).with("count", 2)]);
}

#[test]
fn node_local_chunks_neither_move_the_read_timestamp_nor_are_bound_to_it() {
    let store = store(&Native::new(4).put(b"!s3|chunkblob|aa", 1 << 60, b"x").put(b"a", 3, b""));
    assert_eq!(store.read_ts(), Hlc(4));
    assert!(store.warnings().is_empty());
    assert_eq!(store.stats(Family::S3ChunkBlob).visible, 1);
    assert_eq!(body(&store, b"!s3|chunkblob|aa").unwrap(), b"x");
}

#[test]
fn now_is_the_greatest_ceiling_less_ten_seconds_else_the_read_timestamps_time() {
    let ts = |ms: u64| ms << 16;
    let payload = Native::new(ts(100_000)).put(b"a", ts(50_000), b"").put(b"b", ts(100_000), b"").payload();
    let headed = |ceiling: u64| [b"EKVTHLC1", &ceiling.to_be_bytes()[..], &payload].concat();
    let file = |ceiling| fixture::source(&fixture::with_footer(headed(ceiling)));
    let now = |sources, at| open_at(sources, at).unwrap().now_ms();
    // A clock that was set back: the ceiling is below the newest row's time, and counts.
    assert_eq!(now(vec![file(40_000)], None), UnixMs(30_000));
    assert_eq!(now(vec![file(110_000)], None), UnixMs(100_000));
    assert_eq!(now(vec![file(110_000)], Some(ts(200_000))), UnixMs(100_000));
    assert_eq!(now(vec![file(110_000)], Some(ts(60_000))), UnixMs(50_000));
    assert_eq!(now(vec![fixture::source(&payload)], None), UnixMs(90_000));
    assert_eq!(now(vec![file(4_000)], None), UnixMs(0));
    let other = Native::new(ts(70_000)).put(b"c", ts(70_000), b"").payload();
    let other = fixture::with_footer([b"EKVTHLC1", &45_000_u64.to_be_bytes()[..], &other].concat());
    assert_eq!(now(vec![file(40_000), fixture::source(&other)], None), UnixMs(35_000));
}

#[test]
fn an_expiry_between_header_and_newest_row_is_judged_by_the_newest_row() {
    let snapshot = Native::new(10).version(b"a", 5, 0, 15, b"").put(b"b", 20, b"");
    let store = store(&snapshot);
    assert_eq!(keys(store.scan(Family::Bare)), ["b"]);
    let stats = store.stats(Family::Bare);
    assert_eq!((stats.visible, stats.expired), (1, 1));
    let store = open_at(vec![snapshot.source()], Some(14)).unwrap();
    assert_eq!(keys(store.scan(Family::Bare)), ["a"]);
    assert_eq!((store.stats(Family::Bare).visible, store.now_ms()), (1, UnixMs(0)));
}

#[test]
fn the_floor_can_be_read_and_nothing_below_it() {
    let snapshot = Native::new(9).raw(b"_meta_min_retained_ts", &5_u64.to_le_bytes()).put(b"a", 9, b"");
    assert_eq!(open_at(vec![snapshot.source()], Some(5)).unwrap().read_ts(), Hlc(5));
    assert_eq!(open_at(vec![snapshot.source()], Some(100)).unwrap().read_ts(), Hlc(9));
    let error = open_at(vec![snapshot.source()], Some(4)).unwrap_err();
    assert!(matches!(error, Error::BelowFloor { at: Hlc(4), floor: Hlc(5), .. }));
}

#[test]
fn a_time_before_t_counts_from_the_newest_row() {
    let ts = |ms: u64| (1_714_400_000_000 + ms) << 16;
    let snapshot = Native::new(ts(1)).put(b"a", ts(2), b"").put(b"b", ts(500), b"").put(b"c", ts(1000), b"");
    let open = |at| {
        let options = SnapshotOptions { at: Some(at), ..SnapshotOptions::default() };
        Snapshot::open(vec![snapshot.source()], &options)
    };
    let seen = |at| {
        let store = open(at).unwrap();
        let events: Vec<_> = store.warnings().iter().map(|warning| warning.event.name()).collect();
        (keys(store.scan(Family::Bare)), store.totals().visible, events)
    };
    assert_eq!(seen(ReadAt::Before(500)), (vec!["a".into(), "b".into()], 2, vec!["version_above_watermark"]));
    assert_eq!(seen(ReadAt::Before(501)).1, 1);
    assert_eq!(seen(ReadAt::Before(0)).1, 3);
    assert!(seen(ReadAt::Before(999)).2.contains(&"nothing_visible"));
    assert!(seen(ReadAt::ms(UnixMs(1_714_400_001_001))).2.contains(&"at_above_snapshot"));
    assert!(matches!(open(ReadAt::Number(5)), Err(Error::NoHlc { at: 5, .. })));
}

#[test]
fn encrypted_rows_that_count_are_fatal() {
    let envelope = |id: u8| [&[1, 0, 0, 0, 0, id][..], &[0; 40]].concat();
    let snapshot = Native::new(9)
        .version(b"a", 1, 2, 0, &envelope(7))
        .version(b"b", 1, 2, 0, &envelope(9))
        .version(b"c", 1, 2, 0, b"");
    match error(&snapshot) {
        Error::Encrypted { rows, key_ids, offset, .. } => {
            assert_eq!((rows, key_ids, offset), (3, vec![0, 7, 9], 32));
        }
        other => panic!("{other}"),
    }
    let options = SnapshotOptions { counts_only: true, ..SnapshotOptions::default() };
    let store = Snapshot::open(vec![snapshot.source()], &options).unwrap();
    let encrypted = store.encrypted();
    assert_eq!(encrypted.by_key, [(0, 1), (7, 1), (9, 1)].into());
    assert_eq!((encrypted.rows, store.totals().visible), (3, 3));
    assert!(store.scan(Family::Bare).next().is_err());
    assert!(store.get(b"a", &mut EntryBuf::default()).is_err());
    assert!(store.versions(Family::Bare).next().unwrap().unwrap().encrypted);
    let hidden = Native::new(9).version(b"a", 1, 2, 0, &envelope(7)).put(b"a", 2, b"clear");
    assert_eq!(body(&self::store(&hidden), b"a").unwrap(), b"clear");
}

#[test]
fn keys_over_the_restore_limit_are_read_and_warned() {
    let key = vec![b'k'; 1 << 20];
    let fits = Native::new(9).put(&key, 1, b"v");
    assert!(store(&fits).warnings().is_empty());
    let key = vec![b'k'; (1 << 20) + 1];
    let store = store(&Native::new(9).put(&key, 1, b"v"));
    assert_eq!(body(&store, &key).unwrap(), b"v");
    let [warning] = store.warnings() else { panic!() };
    let names: Vec<_> = warning.fields.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        (warning.event.name(), names),
        ("over_restore_limit", vec!["key", "key_len", "value_len", "offset"])
    );
    assert_eq!(warning.fields[1].1, (1 << 20) + 9);
}

#[test]
fn visible_locks_are_warned_and_malformed_ones_are_corrupt() {
    let lock = |length: u64| {
        [&[1][..], &5_u64.to_be_bytes(), &9_u64.to_be_bytes(), &[0], &length.to_be_bytes(), b"pp"].concat()
    };
    let snapshot = Native::new(9).put(b"!txn|lock|k", 5, &lock(2)).put(b"!txn|lock|gone", 5, &lock(3));
    let store = store(&snapshot.clone().delete(b"!txn|lock|gone", 6));
    let warning = Warning::new(Event::TXN_UNRESOLVED).with("key_hex", "6b");
    assert_eq!(store.warnings(), [warning.with("primary_hex", "7070").with("start_ts", 5)]);
    match error(&snapshot) {
        Error::Container(error) => assert!(matches!(error.kind, ErrorKind::CorruptRow { .. })),
        other => panic!("{other}"),
    }
}

#[test]
fn internal_and_reserved_rows_are_only_warned() {
    let store = store(
        &Native::new(9)
            .put(b"!dist|route|short", 1, b"")
            .put(b"!dist|route|8bytes..", 1, b"")
            .delete(b"!migfence|x", 1),
    );
    let malformed =
        Warning::new(Event::INTERNAL_KEY_MALFORMED).with("prefix", "!dist|route|").with("count", 1);
    let reserved = Warning::new(Event::RESERVED_FAMILY_PRESENT).with("prefix", "!migfence|");
    assert_eq!(store.warnings(), [malformed, reserved]);
}

#[test]
fn snapshots_without_data_are_empty_and_an_oracles_is_warned() {
    let oracle_warning = [Warning::new(Event::ORACLE_SNAPSHOT)];
    let dedicated = hex::decode("0000018f2a3403b8fdbefded").unwrap();
    let ordinary = Native::new(0).raw(b"_meta_applied_index", &9_u64.to_le_bytes()).file();
    assert_eq!(ordinary.len(), 79);
    for bytes in [dedicated, ordinary] {
        let store = open_at(vec![fixture::source(&bytes)], None).unwrap();
        assert_eq!((store.warnings(), everything(&store).len()), (&oracle_warning[..], 0));
        assert!(store.inputs()[0].oracle);
        assert_eq!(body(&store, b"a"), None);
    }
    let store = open_at(vec![fixture::source(&[0; 4])], None).unwrap();
    assert!(store.warnings().is_empty() && everything(&store).is_empty());
    assert_eq!((store.read_ts(), store.now_ms(), store.inputs()[0].crc32c), (Hlc::ZERO, UnixMs(0), Some(0)));
}

#[test]
fn an_interrupt_ends_the_first_pass_and_scans() {
    let snapshot = Native::new(9).put(b"a", 1, b"");
    let options = SnapshotOptions::default();
    let store = Snapshot::open(vec![snapshot.source()], &options).unwrap();
    options.interrupt.flag().store(15, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(Snapshot::open(vec![snapshot.source()], &options), Err(Error::Interrupted(_))));
    let mut scan = store.scan(Family::Bare);
    assert!(matches!(scan.next(), Err(Error::Interrupted(_))));
    assert!(matches!(scan.next(), Ok(None)), "nothing more after an error");
}
