//! Exit codes (`tree/outcome.md#outcome`), help, pipes, signals.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::dump::{Tree, checksum_faults};
use crate::fixture::Snapshot;
use crate::tool::{Run, Work, golden, gzip, testdata};

/// A snapshot that decodes without a problem.
fn sound() -> Snapshot {
    Snapshot::new().string("k", "v")
}

/// A snapshot of which one object cannot be decoded: a list meta of a wrong length.
fn with_a_problem() -> Snapshot {
    sound().put("!lst|meta|broken", "short")
}

#[test]
fn exit_0_when_everything_was_decoded() {
    let work = Work::with(&sound().live());
    let run = work.decode(&[]);
    run.exits(0);
    assert_eq!(run.out, "");
    assert_eq!(work.names(), ["dump", "snapshot.fsm"]);
    assert_eq!(checksum_faults(&work.dump()), Vec::<String>::new());
}

#[test]
fn exit_1_with_a_tree_when_an_object_cannot_be_decoded() {
    let work = Work::with(&with_a_problem().live());
    work.decode(&[]).exits(1);
    let tree = work.dump();
    assert!(tree.files.contains_key(b"PROBLEMS.jsonl".as_slice()));
    assert!(tree.files.contains_key(b"redis/db_0/strings/k.bin".as_slice()));
    let manifest: serde_json::Value =
        serde_json::from_slice(&tree.files[b"MANIFEST.json".as_slice()]).unwrap();
    assert_eq!(manifest["problems"], 1);
    assert_eq!(checksum_faults(&tree), Vec::<String>::new());
}

#[test]
fn exit_1_without_a_tree_when_problems_are_fatal() {
    let work = Work::with(&with_a_problem().live());
    work.decode(&["--strict"]).exits(1);
    assert_eq!(work.names(), ["snapshot.fsm"]);
}

#[test]
fn exit_2_after_bad_usage() {
    let work = Work::with(&sound().live());
    for arguments in [
        &[][..],
        &["decode"],
        &["decode", "snapshot.fsm"],
        &["decode", "snapshot.fsm", "-o", "dump", "--adapter", "sql"],
        &["decode", "snapshot.fsm", "-o", "dump", "--scope", "orders"],
        &["decode", "snapshot.fsm", "-o", "dump", "--dynamodb-bundle-size", "0"],
        &["decode", "snapshot.fsm", "-o", "dump", "--at", "yesterday"],
        &["verify"],
        &["inspect"],
        &["encode", "dump"],
    ] {
        work.run(arguments).exits(2);
    }
    assert_eq!(work.names(), ["snapshot.fsm"]);
}

#[test]
fn exit_2_when_the_target_is_in_use_and_nothing_is_touched() {
    let work = Work::with(&sound().live());
    fs::create_dir(work.path("dump")).unwrap();
    work.write("dump/mine", b"kept");
    work.decode(&[]).exits(2);
    work.decode(&["--force"]).exits(2);
    assert_eq!(fs::read(work.path("dump/mine")).unwrap(), b"kept");
    assert_eq!(work.names(), ["dump", "snapshot.fsm"]);
}

#[test]
fn an_empty_target_is_filled_and_a_dump_is_replaced_on_demand() {
    let work = Work::with(&sound().live());
    fs::create_dir(work.path("dump")).unwrap();
    work.decode(&[]).exits(0);
    work.decode(&[]).exits(2);
    work.write("snapshot.fsm", &Snapshot::new().string("other", "v").live());
    work.decode(&["--force"]).exits(0);
    let files = work.dump().files;
    assert!(files.contains_key(b"redis/db_0/strings/other.bin".as_slice()));
    assert!(!files.contains_key(b"redis/db_0/strings/k.bin".as_slice()));
    assert_eq!(work.names(), ["dump", "snapshot.fsm"]);
}

#[test]
fn a_failed_run_leaves_the_dump_that_it_was_to_replace() {
    let work = Work::with(&sound().live());
    work.decode(&[]).exits(0);
    let before = work.dump();
    work.write("snapshot.fsm", b"no snapshot at all");
    work.decode(&["--force"]).exits(3);
    assert_eq!(work.dump(), before);
    assert_eq!(work.names(), ["dump", "snapshot.fsm"]);
}

/// As a user who may not remove files, which root may: there the binary runs as another user.
#[test]
fn an_old_dump_that_cannot_be_removed_is_named() {
    const NOBODY: u32 = 65534;
    let work = Work::with(&sound().live());
    work.decode(&[]).exits(0);
    fs::set_permissions(work.path("dump/redis/db_0/strings"), fs::Permissions::from_mode(0o500)).unwrap();
    let arguments = ["decode", "snapshot.fsm", "-o", "dump", "--force", "--json"];
    let mut command = work.command(arguments);
    if fs::metadata(work.path("dump")).unwrap().uid() == 0 {
        // A copy: the binary's own directory may be closed to others.
        let copy = work.path("binary");
        fs::copy(env!("CARGO_BIN_EXE_ekv-backup"), &copy).unwrap();
        let given = Command::new("chown").arg("-R").arg(NOBODY.to_string()).arg(work.path("")).status();
        assert!(given.unwrap().success());
        command = work.command_of(&copy, arguments);
        command.uid(NOBODY);
    }
    let run = Run::of(&command.output().unwrap());
    run.exits(0);
    assert_eq!(run.json()["warning_counts"]["cleanup_failed"], 1, "{run:?}");
    assert!(run.err.contains("cleanup_failed") && run.err.contains(".dump.partial-"), "{run:?}");
    let left = work.names().into_iter().find(|name| name.starts_with(".dump.partial-")).unwrap();
    let rest = Tree::read(&work.path(&left)).unwrap().files;
    // Directories move up before they are emptied.
    let kept = rest.keys().find(|path| path.ends_with(b"strings/k.bin")).expect("it could not be removed");
    assert!(!rest.contains_key(b"CHECKSUMS".as_slice()), "what has one is complete");
    let strings = work.path(&left).join(String::from_utf8(kept.clone()).unwrap());
    fs::set_permissions(strings.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn exit_3_when_the_input_is_no_snapshot() {
    let work = Work::with(b"no snapshot at all");
    let run = work.decode(&[]);
    run.exits(3);
    assert!(run.err.contains("not a snapshot"), "{}", run.err);
    assert_eq!(work.names(), ["snapshot.fsm"]);
    work.run(["inspect", "snapshot.fsm"]).exits(3);
}

#[test]
fn exit_4_when_the_input_or_the_target_cannot_be_opened() {
    let work = Work::with(&sound().live());
    for arguments in [
        ["decode", "missing.fsm", "-o", "dump"],
        ["decode", "snapshot.fsm", "-o", "snapshot.fsm/dump"],
        ["decode", "snapshot.fsm", "-o", "missing/parent/dump"],
    ] {
        work.run(arguments).exits(4);
    }
    work.run(["inspect", "missing.fsm"]).exits(4);
    work.run(["verify", "missing"]).exits(4);
    assert_eq!(work.names(), ["snapshot.fsm"]);
}

#[test]
fn help_is_what_it_was() {
    let work = Work::new();
    let run = work.run(["--help"]);
    golden("help/ekv-backup.txt", run.exits(0).out.as_bytes());
    let commands = [
        "decode",
        "verify",
        "inspect",
        "list",
        "diff",
        "get",
        "log",
        "du",
        "merge",
        "encode",
        "export",
        "report",
        "completions",
        "man",
    ];
    for command in commands {
        let run = work.run([command, "--help"]);
        golden(&format!("help/{command}.txt"), run.exits(0).out.as_bytes());
    }
}

#[test]
fn json_is_one_object_also_when_the_run_fails() {
    let work = Work::with(&with_a_problem().live());
    let summary = work.decode(&["--json"]).json();
    assert_eq!(summary["exit_code"], 1);
    assert_eq!(summary["problems"], 1);
    let failed = work.run(["decode", "missing.fsm", "-o", "other", "--json"]).json();
    assert_eq!(failed["exit_code"], 4);
    assert!(failed["error"].is_string());
    let misused = work.decode(&["--scope", "orders", "--json"]).json();
    assert_eq!(misused["exit_code"], 2);
    assert!(misused["error"].is_string());
    assert!(work.run(["inspect", "snapshot.fsm", "--json"]).json().is_object());
    assert!(work.run(["verify", "dump", "--json"]).json().is_object());
}

#[test]
fn a_hundred_warnings_of_an_event_are_shown_and_all_are_counted() {
    let mut snapshot = sound();
    let lock = [&[1][..], &7_u64.to_be_bytes(), &[0; 9], &1_u64.to_be_bytes(), b"p"].concat();
    for number in 0..103 {
        snapshot = snapshot
            .put_at(format!("!txn|lock|key{number:03}"), 7, lock.clone())
            .put(format!("!st|mem|\0\0\0\x03{number:03}m"), "")
            .put(format!("!st|meta|\0\0\0\x03{number:03}"), 9_u64.to_be_bytes());
    }
    let run = Work::with(&snapshot.live()).decode(&["--json"]);
    let counts = &run.exits(0).json()["warning_counts"];
    for event in ["txn_unresolved", "redis_set_length_mismatch"] {
        assert_eq!(counts[event], 103, "{}", run.err);
    }
    let of = |event: &str| run.err.lines().filter(|line| line.contains(event)).collect::<Vec<_>>();
    assert_eq!(of("txn_unresolved").len(), 101);
    assert_eq!(of("txn_unresolved")[100], "warning: txn_unresolved count=103");
    assert_eq!(of("redis_set_length_mismatch").len(), 101);
    assert_eq!(of("redis_set_length_mismatch")[100], "warning: redis_set_length_mismatch: 3 more");
}

#[test]
fn a_snapshot_can_come_from_standard_input_and_compressed() {
    let bytes = sound().live();
    let gzip = gzip(&bytes);
    let zstd = zstd::encode_all(&bytes[..], 1).unwrap();
    let plain = Work::with(&bytes);
    plain.decode(&[]).exits(0);
    let expected = plain.dump().files[b"redis/db_0/strings/k.bin".as_slice()].clone();
    for input in [bytes, gzip, zstd] {
        let work = Work::new();
        let mut child = work
            .command(["decode", "-", "-o", "dump"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        Run::of(&child.wait_with_output().unwrap()).exits(0);
        assert_eq!(work.dump().files[b"redis/db_0/strings/k.bin".as_slice()], expected);
        assert_eq!(work.names(), ["dump"]);
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let shop = fs::read(testdata("live/shop/000000000000016e.fsm")).unwrap();
    let (one, two) = (Work::with(&shop), Work::with(&shop));
    one.decode(&[]).exits(0);
    two.decode(&[]).exits(0);
    assert_eq!(one.dump(), two.dump());
}

#[test]
fn a_closed_pipe_is_quiet() {
    let work = Work::with(&sound().live());
    for arguments in
        [&["--help"][..], &["inspect", "snapshot.fsm"], &["decode", "snapshot.fsm", "-o", "dump", "--json"]]
    {
        let mut child = work
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        drop(child.stdout.take());
        let run = Run::of(&child.wait_with_output().unwrap());
        assert_eq!(run.code, Some(0), "{arguments:?}: {run:?}");
        assert!(!run.err.contains("panicked") && !run.err.contains("ipe"), "{arguments:?}: {run:?}");
    }
}

/// Whether a signal is ignored here, and so in each run: shells see to that for what they start in the background.
fn is_ignored(number: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() >> (number - 1) & 1 == 1)
}

#[test]
fn a_signal_removes_what_was_written() {
    let mut snapshot = Snapshot::new();
    for number in 0..100_000 {
        snapshot = snapshot.string(format!("key{number:06}"), "v");
    }
    let bytes = snapshot.live();
    for (signal, number, code) in [("INT", 2, 130), ("TERM", 15, 143)] {
        let work = Work::with(&bytes);
        let mut child =
            work.command(["decode", "snapshot.fsm", "-o", "dump"]).stderr(Stdio::piped()).spawn().unwrap();
        // The run is under way once its staging directory stands beside the target.
        while work.names().len() < 2 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let kill = Command::new("sh").args(["-c", &format!("kill -s {signal} {}", child.id())]).status();
        assert!(kill.unwrap().success());
        let run = Run::of(&child.wait_with_output().unwrap());
        if is_ignored(number) {
            run.exits(0);
            assert_eq!(work.names(), ["dump", "snapshot.fsm"]);
        } else {
            run.exits(code);
            assert_eq!(work.names(), ["snapshot.fsm"]);
        }
    }
}
