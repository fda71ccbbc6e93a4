//! The adapter on whole snapshots, and against a slow model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::json;

use crate::keyspace::{Family, Namespace};
use crate::service::Options;
use crate::service::fixture::{Dumped, Rows};
use crate::tree::segment;

fn dump(rows: &Rows, options: &Options) -> Dumped {
    rows.dump(options, super::dump).unwrap()
}

fn rows(keys: &[&[u8]]) -> Rows {
    let mut rows = Rows::default();
    for key in keys {
        rows.put(key, key);
    }
    rows
}

fn names(dumped: &Dumped) -> Vec<String> {
    let names = dumped.files.keys().filter_map(|path| path.strip_prefix(b"extra/kv/"));
    names.filter(|name| !name.is_empty()).map(|name| String::from_utf8(name.to_vec()).unwrap()).collect()
}

#[test]
fn bare_keys_are_files_and_one_warning() {
    let dumped =
        dump(&rows(&[b"", b".", b"..", b"a/b", b"\xff", b"_meta_last_commit_ts_"]), &Options::default());
    assert_eq!(
        names(&dumped),
        ["%FF.bin", "...bin", "..bin", ".bin", "_meta_last_commit_ts_.bin", "a%2Fb.bin"]
    );
    assert_eq!(dumped.files[&b"extra/kv/a%2Fb.bin"[..]], b"a/b");
    assert_eq!(dumped.events(), ["unprefixed_keys"]);
    assert_eq!(dumped.warnings[0].fields[0], ("count", json!(6)));
    assert!(dumped.problems.is_empty());
}

#[test]
fn nothing_to_keep_writes_nothing() {
    let dumped = dump(&rows(&[b"!redis|str|k", b"!fs|usage", b"!migfence|x"]), &Options::default());
    assert!(dumped.files.is_empty() && dumped.warnings.is_empty());
}

#[test]
fn fallback_names_have_keymap_records_sorted_by_name() {
    let long: Vec<_> = (0..3u8).map(|last| [&[b'k'; 300][..], &[last]].concat()).collect();
    let dumped = dump(&rows(&long.iter().map(|key| &key[..]).collect::<Vec<_>>()), &Options::default());
    let keymap = String::from_utf8(dumped.files[&b"extra/kv/KEYMAP.jsonl"[..]].clone()).unwrap();
    let mut encoded: Vec<_> = long.iter().map(|key| segment::fallback(key)).collect();
    encoded.sort();
    let lines: Vec<_> = keymap.lines().collect();
    assert_eq!(lines.len(), 3);
    for (line, encoded) in lines.iter().zip(&encoded) {
        assert!(line.starts_with(&format!("{{\"encoded\":\"{encoded}\",")), "{line}");
    }
}

#[test]
fn unknown_rows_are_counted_by_prefix() {
    let dumped = dump(&rows(&[b"!foo|a|1", b"!foo|a|2", b"!foo|b", b"!"]), &Options::default());
    assert_eq!(names(&dumped).len(), 4);
    let fields: Vec<_> = dumped.warnings.iter().map(|warning| warning.fields.clone()).collect();
    let warned = [("!", 1), ("!foo|a|", 2), ("!foo|b", 1)];
    assert_eq!(
        fields,
        warned.map(|(prefix, count)| vec![("prefix", json!(prefix)), ("count", json!(count))])
    );
    assert!(dumped.problems.is_empty());
}

#[test]
fn the_first_hundred_rows_of_an_adapters_prefix_are_named_and_then_the_count() {
    for (count, problems) in [(100, 100), (101, 101), (102, 101)] {
        let keys: Vec<_> = (0..count).map(|at| format!("!s3|x|{at:03}").into_bytes()).collect();
        let dumped = dump(&rows(&keys.iter().map(|key| &key[..]).collect::<Vec<_>>()), &Options::default());
        assert_eq!(dumped.problems.len(), problems);
        assert_eq!(names(&dumped).len(), count);
        assert!(dumped.problems.iter().all(|problem| problem["adapter"] == "s3"));
        let classes = dumped.classes();
        let last = ("unknown_family".to_owned(), b"!s3|x|099".to_vec());
        assert!(classes.contains(&last));
        assert_eq!(classes[0].1 == b"!s3|x|", problems == 101);
    }
}

#[test]
fn prefixes_beyond_a_thousand_are_counted_together() {
    let keys: Vec<_> = (0..1003).map(|at| format!("!hs|{at:04}").into_bytes()).collect();
    let dumped = dump(&rows(&keys.iter().map(|key| &key[..]).collect::<Vec<_>>()), &Options::default());
    assert_eq!(dumped.problems.len(), 1001);
    assert_eq!(dumped.problems[0]["message"], "3 more rows of no known family, under prefixes of their own");
    assert_eq!(dumped.problems[0]["scope"], "db_0");
}

#[test]
fn unknown_rows_of_an_adapter_that_was_not_selected_are_internal() {
    let options = Options { excluded: [Namespace::Redis].into(), ..Options::default() };
    let dumped = dump(&rows(&[b"!redis|x|y", b"!stream|x", b"!ddb|x", b"!foo", b"bare"]), &options);
    assert_eq!(names(&dumped), ["%21ddb%7Cx.bin", "%21foo.bin", "bare.bin"]);
    assert_eq!(dumped.classes(), [("unknown_family".to_owned(), b"!ddb|x".to_vec())]);
}

#[test]
fn without_extra_warnings_and_problems_stay() {
    let options = Options { no_extra: true, ..Options::default() };
    let dumped = dump(&rows(&[b"bare", b"!ddb|x"]), &options);
    assert!(dumped.files.is_empty());
    assert_eq!(dumped.events(), ["unprefixed_keys", "unknown_family"]);
    assert_eq!(dumped.problems.len(), 1);
}

#[test]
fn as_redis_strings_only_the_hidden_bare_keys_stay() {
    let options = Options { legacy_redis_strings: true, ..Options::default() };
    let keys: [&[u8]; 7] =
        [b"a", b"ab", b"\xff", b"c", b"!redis|str|ab", b"!redis|str|\xff", b"!redis|str|b"];
    let dumped = dump(&rows(&keys), &options);
    assert_eq!(names(&dumped), ["%FF.bin", "ab.bin"]);
    assert_eq!(dumped.files[&b"extra/kv/ab.bin"[..]], b"ab");
    let fields = [("count", json!(2)), ("first_key_hex", json!("6162")), ("first_key", json!("ab"))];
    assert_eq!(dumped.warnings[0].fields, fields);

    let options = Options { excluded: [Namespace::Redis].into(), ..options };
    assert_eq!(names(&dump(&rows(&keys), &options)).len(), 4);
}

fn any_key() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::collection::vec(prop::sample::select(b"|!a./%\0\xfe\xff".to_vec()), 0..6);
    let start =
        prop::sample::select(vec![&b""[..], b"!", b"!redis|", b"!redis|str|", b"!x|y|", b"!s3|", b"../"]);
    (start, part).prop_map(|(start, part)| [start, &part].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_bare_and_unknown_key_is_one_file_inside_its_directory(
        keys in prop::collection::btree_set(any_key(), 0..40),
        legacy_redis_strings: bool,
    ) {
        let options = Options { legacy_redis_strings, ..Options::default() };
        let dumped = dump(&rows(&keys.iter().map(|key| &key[..]).collect::<Vec<_>>()), &options);
        let hidden = |key: &Vec<u8>| keys.contains(&[b"!redis|str|", &key[..]].concat());
        let kept: Vec<_> = keys
            .iter()
            .filter(|key| match Family::of(key) {
                Family::Bare => !legacy_redis_strings || hidden(key),
                Family::Unknown => true,
                _ => false,
            })
            .collect();
        let path = |key: &Vec<u8>| format!("extra/kv/{}.bin", segment::encode(key).text).into_bytes();
        let expected: BTreeMap<_, _> = kept.iter().map(|key| (path(key), (*key).clone())).collect();
        let mut files = dumped.files.clone();
        files.retain(|path, _| !path.ends_with(b"/"));
        prop_assert_eq!(files, expected);

        let named: BTreeSet<_> = dumped.classes().into_iter().map(|(_, key)| key).collect();
        let unknown = kept.iter().filter(|key| key.starts_with(b"!redis|") || key.starts_with(b"!s3|"));
        prop_assert_eq!(named, unknown.map(|key| (*key).clone()).collect::<BTreeSet<_>>());
    }
}
