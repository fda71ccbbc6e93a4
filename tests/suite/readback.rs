//! Objects of a dump, tree or archive, are those of its snapshot.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use ekv_backup::keyspace::Namespace;
use ekv_backup::run::Source;
use ekv_backup::service::Options;

use crate::heads::differences;
use crate::tool::{Work, testdata};

/// How dumps are laid out: their names, arguments of `decode`, and the size of a bundle.
const LAYOUTS: [(&[&str], &[&str], Option<u64>); 3] = [
    (&["dump", "dump.tar"], &[], None),
    // Laid out again, objects of lines are the files that they would have been.
    (&["lines", "lines.tar.zst"], &["--layout", "jsonl", "--part-size", "1KiB"], None),
    (&["bundles"], &["--dynamodb-layout", "jsonl", "--adapter", "dynamodb"], Some(64 << 20)),
];

/// What bundles change nothing of.
const OTHERS: [Namespace; 5] =
    [Namespace::S3, Namespace::Redis, Namespace::Sqs, Namespace::Fs, Namespace::Kv];

fn check(name: &str) {
    let directory = testdata("live").join(name);
    let entries = fs::read_dir(&directory).expect("testdata/live can be listed");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("testdata/live can be listed").path()).collect();
    paths.retain(|path| path.to_string_lossy().contains(".fsm") || path.ends_with("n1"));
    let kek = directory.join("kek.bin");
    let work = Work::new();
    for (targets, more, dynamodb_bundle) in LAYOUTS {
        for target in targets {
            let mut arguments = vec![OsStr::new("decode"), OsStr::new("-o"), OsStr::new(target)];
            arguments.extend(paths.iter().map(|path| path.as_os_str()));
            arguments.extend(more.iter().map(OsStr::new));
            if kek.exists() {
                arguments.extend([OsStr::new("--kek-file"), kek.as_os_str()]);
            }
            let run = work.run(arguments);
            assert!(matches!(run.code, Some(0 | 1)), "{name}: {run:?}");
        }
        let mut source = Source::new(paths.clone());
        if kek.exists() {
            source.keys.keks = vec![kek.clone()];
        }
        let scratch = source.scratch(work.path("."));
        let opened = source.open(&scratch, &mut |_| ()).expect("a capture can be opened");
        let mut options = Options { dynamodb_bundle, ..Options::default() };
        options.excluded.extend(if dynamodb_bundle.is_some() { &OTHERS[..] } else { &[] });
        let dumps: Vec<_> = targets.iter().map(|target| work.path(target)).collect();
        let faults = differences(&opened.snapshot, &dumps, &options, &scratch);
        assert_eq!(faults, [""; 0], "{name} {targets:?}");
    }
}

#[test]
fn cluster() {
    check("cluster");
}

#[test]
fn dynamodb() {
    check("dynamodb");
}

#[test]
fn dynamodb_groups() {
    check("dynamodb-groups");
}

#[test]
fn encrypted() {
    check("encrypted");
}

#[test]
fn filesystem() {
    check("fs");
}

#[test]
fn mvcc() {
    check("mvcc");
}

#[test]
fn rawkv() {
    check("rawkv");
}

#[test]
fn redis() {
    check("redis");
}

#[test]
fn s3() {
    check("s3");
}

#[test]
fn s3_multipart() {
    check("s3-multipart");
}

#[test]
fn s3_offload() {
    check("s3-offload");
}

#[test]
fn shop() {
    check("shop");
}

#[test]
fn sqs() {
    check("sqs");
}

#[test]
fn sqs_multigroup() {
    check("sqs-multigroup");
}

#[test]
fn sqs_partitioned() {
    check("sqs-partitioned");
}

#[test]
fn sst() {
    check("sst");
}

#[test]
fn sst_files() {
    check("sst-files");
}

#[test]
fn txn() {
    check("txn");
}

#[test]
fn txn_last() {
    check("txn-last");
}
