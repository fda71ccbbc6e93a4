//! The worked examples of `format/encryption.md#examples-of-encryption`, and the boundaries of envelopes and tallies.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::container::{Position, Row, RowHeader};
use crate::time::Hlc;

/// Example A.
const KEY_FILE: &str = r#"{"version": 2, "active": {"storage": 7, "raft": 0}, "keys": {"7": {"purpose": "storage", "wrapped": "oKGio6SlpqeoqaqrxjleDmHuJJhKTK34K1fu8UCdayOmgnRbpDccvUOWSz5NG5o6DNTfyEiueOzoTPPC", "created": "2026-04-29T10:00:00Z", "local_epoch": 2}}}"#;

fn keyring() -> Keyring {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let kek: Vec<u8> = (0..32).collect();
    std::fs::write(path("kek"), kek).unwrap();
    std::fs::set_permissions(path("kek"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(path("keys.json"), KEY_FILE).unwrap();
    let files = KeyFiles { keks: vec![path("kek")], key_files: vec![path("keys.json")] };
    Keyring::load(&files, []).unwrap().unwrap()
}

/// A row of the examples: user key, timestamp, and the encoded value in hex.
fn example(user_key: &'static [u8], commit_ts: u64, value: &str) -> (&'static [u8], RowHeader, Vec<u8>) {
    let value = hex::decode(value.replace(' ', "")).unwrap();
    let encoded_key = [user_key, &Hlc(commit_ts).suffix()].concat();
    (user_key, RowHeader::parse(&encoded_key, &value).unwrap(), value[9..].to_vec())
}

fn string() -> (&'static [u8], RowHeader, Vec<u8>) {
    let value = "02 0000000000000000 01 00 00000007 cafe0002 0000000000000001 d1ff85ad38568697 \
                 60afeb522b0bc5c97fb21f8daa7c2ec5";
    example(b"!redis|str|hello", 0x018f_2a33_f800_0001, value)
}

fn open(keyring: &Keyring, (key, head, body): &(&[u8], RowHeader, Vec<u8>)) -> Result<Vec<u8>, Fault> {
    let mut plain = b"left from before".to_vec();
    let opened = keyring.open(key, head, body, &mut Vec::new(), &mut plain);
    assert!(opened.is_ok() || plain.is_empty());
    opened.map(|key_id| {
        assert_eq!(key_id, 7);
        plain
    })
}

#[test]
fn the_worked_examples_open() {
    let keyring = keyring();
    assert_eq!(open(&keyring, &string()).unwrap(), b"\xff\x01\0world");
    let value =
        "02 0000000000000000 01 00 00000007 cafe0002 0000000000000002 67d6cc760d7f9253cbd0c0ed97577fb1";
    assert_eq!(open(&keyring, &example(b"k", 0x018f_2a33_f800_0002, value)).unwrap(), b"");
    let value =
        "02 00000000342a8f01 01 00 00000007 cafe0002 0000000000000003 a2083938e3e114a2e25d1c9be95e261277";
    let (key, head, body) = example(b"k", 0x018f_2a33_f800_0003, value);
    assert_eq!(open(&keyring, &(key, head, body.clone())).unwrap(), b"v");
    assert_eq!(
        open(&keyring, &(key, RowHeader { expire_at: Hlc::ZERO, ..head }, body)),
        Err(Fault::Integrity(7))
    );
}

#[test]
fn a_row_opens_in_its_own_place_alone() {
    let keyring = keyring();
    let (key, head, body) = string();
    let other = |head| open(&keyring, &(key, head, body.clone()));
    assert_eq!(other(RowHeader { commit_ts: Hlc(head.commit_ts.0 + 1), ..head }), Err(Fault::Integrity(7)));
    assert_eq!(other(RowHeader { tombstone: true, ..head }), Err(Fault::Integrity(7)));
    assert_eq!(open(&keyring, &(b"!redis|str|hellO", head, body.clone())), Err(Fault::Integrity(7)));
}

#[test]
fn every_flipped_bit_and_every_truncation_has_its_fault() {
    let keyring = keyring();
    let (key, head, body) = string();
    for at in 0..body.len() * 8 {
        let mut changed = body.clone();
        changed[at / 8] ^= 1 << (at % 8);
        let fault = open(&keyring, &(key, head, changed)).unwrap_err();
        match at / 8 {
            0 => assert!(matches!(fault, Fault::UnknownVersion(_))),
            2..6 => assert!(matches!(fault, Fault::UnknownKeyId(_))),
            _ => assert_eq!(fault, Fault::Integrity(7)),
        }
    }
    for length in 0..body.len() {
        let fault = open(&keyring, &(key, head, body[..length].to_vec())).unwrap_err();
        assert_eq!(fault, if length < OVERHEAD { Fault::TooShort } else { Fault::Integrity(7) });
    }
    let mut reserved = body;
    reserved[5] = 0;
    assert_eq!(open(&keyring, &(key, head, reserved)), Err(Fault::ReservedKeyId));
}

#[test]
fn a_relabelled_envelope_is_known_whatever_its_head_says() {
    let keyring = keyring();
    let (key, head, mut body) = string();
    let check = |head: RowHeader, body: &[u8]| {
        keyring.check_cleartext(key, &head, body, &mut Vec::new(), &mut Vec::new())
    };
    let cleartext = RowHeader { encrypted: false, ..head };
    assert_eq!(check(cleartext, &body), Err(Fault::Relabelled(7)));
    assert_eq!(check(RowHeader { tombstone: true, ..cleartext }, &body), Err(Fault::Relabelled(7)));
    assert_eq!(check(RowHeader { expire_at: Hlc(5), ..cleartext }, &body), Err(Fault::Relabelled(7)));
    body[..6].fill(0xee);
    assert_eq!(check(cleartext, &body), Err(Fault::Relabelled(7)));
    assert_eq!(check(cleartext, &body[..33]), Ok(()));
    body[20] ^= 1;
    assert_eq!(check(cleartext, &body), Ok(()), "noise, and nobody's plaintext");
}

#[test]
fn neither_a_keyring_nor_an_error_shows_a_key() {
    assert_eq!(format!("{:?}", keyring()), "Keyring { ids: [7], .. }");
    let files = KeyFiles { keks: vec!["/dev/null".into()], key_files: Vec::new() };
    let error = Keyring::load(&files, [Path::new("x.fsm")]).unwrap_err();
    assert_eq!(error.to_string(), "/dev/null: the KEK file is no regular file");
    assert!(Keyring::load(&KeyFiles::default(), []).unwrap().is_none());
}

/// Rows with these bodies, by number; every third one is damaged.
fn checked(keyring: &Keyring, rows: u64, threads: bool) -> Counters {
    let (key, head, body) = string();
    let mut damaged = body.clone();
    damaged[30] ^= 1;
    let large = vec![1; 3 << 20];
    std::thread::scope(|scope| {
        let mut checker = Checker::start(keyring, scope);
        if !threads {
            checker.work_alone();
        }
        for offset in 0..rows {
            let body = match offset % 3 {
                0 if offset % 999 == 0 => &large,
                0 => &damaged,
                _ => &body,
            };
            checker.row(&Row { position: Position::at(rows - offset), key, head, body });
        }
        checker.finish()
    })
}

#[test]
fn a_tally_does_not_depend_on_threads() {
    let keyring = keyring();
    let alone = checked(&keyring, 20_000, false);
    assert_eq!(alone, checked(&keyring, 20_000, true));
    assert_eq!((alone.opened, alone.faulty), (13_333, 6667));
    assert_eq!(alone.faults[&Fault::Integrity(7)], 6646);
    let first = alone.first.unwrap();
    assert_eq!((first.position.offset(), first.fault), (2, Fault::Integrity(7)));
    assert_eq!(checked(&keyring, 0, true), Counters::default());
}

#[test]
fn a_tally_says_what_is_wrong_by_kind() {
    let (key, head, _) = string();
    let mut counters = Counters::default();
    for id in 1..=20 {
        counters.fault(Position::at(u64::from(id)), Fault::UnknownKeyId(id), key, &head);
    }
    counters.fault(Position::at(500), Fault::Integrity(7), key, &head);
    counters.fault(Position::at(400), Fault::ReservedKeyId, key, &head);
    assert_eq!(
        counters.in_words(),
        "1 do not authenticate under their data keys [7], 20 name data keys that no key file holds, [1, 2, 3, 4, 5, 6, \
         7, 8, 9, 10, 11, 12, 13, 14, 15, 16] and 4 more, 1 name the reserved key id 0"
    );
    for id in 1000..9000 {
        counters.fault(Position::at(600), Fault::UnknownKeyId(id), &[b'k'; 5000], &head);
    }
    assert_eq!((counters.faulty, counters.faults.len()), (8022, 1024));
    let long = FirstFault::new(Position::at(9), Fault::TooShort, &[b'k'; 5000], &head);
    assert_eq!(long.key_hex.len(), 515);
}

#[test]
fn equal_ids_with_equal_keys_are_no_conflict_and_keys_may_be_written_twice() {
    let twice = KEY_FILE.replace("\"keys\": {", "\"keys\": {\"007\": {\"purpose\": \"storage\"}, ");
    let file = key_file::KeyFile::parse(twice.as_bytes()).unwrap();
    assert_eq!(file.records.iter().map(|record| record.key_id).collect::<Vec<_>>(), [7, 7]);
    let only = KEY_FILE.replace("\"7\": {", "\"007\": {");
    assert!(matches!(key_file::KeyFile::parse(only.as_bytes()), Err(ErrorKind::Active { key_id: 7, .. })));
    assert!(keyring().warnings().is_empty());
}

#[test]
fn names_of_members_of_a_key_file_count_in_either_case() {
    let capitals = crate::codec::gojson::read::in_capitals(&KEY_FILE.replace("\": ", "\":"));
    assert!(capitals.contains("\"KEYS\":{\"7\":{\"PURPOSE\":\"storage\""), "{capitals}");
    let records = |text: &str| format!("{:?}", key_file::KeyFile::parse(text.as_bytes()).unwrap().records);
    assert_eq!(records(&capitals), records(KEY_FILE));
    // The last one counts.
    let twice = KEY_FILE.replace("{\"version\": 2", "{\"VERSION\": 3, \"version\": 2");
    assert_eq!(records(&twice), records(KEY_FILE));
    let twice = KEY_FILE.replace("{\"version\": 2", "{\"version\": 2, \"Version\": 3");
    assert!(matches!(key_file::KeyFile::parse(twice.as_bytes()), Err(ErrorKind::Version { found: 3 })));
}
