//! `--layout jsonl`: many objects a file, for all services.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::dump::Tree;
use crate::fixture::Snapshot;
use crate::shards::decode;
use crate::tool::Work;

const LINES: [&str; 3] = ["-q", "--layout", "jsonl"];

/// Decodes a capture a file an object into `items`, and a line an object into `lines`.
fn both(capture: &str) -> Work {
    let work = Work::new();
    for (target, options) in [("items", &LINES[..1]), ("lines", &LINES)] {
        let run = decode(&work, capture, target, options);
        assert!(matches!(run.code, Some(0 | 1)), "{capture}: {run:?}");
    }
    work
}

/// Decodes keys of several lengths with small parts into `dump`.
fn keys() -> Work {
    let mut snapshot =
        Snapshot::new().string("long", vec![b'x'; (256 << 10) + 1]).string("fits", vec![b'x'; 256 << 10]);
    snapshot = snapshot.string(vec![b'n'; 300], "name").string([0xff, 0xfe], [0xff, 0]).put("bare", "value");
    for number in 0..40 {
        snapshot = snapshot.string(format!("key:{number:02}"), format!("value {number}"));
    }
    let work = Work::with(&snapshot.live());
    work.decode(&[&LINES[..], &["--part-size", "1KiB"]].concat()).exits(0);
    work
}

/// Makes CHECKSUMS of `dump` anew.
fn reseal(work: &Work) {
    let mut text = String::new();
    for (path, content) in &work.dump().files {
        if path != b"CHECKSUMS" {
            let path = std::str::from_utf8(path).unwrap();
            writeln!(text, "{}  {path}", hex::encode(Sha256::digest(content))).unwrap();
        }
    }
    work.write("dump/CHECKSUMS", text.as_bytes());
}

#[test]
fn a_line_is_what_the_file_would_be_and_what_is_long_has_its_file() {
    let work = keys();
    let tree = work.dump();
    let names: Vec<_> = tree.files.keys().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    let own: Vec<_> =
        names.iter().filter(|name| name.starts_with("redis/") && !name.contains("/strings-")).collect();
    assert_eq!(own, ["redis/db_0/strings/long.bin"]);
    assert!(names.contains(&"extra/kv/data-00001.jsonl".to_owned()) && names.len() > 6, "{names:?}");
    let parts: Vec<_> =
        tree.files.iter().filter(|(path, _)| path.starts_with(b"redis/db_0/strings-")).collect();
    let mut found = Vec::new();
    for (path, content) in parts {
        let lines: Vec<_> = content.strip_suffix(b"\n").unwrap().split(|&byte| byte == b'\n').collect();
        assert!(content.len() <= 1 << 10 || lines.len() == 1, "{}: {}", path.escape_ascii(), content.len());
        found.extend(lines.into_iter().map(|line| serde_json::from_slice::<Value>(line).unwrap()));
    }
    assert_eq!(found.len(), 43);
    assert_eq!(found[0], serde_json::json!({"key": "fits", "value": "x".repeat(256 << 10)}));
    assert_eq!(found[1], serde_json::json!({"key": "key:00", "value": "value 0"}));
    assert_eq!(found[42], serde_json::json!({"key": {"base64": "__4"}, "value": {"base64": "_wA"}}));
    work.run(["verify", "dump"]).exits(0);
    for (name, value) in [
        ("redis/long", vec![b'x'; (256 << 10) + 1]),
        ("redis/key:07", b"value 7".to_vec()),
        ("kv/bare", b"value".to_vec()),
    ] {
        let run = work.command(["get", "dump", name]).output().unwrap();
        assert!(
            run.status.success() && run.stdout == value,
            "{name}: {}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
    work.run(["get", "dump", "redis/key:99"]).exits(1);
}

#[test]
fn a_dry_run_counts_what_a_run_writes() {
    let work = keys();
    let dry = work.run(
        [&["decode", "snapshot.fsm", "--dry-run", "--json", "--part-size", "1KiB"][..], &LINES].concat(),
    );
    let dry = dry.exits(0).json();
    let tree = work.dump();
    assert_eq!(dry["files"], tree.files.len() as u64 - 1);
}

#[test]
fn options_that_exclude_one_another_are_refused() {
    let work = keys();
    let run = work.run([&["decode", "snapshot.fsm", "-o", "other", "--no-extra"][..], &LINES].concat());
    assert!(run.exits(2).err.contains("--no-extra"), "{}", run.err);
    // An answer to the one option does not count for the other.
    let items = ["--dynamodb-layout", "per-item"];
    work.run([&["decode", "snapshot.fsm", "-o", "other"][..], &LINES, &items].concat()).exits(0);
    let manifest: Value =
        serde_json::from_slice(&fs::read(work.path("other/MANIFEST.json")).unwrap()).unwrap();
    assert_eq!(
        (&manifest["dynamodb_layout"], &manifest["options"]["layout"]),
        (&"per-item".into(), &"jsonl".into())
    );
    work.decode(&["-q", "--force"]).exits(0);
    let run = work.run(["diff", "dump", "other"]);
    assert!(run.exits(2).err.contains("--layout"), "{}", run.err);
}

#[test]
fn names_contents_and_rows_are_those_of_files() {
    for capture in ["redis", "s3", "shop", "rawkv", "fs"] {
        let work = both(capture);
        let list = |dump: &str| {
            let run = work.run(["list", dump]);
            assert!(matches!(run.code, Some(0 | 1)), "{capture} {dump}: {run:?}");
            run.out.lines().map(str::to_owned).collect::<BTreeSet<_>>()
        };
        let names = list("items");
        assert_eq!(list("lines"), names, "{capture}");
        // One of each type at least, since names of a type come together.
        for name in names.iter().step_by(1 + names.len() / 8).filter(|name| !name.starts_with("dynamodb/")) {
            let get = |dump: &str| {
                let run = work.command(["get", dump, name]).output().unwrap();
                (run.status.code(), run.stdout)
            };
            assert_eq!(get("lines"), get("items"), "{capture} {name}");
        }
        let encode = |dump: &str| {
            let target = format!("{dump}.fsm");
            let run = work.run(["encode", dump, "-q", "-o", &target]);
            (run.code, fs::read(work.path(target)).ok())
        };
        assert!(encode("lines") == encode("items"), "{capture}: rows differ");
    }
}

#[test]
fn items_are_those_of_the_option_for_items() {
    let work = both("dynamodb");
    let run = decode(&work, "dynamodb", "bundles", &["-q", "--dynamodb-bundle-mode", "jsonl"]);
    run.exits(0);
    let items = |dump: &str| {
        let mut tree = Tree::read(&work.path(dump)).unwrap();
        tree.files.retain(|path, _| path.starts_with(b"dynamodb/"));
        tree.files
    };
    assert!(items("lines") == items("bundles") && items("lines").len() > 2);
}

#[test]
fn what_differs_is_told_as_of_files() {
    let hash = |value: &str| {
        let fields = |name: &[u8]| [b"!hs|fld|\0\0\0\x01h\0\0\0\0\0\0\0\0".as_slice(), name].concat();
        Snapshot::new()
            .string("same", "1")
            .string("changed", value)
            .string(format!("only {value}"), "1")
            .put("bare", value)
            .put(fields(b"f"), value)
    };
    let work = Work::with(&hash("one").live());
    work.write("other.fsm", &hash("two").live());
    for (snapshot, dump) in [("snapshot.fsm", "one"), ("other.fsm", "two")] {
        work.run([&["decode", snapshot, "-o", dump][..], &LINES].concat());
    }
    let of_files = work.run(["diff", "snapshot.fsm", "other.fsm"]);
    let signs = |text: &str| {
        text.lines().filter(|line| !line.starts_with(' ')).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    for sides in [["one", "two"], ["snapshot.fsm", "two"], ["one", "other.fsm"]] {
        let run = work.run([&["diff"][..], &sides].concat());
        assert_eq!(signs(&run.exits(1).out), signs(&of_files.out), "{sides:?}");
    }
}

#[test]
fn shares_make_the_same_lines() {
    for (capture, size) in [("redis", "2KiB"), ("s3", "1KiB"), ("shop", "64MiB"), ("rawkv", "512")] {
        let work = Work::new();
        let options = [&LINES[..], &["--part-size", size]].concat();
        decode(&work, capture, "whole", &options);
        let mut merge = vec!["merge".to_owned(), "-q".into(), "-o".into(), "merged".into()];
        for index in 0..3 {
            let (target, shard) = (format!("share-{index}"), format!("{index}/3"));
            decode(&work, capture, &target, &[&options[..], &["--shard", &shard]].concat());
            merge.push(target);
        }
        let run = work.run(&merge);
        assert!(matches!(run.code, Some(0 | 1)), "{capture}: {run:?}");
        let [whole, merged] = ["whole", "merged"].map(|dump| Tree::read(&work.path(dump)).unwrap());
        assert!(whole.files.keys().eq(merged.files.keys()), "{capture}: other files");
        assert!(whole == merged, "{capture}: other lines");
    }
}

/// The second part of the strings of [`keys`].
const PART: &str = "dump/redis/db_0/strings-00002.jsonl";

/// Damages a dump, of which it is given the text of that part.
type Damage = fn(&Work, &str);

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| format!("{line}\n")).collect()
}

#[test]
fn damaged_lines_are_named() {
    let damages: [(&str, Damage); 12] = [
        ("unsorted_lines", |work, text| {
            let mut lines = lines(text);
            lines.swap(0, 1);
            work.write(PART, lines.concat().as_bytes());
        }),
        ("unsorted_lines", |work, text| work.write(PART, [text, &lines(text)[0]].concat().as_bytes())),
        ("unsorted_lines", |work, text| {
            let second = fs::read(work.path("dump/redis/db_0/strings-00003.jsonl")).unwrap();
            work.write(PART, &second);
            work.write("dump/redis/db_0/strings-00003.jsonl", text.as_bytes());
        }),
        ("bad_line", |work, text| work.write(PART, text.replacen("\"value\"", "\"other\"", 1).as_bytes())),
        ("bad_line", |work, text| work.write(PART, &text.as_bytes()[..text.len() - 4])),
        ("bad_line", |work, text| work.write(PART, [text, "\n"].concat().as_bytes())),
        ("bad_line", |work, text| {
            work.write(
                PART,
                text.replacen("\"value\":\"", "\"value\":[\"", 1).replacen("\"}", "\"]}", 1).as_bytes(),
            );
        }),
        ("bad_line", |work, text| {
            work.write(
                PART,
                text.replacen("\"key\":\"", "\"key\":{\"base64\":\"=", 1)
                    .replacen("\",", "\"},", 1)
                    .as_bytes(),
            );
        }),
        ("bad_line", |work, _| work.write(PART, b"")),
        ("missing_part", |work, _| fs::remove_file(work.path(PART)).unwrap()),
        ("duplicate_object", |work, _| work.write("dump/redis/db_0/strings/key%3A07.bin", b"another")),
        ("bad_name", |work, text| work.write("dump/extra/kv/data-2.jsonl", text.as_bytes())),
    ];
    for (number, (finding, damage)) in damages.into_iter().enumerate() {
        let work = keys();
        let text = fs::read_to_string(work.path(PART)).unwrap();
        damage(&work, &text);
        let unsealed = work.run(["verify", "dump"]);
        unsealed.exits(1);
        reseal(&work);
        let run = work.run(["verify", "dump"]);
        assert!(run.exits(1).err.contains(&format!("{finding}: ")), "{number} {finding}: {}", run.err);
        // Nothing is made of it in silence; names are listed as they stand there.
        let run = work.run(["encode", "dump", "-o", "out.fsm"]);
        assert!(matches!(run.code, Some(1 | 3)), "{number} {finding}: {run:?}");
        let run = work.run(["list", "dump"]);
        assert!(matches!(run.code, Some(0 | 1 | 3)), "{number} {finding}: {run:?}");
    }
}

#[test]
fn no_byte_of_a_part_can_be_changed_in_silence() {
    let work = Work::with(&Snapshot::new().string("a", [0xff]).string("b", "text").put("c", "kv").live());
    work.decode(&LINES).exits(0);
    let path = "dump/redis/db_0/strings-00001.jsonl";
    let text = fs::read(work.path(path)).unwrap();
    for at in 0..text.len() {
        for byte in [b'x', b'"', 0xff] {
            let mut changed = text.clone();
            if std::mem::replace(&mut changed[at], byte) == byte {
                continue;
            }
            work.write(path, &changed);
            reseal(&work);
            let verified = work.run(["verify", "dump"]);
            let encoded = work.run(["encode", "dump", "-q", "--force", "-o", "out.fsm"]);
            assert!(matches!(verified.code, Some(0 | 1)), "{at} {byte}: {verified:?}");
            assert!(matches!(encoded.code, Some(0 | 1 | 3)), "{at} {byte}: {encoded:?}");
            // What is sound has other names or values, or an unknown member, and all of it is read.
            if verified.code == Some(0) {
                assert_eq!(encoded.code, Some(0), "{at} {byte}: {}", String::from_utf8_lossy(&changed));
            } else {
                assert_ne!(encoded.code, Some(0), "{at} {byte}: {}", verified.err);
            }
        }
    }
}

#[test]
fn the_reference_encoder_is_not_offered_lines() {
    let work = keys();
    work.run(["verify", "dump", "--restorable"]).exits(0);
    let run = work.run(["verify", "dump", "--restorable", "--for", "reference"]);
    assert!(run.exits(1).err.contains("the layout is jsonl"), "{}", run.err);
}
