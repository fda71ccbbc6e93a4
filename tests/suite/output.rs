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
        &["list", "snapshot.fsm"],
        &["decode", "snapshot.fsm", "-o", "dump", "--json"],
        &["verify", "dump", "--json"],
        &["--help"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let run = Run::of(&work.command(arguments).stdout(full).output().unwrap());
        assert!(
            run.exits(4).err.contains("error: cannot write to standard output: "),
            "{arguments:?}: {run:?}"
        );
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
        (&["list", "--json"], "list"),
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
    let json = work.run(["lst", "--json"]).exits(2).json();
    assert!(json.get("command").is_none() && json["error"].is_string(), "{json}");
    assert_eq!(work.run(["decode", "snapshot.fsm"]).exits(2).out, "");
}

/// 2026-11-27T14:05:48Z, when the key that is read at older times was written.
const WRITTEN_MS: u64 = 1_795_788_348_000;

#[test]
fn a_time_can_be_written_in_many_ways_and_a_number_that_is_no_hlc_is_refused() {
    let work =
        Work::with(&Snapshot::new().put_at("!redis|str|k", WRITTEN_MS << 16, [0xff, 1, 0, b'v']).live());
    let visible = |at: &str| {
        let run = work.run(["inspect", "snapshot.fsm", "--json", "--at", at]);
        (run.exits(0).json()["totals"]["visible"].as_u64(), run.err)
    };
    for at in ["2026-11-27T14:05:48Z", "2026-11-27T15:05:48+01:00", "-0s", "117688785174528000"] {
        assert_eq!(visible(at).0, Some(1), "{at}");
    }
    let (count, said) = visible("2026-11-27 14:05:48");
    assert_eq!(count, Some(1));
    assert!(said.starts_with("note: --at is taken as 2026-11-27T14:05:48Z\n"), "{said}");
    assert!(!said.contains("at_above_snapshot"), "{said}");
    for at in ["2026-11-27", "-1s", "-2h", "117688785174527999"] {
        let (count, said) = visible(at);
        assert_eq!(count, Some(0), "{at}");
        assert!(said.contains("warning: nothing_visible at="), "{at}: {said}");
    }
    assert!(visible("2030-01-01").1.contains("warning: at_above_snapshot at="));
    for at in ["1795788348", "1795788348000"] {
        let run = work.decode(&["--at", at]);
        let hlc = (WRITTEN_MS << 16).to_string();
        assert!(
            run.exits(2).err.contains("Unix milliseconds times 65536") && run.err.contains(&hlc),
            "{run:?}"
        );
    }
    assert_eq!(work.names(), ["snapshot.fsm"]);
}
