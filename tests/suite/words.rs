//! What the tool says: names and keys, never what is stored under them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::payloads::{capture, framed, native, parse_native};
use crate::tool::Work;

const MARKER: &[u8] = b"plain-text-of-a-value";

/// Rows of every service, as live nodes wrote them; keys encoded, values without their header.
fn rows() -> (u64, BTreeMap<Vec<u8>, Vec<u8>>) {
    let (mut newest, mut all) = (0, BTreeMap::new());
    for name in
        ["redis", "dynamodb", "s3", "s3-multipart", "s3-offload", "sqs", "sqs-partitioned", "fs", "rawkv"]
    {
        let (_, last_commit_ts, rows) = parse_native(&capture(name));
        newest = newest.max(last_commit_ts);
        all.extend(rows);
    }
    (newest, all)
}

/// Whether an adapter reads the row; what the store itself reads ends a run at the first fault.
fn is_of_a_service(key: &[u8]) -> bool {
    const SERVICES: [&[u8]; 9] =
        [b"!redis|", b"!hs|", b"!st|", b"!zs|", b"!lst|", b"!stream|", b"!ddb|", b"!s3|", b"!sqs|"];
    key.starts_with(b"!fs|") || SERVICES.iter().any(|service| key.starts_with(service))
}

/// The ways in which a value is damaged.
const WAYS: usize = 9;
/// Snapshots, each with all rows and other damage.
const ROUNDS: usize = 3;

/// Returns the damaged form of a value; `seed` tells where.
fn damaged(value: &[u8], way: usize, seed: usize) -> Vec<u8> {
    let at = seed * 7919 % (value.len() + 1);
    let (front, behind) = value.split_at(at);
    let magic = &value[..value.len().min(4)];
    // Behind a colon of JSON text, and as a length-delimited field of protobuf.
    let colons: Vec<_> = (0..value.len()).filter(|&at| value[at] == b':').collect();
    let colon = colons.get(seed % colons.len().max(1)).map_or(value.len(), |at| at + 1);
    let quoted = [b"\"", MARKER, b"\""].concat();
    let bare = value[colon..].iter().position(|byte| b",}]".contains(byte)).unwrap_or(value.len() - colon);
    match way {
        0 => MARKER.to_vec(),
        1 => [front, MARKER, behind].concat(),
        2 => [front, MARKER, behind.get(MARKER.len()..).unwrap_or_default()].concat(),
        3 => [front, MARKER].concat(),
        4 => [magic, MARKER].concat(),
        5 => [&value[..colon], &quoted, &value[colon + bare..]].concat(),
        6 => [&value[..colon], MARKER, &value[colon..]].concat(),
        7 => [magic, b"{\"", MARKER, b"\":", &quoted, b"\\"].concat(),
        _ => [magic, &[0x0a, MARKER.len() as u8], MARKER, front].concat(),
    }
}

/// The marker as it stands in text, in hex and in base64, wherever in the base64 it begins.
fn spellings() -> Vec<String> {
    let mut all = vec![String::from_utf8(MARKER.to_vec()).unwrap(), hex::encode(MARKER)];
    for shift in 0..3 {
        let bytes = [&vec![0; shift][..], MARKER].concat();
        for text in [STANDARD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            all.push(text[4..text.len() - 4].to_owned());
        }
    }
    all
}

/// Drops the one name that is shown although it stands in a value: that of a queue, where the key tells another.
fn without_names(text: &str) -> String {
    let mut parts = text.split("meta_name");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let value = part.find(['=', ':']).map_or("", |at| part[at + 1..].trim_start());
        let mut name = serde_json::Deserializer::from_str(value).into_iter::<String>();
        assert!(name.next().is_some_and(|name| name.is_ok()), "{part}");
        kept += &value[name.byte_offset()..];
    }
    kept
}

#[test]
fn no_value_is_quoted() {
    let (newest, rows) = rows();
    let spellings = spellings();
    let mut classes = BTreeMap::<String, u64>::new();
    for round in 0..ROUNDS {
        let mut seed = round * 31;
        let damaged = rows.iter().map(|(key, value)| {
            seed += 1;
            // Some rows stay sound, so that others are read at all.
            if !is_of_a_service(key) || value.len() < 9 || value[0] != 0 || seed % 4 == 0 {
                return (key.clone(), value.clone());
            }
            let (header, body) = value.split_at(9);
            (key.clone(), [header, &damaged(body, seed % WAYS, seed / WAYS)].concat())
        });
        let file = framed(b"", &native(newest, &damaged.collect::<Vec<_>>()));
        let work = Work::with(&file);
        let options =
            ["--json", "--include-orphans", "--include-incomplete-uploads", "--include-sqs-side-records"];
        let run = work.decode(&options);
        assert_eq!(run.code, Some(1), "{}", run.err);
        let tree = work.dump();
        let mut said = vec![("standard error", run.err), ("--json", run.out)];
        for name in ["MANIFEST.json", "PROBLEMS.jsonl"] {
            said.push((name, String::from_utf8(tree.files[name.as_bytes()].clone()).unwrap()));
        }
        for line in said[3].1.lines() {
            let problem: serde_json::Value = serde_json::from_str(line).unwrap();
            *classes.entry(problem["adapter"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        for (what, text) in &said {
            for line in without_names(text).lines() {
                let quoted = spellings.iter().find(|spelling| line.contains(spelling.as_str()));
                assert_eq!(quoted, None, "round {round}, {what}: {line}");
            }
        }
        // The marker is in the dump, so the rows were read.
        assert!(
            tree.files.values().any(|file| memchr::memmem::find(file, MARKER).is_some()),
            "round {round}"
        );
    }
    let services: Vec<_> = classes.keys().map(String::as_str).collect();
    assert_eq!(services, ["dynamodb", "fs", "redis", "s3", "sqs"]);
}
