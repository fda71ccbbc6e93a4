//! What a terminal is shown: colours there alone, none with `NO_COLOR`, and more words with `-v`.

use std::io::Read;
use std::process::Command;

use crate::payloads::capture;
use crate::signals::terminal;
use crate::tool::Work;

/// A call of each command that fails, and one of those that print that does not.
const CALLS: [&str; 22] = [
    "decode absent -o out",
    "verify absent",
    "inspect absent",
    "list absent",
    "diff absent snapshot.fsm",
    "get absent redis/a",
    "log absent redis/a",
    "encode absent -o out.fsm",
    "du absent",
    "merge absent -o out",
    "report absent -o out.html",
    "export absent --to resp -o out.resp",
    "completions tcsh",
    "man -o absent",
    "inspect snapshot.fsm",
    "list snapshot.fsm --long",
    "diff snapshot.fsm --old-at -1s",
    "get snapshot.fsm redis/cart:user-1",
    "log snapshot.fsm redis/cart:user-1",
    "du snapshot.fsm",
    "verify dump",
    "--help",
];

/// Whether there is a colour: an attribute of a terminal, not the movement of a line.
fn is_coloured(text: &str) -> bool {
    text.split("\x1b[")
        .skip(1)
        .any(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
}

/// Runs a command whose standard output and error are a terminal.
fn shown(mut command: Command) -> String {
    let (mut typing, terminal) = terminal();
    command.stdout(terminal.try_clone().unwrap()).stderr(terminal);
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut shown = Vec::new();
    // The end of a terminal is an error.
    let _ = typing.read_to_end(&mut shown);
    child.wait().unwrap();
    String::from_utf8_lossy(&shown).into_owned()
}

fn work() -> Work {
    let work = Work::with(&capture("shop"));
    work.decode(&["--quiet"]).exits(0);
    work
}

#[test]
fn a_terminal_is_shown_colours_and_nothing_else_is() {
    let work = work();
    for call in CALLS {
        let arguments = || call.split(' ');
        let piped = work.run(arguments());
        assert!(!is_coloured(&piped.out) && !is_coloured(&piped.err), "{call}: {piped:?}");
        for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let mut command = work.command(arguments());
            command.env("TERM", "xterm").env(name, value);
            let text = shown(command);
            assert!(!is_coloured(&text), "{call} with {name}: {text:?}");
            assert!(!text.is_empty(), "{call}");
        }
        let mut command = work.command(arguments());
        command.env("TERM", "xterm").env("NO_COLOR", "");
        let text = shown(command);
        // What has no words in front has no colours.
        if call.contains("absent") || call.starts_with("diff") {
            assert!(is_coloured(&text), "{call}: {text:?}");
        }
    }
}

#[test]
fn every_command_that_runs_says_more_where_it_is_asked_to() {
    let work = work();
    work.run("encode dump -o back.fsm --quiet".split(' ')).exits(0);
    work.run("decode snapshot.fsm -o s0 --shard 0/2 --quiet".split(' ')).exits(0);
    work.run("decode snapshot.fsm -o s1 --shard 1/2 --quiet".split(' ')).exits(0);
    let calls = [
        ("decode snapshot.fsm -o out", 0),
        ("verify dump", 0),
        ("inspect snapshot.fsm", 0),
        ("list snapshot.fsm", 0),
        ("diff snapshot.fsm dump", 0),
        ("get snapshot.fsm redis/cart:user-1", 0),
        ("log snapshot.fsm redis/cart:user-1", 0),
        ("encode dump -o out.fsm", 0),
        ("du snapshot.fsm", 0),
        ("merge s0 s1 -o merged", 0),
        ("report snapshot.fsm -o out.html", 0),
        ("export snapshot.fsm --to resp -o out.resp", 0),
    ];
    let version = format!("ekv-backup {}\n", env!("CARGO_PKG_VERSION"));
    for (call, code) in calls {
        let run = work.run(call.split(' ').chain(["-v"]));
        let steps = run.exits(code).err.lines().filter(|line| line.starts_with("step: ")).count();
        assert!(run.err.contains(&version) && steps >= 1, "{call}: {}", run.err);
        let both = work.run(call.split(' ').chain(["-v", "--quiet"]));
        assert!(both.exits(2).err.contains("cannot be used with"), "{call}: {}", both.err);
    }
}
