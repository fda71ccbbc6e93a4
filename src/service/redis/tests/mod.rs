//! The adapter as a whole, on snapshots that are made up here.

mod model;
mod row;
mod snapshot;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::Union;

use self::row::Row;
use self::snapshot::{COMMIT_TS, Dump, dump};
use crate::service::Options;
use crate::service::fixture::Rows;

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

/// One strategy a type: its elements, twice as often, and whatever else makes it.
fn types() -> Vec<BoxedStrategy<Row>> {
    let small = || -4_i8..5;
    let string = |(key, legacy, expiry, body)| Row::Str { key, legacy, expiry, body };
    let hll = |(key, legacy, expiry, body)| Row::Hll { key, legacy, expiry, body };
    let index = |(key, expiry): (_, Option<u64>)| Row::Index { key, expiry: expiry.unwrap_or(u64::MAX >> 1) };
    let count = |family| {
        let meta = move |(key, length, expiry)| Row::Meta { family, key, length, expiry };
        let delta = move |(key, seq, length)| Row::Delta { family, key, seq, length };
        prop_oneof![(key(), 0_u32..4, expiry()).prop_map(meta), (key(), 0_u32..3, small()).prop_map(delta),]
    };
    let field = |(key, name, value)| Row::Field { key, name, value };
    let hash_blob = |(key, fields)| Row::HashBlob { key, fields };
    let member = |(key, name)| Row::Member { key, name };
    let set_blob = |(key, members)| Row::SetBlob { key, members };
    let scored = |(key, name, score)| Row::Scored { key, name, score };
    let list_meta = |(key, head, length, expiry)| Row::ListMeta { key, head, length, expiry };
    let list_delta = |(key, seq, head, length)| Row::ListDelta { key, seq, head, length };
    let item = |(key, seq, value)| Row::Item { key, seq, value };
    let stream_meta = |(key, last, cursor, expiry)| Row::StreamMeta { key, last, cursor, expiry };
    let entry = |(key, ms, value)| Row::Entry { key, ms, value };
    vec![
        (key(), any::<bool>(), expiry(), name()).prop_map(string).boxed(),
        (key(), any::<bool>(), expiry(), name()).prop_map(hll).boxed(),
        (key(), expiry()).prop_map(index).boxed(),
        prop_oneof![
            2 => (key(), small(), name()).prop_map(item),
            1 => (key(), small(), 0_u8..9, expiry()).prop_map(list_meta),
            1 => (key(), 0_u32..3, small(), small()).prop_map(list_delta),
        ]
        .boxed(),
        prop_oneof![
            2 => (key(), name(), name()).prop_map(field),
            1 => count('h'),
            1 => (key(), proptest::collection::vec((text(), text()), 0..4)).prop_map(hash_blob),
        ]
        .boxed(),
        prop_oneof![
            2 => (key(), name()).prop_map(member),
            1 => count('s'),
            1 => (key(), proptest::collection::vec(text(), 0..4)).prop_map(set_blob),
        ]
        .boxed(),
        prop_oneof![2 => (key(), name(), -2.0..1e22).prop_map(scored), 1 => count('z')].boxed(),
        prop_oneof![
            2 => (key(), 0_u8..9, text()).prop_map(entry),
            1 => (key(), 0_u8..9, 0_u8..9, expiry()).prop_map(stream_meta),
        ]
        .boxed(),
    ]
}

/// Rows of some types, so that those low in the order win as well.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let types = types();
    proptest::sample::subsequence(types.clone(), 1..=types.len())
        .prop_flat_map(|some| proptest::collection::vec(Union::new(some), 0..60))
}

fn encode(rows: &[Row]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    rows.iter().map(Row::encode).collect()
}

fn plain(rows: &[(&[u8], &[u8])], options: &Options) -> Dump {
    dump(&rows.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect(), options)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_is_what_a_slow_model_makes_of_the_rows(rows in rows()) {
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
    assert_eq!(found.warnings, ["redis_stale_ttl", "redis_expired_kept"]);
}

#[test]
fn a_warning_names_its_row_and_shows_the_front_of_a_long_key() {
    let mut rows = Rows::default();
    let key = [&b"!hs|meta|d|\0\x10\0\0"[..], &vec![b'k'; 1 << 20]].concat();
    rows.put(&key, b"12345678");
    let dumped = rows.dump(&Options::default(), super::dump).unwrap();
    let [warning] = dumped.warnings.as_slice() else { panic!("{} warnings", dumped.warnings.len()) };
    assert_eq!(
        warning.fields,
        [
            ("type", "hash".into()),
            ("row_key_len", key.len().into()),
            ("value_len", 8.into()),
            ("offset", 16.into()),
            ("key", format!("!hs|meta|d|\0\u{10}\0\0{}…", "k".repeat(49)).into()),
        ]
    );
}

#[test]
fn expired_keys_that_are_kept_are_counted_and_dropped_ones_too() {
    let past = |body: &[u8]| [&b"\xff\x01\x01"[..], &9_u64.to_be_bytes(), body].concat();
    let mut rows = Rows::default();
    rows.put(b"!redis|str|a\xff", &past(b"1"));
    rows.put(b"!redis|str|b", &past(b"2"));
    rows.put(b"!redis|str|c", b"\xff\x01\0live");
    for (drop_expired, event, files) in [(false, "redis_expired_kept", 4), (true, "redis_expired_dropped", 1)]
    {
        let options = Options { drop_expired, ..Options::default() };
        let dumped = rows.dump(&options, super::dump).unwrap();
        let [warning] = dumped.warnings.as_slice() else { panic!("{} warnings", dumped.warnings.len()) };
        assert_eq!(warning.event, event);
        assert_eq!(warning.fields[0], ("count", 2.into()));
        assert_eq!(warning.fields[2], ("first_key", r"a\xff".into()));
        assert_eq!(dumped.files.keys().filter(|path| !path.ends_with(b"/")).count(), files);
    }
}

#[test]
fn a_database_that_is_out_of_scope_is_not_written() {
    use crate::keyspace::Namespace;
    let rows: [(&[u8], &[u8]); 1] = [(b"!redis|str|k", b"v")];
    for (name, files) in [(&b"1"[..], 0), (b"0", 1), (b"db_0", 1)] {
        let options = Options {
            scopes: BTreeMap::from([(Namespace::Redis, [name.to_vec()].into())]),
            ..Options::default()
        };
        assert_eq!(plain(&rows, &options).files.len(), files);
    }
}

#[test]
fn fallback_names_stand_in_the_keymap_once_more_for_an_expiry() {
    let long = |name: &str| format!("{name}{}", "k".repeat(300)).into_bytes();
    let string = |name: &str, expiry| Row::Str { key: long(name), legacy: false, expiry, body: Vec::new() };
    let hll = |name: &str, expiry| Row::Hll { key: long(name), legacy: false, expiry, body: Vec::new() };
    let rows = [
        string("b", None),
        string("a", Some(u64::MAX)),
        hll("h", Some(1000)),
        Row::Member { key: long("s"), name: Vec::new() },
        Row::Item { key: long("l"), seq: 0, value: Vec::new() },
        Row::ListDelta { key: long("l"), seq: 0, head: 0, length: 1 },
        Row::Field { key: long("z"), name: Vec::new(), value: Vec::new() },
        Row::Scored { key: long("c"), name: Vec::new(), score: 0.0 },
        Row::StreamMeta { key: long("x"), last: 0, cursor: 0, expiry: None },
        Row::Field { key: long("y"), name: Vec::new(), value: Vec::new() },
    ];
    let found = dump(&encode(&rows), &Options::default());
    let originals: String = std::str::from_utf8(&found.files["KEYMAP.jsonl"])
        .unwrap()
        .lines()
        .map(|line| {
            let record = crate::tree::keymap::parse(line.as_bytes()).unwrap();
            char::from(record.original[0])
        })
        .collect();
    assert_eq!(originals, "hhaabyzlscx");
    assert_eq!(found.files["hll_ttl.jsonl"].split(|&byte| byte == b'\n').count(), 2);
}

#[test]
fn an_expiry_stands_where_the_row_of_its_string_would() {
    let string = |key: &[u8]| Row::Str { key: key.to_vec(), legacy: true, expiry: None, body: Vec::new() };
    let index = |key: &[u8]| Row::Index { key: key.to_vec(), expiry: 7 };
    let rows =
        [&b"a"[..], b"ab", b"a\xff"].iter().flat_map(|key| [string(key), index(key)]).collect::<Vec<_>>();
    let found = dump(&encode(&rows), &Options::default());
    let keys: Vec<&str> = std::str::from_utf8(&found.files["strings_ttl.jsonl"])
        .unwrap()
        .lines()
        .map(|line| line.split('"').nth(3).unwrap())
        .collect();
    assert_eq!(keys, ["ab", "a", "a%FF"]);
}

#[test]
fn keys_without_a_prefix_are_strings_when_that_is_asked_for() {
    let rows: [(&[u8], &[u8]); 4] = [
        (b"both", b"bare"),
        (b"!redis|str|both", b"str"),
        (b"k", b"\xff\x01"),
        (b"!redis|ttl|k", &[0, 0, 0, 0, 0, 0, 0, 9]),
    ];
    let none = plain(&rows, &Options::default());
    assert_eq!(none.files.keys().collect::<Vec<_>>(), ["strings/both.bin"]);
    assert_eq!(none.warnings, ["redis_orphan_ttl"]);
    let options = Options { legacy_redis_strings: true, ..Options::default() };
    let all = plain(&rows, &options);
    assert_eq!(
        all.files.keys().collect::<Vec<_>>(),
        ["strings/both.bin", "strings/k.bin", "strings_ttl.jsonl"]
    );
    assert_eq!(all.files["strings/k.bin"], b"\xff\x01");
    assert_eq!(all.warnings, ["redis_expired_kept", "redis_legacy_strings"]);
}

#[test]
fn a_list_keeps_its_items_when_another_name_looks_like_one_of_its_positions() {
    let inner = b"k\x80\0\0\0\0\0\0\x01".to_vec();
    let item = |key: &[u8], seq, value: &str| Row::Item { key: key.to_vec(), seq, value: value.into() };
    let meta = |key: &[u8], length| Row::ListMeta { key: key.to_vec(), head: 0, length, expiry: None };
    let rows = [
        item(b"k", 0, "a"),
        item(&inner, 0, "x"),
        item(b"k", 1, "b"),
        item(b"k", 2, "c"),
        meta(b"k", 3),
        meta(&inner, 1),
    ];
    let found = dump(&encode(&rows), &Options::default());
    assert_eq!(found.warnings, [""; 0]);
    assert_eq!(found.files, model::files(&rows).0);
}

#[test]
fn a_collection_whose_name_no_keymap_takes_leaves_nothing_to_the_next_one() {
    let field = |key: &[u8], name: &str| {
        let length = u32::try_from(key.len()).unwrap().to_be_bytes();
        [&b"!hs|fld|"[..], &length, key, name.as_bytes()].concat()
    };
    let blob = b"\0RH\x01\x0a\x06\x0a\x01c\x12\x01v";
    let long = |first: u8| vec![first; 3 << 20];
    let mut rows = Rows::default();
    rows.put(&field(&long(b'a'), "a"), b"1");
    rows.put(&field(b"small", "b"), b"2");
    rows.put(&[&b"!redis|hash|"[..], &long(b'b')].concat(), blob);
    rows.put(b"!redis|hash|blob", blob);
    let dumped = rows.dump(&Options::default(), super::dump).unwrap();
    assert_eq!(
        dumped.classes().iter().map(|(class, _)| &**class).collect::<Vec<_>>(),
        ["keymap_line_too_long"; 2]
    );
    assert_eq!(dumped.events(), [""; 0]);
    let names = |key: &str| {
        let file = &dumped.files[format!("redis/db_0/hashes/{key}.json").as_bytes()];
        let json: serde_json::Value = serde_json::from_slice(file).unwrap();
        json["fields"].as_array().unwrap().iter().map(|field| field["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((names("small"), names("blob")), (vec!["b".into()], vec!["c".into()]));
}
