//! Several inputs: files and data directories of a cluster's Raft groups.

use std::fs;

use crate::fixture::Snapshot;
use crate::tool::{Work, testdata};

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
