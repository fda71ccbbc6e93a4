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

/// Commands that make ready.
type Commands = &'static [&'static [&'static str]];

#[test]
fn decode_into_nothing() {
    Scenario { arguments: &["decode", "a.fsm", "-o", "out"], targets: &["out"], before: &[] }.prove();
}

#[test]
fn decode_into_an_empty_directory() {
    let before: Commands = &[&["mkdir", "out"]];
    Scenario { arguments: &["decode", "a.fsm", "-o", "out"], targets: &["out"], before }.prove();
}

#[test]
fn decode_a_compressed_snapshot() {
    Scenario { arguments: &["decode", "a.fsm.zst", "-o", "out"], targets: &["out"], before: &[] }.prove();
}

#[test]
fn decode_in_the_place_of_a_dump() {
    let before: Commands = &[&["ekv-backup", "decode", "old.fsm", "-o", "out"]];
    Scenario { arguments: &["decode", "a.fsm", "-o", "out", "--force"], targets: &["out"], before }.prove();
}

#[test]
fn decode_into_an_archive() {
    Scenario { arguments: &["decode", "a.fsm", "-o", "out.tar"], targets: &["out.tar"], before: &[] }.prove();
}

#[test]
fn decode_in_the_place_of_a_compressed_archive() {
    let before: Commands = &[&["ekv-backup", "decode", "old.fsm", "-o", "out.tar.zst"]];
    let arguments = &["decode", "a.fsm", "-o", "out.tar.zst", "--force"];
    Scenario { arguments, targets: &["out.tar.zst"], before }.prove();
}

#[test]
fn decode_to_standard_output() {
    Scenario { arguments: &["decode", "a.fsm", "-o", "-"], targets: &[], before: &[] }.prove();
}

#[test]
fn verify_a_tree() {
    let before: Commands = &[&["ekv-backup", "decode", "a.fsm", "-o", "out"]];
    Scenario { arguments: &["verify", "out"], targets: &["out"], before }.prove();
}

#[test]
fn verify_an_archive() {
    let before: Commands = &[&["ekv-backup", "decode", "a.fsm", "-o", "out.tar.zst"]];
    Scenario { arguments: &["verify", "out.tar.zst"], targets: &["out.tar.zst"], before }.prove();
}

#[test]
fn compare_a_dump_with_a_snapshot() {
    let before: Commands = &[&["ekv-backup", "decode", "old.fsm", "-o", "out"]];
    Scenario { arguments: &["diff", "out", "a.fsm"], targets: &["out"], before }.prove();
}

#[test]
fn list_a_snapshot_and_get_from_an_archive() {
    Scenario { arguments: &["list", "a.fsm", "--long"], targets: &[], before: &[] }.prove();
    let before: Commands = &[&["ekv-backup", "decode", "a.fsm", "-o", "out.tar"]];
    let arguments = &["get", "out.tar", "s3/bucket/dir00000/object0000000000"];
    Scenario { arguments, targets: &["out.tar"], before }.prove();
}

/// Two shares and another dump.
const SHARES: Commands = &[
    &["ekv-backup", "decode", "a.fsm", "-o", "share-0", "--shard", "0/2"],
    &["ekv-backup", "decode", "a.fsm", "-o", "share-1", "--shard", "1/2"],
    &["ekv-backup", "decode", "old.fsm", "-o", "old"],
];

#[test]
fn merge_shares() {
    let arguments = &["merge", "share-0", "share-1", "-o", "out"];
    Scenario { arguments, targets: &["out", "share-0", "share-1"], before: SHARES }.prove();
}

#[test]
fn merge_shares_in_the_place_of_a_dump() {
    let arguments = &["merge", "share-0", "share-1", "-o", "old", "--force"];
    Scenario { arguments, targets: &["old", "share-0", "share-1"], before: SHARES }.prove();
}

#[test]
fn encode_a_tree() {
    let before: Commands = &[&["ekv-backup", "decode", "a.fsm", "-o", "dump"]];
    let arguments = &["encode", "dump", "-o", "snap"];
    Scenario { arguments, targets: &["snap", "snap.encode_info.json", "dump"], before }.prove();
}

#[test]
fn encode_an_archive_in_the_place_of_a_snapshot() {
    let before: Commands = &[
        &["ekv-backup", "decode", "old.fsm", "-o", "old.tar"],
        &["ekv-backup", "encode", "old.tar", "-o", "snap"],
        &["ekv-backup", "decode", "a.fsm", "-o", "dump.tar.zst"],
    ];
    let arguments = &["encode", "dump.tar.zst", "-o", "snap", "--force"];
    Scenario { arguments, targets: &["snap", "snap.encode_info.json"], before }.prove();
}

#[test]
fn export_into_a_directory() {
    let arguments = &["export", "a.fsm", "--to", "dynamodb", "--batch", "-o", "out"];
    Scenario { arguments, targets: &["out"], before: &[] }.prove();
}

#[test]
fn export_to_standard_output() {
    Scenario { arguments: &["export", "a.fsm", "--to", "resp"], targets: &[], before: &[] }.prove();
}
