//! What stands at the target, limits of the process, and what is left when a run ends badly.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use crate::dump::checksum_faults;
use crate::fixture::Snapshot;
use crate::tool::{Run, Work};

const NOBODY: u32 = 65534;

fn sound() -> Snapshot {
    Snapshot::new().string("k", "v")
}

/// Runs a shell command in the directory, with the binary as `$EKV`.
fn shell(work: &Work, binary: &str, script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(work.path("")).env("EKV", binary);
    command
}

fn output(mut command: Command) -> Run {
    Run::of(&command.output().expect("a shell can be run"))
}

const BINARY: &str = env!("CARGO_BIN_EXE_ekv-backup");

/// Gives the directory to a user without rights where the tests run as root, with a copy of the binary.
fn unprivileged(work: &Work, script: &str) -> Command {
    use std::os::unix::process::CommandExt;
    if fs::metadata(work.path("")).is_ok_and(|metadata| metadata.uid() != 0) {
        return shell(work, BINARY, script);
    }
    fs::copy(BINARY, work.path("binary")).expect("the binary can be copied");
    let given = Command::new("chown").arg("-R").arg(NOBODY.to_string()).arg(work.path("")).status();
    assert!(given.is_ok_and(|status| status.success()));
    let mut command = shell(work, "./binary", script);
    command.uid(NOBODY).gid(NOBODY);
    command
}

#[test]
fn force_names_what_it_would_have_removed() {
    let work = Work::with(&sound().live());
    work.decode(&[]).exits(0);
    work.write("dump/redis/mine", b"kept");
    work.write("dump/zz", b"kept");
    let run = work.decode(&["--force"]);
    run.exits(2);
    assert!(run.err.contains("dump/redis/mine") && run.err.contains("2 such files"), "{}", run.err);
    assert_eq!(fs::read(work.path("dump/redis/mine")).unwrap(), b"kept");
    assert_eq!(work.names(), ["dump", "snapshot.fsm"]);
}

#[test]
fn force_replaces_no_directory_with_another_manifest() {
    let work = Work::with(&sound().live());
    fs::create_dir(work.path("dump")).unwrap();
    work.write("dump/MANIFEST.json", b"{\"name\":\"web\",\"icons\":[]}");
    let run = work.decode(&["--force"]);
    run.exits(2);
    assert!(run.err.contains("MANIFEST.json"), "{}", run.err);
    assert_eq!(work.names(), ["dump", "snapshot.fsm"]);
}

#[test]
fn an_input_inside_the_target_is_kept() {
    let work = Work::with(&sound().live());
    work.decode(&[]).exits(0);
    fs::rename(work.path("snapshot.fsm"), work.path("dump/in.fsm")).unwrap();
    std::os::unix::fs::symlink("dump", work.path("link")).unwrap();
    let before = work.dump();
    for input in ["dump/in.fsm", "link/in.fsm", "dump/../link/in.fsm"] {
        let run = work.run(["decode", input, "-o", "dump", "--force"]);
        run.exits(2);
        assert!(run.err.contains("inside it"), "{}", run.err);
    }
    let run = output(shell(&work, BINARY, "$EKV decode - -o dump --force < dump/in.fsm"));
    run.exits(2);
    assert_eq!(work.dump(), before);
    assert_eq!(work.names(), ["dump", "link"]);
}

#[test]
fn an_empty_target_keeps_its_mode() {
    let work = Work::with(&sound().live());
    fs::create_dir(work.path("dump")).unwrap();
    fs::set_permissions(work.path("dump"), fs::Permissions::from_mode(0o2750)).unwrap();
    let before = fs::metadata(work.path("dump")).unwrap().mode();
    work.decode(&[]).exits(0);
    assert_eq!(fs::metadata(work.path("dump")).unwrap().mode(), before);
}

#[test]
fn what_a_killed_run_has_left_is_named_by_the_next() {
    let work = Work::with(&sound().live());
    fs::create_dir(work.path(".dump.partial-abcdefgh")).unwrap();
    work.decode(&[]).exits(0);
    fs::rename(work.path("dump"), work.path(".dump.replaced-12345678")).unwrap();
    let run = work.decode(&[]);
    run.exits(2);
    assert!(run.err.contains(".dump.replaced-12345678"), "{}", run.err);
    assert!(work.path("dump/CHECKSUMS").exists(), "moved back");
    let run = work.decode(&["--force"]);
    run.exits(0);
    assert!(run.err.contains("stale_partial") && run.err.contains(".dump.partial-abcdefgh"), "{}", run.err);
}

#[test]
fn too_few_descriptors_are_an_error_that_names_the_limit() {
    let mut snapshot = Snapshot::new();
    for number in 0..200 {
        snapshot = snapshot.string(format!("key{number}"), "v");
    }
    let work = Work::with(&snapshot.live());
    let mut named = 0;
    for limit in [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 20, 24, 32] {
        let script = format!("ulimit -n {limit}; exec $EKV decode snapshot.fsm -o dump --progress none");
        let run = output(shell(&work, BINARY, &script));
        if run.code == Some(0) {
            fs::remove_dir_all(work.path("dump")).unwrap();
        } else {
            run.exits(4);
            named += usize::from(run.err.contains(&format!("the limit of this process is {limit}")));
        }
        assert_eq!(work.names(), ["snapshot.fsm"], "{limit}");
    }
    assert!(named >= 4, "{named}");
}

#[test]
fn a_file_over_the_limit_is_an_error_of_its_write() {
    let work = Work::with(&Snapshot::new().string("k", vec![7; 300_000]).live());
    let script = "ulimit -f 100; exec $EKV decode snapshot.fsm -o dump --progress none";
    let run = output(shell(&work, BINARY, script));
    run.exits(4);
    assert!(run.err.contains("k.bin") && run.err.contains("ulimit -f"), "{}", run.err);
    assert_eq!(work.names(), ["snapshot.fsm"]);
}

#[test]
fn no_umask_takes_what_the_owner_needs() {
    for umask in ["0777", "0700", "0077"] {
        let work = Work::with(&sound().live());
        let script = format!(
            "umask {umask}; $EKV decode snapshot.fsm -o dump && $EKV decode snapshot.fsm -o other --mode-from-umask"
        );
        output(unprivileged(&work, &script)).exits(0);
        let mode = |path: &str| fs::metadata(work.path(path)).unwrap().mode() & 0o777;
        assert_eq!(
            (mode("dump"), mode("dump/redis"), mode("dump/CHECKSUMS")),
            (0o700, 0o700, 0o600),
            "{umask}"
        );
        assert_eq!(mode("other") & 0o700, 0o700, "{umask}");
        assert_eq!(checksum_faults(&work.dump()), Vec::<String>::new());
    }
}

#[test]
fn a_staging_directory_that_cannot_be_removed_is_named() {
    let work = Work::with(&sound().live());
    // The run waits for its input, and the directory above is closed meanwhile.
    let mut command = unprivileged(&work, "exec $EKV decode - -o dump --progress none");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let staged = || work.names().into_iter().find(|name| name.starts_with(".dump.partial-"));
    while staged().is_none() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    std::thread::sleep(std::time::Duration::from_millis(100));
    fs::set_permissions(work.path(""), fs::Permissions::from_mode(0o500)).unwrap();
    drop(child.stdin.take());
    let run = Run::of(&child.wait_with_output().unwrap());
    fs::set_permissions(work.path(""), fs::Permissions::from_mode(0o700)).unwrap();
    run.exits(3);
    assert!(run.err.contains("cleanup_failed") && run.err.contains(&staged().unwrap()), "{}", run.err);
}

#[test]
fn a_key_whose_keymap_line_nobody_reads_is_a_problem_and_the_rest_stands() {
    let long = "p".repeat(3_145_800);
    let snapshot = sound().string(&long, "v").put(&long, "bare").string("s".repeat(300), "v");
    let work = Work::with(&snapshot.live());
    work.decode(&[]).exits(1);
    let problems = fs::read_to_string(work.path("dump/PROBLEMS.jsonl")).unwrap();
    assert_eq!(problems.lines().count(), 2);
    assert!(problems.lines().all(|line| line.contains("\"class\":\"keymap_line_too_long\"")));
    work.run(["verify", "dump"]).exits(0);
    assert!(work.path("dump/redis/db_0/strings/k.bin").exists());
}
