//! Trees that are sound, and trees with one thing wrong.

mod archive;
mod hostile;
mod multipart;

use std::fs;
use std::os::unix::fs::symlink;

use time::OffsetDateTime;

use super::*;
use crate::tree::{Tree, TreeOptions, keymap, segment};

/// A dump of every adapter, with fallback names, at `out` in the directory.
fn dump() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let target = parent.path().join("out");
    let mut tree = Tree::create(&target, &TreeOptions::default()).unwrap();
    let long = vec![b'k'; 300];
    let name = segment::fallback(&long);
    let mut redis = Vec::new();
    // Twice, as for a string with a TTL (`compat.md#redis-what-the-encoder-demands`).
    keymap::line(&mut redis, name.as_bytes(), &long, keymap::Kind::ShaFallback);
    keymap::line(&mut redis, name.as_bytes(), &long, keymap::Kind::ShaFallback);
    let mut bucket = Vec::new();
    keymap::line(&mut bucket, b"a.elastickv-leaf-data", b"a", keymap::Kind::S3LeafData);
    let mut root = Vec::new();
    let table = format!("dynamodb/{name}");
    keymap::line(&mut root, table.as_bytes(), &long, keymap::Kind::ShaFallback);
    keymap::line(&mut root, b"extra/fs/tree/n\xff", b"n\xff", keymap::Kind::ShaFallback);
    let files: [(&str, &[u8]); 19] = [
        ("redis/db_0/KEYMAP.jsonl", &redis),
        (&format!("redis/db_0/strings/{name}.bin"), b"body"),
        (&format!("redis/db_0/hashes/{name}.json"), b"{}"),
        ("redis/db_0/strings/a%2Fb.bin", b""),
        ("redis/db_0/strings_ttl.jsonl", b"{}\n"),
        ("redis/db_0/streams/s.jsonl", b"{}\n{}\n"),
        (&format!("{table}/_schema.json"), b"{}"),
        (&format!("{table}/items/{name}/.json"), b"{\n  \"a\": []\n}"),
        ("dynamodb/t/items/data-00001.jsonl", b"{}\n"),
        ("s3/b/KEYMAP.jsonl", &bucket),
        ("s3/b/_bucket.json", b"{}"),
        ("s3/b/a.elastickv-leaf-data", b"body"),
        ("s3/b/a.elastickv-leaf-data.elastickv-meta.json", b"{}"),
        ("s3/b/a/no.json", b"not json"),
        ("s3/other/KEYMAP.jsonl", b"an object"),
        ("s3/other/KEYMAP.jsonl.elastickv-meta.json", b"{}"),
        ("sqs/q/messages.jsonl", b"{}\n"),
        ("extra/KEYMAP.jsonl", &root),
        ("PROBLEMS.jsonl", b"{}\n"),
    ];
    for (path, body) in files {
        tree.write(path.as_bytes(), body).unwrap();
    }
    tree.finish(&Manifest::new(OffsetDateTime::UNIX_EPOCH)).unwrap();
    (parent, target)
}

fn report(target: &Path, threads: usize) -> VerifyReport {
    let scratch = tempfile::tempdir().unwrap();
    let options = VerifyOptions {
        threads,
        scratch: Scratch::new(scratch.path().to_owned()),
        interrupt: Interrupt::default(),
        progress: Progress::default(),
    };
    verify(target, &options).unwrap()
}

/// The findings as `<kind> <path> <line> <detail>`, the same for one thread and for several, and for an archive.
fn findings(target: &Path) -> Vec<String> {
    let found = findings_of_tree(target);
    let directory = tempfile::tempdir().unwrap();
    let archive = directory.path().join("out.tar");
    let tar = |arguments: &[&str]| {
        let mut command = std::process::Command::new("tar");
        command.arg("-c").args(arguments).arg("-f").arg(&archive).arg("-C").arg(target).arg(".");
        assert!(command.status().unwrap().success());
    };
    for format in [&["--format=gnu"][..], &["--format=pax", "--sort=name"]] {
        tar(format);
        assert_eq!(findings_of_archive(&archive), found, "{format:?}");
    }
    found
}

fn findings_of_archive(path: &Path) -> Vec<String> {
    in_words(&report(path, 1))
}

fn findings_of_tree(target: &Path) -> Vec<String> {
    let report = report(target, 1);
    assert_eq!(report.findings, self::report(target, 4).findings);
    in_words(&report)
}

fn in_words(report: &VerifyReport) -> Vec<String> {
    let finding = |finding: &Finding| {
        let path = String::from_utf8_lossy(&finding.path);
        format!("{} {path} {} {}", finding.kind, finding.line, finding.detail).trim_end().to_owned()
    };
    report.findings.kept().map(finding).collect()
}

/// Rewrites a file and its row in CHECKSUMS.
fn replace(target: &Path, path: &str, body: &[u8]) {
    use sha2::{Digest, Sha256};
    let old = hex::encode(Sha256::digest(fs::read(target.join(path)).unwrap()));
    let new = hex::encode(Sha256::digest(body));
    fs::write(target.join(path), body).unwrap();
    edit(target, &format!("{old}  {path}\n"), &format!("{new}  {path}\n"));
}

fn edit(target: &Path, old: &str, new: &str) {
    let checksums = fs::read_to_string(target.join("CHECKSUMS")).unwrap();
    assert!(checksums.contains(old), "{old}");
    fs::write(target.join("CHECKSUMS"), checksums.replace(old, new)).unwrap();
}

fn row(target: &Path, path: &str) -> String {
    let checksums = fs::read_to_string(target.join("CHECKSUMS")).unwrap();
    checksums
        .lines()
        .find(|line| line.ends_with(&format!("  {path}")))
        .map(|line| format!("{line}\n"))
        .unwrap()
}

#[test]
fn a_dump_is_sound() {
    let (_parent, target) = dump();
    assert_eq!(findings(&target), [""; 0]);
    let report = report(&target, 2);
    assert!(report.manifest.is_some());
    assert_eq!(report.size.files, 20);
}

#[test]
fn progress_ends_at_the_whole() {
    let (_parent, target) = dump();
    let scratch = tempfile::tempdir().unwrap();
    let scratch = Scratch::new(scratch.path().to_owned());
    let progress = Progress::default();
    let options =
        VerifyOptions { threads: 2, scratch, interrupt: Interrupt::default(), progress: progress.clone() };
    let report = verify(&target, &options).unwrap();
    let state = progress.state();
    assert_eq!((state.phase, state.done), (Phase::Verifying, state.total));
    assert_eq!((state.done.files, state.done.bytes), (report.size.files, report.size.bytes));
}

#[test]
fn files_that_changed_or_are_gone_or_new_are_found() {
    let (_parent, target) = dump();
    fs::write(target.join("s3/b/a/no.json"), "other").unwrap();
    fs::remove_file(target.join("s3/b/a.elastickv-leaf-data")).unwrap();
    fs::write(target.join("s3/b/new"), "").unwrap();
    fs::write(target.join("zz"), "").unwrap();
    assert_eq!(
        findings(&target),
        [
            "keymap_without_file s3/b/KEYMAP.jsonl 1",
            "missing s3/b/a.elastickv-leaf-data 0",
            "changed s3/b/a/no.json 0",
            "unlisted s3/b/new 0",
            "unlisted zz 0",
        ]
    );
}

#[test]
fn a_tree_without_its_lists_says_so() {
    let (_parent, target) = dump();
    fs::remove_file(target.join("MANIFEST.json")).unwrap();
    assert_eq!(findings(&target), ["missing MANIFEST.json 0"]);
    assert!(report(&target, 1).manifest.is_none());
    assert_eq!(report(&target, 1).findings.total(), 1);
    fs::remove_file(target.join("CHECKSUMS")).unwrap();
    assert_eq!(findings(&target), ["no_dump  0 neither MANIFEST.json nor CHECKSUMS is there"]);
}

#[test]
fn a_tree_without_checksums_lists_nothing() {
    let (_parent, target) = dump();
    fs::remove_file(target.join("CHECKSUMS")).unwrap();
    let found = findings(&target);
    assert_eq!(found[..2], ["missing CHECKSUMS 0", "unlisted MANIFEST.json 0"]);
    assert_eq!(found.len(), 1 + 20);
}

#[test]
fn a_manifest_is_checked() {
    let (_parent, target) = dump();
    replace(&target, "MANIFEST.json", b"{\"format_version\":2}");
    assert_eq!(findings(&target), ["bad_manifest MANIFEST.json 0 format_version 2 is not supported"]);
}

#[test]
fn lines_of_checksums_are_strict() {
    let (_parent, target) = dump();
    let whole = row(&target, "PROBLEMS.jsonl");
    edit(&target, &whole, &format!("{whole}{whole}"));
    assert_eq!(findings(&target), ["duplicate_checksums_row PROBLEMS.jsonl 0"]);
    edit(
        &target,
        &format!("{whole}{whole}"),
        &format!("\n{whole}\n\r\n{}{}\n\n", whole.to_uppercase(), "x".repeat(9000)),
    );
    assert_eq!(
        findings(&target),
        [
            "bad_checksums_line CHECKSUMS 6 not 64 lower-case hex digits",
            "bad_checksums_line CHECKSUMS 7 line too long",
        ]
    );
}

#[test]
fn rows_out_of_order_are_found_once_and_still_count() {
    let (_parent, target) = dump();
    let whole = row(&target, "MANIFEST.json");
    edit(&target, &whole, "");
    let checksums = fs::read_to_string(target.join("CHECKSUMS")).unwrap();
    fs::write(target.join("CHECKSUMS"), checksums + &whole).unwrap();
    assert_eq!(findings(&target), ["unsorted_checksums CHECKSUMS 20"]);
}

#[test]
fn links_and_pipes_are_no_files() {
    let (parent, target) = dump();
    fs::rename(target.join("sqs"), parent.path().join("sqs")).unwrap();
    symlink(parent.path().join("sqs"), target.join("sqs")).unwrap();
    fs::remove_file(target.join("PROBLEMS.jsonl")).unwrap();
    symlink("MANIFEST.json", target.join("PROBLEMS.jsonl")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, target.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    assert_eq!(
        findings(&target),
        [
            "not_regular PROBLEMS.jsonl 0 symbolic link",
            "not_regular pipe 0 pipe",
            "not_regular sqs 0 symbolic link",
            "missing sqs/q/messages.jsonl 0",
        ]
    );
}

#[test]
fn json_is_checked_where_the_layout_has_json() {
    let (_parent, target) = dump();
    for path in ["redis/db_0/streams/s.jsonl", "s3/b/_bucket.json", "sqs/q/messages.jsonl"] {
        replace(&target, path, b"{}\n{");
    }
    assert_eq!(
        findings(&target),
        [
            "bad_json redis/db_0/streams/s.jsonl 0 ends inside a value (line 2, offset 4)",
            "bad_json s3/b/_bucket.json 0 data behind the value (line 2, offset 3)",
            "bad_json sqs/q/messages.jsonl 0 ends inside a value (line 2, offset 4)",
        ]
    );
}

#[test]
fn keymaps_and_names_belong_together() {
    let (_parent, target) = dump();
    let mut keymap = b"\n{}\n".to_vec();
    keymap::line(&mut keymap, b"other", b"key", keymap::Kind::ShaFallback);
    let gone = segment::fallback(b"gone");
    keymap::line(&mut keymap, gone.as_bytes(), b"gone", keymap::Kind::ShaFallback);
    keymap::line(&mut keymap, gone.as_bytes(), b"gone", keymap::Kind::S3LeafData);
    replace(&target, "redis/db_0/KEYMAP.jsonl", &keymap);
    let mut keymap = Vec::new();
    keymap::line(&mut keymap, b"dynamodb/gone", b"gone", keymap::Kind::ShaFallback);
    keymap::line(&mut keymap, b"dynamodb/../dynamodb", b"", keymap::Kind::ShaFallback);
    keymap::line(&mut keymap, b"dynamodb/t", b"", keymap::Kind::ShaFallback);
    keymap.extend(br#"{"encoded":"dynamodb/t","original":"","kind":"new"}"#);
    replace(&target, "extra/KEYMAP.jsonl", &keymap);
    let name = segment::fallback(&[b'k'; 300]);
    assert_eq!(
        findings(&target),
        [
            "keymap_without_file extra/KEYMAP.jsonl 1",
            "keymap_without_file extra/KEYMAP.jsonl 2",
            "bad_keymap_line extra/KEYMAP.jsonl 4 unknown kind",
            "bad_keymap_line redis/db_0/KEYMAP.jsonl 1 blank",
            "bad_keymap_line redis/db_0/KEYMAP.jsonl 2 encoded is missing",
            "bad_keymap_line redis/db_0/KEYMAP.jsonl 3 not the SHA fallback of its original",
            "keymap_without_file redis/db_0/KEYMAP.jsonl 4",
            "bad_keymap_line redis/db_0/KEYMAP.jsonl 5 not the SHA fallback of its original",
            &format!("file_without_keymap redis/db_0/hashes/{name}.json 0"),
            &format!("file_without_keymap redis/db_0/strings/{name}.bin 0"),
        ]
    );
}

#[test]
fn names_that_do_not_decode_are_found() {
    let (_parent, target) = dump();
    for name in ["strings/a b.bin", "strings/a.txt", "lists/%2.json"] {
        let path = target.join("redis/db_0").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "[]").unwrap();
    }
    fs::create_dir(target.join("s3/a b")).unwrap();
    let found: Vec<_> =
        findings(&target).into_iter().filter(|finding| !finding.starts_with("unlisted")).collect();
    assert_eq!(
        found,
        [
            "bad_name redis/db_0/lists/%2.json 0 bad escape at 0",
            "bad_name redis/db_0/strings/a b.bin 0 byte 0x20 at 1 is not escaped",
            "bad_name redis/db_0/strings/a.txt 0 does not end in .bin",
            "empty_directory s3/a b 0",
            "bad_name s3/a b 0 byte 0x20 at 1 is not escaped",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_does_not_end_the_run() {
    let (_parent, target) = dump();
    fs::remove_file(target.join("PROBLEMS.jsonl")).unwrap();
    let deep = vec!["d"; 300].join("/");
    fs::create_dir_all(target.join(&deep)).unwrap();
    fs::write(target.join(&deep).join("file"), "").unwrap();
    assert_eq!(findings(&target), ["missing PROBLEMS.jsonl 0", &format!("unlisted {deep}/file 0")]);
}

#[test]
fn an_interrupt_ends_the_run() {
    let (_parent, target) = dump();
    let scratch = tempfile::tempdir().unwrap();
    let interrupt = Interrupt::default();
    interrupt.flag().store(15, Ordering::Relaxed);
    let options = VerifyOptions {
        threads: 2,
        scratch: Scratch::new(scratch.path().to_owned()),
        interrupt,
        progress: Progress::default(),
    };
    let error = crate::Error::from(verify(&target, &options).unwrap_err());
    assert!(matches!(error, crate::Error::Interrupted(_)));
    let missing = verify(&target.join("none"), &options).unwrap_err();
    assert_eq!(missing.path, target.join("none"));
}
