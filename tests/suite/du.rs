//! `du` of captures: its sums against `inspect`, its objects against `decode`.

use serde_json::Value;

use crate::fixture::Snapshot;
use crate::tool::{Work, golden, testdata};

const CAPTURES: [&str; 8] = ["shop", "dynamodb", "fs", "mvcc", "rawkv", "redis", "s3", "sqs"];

fn snapshot(name: &str) -> String {
    let entries = std::fs::read_dir(testdata("live").join(name)).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path().display().to_string());
    paths.find(|path| path.contains(".fsm")).unwrap()
}

#[test]
fn sums_are_those_of_the_file() {
    for name in CAPTURES {
        let work = Work::new();
        let snapshot = snapshot(name);
        let totals = work.run(["inspect", &snapshot, "--json", "-q"]).json()["totals"].clone();
        let decoded = work.run(["decode", &snapshot, "--json", "-q", "-o", "dump"]).json();
        for depth in ["0", "1", "3"] {
            let du = work.run(["du", &snapshot, "--json", "-q", "--depth", depth]).exits(0).json();
            let number = |value: &Value, member: &str| value[member].as_u64().unwrap();
            let total = &du["total"];
            assert_eq!(total["total_bytes"], totals["bytes"], "{name} {depth}");
            assert_eq!(total["tombstone_rows"], totals["tombstones"], "{name} {depth}");
            let older = number(&totals, "rows") - number(&totals, "tombstones") - number(&totals, "visible");
            assert_eq!(number(total, "history_rows"), older, "{name} {depth}");
            let groups = du["groups"].as_array().unwrap();
            for member in ["objects", "bytes", "history_bytes", "tombstone_bytes", "total_bytes"] {
                let sum: u64 = groups.iter().map(|group| number(group, member)).sum();
                assert_eq!(sum, number(total, member), "{name} {depth} {member}");
            }
            let sizes: Vec<u64> = groups.iter().map(|group| number(group, "total_bytes")).collect();
            assert!(sizes.is_sorted_by(|one, other| one >= other), "{name} {depth}");
            for service in ["dynamodb", "s3", "redis", "sqs"] {
                let of = |group: &&Value| group["name"].as_str().unwrap().starts_with(&format!("{service}/"));
                let objects: u64 = groups.iter().filter(of).map(|group| number(group, "objects")).sum();
                let made = decoded["objects"].get(service).and_then(Value::as_object);
                let made: u64 =
                    made.map_or(0, |scopes| scopes.values().map(|count| count.as_u64().unwrap()).sum());
                // An object that a dump cannot hold is there all the same.
                let refused = number(&decoded, "problems");
                assert!(
                    (made..=made + refused).contains(&objects),
                    "{name} {depth} {service} {objects} {made}"
                );
            }
        }
    }
}

#[test]
fn the_largest_come_first_and_names_select() {
    let work = Work::new();
    let shop = snapshot("shop");
    golden("du/shop.txt", work.run(["du", "-q", &shop, "--depth", "2"]).exits(0).out.as_bytes());
    let run = work.run(["du", "-q", &shop, "--top", "2"]);
    assert!(run.exits(0).out.contains(" more)\n"), "{}", run.out);
    let carts = work.run(["du", "-q", "--json", &shop, "redis/cart:*"]);
    let json = carts.exits(0).json();
    assert_eq!(json["groups"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(json["groups"][0]["name"], "redis/cart:");
    let run = work.run(["du", &shop, "redis/nothing*"]);
    assert!(run.exits(1).err.contains("nothing matches redis/nothing*"), "{}", run.err);
}

#[test]
fn a_dump_is_measured_by_its_files_and_lines() {
    for capture in CAPTURES {
        let (work, snapshot) = (Work::new(), snapshot(capture));
        for target in ["dump", "dump.tar.zst"] {
            let run = work.run(["decode", &snapshot, "-q", "-o", target]);
            assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
        }
        let du = |arguments: &[&str]| {
            let mut more = vec!["du", "-q", "--json"];
            more.extend(arguments);
            work.run(more).exits(0).json()
        };
        let tree = du(&["dump", "--depth", "2"]);
        assert_eq!(tree, du(&["dump.tar.zst", "--depth", "2"]), "{capture}");
        // What `list` says of each object.
        let list = work.run(["list", "dump", "--json", "-q"]);
        assert!(matches!(list.code, Some(0 | 1)), "{list:?}");
        let lines = list.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of_scope = ["table", "bucket", "queue"];
        let (mut objects, mut bytes) = (0, 0);
        for line in lines {
            objects += u64::from(!of_scope.contains(&line["type"].as_str().unwrap()));
            bytes += line["bytes"].as_u64().unwrap_or_default();
        }
        assert_eq!(
            (&tree["total"]["objects"], &tree["total"]["bytes"]),
            (&objects.into(), &bytes.into()),
            "{capture}"
        );
        assert_eq!(tree["total"]["total_bytes"], tree["total"]["bytes"], "{capture}");
        assert!(objects > 0 && bytes > 0, "{capture}");
    }
    let work = Work::new();
    work.run(["decode", &snapshot("shop"), "-q", "-o", "dump"]);
    let all = work.run(["du", "dump", "-q", "--json", "--depth", "0"]).exits(0).json();
    let names = |du: &Value| -> Vec<String> {
        du["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(names(&all).iter().any(|name| name == "redis/"), "{all}");
    let one = work.run(["du", "dump", "-q", "--json", "redis/session:*"]).exits(0).json();
    assert_eq!(names(&one), ["redis/session:"]);
    work.run(["du", "dump", "redis/none"]).exits(1);
    work.run(["du", "dump", "--at", "-1h"]).exits(2);
}

#[test]
fn chunks_of_replaced_and_aborted_uploads_have_a_line() {
    let object = |key: &str| format!("b\0\u{1}\0\0\0\0\0\0\0\u{1}{key}\0\u{1}");
    let chunk = |key: &str, upload: &str, number: u8| {
        let numbers = [[0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, number]];
        [b"!s3|blob|", object(key).as_bytes(), upload.as_bytes(), b"\0\x01", numbers.as_flattened()].concat()
    };
    let mut snapshot = Snapshot::new();
    for (key, upload) in [("a", "u1"), ("c", "u9")] {
        let manifest = format!("{{\"upload_id\":\"{upload}\",\"etag\":\"e\",\"size_bytes\":0,\"parts\":[]}}");
        snapshot = snapshot.put(format!("!s3|obj|head|{}", object(key)), manifest);
    }
    snapshot = snapshot.put(format!("!s3|upload|meta|{}u5\0\u{1}", object("b")), "{}");
    // The object's; replaced before and after it; of an object that is gone; open; aborted; no longer the object's.
    let own = [("a", "u1", 1), ("a", "u1", 2), ("b", "u5", 1), ("c", "u9", 0)];
    let over =
        [("a", "u0", 1), ("a", "u2", 1), ("aa", "u1", 1), ("b", "u4", 1), ("b", "u6", 2), ("d", "u9", 1)];
    for (key, upload, number) in own.into_iter().chain(over) {
        snapshot = snapshot.put(chunk(key, upload, number), vec![b'x'; 1000]);
    }
    let work = Work::with(&snapshot.live());
    let du = work.run(["du", "snapshot.fsm", "-q", "--json"]).exits(0).json();
    let bytes = |du: &Value, name: &str| {
        let group = du["groups"].as_array().unwrap().iter().find(|group| group["name"] == name);
        group.map_or(0, |group| group["bytes"].as_u64().unwrap() / 1000)
    };
    let line = "(chunks of replaced and aborted uploads of s3)";
    assert_eq!((bytes(&du, line), bytes(&du, "s3/b/")), (6, 4), "{du}");
    let du = work.run(["du", "snapshot.fsm", "-q", "--json", "s3/b/a*"]).exits(0).json();
    assert_eq!((bytes(&du, line), bytes(&du, "s3/b/")), (3, 2), "{du}");
}
