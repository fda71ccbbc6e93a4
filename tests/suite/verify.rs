//! `verify`: every difference between a tree and its own account of itself.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::dump::checksum_line;
use crate::fixture::Snapshot;
use crate::tool::{Run, Work, testdata};

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

/// Runs `verify` as a user who is not root.
fn verify_unprivileged(work: &Work) -> Run {
    const NOBODY: u32 = 65534;
    let binary = work.path("binary");
    fs::copy(env!("CARGO_BIN_EXE_ekv-backup"), &binary).unwrap();
    let mut command = work.command_of(&binary, ["verify", "dump", "--json"]);
    if rustix::process::geteuid().is_root() {
        let chown = ["-R", "65534", "."];
        let given =
            work.command_of("chown".as_ref(), chown).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").status();
        assert!(given.unwrap().success());
        command.uid(NOBODY).gid(NOBODY);
    }
    Run::of(&command.output().unwrap())
}

#[test]
fn a_directory_that_may_not_be_listed_is_one_finding() {
    for (directory, files) in [("redis/db_0/strings", 4), ("redis", 5)] {
        let work = dumped();
        let path = work.path("dump").join(directory);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        let run = verify_unprivileged(&work);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        let json = run.exits(4).json();
        assert_eq!(json["finding_counts"], serde_json::json!({"unreadable": 1}), "{}", run.out);
        let finding = &json["first_findings"][0];
        assert_eq!(finding["path"], directory);
        let detail = finding["detail"].as_str().unwrap();
        assert!(detail.ends_with(&format!("; {files} files in it not looked at")), "{detail}");
        assert!(run.err.ends_with("NOT sound, and not all of it could be read\n"), "{}", run.err);
    }
}

#[test]
fn files_that_may_not_be_read_are_one_finding_each() {
    for name in ["CHECKSUMS", "MANIFEST.json", "redis/db_0/KEYMAP.jsonl", "redis/db_0/strings/a.bin"] {
        let work = dumped();
        fs::set_permissions(work.path("dump").join(name), fs::Permissions::from_mode(0o000)).unwrap();
        let run = verify_unprivileged(&work);
        let json = run.exits(4).json();
        assert_eq!(json["finding_counts"], serde_json::json!({"unreadable": 1}), "{name}: {}", run.out);
        assert_eq!(json["first_findings"][0]["path"], name);
    }
}

#[test]
fn too_few_descriptors_are_an_error_and_no_finding() {
    let work = dumped();
    for limit in 4..12 {
        let script = format!("ulimit -n {limit}; exec $EKV verify dump --json --progress none");
        let mut command = work.command_of("sh".as_ref(), ["-c", &script]);
        let run = Run::of(&command.env("EKV", env!("CARGO_BIN_EXE_ekv-backup")).output().unwrap());
        // Where there are enough, all is well; never is anything missing.
        if run.code != Some(0) {
            let json = run.exits(4).json();
            assert!(json["error"].is_string() && json.get("findings").is_none(), "{limit}: {}", run.out);
        }
    }
}

#[test]
fn a_directory_that_is_no_dump_says_so_in_one_line() {
    let work = dumped();
    for directory in [".", "dump/redis"] {
        let run = work.run(["verify", directory]);
        let expected = format!("{directory} is no dump: neither MANIFEST.json nor CHECKSUMS is there\n");
        assert_eq!((run.exits(1).err.as_str(), run.out.as_str()), (expected.as_str(), ""));
    }
    let json = work.run(["verify", ".", "--json"]).exits(1).json();
    assert_eq!(json["finding_counts"], serde_json::json!({"no_dump": 1}));
}

#[test]
fn problems_of_the_manifest_are_said_in_words() {
    let work = Work::with(&Snapshot::new().string("a", "1").live());
    work.decode(&[]).exits(0);
    let manifest = fs::read_to_string(work.path("dump/MANIFEST.json")).unwrap();
    let manifest =
        manifest.trim_end().trim_end_matches('}').trim_end().to_owned() + ",\n  \"problems\": 3\n}\n";
    work.write("dump/MANIFEST.json", manifest.as_bytes());
    rewrite_checksums(&work);
    let run = work.run(["verify", "dump"]);
    let words = "3 objects were missing or altered when the dump was made: see PROBLEMS.jsonl";
    assert!(run.exits(0).err.contains(words), "{}", run.err);
}

#[test]
fn names_that_are_not_utf_8_have_base64_beside_them() {
    let work = dumped();
    fs::write(work.path("dump").join(OsStr::from_bytes(b"\xffz")), "").unwrap();
    let run = work.run(["verify", "dump", "--json"]);
    let json = run.exits(1).json();
    let finding = &json["first_findings"][0];
    assert_eq!((&finding["path"], &finding["path_base64"]), (&"\u{fffd}z".into(), &"/3o=".into()));
    assert!(run.err.contains(r"unlisted: \xffz"), "{}", run.err);
    fs::write(work.path("dump/plain"), "").unwrap();
    let json = work.run(["verify", "dump", "--json"]).exits(1).json();
    assert!(json["first_findings"][0].get("path_base64").is_none());
}

/// Also inside one huge file, and inside one huge line.
#[test]
fn a_signal_ends_verify_within_a_second() {
    for (name, length) in [("redis/db_0/strings/a.bin", 4_u64 << 40), ("PROBLEMS.jsonl", 4 << 40)] {
        let work = dumped();
        work.write(work.path("dump").join(name), b"");
        rewrite_checksums(&work);
        let file = fs::OpenOptions::new().write(true).open(work.path("dump").join(name)).unwrap();
        file.set_len(length).unwrap();
        let mut command = work.command(["verify", "dump", "--progress", "none"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "{name}: it reads for hours");
        let asked = Instant::now();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(143));
        assert!(asked.elapsed() < Duration::from_secs(1), "{name}");
    }
}

/// Makes CHECKSUMS tell the truth about what is there now.
fn rewrite_checksums(work: &Work) {
    let files = work.dump().files;
    let lines = files.iter().filter(|(path, _)| path.as_slice() != b"CHECKSUMS");
    let listing: Vec<u8> = lines.flat_map(|(path, content)| checksum_line(path, content)).collect();
    work.write("dump/CHECKSUMS", &listing);
}
