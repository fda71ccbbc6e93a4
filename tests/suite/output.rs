//! What reaches standard output, and what is said when it cannot.

use std::fs::File;

use crate::fixture::Snapshot;
use crate::tool::{Run, Work};

fn shop() -> Work {
    Work::with(&Snapshot::new().string("k", "v").live())
}

#[test]
fn output_that_cannot_be_written_is_exit_4_and_the_dump_is_left() {
    let work = shop();
    for arguments in [
        &["inspect", "snapshot.fsm"][..],
        &["inspect", "snapshot.fsm", "--json"],
        &["decode", "snapshot.fsm", "-o", "dump", "--json"],
        &["verify", "dump", "--json"],
        &["--help"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let run = Run::of(&work.command(arguments).stdout(full).output().unwrap());
        assert!(run.exits(4).err.contains("error: cannot write to standard output: "), "{arguments:?}: {run:?}");
        assert_eq!(run.err.contains("; the dump stands in dump"), arguments[0] == "decode", "{run:?}");
    }
    work.run(["verify", "dump"]).exits(0);
}

#[test]
fn bad_usage_is_one_json_object_too_where_it_was_asked_for() {
    let work = shop();
    for (arguments, command) in [
        (&["decode", "snapshot.fsm", "--json"][..], "decode"),
        (&["decode", "snapshot.fsm", "-o", "x", "--json", "--at", "yesterday"], "decode"),
        (&["decode", "--json", "snapshot.fsm", "-o", "x", "--dynamodb-bundle-size", "1MB"], "decode"),
        (&["inspect", "--json"], "inspect"),
        (&["verify", "a", "b", "--json"], "verify"),
        (&["verify", "a", "--jason", "--json"], "verify"),
    ] {
        let run = work.run(arguments);
        let json = run.exits(2).json();
        assert_eq!(json["command"], command, "{arguments:?}");
        assert_eq!(json["exit_code"], 2, "{arguments:?}");
        let error = json["error"].as_str().unwrap();
        assert!(!error.is_empty() && !error.contains('\n') && !error.contains("Usage"), "{error}");
        assert!(run.err.contains("Usage") || run.err.contains("error: "), "{run:?}");
    }
    let json = work.run(["list", "--json"]).exits(2).json();
    assert!(json.get("command").is_none() && json["error"].is_string(), "{json}");
    assert_eq!(work.run(["decode", "snapshot.fsm"]).exits(2).out, "");
}
