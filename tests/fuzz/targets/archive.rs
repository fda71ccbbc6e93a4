//! Any bytes as an archive, to `verify` and to what reads dumps.
#![no_main]
use std::fs;

use ekv_backup::interrupt::Interrupt;
use ekv_backup::progress::Progress;
use ekv_backup::tree::{Dump, Scratch};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = fuzz::place().join("dump.tar");
    fs::write(&path, bytes).expect("memory takes it");
    let _ = fuzz::check(&path);
    let scratch = Scratch::new(fuzz::place().to_owned());
    if let Ok(Some(mut dump)) = Dump::open(&path, &scratch, (&Interrupt::default(), &Progress::default())) {
        let _ = dump.manifest();
        let _ = dump.rows().map(|_| ());
    }
});
