//! `--jobs`: dumps, exports, exit codes and words are the same for every number.

use std::ffi::OsStr;
use std::iter;

use crate::dump::Tree;
use crate::fixture::Snapshot;
use crate::list::{CAPTURES, input, on_capture};
use crate::shards::decode;
use crate::tool::{Work, sample};

#[test]
fn captures_come_out_the_same() {
    for (place, capture) in CAPTURES.into_iter().enumerate() {
        let work = Work::new();
        let mut first = None;
        for jobs in iter::once("1").chain(sample(place, ["2", "3", "16"])) {
            let run = decode(&work, capture, "dump", &["--jobs", jobs, "--force", "--json", "-q"]);
            // All warnings are in it.
            let mut json = run.json();
            json["duration_ms"] = 0.into();
            let made = (run.code, json, run.err, Tree::read(&work.path("dump")).unwrap());
            let first = first.get_or_insert_with(|| made.clone());
            assert_eq!((&made.0, &made.1, &made.2), (&first.0, &first.1, &first.2), "{capture}, {jobs}");
            assert!(made.3 == first.3, "{capture}, {jobs}");
        }
    }
}

#[test]
fn thousands_of_small_files_come_out_the_same() {
    let mut snapshot = Snapshot::new();
    for number in 0..3000 {
        snapshot = snapshot.string(format!("key:{number}"), "value");
    }
    let work = Work::with(&snapshot.live());
    let mut dumps = ["1", "2", "5"].into_iter().map(|jobs| {
        work.decode(&["-q", "--force", "--jobs", jobs]).exits(0);
        work.run(["verify", "dump"]).exits(0);
        work.dump()
    });
    let first = dumps.next().unwrap();
    assert!(first.files.len() > 3000 && dumps.all(|dump| dump == first));
    for bad in ["0", "257", "-1", "two"] {
        work.run(["decode", "snapshot.fsm", "-o", "other", &format!("--jobs={bad}")]).exits(2);
    }
}

#[test]
fn exports_of_captures_come_out_the_same() {
    let formats = ["resp", "jsonl", "parquet", "dynamodb", "s3", "sqs"];
    for (place, capture) in CAPTURES.into_iter().enumerate() {
        let work = Work::new();
        let (input, target) = (input(capture), work.path("out"));
        for format in sample(place, formats) {
            let mut first = None;
            for jobs in ["1", "2", "3", "16"] {
                let words =
                    ["export", &input, "--to", format, "--jobs", jobs, "--force", "--json", "-q", "-o"];
                let mut arguments = words.map(OsStr::new).to_vec();
                arguments.push(target.as_os_str());
                let run = on_capture(&work, capture, &arguments);
                let made = (run.code, run.out.clone(), run.err.clone(), Tree::read(&target).unwrap());
                let first = first.get_or_insert_with(|| made.clone());
                assert!(made == *first, "{capture}, {format}, {jobs}: {run:?}");
            }
        }
    }
}

#[test]
fn what_other_threads_take_comes_out_the_same() {
    let text = |number: usize, length: usize| -> Vec<u8> {
        // Letters that no packing makes much shorter.
        let mut state = number as u64;
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            b'a' + u8::try_from((state >> 40) % 26).unwrap()
        };
        (0..length).map(|_| letter()).collect()
    };
    let mut snapshot = Snapshot::new();
    for number in 0..12_000 {
        snapshot = snapshot.string(format!("key:{}", number * 7919 % 12_000), text(number, 300));
    }
    for number in 0..12 {
        snapshot = snapshot.string(format!("long:{number}"), text(number, 200_000 + number * 70_000));
    }
    let work = Work::with(&snapshot.live());
    let commands: [&[&str]; 6] = [
        &["decode", "--layout", "jsonl", "--part-size", "3MiB"],
        &["decode", "--only", "redis/long*"],
        &["export", "--to", "resp", "--part-size", "3MiB"],
        &["export", "--to", "jsonl", "--part-size", "3MiB"],
        &["export", "--to", "jsonl", "--gzip"],
        &["export", "--to", "parquet", "--part-size", "3MiB"],
    ];
    for command in commands {
        let mut made = ["1", "2", "3", "16"].into_iter().map(|jobs| {
            let target = format!("jobs-{jobs}");
            let rest = ["snapshot.fsm", "-q", "--force", "--jobs", jobs, "-o", &target];
            work.run([command, &rest].concat()).exits(0);
            let made = Tree::read(&work.path(&target)).unwrap();
            std::fs::remove_dir_all(work.path(&target)).unwrap();
            made
        });
        let first = made.next().unwrap();
        assert!(first.files.values().any(|file| file.len() > 100_000), "{command:?}");
        assert!(made.all(|tree| tree == first), "{command:?}");
    }
}
