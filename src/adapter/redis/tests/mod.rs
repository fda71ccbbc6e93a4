//! The adapter as a whole, on snapshots that are made up here.

mod model;
mod snapshot;

use std::collections::BTreeMap;

use proptest::prelude::*;

use self::model::Row;
use self::snapshot::{COMMIT_TS, Dump, dump};
use crate::adapter::Options;

/// Names that are prefixes of one another, look like positions, or need care in some family.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        &b""[..],
        b"k",
        b"kk",
        b"k\xff",
        b"k\x80\0\0\0\0\0\0\x01",
        b"k\x80\0\0\0\0\0\0\x01\x80\0\0\0\0\0\0\0",
        b"d|x",
        b"a/b",
    ];
    proptest::sample::select(names.map(<[u8]>::to_vec).to_vec())
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    proptest::sample::select([&b""[..], b"a", b"ab", b"a\xff", b"\xfe", b"<"].map(<[u8]>::to_vec).to_vec())
}

fn expiry() -> impl Strategy<Value = Option<u64>> {
    let now = COMMIT_TS >> 16;
    proptest::sample::select(vec![None, None, Some(0), Some(1000), Some(now - 10_000), Some(now - 9_999)])
}

fn text() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![String::new(), "v".to_owned(), "w".to_owned()])
}

fn row() -> impl Strategy<Value = Row> {
    let family = || proptest::sample::select(vec!['h', 's', 'z']);
    let small = || -4_i8..5;
    prop_oneof![
        1 => (key(), any::<bool>(), expiry(), name())
            .prop_map(|(key, legacy, expiry, body)| Row::Str { key, legacy, expiry, body }),
        1 => (key(), any::<bool>(), expiry(), name())
            .prop_map(|(key, legacy, expiry, body)| Row::Hll { key, legacy, expiry, body }),
        1 => (key(), expiry()).prop_map(|(key, expiry)| Row::Index { key, expiry: expiry.unwrap_or(u64::MAX >> 1) }),
        1 => (family(), key(), 0_u32..4, expiry())
            .prop_map(|(family, key, length, expiry)| Row::Meta { family, key, length, expiry }),
        1 => (family(), key(), 0_u32..3, small())
            .prop_map(|(family, key, seq, length)| Row::Delta { family, key, seq, length }),
        4 => (key(), name(), name()).prop_map(|(key, name, value)| Row::Field { key, name, value }),
        4 => (key(), name()).prop_map(|(key, name)| Row::Member { key, name }),
        4 => (key(), name(), -2.0..1e22).prop_map(|(key, name, score)| Row::Scored { key, name, score }),
        2 => (key(), small(), 0_u8..9, expiry())
            .prop_map(|(key, head, length, expiry)| Row::ListMeta { key, head, length, expiry }),
        2 => (key(), 0_u32..3, small(), small())
            .prop_map(|(key, seq, head, length)| Row::ListDelta { key, seq, head, length }),
        8 => (key(), small(), name()).prop_map(|(key, seq, value)| Row::Item { key, seq, value }),
        2 => (key(), 0_u8..9, 0_u8..9, expiry())
            .prop_map(|(key, last, cursor, expiry)| Row::StreamMeta { key, last, cursor, expiry }),
        4 => (key(), 0_u8..9, text()).prop_map(|(key, ms, value)| Row::Entry { key, ms, value }),
        1 => (key(), proptest::collection::vec((text(), text()), 0..4))
            .prop_map(|(key, fields)| Row::HashBlob { key, fields }),
        1 => (key(), proptest::collection::vec(text(), 0..4)).prop_map(|(key, members)| Row::SetBlob { key, members }),
    ]
}

fn encode(rows: &[Row]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    rows.iter().map(Row::encode).collect()
}

fn plain(rows: &[(&[u8], &[u8])], options: &Options) -> Dump {
    dump(&rows.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect(), options)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_is_what_a_slow_model_makes_of_the_rows(rows in proptest::collection::vec(row(), 0..60)) {
        // Of rows with one user key only one can be visible.
        let rows: Vec<Row> =
            rows.into_iter().map(|row| (row.encode().0, row)).collect::<BTreeMap<_, _>>().into_values().collect();
        let found = dump(&encode(&rows), &Options::default());
        let (files, impossible) = model::files(&rows);
        prop_assert_eq!(found.scope.is_empty(), files.is_empty());
        let text = |files: &BTreeMap<String, Vec<u8>>| -> BTreeMap<String, String> {
            files.iter().map(|(path, body)| (path.clone(), body.escape_ascii().to_string())).collect()
        };
        prop_assert_eq!(text(&found.files), text(&files));
        prop_assert_eq!(found.problems.len(), impossible);
    }
}

#[test]
fn a_collection_larger_than_its_buffers_streams_to_one_file() {
    let rows: Vec<Row> = (0..20_000_u32)
        .rev()
        .map(|n| Row::Field { key: b"h".to_vec(), name: n.to_string().into_bytes(), value: vec![b'v'; 40] })
        .collect();
    let found = dump(&encode(&rows), &Options::default());
    let (files, _) = model::files(&rows);
    assert!(files["hashes/h.json"].len() > 1 << 20);
    assert!(found.files == files);
}

#[test]
fn what_hides_rows_is_said() {
    let found = plain(
        &[(b"!redis|str|k", b"\xff\x01\0s"), (b"!hs|fld|\0\0\0\x01kf", b"v"), (b"!redis|ttl|gone", &[0; 8])],
        &Options::default(),
    );
    assert_eq!(found.files.keys().collect::<Vec<_>>(), ["strings/k.bin"]);
    assert_eq!(found.warnings, ["redis_hidden_rows", "redis_orphan_ttl"]);
    assert_eq!(found.problems, []);
}

#[test]
fn an_index_row_older_than_every_delta_is_suspicious() {
    let delta = [&b"!hs|meta|d|\0\0\0\x01k"[..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
    let one = 1_u64.to_be_bytes();
    let found = plain(
        &[(b"!hs|fld|\0\0\0\x01kf", b"v"), (&delta, &one), (b"!redis|ttl|k", &one)],
        &Options::default(),
    );
    assert_eq!(found.files.keys().collect::<Vec<_>>(), ["hashes/k.json"]);
    assert_eq!(found.warnings, ["redis_stale_ttl"]);
}

#[test]
fn a_database_that_is_out_of_scope_is_not_written() {
    use crate::keyspace::Owner;
    let rows: [(&[u8], &[u8]); 1] = [(b"!redis|str|k", b"v")];
    for (name, files) in [(&b"1"[..], 0), (b"0", 1), (b"db_0", 1)] {
        let options = Options {
            scopes: BTreeMap::from([(Owner::Redis, [name.to_vec()].into())]),
            ..Options::default()
        };
        assert_eq!(plain(&rows, &options).files.len(), files);
    }
}
