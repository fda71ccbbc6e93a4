//! Walks over tables of every form that nodes write, and over those that nobody does.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::container::{Contents, Error, Layout, Position, Rows, Source, fixture};

use fixture::bundle::Bundle as Written;
use fixture::table::{Line, Shape, table};

type Raw = (Vec<u8>, Vec<u8>);

/// What a walk lends: position, boundary after it, key, value.
type Lent = (Position, Position, Vec<u8>, Vec<u8>);

fn numbered(count: usize) -> Vec<Raw> {
    let key = |number: usize| format!("!redis|str|key-{number:06}-and-its-timestamp").into_bytes();
    (0..count).map(|number| (key(number), vec![u8::try_from(number % 251).unwrap(); number % 97])).collect()
}

fn written(rows: &[Raw], target: usize, shape: &Shape) -> Written {
    Written::new(7, rows, target, shape)
}

fn collect(mut rows: Rows<'_>, source: &Source, layout: &Layout) -> Result<Vec<Lent>, Error> {
    let mut all = Vec::new();
    while rows.advance()? {
        let (start, end) = rows.span();
        assert!(start < end && rows.position() == start);
        let value_len = rows.value_len();
        let (key, value) = rows.key_and_value()?;
        assert_eq!(value.len(), value_len);
        all.push((start, end, key.to_vec(), value.to_vec()));
    }
    assert!(!rows.advance()?);
    rows.finish(source, layout)?;
    Ok(all)
}

/// Walks a whole file for the first time, with and without another thread.
fn first(source: &Source) -> Result<Vec<Lent>, Error> {
    let layout = Layout::of(source)?;
    let contents = Contents::open(source, &layout)?;
    let alone = collect(Rows::first(source, &layout, &contents, None), source, &layout);
    let ahead = std::thread::scope(|scope| {
        let ahead = crate::container::Ahead::start(source, scope);
        collect(Rows::first(source, &layout, &contents, ahead), source, &layout)
    });
    assert_eq!(alone.as_ref().ok(), ahead.as_ref().ok());
    alone
}

fn raw(lent: &[Lent]) -> Vec<Raw> {
    lent.iter().map(|(_, _, key, value)| (key.clone(), value.clone())).collect()
}

/// Checks that a file holds these rows, and that each walk in the middle finds its part of them.
fn holds(payload: &[u8], expected: &[Raw]) {
    for file in [payload.to_vec(), fixture::with_footer(payload.to_vec()), fixture::headed(payload)] {
        let source = fixture::source(&file);
        let lent = first(&source).unwrap();
        assert!(raw(&lent) == expected);
        assert!(lent.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].0));
    }
    let source = fixture::source(payload);
    let layout = Layout::of(&source).unwrap();
    let contents = Contents::open(&source, &layout).unwrap();
    let lent = first(&source).unwrap();
    let end = Position::at(contents.bundle().unwrap().end());
    let step = (lent.len() / 23).max(1);
    let mut reused = Rows::between(&source, &contents, end, end);
    for from in (0..lent.len()).step_by(step) {
        let to = lent.len().min(from + from % 400 + 1);
        let (start, until) = (lent[from].0, lent[to - 1].1);
        let mut rows = Rows::between(&source, &contents, start, until);
        reused.seek(start, until);
        for expected in &lent[from..to] {
            for rows in [&mut rows, &mut reused] {
                assert!(rows.advance().unwrap());
                assert_eq!(rows.span(), (expected.0, expected.1));
                assert_eq!(rows.key_and_value().unwrap(), (&expected.2[..], &expected.3[..]));
            }
        }
        for rows in [&mut rows, &mut reused] {
            assert!(!rows.advance().unwrap() && !rows.advance().unwrap());
        }
        by_key(&source, &contents, &lent, &lent[from].2, end);
        by_key(&source, &contents, &lent, &[&lent[from].2[..], b"\0"].concat(), end);
        by_key(&source, &contents, &lent, &lent[from].2[..lent[from].2.len() / 2], end);
    }
    by_key(&source, &contents, &lent, b"", end);
    by_key(&source, &contents, &lent, &[0xff; 40], end);
}

/// A walk from a key on meets all greater ones, and few others before them.
fn by_key(source: &Source, contents: &Contents, lent: &[Lent], target: &[u8], end: Position) {
    let mut rows = Rows::between(source, contents, end, end);
    assert!(rows.seek_key(target, end));
    let expected = lent.partition_point(|row| row.2.as_slice() < target);
    let mut passed = BTreeSet::new();
    loop {
        let found = rows.advance().unwrap().then(|| rows.key().to_vec());
        match found {
            Some(key) if key.as_slice() < target => {
                passed.insert(rows.position().offset());
            }
            found => {
                assert_eq!(found.as_ref(), lent.get(expected).map(|row| &row.2));
                break;
            }
        }
    }
    assert!(passed.len() <= 1, "a search reads one block");
}

fn refused(payload: &[u8]) -> ErrorKind {
    let error = first(&fixture::source(payload)).unwrap_err();
    assert!(!error.kind.is_unreadable());
    match error.kind {
        ErrorKind::InTable { kind, .. } => *kind,
        kind => kind,
    }
}

#[test]
fn blocks_are_stored_or_compressed_and_indexes_have_one_level_or_two() {
    let rows = numbered(700);
    for snappy in [false, true] {
        for index_block in [4096, 100, 1] {
            for (block, interval) in [(4096, 16), (300, 1), (1, 16), (1 << 20, 7)] {
                let shape =
                    Shape { block, index_block, restart_interval: interval, snappy, ..Shape::default() };
                holds(&written(&rows, usize::MAX, &shape).payload(), &rows);
            }
        }
    }
}

#[test]
fn tables_follow_each_other() {
    let rows = numbered(500);
    for target in [1, 1000, 20_000] {
        let shape = Shape { block: 700, index_block: 200, ..Shape::default() };
        let bundle = written(&rows, target, &shape);
        assert!(bundle.tables.len() > 1);
        holds(&bundle.payload(), &rows);
    }
}

#[test]
fn restart_bits_and_block_properties_are_ignored() {
    let rows = numbered(300);
    let shape = Shape { restart_bits: true, block_properties: b"\x01\x02ab", block: 500, ..Shape::default() };
    holds(&written(&rows, usize::MAX, &shape).payload(), &rows);
}

#[test]
fn shared_beginnings_reach_into_the_trailer() {
    // The second key goes on like the trailer of the first.
    let rows: Vec<Raw> = [
        &b"abcdefgh"[..],
        b"abcdefgh\x01",
        b"abcdefgh\x01\0\0\0",
        b"abcdefgh\x01\0\0\0\0\0\0\0x",
        b"abcdefgh\x02",
    ]
    .into_iter()
    .map(|key| (key.to_vec(), b"value".to_vec()))
    .collect();
    for snappy in [false, true] {
        holds(&written(&rows, usize::MAX, &Shape { snappy, ..Shape::default() }).payload(), &rows);
    }
}

#[test]
fn blocks_are_as_large_as_their_rows() {
    let mut rows = numbered(40);
    for (number, row) in rows.iter_mut().enumerate().filter(|(number, _)| number % 9 == 0) {
        row.1 = (0..=250).cycle().take((number + 1) * 40_000).collect();
    }
    for snappy in [false, true] {
        holds(&written(&rows, usize::MAX, &Shape { snappy, ..Shape::default() }).payload(), &rows);
    }
}

#[test]
fn an_empty_store_has_no_rows() {
    let payload = written(&[], 1, &Shape::default()).payload();
    holds(&payload, &[]);
    let claims =
        written(&[], 1, &Shape::default()).manifest().replace("\"entry_count\":0", "\"entry_count\":1");
    let kind = refused(&written(&[], 1, &Shape::default()).payload_with(&claims));
    assert!(matches!(kind, ErrorKind::CorruptBundle { .. }));
}

#[test]
fn empty_values_and_keys_are_rows() {
    let rows = vec![(b"".to_vec(), b"".to_vec()), (b"a".to_vec(), b"".to_vec())];
    holds(&written(&rows, usize::MAX, &Shape { block: 1, ..Shape::default() }).payload(), &rows);
}

#[test]
fn every_other_form_is_refused_by_name() {
    let rows = numbered(50);
    let cases: &[(Shape, &str)] = &[
        (Shape { version: 5, ..Shape::default() }, "table version 5"),
        (
            Shape { magic: [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb], ..Shape::default() },
            "57fb808b247547db",
        ),
        (Shape { checksum_type: 3, ..Shape::default() }, "table checksum type 3"),
        (Shape { compression_type: Some(7), ..Shape::default() }, "block compression type 7"),
        (Shape { compression_type: Some(8), ..Shape::default() }, "block compression type 8"),
        (Shape { kind: 0, ..Shape::default() }, "entry kind 0"),
        (Shape { kind: 2, ..Shape::default() }, "entry kind 2"),
        (Shape { kind: 18, ..Shape::default() }, "entry kind 18"),
        (Shape { sequence: 9, ..Shape::default() }, "sequence number 9"),
        (Shape { value_prefix: Some(0x80), ..Shape::default() }, "value prefix 2"),
        (Shape { value_prefix: Some(0x40), ..Shape::default() }, "value prefix 1"),
        (Shape { comparator: "other", ..Shape::default() }, "ordered by \"other\""),
        (Shape { index_type: Some(1), ..Shape::default() }, "table index type 1"),
        (Shape { metaindex: &["rocksdb.range_del"], ..Shape::default() }, "rocksdb.range_del"),
        (Shape { metaindex: &["rocksdb.range_del2"], ..Shape::default() }, "rocksdb.range_del2"),
        (Shape { metaindex: &["pebble.range_key"], ..Shape::default() }, "pebble.range_key"),
        (Shape { metaindex: &["pebble.value_index"], ..Shape::default() }, "pebble.value_index"),
        (Shape { metaindex: &["pebble.blob_ref_index"], ..Shape::default() }, "pebble.blob_ref_index"),
    ];
    for (shape, expected) in cases {
        let kind = refused(&written(&rows, usize::MAX, shape).payload());
        assert!(
            matches!(kind, ErrorKind::UnsupportedFormat { .. } | ErrorKind::UnsupportedTable { .. })
                && kind.to_string().contains(expected),
            "{expected}: {kind}"
        );
    }
    let filtered = Shape { metaindex: &["fullfilter.rocksdb.BuiltinBloomFilter"], ..Shape::default() };
    holds(&written(&rows, usize::MAX, &filtered).payload(), &rows);
}

#[test]
fn an_index_that_leads_elsewhere_is_refused() {
    let rows = numbered(400);
    let changes: &[fn(&mut Vec<Line>)] = &[
        |lines| lines[1].1 = lines[0].1,
        |lines| lines[1].1 += 1,
        |lines| lines.swap(1, 2),
        |lines| lines[2] = lines[1].clone(),
        |lines| {
            lines.remove(1);
        },
        |lines| {
            lines.remove(0);
        },
        |lines| {
            lines.pop();
        },
        |lines| lines.clear(),
        |lines| lines[0].0 = lines[2].0.clone(),
        |lines| lines[1].0 = lines[0].0.clone(),
        |lines| lines[1].0.clear(),
        |lines| lines[1].1 = u64::MAX,
        |lines| lines[1].2 = u64::MAX,
        |lines| lines[1].2 = 1 << 30,
        |lines| lines[1].2 = (1 << 30) + 1,
        |lines| lines[1].2 = 0,
        |lines| lines[1].2 -= 1,
        |lines| *lines = lines[..3].iter().cycle().take(10_000).cloned().collect(),
    ];
    for (number, &reindex) in changes.iter().enumerate() {
        for index_block in [1 << 30, 100] {
            let shape = Shape { block: 500, index_block, reindex, ..Shape::default() };
            let kind = refused(&written(&rows, usize::MAX, &shape).payload());
            assert!(
                matches!(
                    kind,
                    ErrorKind::CorruptTable { .. }
                        | ErrorKind::LengthOverLimit { .. }
                        | ErrorKind::BlockChecksum { .. }
                        | ErrorKind::UnsupportedFormat { .. }
                ),
                "{number}: {kind}"
            );
        }
        let shape = Shape { block: 300, index_block: 100, reindex_top: reindex, ..Shape::default() };
        let result = first(&fixture::source(&written(&rows, usize::MAX, &shape).payload()));
        assert!(result.is_err(), "upper level, {number}");
    }
}

#[test]
fn what_the_manifest_says_is_compared() {
    let rows = numbered(100);
    let bundle = written(&rows, 2000, &Shape::default());
    let json = bundle.manifest();
    let bound = |key: &[u8]| {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(key)
    };
    let (count, bytes) = (bundle.head.entry_count, bundle.head.uncompressed_bytes);
    for (from, to) in [
        (format!("entry_count\":{count}"), format!("entry_count\":{}", count + 1)),
        (format!("uncompressed_bytes\":{bytes}"), format!("uncompressed_bytes\":{}", bytes - 1)),
        (bound(&bundle.tables[0].smallest), bound(b"!redis|str|a")),
        (bound(&bundle.tables[0].largest), bound(&[&bundle.tables[0].largest[..], b"x"].concat())),
    ] {
        assert!(json.contains(&from));
        let kind = refused(&bundle.payload_with(&json.replace(&from, &to)));
        assert!(matches!(kind, ErrorKind::CorruptBundle { .. } | ErrorKind::CorruptTable { .. }), "{kind}");
    }
    let sha256 = json.split("sha256\":\"").nth(2).unwrap().get(..64).unwrap();
    let kind = refused(&bundle.payload_with(&json.replace(sha256, &"0".repeat(64))));
    assert!(matches!(kind, ErrorKind::DigestMismatch { what: "the table", .. }), "{kind}");
    let kind =
        refused(&written(&rows, 1 << 20, &Shape { entries_too_many: 1, ..Shape::default() }).payload());
    assert!(kind.to_string().contains("its properties say 101"), "{kind}");
}

#[test]
fn nothing_but_a_footer_follows_the_last_table() {
    let payload = written(&numbered(10), 1 << 20, &Shape::default()).payload();
    for behind in 1..12 {
        let kind = refused(&[&payload[..], &vec![0; behind]].concat());
        match behind {
            4 => assert!(matches!(kind, ErrorKind::FooterMismatch { .. })),
            _ => assert!(matches!(kind, ErrorKind::CorruptBundle { .. }), "{kind}"),
        }
    }
    for len in 8..payload.len() {
        let kind = refused(&payload[..len]);
        assert!(matches!(kind, ErrorKind::Truncated { .. }), "{len}: {kind}");
        refused(&fixture::headed(&payload[..len]));
    }
}

#[test]
fn lengths_of_manifests_are_limited() {
    let payload = written(&numbered(10), 1 << 20, &Shape::default()).payload();
    let with = |len: u64| [&payload[..8], &len.to_be_bytes(), &payload[16..]].concat();
    for len in [(64 << 20) + 1, 1 << 63, u64::MAX] {
        assert!(matches!(refused(&with(len)), ErrorKind::LengthOverLimit { .. }));
    }
    assert!(matches!(refused(&with(64 << 20)), ErrorKind::Truncated { .. }));
    assert!(matches!(refused(&with(0)), ErrorKind::CorruptBundle { .. }));
}

#[test]
fn an_error_names_the_table_and_the_offset_of_the_block() {
    let rows = numbered(100);
    let mut bundle = written(&rows, 2000, &Shape { block: 500, ..Shape::default() });
    let tables: usize = bundle.tables.iter().map(|table| table.bytes.len()).sum();
    let start = bundle.payload().len() - tables + bundle.tables[0].bytes.len();
    bundle.tables[1].bytes[3] ^= 1;
    let error = first(&fixture::source(&bundle.payload())).unwrap_err();
    assert_eq!(error.offset, start as u64);
    assert!(error.to_string().contains(": 000001.sst: checksum mismatch: "), "{error}");
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0), Just(1), Just(b'a'), Just(0xff)];
    proptest::collection::vec(byte, 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rows_come_back(
        rows in proptest::collection::btree_map(bytes(), bytes(), 1..60),
        (block, index_block) in (1..200_usize, 1..200_usize),
        target in 1..400_usize,
        restart_interval in 1..5_usize,
        snappy: bool,
    ) {
        let rows: Vec<Raw> = rows.into_iter().collect();
        let shape = Shape { block, index_block, restart_interval, snappy, ..Shape::default() };
        holds(&written(&rows, target, &shape).payload(), &rows);
    }

    #[test]
    fn damage_under_right_checksums_is_never_a_panic(
        at in any::<proptest::sample::Index>(),
        with in any::<u8>(),
        two_levels: bool,
    ) {
        // Any byte of a table changed, and every checksum of a block and every digest made right again.
        let rows = numbered(60);
        let index_block = if two_levels { 60 } else { 4096 };
        let shape = Shape { block: 400, index_block, snappy: false, ..Shape::default() };
        let whole = table(&rows, &shape);
        let mut bytes = whole.clone();
        bytes[at.index(whole.len())] = with;
        repair(&mut bytes, &whole);
        let mut bundle = written(&rows, usize::MAX, &shape);
        bundle.tables[0].bytes = bytes;
        let source = fixture::source(&bundle.payload());
        let expected = raw(&first(&fixture::source(&written(&rows, usize::MAX, &shape).payload())).unwrap());
        if let Ok(lent) = first(&source) {
            // Only what is no part of a key or a length can have changed.
            prop_assert_eq!(lent.len(), expected.len());
        }
    }
}

/// Writes the checksum of each block anew: of what was a block of the table `whole`, whose blocks are stored.
fn repair(bytes: &mut [u8], whole: &[u8]) {
    let masked = |data: &[u8]| crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    let mut start = 0;
    for end in 0..whole.len() - 4 {
        if end > start && whole[end..end + 4] == masked(&whole[start..end]) {
            let crc = masked(&bytes[start..end]);
            bytes[end..end + 4].copy_from_slice(&crc);
            start = end + 4;
        }
    }
}
