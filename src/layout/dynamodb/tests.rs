//! A tree of digests beside one on the disk: tables full of names that clash.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::fixture::item;
use super::render;
use super::*;
use crate::keyspace::Namespace;
use crate::layout::LayoutOptions;
use crate::model::dynamodb::{KeyValue, KeyValues, Schema};
use crate::report::Problem;
use crate::time::Hlc;
use crate::tree::{Scratch, Tree, TreeOptions};

/// Letter and text of a key attribute.
type Key = (char, String);

/// What came of a table.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    files: BTreeMap<String, [u8; 32]>,
    problems: Vec<String>,
    keymap: String,
    warnings: Vec<Warning>,
}

/// An attribute `n` with this text.
fn message(number: usize) -> Vec<u8> {
    let text = number.to_string();
    let length = |more: usize| u8::try_from(text.len() + more).unwrap();
    [&[0x0a, length(7), 0x0a, 1, b'n', 0x12, length(2), 0x12, length(0)], text.as_bytes()].concat()
}

fn value((letter, text): &Key) -> KeyValue<'_> {
    match letter {
        'S' => KeyValue::S(text),
        'N' => KeyValue::N(text),
        _ => KeyValue::B(text.as_bytes()),
    }
}

/// Lays the items out in their order.
fn lay_out(tree: Tree, scratch: &Scratch, keys: &[(Key, Option<Key>)]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut root = Root::new(tree, LayoutOptions::default());
    let mut layout = Layout::default();
    let mut report = Report::new(scratch, |_| {});
    let schema = Schema::parse(b"t", b"\0DS\x01\x0a\x01t\x1a\x03\x0a\x01h").unwrap();
    let table = Table { name: b"t", schema: &schema, commit_ts: Hlc(1) };
    assert_eq!(layout.object(&mut root, Object::Table(&table)).unwrap(), Answer::Taken);
    for (number, (hash, range)) in keys.iter().enumerate() {
        let (message, row) = (message(number), format!("row {number}"));
        let keys = KeyValues { hash: value(hash), range: range.as_ref().map(value) };
        let item = item(keys, &message, row.as_bytes());
        match layout.object(&mut root, Object::Item(&item)).unwrap() {
            Answer::Refused(refusal) => report
                .problem(&Problem {
                    adapter: Namespace::Dynamodb.name(),
                    scope: b"t",
                    key: row.as_bytes(),
                    class: refusal.class,
                    message: refusal.message,
                    place: item.place,
                })
                .unwrap(),
            answer => {
                assert_eq!(answer, Answer::Taken);
                let mut text = Vec::new();
                render::item(&mut text, &item.attributes, render::Layout::Indented).unwrap();
                let path = String::from_utf8(layout.place().to_vec()).unwrap();
                outcome.files.insert(path, Sha256::digest(&text).into());
            }
        }
    }
    layout.end_table(&mut root, &mut report).unwrap();
    let mut records = root.keymap.records().sort().unwrap();
    while let Some((_, line)) = records.next().unwrap() {
        outcome.keymap.push_str(std::str::from_utf8(line).unwrap());
    }
    drop(records);
    outcome.warnings = report.warnings().to_vec();
    let mut problems = report.problems().sort().unwrap();
    while let Some((_, line)) = problems.next().unwrap() {
        outcome.problems.push(String::from_utf8(line.to_vec()).unwrap());
    }
    if let Tree::Digests(digests) = &mut root.tree {
        assert_eq!(digests.size().files, u64::try_from(keys.len() + 1 - outcome.problems.len()).unwrap());
        outcome.files.clear();
        let mut rows = digests.sort().unwrap();
        while let Some((path, digest)) = rows.next().unwrap() {
            let path = String::from_utf8(path.to_vec()).unwrap();
            if !path.ends_with("_schema.json") {
                assert!(outcome.files.insert(path, digest.try_into().unwrap()).is_none());
            }
        }
    }
    outcome
}

fn compare(keys: &[(Key, Option<Key>)]) -> Outcome {
    let parent = tempfile::tempdir().unwrap();
    let scratch = Scratch::new(parent.path().to_owned());
    let disk = Tree::create(&parent.path().join("out"), &TreeOptions::default()).unwrap();
    let want = lay_out(disk, &scratch, keys);
    assert_eq!(lay_out(Tree::digests(&scratch), &scratch, keys), want);
    want
}

fn s(text: &str) -> Key {
    ('S', text.to_owned())
}

#[test]
fn a_fallback_name_takes_that_of_a_later_item_which_takes_the_next() {
    // The name of each is a digest of itself, and its fallback name a digest of `S:` and itself.
    let text = |more: usize| "S:".repeat(70 + more);
    let keys: Vec<_> = [0, 0, 1, 2, 3, 4, 1, 5].into_iter().map(|more| (s(&text(more)), None)).collect();
    let outcome = compare(&keys);
    assert_eq!((outcome.files.len(), outcome.problems.len()), (7, 1));
    // Where the later item comes first it stays, and there is no room for the second.
    let keys: Vec<_> = [1, 0, 0].into_iter().map(|more| (s(&text(more)), None)).collect();
    assert_eq!(compare(&keys).problems.len(), 1);
}

#[test]
fn a_directory_and_a_file_of_one_name_go_by_their_order() {
    let files = [(s(""), Some(s("x"))), (s(""), Some(s("x")))];
    let below = [(s("x.json"), Some(s("a"))), (s("x.json"), Some(s("b"))), (s("x.json"), Some(s("b")))];
    for order in [[0, 1, 2, 3, 4], [2, 0, 3, 1, 4], [3, 4, 2, 0, 1], [0, 2, 1, 3, 4]] {
        let all = [&files[..], &below].concat();
        let keys: Vec<_> = order.into_iter().filter_map(|at| all.get(at).cloned()).collect();
        let outcome = compare(&keys);
        assert_eq!(outcome.files.len() + outcome.problems.len(), 5, "{order:?}");
    }
}

#[test]
fn a_name_whose_record_no_reader_takes_is_refused_in_both() {
    let long = "x".repeat(limits::KEYMAP_LINE);
    let outcome = compare(&[(s(&long), None), (s("a"), None)]);
    assert_eq!((outcome.files.len(), outcome.problems.len()), (1, 1));
}

fn key() -> impl Strategy<Value = Key> {
    let text = prop_oneof![
        prop::sample::select(vec![
            "",
            ".",
            "..",
            "a",
            "a.json",
            "1",
            "1/2",
            "b64.YQ",
            "1.json",
            "b64.YQ.json"
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![
            "de34ad408f982bb1b98fa8fac630ce99__1",
            "de34ad408f982bb1b98fa8fac630ce99__1.json"
        ])
        .prop_map(str::to_owned),
        // Names whose fallback name is the plain name of another.
        ("[SNB]", 60_usize..66).prop_map(|(letter, times)| format!("{letter}:").repeat(times)),
        "a{239,242}",
    ];
    let number = prop::sample::select(vec!["0", "1", "1.0", "0.5", "1e1000001"]);
    prop_oneof![
        3 => text.clone().prop_map(|text| ('S', text)),
        1 => text.prop_map(|text| ('B', text)),
        1 => number.prop_map(|text| ('N', text.to_owned())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn digests_are_those_of_the_files(
        keys in prop::collection::vec((key(), key()), 1..60), composite: bool
    ) {
        let keys: Vec<_> =
            keys.into_iter().map(|(hash, range)| (hash, composite.then_some(range))).collect();
        compare(&keys);
    }
}

#[test]
fn a_million_items_are_large_only_as_files_and_only_beyond() {
    let mut report = Report::new(&Scratch::default(), |_| {});
    warn_large(&mut report, "t", LARGE);
    assert!(report.warnings().is_empty());
    warn_large(&mut report, "t", LARGE + 1);
    let [warning] = report.warnings() else { panic!("not one warning") };
    assert_eq!(
        (warning.event.name(), &warning.fields[1]),
        ("ddb_large_table", &("items", (LARGE + 1).into()))
    );
}
