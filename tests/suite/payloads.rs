//! The same rows in each payload give the same trees.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;

use proptest::prelude::*;

use crate::encrypted::{KEK, KEYS, write_kek};
use crate::fixture::{
    Bundle, DataKey, Memory, Shape, Snapshot, Stream, encoded_key, encoded_value, hlc, key_file,
};
use crate::tool::{EPOCH, Work, testdata};

/// Encoded keys and values.
pub type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads header, `last_commit_ts` and rows of a file with a native payload.
pub fn parse_native(file: &[u8]) -> (Vec<u8>, u64, Rows) {
    let at = file.windows(8).position(|window| window == b"EKVPBBL1").expect("a native payload");
    let number = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().expect("8 bytes"));
    let (header, last_commit_ts) = (file[..at].to_vec(), number(at + 8));
    let (mut rows, mut at) = (Vec::new(), at + 16);
    while at < file.len() - 4 {
        let mut field = || {
            let end = at + 8 + number(at) as usize;
            let bytes = file[at + 8..end].to_vec();
            at = end;
            bytes
        };
        rows.push((field(), field()));
    }
    (header, last_commit_ts, rows)
}

/// Puts a payload behind a header and a footer behind both.
pub fn framed(header: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut file = Stream::new(Vec::new());
    for bytes in [header, payload] {
        file.bytes(bytes).expect("memory takes every byte");
    }
    file.footer().expect("memory takes every byte");
    file.finish().expect("memory takes every byte").1
}

/// Returns an `EKVMVCC2` payload of the same versions.
fn memory(last_commit_ts: u64, rows: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut keys: BTreeMap<&[u8], BTreeMap<u64, &[u8]>> = BTreeMap::new();
    for (key, value) in rows {
        let (user, suffix) = key.split_at(key.len() - 8);
        let ts = u64::MAX - u64::from_be_bytes(suffix.try_into().expect("8 bytes"));
        keys.entry(user).or_default().insert(ts, value);
    }
    let mut memory = Memory::default();
    for (key, versions) in keys {
        for (ts, value) in versions {
            let expire_at = u64::from_le_bytes(value[1..9].try_into().expect("8 bytes"));
            memory.version(key, ts, value[0], expire_at, &value[9..]);
        }
    }
    memory.payload(1, None, last_commit_ts, 0, b"")
}

/// Returns a native payload.
pub fn native(last_commit_ts: u64, rows: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut native = Stream::new(Vec::new());
    native.native(last_commit_ts).expect("memory takes every byte");
    for (key, value) in rows {
        native.record(key, value).expect("memory takes every byte");
    }
    native.finish().expect("memory takes every byte").1
}

/// Decodes a file and returns the tree without what depends on the bytes of the input.
fn tree(file: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    tree_with(file, None)
}

/// The same of a file that is encrypted under a key.
fn tree_with(file: &[u8], key: Option<&DataKey>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let work = Work::new();
    work.write("0000000000000064.fsm", file);
    let mut arguments = vec!["decode", "0000000000000064.fsm", "-o", "dump"];
    if let Some(key) = key {
        write_kek(&work, "kek.bin", &KEK);
        work.write("keys.json", key_file(&KEK, &[*key]).as_bytes());
        arguments.extend(KEYS);
    }
    let run = work.run(arguments);
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    assert!(work.run(["verify", "dump"]).code == Some(0));
    let mut files = work.dump().files;
    for name in ["CHECKSUMS", "MANIFEST.json"] {
        assert!(files.remove(name.as_bytes()).is_some());
    }
    if let Some(problems) = files.get_mut(b"PROBLEMS.jsonl".as_slice()) {
        let text = String::from_utf8(problems.clone()).expect("JSON is UTF-8");
        *problems = text.lines().flat_map(|line| problem(line).into_bytes()).collect();
    }
    files
}

/// Leaves out where the row is, in the offset and at the end of the message.
fn problem(line: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(line).expect("a line is an object");
    let object = value.as_object_mut().expect("a line is an object");
    object.remove("offset");
    let message = object["message"].as_str().expect("a message is text");
    let message = message.split(" (in 0").next().unwrap_or_default().to_owned();
    object["message"] = message.into();
    value.to_string()
}

/// Reads the first snapshot of a directory of `testdata/live`.
pub fn capture(name: &str) -> Vec<u8> {
    let entries = fs::read_dir(testdata("live").join(name)).expect("testdata/live can be listed");
    let path = entries
        .map(|entry| entry.expect("testdata/live can be listed").path())
        .find(|path| path.to_string_lossy().contains(".fsm"))
        .expect("a directory of testdata/live holds a snapshot");
    let mut file = fs::read(&path).expect("a snapshot can be read");
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(&file[..]).read_to_end(&mut plain).expect("a gzip stream");
        file = plain;
    }
    file
}

#[test]
fn snapshots_of_live_nodes_in_tables_give_the_same_trees() {
    for name in ["dynamodb", "s3", "s3-offload", "sqs", "fs", "rawkv", "shop"] {
        let file = capture(name);
        let (header, last_commit_ts, rows) = parse_native(&file);
        let expected = tree(&file);
        let shape = Shape { block: 1000, index_block: 500, ..Shape::default() };
        let tables = Bundle::new(last_commit_ts, &rows, 500_000, &shape).payload();
        assert!(tree(&framed(&header, &tables)) == expected, "{name}");
    }
}

#[test]
fn a_problem_names_the_table_and_the_block() {
    let rows = vec![(encoded_key(b"!ddb|meta|table|dA", hlc(1, 0)), encoded_value(0, 0, b"none"))];
    let payload = Bundle::new(hlc(1, 0), &rows, 1, &Shape::default()).payload();
    let work = Work::with(&payload);
    work.decode(&[]).exits(1);
    let start = payload.len() - Bundle::new(0, &rows, 1, &Shape::default()).tables[0].bytes.len();
    let line = work.dump().files[b"PROBLEMS.jsonl".as_slice()].clone();
    let value: serde_json::Value = serde_json::from_slice(&line).expect("one object");
    assert_eq!(value["offset"], start);
    let message = value["message"].as_str().expect("a message is text");
    assert!(message.ends_with(" (in 000000.sst, byte 0 of the block)"), "{message}");
}

#[test]
fn the_first_encryption_fault_names_the_table_and_the_block() {
    let key = DataKey::storage(7);
    let row = |name: &[u8], write: u64| {
        let encoded = encoded_key(&[b"!redis|str|", name].concat(), hlc(1, 0));
        let sealed = key.seal(&encoded, &encoded_value(0, 0, b"\xff\x01\0text"), write);
        (encoded, sealed)
    };
    let mut rows: Rows =
        [&b"a"[..], b"b", b"c", b"d"].into_iter().zip(1..).map(|(n, at)| row(n, at)).collect();
    *rows[3].1.last_mut().expect("an envelope has bytes") ^= 1;
    // Two tables of two rows each.
    let target = rows[0].0.len() + rows[0].1.len() + 1;
    let bundle = Bundle::new(hlc(1, 0), &rows, target, &Shape::default());
    assert_eq!(bundle.tables.len(), 2);
    let payload = bundle.payload();
    let offsets = [1, 2].map(|from_end| {
        payload.len()
            - bundle.tables.iter().rev().take(from_end).map(|table| table.bytes.len()).sum::<usize>()
    });
    let work = Work::with(&payload);
    write_kek(&work, "kek.bin", &KEK);
    work.write("keys.json", key_file(&KEK, &[key]).as_bytes());
    let run = work.decode(&KEYS);
    run.exits(3);
    let last = run.err.lines().last().expect("there is an error");
    assert!(last.starts_with("error: snapshot.fsm: 1 rows cannot be decrypted: "), "{last}");
    // The second entry of its block: it begins behind three lengths, key, trailer, value and its prefix.
    let second = 3 + rows[2].0.len() + 8 + rows[2].1.len() + 1;
    let place = format!("(in 000001.sst, byte {second} of the block, at offset {:#x})", offsets[0]);
    assert!(last.ends_with(&place), "{last}\n{place}");
    let run = work.decode(&[]);
    run.exits(3);
    let place = format!("(the first in 000000.sst, byte 0 of the block, at offset {:#x})\n", offsets[1]);
    assert!(run.err.ends_with(&place), "{}\n{place}", run.err);
}

#[test]
fn a_bundle_from_a_pipe_or_compressed_is_like_one_from_a_file() {
    let rows: Rows = (0..2000)
        .map(|number| {
            let key = format!("!redis|str|{number:05}");
            (encoded_key(key.as_bytes(), hlc(1, 0)), encoded_value(0, 0, b"\xff\x01\0value"))
        })
        .collect();
    let payload = Bundle::new(hlc(1, 0), &rows, 20_000, &Shape::default()).payload();
    let expected = tree(&payload);
    assert!(tree(&zstd::encode_all(&payload[..], 1).expect("memory takes every byte")) == expected);
    let work = Work::new();
    let mut child = work
        .command(["decode", "-", "-o", "dump"])
        .env("SOURCE_DATE_EPOCH", EPOCH)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary can be run");
    child.stdin.take().expect("a pipe").write_all(&payload).expect("the pipe takes every byte");
    assert_eq!(child.wait().expect("a child can be waited for").code(), Some(0));
    let mut files = work.dump().files;
    files.retain(|name, _| !matches!(&name[..], b"CHECKSUMS" | b"MANIFEST.json"));
    assert!(files == expected);
}

/// One version: family and name, timestamp, tombstone, expiry, body.
type Version = (usize, Vec<u8>, u64, bool, u64, Vec<u8>);

fn version() -> impl Strategy<Value = Version> {
    let name = proptest::collection::vec(prop_oneof![Just(b'a'), Just(0), Just(0xfe), Just(0xff)], 0..12);
    let body = proptest::collection::vec(any::<u8>(), 0..40);
    let expire_at = prop_oneof![4 => Just(0), 1 => (1..9_u64).prop_map(|ms| hlc(ms, 0))];
    (0..PREFIXES.len(), name, 1..9_u64, proptest::bool::weighted(0.2), expire_at, body)
}

/// What the keys begin with, and their bodies.
const PREFIXES: [(&[u8], &[u8]); 6] = [
    (b"!redis|str|", b"\xff\x01\0"),
    (b"!st|mem|\0\0\0\x01s", b""),
    (b"!hs|fld|\0\0\0\x01h", b""),
    (b"!fs|", b""),
    (b"!sqs|queue|gen|", b""),
    (b"", b""),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_in_the_three_payloads_give_the_same_trees(
        versions in proptest::collection::vec(version(), 1..40),
        (block, index_block, target) in (1..300_usize, 1..200_usize, 1..2000_usize),
        snappy: bool,
    ) {
        let rows: BTreeMap<Vec<u8>, Vec<u8>> = versions
            .into_iter()
            .map(|(family, name, ms, deleted, expire_at, body)| {
                let (prefix, head) = PREFIXES[family];
                let value = if deleted {
                    encoded_value(1, 0, b"")
                } else {
                    encoded_value(0, expire_at, &[head, &body].concat())
                };
                (encoded_key(&[prefix, &name].concat(), hlc(ms, 0)), value)
            })
            .collect();
        let rows: Rows = rows.into_iter().collect();
        let last = hlc(9, 0);
        let expected = tree(&native(last, &rows));
        let shape = Shape { block, index_block, snappy, ..Shape::default() };
        // Every other row was written before the cluster encrypted its values.
        let key = DataKey::storage(7);
        let seal = |(write, (encoded_key, value)): (u64, &(Vec<u8>, Vec<u8>))| {
            let sealed = value[0] == 0 && write % 2 == 0;
            let value = if sealed { key.seal(encoded_key, value, write) } else { value.clone() };
            (encoded_key.clone(), value)
        };
        let sealed: Rows = (0..).zip(&rows).map(seal).collect();
        prop_assert!(tree_with(&native(last, &sealed), Some(&key)) == expected);
        let tables = Bundle::new(last, &sealed, target, &shape).payload();
        prop_assert!(tree_with(&tables, Some(&key)) == expected);
        prop_assert!(tree(&Bundle::new(last, &rows, target, &shape).payload()) == expected);
        prop_assert!(tree(&memory(last, &rows)) == expected);
    }
}

/// The header of a live node.
pub fn live_sst(snapshot: &Snapshot) -> Vec<u8> {
    let (header, last_commit_ts, rows) = parse_native(&snapshot.clone().live());
    framed(&header, &Bundle::new(last_commit_ts, &rows, 200, &Shape::default()).payload())
}

/// The bare payload of the same rows.
pub fn bare_sst(snapshot: &Snapshot) -> Vec<u8> {
    let (_, last_commit_ts, rows) = parse_native(&snapshot.clone().live());
    Bundle::new(last_commit_ts, &rows, usize::MAX, &Shape::default()).payload()
}
