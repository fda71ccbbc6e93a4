//! Whole snapshots in, files, warnings and problems out: the worked examples of `format/sqs.md#examples`, and what only the
//! joins between families decide.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::container::fixture::Native;
use crate::event::Warning;
use crate::keyspace::Namespace;
use crate::report::Report;
use crate::service::Options;
use crate::sink::TreeSink;
use crate::snapshot::{Snapshot, SnapshotOptions};
use crate::tree::{Tree, TreeOptions};

/// 1714400000000 ms.
const NOW: u64 = (1_714_400_000_000 + 10_000) << 16;

#[derive(Debug, Default)]
struct Outcome {
    files: BTreeMap<String, String>,
    warnings: Vec<Warning>,
    problems: Vec<String>,
    keymap: Vec<String>,
    queues: Vec<String>,
}

impl Outcome {
    fn file(&self, path: &str) -> &str {
        self.files.get(path).unwrap_or_else(|| panic!("{path} is not among {:?}", self.paths()))
    }

    fn paths(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).collect()
    }

    fn events(&self) -> Vec<&'static str> {
        self.warnings.iter().map(|warning| warning.event.name()).collect()
    }

    fn warning(&self, event: &str) -> String {
        let warning = self.warnings.iter().find(|warning| warning.event == event).unwrap();
        let fields = warning.fields.iter().filter(|(name, _)| *name != "hint");
        fields.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }
}

#[derive(Default)]
struct Rows(Native);

impl Rows {
    fn put(self, parts: &[&[u8]], value: &[u8]) -> Self {
        Self(self.0.put(&parts.concat(), NOW, value))
    }

    fn meta(self, segment: &str, text: &str) -> Self {
        self.put(&[b"!sqs|queue|meta|", segment.as_bytes()], &[b"\0SQ\x01", text.as_bytes()].concat())
    }

    fn message(self, segment: &str, generation: u64, id: &str, text: &str) -> Self {
        let parts = [segment.as_bytes(), &generation.to_be_bytes(), id.as_bytes()].concat();
        self.put(&[b"!sqs|msg|data|", &parts], &[b"\0SM\x01", text.as_bytes()].concat())
    }

    fn partitioned(self, segment: &str, partition: u32, generation: u64, id: &str, text: &str) -> Self {
        let segment = format!("p|{segment}|");
        let fixed = [&partition.to_be_bytes()[..], &generation.to_be_bytes()].concat();
        let parts = [segment.as_bytes(), &fixed, id.as_bytes()].concat();
        self.put(&[b"!sqs|msg|data|", &parts], &[b"\0SM\x01", text.as_bytes()].concat())
    }

    fn dump(&self) -> Outcome {
        self.dump_with(&Options::default())
    }

    fn dump_with(&self, options: &Options) -> Outcome {
        let parent = tempfile::tempdir().unwrap();
        let snapshot = Snapshot::open(vec![self.0.source()], &SnapshotOptions::default()).unwrap();
        let tree = Tree::create(&parent.path().join("out"), &TreeOptions::default()).unwrap();
        let scratch = tree.scratch().clone();
        let mut report = Report::new(&scratch, |_| ());
        let mut tree = TreeSink::new(tree, options.layout(&snapshot));
        let mut context =
            Context { snapshot: &snapshot, sink: &mut tree, scratch: &scratch, report: &mut report, options };
        let queues = dump(&mut context).unwrap();
        let mut outcome = Outcome {
            warnings: report.warnings().to_vec(),
            problems: texts(report.problems()),
            keymap: texts(tree.keymap().records()),
            queues: queues.into_keys().map(|name| String::from_utf8(name).unwrap()).collect(),
            ..Outcome::default()
        };
        tree.tree().settle().unwrap();
        let staging = std::fs::read_dir(parent.path()).unwrap().next().unwrap().unwrap().path();
        read_files(&staging, "", &mut outcome.files);
        outcome
    }
}

fn texts(records: &mut Sorter) -> Vec<String> {
    let mut sorted = records.sort().unwrap();
    let mut texts = Vec::new();
    while let Some((_, text)) = sorted.next().unwrap() {
        texts.push(String::from_utf8(text.to_vec()).unwrap());
    }
    texts
}

fn read_files(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            read_files(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// The line of a message that has an id and nothing else, sent at 0 and stored under a generation.
fn line(id: &str, generation: u64, rest: &str) -> String {
    format!(
        "{{\"message_id\":\"{id}\",\"body\":\"\",\"send_timestamp_millis\":0,\"available_at_millis\":0,\
         \"visible_at_millis\":0,\"receive_count\":0,\"queue_generation\":{generation}{rest}}}\n"
    )
}

fn stored(id: &str, generation: u64) -> String {
    format!(r#"{{"message_id":"{id}","queue_generation":{generation}}}"#)
}

fn side_records() -> Options {
    Options { include_sqs_side_records: true, ..Options::default() }
}

#[test]
fn a_purged_queue_keeps_its_new_messages_and_all_side_records() {
    let outcome = Rows::default()
        .message("cQ", 1, "bTE", r#"{"message_id":"m1","body":"b2xk","send_timestamp_millis":500,"queue_generation":1}"#)
        .message("cQ", 2, "bTI", r#"{"message_id":"m2","body":"bmV3","send_timestamp_millis":1000,"available_at_millis":1000,"queue_generation":2}"#)
        .put(&[b"!sqs|msg|vis|cQ\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x03\xe8bTI"], b"m2")
        .put(&[b"!sqs|queue|gen|cQ"], b"2")
        .put(&[b"!sqs|queue|tombstone|cQ\0\0\0\0\0\0\0\x01"], b"\x01")
        .meta("cQ", r#"{"name":"q","generation":2,"visibility_timeout_seconds":30}"#)
        .dump_with(&side_records());
    assert_eq!(
        outcome.file("sqs/q/messages.jsonl"),
        "{\"message_id\":\"m2\",\"body\":\"new\",\"send_timestamp_millis\":1000,\"available_at_millis\":1000,\"visible_at_millis\":0,\"receive_count\":0,\"queue_generation\":2}\n"
    );
    assert_eq!(
        outcome.file("sqs/q/_internals/side_records.jsonl"),
        "{\"prefix\":\"!sqs|msg|vis|\",\"key_hex\":\"217371737c6d73677c7669737c6351000000000000000200000000000003e8625449\",\"value_b64\":\"bTI\"}\n\
         {\"prefix\":\"!sqs|queue|tombstone|\",\"key_hex\":\"217371737c71756575657c746f6d6273746f6e657c63510000000000000001\",\"value_b64\":\"AQ\"}\n"
    );
    assert_eq!(
        outcome.warning("sqs_stale_generation_messages_dropped"),
        r#"queue="q" active_gen=2 dropped=1"#
    );
    assert_eq!((outcome.events().len(), outcome.queues), (1, vec!["q".to_owned()]));
}

#[test]
fn a_deleted_queue_shows_only_with_side_records() {
    let rows = Rows::default()
        .put(&[b"!sqs|queue|tombstone|ZGVsZXRlZA\0\0\0\0\0\0\0\x01"], &4_u64.to_be_bytes())
        .put(&[b"!sqs|queue|gen|ZGVsZXRlZA"], b"2");
    let outcome = rows.dump();
    assert_eq!((outcome.paths().len(), outcome.events().len(), outcome.problems.len()), (0, 0, 0));
    let outcome = rows.dump_with(&side_records());
    assert_eq!(outcome.paths(), ["sqs/ZGVsZXRlZA.orphan/_internals/side_records.jsonl"]);
    let expected = r#"encoded_queue="ZGVsZXRlZA" buffered_messages=0 buffered_side_records=1"#;
    assert_eq!(outcome.warning("sqs_orphan_messages"), expected);
    assert!(outcome.queues.is_empty());
}

#[test]
fn queues_whose_segments_are_prefixes_of_each_other_keep_apart() {
    let mut rows = Rows::default();
    for (segment, name) in [("YWJj", "abc"), ("YWJjZA", "abcd"), ("YWJjZGVm", "abcdef")] {
        rows = rows
            .meta(segment, r#"{"generation":1}"#)
            // A generation like no server writes: its rows stand behind those of the longer segments.
            .message(segment, u64::MAX, "bTE", &stored("m1", 1))
            .message(segment, 1, "bTE", &stored(name, 1));
    }
    let outcome = rows.dump();
    for name in ["abc", "abcd", "abcdef"] {
        assert_eq!(outcome.file(&format!("sqs/{name}/messages.jsonl")), line(name, 1, ""));
    }
    assert_eq!(outcome.warnings.iter().filter(|warning| warning.event.name().contains("stale")).count(), 3);
    assert_eq!(outcome.queues, ["abc", "abcd", "abcdef"]);
}

#[test]
fn lines_are_sorted_over_all_partitions_and_ties_keep_key_order() {
    let message = |id: &str, time: i64, sequence: u64| {
        format!(
            r#"{{"message_id":"{id}","send_timestamp_millis":{time},"sequence_number":{sequence},"queue_generation":1}}"#
        )
    };
    let outcome = Rows::default()
        .meta("Zi5maWZv", r#"{"generation":1,"partition_count":4}"#)
        .partitioned("Zi5maWZv", 3, 1, "bTE", &message("a", 5, 2))
        .partitioned("Zi5maWZv", 2, 1, "bTE", &message("a", 5, 2))
        .partitioned("Zi5maWZv", 1, 1, "bTE", &message("b", 5, 1))
        .partitioned("Zi5maWZv", 0, 1, "bTE", &message("c", -5, u64::MAX))
        .partitioned("Zi5maWZv", 0, 1, "bTI", &message("d", 5, 2))
        .dump();
    let order: Vec<(String, u64)> = outcome
        .file("sqs/f.fifo/messages.jsonl")
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            (line["message_id"].as_str().unwrap().to_owned(), line["partition"].as_u64().unwrap())
        })
        .collect();
    let expected = [("c", 0), ("b", 1), ("a", 2), ("a", 3), ("d", 0)];
    assert_eq!(order, expected.map(|(id, partition)| (id.to_owned(), partition)));
}

#[test]
fn bad_rows_are_problems_of_their_own_and_the_queue_is_written() {
    let outcome = Rows::default()
        .meta("cQ", r#"{"generation":1}"#)
        .put(&[b"!sqs|queue|gen|cQ"], b"+1")
        .message("cQ", 1, "bTE", "[]")
        .message("cQ", 1, "bTI", &stored("m2", 1))
        .message("cR", 1, "bTI", &stored("m3", 1))
        .put(&[b"!sqs|msg|vis|cQQQ"], b"")
        .dump();
    assert_eq!(outcome.file("sqs/q/messages.jsonl"), line("m2", 1, ""));
    let classes: Vec<serde_json::Value> =
        outcome.problems.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let classes: Vec<_> = classes
        .iter()
        .map(|line| (line["scope"].as_str().unwrap(), line["class"].as_str().unwrap()))
        .collect();
    assert_eq!(
        classes,
        [("", "sqs_malformed_key"), ("q", "sqs_invalid_message"), ("q", "sqs_malformed_key")]
    );
    assert!(outcome.problems[1].contains("\"offset\""));
}

#[test]
fn a_queue_with_a_bad_meta_row_is_one_problem_and_its_messages_are_counted() {
    let rows = Rows::default()
        .meta("eA", r#"{"generation":1.5}"#)
        .message("eA", 1, "bTE", &stored("m1", 1))
        .meta("cQ", "{}");
    let outcome = rows.dump();
    assert_eq!(outcome.paths(), ["extra/sqs/queues.jsonl", "sqs/q/_queue.json"]);
    assert_eq!(outcome.problems.len(), 1);
    assert!(
        outcome.problems[0].contains(r#""scope":"x""#)
            && outcome.problems[0].contains("sqs_invalid_queue_meta")
    );
    assert_eq!(
        outcome.warning("sqs_orphan_messages"),
        r#"encoded_queue="eA" buffered_messages=1 buffered_side_records=0"#
    );
}

#[test]
fn messages_whose_queue_is_in_another_snapshot_are_one_problem_a_queue() {
    let outcome = Rows::default()
        .partitioned("Zi5maWZv", 3, 1, "bTE", &stored("m1", 1))
        .partitioned("Zi5maWZv", 3, 1, "bTI", &stored("m2", 1))
        .partitioned("Zy5maWZv", 3, 1, "bTI", &stored("m2", 1))
        .put(&[b"!sqs|queue|gen|Zy5maWZv"], b"2")
        .dump();
    assert!(outcome.paths().is_empty());
    assert_eq!(outcome.problems.len(), 1);
    assert!(outcome.problems[0].contains(r#""scope":"f.fifo""#), "{}", outcome.problems[0]);
    assert_eq!(
        outcome.events(),
        ["sqs_orphan_messages", "sqs_orphan_partitioned_messages", "sqs_orphan_messages"]
    );
}

#[test]
fn queues_out_of_scope_are_not_looked_at() {
    let mut options = Options::default();
    options.scopes.insert(Namespace::Sqs, [b"q".to_vec()].into());
    let outcome = Rows::default()
        .meta("cQ", "{}")
        .meta("eA", "[]")
        .message("eA", 1, "bTE", "[]")
        .message("eQ", 1, "bTE", &stored("m1", 1))
        .dump_with(&options);
    assert_eq!(outcome.queues, ["q"]);
    assert_eq!((outcome.problems.len(), outcome.events().len()), (0, 0));
}

#[test]
fn what_the_tree_has_no_place_for_stands_in_extra_unless_that_is_off() {
    let rows = Rows::default()
        .meta("cQ", r#"{"name":"other","generation":3,"tags":{"b":"2","a":"<"}}"#)
        .put(&[b"!sqs|queue|seq|cQ"], b"9")
        .meta("YjY0LmZpZm8", "{}")
        .put(&[b"!sqs|queue|seq|YjY0LmZpZm8"], b"many");
    let outcome = rows.dump();
    assert_eq!(
        outcome.file("extra/sqs/queues.jsonl"),
        "{\"queue\":\"b64.fifo\",\"encoded\":\"YjY0LmZpZm8\"}\n\
         {\"queue\":\"q\",\"encoded\":\"cQ\",\"generation\":3,\"tags\":{\"a\":\"<\",\"b\":\"2\"},\"sequence_number\":9}\n"
    );
    let record = r#"{"encoded":"sqs/6d569adb756fb691545b327385919c6b__b64.fifo","original":"YjY0LmZpZm8","kind":"sha-fallback"}"#;
    assert_eq!(outcome.keymap, [format!("{record}\n")]);
    assert_eq!(outcome.events(), ["sqs_invalid_sequence_counter", "sqs_queue_name_mismatch"]);
    let outcome = rows.dump_with(&Options { no_extra: true, ..Options::default() });
    assert!(outcome.paths().iter().all(|path| path.starts_with("sqs/")));
}

#[test]
fn rows_under_a_lock_of_another_group_are_counted() {
    let primary = b"!sqs|msg|byage|p|other";
    let mut lock = vec![1];
    lock.extend([1_u64.to_be_bytes(), u64::MAX.to_be_bytes()].concat());
    lock.push(0);
    lock.extend((primary.len() as u64).to_be_bytes());
    lock.extend(primary);
    let outcome = Rows::default()
        .put(&[b"!txn|lock|!sqs|msg|data|cQ\0\0\0\0\0\0\0\x01bTE"], &lock)
        .put(&[b"!txn|lock|!redis|str|k"], &lock)
        .dump();
    assert_eq!(
        outcome.warning("sqs_pending_txn_intents"),
        "count=1 first_key=\"!sqs|msg|data|cQ\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0001bTE\""
    );
}

#[test]
fn a_message_too_large_for_the_sorter_stands_in_its_place() {
    use base64::Engine;
    let body = "<large>".repeat(300_000);
    let base64 = base64::engine::general_purpose::STANDARD.encode(&body);
    let large =
        format!(r#"{{"message_id":"m2","body":"{base64}","sequence_number":2,"queue_generation":1}}"#);
    let rows = Rows::default()
        .meta("cQ", r#"{"generation":1}"#)
        .message("cQ", 1, "bTE", r#"{"message_id":"m1","sequence_number":3,"queue_generation":1}"#)
        .message("cQ", 1, "bTI", &large)
        .message("cQ", 1, "bTM", r#"{"message_id":"m3","sequence_number":1,"queue_generation":1}"#);
    let outcome = rows.dump();
    let lines: Vec<&str> = outcome.file("sqs/q/messages.jsonl").lines().collect();
    let escaped = body.replace('<', "\\u003c").replace('>', "\\u003e");
    let expected = line("m2", 1, r#","sequence_number":2"#).replacen("\"\"", &format!("\"{escaped}\""), 1);
    assert!(lines[1] == expected.trim_end(), "{} bytes", lines[1].len());
    assert_eq!(lines[0], line("m3", 1, r#","sequence_number":1"#).trim_end());
    assert_eq!(lines[2], line("m1", 1, r#","sequence_number":3"#).trim_end());
}
