//! Tables of every form that nodes write, and any rows.

use proptest::prelude::*;

use super::*;

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
}
