//! Several inputs: files and data directories of a cluster's Raft groups.

use std::fs;

use std::io::Write as _;
use std::process::Stdio;

use crate::fixture::{Snapshot, hlc};
use crate::tool::{Work, gzip, testdata};

/// Two groups' snapshots in a node's layout, an older one of group 1, and one that was being written.
fn node() -> Work {
    let work = Work::new();
    for (name, snapshot) in [
        ("n1/group-1/fsm-snap/0000000000000009.fsm", Snapshot::new().string("k", "older")),
        (
            "n1/group-1/fsm-snap/000000000000000a.fsm",
            Snapshot::new().string("k", "v").put("!lst|meta|bad", "x"),
        ),
        ("n1/group-2/fsm-snap/0000000000000003.fsm", Snapshot::new().string("other", "v")),
    ] {
        let directory = work.path(name).parent().map(std::path::Path::to_owned).expect("a file has a parent");
        fs::create_dir_all(directory).expect("a directory can be made");
        work.write(name, &snapshot.live());
    }
    work.write("n1/group-1/fsm-snap/000000000000000b.fsm.tmp", b"half");
    work
}

#[test]
fn a_data_directory_says_what_was_chosen_and_every_report_names_the_inputs() {
    let work = node();
    let run = work.run(["decode", "n1", "-o", "dump", "--json"]);
    run.exits(1);
    for line in [
        "reading: group 1, n1/group-1/fsm-snap/000000000000000a.fsm",
        "reading: group 2, n1/group-2/fsm-snap/0000000000000003.fsm",
        "passed over: n1/group-1/fsm-snap/000000000000000b.fsm.tmp: was still being written",
        "passed over: n1/group-1/fsm-snap/0000000000000009.fsm: older than n1/group-1/fsm-snap/000000000000000a.fsm",
        "warning: multi_group_input_missing groups=[] hint=",
    ] {
        assert!(run.err.contains(line), "{line}: {}", run.err);
    }
    let summary = run.json();
    assert_eq!(summary["inputs"][0]["group"], 1);
    assert_eq!(summary["inputs"][1]["group_from"], "path");
    assert_eq!(summary["passed_over_count"], 2);
    assert_eq!(summary["passed_over"][0]["reason"], "was still being written");
    let files = work.dump().files;
    let problem: serde_json::Value = serde_json::from_slice(&files[b"PROBLEMS.jsonl".as_slice()]).unwrap();
    assert_eq!(problem["input"], "n1/group-1/fsm-snap/000000000000000a.fsm");
    assert!(problem["offset"].is_u64());
    let manifest: serde_json::Value = serde_json::from_slice(&files[b"MANIFEST.json".as_slice()]).unwrap();
    assert_eq!(manifest["source"]["fsm_path"], "n1/group-1/fsm-snap/000000000000000a.fsm");
    assert_eq!(manifest["snapshot_index"], serde_json::Value::Null);
    assert_eq!(manifest["inputs"][1]["group"], 2);
    assert_eq!(manifest["inputs"][1]["snapshot_index"], 3);
    assert_eq!(manifest["inputs"].as_array().unwrap().len(), 2);
    let facts = work.run(["inspect", "n1", "--json"]).exits(0).json();
    assert_eq!(facts["inputs"][1]["group"], 2);
    assert_eq!(facts["input"]["group"], 1);
}

#[test]
fn a_named_file_takes_the_place_of_what_the_directory_holds() {
    let work = node();
    let older = "n1/group-1/fsm-snap/0000000000000009.fsm";
    work.run(["decode", "n1", older, "-o", "dump"]).exits(0);
    assert!(work.dump().files[b"redis/db_0/strings/k.bin".as_slice()].ends_with(b"older"));
}

#[test]
fn what_cannot_be_read_together_is_refused() {
    let work = node();
    let [older, newer] = [9, 10].map(|index| format!("n1/group-1/fsm-snap/{index:016x}.fsm"));
    let run = work.run(["decode", &older, &newer, "-o", "dump"]);
    run.exits(2);
    assert!(run.err.contains(&older) && run.err.contains(&newer) && run.err.contains("name only"), "{run:?}");
    work.run(["decode", &older, &older, "-o", "dump"]).exits(2);
    work.run(["decode", "-", "-", "-o", "dump"]).exits(2);
    fs::create_dir(work.path("empty")).unwrap();
    work.run(["decode", "empty", "-o", "dump"]).exits(3);
    work.run(["decode", "n1", "-o", "dump", "--strict"]).exits(1);
    assert_eq!(work.names(), ["empty", "n1"]);
}

#[test]
fn one_group_of_a_cluster_names_the_others_and_their_ranges() {
    let work = Work::new();
    let snapshot = testdata("live/cluster/n1/group-1/fsm-snap/000000000000021e.fsm.gz");
    let warned = |input: &std::path::Path| {
        let run = work.run([std::ffi::OsStr::new("inspect"), input.as_os_str(), "--json".as_ref()]);
        let warnings = run.exits(0).json()["warnings"].as_array().unwrap().clone();
        warnings.into_iter().find(|warning| warning["event"] == "multi_group_input_missing").unwrap()
    };
    // By its place, and as a copy by its keys.
    fs::copy(&snapshot, work.path("copy.fsm.gz")).unwrap();
    for input in [snapshot, work.path("copy.fsm.gz")] {
        let fields = &warned(&input)["fields"];
        assert_eq!(fields["groups"], serde_json::json!([2, 3]));
        assert_eq!(fields["owned"][0]["ranges"][1], serde_json::json!(["!hs|", "!hs|meta|"]));
    }
    let other = testdata("live/cluster/n1/group-2/fsm-snap/00000000000001d0.fsm.gz");
    assert_eq!(warned(&other)["fields"]["groups"], serde_json::json!([]));
}

/// When the transaction of [`halves`] began, and when it was committed.
const START: u64 = 1_769_999_000_000;

/// Two groups that a transaction spans: in group 1 the old value of a string and a lock on it, in group 2 the commit.
fn halves() -> [Snapshot; 2] {
    let (start, commit) = (hlc(START, 0), hlc(START + 1, 0));
    let primary = b"!redis|str|x";
    let value = b"\xff\x01\x00committed";
    let lock =
        [&[1][..], &start.to_be_bytes(), &[0; 9], &(primary.len() as u64).to_be_bytes(), primary].concat();
    let intent = [&[1][..], &start.to_be_bytes(), &[0], &(value.len() as u64).to_be_bytes(), value].concat();
    let record = [&b"!txn|cmt|"[..], primary, &start.to_be_bytes()].concat();
    [
        Snapshot::new()
            .put_at("!redis|str|a", hlc(START - 1, 0), b"\xff\x01\x00stored")
            .put_at("!txn|lock|!redis|str|a", start, lock)
            .put_at("!txn|int|!redis|str|a", start, intent),
        Snapshot::new().string("x", "v").put_at(record, commit, [&[1][..], &commit.to_be_bytes()].concat()),
    ]
}

#[test]
fn txn_from_brings_in_a_committed_value_and_nothing_else() {
    let work = Work::new();
    let [one, two] = halves().map(Snapshot::live);
    work.write("one.fsm", &one);
    work.write("two.fsm", &two);
    work.write("two.fsm.gz", &gzip(&two));
    work.write("two.fsm.zst", &zstd::encode_all(&two[..], 1).expect("memory takes every byte"));
    fs::create_dir_all(work.path("n1/group-2/fsm-snap")).unwrap();
    work.write("n1/group-2/fsm-snap/0000000000000003.fsm", &two);
    let string = |work: &Work| work.dump().files[b"redis/db_0/strings/a.bin".as_slice()].clone();

    let run = work.run(["decode", "one.fsm", "-o", "dump"]);
    run.exits(0);
    assert!(run.err.contains("txn_unresolved"), "{run:?}");
    assert!(string(&work).ends_with(b"stored"));
    work.run(["decode", "one.fsm", "-o", "other", "--strict"]).exits(1);
    for from in ["two.fsm", "two.fsm.gz", "two.fsm.zst", "n1", "n1/group-2/fsm-snap"] {
        let run = work.run(["decode", "one.fsm", "--txn-from", from, "-o", "dump", "--force", "--json"]);
        run.exits(0);
        assert!(!run.err.contains("txn_unresolved"), "{run:?}");
        assert_eq!(
            run.err.contains("searching for transactions: n1/group-2"),
            from.starts_with("n1"),
            "{run:?}"
        );
        assert!(string(&work).ends_with(b"committed"), "{from}");
        assert!(!work.dump().files.contains_key(b"redis/db_0/strings/x.bin".as_slice()), "{from}");
        assert_eq!(run.json()["inputs"].as_array().unwrap().len(), 1);
        let facts = work.run(["inspect", "one.fsm", "--txn-from", from, "--json"]).exits(0).json();
        assert!(!facts["warnings"].to_string().contains("txn_unresolved"), "{from}");
    }
    assert!(work.run(["inspect", "one.fsm", "--json"]).exits(0).out.contains("txn_unresolved"));
    work.run(["decode", "-", "--txn-from", "-", "-o", "other"]).exits(2);
    work.run(["decode", "one.fsm", "--txn-from", "missing.fsm", "-o", "other"]).exits(4);
    fs::create_dir(work.path("empty")).unwrap();
    work.run(["decode", "one.fsm", "--txn-from", "empty", "-o", "other"]).exits(3);
    assert!(!work.path("other").exists());
}

#[test]
fn inputs_of_all_kinds_give_the_same_tree_in_every_order() {
    let work = Work::new();
    let [one, two] = halves();
    // A key that both have: the newest copy counts, wherever it stands.
    let one = one.put_at("!redis|str|both", hlc(START - 2, 0), b"\xff\x01\x00older").live();
    let two = two.put_at("!redis|str|both", hlc(START - 1, 0), b"\xff\x01\x00newer").live();
    work.write("one.fsm", &one);
    work.write("two.fsm", &two);
    work.write("two.fsm.zst", &zstd::encode_all(&two[..], 1).expect("memory takes every byte"));
    // The timestamp oracle in both forms (`reading/groups.md#several-groups`).
    work.write("oracle.fsm", &Snapshot::empty().raw("_meta_applied_index", 5_u64.to_le_bytes()).framed());
    let ceiling = 1_770_000_000_000_u64.to_be_bytes();
    work.write("ceiling.fsm", &[&ceiling[..], &crc32c::crc32c(&ceiling).to_be_bytes()].concat());
    let mut trees = Vec::new();
    for names in [
        ["one.fsm", "two.fsm.zst", "oracle.fsm", "ceiling.fsm"],
        ["ceiling.fsm", "oracle.fsm", "two.fsm.zst", "one.fsm"],
        ["two.fsm", "ceiling.fsm", "-", "oracle.fsm"],
        ["-", "one.fsm", "ceiling.fsm", "oracle.fsm"],
    ] {
        let piped = if names[0] == "-" { &two } else { &one };
        let mut command = work.command([&["decode"], &names[..], &["-o", "dump", "--force"]].concat());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A run that reads none of it closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(piped);
        let run = crate::tool::Run::of(&child.wait_with_output().unwrap());
        run.exits(0);
        assert!(!run.err.contains("oracle_snapshot") && !run.err.contains("txn_unresolved"), "{run:?}");
        let mut files = work.dump().files;
        let manifest: serde_json::Value =
            serde_json::from_slice(&files.remove(b"MANIFEST.json".as_slice()).unwrap()).unwrap();
        assert_eq!(manifest["inputs"].as_array().unwrap().len(), 4);
        files.remove(b"CHECKSUMS".as_slice());
        assert!(files[b"redis/db_0/strings/a.bin".as_slice()].ends_with(b"committed"));
        assert!(files[b"redis/db_0/strings/both.bin".as_slice()].ends_with(b"newer"));
        trees.push(files);
    }
    assert!(trees.iter().all(|tree| *tree == trees[0]));
    work.run(["decode", "oracle.fsm", "ceiling.fsm", "-o", "oracles"]).exits(0);
}

#[test]
fn a_dump_that_holds_what_an_input_leads_to_is_not_replaced() {
    let work = node();
    work.write("snapshot.fsm", &Snapshot::new().string("k", "v").live());
    work.decode(&[]).exits(0);
    // The directory that is named is elsewhere; the snapshot in it is the dump's own file by another name.
    fs::create_dir_all(work.path("n2/fsm-snap")).unwrap();
    let own = work.path("dump/redis/db_0/strings/k.bin");
    fs::copy(work.path("snapshot.fsm"), &own).unwrap();
    fs::hard_link(&own, work.path("n2/fsm-snap/0000000000000001.fsm")).unwrap();
    for arguments in [["n2", "--force"].as_slice(), &["snapshot.fsm", "--txn-from", "n2", "--force"]] {
        let run = work.run([&["decode", "-o", "dump"], arguments].concat());
        run.exits(2);
        assert!(run.err.contains("dump/redis/db_0/strings/k.bin"), "{run:?}");
        assert!(own.exists());
    }
}
