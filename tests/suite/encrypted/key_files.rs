//! KEK files and key files: found, refused, warned about.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{KEK, KEYS, one_row, refused, work, write_kek};
use crate::fixture::{DataKey, Snapshot, key_file, wrap};

#[test]
fn key_files_of_several_nodes_add_up() {
    let [first, second] = [7, 11].map(DataKey::storage);
    let snapshot = Snapshot::new().string("a", "1").sealed(&first).string("b", "2").sealed(&second);
    let work = work(&snapshot.live(), &[first]);
    let second_kek = [9; 32];
    write_kek(&work, "kek2.bin", &second_kek);
    work.write("keys2.json", key_file(&second_kek, &[first, second]).as_bytes());
    let message = "snapshot.fsm: 1 rows cannot be decrypted: 1 name data keys that no key file holds, [11]; the first: \
                   unknown key id 11, encoded key 2172656469737c7374727c62fe63e3c75bffffff, commit_ts \
                   115998720000000000 (at offset 0x73)";
    refused(&work, &work.decode(&KEYS), 3, message);
    let both = ["--kek-file", "kek2.bin", "--keys-file", "keys2.json"];
    work.decode(&[&KEYS[..], &both].concat()).exits(0);
    // One id, two keys.
    let other = DataKey { bytes: [1; 32], ..first };
    work.write("keys2.json", key_file(&KEK, &[other]).as_bytes());
    fs::remove_dir_all(work.path("dump")).unwrap();
    let run = work.decode(&[&KEYS[..], &["--keys-file", "keys2.json"]].concat());
    refused(&work, &run, 3, "keys2.json: key conflict: data key 7 is another one than in keys.json");
}

#[test]
fn the_key_file_is_found_beside_a_snapshot_and_in_a_data_directory() {
    let key = DataKey::storage(7);
    let file = one_row(&key).live();
    let work = work(&file, &[key]);
    work.decode(&["--kek-file", "kek.bin"]).exits(0);
    fs::create_dir_all(work.path("n1/group-1/fsm-snap")).unwrap();
    fs::create_dir_all(work.path("n1/encryption")).unwrap();
    work.write("n1/group-1/fsm-snap/0000000000000064.fsm", &file);
    fs::rename(work.path("keys.json"), work.path("n1/encryption/keys.json")).unwrap();
    let path = "n1/group-1/fsm-snap/0000000000000064.fsm";
    work.run(["decode", path, "-o", "dump2", "--kek-file", "kek.bin"]).exits(0);
    fs::remove_dir_all(work.path("dump")).unwrap();
    fs::remove_dir_all(work.path("dump2")).unwrap();
    let none = "snapshot.fsm: no key file (keys.json) was given, and none is near this input: a KEK alone opens nothing";
    refused(&work, &work.decode(&["--kek-file", "kek.bin"]), 2, none);
    let run = work.decode(&["--keys-file", "n1/encryption/keys.json"]);
    run.exits(2);
    assert!(run.err.contains("--kek-file <FILE>"), "{}", run.err);
}

#[test]
fn a_kek_that_is_none_is_refused_by_name() {
    let key = DataKey::storage(7);
    let work = work(&one_row(&key).live(), &[key]);
    for (length, found) in
        [(0, "0"), (1, "1"), (16, "16"), (31, "31"), (33, "more"), (64, "more"), (65_536, "more")]
    {
        write_kek(&work, "kek.bin", &vec![7; length]);
        let message = format!("kek.bin: the KEK file must be exactly 32 raw bytes, found {found}");
        refused(&work, &work.decode(&KEYS), 3, &message);
    }
    write_kek(&work, "kek.bin", &[7; 32]);
    let wrong = "keys.json: KEK does not match key file: data key 7 (storage) does not unwrap: wrong KEK, or a damaged \
                 file";
    refused(&work, &work.decode(&KEYS), 3, wrong);
    refused(&work, &work.run([&["inspect", "snapshot.fsm"], &KEYS[..]].concat()), 3, wrong);
    fs::create_dir(work.path("directory")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(work.path("fifo")).status().unwrap().success());
    for name in ["directory", "fifo", "/dev/null"] {
        let message = format!("{name}: the KEK file is no regular file");
        refused(&work, &work.decode(&["--kek-file", name]), 3, &message);
        let message = format!("{name}: the key file is no regular file");
        refused(&work, &work.decode(&["--kek-file", "kek.bin", "--keys-file", name]), 3, &message);
    }
    let missing = "missing: cannot read the KEK file: No such file or directory (os error 2)";
    refused(&work, &work.decode(&["--kek-file", "missing"]), 4, missing);
    let missing = "missing: cannot read the key file: No such file or directory (os error 2)";
    refused(&work, &work.decode(&["--kek-file", "kek.bin", "--keys-file", "missing"]), 4, missing);
    for (name, service) in [
        ("aws-kms://alias/ekv", "AWS KMS"),
        ("arn:aws:kms:eu-central-1:1:key/2", "AWS KMS"),
        ("gcp-kms://projects/p", "GCP KMS"),
        ("projects/p/locations/l/keyRings/r/cryptoKeys/k", "GCP KMS"),
        ("vault:transit/ekv", "HashiCorp Vault"),
        ("env:KEK", "an environment variable"),
    ] {
        let message = format!(
            "{name}: the KEK is in {service}, which cannot be reached offline: export the 32 bytes of the KEK once into \
             a file, and give that"
        );
        refused(&work, &work.decode(&["--kek-file", name]), 3, &message);
    }
}

#[test]
fn a_kek_file_that_others_can_read_is_warned_about() {
    let key = DataKey::storage(7);
    let work = work(&one_row(&key).live(), &[key]);
    for (mode, warned) in
        [(0o400, false), (0o600, false), (0o610, true), (0o640, true), (0o644, true), (0o666, true)]
    {
        fs::set_permissions(work.path("kek.bin"), fs::Permissions::from_mode(mode)).unwrap();
        let run = work.decode(&[&KEYS[..], &["--force"]].concat());
        let warning = format!("warning: kek_file_mode path=\"kek.bin\" mode=\"0{mode:o}\"");
        assert_eq!(run.exits(0).err.contains(&warning), warned, "{}", run.err);
    }
}

#[test]
fn a_damaged_key_file_of_each_kind_is_refused_by_name() {
    let key = DataKey::storage(7);
    let work = work(&one_row(&key).live(), &[key]);
    let good = key_file(&KEK, &[key]);
    let change = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let wrapped = |bytes: &[u8]| {
        use base64::Engine;
        let base64 = &base64::engine::general_purpose::STANDARD;
        change(&base64.encode(wrap(&KEK, &key.bytes)), &base64.encode(bytes))
    };
    let right = wrap(&KEK, &key.bytes);
    let flipped = |at: usize| {
        let mut bytes = right.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mismatch =
        "KEK does not match key file: data key 7 (storage) does not unwrap: wrong KEK, or a damaged file";
    let length =
        |found: usize| format!("data key 7 (storage): wrapped in {found} bytes, a KEK file wraps in 60");
    let ids = "the key file's keys must be named by decimal key ids from 1 to 4294967295";
    let mut cases = vec![
        (String::new(), "the key file is not JSON: line 1, column 1".to_owned()),
        (good[..good.len() - 1].to_owned(), "the key file is not JSON: line 19, column 1".to_owned()),
        (format!("{good}x"), "the key file is not JSON: line 19, column 2".to_owned()),
        ("a secret in the wrong place".to_owned(), "the key file is not JSON: line 1, column 1".to_owned()),
        ("\"a secret\"".to_owned(), "the key file's content must be an object".to_owned()),
        (change("\"version\": 2", "\"version\": \"2\""), "the key file's version must be a whole number".to_owned()),
        (change("\"version\": 2", "\"version\": 2.0"), "the key file's version must be a whole number".to_owned()),
        (change("\"version\": 2,", ""), "unsupported key file version 0, expected 1 or 2".to_owned()),
        (
            change("\"raft_applied_index\": 12", "\"raft_applied_index\": -1"),
            "the key file's raft_applied_index must be a whole number of 64 bits".to_owned(),
        ),
        (
            change("\"storage_envelope_active\": true", "\"storage_envelope_active\": 1"),
            "the key file's storage_envelope_active must be true or false".to_owned(),
        ),
        (
            change("\"local_epoch\": 2", "\"local_epoch\": 65536"),
            "the key file's keys.7.local_epoch must be a whole number of 16 bits".to_owned(),
        ),
        (
            change("\"storage\": 7", "\"storage\": 4294967296"),
            "the key file's active.storage must be a whole number of 32 bits".to_owned(),
        ),
        (change("\"storage\": 7", "\"storage\": 8"), "the key file's active storage key 8 is not among its keys".to_owned()),
        (change("\"raft\": 0", "\"raft\": 7"), "the key file's active raft key 7 has another purpose".to_owned()),
        (
            change("\"purpose\": \"storage\"", "\"purpose\": \"other\""),
            "the key file's keys.7.purpose must be \"storage\" or \"raft\"".to_owned(),
        ),
        (change("\"7\": {", "\"7\": null, \"8\": {"), "the key file's keys.7.purpose must be \"storage\" or \"raft\"".to_owned()),
        (change("\"keys\": {", "\"keys\": [], \"x\": {"), "the key file's keys must be an object".to_owned()),
        (
            change("\"wrapped\": \"", "\"wrapped\": \"-"),
            "the key file's keys.7.wrapped must be standard base64 with padding".to_owned(),
        ),
        (
            change("\"wrapped\": \"", "\"wrapped\": \"vault:v1:"),
            "data key 7 (storage): wrapped in 89 bytes, a KEK file wraps in 60; it looks wrapped by HashiCorp Vault, \
             which cannot be reached offline"
                .to_owned(),
        ),
        (
            wrapped(&[&[1, 2, 2, 0][..], &[9; 180]].concat()),
            format!("{}; it looks wrapped by AWS KMS, which cannot be reached offline", length(184)),
        ),
        (wrapped(&flipped(0)), mismatch.to_owned()),
        (wrapped(&flipped(20)), mismatch.to_owned()),
        (wrapped(&flipped(59)), mismatch.to_owned()),
        (good.clone() + &" ".repeat(1 << 20), "the key file is larger than 1048576 bytes".to_owned()),
    ];
    for version in [0, -1, 3, 42] {
        let message = format!("unsupported key file version {version}, expected 1 or 2");
        cases.push((change("\"version\": 2", &format!("\"version\": {version}")), message));
    }
    for id in ["0", "x", "-7", "+7", "7.0", "", "4294967296"] {
        cases.push((change("\"7\": {", &format!("\"{id}\": {{")), ids.to_owned()));
    }
    for found in [11, 12, 30, 59, 61] {
        let mut bytes = right.clone();
        bytes.resize(found, 0);
        cases.push((wrapped(&bytes), length(found)));
    }
    for (text, message) in cases {
        work.write("keys.json", text.as_bytes());
        refused(&work, &work.decode(&KEYS), 3, &format!("keys.json: {message}"));
    }
    // A key without `wrapped` opens nothing, and is no reason to refuse the others.
    work.write("keys.json", wrapped(&[]).as_bytes());
    let run = work.decode(&[&KEYS[..], &["--force"]].concat());
    assert!(run.exits(3).err.contains("1 name data keys that no key file holds, [7]"), "{}", run.err);
}

#[test]
fn the_lowest_key_that_does_not_unwrap_is_named_a_raft_key_too() {
    let key = DataKey::storage(7);
    let work = work(&one_row(&key).live(), &[key]);
    let mut file: serde_json::Value = serde_json::from_str(&key_file(&KEK, &[key])).unwrap();
    for (id, purpose) in [("10", "storage"), ("9", "raft")] {
        file["keys"][id] = serde_json::json!({"purpose": purpose, "wrapped": "A".repeat(80)});
    }
    work.write("keys.json", file.to_string().as_bytes());
    let message = "keys.json: KEK does not match key file: data key 9 (raft) does not unwrap: wrong KEK, or a damaged file";
    refused(&work, &work.decode(&KEYS), 3, message);
}

#[test]
fn the_raft_cutover_and_the_purpose_of_keys_are_warned_about() {
    let key = DataKey { purpose: "raft", ..DataKey::storage(9) };
    let work = work(&one_row(&key).live(), &[key]);
    let file = key_file(&KEK, &[key])
        .replace("\"raft_envelope_cutover_index\": 0", "\"raft_envelope_cutover_index\": 5");
    work.write("keys.json", file.as_bytes());
    let run = work.decode(&KEYS);
    run.exits(0);
    for warning in ["raft_cutover_mismatch header=0 key_file=5", "envelope_key_purpose key_id=9"] {
        assert!(run.err.contains(&format!("warning: {warning}\n")), "{}", run.err);
    }
}

#[test]
fn an_old_key_file_and_one_of_later_versions_are_read() {
    let key = DataKey::storage(7);
    let work = work(&one_row(&key).live(), &[key]);
    let good = key_file(&KEK, &[key]);
    for fine in [
        good.replace("\"version\": 2", "\"version\": 1"),
        good.replacen('{', "{\"a member of later versions\": [{}],", 1),
        good.replace("\"raft_applied_index\": 12", "\"raft_applied_index\": null"),
    ] {
        work.write("keys.json", fine.as_bytes());
        work.decode(&[&KEYS[..], &["--force"]].concat()).exits(0);
    }
}
