//! The tree does not depend on encryption.

use std::fs;
use std::io::Read;
use std::path::Path;

use proptest::prelude::*;

use super::{KEK, KEYS, work, write_kek};
use crate::fixture::{DataKey, Snapshot, encrypt, hlc, key_file};
use crate::tool::{Work, testdata};

/// Decodes a snapshot; returns the exit code and CHECKSUMS without what holds the file's CRC or offsets of rows.
fn decoded(snapshot: &[u8], name: &str, keys: &[DataKey]) -> (Option<i32>, String) {
    let work = Work::new();
    write_kek(&work, "kek.bin", &KEK);
    work.write("keys.json", key_file(&KEK, keys).as_bytes());
    work.write(name, snapshot);
    let run = work.run([&["decode", name, "-o", "dump"], &KEYS[..]].concat());
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    let checksums = String::from_utf8_lossy(&work.dump().files[&b"CHECKSUMS"[..]]).into_owned();
    let differs = |line: &&str| line.ends_with("  MANIFEST.json") || line.ends_with("  PROBLEMS.jsonl");
    let rest: Vec<_> = checksums.lines().filter(|line| !differs(line)).collect();
    (run.code, rest.join("\n"))
}

#[test]
fn live_snapshots_give_the_same_trees_when_they_are_encrypted() {
    let keys = [7, 11, 13].map(DataKey::storage);
    for name in ["shop", "redis", "dynamodb", "s3", "s3-offload", "sqs", "sqs-partitioned", "fs", "rawkv"] {
        let entries = fs::read_dir(testdata("live").join(name)).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        let path = paths.find(|path| path.to_string_lossy().contains(".fsm")).unwrap();
        let plain = unpacked(&path);
        let pick = |row: u64| keys.get(row as usize % 4).copied();
        let sealed =
            encrypt(&mut &*plain, plain.len() as u64, Vec::new(), pick).expect("memory takes every byte");
        assert!(sealed.len() > plain.len() + 34);
        let name = path.file_name().unwrap().to_str().unwrap().trim_end_matches(".gz");
        assert!(decoded(&plain, name, &keys) == decoded(&sealed, name, &keys), "{}", path.display());
    }
}

/// Reads a file, and unpacks it when it is compressed.
fn unpacked(path: &Path) -> Vec<u8> {
    let packed = fs::read(path).expect("testdata can be read");
    if path.extension().is_none_or(|extension| extension != "gz") {
        return packed;
    }
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(&*packed).read_to_end(&mut plain).expect("testdata is gzip");
    plain
}

#[test]
fn a_data_directory_with_its_key_file_gives_the_same_tree_transactions_included() {
    let keys = [7, 11, 13].map(DataKey::storage);
    for name in ["txn", "dynamodb-groups"] {
        let groups = fs::read_dir(testdata("live").join(name).join("n1")).unwrap();
        let [plain, sealed] = [Work::new(), Work::new()];
        for group in groups.map(|group| group.unwrap()) {
            let to = Path::new("n1").join(group.file_name()).join("fsm-snap");
            let snapshots = fs::read_dir(group.path().join("fsm-snap")).unwrap();
            for path in snapshots.map(|snapshot| snapshot.unwrap().path()) {
                let text = unpacked(&path);
                let file = to.join(path.file_name().unwrap().to_str().unwrap().trim_end_matches(".gz"));
                for (work, seals) in [(&plain, false), (&sealed, true)] {
                    let pick = |row: u64| keys.get(row as usize % 4).copied().filter(|_| seals);
                    fs::create_dir_all(work.path(&to)).unwrap();
                    work.write(&file, &encrypt(&mut &*text, text.len() as u64, Vec::new(), pick).unwrap());
                }
            }
        }
        fs::create_dir(sealed.path("n1/encryption")).unwrap();
        sealed.write("n1/encryption/keys.json", key_file(&KEK, &keys).as_bytes());
        write_kek(&sealed, "kek.bin", &KEK);
        plain.run(["decode", "n1", "-o", "dump"]).exits(0);
        sealed.run(["decode", "n1", "-o", "dump"]).exits(3);
        sealed.run(["decode", "n1", "-o", "dump", "--kek-file", "kek.bin"]).exits(0);
        let [mut plain, mut sealed] = [plain.dump().files, sealed.dump().files];
        for differs in [&b"MANIFEST.json"[..], b"CHECKSUMS"] {
            assert!(plain.remove(differs) != sealed.remove(differs));
        }
        assert!(plain == sealed, "{name}");
    }
}

/// Kind, name, age, body, key of a row.
type Row = (u8, u8, u64, Vec<u8>, Option<usize>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let body = proptest::collection::vec(any::<u8>(), 0..80);
    proptest::collection::vec((0..6_u8, 0..4_u8, 0..5_u64, body, proptest::option::of(0..3_usize)), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_same_rows_give_the_same_bytes_plain_and_encrypted(rows in rows()) {
        let keys = [1, 7, u32::MAX].map(DataKey::storage);
        let snapshot = |encrypted: bool| {
            let mut seen = std::collections::BTreeSet::new();
            let mut snapshot = Snapshot::new();
            for (kind, name, age, body, key) in &rows {
                let ts = hlc(1_770_000_000_000, 0) - age;
                let text = |prefix: &str| format!("{prefix}{name}").into_bytes();
                let user_key = match kind {
                    0 | 1 => text("!redis|str|"),
                    2 => [&b"!hs|fld|\0\0\0\x01h"[..], &[*name]].concat(),
                    3 => text("!sqs|queue|gen|cQ"),
                    _ => text("plain"),
                };
                if !seen.insert((user_key.clone(), ts)) {
                    continue;
                }
                snapshot = match (kind, key) {
                    (5, _) => snapshot.tombstone_at(&user_key, ts),
                    (_, Some(key)) if encrypted => snapshot.put_at(&user_key, ts, body).sealed(&keys[*key]),
                    _ => snapshot.put_at(&user_key, ts, body),
                };
            }
            snapshot.bare()
        };
        let trees = [false, true].map(|encrypted| {
            let work = work(&snapshot(encrypted), &keys);
            let run = work.decode(&KEYS);
            assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
            let mut files = work.dump().files;
            // Offsets of rows differ.
            if files.remove(&b"PROBLEMS.jsonl"[..]).is_some() {
                files.remove(&b"CHECKSUMS"[..]);
            }
            (run.code, files)
        });
        prop_assert_eq!(&trees[0], &trees[1]);
    }
}
