//! `--shard`: shares of `decode`, `list` and `du` are disjoint, and together they are everything.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::dump::{Tree, checksum_faults};
use crate::list::{CAPTURES, input, on_capture};
use crate::tool::{Run, Work};

/// Files that hold something of many objects, so that several shares have one.
pub fn is_shared(path: &[u8]) -> bool {
    let path = String::from_utf8_lossy(path);
    path.ends_with("KEYMAP.jsonl")
        || path.ends_with("_ttl.jsonl")
        || path.starts_with("extra/") && path.ends_with("s.jsonl")
        || ["MANIFEST.json", "CHECKSUMS", "PROBLEMS.jsonl"].contains(&&*path)
}

/// Decodes a capture into `target`.
pub fn decode(work: &Work, capture: &str, target: &str, options: &[&str]) -> Run {
    let (input, target) = (input(capture), work.path(target));
    let mut arguments = vec![OsStr::new("decode"), OsStr::new(&input), OsStr::new("-o"), target.as_os_str()];
    arguments.extend(options.iter().map(OsStr::new));
    on_capture(work, capture, &arguments)
}

/// Lists the lines that a command prints for each of two shares, and for everything.
fn lines(work: &Work, capture: &str, command: &[&str]) -> [Vec<String>; 3] {
    let input = input(capture);
    [&[][..], &["--shard", "0/2"], &["--shard", "1/2"]].map(|shard| {
        let arguments = [&command[..1], &[&*input], &command[1..], shard].concat();
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let run = on_capture(work, capture, &arguments);
        assert!(matches!(run.code, Some(0 | 1)), "{capture}: {run:?}");
        run.out.lines().map(str::to_owned).collect()
    })
}

#[test]
fn each_object_is_listed_by_the_share_of_its_name() {
    let share = |name: &str| {
        let parts = if name.starts_with("sqs/") { 2 } else { usize::MAX };
        let hashed = name.split('/').take(parts).collect::<Vec<_>>().join("/");
        let digest = Sha256::digest(hashed.as_bytes());
        u64::from_be_bytes(digest[..8].try_into().unwrap()) % 2
    };
    let mut counts = [0, 0];
    for capture in CAPTURES {
        let [all, first, second] = lines(&Work::new(), capture, &["list"]);
        for (number, lines) in [first, second].into_iter().enumerate() {
            let wanted: Vec<_> = all.iter().filter(|name| share(name) == number as u64).cloned().collect();
            assert_eq!(lines, wanted, "{capture}");
            counts[number] += lines.len();
        }
    }
    assert!(counts[0] > 200 && counts[1] > 200, "{counts:?}");
}

#[test]
fn the_bytes_of_all_shares_are_those_of_the_file() {
    let numbers = ["objects", "bytes", "history_rows", "history_bytes", "tombstone_rows", "tombstone_bytes"];
    for capture in ["shop", "redis", "s3-offload", "sqs", "fs", "txn"] {
        let [all, first, second] = lines(&Work::new(), capture, &["du", "--json", "--depth", "2"]);
        let groups = |lines: &[String]| -> BTreeMap<String, [u64; 6]> {
            let value: Value = serde_json::from_str(&lines.join("\n")).unwrap();
            let groups = value["groups"].as_array().unwrap().iter();
            groups
                .map(|group| (group["name"].to_string(), numbers.map(|name| group[name].as_u64().unwrap())))
                .collect()
        };
        let mut sum = groups(&first);
        for (name, numbers) in groups(&second) {
            let known = sum.entry(name).or_default();
            known.iter_mut().zip(numbers).for_each(|(known, number)| *known += number);
        }
        assert_eq!(sum, groups(&all), "{capture}");
    }
}

#[test]
fn each_file_is_made_by_one_share() {
    for capture in ["dynamodb", "fs", "redis", "s3", "shop", "sqs"] {
        let work = Work::new();
        decode(&work, capture, "whole", &["-q"]);
        let whole = Tree::read(&work.path("whole")).unwrap();
        let mut made = BTreeSet::new();
        for index in 0..3 {
            let target = format!("share-{index}");
            let run = decode(&work, capture, &target, &["-q", "--shard", &format!("{index}/3")]);
            assert!(matches!(run.code, Some(0 | 1)), "{capture}: {run:?}");
            work.run(["verify", &target]).exits(0);
            let share = Tree::read(&work.path(&target)).unwrap();
            assert_eq!(checksum_faults(&share), Vec::<String>::new());
            let manifest: Value = serde_json::from_slice(&share.files[b"MANIFEST.json".as_slice()]).unwrap();
            assert_eq!(
                (&manifest["shard"]["share"], &manifest["complete"]),
                (&format!("{index}/3").into(), &false.into())
            );
            for (path, content) in share.files.iter().filter(|(path, _)| !is_shared(path)) {
                let shown = String::from_utf8_lossy(path);
                assert!(whole.files.get(path) == Some(content), "{capture}: {shown} has other bytes");
                assert!(made.insert(path.clone()), "{capture}: two shares have {shown}");
            }
            let is_there = |directory: &Vec<u8>| {
                let below = [directory.as_slice(), b"/"].concat();
                whole.empty.contains(directory) || whole.files.keys().any(|path| path.starts_with(&below))
            };
            assert!(share.empty.iter().all(is_there), "{capture}");
        }
        let wanted: BTreeSet<_> = whole.files.keys().filter(|path| !is_shared(path)).cloned().collect();
        assert_eq!(made, wanted, "{capture}");
    }
}

#[test]
fn exports_of_shares_are_disjoint_and_together_everything() {
    for (capture, format) in [
        ("redis", "resp"),
        ("shop", "resp"),
        ("dynamodb", "dynamodb"),
        ("s3", "s3"),
        ("s3-multipart", "s3"),
        ("shop", "s3"),
        ("sqs", "sqs"),
    ] {
        let work = Work::new();
        let made = |shard: &[&str]| {
            let target = work.path(format!("out{}", shard.concat().replace('/', "-")));
            let input = input(capture);
            let words = ["export", &input, "--to", format, "-q", "-o"].map(OsStr::new);
            let mut arguments = words.to_vec();
            arguments.push(target.as_os_str());
            arguments.extend(shard.iter().map(OsStr::new));
            let run = on_capture(&work, capture, &arguments);
            assert!(matches!(run.code, Some(0 | 1)), "{capture}: {run:?}");
            let tree = Tree::read(&target).unwrap();
            assert_eq!(checksum_faults(&tree), Vec::<String>::new());
            tree
        };
        let whole = made(&[]);
        let shares = ["0/3", "1/3", "2/3"].map(|shard| made(&["--shard", shard]));
        // Lists of many objects, of which each share has lines.
        let is_list = |path: &&Vec<u8>| !path.contains(&b'/') || *path == b"sqs/create-queues.jsonl";
        let mut alone = BTreeSet::new();
        for path in shares.iter().flat_map(|share| share.files.keys()).filter(|path| !is_list(path)) {
            assert!(alone.insert(path.clone()), "{capture}: two shares have {}", path.escape_ascii());
            let share = shares.iter().find(|share| share.files.contains_key(path)).unwrap();
            assert!(share.files[path] == whole.files[path], "{capture}: {}", path.escape_ascii());
        }
        let wanted = whole.files.keys().filter(|path| !is_list(path)).cloned().collect();
        assert_eq!(alone, wanted, "{capture}");
        let lists = whole.files.iter().filter(|(path, _)| is_list(path));
        // EXPORT.json is the same in all.
        let is_made = |path: &[u8]| ![&b"CHECKSUMS"[..], b"PROBLEMS.jsonl", b"EXPORT.json"].contains(&path);
        for (path, content) in lists.filter(|(path, _)| is_made(path)) {
            let sorted = |files: &[&Vec<u8>]| {
                let mut lines: Vec<Vec<u8>> = files
                    .iter()
                    .flat_map(|file| file.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec))
                    .collect();
                lines.sort();
                lines
            };
            let parts: Vec<_> = shares.iter().filter_map(|share| share.files.get(path)).collect();
            assert!(sorted(&parts) == sorted(&[content]), "{capture}: {}", path.escape_ascii());
        }
    }
}
