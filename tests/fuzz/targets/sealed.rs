//! Encrypted snapshots under their key: envelopes, key files. The first two bytes are the length of the key file.
#![no_main]
use std::fs;

use ekv_backup::crypto::KeyFiles;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [high, low, rest @ ..] = bytes else { return };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (keys, snapshot) = rest.split_at(rest.len().min(length));
    let path = fuzz::input(snapshot);
    let (kek, keys_file) = (fuzz::place().join("kek.bin"), fuzz::place().join("keys.json"));
    fs::write(&kek, include_bytes!("../../../testdata/live/encrypted/kek.bin")).expect("memory takes it");
    fs::write(&keys_file, keys).expect("memory takes it");
    let _ = fuzz::run(&path, true, KeyFiles { keks: vec![kek], key_files: vec![keys_file] });
});
