//! One row with any key and value: length of the key, key, value.
#![no_main]
use ekv_backup::crypto::KeyFiles;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [length, rest @ ..] = bytes else { return };
    let (key, value) = rest.split_at(rest.len().min(usize::from(*length)));
    let mut native = fuzz::Native::new(1 << 58);
    native.put(key, 1 << 57, (0, 0), value);
    let _ = fuzz::run(&fuzz::input(&native.write()), true, KeyFiles::default());
});
