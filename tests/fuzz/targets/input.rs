//! Any bytes as an input: containers and payloads of every form, compressed and not.
#![no_main]
use ekv_backup::crypto::KeyFiles;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = fuzz::run(&fuzz::input(bytes), true, KeyFiles::default());
});
