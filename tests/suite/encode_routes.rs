//! A dump of several Raft groups becomes a snapshot a group.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::encode::{decode, files, rows};
use crate::tool::{Work, testdata};

/// Writes what `inspect --json` prints of a capture.
fn inspected(work: &Work, name: &str) -> Value {
    let inputs = testdata("live").join(name).join("n1");
    let run = work.run(["inspect".as_ref(), inputs.as_os_str(), "--json".as_ref(), "-q".as_ref()]);
    run.exits(0);
    work.write("routes.json", run.out.as_bytes());
    run.json()
}

/// Returns the user keys in the snapshots of a capture, by group.
fn captured(name: &str) -> BTreeMap<u64, BTreeSet<Vec<u8>>> {
    let mut keys = BTreeMap::new();
    for entry in fs::read_dir(testdata("live").join(name).join("n1")).unwrap() {
        let directory = entry.unwrap().path();
        let group = directory.to_str().unwrap().rsplit_once("group-").unwrap().1.parse().unwrap();
        let file = fs::read_dir(directory.join("fsm-snap")).unwrap().next().unwrap().unwrap().path();
        let mut bytes = Vec::new();
        GzDecoder::new(fs::File::open(file).unwrap()).read_to_end(&mut bytes).unwrap();
        let start = bytes.windows(8).position(|window| window == b"EKVPBBL1").expect("a native payload") + 16;
        let (mut rest, mut own) = (&bytes[start..], BTreeSet::new());
        let part = |rest: &mut &[u8]| {
            let length = usize::try_from(u64::from_le_bytes(*rest.first_chunk()?)).ok()?;
            let (part, tail) = rest[8..].split_at_checked(length)?;
            let part = part.to_vec();
            *rest = &rest[rest.len() - tail.len()..];
            Some(part)
        };
        // The footer is no record.
        while let (Some(key), Some(_)) = (part(&mut rest), part(&mut rest)) {
            own.insert(key[..key.len().saturating_sub(8)].to_vec());
        }
        keys.insert(group, own);
    }
    keys
}

#[test]
fn each_row_goes_to_the_group_that_it_came_from() {
    for (name, groups) in
        [("cluster", &[1, 2, 3][..]), ("sqs-multigroup", &[1, 2]), ("dynamodb-groups", &[1, 2])]
    {
        let work = Work::new();
        inspected(&work, name);
        decode(&work, name, "dump", &["--preserve-sqs-visibility"]);
        let run = work.run(["encode", "dump", "-o", "groups", "--routes", "routes.json", "--json"]);
        run.exits(0);
        let summary = run.json();
        assert!(!run.err.contains("encode_single_group"), "{run:?}");
        assert_eq!((&summary["sha256"], &summary["encode_info"]), (&Value::Null, &Value::Null));
        let captured = captured(name);
        let mut common = 0;
        for (group, told) in groups.iter().zip(summary["groups"].as_array().unwrap()) {
            assert_eq!(told["group"], *group);
            let path = format!("groups/group-{group}/snap.fsm");
            let payload = fs::read(work.path(&path)).unwrap();
            let (commit_ts, rows) = rows(&payload);
            assert_eq!(summary["last_commit_ts"], commit_ts);
            assert_eq!(
                (&told["rows"], &told["bytes"]),
                (&rows.len().into(), &payload.len().into()),
                "{path}"
            );
            let info = fs::read(work.path(format!("{path}.encode_info.json"))).unwrap();
            let info: Value = serde_json::from_slice(&info).unwrap();
            assert_eq!(info["output_fsm_path"], path);
            assert_eq!(info["output_fsm_sha256"], told["sha256"]);
            assert_eq!(info["self_test"]["matched"], true);
            for key in rows.keys().map(|key| &key[..key.len() - 8]) {
                let holders: Vec<_> =
                    captured.iter().filter(|(_, keys)| keys.contains(key)).map(|(group, _)| group).collect();
                assert!(holders.is_empty() || holders.contains(&group), "{path}: {}", key.escape_ascii());
                common += holders.len();
            }
        }
        assert!(common > 20, "{name}: {common} rows of the capture");
        assert_eq!(summary["groups"].as_array().unwrap().len(), groups.len());
        work.run(["decode", "groups", "-o", "again", "--preserve-sqs-visibility", "-q"]).exits(0);
        assert!(files(&work, "dump") == files(&work, "again"), "{name}");
        work.run(["encode", "dump", "-o", "groups", "--routes", "routes.json", "-q"]).exits(2);
    }
}

#[test]
fn one_group_of_routes_takes_what_no_routes_give() {
    let work = Work::new();
    decode(&work, "shop", "dump", &[]);
    work.write("routes.json", br#"{"ranges":[{"start":"","end":null,"group":7}]}"#);
    work.run(["encode", "dump", "-o", "groups", "--routes", "routes.json", "-q"]).exits(0);
    work.run(["encode", "dump", "-o", "snap.fsm", "-q"]).exits(0);
    assert!(
        fs::read(work.path("groups/group-7/snap.fsm")).unwrap() == fs::read(work.path("snap.fsm")).unwrap()
    );
    // A group without rows has a snapshot all the same.
    let two = br#"{"ranges":[{"start":"","end":"ff","group":7},{"start":"ff","end":null,"group":9}]}"#;
    work.write("routes.json", two);
    work.run(["encode", "dump", "-o", "two", "--routes", "routes.json", "-q"]).exits(0);
    assert_eq!(fs::read(work.path("two/group-9/snap.fsm")).unwrap().len(), 16);
}

#[test]
fn routes_that_do_not_tell_are_refused_and_nothing_is_left() {
    let work = Work::new();
    let mut inspected = inspected(&work, "sqs-multigroup");
    decode(&work, "sqs-multigroup", "dump", &[]);
    let refused = |work: &Work, routes: &str, what: &str| {
        work.write("routes.json", routes.as_bytes());
        let run = work.run(["encode", "dump", "-o", "groups", "--routes", "routes.json"]);
        run.exits(2);
        assert!(run.err.contains(what), "{what}: {}", run.err);
        let mut left: Vec<_> =
            fs::read_dir(work.path(".")).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["dump", "routes.json"]);
    };
    let ranges = r#""ranges":[{"start":"","end":null,"group":1}]"#;
    refused(&work, &format!("{{{ranges}}}"), "no group has partition 0 of the queue far.fifo");
    refused(&work, r#"{"ranges":[{"start":"","end":"70","group":1}]}"#, "no range has the keys from '70' on");
    refused(&work, r#"{"routes":null}"#, "hold no route catalog");
    refused(&work, "{", "EOF");
    refused(&work, &format!(r#"{{{ranges},"partition":[]}}"#), "unknown field");
    inspected["routes"]["partitions"][0]["group"] = 0.into();
    refused(&work, &inspected.to_string(), "timestamp oracle");
}
