//! The filesystem adapter on whole snapshots, and against a slow model.

mod model;

use serde_json::json;

use crate::keyspace::{Namespace, fs};
use crate::service::Options;
use crate::service::fixture::{Dumped, Rows};
use crate::tree::segment;

const DIRECTORY: &str = "directory";
const FILE: &str = "file";

/// An inode of a made-up filesystem.
#[derive(Clone, Debug)]
struct Node {
    kind: &'static str,
    size: u64,
    chunk_size: u64,
    home_slot: u64,
    live: bool,
    chunks: Vec<(u64, u64, Vec<u8>)>,
}

fn directory() -> Node {
    Node { kind: DIRECTORY, size: 0, chunk_size: 0, home_slot: 0, live: true, chunks: vec![] }
}

fn file(content: &[u8]) -> Node {
    let size = content.len() as u64;
    Node { kind: FILE, size, chunk_size: 0, home_slot: 7, live: true, chunks: vec![(7, 0, content.to_vec())] }
}

fn content(node: &Node) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(node.size).unwrap()];
    let chunk_size = if node.chunk_size == 0 { 4 << 20 } else { node.chunk_size };
    for (_, index, body) in node.chunks.iter().filter(|(home_slot, ..)| *home_slot == node.home_slot) {
        for (at, byte) in body.iter().enumerate().take(usize::try_from(chunk_size).unwrap()) {
            if let Some(to) = index.checked_mul(chunk_size).and_then(|start| usize::try_from(start).ok())
                && let Some(place) = bytes.get_mut(to.saturating_add(at))
            {
                *place = *byte;
            }
        }
    }
    bytes
}

fn put_node(rows: &mut Rows, inode: u64, node: &Node) {
    let record = json!({
        "inode": inode, "parent": 1, "type": node.kind, "mode": 420, "uid": 0, "gid": 0, "size": node.size,
        "atime_nsec": 1, "mtime_nsec": 2, "ctime_nsec": 3, "chunk_size": node.chunk_size,
        "home_slot": node.home_slot, "epoch": 1, "nlink": 1, "generation": 1, "orphaned": !node.live,
    });
    rows.put(&fs::inode_key(inode), record.to_string().as_bytes());
    for (home_slot, index, body) in &node.chunks {
        let key = [&fs::chunks_prefix(*home_slot, inode)[..], &index.to_be_bytes()].concat();
        rows.put(&key, body);
    }
}

fn put_name(rows: &mut Rows, parent: u64, name: &[u8], inode: u64, node_type: &str) {
    rows.put(&fs::name_key(parent, name), json!({"inode": inode, "type": node_type}).to_string().as_bytes());
}

fn dump(rows: &Rows) -> Dumped {
    rows.dump(&Options::default(), crate::service::fs::dump).unwrap()
}

fn paths(dumped: &Dumped) -> Vec<String> {
    let tree = dumped.files.keys().filter_map(|path| path.strip_prefix(b"extra/fs/tree/"));
    tree.map(|path| String::from_utf8_lossy(path).into_owned()).collect()
}

#[test]
fn no_rows_write_nothing_and_warn_nothing() {
    let dumped = dump(&Rows::default());
    assert!(dumped.files.is_empty() && dumped.warnings.is_empty() && dumped.problems.is_empty());
}

#[test]
fn a_root_alone_is_an_empty_tree_and_one_line() {
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &directory());
    let dumped = dump(&rows);
    assert_eq!(paths(&dumped), [""]);
    let lines = &dumped.files[&b"extra/fs/inodes.jsonl"[..]];
    assert!(lines.starts_with(b"{\"path\":\"\",\"inode\":1,") && lines.ends_with(b"}\n"));
}

#[test]
fn without_a_root_nothing_is_written_and_live_inodes_are_counted() {
    let mut rows = Rows::default();
    put_node(&mut rows, 2, &file(b"a"));
    put_name(&mut rows, 1, b"a", 2, FILE);
    let dumped = dump(&rows);
    assert!(dumped.files.is_empty());
    assert_eq!(dumped.events(), ["fs_unreachable"]);
    assert_eq!(dumped.warnings[0].fields, [("count", json!(1)), ("first_inode", json!(2))]);
}

#[test]
fn a_root_that_is_a_file_is_a_problem() {
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &file(b"a"));
    let dumped = dump(&rows);
    assert!(dumped.files.is_empty());
    assert_eq!(dumped.classes(), [("fs_invalid_inode".to_owned(), fs::inode_key(1).to_vec())]);
}

#[test]
fn without_extra_only_the_size_is_told() {
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &directory());
    put_node(&mut rows, 2, &file(b"abc"));
    put_name(&mut rows, 1, b"a", 2, FILE);
    let options = Options { no_extra: true, ..Options::default() };
    let dumped = rows.dump(&options, crate::service::fs::dump).unwrap();
    assert!(dumped.files.is_empty() && dumped.problems.is_empty());
    assert_eq!(dumped.events(), ["fs_present"]);
    assert_eq!(dumped.warnings[0].fields, [("files", json!(2)), ("bytes", json!(3))]);

    let options = Options { excluded: [Namespace::Fs].into(), ..Options::default() };
    let dumped = rows.dump(&options, crate::service::fs::dump).unwrap();
    assert!(dumped.files.is_empty() && dumped.warnings.is_empty());
}

#[test]
fn lines_stand_in_the_order_of_paths_not_of_names() {
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &directory());
    put_node(&mut rows, 2, &directory());
    put_node(&mut rows, 3, &file(b"x"));
    put_node(&mut rows, 4, &file(b"y"));
    put_name(&mut rows, 1, b"a", 2, DIRECTORY);
    put_name(&mut rows, 2, b"x", 3, FILE);
    put_name(&mut rows, 1, b"a.b", 4, FILE);
    let dumped = dump(&rows);
    let lines = String::from_utf8(dumped.files[&b"extra/fs/inodes.jsonl"[..]].clone()).unwrap();
    let order: Vec<_> =
        lines.lines().map(|line| line.split("\"inode\":").nth(1).unwrap()[..1].to_owned()).collect();
    assert_eq!(order, ["1", "2", "4", "3"]);
}

#[test]
fn a_directory_that_two_names_lead_to_is_written_once() {
    let mut rows = Rows::default();
    for inode in 1..=3 {
        put_node(&mut rows, inode, &directory());
    }
    put_name(&mut rows, 1, b"a", 2, DIRECTORY);
    put_name(&mut rows, 2, b"loop", 1, DIRECTORY);
    put_name(&mut rows, 2, b"self", 2, DIRECTORY);
    put_name(&mut rows, 1, b"b", 3, DIRECTORY);
    put_name(&mut rows, 2, b"b", 3, DIRECTORY);
    let dumped = dump(&rows);
    assert_eq!(paths(&dumped), ["", "a/", "b/"]);
    let class = "fs_directory_reached_twice".to_owned();
    let keys = [&b"a/b"[..], b"a/loop", b"a/self"];
    assert_eq!(dumped.classes(), keys.map(|key| (class.clone(), key.to_vec())));
    assert!(dumped.warnings.is_empty());
}

#[test]
fn a_cycle_that_the_root_does_not_reach_is_counted_as_unreachable() {
    let mut rows = Rows::default();
    for inode in 1..=3 {
        put_node(&mut rows, inode, &directory());
    }
    put_name(&mut rows, 2, b"a", 3, DIRECTORY);
    put_name(&mut rows, 3, b"b", 2, DIRECTORY);
    let dumped = dump(&rows);
    assert_eq!(dumped.warnings[0].fields, [("count", json!(2)), ("first_inode", json!(2))]);
    // The first inode is not reached, others are; a record that cannot have a name is none.
    put_node(&mut rows, 4, &file(b"x"));
    put_name(&mut rows, 1, b"x", 4, FILE);
    put_node(&mut rows, 5, &Node { live: false, ..file(b"") });
    put_node(&mut rows, 9, &file(b"y"));
    assert_eq!(dump(&rows).warnings[0].fields, [("count", json!(3)), ("first_inode", json!(2))]);
    put_name(&mut rows, 1, b"two", 2, DIRECTORY);
    assert_eq!(dump(&rows).warnings[0].fields, [("count", json!(1)), ("first_inode", json!(9))]);
}

#[test]
fn rows_that_do_not_parse_are_named_and_the_rest_is_written() {
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &directory());
    put_node(&mut rows, 2, &file(b"abc"));
    put_name(&mut rows, 1, b"good", 2, FILE);
    for (key, body) in [
        (&b"!fs|ino|short"[..], &b"{}"[..]),
        (b"!fs|ino|\0\0\0\0\0\0\0\x09", b"{}"),
        (b"!fs|dir|\0\0\0\0\0\0\0\x01unterminated", b"{}"),
        (b"!fs|dir|\0\0\0\0\0\0\0\x01no-inode\0\0", b"{}"),
        (b"!fs|chk|short", b"data"),
        (b"!fs|home|short", b"{}"),
    ] {
        rows.put(key, body);
    }
    let dumped = dump(&rows);
    assert_eq!(dumped.files[&b"extra/fs/tree/good"[..]], b"abc");
    let classes: Vec<_> = dumped.classes().into_iter().map(|(class, _)| class).collect();
    let (malformed, inode) = ("fs_malformed_key", "fs_invalid_inode");
    assert_eq!(classes, [malformed, "fs_invalid_name", malformed, inode, malformed]);
    assert_eq!(dumped.events(), ["fs_malformed_key"]);
}

#[test]
fn no_warning_and_no_problem_quotes_a_value() {
    const SECRET: &[u8] = b"plain-text";
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &directory());
    put_node(&mut rows, 2, &Node { size: 1 << 41, ..file(SECRET) });
    put_node(&mut rows, 3, &file(SECRET));
    put_name(&mut rows, 1, b"large", 2, FILE);
    put_name(&mut rows, 1, b"nowhere", 9, FILE);
    for (key, body) in [
        (&b"!fs|ino|\0\0\0\0\0\0\0\x09"[..], &b"{\"type\":\"plain-text\"}"[..]),
        (b"!fs|ino|\0\0\0\0\0\0\0\x0a", SECRET),
        (b"!fs|ino|short", SECRET),
        (b"!fs|dir|\0\0\0\0\0\0\0\x01name\0\0", SECRET),
        (b"!fs|dir|short", SECRET),
        (b"!fs|chk|short", SECRET),
        (b"!fs|home|short", SECRET),
        (b"!fs|usage", SECRET),
    ] {
        rows.put(key, body);
    }
    let dumped = dump(&rows);
    let mut said = dumped.warnings.iter().map(|warning| format!("{warning:?}")).collect::<Vec<_>>();
    said.extend(dumped.problems.iter().map(ToString::to_string));
    assert_eq!((dumped.warnings.len(), dumped.problems.len()), (4, 7), "{said:?}");
    for line in said {
        assert!(!line.contains("plain") && !line.contains(&hex::encode(SECRET)), "{line}");
    }
}

#[test]
fn usage_rows_that_do_not_add_up_are_warned() {
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &directory());
    put_node(&mut rows, 2, &file(b"abc"));
    put_name(&mut rows, 1, b"a", 2, FILE);
    rows.put(b"!fs|usage", br#"{"files":3,"bytes":2}"#);
    rows.put(b"!fs|usage|route|x\0\0", br#"{"files_add":0,"files_sub":1,"bytes_add":1,"bytes_sub":0}"#);
    assert!(dump(&rows).warnings.is_empty());
    // A chunk under another home slot is left over, but counted.
    rows.put(&[&fs::chunks_prefix(8, 2)[..], &[0; 8]].concat(), b"old");
    let dumped = dump(&rows);
    assert_eq!(dumped.events(), ["fs_usage_mismatch"]);
    assert_eq!(
        dumped.warnings[0].fields[2..],
        [
            ("inodes", json!(2)),
            ("stored_bytes", json!(6)),
            ("usage_rows", json!(2)),
            ("key", json!("!fs|usage")),
        ]
    );
    rows.put(b"!fs|usage", b"?");
    assert_eq!(dump(&rows).events(), ["fs_malformed_usage"]);
}

#[test]
fn what_no_chunk_covers_takes_no_space() {
    use std::os::unix::fs::MetadataExt;
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &directory());
    let last = Node { size: 16 << 20, chunks: vec![(7, 3, b"end".to_vec())], ..file(b"") };
    put_node(&mut rows, 2, &last);
    put_name(&mut rows, 1, b"sparse", 2, FILE);
    let dumped = dump(&rows);
    assert_eq!(dumped.files[&b"extra/fs/tree/sparse"[..]], content(&last));
    let blocks = std::fs::metadata(dumped.root.join("extra/fs/tree/sparse")).unwrap().blocks();
    assert!(blocks * 512 < 1 << 20, "{blocks} blocks");
}

#[test]
fn further_names_of_a_file_read_no_rows_behind_its_end_and_count_none_twice() {
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &directory());
    let chunks = (0..4).map(|index| (7, index, b"abcd".to_vec())).collect();
    put_node(&mut rows, 2, &Node { size: 6, chunk_size: 4, chunks, ..file(b"") });
    for name in [&b"a"[..], b"b", b"c"] {
        put_name(&mut rows, 1, name, 2, FILE);
    }
    // Counted once each, those behind the end too.
    rows.put(b"!fs|usage", br#"{"files":2,"bytes":16}"#);
    let dumped = dump(&rows);
    assert!(dumped.warnings.is_empty() && dumped.problems.is_empty(), "{:?}", dumped.warnings);
    for name in ["a", "b", "c"] {
        assert_eq!(dumped.files[format!("extra/fs/tree/{name}").as_bytes()], b"abcdab");
    }
}

#[test]
fn what_further_names_of_a_file_read_counts_as_their_copies_do() {
    // One byte of a row counts in the file, and each name reads the whole row.
    let row = vec![b'x'; 1 << 20];
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &directory());
    put_node(&mut rows, 2, &Node { size: 1, chunk_size: 1, chunks: vec![(7, 0, row)], ..file(b"") });
    for name in 0..1028_u32 {
        put_name(&mut rows, 1, format!("{name:04}").as_bytes(), 2, FILE);
    }
    let dumped = dump(&rows);
    // The first name, as many copies as 1 GiB and the row itself are worth, and one for what is left of the bound.
    assert_eq!(paths(&dumped).len(), 1 + 1 + 1025 + 1);
    assert_eq!(dumped.classes(), [("fs_size_over_limit".to_owned(), b"1027".to_vec())]);
}

#[test]
fn a_file_over_a_tebibyte_is_a_problem() {
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &directory());
    put_node(&mut rows, 2, &Node { size: (1 << 40) + 1, ..file(b"abc") });
    put_name(&mut rows, 1, b"a", 2, FILE);
    let dumped = dump(&rows);
    assert_eq!(paths(&dumped), [""]);
    assert_eq!(dumped.classes(), [("fs_size_over_limit".to_owned(), b"a".to_vec())]);
}

#[test]
fn a_hole_far_larger_than_what_is_stored_is_a_problem_that_names_inode_and_size() {
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &directory());
    put_node(&mut rows, 2, &Node { size: 1 << 40, ..file(b"head") });
    put_node(&mut rows, 3, &file(b"abc"));
    put_name(&mut rows, 1, b"a", 2, FILE);
    put_name(&mut rows, 1, b"b", 3, FILE);
    let dumped = dump(&rows);
    assert_eq!(paths(&dumped), ["", "b"]);
    assert_eq!(dumped.classes(), [("fs_size_over_limit".to_owned(), b"a".to_vec())]);
    let message = dumped.problems[0]["message"].as_str().unwrap();
    let holes = (1_u64 << 40) - 4;
    assert!(message.starts_with("inode 2: size 1099511627776, "), "{message}");
    assert!(message.contains(&format!("{holes} bytes are not stored")), "{message}");
}

#[test]
fn the_fallback_of_a_long_name_gives_way_to_a_name_that_is_equal_to_it() {
    let long = [b'n'; 256];
    let fallback = segment::fallback(&long);
    let mut rows = Rows::default();
    put_node(&mut rows, 1, &directory());
    put_node(&mut rows, 2, &file(b"long"));
    put_node(&mut rows, 3, &file(b"short"));
    put_name(&mut rows, 1, &long, 2, FILE);
    let dumped = dump(&rows);
    assert_eq!(paths(&dumped), ["", &fallback]);
    assert!(String::from_utf8(dumped.keymap).unwrap().contains(&format!("\"extra/fs/tree/{fallback}\"")));

    put_name(&mut rows, 1, fallback.as_bytes(), 3, FILE);
    let dumped = dump(&rows);
    assert_eq!(dumped.files[format!("extra/fs/tree/{fallback}").as_bytes()], b"short");
    assert_eq!(dumped.classes(), [("fs_name_taken".to_owned(), long.to_vec())]);
    assert!(dumped.keymap.is_empty());
}

#[test]
fn a_tree_deeper_than_path_max_is_written_until_checksums_cannot_list_it() {
    const LEVELS: u64 = 100;
    let name = [b'd'; 100];
    let mut rows = Rows::default();
    for level in 1..=LEVELS {
        put_node(&mut rows, level, &directory());
        put_name(&mut rows, level, &name, level + 1, DIRECTORY);
    }
    put_node(&mut rows, LEVELS + 1, &file(b"deep"));
    let dumped = dump(&rows);
    let lines = dumped.files[&b"extra/fs/inodes.jsonl"[..]].clone();
    let written = String::from_utf8(lines).unwrap().lines().count();
    // 13 bytes of `extra/fs/tree`, 101 a level, 68 around the path.
    assert_eq!(written, 1 + (8192 - 68 - 13) / 101);
    let classes = dumped.classes();
    assert_eq!(classes.len(), 1);
    assert_eq!((&classes[0].0[..], classes[0].1.len()), ("fs_path_too_long", 81 * 101 - 1));
    assert_eq!(dumped.events(), ["fs_unreachable"]);
}
