//! Dumps in one file: the same tree, the same bytes each time, complete or not there.

use std::fs;
use std::process::Command;

use crate::tool::{Work, testdata};

/// Captures of all services.
const CAPTURES: [&str; 7] = ["dynamodb", "fs", "mvcc", "rawkv", "redis", "s3", "shop"];

fn capture(name: &str) -> String {
    let entries = fs::read_dir(testdata("live").join(name)).expect("a capture can be listed");
    let mut paths = entries.map(|entry| entry.expect("an entry can be read").path());
    let path = paths.find(|path| path.to_string_lossy().contains(".fsm")).expect("a capture has a snapshot");
    path.to_str().expect("its name is UTF-8").to_owned()
}

/// Runs a program of the system in the directory.
#[track_caller]
fn system(work: &Work, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(work.path("")).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Unpacks an archive into a new directory.
fn unpack(work: &Work, archive: &str, directory: &str) {
    fs::create_dir(work.path(directory)).expect("a directory can be made");
    let plain = if archive == "dump.tar.zst" {
        let packed = fs::read(work.path(archive)).expect("the archive can be read");
        work.write("plain.tar", &zstd::decode_all(&*packed).expect("it is a zstd stream"));
        "plain.tar"
    } else {
        archive
    };
    system(work, "tar", &["-x", "-p", "-f", plain, "-C", directory]);
}

#[test]
fn an_archive_unpacks_to_the_tree() {
    for name in CAPTURES {
        let (work, snapshot) = (Work::new(), capture(name));
        let tree = work.run(["decode", &snapshot, "-o", "tree"]);
        let code = tree.code.expect("the run ended by itself");
        for archive in ["dump.tar", "dump.tar.zst"] {
            work.run(["decode", &snapshot, "-o", archive]).exits(code);
            unpack(&work, archive, "unpacked");
            system(&work, "diff", &["-r", "tree", "unpacked"]);
            let directory = work.path("unpacked");
            let check = Command::new("sha256sum")
                .args(["--quiet", "-c", "CHECKSUMS"])
                .current_dir(&directory)
                .output();
            assert!(check.expect("sha256sum can be run").status.success(), "{name}");
            let modes = |directory: &str| {
                system(&work, "find", &[directory, "-mindepth", "1", "-printf", "%P %m\\n"])
            };
            let sorted = |text: String| {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            assert_eq!(sorted(modes("unpacked")), sorted(modes("tree")), "{name}");
            let listed = system(&work, "tar", &["-t", "-f", "dump.tar"]);
            assert!(listed.ends_with("MANIFEST.json\nCHECKSUMS\n"), "{name}: {listed}");
            fs::remove_dir_all(directory).expect("the tree can be removed");
        }
    }
}

#[test]
fn the_bytes_are_the_same_each_time_and_on_standard_output() {
    for name in CAPTURES {
        let (work, snapshot) = (Work::new(), capture(name));
        for archive in ["one.tar", "two.tar", "one.tar.zst", "two.tar.zst"] {
            work.run(["decode", &snapshot, "-o", archive]);
        }
        let read = |name: &str| fs::read(work.path(name)).expect("the archive can be read");
        assert!(read("one.tar") == read("two.tar"), "{name}");
        assert!(read("one.tar.zst") == read("two.tar.zst"), "{name}");
        assert!(zstd::decode_all(&*read("one.tar.zst")).unwrap() == read("one.tar"), "{name}");
        let output =
            work.command(["decode", &snapshot, "-o", "-"]).env("TMPDIR", work.path("")).output().unwrap();
        assert!(output.stdout == read("one.tar"), "{name}");
        assert_eq!(work.names(), ["one.tar", "one.tar.zst", "two.tar", "two.tar.zst"], "{name}");
    }
}
