//! `verify`: every difference between a tree and its own account of itself.

use std::fs;
use std::os::unix::fs::symlink;

use crate::dump::checksum_line;
use crate::fixture::Snapshot;
use crate::tool::{Work, testdata};

/// A dump with a KEYMAP.
fn dumped() -> Work {
    let snapshot =
        Snapshot::new().string("a", "1").string("b", "2").string("c", "3").string("n".repeat(300), "long");
    let work = Work::with(&snapshot.live());
    work.decode(&[]).exits(0);
    work
}

/// Damages a dump and returns what `verify` says, all of it.
fn said_after(damage: impl Fn(&Work)) -> String {
    let work = dumped();
    damage(&work);
    let run = work.run(["verify", "dump"]);
    let json = work.run(["verify", "dump", "--json"]);
    run.exits(1);
    json.exits(1);
    assert!(json.json().is_object());
    format!("{}{}", run.out, run.err)
}

#[test]
fn a_sound_dump_passes() {
    dumped().run(["verify", "dump"]).exits(0);
    let work = Work::with(&fs::read(testdata("live/shop/000000000000016e.fsm")).unwrap());
    work.decode(&[]).exits(0);
    work.run(["verify", "dump"]).exits(0);
    assert_eq!(work.names(), ["dump", "snapshot.fsm"]);
}

#[test]
fn a_missing_file_is_named() {
    let said = said_after(|work| fs::remove_file(work.path("dump/redis/db_0/strings/a.bin")).unwrap());
    assert!(said.contains("redis/db_0/strings/a.bin"), "{said}");
}

#[test]
fn a_changed_file_is_named() {
    let said = said_after(|work| work.write("dump/redis/db_0/strings/a.bin", b"!"));
    assert!(said.contains("redis/db_0/strings/a.bin"), "{said}");
}

#[test]
fn an_unlisted_file_is_named() {
    let said = said_after(|work| work.write("dump/redis/db_0/strings/new.bin", b"!"));
    assert!(said.contains("redis/db_0/strings/new.bin"), "{said}");
}

#[test]
fn a_link_is_named() {
    let said = said_after(|work| symlink("a.bin", work.path("dump/redis/db_0/strings/link.bin")).unwrap());
    assert!(said.contains("redis/db_0/strings/link.bin"), "{said}");
}

#[test]
fn a_file_behind_a_link_does_not_count() {
    let said = said_after(|work| {
        fs::rename(work.path("dump/redis"), work.path("moved")).unwrap();
        symlink("../moved", work.path("dump/redis")).unwrap();
    });
    assert!(said.contains("redis"), "{said}");
}

#[test]
fn a_malformed_line_of_checksums_is_named() {
    let said = said_after(|work| {
        let listing = fs::read_to_string(work.path("dump/CHECKSUMS")).unwrap();
        work.write("dump/CHECKSUMS", format!("{listing}no digest\n").as_bytes());
    });
    assert!(said.contains("CHECKSUMS"), "{said}");
}

#[test]
fn a_path_that_leaves_the_root_is_refused() {
    let said = said_after(|work| {
        let listing = fs::read_to_string(work.path("dump/CHECKSUMS")).unwrap();
        let line = format!("{}  ../snapshot.fsm\n", "0".repeat(64));
        work.write("dump/CHECKSUMS", (listing + &line).as_bytes());
    });
    assert!(said.contains("CHECKSUMS"), "{said}");
}

#[test]
fn a_bad_manifest_keymap_or_json_is_named_although_its_digest_is_right() {
    for (name, content) in [
        ("MANIFEST.json", "{}"),
        ("MANIFEST.json", "no JSON"),
        ("redis/db_0/KEYMAP.jsonl", "{\"encoded\":\"x\"}\n"),
        ("redis/db_0/KEYMAP.jsonl", "\n"),
        ("redis/db_0/hashes/h.json", "{"),
    ] {
        let said = said_after(|work| {
            let path = work.path("dump").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
            rewrite_checksums(work);
        });
        assert!(said.contains(name), "{name}: {said}");
    }
}

#[test]
fn all_faults_are_reported_at_once() {
    let said = said_after(|work| {
        fs::remove_file(work.path("dump/redis/db_0/strings/a.bin")).unwrap();
        work.write("dump/redis/db_0/strings/b.bin", b"!");
        work.write("dump/extra.txt", b"!");
        symlink("c.bin", work.path("dump/redis/db_0/strings/link.bin")).unwrap();
        work.write("dump/MANIFEST.json", b"{}");
        let listing = fs::read_to_string(work.path("dump/CHECKSUMS")).unwrap();
        work.write("dump/CHECKSUMS", format!("{listing}no digest\n").as_bytes());
    });
    for name in ["a.bin", "b.bin", "extra.txt", "link.bin", "MANIFEST.json", "CHECKSUMS"] {
        assert!(said.contains(name), "{name}: {said}");
    }
}

#[test]
fn a_tree_without_checksums_is_no_dump() {
    let said = said_after(|work| fs::remove_file(work.path("dump/CHECKSUMS")).unwrap());
    assert!(said.contains("CHECKSUMS"), "{said}");
}

/// Makes CHECKSUMS tell the truth about what is there now.
fn rewrite_checksums(work: &Work) {
    let files = work.dump().files;
    let lines = files.iter().filter(|(path, _)| path.as_slice() != b"CHECKSUMS");
    let listing: Vec<u8> = lines.flat_map(|(path, content)| checksum_line(path, content)).collect();
    work.write("dump/CHECKSUMS", &listing);
}
