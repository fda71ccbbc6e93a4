//! `verify --restorable`: what encoders would refuse of a dump, leave out or warn of.

use std::fs;

use serde_json::{Value, json};

use crate::dump::{Tree, checksum_line};
use crate::tool::{Work, testdata};

/// Decodes the capture `name` with more arguments.
fn dump(work: &Work, name: &str, more: &[&str]) {
    let directory = testdata("live").join(name);
    let entries = fs::read_dir(directory).expect("testdata/live can be listed");
    let mut paths = entries.map(|entry| entry.expect("testdata/live can be listed").path());
    let snapshot = paths.find(|path| path.to_string_lossy().contains(".fsm")).expect("there is a snapshot");
    let snapshot = snapshot.to_str().expect("a path of ours is UTF-8");
    work.run([&["decode", snapshot, "-o", "dump"], more].concat()).exits(0);
}

/// Tries the dump; returns what is said of it.
fn tried(work: &Work, encoder: &str, exit: i32) -> Value {
    let run = work.run(["verify", "--restorable", "--for", encoder, "--json", "dump"]);
    run.exits(exit).json()["restorable"].clone()
}

#[test]
fn a_dump_that_both_take_can_be_restored() {
    let work = Work::new();
    dump(&work, "shop", &[]);
    for encoder in ["ekv-backup", "reference"] {
        let found = tried(&work, encoder, 0);
        assert_eq!(
            (&found["restorable"], &found["problems"]),
            (&json!(true), &json!(0)),
            "{encoder}: {found}"
        );
        assert_eq!(found["encoder"], encoder);
    }
}

#[test]
fn what_the_reference_refuses_is_said() {
    for (name, more, said) in [
        ("dynamodb", &[][..], "dynamodb/..: the directory of a table of this name is not called so"),
        ("shop", &["--dynamodb-layout", "jsonl"], "MANIFEST.json: the DynamoDB layout is jsonl"),
        (
            "sqs",
            &["--include-sqs-side-records"],
            "MANIFEST.json: it was made with --include-sqs-side-records",
        ),
    ] {
        let work = Work::new();
        dump(&work, name, more);
        assert_eq!(tried(&work, "ekv-backup", 0)["restorable"], true, "{name}");
        let found = tried(&work, "reference", 1);
        assert_eq!(found["restorable"], false, "{name}");
        let refusals = found["refusals"].as_array().expect("a list");
        assert!(refusals.iter().any(|refusal| refusal == said), "{name}: {refusals:?}");
    }
}

#[test]
fn objects_that_cannot_be_read_back_are_left_out_or_refuse_the_dump() {
    let work = Work::new();
    dump(&work, "shop", &[]);
    for (path, text, exit, refused, problems) in [
        // A member stands there twice: one row for two.
        (
            "redis/db_0/sets/x.json",
            "{\"format_version\":1,\"members\":[\"a\",\"a\"],\"expire_at_ms\":null}",
            1,
            1,
            0,
        ),
        ("redis/db_0/sets/x.json", "{\"format_version\":1,\"member\":[],\"expire_at_ms\":null}", 1, 0, 1),
        (
            "redis/db_0/sets/x.json",
            "{\"format_version\":1,\"members\":[\"a\"],\"expire_at_ms\":null}",
            0,
            0,
            0,
        ),
        ("redis/db_0/lists/x.json", "{\"format_version\":1,\"items\":[1]}", 1, 0, 1),
        ("redis/db_0/streams/x.jsonl", "{\"id\":\"1-1\",\"fields\":[]}\n", 1, 0, 1),
        ("redis/db_1/strings/x.bin", "x", 1, 1, 0),
        ("s3/bucket/lonely", "x", 1, 0, 1),
    ] {
        let file = work.path("dump").join(path);
        fs::create_dir_all(file.parent().expect("it has a directory")).expect("a directory can be made");
        fs::write(&file, text).expect("a file can be written");
        let files = Tree::read(&work.path("dump")).expect("the dump can be read").files.into_iter();
        let listed = files.filter(|(path, _)| path != b"CHECKSUMS");
        let rows: Vec<_> = listed.map(|(path, text)| checksum_line(&path, &text)).collect();
        fs::write(work.path("dump/CHECKSUMS"), rows.concat()).expect("it can be written");
        let found = tried(&work, "ekv-backup", exit);
        let counts = (&found["refused"], &found["problems"]);
        assert_eq!(counts, (&json!(refused), &json!(problems)), "{path} {text}: {found}");
        fs::remove_file(&file).expect("it is there");
        // Down to the directories that other files are in.
        let mut above = file.ancestors().skip(1);
        while above.next().is_some_and(|directory| fs::remove_dir(directory).is_ok()) {}
    }
}

#[test]
fn standard_input_cannot_be_read_twice() {
    let work = Work::new();
    let run = work.run(["verify", "--restorable", "-"]);
    assert!(run.exits(2).err.contains("standard input"), "{}", run.err);
}
