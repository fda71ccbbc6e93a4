//! Snapshots of live nodes decode to the trees that were compared with those nodes' answers.

use std::ffi::OsStr;
use std::fs;

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
    let arguments = [OsStr::new("decode"), &snapshot, OsStr::new("-o"), target.as_os_str()];
    // From within its directory, so that MANIFEST.json names the same path everywhere.
    let output = work.command(arguments).current_dir(&directory).output().expect("the binary can be run");
    let run = Run::of(&output);
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    let tree = work.dump();
    assert_eq!(checksum_faults(&tree), Vec::<String>::new());
    assert_eq!(run.code == Some(1), tree.files.contains_key(b"PROBLEMS.jsonl".as_slice()));
    golden(&format!("live/{name}/CHECKSUMS"), &tree.files[b"CHECKSUMS".as_slice()]);
}

/// One test a directory, and one that no directory lacks its test.
macro_rules! live {
    ($($test:ident $name:literal)*) => {
        $(#[test]
        fn $test() {
            decodes_to_the_golden_tree($name);
        })*

        #[test]
        fn every_live_snapshot_has_a_test() {
            let mut tested = vec![$($name),*];
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
}
