//! Commands that ask a snapshot, beside `inspect` of what they read.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::stage::{self, Snapshot, Stage};

/// `list` and `du` beside `inspect`, `diff` of two snapshots of which a hundredth of the values differ beside `inspect` of both.
pub fn measure(stage: &mut Stage, count: usize) {
    if !["list ", "du of", "diff of"].iter().any(|words| stage.wants(words)) {
        return;
    }
    let count = count.to_string();
    let shapes = [
        ("Redis strings", ["--redis-strings", &count, "--frame", "none"], "!redis|str|"),
        ("DynamoDB items", ["--dynamodb-items", &count, "--dynamodb-tables=1", "--frame=none"], "!ddb|item|"),
    ];
    for (name, shape, prefix) in shapes {
        let old = stage.snapshot("old", &shape);
        let new = Snapshot { path: format!("{}.new", old.path), bytes: old.bytes };
        fs::write(&new.path, changed(&old.path, prefix)).expect("files can be written");
        let inspect = |path: &str| stage::run(&["inspect", path, "--json"]);
        for options in [&[][..], &["--long"], &["--json"], &["--sort=size"]] {
            stage.measure(
                &format!("list {} of {count} {name} / inspect", options.concat()),
                old.bytes,
                |_| stage::run(&[&["list", &old.path, "--quiet"], options].concat()),
                |_| {
                    inspect(&old.path);
                },
            );
        }
        stage.measure(
            &format!("du of {count} {name} / inspect"),
            old.bytes,
            |_| stage::run(&["du", &old.path, "--json"]),
            |_| {
                inspect(&old.path);
            },
        );
        stage.measure(
            &format!("diff of {count} {name}, 1 % changed / inspect of both"),
            2 * old.bytes,
            |_| ends(&["diff", &old.path, &new.path, "--json"], 1),
            |_| {
                inspect(&old.path);
                inspect(&new.path);
            },
        );
    }
}

/// `get` of one object beside `inspect`: its rows are read behind the first pass, and none of the others.
pub fn get(stage: &mut Stage, count: usize, bodies: usize) {
    if !stage.wants("get of one") {
        return;
    }
    let (many, few, bodies) = (count.to_string(), (count / 20).to_string(), bodies.to_string());
    for (name, shape, pattern) in [
        ("Redis strings", &["--redis-strings", &many][..], "redis/*"),
        ("Redis hashes", &["--redis-hashes", &few], "redis/*"),
        ("DynamoDB items", &["--dynamodb-items", &many, "--dynamodb-tables=1"], "dynamodb/*/**"),
        ("S3 objects of 1 MiB", &["--s3-objects", &bodies, "--s3-object-size", "1MiB"], "s3/*/**"),
    ] {
        let snapshot = stage.snapshot("asked", shape);
        let listed = Command::new(env!("CARGO_BIN_EXE_ekv-backup"))
            .args(["list", "-q", "--limit", "1", &snapshot.path, pattern])
            .output()
            .expect("the binary can be run");
        let object = String::from_utf8(listed.stdout).expect("names are text");
        let object = object.trim_end();
        assert!(object.contains('/'), "{name}: there is an object");
        stage.measure(
            &format!("get of one of {name} / inspect"),
            snapshot.bytes,
            |_| stage::run(&["get", "-q", &snapshot.path, object]),
            |_| {
                stage::run(&["inspect", &snapshot.path, "--json"]);
            },
        );
        let missing = format!("{object}-missing");
        stage.measure(
            &format!("get of one that is not there, {name} / inspect"),
            snapshot.bytes,
            |_| ends(&["get", "-q", &snapshot.path, &missing], 1),
            |_| {
                stage::run(&["inspect", &snapshot.path, "--json"]);
            },
        );
    }
}

/// Returns a snapshot without checksum in which one byte of each hundredth value is another.
fn changed(path: &str, prefix: &str) -> Vec<u8> {
    let mut bytes = fs::read(path).expect("files can be read");
    let keys: Vec<usize> = memchr::memmem::find_iter(&bytes, prefix.as_bytes()).collect();
    // A row ends before the lengths of the next one.
    for at in keys.windows(2).step_by(100).map(|pair| pair[1] - 40) {
        bytes[at] ^= 1;
    }
    bytes
}

/// Times a run of the binary that ends with this code.
fn ends(arguments: &[&str], code: i32) -> Duration {
    let start = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_ekv-backup"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the binary can be run");
    assert_eq!(status.code(), Some(code), "{arguments:?}");
    start.elapsed()
}
