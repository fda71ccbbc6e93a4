//! Encrypted snapshots: keys in every state, rows in every state, and trees that do not depend on either.

mod key_files;
mod trees;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::fixture::{DataKey, Snapshot, hlc, key_file};
use crate::tool::{Run, Work};

pub const KEK: [u8; 32] = *b"a key encryption key of 32 bytes";
pub const KEYS: [&str; 4] = ["--kek-file", "kek.bin", "--keys-file", "keys.json"];

/// A directory with a snapshot and its keys.
fn work(snapshot: &[u8], keys: &[DataKey]) -> Work {
    let work = Work::with(snapshot);
    write_kek(&work, "kek.bin", &KEK);
    work.write("keys.json", key_file(&KEK, keys).as_bytes());
    work
}

pub fn write_kek(work: &Work, name: &str, bytes: &[u8]) {
    work.write(name, bytes);
    fs::set_permissions(work.path(name), fs::Permissions::from_mode(0o600)).expect("the mode can be set");
}

/// The run ended so, with this one error, and left nothing.
#[track_caller]
fn refused(work: &Work, run: &Run, code: i32, message: &str) {
    run.exits(code);
    assert_eq!(run.err.lines().last(), Some(&*format!("error: {message}")));
    assert!(work.names().iter().all(|name| !name.contains("dump")), "{:?}", work.names());
}

fn one_row(key: &DataKey) -> Snapshot {
    Snapshot::new().string("k", "value").sealed(key)
}

#[test]
fn rows_from_before_between_and_after_rotations_are_read() {
    let [first, second, third] = [7, 11, 4_294_967_295].map(DataKey::storage);
    let (early, late) = (hlc(1_769_000_000_000, 0), hlc(1_769_500_000_000, 0));
    let string = |text: &str| [b"\xff\x01\0", text.as_bytes()].concat();
    let snapshot = Snapshot::new()
        .put_at("!redis|str|before", early, string("clear"))
        .put_at("!redis|str|all", early, string("clear"))
        .put_at("!redis|str|between", late, string("first"))
        .sealed(&first)
        .put_at("!redis|str|all", late, string("first"))
        .sealed(&first)
        .string("after", "second")
        .sealed(&second)
        .string("all", "second")
        .sealed(&second)
        .string("last", "")
        .sealed(&third);
    let work = work(&snapshot.live(), &[first, second, third]);
    work.decode(&KEYS).exits(0);
    let tree = work.dump();
    for (name, text) in
        [("before", "clear"), ("between", "first"), ("after", "second"), ("all", "second"), ("last", "")]
    {
        let path = format!("redis/db_0/strings/{name}.bin");
        assert_eq!(tree.files[path.as_bytes()], text.as_bytes(), "{name}");
    }
}

#[test]
fn without_keys_the_rows_are_counted_and_refused() {
    let [first, second] = [7, 11].map(DataKey::storage);
    let snapshot =
        Snapshot::new().string("a", "1").sealed(&first).string("b", "2").sealed(&second).string("c", "3");
    let work = work(&snapshot.live(), &[first, second]);
    let message = "snapshot.fsm: 2 rows are encrypted, under the data keys [7, 11], and no keys were given (the first \
                   at offset 0x20)";
    refused(&work, &work.decode(&[]), 3, message);
    let facts = work.run(["inspect", "snapshot.fsm", "--json"]).exits(0).json();
    assert_eq!(facts["encrypted_rows"], 2);
    assert_eq!(facts["key_ids"], serde_json::json!([7, 11]));
    assert_eq!(facts["encrypted_by_key"], serde_json::json!({"7": 1, "11": 1}));
    assert_eq!((&facts["first_encrypted_offset"], &facts["authenticated_rows"]), (&32.into(), &().into()));
    let facts = work.run([&["inspect", "snapshot.fsm", "--json"], &KEYS[..]].concat()).exits(0).json();
    assert_eq!((&facts["encrypted_rows"], &facts["authenticated_rows"]), (&2.into(), &2.into()));
    let text = work.run([&["inspect", "snapshot.fsm"], &KEYS[..]].concat()).exits(0).out.clone();
    assert!(text.contains("2 visible rows, authenticated, data keys 7 (1), 11 (1)\n"), "{text}");
}

#[test]
fn hidden_encrypted_versions_need_no_key() {
    let key = DataKey::storage(7);
    let early = hlc(1_769_000_000_000, 0);
    let snapshot = Snapshot::new()
        .put_at("!redis|str|a", early, "\x7f")
        .sealed(&key)
        .string("a", "new")
        .put_at("!redis|str|gone", early, "\x7f")
        .sealed(&key)
        .tombstone_at("!redis|str|gone", early + 1);
    work(&snapshot.live(), &[]).decode(&[]).exits(0);
}

#[test]
fn every_flipped_bit_of_an_encrypted_row_is_refused() {
    let key = DataKey::storage(7);
    let file = one_row(&key).bare();
    let work = work(&file, &[key]);
    work.decode(&[&KEYS[..], &["--force"]].concat()).exits(0);
    fs::remove_dir_all(work.path("dump")).unwrap();
    // Magic and timestamp, length of the key; key, length of the value; value.
    let (key_at, key_len) = (24, 12 + 8);
    let value_at = key_at + key_len + 8;
    assert_eq!(file.len(), value_at + 9 + 34 + 8);
    let bytes = (key_at..key_at + key_len).chain(value_at..file.len());
    for (at, bit) in bytes.flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << bit;
        work.write("snapshot.fsm", &flipped);
        let run = work.decode(&KEYS);
        assert_eq!(run.code, Some(3), "byte {at} bit {bit}: {}", run.err);
        assert_eq!(work.names(), ["kek.bin", "keys.json", "snapshot.fsm"], "byte {at} bit {bit}");
    }
}

#[test]
fn a_relabelled_row_is_refused_whatever_else_was_changed() {
    let key = DataKey::storage(7);
    let relabelled = "snapshot.fsm: 1 rows cannot be decrypted: 1 are envelopes marked as cleartext, of the data keys [7]; \
                      the first: integrity (relabelled envelope): opens under data key 7, but is marked as cleartext, \
                      encoded key 2172656469737c7374727c6bfe63e3c75bffffff, commit_ts 115998720000000000 (at offset 0x10)";
    let file = one_row(&key).bare();
    let value_at = 24 + 20 + 8;
    for changes in [
        &[(0, 2)][..],
        // As a tombstone too; with another version, flag, key id; with an expiry.
        &[(0, 3)],
        &[(0, 2), (9, 0x55)],
        &[(0, 2), (10, 1)],
        &[(0, 2), (14, 0xff)],
        &[(0, 2), (3, 9)],
    ] {
        let mut changed = file.clone();
        for &(at, pattern) in changes {
            changed[value_at + at] ^= pattern;
        }
        let work = work(&changed, &[key]);
        refused(&work, &work.decode(&KEYS), 3, relabelled);
    }
}

#[test]
fn cleartext_that_looks_like_an_envelope_is_the_value() {
    let key = DataKey::storage(7);
    let text = [&[1, 0, 0, 0, 0, 7][..], &[0x33; 60]].concat();
    let work = work(&Snapshot::new().string("other", "x").sealed(&key).put("plain", &text).live(), &[key]);
    work.decode(&KEYS).exits(0);
    assert_eq!(work.dump().files[&b"extra/kv/plain.bin"[..]], text);
}

#[test]
fn each_fault_has_its_own_words() {
    let key = DataKey::storage(7);
    let encoded_key = crate::fixture::encoded_key(b"k", 5);
    let seal = |head: [u8; 6]| key.seal_with(&head, [3; 12], &encoded_key, &[0; 8], b"text");
    let rest = "encoded key 6bfffffffffffffffa, commit_ts 5 (at offset 0x10)";
    for (value, counted, first) in [
        (seal([1, 1, 0, 0, 0, 7]), "have unsupported envelope flags [1]", "unsupported envelope flag 1"),
        (seal([2, 0, 0, 0, 0, 7]), "have unknown envelope versions [2]", "unknown envelope version 2"),
        (seal([1, 0, 0, 0, 0, 0]), "name the reserved key id 0", "reserved key id 0"),
        (seal([1, 0, 0, 0, 0, 7])[..42].to_vec(), "are shorter than an envelope", "envelope too short"),
        (seal([1, 0, 0, 0, 0, 8]), "name data keys that no key file holds, [8]", "unknown key id 8"),
        (
            [&seal([1, 0, 0, 0, 0, 7])[..], b"x"].concat(),
            "do not authenticate under their data keys [7]",
            "integrity: does not authenticate under data key 7",
        ),
    ] {
        let work = work(&Snapshot::new().raw(encoded_key.clone(), value).bare(), &[key]);
        let message =
            format!("snapshot.fsm: 1 rows cannot be decrypted: 1 {counted}; the first: {first}, {rest}");
        refused(&work, &work.decode(&KEYS), 3, &message);
    }
}

#[test]
fn an_expired_row_is_not_believed_unless_it_is_authentic() {
    let key = DataKey::storage(7);
    let encoded_key = crate::fixture::encoded_key(b"k", 5);
    let expire_at = 9_u64.to_le_bytes();
    let mut value = key.seal_with(&[1, 0, 0, 0, 0, 7], [3; 12], &encoded_key, &expire_at, b"text");
    let file = |value: &[u8]| Snapshot::new().string("a", "b").raw(encoded_key.clone(), value).bare();
    let work = work(&file(&value), &[key]);
    work.decode(&KEYS).exits(0);
    assert!(!work.dump().files.contains_key(&b"extra/kv/k.bin"[..]));
    value[1] ^= 2;
    work.write("snapshot.fsm", &file(&value));
    let run = work.decode(&[&KEYS[..], &["--force"]].concat());
    assert!(run.exits(3).err.contains("1 do not authenticate"), "{}", run.err);
}
