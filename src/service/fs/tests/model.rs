//! What a dump is expected to be, worked out slowly, for made-up filesystems.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What a dump is expected to be, worked out with everything in memory.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    files: BTreeMap<Vec<u8>, Vec<u8>>,
    listed: BTreeSet<Vec<u8>>,
    events: BTreeMap<&'static str, u64>,
    problems: BTreeSet<(String, Vec<u8>)>,
}

type Nodes = BTreeMap<u64, Node>;
type Names = BTreeMap<(u64, Vec<u8>), (u64, &'static str)>;

fn expected(nodes: &Nodes, names: &Names) -> Expected {
    let mut expected = Expected::default();
    let plain =
        |name: &[u8]| !matches!(name, b"" | b"." | b"..") && !name.iter().any(|b| matches!(b, 0 | b'/'));
    for (parent, name) in names.keys().filter(|(_, name)| !plain(name)) {
        expected.problems.insert(("fs_malformed_key".to_owned(), fs::name_key(*parent, name)));
    }
    let mut met = BTreeSet::from([1]);
    let mut level = BTreeMap::from([(Vec::new(), 1)]);
    expected.listed.insert(Vec::new());
    expected.files.insert(b"extra/fs/tree/".to_vec(), Vec::new());
    while !level.is_empty() {
        let mut below = BTreeMap::new();
        for (path, directory) in &level {
            for ((_, name), (inode, claimed)) in names.iter().filter(|((parent, _), _)| parent == directory) {
                if !plain(name) {
                    continue;
                }
                let child = if path.is_empty() { name.clone() } else { [path, &b"/"[..], name].concat() };
                let Some(node) = nodes.get(inode).filter(|node| node.live) else {
                    *expected.events.entry("fs_dangling_entry").or_default() += 1;
                    continue;
                };
                if *claimed != node.kind {
                    *expected.events.entry("fs_type_mismatch").or_default() += 1;
                }
                let first = met.insert(*inode);
                let mut disk = [b"extra/fs/tree/", &child[..]].concat();
                if node.kind == FILE {
                    expected.files.insert(disk, content(node));
                } else if first {
                    disk.push(b'/');
                    expected.files.insert(disk, Vec::new());
                    below.insert(child.clone(), *inode);
                } else {
                    expected.problems.insert(("fs_directory_reached_twice".to_owned(), child));
                    continue;
                }
                expected.listed.insert(child);
            }
        }
        level = below;
    }
    let live = nodes.values().filter(|node| node.live).count() as u64;
    let reached = met.len() as u64;
    if live != reached {
        expected.events.insert("fs_unreachable", 1);
    }
    expected
}

fn found(dumped: &Dumped) -> Expected {
    use base64::Engine;
    let mut found = Expected { files: dumped.files.clone(), ..Expected::default() };
    let lines = found.files.remove(&b"extra/fs/inodes.jsonl"[..]).unwrap_or_default();
    for parent in [&b"extra/"[..], b"extra/fs/"] {
        found.files.remove(parent);
    }
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        let path = line["path"].as_str().unwrap();
        let path = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(path).unwrap();
        assert!(found.listed.last().is_none_or(|last| *last < path), "out of order");
        found.listed.insert(path);
    }
    for event in dumped.events() {
        *found.events.entry(event).or_default() += 1;
    }
    found.problems = dumped.classes().into_iter().collect();
    found
}

fn any_node() -> impl Strategy<Value = Node> {
    let chunk = (0..3u64, prop_oneof![0..4u64, Just(u64::MAX)], prop::collection::vec(any::<u8>(), 0..7));
    let chunks = prop::collection::vec(chunk, 0..5);
    let kind = prop_oneof![Just(FILE), Just(DIRECTORY)];
    (kind, 0..20u64, 0..5u64, 0..3u64, prop::bool::weighted(0.9), chunks).prop_map(
        |(kind, size, chunk_size, home_slot, live, mut chunks)| {
            chunks.sort();
            chunks.dedup_by_key(|(home_slot, index, _)| (*home_slot, *index));
            Node { kind, size, chunk_size, home_slot, live, chunks }
        },
    )
}

fn any_name() -> impl Strategy<Value = Vec<u8>> {
    let hostile =
        [&b""[..], b".", b"..", b"/", b"../x", b"a/../../b", b"a\0b", b"\xff", b"...", b"a\\b\n", b"~"];
    prop_oneof![
        3 => prop::collection::vec(prop::sample::select(b"ab.".to_vec()), 1..3),
        1 => prop::sample::select(hostile.map(<[u8]>::to_vec).to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_dump_is_what_the_slow_model_says_and_never_leaves_its_directory(
        mut nodes in prop::collection::btree_map(1..10u64, any_node(), 0..10),
        names in prop::collection::btree_map((1..10u64, any_name()), (1..11u64, prop_oneof![Just(FILE), Just(DIRECTORY)]), 0..30),
    ) {
        nodes.insert(1, directory());
        let mut rows = Rows::default();
        for (inode, node) in &nodes {
            put_node(&mut rows, *inode, node);
        }
        for ((parent, name), (inode, node_type)) in &names {
            put_name(&mut rows, *parent, name, *inode, node_type);
        }
        prop_assert_eq!(found(&dump(&rows)), expected(&nodes, &names));
    }
}
