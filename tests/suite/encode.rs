//! Dumps become snapshots that nodes restore.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::dump::Tree;
use crate::tool::{Run, Work, testdata};

/// Rows by encoded key.
pub(crate) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Splits a payload; keys have to ascend.
pub(crate) fn rows(payload: &[u8]) -> (u64, Rows) {
    let mut rest = payload.strip_prefix(b"EKVPBBL1").expect("the magic");
    let number = |rest: &mut &[u8]| {
        let (head, tail) = rest.split_first_chunk::<8>().expect("a number");
        *rest = tail;
        u64::from_le_bytes(*head)
    };
    let commit_ts = number(&mut rest);
    let (mut rows, mut last) = (Rows::new(), Vec::new());
    while !rest.is_empty() {
        let mut part = || {
            let length = number(&mut rest) as usize;
            let (head, tail) = rest.split_at(length);
            rest = tail;
            head.to_vec()
        };
        let (key, value) = (part(), part());
        assert!(last < key, "keys ascend");
        last.clone_from(&key);
        rows.insert(key, value);
    }
    (commit_ts, rows)
}

/// Returns the snapshot of a capture.
fn capture(name: &str) -> PathBuf {
    let entries = fs::read_dir(testdata("live").join(name)).expect("testdata/live can be listed");
    let mut paths = entries.map(|entry| entry.expect("testdata/live can be listed").path());
    paths.find(|path| path.to_string_lossy().contains(".fsm")).expect("there is a snapshot")
}

/// Returns what the reference encoder makes of the dump of a capture.
fn reference(name: &str) -> Vec<u8> {
    let file = fs::File::open(testdata("encoded").join(format!("{name}.fsm.gz"))).expect("a payload");
    let mut payload = Vec::new();
    GzDecoder::new(file).read_to_end(&mut payload).expect("a payload");
    payload
}

/// Shows the first differences of two sets of rows.
fn differences(found: &Rows, wanted: &Rows) -> Vec<String> {
    let shown =
        |bytes: Option<&Vec<u8>>| bytes.map_or("-".to_owned(), |bytes| bytes.escape_ascii().to_string());
    let keys = found.keys().chain(wanted.keys()).collect::<BTreeSet<_>>();
    keys.into_iter()
        .filter(|key| found.get(*key) != wanted.get(*key))
        .map(|key| {
            format!("{}\n  {}\n  {}", key.escape_ascii(), shown(found.get(key)), shown(wanted.get(key)))
        })
        .take(5)
        .collect()
}

/// Decodes a capture into a dump of this name.
pub(crate) fn decode(work: &Work, name: &str, target: &str, more: &[&str]) {
    let directory = testdata("live").join(name);
    let snapshot = if directory.join("n1").exists() { directory.join("n1") } else { capture(name) };
    let mut arguments =
        vec![OsStr::new("decode"), snapshot.as_os_str(), OsStr::new("-o"), OsStr::new(target)];
    let kek = directory.join("kek.bin");
    if kek.exists() {
        arguments.extend([OsStr::new("--kek-file"), kek.as_os_str()]);
    }
    arguments.extend(more.iter().map(OsStr::new));
    let run = work.run(arguments);
    assert!(matches!(run.code, Some(0 | 1)), "{name}: {run:?}");
}

/// Reads the files of services in a dump.
pub(crate) fn files(work: &Work, name: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut files = Tree::read(&work.path(name)).expect("the dump can be read").files;
    let own: [&[u8]; 3] = [b"MANIFEST.json", b"CHECKSUMS", b"PROBLEMS.jsonl"];
    files.retain(|path, _| !own.contains(&path.as_slice()));
    files
}

#[test]
fn reference_rows_are_those_of_the_reference_encoder() {
    // Tables and keys that it refuses are not in its files.
    for (name, refused) in
        [("redis", 0), ("shop", 0), ("sqs", 0), ("sqs-partitioned", 0), ("dynamodb", 6), ("s3", 32)]
    {
        let work = Work::new();
        decode(&work, name, "dump", &["--rename-collisions"]);
        work.run(["encode", "dump", "-o", "snap.fsm", "--reference-rows", "-q"]).exits(0);
        let (wanted, found) = (reference(name), fs::read(work.path("snap.fsm")).unwrap());
        assert_eq!(found.get(..16), wanted.get(..16), "{name}");
        let (wanted_rows, mut found_rows) = (rows(&wanted).1, rows(&found).1);
        let before = found_rows.len();
        if refused > 0 {
            found_rows.retain(|key, _| wanted_rows.contains_key(key));
        } else {
            assert!(found == wanted, "{name}: {:?}", differences(&found_rows, &wanted_rows));
        }
        assert_eq!(differences(&found_rows, &wanted_rows), Vec::<String>::new(), "{name}");
        assert_eq!(before - found_rows.len(), refused, "{name}");
    }
}

/// Captures that take long: with `EKV_ALL_RESTORED` they are tried too.
const LONG: [&str; 6] = ["cluster", "dynamodb", "fs", "s3-multipart", "s3-offload", "txn"];

#[test]
fn a_capture_comes_back_as_it_was() {
    for entry in fs::read_dir(testdata("live")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let long = LONG.contains(&&*name) && std::env::var_os("EKV_ALL_RESTORED").is_none();
        if !entry.path().is_dir() || long {
            continue;
        }
        let work = Work::new();
        decode(&work, &name, "dump", &["--rename-collisions", "--preserve-sqs-visibility"]);
        work.run(["encode", "dump", "-o", "snap.fsm", "-q"]).exits(0);
        let again =
            ["decode", "snap.fsm", "-o", "again", "--rename-collisions", "--preserve-sqs-visibility", "-q"];
        work.run(again).exits(0);
        let (before, after) = (files(&work, "dump"), files(&work, "again"));
        let changed: Vec<_> = before
            .keys()
            .chain(after.keys())
            .filter(|path| before.get(*path) != after.get(*path))
            .map(|path| path.escape_ascii().to_string())
            .collect();
        assert_eq!(changed, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn archives_and_bundles_are_encoded_like_trees() {
    let work = Work::new();
    decode(&work, "shop", "dump", &[]);
    decode(&work, "shop", "dump.tar", &[]);
    decode(&work, "shop", "dump.tar.zst", &[]);
    decode(&work, "shop", "bundles", &["--dynamodb-layout", "jsonl"]);
    let encode = |dump: &str| {
        work.run(["encode", dump, "-o", "snap.fsm", "--force", "-q"]).exits(0);
        fs::read(work.path("snap.fsm")).unwrap()
    };
    let tree = encode("dump");
    for other in ["dump.tar", "dump.tar.zst", "bundles"] {
        assert!(encode(other) == tree, "{other}");
    }
}

/// Encodes what comes through a pipe.
fn from_stdin(work: &Work, output: &str, input: &[u8]) -> Run {
    let mut command = work.command(["encode", "-", "-o", output, "--force", "-q"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Who has seen enough does not read the rest.
    let _ = child.stdin.take().unwrap().write_all(input);
    Run::of(&child.wait_with_output().unwrap())
}

#[test]
fn an_archive_comes_in_on_standard_input() {
    let work = Work::new();
    decode(&work, "shop", "dump.tar", &[]);
    decode(&work, "shop", "dump.tar.zst", &[]);
    work.run(["encode", "dump.tar", "-o", "plain.fsm", "-q"]).exits(0);
    let wanted = fs::read(work.path("plain.fsm")).unwrap();
    for name in ["dump.tar", "dump.tar.zst"] {
        let archive = fs::read(work.path(name)).unwrap();
        from_stdin(&work, "snap.fsm", &archive).exits(0);
        assert!(fs::read(work.path("snap.fsm")).unwrap() == wanted, "{name}");
        let info = fs::read_to_string(work.path("snap.fsm.encode_info.json")).unwrap();
        assert!(info.contains("\"input_root\": \"-\"") && info.contains("\"matched\": true"), "{info}");
        // Half of one, and what is none.
        for bad in [&archive[..archive.len() / 2], b"EKVPBBL1\0\0\0\0\0\0\0\0", b""] {
            from_stdin(&work, "bad.fsm", bad).exits(3);
            assert!(!work.path("bad.fsm").exists());
        }
    }
}

#[test]
fn each_file_is_proved_whoever_reads_it() {
    // A body that is copied, one that is not selected, a document, a file of no object.
    for path in ["s3/invoices/2026/11/user-1.txt", "redis/db_0/strings/session%3A0001.bin", "PROBLEMS.jsonl"]
    {
        for archive in [false, true] {
            let work = Work::new();
            decode(&work, "shop", "dump", &[]);
            if path == "PROBLEMS.jsonl" {
                work.write("dump/PROBLEMS.jsonl", b"");
                let checksums = fs::read_to_string(work.path("dump/CHECKSUMS")).unwrap();
                let wrong = format!("{:064x}  PROBLEMS.jsonl", 1);
                let mut lines: Vec<_> = checksums.lines().chain([&*wrong]).collect();
                lines.sort_by_key(|line| line.split_once("  ").unwrap().1);
                work.write("dump/CHECKSUMS", (lines.join("\n") + "\n").as_bytes());
            } else {
                let file = work.path("dump").join(path);
                let mut bytes = fs::read(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
                bytes[0] ^= 1;
                fs::write(file, bytes).unwrap();
            }
            let mut input = "dump";
            if archive {
                let tar = ["-c", "-f", "dump.tar", "-C", "dump", "."];
                assert!(work.command_of("tar".as_ref(), tar).status().unwrap().success());
                input = "dump.tar";
            }
            for more in [&[][..], &["--only", "dynamodb/**"], &["--no-self-test"]] {
                let run = work.run([&["encode", input, "-o", "snap.fsm"], more].concat());
                run.exits(3);
                assert!(
                    run.err.contains(path) && run.err.contains("CHECKSUMS"),
                    "{path} {archive}: {}",
                    run.err
                );
                assert!(!work.path("snap.fsm").exists());
            }
        }
    }
}

#[test]
fn the_sidecar_tells_of_the_file() {
    let work = Work::new();
    decode(&work, "rawkv", "dump", &["--cluster-id", "c<1"]);
    let run = work.run(["encode", "dump", "-o", "snap.fsm", "--json", "-q"]);
    let summary = run.exits(0).json();
    let payload = fs::read(work.path("snap.fsm")).unwrap();
    let sha256 = hex::encode(Sha256::digest(&payload));
    let commit_ts = rows(&payload).0;
    assert_eq!(
        (&summary["sha256"], &summary["rows"]),
        (&sha256.clone().into(), &rows(&payload).1.len().into())
    );
    let info = fs::read_to_string(work.path("snap.fsm.encode_info.json")).unwrap();
    let wanted = format!(
        "{{\n  \"format_version\": 1,\n  \"encoder_version\": \"ekv-backup {}\",\n  \"encoder_key_format_version\": 1,\n  \
         \"wall_time_iso\": \"2024-04-29T14:13:20Z\",\n  \"input_root\": \"dump\",\n  \"output_fsm_path\": \
         \"snap.fsm\",\n  \"output_fsm_sha256\": \"{sha256}\",\n  \"last_commit_ts\": {commit_ts},\n  \
         \"last_commit_ts_overridden\": false,\n  \"manifest_last_commit_ts\": {commit_ts},\n  \
         \"manifest_cluster_id\": \"c<1\",\n  \"adapters_enabled\": [\n    \"redis\",\n    \"dynamodb\",\n    \"s3\",\n    \
         \"sqs\"\n  ],\n  \"self_test\": {{\n    \"ran\": true,\n    \"matched\": true\n  }}\n}}\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(info, wanted);
    for name in ["snap.fsm", "snap.fsm.encode_info.json"] {
        assert_eq!(fs::metadata(work.path(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    work.run(["encode", "dump", "-o", "other.fsm", "--no-self-test", "-q"]).exits(0);
    let info = fs::read_to_string(work.path("other.fsm.encode_info.json")).unwrap();
    assert!(info.contains("\"ran\": false,\n    \"matched\": false"), "{info}");
    assert!(fs::read(work.path("other.fsm")).unwrap() == payload, "the same bytes whenever it is made");
}

#[test]
fn the_clock_may_only_rise() {
    let work = Work::new();
    decode(&work, "rawkv", "dump", &[]);
    work.run(["encode", "dump", "-o", "snap.fsm", "-q"]).exits(0);
    let own = rows(&fs::read(work.path("snap.fsm")).unwrap()).0;
    for (given, code) in [
        (format!("{}", own - 1), 2),
        ("0".to_owned(), 2),
        ("0xffffffffffff0001".to_owned(), 2),
        ("yesterday".to_owned(), 2),
        (format!("{own}"), 0),
        (format!("{:#x}", own + 1), 0),
    ] {
        let run =
            work.run(["encode", "dump", "-o", "later.fsm", "--force", "-q", "--last-commit-ts", &given]);
        assert_eq!(run.code, Some(code), "{given}: {}", run.err);
    }
    assert_eq!(rows(&fs::read(work.path("later.fsm")).unwrap()).0, own + 1);
    let info = fs::read_to_string(work.path("later.fsm.encode_info.json")).unwrap();
    assert!(info.contains("\"last_commit_ts_overridden\": true"), "{info}");
}

#[test]
fn nothing_is_replaced_unless_asked_for_and_nothing_is_left_behind() {
    let work = Work::new();
    decode(&work, "rawkv", "dump", &[]);
    for there in ["snap.fsm", "snap.fsm.encode_info.json"] {
        work.write(there, b"mine");
        let run = work.run(["encode", "dump", "-o", "snap.fsm"]);
        assert!(run.exits(2).err.contains("only --force replaces it"), "{}", run.err);
        assert_eq!(work.names(), ["dump", there]);
        work.run(["encode", "dump", "-o", "snap.fsm", "--force", "-q"]).exits(0);
        assert_eq!(work.names(), ["dump", "snap.fsm", "snap.fsm.encode_info.json"]);
        for made in ["snap.fsm", "snap.fsm.encode_info.json"] {
            fs::remove_file(work.path(made)).unwrap();
        }
    }
    for input in ["nowhere", "."] {
        let run = work.run(["encode", input, "-o", "snap.fsm"]);
        assert!(matches!(run.code, Some(3 | 4)), "{run:?}");
    }
    work.run(["encode", "dump", "-o", "nowhere/snap.fsm"]).exits(4);
    assert_eq!(work.names(), ["dump"]);
}

#[test]
fn a_dump_that_was_edited_is_refused_and_taken_as_it_is_on_request() {
    let work = Work::new();
    decode(&work, "shop", "dump", &[]);
    let strings = "dump/redis/db_0/strings";
    let own = fs::read_dir(work.path(strings)).unwrap().next().unwrap().unwrap().path();
    fs::write(&own, b"edited").unwrap();
    fs::remove_file(work.path("dump/CHECKSUMS")).unwrap();
    work.write(format!("{strings}/new%20key.bin"), b"new");
    let run = work.run(["encode", "dump", "-o", "snap.fsm"]);
    assert!(run.exits(3).err.contains("verify finds"), "{}", run.err);
    assert_eq!(work.names(), ["dump"]);
    let run = work.run(["encode", "dump", "-o", "snap.fsm", "--no-verify"]);
    assert!(run.exits(0).err.contains("warning: encode_unverified"), "{}", run.err);
    let rows = rows(&fs::read(work.path("snap.fsm")).unwrap()).1;
    let body = |key: &[u8]| {
        let (_, value) =
            rows.iter().find(|(encoded, _)| encoded.len() == key.len() + 8 && encoded.starts_with(key))?;
        value.get(9 + 3..)
    };
    assert_eq!(body(b"!redis|str|new key"), Some(&b"new"[..]));
    std::os::unix::fs::symlink("x", work.path("dump/redis/link")).unwrap();
    work.run(["encode", "dump", "-o", "other.fsm", "--no-verify"]).exits(3);
}

#[test]
fn a_part_of_a_dump_is_encoded() {
    let work = Work::new();
    decode(&work, "shop", "dump", &[]);
    let families = |more: &[&str]| {
        work.run([&["encode", "dump", "-o", "snap.fsm", "--force", "-q"], more].concat()).exits(0);
        let rows = rows(&fs::read(work.path("snap.fsm")).unwrap()).1;
        let family = |key: &Vec<u8>| String::from_utf8_lossy(&key[..4]).into_owned();
        rows.keys().map(family).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(families(&["--adapter", "sqs"]), "!sqs");
    assert_eq!(families(&["--scope", "sqs=orders"]), "!sqs");
    assert_eq!(families(&["--only", "redis/**"]), "!hs| !lst !red !str !st| !zs|");
    assert_eq!(families(&["--exclude", "redis/**", "--adapter", "redis,s3"]), "!s3|");
    let run = work.run(["encode", "dump", "-o", "none.fsm", "--scope", "sqs=order"]);
    assert!(run.exits(2).err.contains("orders"), "{}", run.err);
    work.run(["encode", "dump", "-o", "none.fsm", "--only", "redis/none"]).exits(2);
}

#[test]
fn what_is_of_no_service_goes_with_all_of_them() {
    let work = Work::new();
    decode(&work, "rawkv", "dump", &[]);
    let kv = |more: &[&str]| {
        let run = work.run([&["encode", "dump", "-o", "snap.fsm", "--force", "--json", "-q"], more].concat());
        run.exits(0).json()["objects"].get("kv").is_some()
    };
    assert!(kv(&[]) && kv(&["--adapter", "all"]));
    assert!(!kv(&["--adapter", "redis"]) && !kv(&["--no-extra"]) && !kv(&["--scope", "redis=0"]));
}

#[test]
fn a_keymap_that_names_no_file_is_refused_in_archives_too() {
    let work = Work::new();
    decode(&work, "shop", "dump", &[]);
    let keymap = br#"{"encoded":"no/such","original":"eA","kind":"collision"}"#;
    work.write("dump/s3/invoices/KEYMAP.jsonl", &[&keymap[..], b"\n"].concat());
    let digest = hex::encode(Sha256::digest([&keymap[..], b"\n"].concat()));
    let checksums = fs::read_to_string(work.path("dump/CHECKSUMS")).unwrap();
    let line = format!("{digest}  s3/invoices/KEYMAP.jsonl");
    let others = checksums.lines().filter(|line| !line.ends_with("  s3/invoices/KEYMAP.jsonl"));
    let mut lines: Vec<_> = others.chain([&*line]).collect();
    lines.sort_by_key(|line| line.split_once("  ").unwrap().1);
    work.write("dump/CHECKSUMS", (lines.join("\n") + "\n").as_bytes());
    let tar = ["-c", "-f", "dump.tar", "-C", "dump", "."];
    assert!(work.command_of("tar".as_ref(), tar).status().unwrap().success());
    for input in ["dump", "dump.tar"] {
        let run = work.run(["encode", input, "-o", "snap.fsm"]);
        run.exits(3);
        assert!(run.err.contains("invoices"), "{run:?}");
    }
}

#[test]
fn what_cannot_be_restored_is_named() {
    let work = Work::new();
    decode(&work, "shop", "dump", &[]);
    let table = fs::read_dir(work.path("dump/dynamodb")).unwrap().next().unwrap().unwrap().path();
    fs::create_dir_all(table.join("items")).unwrap();
    fs::write(table.join("items/x.json"), b"{}").unwrap();
    let run = work.run(["encode", "dump", "-o", "snap.fsm", "--no-verify"]);
    assert!(run.exits(1).err.contains("ddb_invalid_item"), "{}", run.err);
    let run = work.run(["encode", "dump", "-o", "strict.fsm", "--no-verify", "--strict"]);
    assert!(run.exits(1).err.contains("--strict was given"), "{}", run.err);
    assert_eq!(work.names(), ["dump", "snap.fsm", "snap.fsm.encode_info.json"]);
}

#[test]
fn two_objects_of_one_row_are_named() {
    let work = Work::new();
    decode(&work, "rawkv", "dump", &[]);
    fs::create_dir_all(work.path("dump/redis/db_0/strings")).unwrap();
    work.write("dump/redis/db_0/strings/a.bin", b"1");
    work.write("dump/extra/kv/%21redis%7Cstr%7Ca.bin", b"2");
    let run = work.run(["encode", "dump", "-o", "snap.fsm", "--no-verify", "-q"]);
    let wanted = "two objects have the row !redis|str|a: redis/a and kv/!redis|str|a";
    assert!(run.exits(3).err.contains(wanted), "{}", run.err);
    assert_eq!(work.names(), ["dump"]);
}

#[test]
fn messages_become_younger_by_the_age_of_the_dump() {
    let work = Work::new();
    decode(&work, "shop", "dump", &[]);
    // The runs of tests are in 2024, before the capture.
    let run = |more: &[&str]| {
        let arguments = [&["encode", "dump", "-o", "snap.fsm", "--force"], more].concat();
        let output = work.command(arguments).env("SOURCE_DATE_EPOCH", "1900000000").output().unwrap();
        Run::of(&output)
    };
    assert!(run(&[]).exits(0).err.contains("encode_sqs_retention_over queue=\"orders\" count="));
    let shifted = run(&["--sqs-shift-times"]);
    assert!(!shifted.exits(0).err.contains("encode_sqs_retention_over"), "{}", shifted.err);
}
