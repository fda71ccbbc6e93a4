//! Signals, wherever a run is: they end it within a second and nothing is left; those that were ignored stay ignored.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};

use crate::fixture::Snapshot;
use crate::tool::{Run, Work};

/// Most time from a signal to the end, with room for a busy machine.
const SOON: Duration = Duration::from_secs(3);

fn kill(signal: &str, child: &Child) {
    let kill = Command::new("sh").args(["-c", &format!("kill -s {signal} {}", child.id())]).status();
    assert!(kill.expect("kill can be run").success());
}

/// Returns the command with no signal ignored, whatever the tests were started under.
fn heeding(work: &Work, arguments: &[&str]) -> Command {
    let binary = env!("CARGO_BIN_EXE_ekv-backup");
    work.command_of("env".as_ref(), [&["--default-signal=HUP,INT,TERM", binary], arguments].concat())
}

/// Waits for the end after a signal, and checks that it comes soon.
#[track_caller]
fn ends(child: Child, signal: &str, code: i32) {
    let started = Instant::now();
    kill(signal, &child);
    let run = Run::of(&child.wait_with_output().unwrap());
    run.exits(code);
    assert!(started.elapsed() < SOON, "{signal}: {:?}", started.elapsed());
}

/// Waits until a file has been read for some time.
fn settle() {
    std::thread::sleep(Duration::from_millis(300));
}

const SIGNALS: [(&str, i32); 3] = [("INT", 130), ("TERM", 143), ("HUP", 129)];

#[test]
fn a_read_that_blocks_ends_and_the_staging_directory_with_it() {
    let head = &Snapshot::new().string("k", "v").live()[..30];
    for (signal, code) in SIGNALS {
        for command in [&["decode", "-", "-o", "dump"][..], &["inspect", "-"]] {
            for given in [&b""[..], head] {
                let work = Work::new();
                let mut child = heeding(&work, command)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                let mut input = child.stdin.take().unwrap();
                input.write_all(given).unwrap();
                settle();
                ends(child, signal, code);
                drop(input);
                assert_eq!(work.names(), [""; 0], "{signal} {command:?}");
            }
        }
    }
}

/// Opens a pseudo terminal: the end of who types, and the terminal.
pub fn terminal() -> (fs::File, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let typing = openpt(flags).unwrap();
    unlockpt(&typing).unwrap();
    let terminal = ioctl_tiocgptpeer(&typing, flags).unwrap();
    (typing.into(), terminal)
}

#[test]
fn a_terminal_at_which_nobody_types_does_not_hold_a_run() {
    for (signal, code) in SIGNALS {
        for command in [&["decode", "-", "-o", "out"][..], &["inspect", "-"]] {
            let work = Work::new();
            let (_typing, terminal) = terminal();
            let child = heeding(&work, command)
                .stdin(terminal)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            settle();
            ends(child, signal, code);
            assert_eq!(work.names(), [""; 0], "{signal} {command:?}");
        }
    }
}

#[test]
fn the_interrupt_key_and_a_closed_terminal_end_a_run() {
    for (key, code) in [(Some(b"\x03"), 130), (None, 129)] {
        let work = Work::new();
        let (mut typing, terminal) = terminal();
        let binary = env!("CARGO_BIN_EXE_ekv-backup");
        let arguments =
            ["--ctty", "env", "--default-signal=HUP,INT,TERM", binary, "decode", "-", "-o", "out"];
        let child = work
            .command_of("setsid".as_ref(), arguments)
            .stdin(terminal)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        settle();
        let started = Instant::now();
        match key {
            Some(key) => typing.write_all(key).unwrap(),
            None => drop(typing),
        }
        Run::of(&child.wait_with_output().unwrap()).exits(code);
        assert!(started.elapsed() < SOON, "{key:?}: {:?}", started.elapsed());
        assert_eq!(work.names(), [""; 0], "{key:?}");
    }
}

#[test]
fn a_fifo_that_nobody_writes_to_does_not_hold_a_run() {
    for (signal, code) in SIGNALS {
        let work = Work::new();
        assert!(Command::new("mkfifo").arg(work.path("fifo")).status().unwrap().success());
        let child = heeding(&work, &["decode", "fifo", "-o", "dump"]).stderr(Stdio::piped()).spawn().unwrap();
        settle();
        ends(child, signal, code);
        assert_eq!(work.names(), ["fifo"]);
        // With its other end open, and nothing in it.
        let child = heeding(&work, &["inspect", "fifo"]).stderr(Stdio::piped()).spawn().unwrap();
        let writer = fs::File::options().write(true).open(work.path("fifo")).unwrap();
        settle();
        ends(child, signal, code);
        drop(writer);
    }
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let bytes = Snapshot::new().string("k", "v").live();
    for signal in ["HUP", "INT"] {
        let work = Work::new();
        let script = format!("trap '' {signal}; exec \"$0\" decode - -o dump");
        let mut child = work
            .command_of("sh".as_ref(), ["-c", &script, env!("CARGO_BIN_EXE_ekv-backup")])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&bytes[..20]).unwrap();
        settle();
        kill(signal, &child);
        settle();
        input.write_all(&bytes[20..]).unwrap();
        drop(input);
        Run::of(&child.wait_with_output().unwrap()).exits(0);
        assert_eq!(work.names(), ["dump"], "{signal}");
    }
}

#[test]
fn a_hangup_while_files_are_written_leaves_nothing() {
    let mut snapshot = Snapshot::new();
    for number in 0..30_000 {
        snapshot = snapshot.string(format!("key{number:06}"), "v");
    }
    let work = Work::with(&snapshot.live());
    let mut child =
        heeding(&work, &["decode", "snapshot.fsm", "-o", "dump"]).stderr(Stdio::piped()).spawn().unwrap();
    while work.names().len() < 2 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    ends(child, "HUP", 129);
    assert_eq!(work.names(), ["snapshot.fsm"]);
}

#[test]
fn what_is_no_snapshot_ends_while_its_writer_goes_on() {
    let work = Work::new();
    for text in [&b"h"[..], b"{\"a\":1}", &[0; 64]] {
        let mut child = work
            .command(["decode", "-", "-o", "dump"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(text).unwrap();
        // The pipe stays open: only the first bytes can tell.
        let mut message = String::new();
        child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(3), "{message}");
        assert!(message.contains("not a snapshot"), "{message}");
        drop(input);
    }
    assert_eq!(work.names(), [""; 0]);
}
