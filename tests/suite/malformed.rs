//! Damage of every kind to a small file: refused, or read, but never a crash and never a tree that looks complete.
//!
//! Single faults with their exact messages are in `testdata/malformed`.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fixture::Snapshot;
use crate::payloads::{bare_sst, live_sst};
use crate::tool::Work;

/// A file with a row of each kind of value.
fn small() -> Snapshot {
    Snapshot::new()
        .string("k", "v")
        .put("!hs|fld|\0\0\0\x01hf", "x")
        .put("!hs|meta|\0\0\0\x01h", [0, 0, 0, 0, 0, 0, 0, 1])
        .put("!sqs|queue|gen|cQ", "1")
        .put("plain", "text")
}

/// Decodes all files, on all processors; `judge` gets each exit code and what was left behind.
fn decode_all(files: &[Vec<u8>], judge: impl Fn(usize, Option<i32>, Vec<String>) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, file)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|number| files.get(number).map(|file| (number, file)))
                {
                    let work = Work::with(file);
                    let run = work.decode(&[]);
                    assert!(!run.err.contains("panicked"), "file {number}: {}", run.err);
                    let mut left = work.names();
                    left.retain(|name| name != "snapshot.fsm");
                    judge(number, run.code, left);
                }
            });
        }
    });
}

fn refused(number: usize, code: Option<i32>, left: &[String]) {
    assert_eq!(code, Some(3), "file {number}");
    assert_eq!(left, [] as [&str; 0], "file {number}");
}

/// Without a footer a damaged file can be another sound file.
fn refused_or_read(number: usize, code: Option<i32>, left: &[String]) {
    match code {
        Some(0 | 1) => assert_eq!(left, ["dump"], "file {number}"),
        _ => refused(number, code, left),
    }
}

fn flips(file: &[u8], patterns: &[u8]) -> Vec<Vec<u8>> {
    let flip = |at: usize, pattern: u8| {
        let mut file = file.to_vec();
        file[at] ^= pattern;
        file
    };
    (0..file.len()).flat_map(|at| patterns.iter().map(move |&pattern| flip(at, pattern))).collect()
}

fn truncations(file: &[u8]) -> Vec<Vec<u8>> {
    (0..file.len()).map(|len| file[..len].to_vec()).collect()
}

#[test]
fn every_truncation_of_a_file_with_a_footer_is_refused() {
    decode_all(&truncations(&small().live()), |number, code, left| refused(number, code, &left));
}

#[test]
fn every_changed_byte_of_a_file_with_a_footer_is_refused() {
    decode_all(&flips(&small().live(), &[0x01, 0xff]), |number, code, left| refused(number, code, &left));
}

#[test]
fn no_truncation_of_a_bare_payload_crashes() {
    decode_all(&truncations(&small().bare()), |number, code, left| refused_or_read(number, code, &left));
}

#[test]
fn no_changed_byte_of_a_bare_payload_crashes() {
    let files = flips(&small().bare(), &[0x01, 0xff]);
    decode_all(&files, |number, code, left| refused_or_read(number, code, &left));
}

#[test]
fn every_truncation_of_a_bundle_of_tables_is_refused() {
    for file in [live_sst(&small()), bare_sst(&small())] {
        decode_all(&truncations(&file), |number, code, left| refused(number, code, &left));
    }
}

#[test]
fn every_changed_byte_of_a_bundle_of_tables_is_refused() {
    // Digests cover what a footer would.
    for (file, pattern) in [(live_sst(&small()), 0x01), (bare_sst(&small()), 0xff)] {
        decode_all(&flips(&file, &[pattern]), |number, code, left| refused(number, code, &left));
    }
}
