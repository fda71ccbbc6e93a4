//! Snapshots of live nodes decode to the trees that were compared with those nodes' answers.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::dump::checksum_faults;
use crate::tool::{Run, Work, golden, testdata};

/// Decodes the snapshot of `testdata/live/<name>` and compares CHECKSUMS.
fn decodes_to_the_golden_tree(name: &str) {
    let directory = testdata("live").join(name);
    let entries = fs::read_dir(&directory).expect("testdata/live can be listed");
    let names = entries.map(|entry| entry.expect("testdata/live can be listed").file_name());
    let snapshot = names
        .into_iter()
        .find(|name| name.to_string_lossy().contains(".fsm"))
        .expect("a directory of testdata/live holds a snapshot");
    let work = Work::new();
    let target = work.path("dump");
    let mut arguments = vec![OsStr::new("decode"), &snapshot, OsStr::new("-o"), target.as_os_str()];
    if directory.join("kek.bin").exists() {
        arguments.extend([OsStr::new("--kek-file"), OsStr::new("kek.bin")]);
    }
    // From within its directory, so that MANIFEST.json names the same path everywhere.
    let output = work.command(arguments).current_dir(&directory).output().expect("the binary can be run");
    let run = Run::of(&output);
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    let tree = work.dump();
    assert_eq!(checksum_faults(&tree), Vec::<String>::new());
    assert_eq!(run.code == Some(1), tree.files.contains_key(b"PROBLEMS.jsonl".as_slice()));
    golden(&format!("live/{name}/CHECKSUMS"), &tree.files[b"CHECKSUMS".as_slice()]);
}

/// Lists the snapshots below a directory of `testdata/live`, relative to it, sorted.
fn snapshots(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).expect("testdata/live can be listed") {
            let path = entry.expect("testdata/live can be listed").path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().contains(".fsm") {
                found.push(path.strip_prefix(directory).expect("it is below").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Decodes the snapshots of a cluster's groups as a data directory and as files in two orders, and compares the trees
/// with each other and CHECKSUMS with the golden.
fn decodes_a_cluster_to_the_golden_tree(name: &str) {
    let directory = testdata("live").join(name);
    let files = snapshots(&directory);
    assert!(files.len() > 1, "a cluster has several groups");
    let reversed = files.iter().rev().cloned().collect();
    let mut trees = Vec::new();
    for inputs in [vec![PathBuf::from("n1")], files, reversed] {
        let work = Work::new();
        let target = work.path("dump");
        let mut arguments = vec![OsStr::new("decode"), OsStr::new("-o"), target.as_os_str()];
        arguments.extend(inputs.iter().map(|path| path.as_os_str()));
        let output = work.command(arguments).current_dir(&directory).output().expect("the binary can be run");
        let run = Run::of(&output);
        run.exits(0);
        assert!(!run.err.contains("multi_group_input_missing"), "{}", run.err);
        trees.push(work.dump());
    }
    assert!(trees.windows(2).all(|pair| pair[0] == pair[1]), "the order of the inputs changes the tree");
    assert_eq!(checksum_faults(&trees[0]), Vec::<String>::new());
    golden(&format!("live/{name}/CHECKSUMS"), &trees[0].files[b"CHECKSUMS".as_slice()]);
}

/// One test a directory, and one that no directory lacks its test.
macro_rules! live {
    ($($decodes:ident: $($test:ident $name:literal)*;)*) => {
        $($(#[test]
        fn $test() {
            $decodes($name);
        })*)*

        #[test]
        fn every_live_snapshot_has_a_test() {
            let mut tested = vec![$($($name),*),*];
            tested.sort_unstable();
            let entries = fs::read_dir(testdata("live")).expect("testdata/live can be listed");
            let entries = entries.map(|entry| entry.expect("testdata/live can be listed").path());
            let mut there: Vec<_> = entries
                .filter(|path| path.is_dir())
                .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
                .collect();
            there.sort();
            assert_eq!(there, tested);
        }
    };
}

live! {
    decodes_to_the_golden_tree:
    shop "shop"
    redis "redis"
    dynamodb "dynamodb"
    s3 "s3"
    s3_multipart "s3-multipart"
    s3_offload "s3-offload"
    sqs "sqs"
    sqs_partitioned "sqs-partitioned"
    fs_tree "fs"
    rawkv "rawkv"
    mvcc "mvcc"
    encrypted "encrypted"
    sst "sst"
    sst_files "sst-files";

    decodes_a_cluster_to_the_golden_tree:
    cluster "cluster"
    txn "txn"
    txn_last "txn-last"
    sqs_multigroup "sqs-multigroup"
    dynamodb_groups "dynamodb-groups";
}
