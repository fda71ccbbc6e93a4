//! Whole decodes of snapshots that are changed as snapshots: what comes of one is sound, or nothing is left.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::whole(bytes));
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    fuzz::mutate(data, size, most, seed)
});
