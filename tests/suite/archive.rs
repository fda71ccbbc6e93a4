//! Dumps in one file: the same tree, the same bytes each time, complete or not there.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::fixture::Snapshot;
use crate::tool::{Run, Work, testdata};

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

/// A snapshot of some strings.
fn strings(count: usize, size: usize) -> Vec<u8> {
    let mut snapshot = Snapshot::new();
    for number in 0..count {
        snapshot = snapshot.string(format!("key{number:06}"), vec![b'v'; size]);
    }
    snapshot.live()
}

#[test]
fn an_archive_is_verified_from_a_file_and_from_standard_input_and_so_is_one_that_tar_made() {
    let work = Work::with(&strings(20, 10));
    for archive in ["dump.tar", "dump.tar.zst"] {
        work.run(["decode", "snapshot.fsm", "-o", archive]).exits(0);
        let run = work.run(["verify", archive, "--json"]);
        run.exits(0);
        let json = run.json();
        assert_eq!((json["files"].as_u64(), json["bytes"].as_u64()), (Some(21), json["bytes"].as_u64()));
        assert_eq!((&json["sound"], &json["directory"]), (&true.into(), &archive.into()));
        let input = fs::File::open(work.path(archive)).unwrap();
        Run::of(&work.command(["verify", "-"]).stdin(input).output().unwrap()).exits(0);
    }
    work.decode(&[]).exits(0);
    let tree = work.run(["verify", "dump", "--json"]).json();
    let archive = work.run(["verify", "dump.tar", "--json"]).json();
    for member in ["files", "bytes", "problems", "findings"] {
        assert_eq!(tree[member], archive[member], "{member}");
    }
    system(&work, "tar", &["-c", "-f", "other.tar", "-C", "dump", "."]);
    work.run(["verify", "other.tar"]).exits(0);
    // One byte of a body.
    let mut bytes = fs::read(work.path("dump.tar")).unwrap();
    let at = bytes.windows(10).position(|window| window == b"vvvvvvvvvv").unwrap();
    bytes[at] = b'w';
    work.write("dump.tar", &bytes);
    let run = work.run(["verify", "dump.tar"]);
    run.exits(1);
    assert!(run.err.starts_with("changed: redis/db_0/strings/key000000.bin\n"), "{}", run.err);
    work.write("dump.tar", &bytes[..bytes.len() - 600]);
    let run = work.run(["verify", "dump.tar"]);
    run.exits(1);
    assert!(run.err.starts_with("bad_archive: at byte "), "{}", run.err);
    let run = work.run(["verify", "snapshot.fsm"]);
    run.exits(1);
    assert!(run.err.contains("is no dump: no tar archive"), "{}", run.err);
    work.run(["verify", "absent.tar"]).exits(4);
}

#[test]
fn what_is_at_the_target_stays_without_force_and_is_replaced_whole_with_it() {
    let work = Work::with(&strings(3, 10));
    work.write("dump.tar", b"old");
    let run = work.run(["decode", "snapshot.fsm", "-o", "dump.tar"]);
    run.exits(2);
    assert!(run.err.contains("only --force replaces it"), "{}", run.err);
    assert_eq!(fs::read(work.path("dump.tar")).unwrap(), b"old");
    work.run(["decode", "absent.fsm", "-o", "dump.tar", "--force"]).exits(4);
    assert_eq!(fs::read(work.path("dump.tar")).unwrap(), b"old");
    work.run(["decode", "snapshot.fsm", "-o", "dump.tar", "--force"]).exits(0);
    work.run(["verify", "dump.tar"]).exits(0);
    let mode = fs::metadata(work.path("dump.tar")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // An input, a link, a directory, and formats that are not made.
    fs::copy(work.path("snapshot.fsm"), work.path("input.tar")).unwrap();
    let run = work.run(["decode", "input.tar", "-o", "input.tar", "--force"]);
    run.exits(2);
    assert!(run.err.contains("is the input input.tar"), "{}", run.err);
    std::os::unix::fs::symlink("elsewhere", work.path("link.tar")).unwrap();
    fs::create_dir(work.path("directory.tar")).unwrap();
    for target in ["link.tar", "directory.tar", "new.tar.gz", "new.zip"] {
        work.run(["decode", "snapshot.fsm", "-o", target, "--force"]).exits(2);
    }
    let names = ["directory.tar", "dump.tar", "input.tar", "link.tar", "snapshot.fsm"];
    assert_eq!(work.names(), names);
}

#[test]
fn a_run_that_fails_leaves_no_archive() {
    let mut bytes = strings(3, 10);
    let work = Work::with(&bytes);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    work.write("damaged.fsm", &bytes);
    for archive in ["dump.tar", "dump.tar.zst"] {
        work.run(["decode", "damaged.fsm", "-o", archive]).exits(3);
        work.run(["decode", "snapshot.fsm", "-o", archive, "--scope", "redis=1"]).exits(2);
        let missing = format!("absent/{archive}");
        work.run(["decode", "snapshot.fsm", "-o", &missing]).exits(4);
    }
    let hostile = Work::with(&Snapshot::new().put("!hs|meta|k", "bad").live());
    hostile.run(["decode", "snapshot.fsm", "-o", "dump.tar", "--strict"]).exits(1);
    assert_eq!(hostile.names(), ["snapshot.fsm"]);
    assert_eq!(work.names(), ["damaged.fsm", "snapshot.fsm"]);
}

#[test]
fn a_full_disk_and_a_file_over_the_limit_are_said_and_nothing_stays() {
    let work = Work::with(&strings(3, 300_000));
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let run = Run::of(&work.command(["decode", "snapshot.fsm", "-o", "-"]).stdout(full()).output().unwrap());
    run.exits(4);
    assert!(run.err.contains("no space left") && run.err.contains("needed"), "{}", run.err);
    for archive in ["dump.tar", "dump.tar.zst"] {
        let limit = if archive == "dump.tar" { 100 } else { 0 };
        let script = format!("ulimit -f {limit}; exec \"$0\" decode snapshot.fsm -o {archive}");
        let mut command = work.command_of("sh".as_ref(), ["-c", &script, env!("CARGO_BIN_EXE_ekv-backup")]);
        let run = Run::of(&command.output().unwrap());
        run.exits(4);
        assert!(run.err.contains("ulimit -f"), "{}", run.err);
        assert_eq!(work.names(), ["snapshot.fsm"], "{archive}");
    }
}

#[test]
fn a_signal_leaves_nothing_and_a_kill_what_the_next_run_names() {
    let work = Work::with(&strings(30_000, 10));
    for archive in ["dump.tar", "dump.tar.zst"] {
        for (signal, code) in [("INT", Some(130)), ("TERM", Some(143)), ("KILL", None)] {
            let binary = env!("CARGO_BIN_EXE_ekv-backup");
            let arguments = ["--default-signal=INT,TERM", binary, "decode", "-", "-o", archive, "--quiet"];
            let mut child = work
                .command_of("env".as_ref(), arguments)
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            while work.names().len() < 2 && child.try_wait().unwrap().is_none() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            let status =
                Command::new("sh").args(["-c", &format!("kill -s {signal} {}", child.id())]).status();
            assert!(status.unwrap().success());
            let run = Run::of(&child.wait_with_output().unwrap());
            assert_eq!(run.code, code, "{signal}");
            if signal == "KILL" {
                let names = work.names();
                assert!(names[0].starts_with(&format!(".{archive}.partial-")), "{names:?}");
                let mode = fs::metadata(work.path(&names[0])).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
                let run = work.run(["decode", "snapshot.fsm", "-o", archive]);
                run.exits(0);
                assert!(run.err.contains("stale_partial") && run.err.contains(&names[0]), "{}", run.err);
                fs::remove_file(work.path(&names[0])).unwrap();
                fs::remove_file(work.path(archive)).unwrap();
            }
            assert_eq!(work.names(), ["snapshot.fsm"], "{archive} {signal}");
        }
    }
}

#[test]
fn an_archive_goes_to_a_pipe_and_never_to_a_terminal() {
    let work = Work::with(&strings(2_000, 100));
    let output = work.command(["decode", "snapshot.fsm", "-o", "-", "--json", "--quiet"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let summary: serde_json::Value = serde_json::from_slice(&output.stderr).expect("the summary alone");
    assert_eq!((&summary["output"], &summary["files"]), (&"-".into(), &2_001.into()));
    work.write("piped.tar", &output.stdout);
    work.run(["verify", "piped.tar"]).exits(0);
    // Who closes the pipe hears nothing, but the archive is not complete.
    let mut child = work
        .command(["decode", "snapshot.fsm", "-o", "-", "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut start = [0; 512];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap();
    let run = Run::of(&child.wait_with_output().unwrap());
    assert_eq!((run.code, &*run.err), (Some(4), ""));
    // A reader that does not read holds up no signal.
    let binary = env!("CARGO_BIN_EXE_ekv-backup");
    let arguments = ["--default-signal=TERM", binary, "decode", "snapshot.fsm", "-o", "-"];
    let child = work
        .command_of("env".as_ref(), arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let status = Command::new("sh").args(["-c", &format!("kill -s TERM {}", child.id())]).status();
    assert!(status.unwrap().success());
    Run::of(&child.wait_with_output().unwrap()).exits(143);
    let (_typing, terminal) = crate::signals::terminal();
    let mut command = work.command(["decode", "snapshot.fsm", "-o", "-"]);
    let run = Run::of(&command.stdout(terminal).stderr(Stdio::piped()).output().unwrap());
    run.exits(2);
    assert!(run.err.contains("is a terminal"), "{}", run.err);
}
