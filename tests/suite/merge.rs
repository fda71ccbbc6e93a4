//! `merge`: the dumps of all shares are the dump of one run, byte for byte; what does not fit together is refused, and the
//! shares stay.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use crate::dump::Tree;
use crate::fixture::Snapshot;
use crate::list::CAPTURES;
use crate::shards::decode;
use crate::tool::{Work, sample};

/// Decodes a capture in shares, and merges them into `merged`.
#[track_caller]
fn merges(work: &Work, capture: &str, count: u32, options: &[&str]) -> Tree {
    let mut arguments = vec!["merge".to_owned(), "-q".to_owned(), "-o".to_owned(), format!("merged-{count}")];
    for index in (0..count).rev() {
        let (target, shard) = (format!("{count}-{index}"), format!("{index}/{count}"));
        let run = decode(work, capture, &target, &[&["-q", "--shard", &shard], options].concat());
        assert!(matches!(run.code, Some(0 | 1)), "{capture} {shard}: {run:?}");
        arguments.push(target);
    }
    let run = work.run(&arguments);
    assert!(matches!(run.code, Some(0 | 1)), "{capture} {count}: {run:?}");
    let merged = Tree::read(&work.path(format!("merged-{count}"))).unwrap();
    assert_eq!(run.code == Some(1), merged.files.contains_key(b"PROBLEMS.jsonl".as_slice()));
    merged
}

#[track_caller]
fn is_same(merged: &Tree, whole: &Tree, what: &str) {
    for (path, content) in &whole.files {
        let found = merged.files.get(path).map(|content| String::from_utf8_lossy(content));
        let shown = String::from_utf8_lossy(path);
        assert_eq!(found, Some(String::from_utf8_lossy(content)), "{what}: {shown}");
    }
    assert!(merged == whole, "{what}: other files or directories");
}

#[test]
fn shares_of_captures_are_the_whole_dump() {
    for (place, capture) in CAPTURES.into_iter().enumerate() {
        let work = Work::new();
        decode(&work, capture, "whole", &["-q"]);
        let whole = Tree::read(&work.path("whole")).unwrap();
        for count in sample(place, [1, 2, 3, 16]) {
            is_same(&merges(&work, capture, count, &[]), &whole, &format!("{capture} in {count}"));
        }
    }
}

#[test]
fn options_make_no_difference() {
    for (capture, options) in [
        ("dynamodb", &["--dynamodb-layout", "jsonl"][..]),
        ("s3-multipart", &["--include-orphans", "--include-incomplete-uploads", "--rename-collisions"]),
        ("s3", &["--include-orphans", "--only", "s3/*/a*", "--exclude", "s3/*/*b*"]),
        ("shop", &["--scope", "dynamodb=orders", "--no-extra"]),
        ("sqs", &["--include-sqs-side-records", "--preserve-sqs-visibility"]),
        ("redis", &["--drop-expired", "--cluster-id", "c"]),
    ] {
        let work = Work::new();
        decode(&work, capture, "whole", &[&["-q"], options].concat());
        let whole = Tree::read(&work.path("whole")).unwrap();
        is_same(&merges(&work, capture, 3, options), &whole, &format!("{capture} {options:?}"));
    }
}

/// Makes two shares of a small snapshot.
fn two() -> Work {
    let mut snapshot = Snapshot::new();
    for number in 0..40 {
        snapshot = snapshot.string(format!("key:{number}"), "value").string(vec![b'k'; 300 + number], "long");
    }
    let work = Work::with(&snapshot.live());
    for index in ["0", "1"] {
        let (target, shard) = (format!("share-{index}"), format!("{index}/2"));
        work.run(["decode", "snapshot.fsm", "-q", "-o", &target, "--shard", &shard]).exits(0);
    }
    work
}

#[test]
fn files_have_one_more_name_and_the_shares_stay() {
    let work = two();
    let shares = ["share-0", "share-1"].map(|name| Tree::read(&work.path(name)).unwrap());
    work.decode(&["-q"]).exits(0);
    let run = work.run(["merge", "share-1", "share-0", "-o", "merged", "--json"]);
    let json = run.exits(0).json();
    let files = work.dump().files.len() as u64 - 1;
    assert_eq!((&json["files"], &json["copied"], &json["shares"]), (&files.into(), &0.into(), &2.into()));
    assert!(run.err.contains("merged: 2 shares; no problems; "), "{}", run.err);
    assert_eq!(Tree::read(&work.path("merged")).unwrap(), work.dump());
    let string = work.path("merged/redis/db_0/strings/key%3A1.bin");
    assert_eq!(fs::metadata(string).unwrap().nlink(), 2);
    assert_eq!(shares, ["share-0", "share-1"].map(|name| Tree::read(&work.path(name)).unwrap()));
    work.run(["verify", "merged"]).exits(0);
    // A dump is replaced as `decode` replaces one.
    work.run(["merge", "share-1", "share-0", "-o", "merged"]).exits(2);
    work.run(["merge", "share-1", "share-0", "-o", "merged", "--force"]).exits(0);
    work.run(["merge", "share-1", "share-0", "-o", "share-0", "--force"]).exits(2);
    assert_eq!(Tree::read(&work.path("merged")).unwrap(), work.dump());
}

#[test]
fn what_is_not_all_of_one_run_is_refused() {
    let work = two();
    let snapshot = Snapshot::new().string("another", "value");
    work.write("other.fsm", &snapshot.live());
    for (target, arguments) in [
        ("whole", &["snapshot.fsm"][..]),
        ("of-three", &["snapshot.fsm", "--shard", "0/3"]),
        ("of-other", &["other.fsm", "--shard", "1/2"]),
        ("no-extra", &["snapshot.fsm", "--shard", "1/2", "--no-extra"]),
    ] {
        work.run([&["decode", "-q", "-o", target], arguments].concat()).exits(0);
    }
    fs::create_dir(work.path("empty")).unwrap();
    let before = work.names();
    for (shares, why) in [
        (&["share-0"][..], "1 of 2 shares are there; missing: 1/2"),
        (&["share-0", "share-0"], "share-0 and share-0 are both share 0/2"),
        (&["share-0", "of-three"], "share-0 is a share of 2, and of-three of 3"),
        (&["share-0", "of-other"], "share-0 and of-other differ in their inputs"),
        (&["share-0", "no-extra"], "share-0 and no-extra differ in what was asked for"),
        (&["share-0", "whole"], "whole is not a dump of --shard"),
        (&["share-0", "empty"], "empty is not the directory of a dump"),
        (&["share-0", "missing"], "missing is not the directory of a dump"),
        (&["share-0", "snapshot.fsm"], "snapshot.fsm is not the directory of a dump"),
    ] {
        let run = work.run([&["merge", "-o", "merged"], shares].concat());
        assert!(run.exits(2).err.contains(why), "{shares:?}: {}", run.err);
    }
    let run = work.run(["merge", "-o", "merged.tar", "share-0", "share-1"]);
    assert!(run.exits(2).err.contains("into a directory"), "{}", run.err);
    assert_eq!(work.names(), before);
}

/// Damages a share, of which it is given the path of a file.
type Damage = fn(&Work, &str);

#[test]
fn a_damaged_share_is_named_and_nothing_is_left() {
    let string = "share-0/redis/db_0/strings/";
    let damages: [(&str, Damage); 6] = [
        ("No such file", |work, file| fs::remove_file(work.path(file)).unwrap()),
        ("no regular file is there", |work, file| {
            fs::remove_file(work.path(file)).unwrap();
            std::os::unix::fs::symlink("elsewhere", work.path(file)).unwrap();
        }),
        ("files, and", |work, _| work.write("share-0/redis/db_0/strings/more.bin", b"")),
        ("which is one object's", |work, file| {
            let other = file.replace("share-0", "share-1");
            work.write(&other, b"");
            let path = work.path("share-1/CHECKSUMS");
            let line = format!("{}  {}", "0".repeat(64), other.trim_start_matches("share-1/"));
            let text = fs::read_to_string(&path).unwrap();
            let mut lines: Vec<&str> = text.lines().chain([&*line]).collect();
            lines.sort_by_key(|line| &line[66..]);
            fs::write(path, lines.join("\n") + "\n").unwrap();
        }),
        ("has another digest", |work, _| work.write("share-0/redis/db_0/KEYMAP.jsonl", b"")),
        ("not a path inside the dump", |work, _| {
            work.write("share-0/CHECKSUMS", format!("{}  ../x\n", "0".repeat(64)).as_bytes());
        }),
    ];
    for (why, damage) in damages {
        let work = two();
        let names = Tree::read(&work.path(string)).unwrap();
        let file = names.files.keys().find(|name| name.starts_with(b"key")).unwrap();
        damage(&work, &format!("{string}{}", String::from_utf8_lossy(file)));
        let before = work.names();
        let run = work.run(["merge", "-o", "merged", "share-0", "share-1"]);
        assert!(matches!(run.code, Some(3 | 4)) && run.err.contains(why), "{why}: {run:?}");
        assert!(run.err.contains("share-"), "{}", run.err);
        assert_eq!(work.names(), before);
    }
}

#[test]
fn a_manifest_counts_what_all_shares_have() {
    let work = two();
    work.run(["merge", "-q", "-o", "merged", "share-0", "share-1"]).exits(0);
    let read = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(work.path(name).join("MANIFEST.json")).unwrap()).unwrap()
    };
    let keys = |name: &str| read(name)["objects"]["redis"]["db_0"].as_u64().unwrap();
    assert!(keys("share-0") > 0 && keys("share-1") > 0);
    assert_eq!((keys("share-0") + keys("share-1"), keys("merged")), (80, 80));
    assert!(read("merged").get("shard").is_none() && read("merged").get("complete").is_none());
}
