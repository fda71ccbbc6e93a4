//! `diff` of captures with themselves at many times, against the trees that are decoded at those times.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ekv_backup::keyspace::Family;
use ekv_backup::run::Source;
use serde_json::Value;

use crate::tool::{Run, Work, testdata};

/// Captures of one node with one group.
const CAPTURES: [&str; 10] =
    ["shop", "dynamodb", "fs", "mvcc", "rawkv", "redis", "s3", "s3-multipart", "sqs", "encrypted"];
/// Times of each.
const TIMES: usize = 4;

fn snapshot(name: &str) -> PathBuf {
    let entries = fs::read_dir(testdata("live").join(name)).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths.find(|path| path.to_string_lossy().contains(".fsm")).unwrap()
}

fn keys(name: &str) -> Vec<String> {
    let kek = testdata("live").join(name).join("kek.bin");
    if kek.exists() { vec!["--kek-file".to_owned(), kek.display().to_string()] } else { Vec::new() }
}

/// Lists times of commits, evenly spread, the last one among them.
fn times(name: &str, work: &Work) -> Vec<u64> {
    let mut source = Source { allow_encrypted: true, ..Source::new(vec![snapshot(name)]) };
    source.inputs[0] = snapshot(name);
    let scratch = source.scratch(work.path("."));
    let opened = source.open(&scratch, &mut |_| ()).unwrap();
    let floor = opened.snapshot.inputs()[0].floor();
    let mut all = BTreeSet::new();
    for family in Family::all().filter(|family| *family != Family::S3ChunkBlob) {
        let mut versions = opened.snapshot.versions(family);
        while let Some(version) = versions.next().unwrap() {
            all.insert(version.commit_ts);
        }
    }
    let all: Vec<u64> = all.into_iter().filter(|&time| time >= floor).collect();
    (1..=TIMES).map(|part| all[all.len() * part / TIMES - 1]).collect()
}

/// Lists the files below a directory with their contents, but for those that are of no object.
fn files(root: &Path) -> BTreeSet<(String, Vec<u8>)> {
    fn walk(root: &Path, directory: &Path, files: &mut BTreeSet<(String, Vec<u8>)>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, files);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            let is_object = !name.ends_with("KEYMAP.jsonl") && name.contains('/');
            if is_object {
                files.insert((name, fs::read(&path).unwrap()));
            }
        }
    }
    let mut all = BTreeSet::new();
    walk(root, root, &mut all);
    all
}

fn run(work: &Work, name: &str, arguments: &[&str]) -> Run {
    let arguments: Vec<String> =
        arguments.iter().map(|&argument| argument.to_owned()).chain(keys(name)).collect();
    work.run(arguments)
}

/// Returns the lines of `--json` before the last one.
fn objects(run: &Run) -> Vec<Value> {
    let mut lines: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.pop().unwrap();
    assert_eq!(last["command"], "diff");
    let count = |sign: &str| lines.iter().filter(|line| line["sign"] == sign).count();
    assert_eq!(last["added"], count("+"));
    assert_eq!(last["removed"], count("-"));
    assert_eq!(last["changed"], count("M"));
    lines
}

#[test]
fn a_capture_at_two_times_differs_as_the_trees_of_these_times_do() {
    let mut compared = 0;
    for name in CAPTURES {
        let work = Work::new();
        let snapshot = snapshot(name).display().to_string();
        let times = times(name, &work);
        for time in &times {
            let dump = format!("dump-{time}");
            let decoded =
                run(&work, name, &["decode", &snapshot, "-q", "--at", &time.to_string(), "-o", &dump]);
            assert!(matches!(decoded.code, Some(0 | 1)), "{name}: {}", decoded.err);
        }
        for pair in times.windows(2).chain(std::iter::once(&[times[0], times[0]][..])) {
            let [old, new] = [pair[0], pair[1]].map(|time| time.to_string());
            let (old_dump, new_dump) = (format!("dump-{old}"), format!("dump-{new}"));
            let (one, other) = (files(&work.path(&old_dump)), files(&work.path(&new_dump)));
            let differing: BTreeSet<&str> =
                one.symmetric_difference(&other).map(|(path, _)| path.as_str()).collect();
            let of_snapshot =
                run(&work, name, &["diff", "-q", "--json", &snapshot, "--old-at", &old, "--new-at", &new]);
            of_snapshot.exits(i32::from(!differing.is_empty()));
            let lines = objects(&of_snapshot);
            let found: BTreeSet<&str> = lines
                .iter()
                .flat_map(|line| line["files"].as_array().unwrap())
                .map(|path| path.as_str().unwrap())
                .collect();
            assert_eq!(found, differing, "{name} {old} {new}");
            compared += lines.len();
            // Whatever the sides are, the answer is the same.
            let ways: [&[&str]; 3] = [
                &["diff", "-q", "--json", &old_dump, &new_dump],
                &["diff", "-q", "--json", &old_dump, &snapshot, "--new-at", &new],
                &["diff", "-q", "--json", &snapshot, &new_dump, "--old-at", &old],
            ];
            for way in ways {
                let other = run(&work, name, way);
                assert!(other.out.contains("\"command\":\"diff\""), "{name} {way:?}: {}", other.err);
                assert_eq!(objects(&other), lines, "{name} {way:?}");
            }
        }
    }
    assert!(compared > 500, "{compared} objects are few");
}
