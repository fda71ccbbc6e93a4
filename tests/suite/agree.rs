//! Two ways to one result: layouts of items, one core and many, a pipe and a file, an older time and a snapshot that ends
//! there. `docs/reliability.md` lists all such pairs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::dump::Tree;
use crate::list::{CAPTURES, input};
use crate::payloads::{capture, framed, native, parse_native};
use crate::shards::decode;
use crate::tool::{EPOCH, Run, Work, testdata};

type Files = BTreeMap<Vec<u8>, Vec<u8>>;

/// Reads the files of a dump, but for those that tell of the run.
fn files(work: &Work, name: &str) -> Files {
    let mut files = Tree::read(&work.path(name)).unwrap().files;
    for name in ["MANIFEST.json", "CHECKSUMS"] {
        assert!(files.remove(name.as_bytes()).is_some());
    }
    files
}

#[track_caller]
fn is_same(found: &Files, wanted: &Files, what: &str) {
    let paths = wanted.keys().chain(found.keys());
    let different: Vec<_> =
        paths.filter(|path| found.get(*path) != wanted.get(*path)).map(|path| path.escape_ascii()).collect();
    assert!(different.is_empty(), "{what}: {different:?}");
}

/// Takes the items out of the files of a dump: as values, by table.
fn items(files: &mut Files) -> Vec<(String, String)> {
    let mut items = Vec::new();
    files.retain(|path, content| {
        let path = String::from_utf8_lossy(path);
        let Some((table, name)) = path.strip_prefix("dynamodb/").and_then(|path| path.split_once("/items/"))
        else {
            return true;
        };
        let values = serde_json::Deserializer::from_slice(content).into_iter::<Value>();
        let lines = name.starts_with("data-")
            && Path::new(name).extension().is_some_and(|extension| extension == "jsonl");
        let before = items.len();
        items.extend(values.map(|value| (table.to_owned(), value.unwrap().to_string())));
        assert!(lines || items.len() == before + 1, "{path}");
        false
    });
    items.sort();
    items
}

#[test]
fn layouts_of_items_hold_the_same_items() {
    let mut count = 0;
    for name in CAPTURES {
        let work = Work::new();
        decode(&work, name, "one", &["-q", "--cluster-id", "c"]);
        let options = ["-q", "--dynamodb-layout", "jsonl", "--dynamodb-bundle-size", "4KiB"];
        decode(&work, name, "other", &options);
        let (mut one, mut other) = (files(&work, "one"), files(&work, "other"));
        let (items, bundled) = (items(&mut one), items(&mut other));
        assert!(items == bundled, "{name}");
        count += items.len();
        // Names of items are names of files in one of the layouts alone.
        let keymap = b"extra/KEYMAP.jsonl".as_slice();
        let of_others = |files: &mut Files| {
            let text = files.remove(keymap).map(|text| String::from_utf8(text).unwrap()).unwrap_or_default();
            let lines = text.lines().filter(|line| !line.contains("/items/"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(of_others(&mut one), of_others(&mut other), "{name}");
        is_same(&other, &one, name);
    }
    assert!(count > 300, "{count} items");
}

/// The number of a processor that this process may use.
#[cfg(target_os = "linux")]
fn processor() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    list.chars().take_while(char::is_ascii_digit).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn one_core_and_a_pipe_give_the_trees_of_many_and_a_file() {
    for name in CAPTURES {
        let (work, binary) = (Work::new(), env!("CARGO_BIN_EXE_ekv-backup"));
        decode(&work, name, "many", &["-q"]);
        let wanted = files(&work, "many");
        let directory = testdata("live").join(name);
        let mut keys = Vec::new();
        if directory.join("kek.bin").exists() {
            keys.extend(["--kek-file", "kek.bin", "--keys-file", "keys.json"]);
        }
        let core = processor();
        let run = |input: &OsStr, target: &str, stdin: Stdio| {
            let mut command = Command::new("taskset");
            command.args(["-c", &core, binary, "decode"]).arg(input).arg("-o").arg(work.path(target));
            command.args(["-q"]).args(&keys).current_dir(&directory).stdin(stdin);
            let run = Run::of(&command.env("SOURCE_DATE_EPOCH", EPOCH).output().unwrap());
            assert!(matches!(run.code, Some(0 | 1)), "{name}: {run:?}");
            files(&work, target)
        };
        let path = input(name);
        is_same(&run(path.as_ref(), "one", Stdio::null()), &wanted, name);
        if directory.join(&path).is_file() {
            let file = fs::File::open(directory.join(&path)).unwrap();
            is_same(&run("-".as_ref(), "piped", file.into()), &wanted, name);
        }
    }
}

/// The timestamp of an encoded key; `None` of a row that has none.
fn commit_ts(key: &[u8]) -> Option<u64> {
    let (user, suffix) = key.split_last_chunk::<8>()?;
    (!(user.is_empty() || key.starts_with(b"_meta") && key.is_ascii()))
        .then_some(!u64::from_be_bytes(*suffix))
}

#[test]
fn an_older_time_is_a_snapshot_that_ends_there() {
    let (mut compared, mut shorter) = (0, 0);
    for name in ["dynamodb", "fs", "rawkv", "redis", "s3", "s3-multipart", "shop", "sqs", "sqs-partitioned"] {
        let file = capture(name);
        let (header, last, rows) = parse_native(&file);
        let mut times: Vec<u64> = rows.iter().filter_map(|(key, _)| commit_ts(key)).collect();
        times.sort_unstable();
        times.dedup();
        for quarter in 1..4 {
            let at = times[times.len() * quarter / 4];
            let work = Work::with(&file);
            let run = work.run(["decode", "snapshot.fsm", "-q", "-o", "at", "--at", &at.to_string()]);
            if run.code == Some(2) {
                // Versions before the floor may be gone.
                assert!(run.err.contains("compact"), "{name}: {}", run.err);
                continue;
            }
            let older: Vec<_> =
                rows.iter().filter(|(key, _)| commit_ts(key).is_none_or(|ts| ts <= at)).cloned().collect();
            work.write("older.fsm", &framed(&header, &native(at, &older)));
            let then = work.run(["decode", "older.fsm", "-q", "-o", "then"]);
            assert_eq!(
                (run.code, then.code),
                (then.code, run.code),
                "{name} at {at}: {}{}",
                run.err,
                then.err
            );
            assert!(matches!(run.code, Some(0 | 1)), "{name}: {run:?}");
            assert!(at < last);
            let (found, wanted) = (files(&work, "at"), files(&work, "then"));
            is_same(&found, &wanted, &format!("{name} at {at}"));
            compared += 1;
            shorter += usize::from(older.len() < rows.len());
        }
    }
    assert!(compared > 15 && shorter > 10, "{compared} times compared, {shorter} of shorter snapshots");
}
