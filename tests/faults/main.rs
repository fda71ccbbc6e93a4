//! Every system call of a run fails once: what is left is checked (`docs/reliability.md`).
//!
//! Plain `cargo test` takes a sample, each kind of call under each fault. `EKV_FAULTS=all` takes every call.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unreachable_pub, reason = "modules that several test programs share")]
#![allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a panic fails the test"
)]

#[path = "../dump/mod.rs"]
#[allow(dead_code, reason = "each test target uses its own part")]
mod dump;
mod fault;
#[path = "../fixture/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each test target uses its own part")]
mod fixture;
#[path = "../snapshot/generator/mod.rs"]
mod generator;
mod scenario;
mod tracer;

use scenario::Scenario;

#[test]
fn decode_into_nothing() {
    Scenario { arguments: &["decode", "a.fsm", "-o", "out"], target: "out", before: &[] }.prove();
}

#[test]
fn decode_into_an_empty_directory() {
    let before = &["mkdir", "out"];
    Scenario { arguments: &["decode", "a.fsm", "-o", "out"], target: "out", before }.prove();
}

#[test]
fn decode_a_compressed_snapshot() {
    Scenario { arguments: &["decode", "a.fsm.zst", "-o", "out"], target: "out", before: &[] }.prove();
}

#[test]
fn decode_in_the_place_of_a_dump() {
    let before = &["ekv-backup", "decode", "old.fsm", "-o", "out"];
    Scenario { arguments: &["decode", "a.fsm", "-o", "out", "--force"], target: "out", before }.prove();
}

#[test]
fn decode_into_an_archive() {
    Scenario { arguments: &["decode", "a.fsm", "-o", "out.tar"], target: "out.tar", before: &[] }.prove();
}

#[test]
fn decode_in_the_place_of_a_compressed_archive() {
    let before = &["ekv-backup", "decode", "old.fsm", "-o", "out.tar.zst"];
    let arguments = &["decode", "a.fsm", "-o", "out.tar.zst", "--force"];
    Scenario { arguments, target: "out.tar.zst", before }.prove();
}

#[test]
fn decode_to_standard_output() {
    Scenario { arguments: &["decode", "a.fsm", "-o", "-"], target: "", before: &[] }.prove();
}

#[test]
fn verify_a_tree() {
    let before = &["ekv-backup", "decode", "a.fsm", "-o", "out"];
    Scenario { arguments: &["verify", "out"], target: "out", before }.prove();
}

#[test]
fn verify_an_archive() {
    let before = &["ekv-backup", "decode", "a.fsm", "-o", "out.tar.zst"];
    Scenario { arguments: &["verify", "out.tar.zst"], target: "out.tar.zst", before }.prove();
}

#[test]
fn compare_a_dump_with_a_snapshot() {
    let before = &["ekv-backup", "decode", "old.fsm", "-o", "out"];
    Scenario { arguments: &["diff", "out", "a.fsm"], target: "out", before }.prove();
}

#[test]
fn list_a_snapshot_and_get_from_an_archive() {
    Scenario { arguments: &["list", "a.fsm", "--long"], target: "", before: &[] }.prove();
    let before = &["ekv-backup", "decode", "a.fsm", "-o", "out.tar"];
    let arguments = &["get", "out.tar", "s3/bucket/dir00000/object0000000000"];
    Scenario { arguments, target: "out.tar", before }.prove();
}
