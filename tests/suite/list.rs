//! `list`: every object of a dump by its name, in forms and orders that are asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::dump::Tree;
use crate::fixture::Snapshot;
use crate::tool::{Run, Work, golden, testdata};

/// Captures, and those of clusters.
pub const CAPTURES: [&str; 18] = [
    "cluster",
    "dynamodb",
    "dynamodb-groups",
    "encrypted",
    "fs",
    "mvcc",
    "rawkv",
    "redis",
    "s3",
    "s3-multipart",
    "s3-offload",
    "shop",
    "sqs",
    "sqs-multigroup",
    "sqs-partitioned",
    "sst",
    "txn",
    "txn-last",
];

/// Returns the input of a capture in its directory.
pub fn input(name: &str) -> String {
    let entries = fs::read_dir(testdata("live").join(name)).expect("testdata/live can be listed");
    let names =
        entries.map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned());
    let found: Vec<_> = names.filter(|name| name.contains(".fsm") || name == "n1").collect();
    found.first().expect("a capture has a snapshot").clone()
}

/// Runs a command in the directory of a capture, with its keys.
pub fn on_capture(work: &Work, name: &str, arguments: &[&OsStr]) -> Run {
    let directory = testdata("live").join(name);
    let mut command = work.command(arguments);
    if directory.join("kek.bin").exists() {
        command.args(["--kek-file", "kek.bin"]);
    }
    Run::of(&command.current_dir(directory).output().expect("the binary can be run"))
}

fn shop() -> Work {
    Work::with(&fs::read(testdata("live/shop/000000000000016e.fsm")).expect("the capture is there"))
}

fn list(work: &Work, arguments: &[&str]) -> Run {
    work.run([&["list", "snapshot.fsm"], arguments].concat())
}

/// Returns the name of an item, where its keys are texts of plain characters or whole numbers.
fn item(schema: &Value, content: &[u8]) -> Option<String> {
    let item: Value = serde_json::from_slice(content).expect("an item is JSON");
    let mut name = format!("dynamodb/{}", schema["table_name"].as_str().expect("a table has a name"));
    for key in ["hash_key", "range_key"] {
        let Some(attribute) = schema["primary_key"][key]["name"].as_str() else { continue };
        let value = &item[attribute];
        // Of other numbers the name has the lowest terms.
        let plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let text = value["S"].as_str().or(value["N"].as_str().filter(plain))?;
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"%/".contains(&byte)) {
            return None;
        }
        name = format!("{name}/{text}");
    }
    Some(name)
}

/// Returns the names that paths of a dump tell, as far as one can be told from a path without any other file.
pub fn names(tree: &Tree) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (path, content) in &tree.files {
        let Ok(path) = std::str::from_utf8(path) else { continue };
        let parts: Vec<_> = path.split('/').collect();
        let is_plain = |part: &str| !part.contains("__") && !part.starts_with("b64.");
        match parts.as_slice() {
            ["redis", "db_0", kind, file] if *kind != "KEYMAP.jsonl" => {
                let stem = file.rsplit_once('.').map_or(*file, |(stem, _)| stem);
                if is_plain(stem) && !stem.replace("%3A", "").contains('%') {
                    names.insert(format!("redis/{}", stem.replace("%3A", ":")));
                }
            }
            ["dynamodb", table, "items", ..] => {
                let schema = &tree.files[format!("dynamodb/{table}/_schema.json").as_bytes()];
                names.extend(item(&serde_json::from_slice(schema).unwrap(), content));
            }
            ["s3", ..] if !path.bytes().all(|byte| byte.is_ascii_graphic()) || path.contains("__") => {}
            ["s3", bucket, "_bucket.json"] => drop(names.insert(format!("s3/{bucket}"))),
            // A key that is a directory too has its file beside it; a `%` in a key is another in a name.
            ["s3", ..] if path.contains(".elastickv-leaf-data") || path.contains('%') => {}
            ["s3", ..] => {
                let name = path.strip_suffix(".elastickv-meta.json");
                names.extend(name.map(str::to_owned));
            }
            ["sqs", queue, "messages.jsonl"] if is_plain(queue) && !queue.contains('%') => {
                for line in content.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                    let line: Value = serde_json::from_slice(line).expect("a line is JSON");
                    names.insert(format!("sqs/{queue}/{}", line["message_id"].as_str().expect("an id")));
                }
            }
            ["extra", "fs", "tree", ..] if !path.contains(|c: char| c == '%' || c.is_control()) => {
                names.insert(path.replacen("extra/fs/tree", "fs", 1));
            }
            _ => {}
        }
    }
    names
}

#[test]
fn every_object_of_every_dump_is_listed() {
    let mut checked = 0;
    for name in CAPTURES {
        let work = Work::new();
        let (input, target) = (input(name), work.path("dump"));
        let decode = ["decode".as_ref(), input.as_ref(), "-o".as_ref(), target.as_os_str()];
        let decoded = on_capture(&work, name, &decode);
        let listed = on_capture(&work, name, &["list".as_ref(), input.as_ref()]);
        assert!(matches!(listed.code, Some(0 | 1)), "{name}: {listed:?}");
        assert!(listed.code <= decoded.code, "{name}: {listed:?}");
        let lines: BTreeSet<_> = listed.out.lines().map(str::to_owned).collect();
        let tree = work.dump();
        let names = names(&tree);
        let missing: Vec<_> = names.difference(&lines).collect();
        assert!(missing.is_empty(), "{name}: {missing:?}");
        checked += names.len();

        let manifest: Value = serde_json::from_slice(&tree.files[b"MANIFEST.json".as_slice()]).unwrap();
        let mut counts = BTreeMap::<(String, String), u64>::new();
        let json = on_capture(&work, name, &["list".as_ref(), input.as_ref(), "--json".as_ref()]);
        assert_eq!(json.out.lines().count(), listed.out.lines().count());
        let mut twice = BTreeSet::new();
        for (line, fullname) in json.out.lines().zip(listed.out.lines()) {
            let line: Value = serde_json::from_str(line).expect("a line is JSON");
            assert_eq!(line["fullname"], fullname);
            let text = |member: &str| line[member].as_str().expect("a text").to_owned();
            // Only keys of several types in one table have one name; a Redis string hides no HyperLogLog.
            let is_new = twice.insert((fullname, text("type")));
            assert!(
                is_new || fullname.starts_with("dynamodb/mixed-types"),
                "{name}: {fullname} is listed twice"
            );
            if !["table", "bucket", "queue", "file", "directory", "value"].contains(&&*text("type")) {
                *counts.entry((text("service"), text("scope"))).or_default() += 1;
            }
        }
        for (service, scopes) in manifest["objects"].as_object().expect("the manifest counts objects") {
            for (scope, count) in scopes.as_object().expect("by scope") {
                let found = counts.get(&(service.clone(), scope.clone())).copied().unwrap_or_default();
                // Of some S3 keys no path can be made; and what a body lacks only its reading shows.
                let is_all = found == count.as_u64().unwrap() || (service == "s3" && found > 0);
                assert!(is_all, "{name}: {service} {scope}: {found} lines, {count} in the manifest");
            }
        }
    }
    assert!(checked > 1000, "{checked}");
}

#[test]
fn a_list_is_what_it_was() {
    let work = shop();
    for (golden_name, arguments) in [
        ("names", &[][..]),
        ("long", &["--long"]),
        ("json", &["--json"]),
        ("overview", &["--overview"]),
        ("overview-json", &["--overview", "--json"]),
        ("largest", &["s3", "dynamodb", "--sort", "size", "--limit", "5", "--long"]),
        ("newest", &["--sort", "time", "--limit", "8", "-l"]),
    ] {
        let run = list(&work, arguments);
        golden(&format!("list/{golden_name}.txt"), run.exits(0).out.as_bytes());
    }
    assert_eq!(work.names(), ["snapshot.fsm"]);
}

#[test]
fn patterns_select() {
    let work = shop();
    let all = list(&work, &[]).exits(0).out.clone();
    let of = |front: &str| {
        all.lines().filter(|line| line.starts_with(front)).map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = |run: &Run| run.exits(0).out.lines().map(str::to_owned).collect::<Vec<_>>();
    for (pattern, front) in [
        ("redis/cart:*", "redis/cart:"),
        ("s3/product-images/**", "s3/product-images/"),
        ("dynamodb/orders", "dynamodb/orders"),
        ("sqs", "sqs/"),
    ] {
        assert!(!of(front).is_empty());
        assert_eq!(lines(&list(&work, &[pattern])), of(front), "{pattern}");
    }
    let two = lines(&list(&work, &["redis/cart:*", "sqs", "--quiet"]));
    assert_eq!(two, [of("redis/cart:"), of("sqs/")].concat());
    let sorted = lines(&list(&work, &["--sort", "name"]));
    assert!(sorted.is_sorted());
    assert_eq!(sorted.len(), all.lines().count());
    let first = lines(&list(&work, &["--limit", "3"]));
    assert_eq!(first, all.lines().take(3).collect::<Vec<_>>());
}

#[test]
fn what_is_not_there_is_exit_1_with_what_is_near() {
    let work = shop();
    let run = list(&work, &["redis/cart:user-99", "sqs"]);
    assert!(
        run.exits(1).err.contains("error: nothing matches redis/cart:user-99, near it: redis/cart:user-")
    );
    assert!(run.out.contains("sqs/"), "the rest is listed: {run:?}");
    let run = list(&work, &["dynamodb/order"]);
    assert!(run.exits(1).err.contains("error: dynamodb has no order; there are orders, "), "{run:?}");
    let run = work.run(["list", "snapshot.fsm", "redis/[a"]);
    assert!(run.exits(2).err.contains("error: not a pattern: "), "{run:?}");
    work.run(["list", "missing.fsm"]).exits(4);
    work.run(["list"]).exits(2);
}

#[test]
fn problems_on_the_way_are_named_and_exit_1() {
    let work = Work::with(&Snapshot::new().string("k", "v").put("!zs|meta|\0\0\0\x01z", "x").live());
    let run = list(&work, &[]);
    assert_eq!(run.exits(1).out, "redis/k\n");
    assert!(run.err.contains(r#"problem: redis db_0 "z": "#), "{run:?}");
    assert_eq!(list(&work, &["-q"]).exits(1).err, "");
}

/// 2026-11-27T14:05:48Z.
const MS: u64 = 1_795_788_348_000;

#[test]
fn times_select_by_commit() {
    let mut snapshot = Snapshot::new();
    for (key, ms) in [("a", MS), ("b", MS + 60_000), ("c", MS + 120_000)] {
        snapshot = snapshot.put_at(format!("!redis|str|{key}"), ms << 16 | 5, [0xff, 1, 0, b'v']);
    }
    let work = Work::with(&snapshot.live());
    for (arguments, want) in [
        (&["--since", "-60s"][..], "redis/b\nredis/c\n"),
        (&["--until", "-60s"], "redis/a\nredis/b\n"),
        (&["--since", "2026-11-27T14:06:48Z", "--until", "2026-11-27 14:06:48"], "redis/b\n"),
        (&["--since", "2026-11-28"], ""),
        (&["--sort", "time"], "redis/c\nredis/b\nredis/a\n"),
        (&["--sort", "time", "--limit", "1"], "redis/c\n"),
        (&["--until", "-1s", "--at", "-1m"], "redis/a\n"),
    ] {
        assert_eq!(list(&work, arguments).exits(0).out, want, "{arguments:?}");
    }
    let run = list(&work, &["--since", "2026-11-28"]);
    assert!(run.err.contains("note: --since is taken as 2026-11-28T00:00:00Z"), "{run:?}");
    let run = list(&work, &["--since", "1795788348000"]);
    assert!(run.exits(2).err.contains("1795788348000"), "{run:?}");
}

#[test]
fn names_are_safe_for_a_terminal_and_select_again() {
    let snapshot = Snapshot::new().string("a\u{1b}[2J\n%", "v").string("ab", "v");
    let work = Work::with(&snapshot.live());
    let names = list(&work, &["--sort", "name"]).exits(0).out.clone();
    assert_eq!(names, "redis/a%1B[2J%0A%25\nredis/ab\n");
    let again = list(&work, &["redis/a%1B\\[2J%0A%25"]);
    assert_eq!(again.exits(0).out, "redis/a%1B[2J%0A%25\n");
}

#[test]
fn what_was_deleted_is_listed_with_the_time_of_it() {
    let ts = |seconds: u64| (MS + seconds * 1000) << 16;
    let value = [0xff, 1, 0, b'v'];
    let hash = "!hs|meta|\0\0\0\u{1}h";
    let mut snapshot = Snapshot::new();
    // Deleted; deleted and there again; changed its type; deleted twice; deleted too late to be seen at an older time.
    snapshot = snapshot.put_at("!redis|str|gone", ts(1), value).tombstone_at("!redis|str|gone", ts(2));
    snapshot = snapshot.tombstone_at("!redis|str|back", ts(2)).put_at("!redis|str|back", ts(3), value);
    snapshot = snapshot.tombstone_at(hash, ts(2)).put_at("!redis|str|h", ts(3), value);
    snapshot = snapshot.tombstone_at("!redis|hll|twice", ts(4)).tombstone_at("!redis|str|twice", ts(5));
    snapshot = snapshot.put_at("!redis|str|late", ts(1), value).tombstone_at("!redis|str|late", ts(60));
    snapshot = snapshot.tombstone_at("!hs|fld|\0\0\0\u{1}enames", ts(3));
    snapshot = snapshot
        .tombstone_at("!ddb|meta|table|dA", ts(3))
        .tombstone_at("!ddb|item|dA|1|a\0\u{1}b\0\u{1}", ts(4));
    snapshot = snapshot.tombstone_at("!s3|obj|head|b\0\u{1}\0\0\0\0\0\0\0\u{5}o/x\0\u{1}", ts(5));
    snapshot = snapshot.tombstone_at("!sqs|msg|data|cQ\0\0\0\0\0\0\0\u{1}bQ", ts(6)).tombstone_at("k", ts(7));
    let work = Work::with(&snapshot.live());
    let run = list(&work, &["--deleted", "--sort", "time"]);
    let names = [
        "redis/late",
        "kv/k",
        "sqs/q/m",
        "redis/twice",
        "s3/b/o/x",
        "dynamodb/t/a/b",
        "dynamodb/t",
        "redis/e",
    ];
    assert_eq!(run.exits(0).out.lines().collect::<Vec<_>>(), [&names[..], &["redis/gone"]].concat());
    let run = list(&work, &["--deleted", "--at", "-30s", "redis/*"]);
    assert_eq!(run.exits(0).out, "redis/e\nredis/gone\nredis/twice\n");
    assert_eq!(list(&work, &["--deleted", "dynamodb/t/a/*"]).exits(0).out, "dynamodb/t/a/b\n");
    assert_eq!(list(&work, &["--deleted", "--until", "-58s", "--limit", "1"]).exits(0).out, "redis/gone\n");
    assert!(list(&work, &["--deleted", "redis/ba*"]).exits(0).out.is_empty(), "it matches what is there");
    let run = list(&work, &["--deleted", "redis/twice", "--json"]);
    let line: Value = serde_json::from_str(&run.exits(0).out).unwrap();
    assert_eq!((&line["fullname"], &line["type"]), (&"redis/twice".into(), &"string".into()));
    assert_eq!((line["deleted_ts"].as_u64(), line.get("commit_ts")), (Some(ts(5)), None));
    let long = list(&work, &["--deleted", "redis/gone", "--long"]).exits(0).out.clone();
    assert!(long.contains("2026-11-27T14:05:50Z      redis/gone"), "{long}");
}

#[test]
fn deleted_files_have_the_paths_that_they_had() {
    let ts = |seconds: u64| (MS + seconds * 1000) << 16;
    let key =
        |parent: u64, name: &str| [b"!fs|dir|", &parent.to_be_bytes()[..], name.as_bytes(), b"\0\0"].concat();
    let inode = |number: u64| [&b"!fs|ino|"[..], &number.to_be_bytes()].concat();
    let name = |number: u64, kind: &str| format!("{{\"inode\":{number},\"type\":\"{kind}\"}}");
    let record = |number: u64, kind: &str, links: u64| {
        format!("{{\"inode\":{number},\"type\":\"{kind}\",\"nlink\":{links},\"mode\":420}}")
    };
    let (file, directory) = ("file", "directory");
    let snapshot = Snapshot::new()
        .put_at(inode(1), ts(0), record(1, directory, 2))
        // A directory that is there, under another name since; of it a file, one that was moved, one with another link.
        .put_at(key(1, "old"), ts(1), name(2, directory))
        .put_at(inode(2), ts(1), record(2, directory, 2))
        .put_at(key(2, "a"), ts(2), name(3, file))
        .tombstone_at(key(2, "a"), ts(3))
        .tombstone_at(key(1, "old"), ts(4))
        .put_at(key(1, "new"), ts(4), name(2, directory))
        .put_at(key(2, "b"), ts(2), name(4, file))
        .tombstone_at(key(2, "b"), ts(5))
        .put_at(inode(4), ts(5), record(4, file, 0))
        .put_at(key(2, "moved"), ts(2), name(5, file))
        .tombstone_at(key(2, "moved"), ts(5))
        .put_at(key(2, "there"), ts(5), name(5, file))
        .put_at(inode(5), ts(5), record(5, file, 1))
        // A directory that is gone with what was in it, a name of which no older version is held.
        .put_at(key(2, "sub"), ts(5), name(6, directory))
        .tombstone_at(key(6, "c d"), ts(6))
        .tombstone_at(key(2, "sub"), ts(7))
        // Of a directory whose name is not held.
        .tombstone_at(key(9, "lost"), ts(8));
    let work = Work::with(&snapshot.live());
    let deleted = |options: &[&str]| list(&work, &[&["--deleted"], options].concat());
    let run = deleted(&["--long", "--sort", "time"]);
    let lines: Vec<_> =
        run.exits(0).out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    let told: Vec<_> = lines.iter().map(|line| (line[0], line[line.len() - 1])).collect();
    assert_eq!(
        told,
        [("directory", "fs/new/sub"), ("name", "d"), ("file", "fs/new/b"), ("file", "fs/old/a")],
        "{}",
        run.out
    );
    assert!(run.out.contains("fs/new/sub/c d\n"));
    let note =
        "note: 1 deleted names of the filesystem are not listed: no name of their directory is held any more";
    assert!(run.err.contains(note), "{}", run.err);
    assert_eq!(deleted(&["fs/new/**"]).exits(0).out, "fs/new/b\nfs/new/sub\nfs/new/sub/c d\n");
    assert_eq!(deleted(&["--at", &ts(4).to_string()]).exits(0).out, "fs/old/a\n");
    assert_eq!(list(&work, &["fs/new/**"]).exits(0).out, "fs/new/there\n");
}

#[test]
fn what_was_there_before_and_is_no_more_was_deleted() {
    let mut all = 0;
    for (name, at) in
        [("redis", "-5s"), ("redis", "-1s"), ("sqs", "-1s"), ("shop", "-1s"), ("mvcc", "-5s"), ("s3", "-2s")]
    {
        let work = Work::new();
        let input = input(name);
        let names = |options: &[&str]| -> BTreeSet<String> {
            let arguments = [&["list", &input, "-q"], options].concat();
            let run = on_capture(&work, name, &arguments.iter().map(OsStr::new).collect::<Vec<_>>());
            run.out.lines().map(str::to_owned).collect()
        };
        let (now, before, deleted) = (names(&[]), names(&["--at", at]), names(&["--deleted"]));
        assert!(now.is_disjoint(&deleted), "{name}");
        let lost: Vec<_> = before.difference(&now).filter(|name| !deleted.contains(*name)).collect();
        // Objects of a bucket or queue that is gone, or of its older generation, have no tombstones of their own.
        let lost: Vec<_> =
            lost.iter().filter(|name| name.starts_with("redis/") || name.starts_with("dynamodb/")).collect();
        assert!(lost.is_empty(), "{name} {at}: {lost:?}");
        all += before.difference(&now).count();
    }
    assert!(all > 0);
}

#[test]
fn messages_tell_where_they_are_on_their_way() {
    let seg = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let generation = "\0\0\0\0\0\0\0\u{1}";
    let meta = "\0SQ\u{1}{\"name\":\"q.fifo\",\"generation\":1,\"is_fifo\":true}";
    let message = |id: &str, more: &str| {
        let body = STANDARD.encode("hi");
        format!("\0SM\u{1}{{\"message_id\":\"{id}\",\"body\":\"{body}\",\"queue_generation\":1{more}}}")
    };
    let data = |id: &str| format!("!sqs|msg|data|{}{generation}{}", seg("q.fifo"), seg(id));
    let later = MS + 30_000;
    let held = format!(
        ",\"receive_count\":2,\"visible_at_millis\":{later},\"message_group_id\":\"g 1\",\"message_deduplication_id\":\"d\""
    );
    let hash = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";
    let snapshot = Snapshot::new()
        .put_at(format!("!sqs|queue|meta|{}", seg("q.fifo")), MS << 16, meta)
        .put_at(data("m1"), MS << 16, message("m1", &held))
        .put_at(data("m2"), MS << 16, message("m2", ",\"message_group_id\":\"g 1\""))
        .put_at(data("m3"), MS << 16, message("m3", ",\"message_group_id\":\"bad\""))
        .put_at(data("m4"), MS << 16, message("m4", ",\"receive_count\":1,\"visible_at_millis\":5"))
        .put_at(
            format!("!sqs|msg|group|{}{generation}{}", seg("q.fifo"), seg("g 1")),
            MS << 16,
            format!("{{\"message_id\":\"m1\",\"acquired_at_ms\":{MS},\"visible_at_ms\":{later}}}"),
        )
        .put_at(format!("!sqs|msg|group|{}{generation}{}", seg("q.fifo"), seg("bad")), MS << 16, "x")
        .put_at(
            format!("!sqs|msg|dedup|{}{generation}{}", seg("q.fifo"), seg("d")),
            MS << 16,
            format!("{{\"message_id\":\"m1\",\"expires_at_millis\":{later}}}"),
        )
        .put_at(
            format!("!sqs|msg|dedup|{}{generation}{}", seg("q.fifo"), seg(hash)),
            MS << 16,
            format!("{{\"message_id\":\"m2\",\"expires_at_millis\":{later}}}"),
        );
    let work = Work::with(&snapshot.live());
    let run = list(&work, &["sqs/q.fifo/*", "--long", "--sort", "name"]);
    let ways: Vec<_> =
        run.exits(0).out.lines().map(|line| &line[line.find("receives=").unwrap()..]).collect();
    let (time, until) = ("2026-11-27T14:05:48Z", "2026-11-27T14:06:18Z");
    assert_eq!(
        ways,
        [
            format!(
                "receives=2 visible={until} in_flight_since={time} group=g%201 lock=m1@{time} dedup_until={until} sqs/q.fifo/m1"
            ),
            format!(
                "receives=0 visible=1970-01-01T00:00:00Z group=g%201 lock=m1@{time} dedup_until={until} sqs/q.fifo/m2"
            ),
            "receives=0 visible=1970-01-01T00:00:00Z group=bad lock=unreadable sqs/q.fifo/m3".to_owned(),
            "receives=1 visible=1970-01-01T00:00:00.005Z sqs/q.fifo/m4".to_owned(),
        ]
    );
    let run = list(&work, &["sqs/q.fifo/m[13]", "--json", "--sort", "name"]);
    let lines: Vec<Value> =
        run.exits(0).out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["lock"], serde_json::json!({ "message_id": "m1", "acquired_ms": MS }));
    assert_eq!((&lines[0]["receives"], &lines[0]["in_flight_since_ms"]), (&2.into(), &MS.into()));
    assert_eq!((&lines[0]["dedup_until_ms"], &lines[0]["group"]), (&later.into(), &"g 1".into()));
    assert_eq!(lines[1]["unreadable"], serde_json::json!(["lock"]));
    work.write("names", list(&work, &["sqs/q.fifo/m1", "--long"]).out.as_bytes());
    work.decode(&["--from-list", "names"]).exits(0);
}
