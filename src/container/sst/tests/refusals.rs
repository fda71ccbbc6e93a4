//! Tables that nobody writes, and manifests that say something else.

use super::*;
use crate::container::fixture::table::Line;

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
