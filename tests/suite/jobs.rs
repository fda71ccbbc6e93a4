//! `--jobs`: dumps, exit codes and words are the same for every number.

use std::iter;

use crate::dump::Tree;
use crate::fixture::Snapshot;
use crate::list::CAPTURES;
use crate::shards::decode;
use crate::tool::{Work, sample};

#[test]
fn captures_come_out_the_same() {
    for (place, capture) in CAPTURES.into_iter().enumerate() {
        let work = Work::new();
        let mut first = None;
        for jobs in iter::once("1").chain(sample(place, ["2", "3", "16"])) {
            let run = decode(&work, capture, "dump", &["--jobs", jobs, "--force", "--json", "-q"]);
            // All warnings are in it.
            let mut json = run.json();
            json["duration_ms"] = 0.into();
            let made = (run.code, json, run.err, Tree::read(&work.path("dump")).unwrap());
            let first = first.get_or_insert_with(|| made.clone());
            assert_eq!((&made.0, &made.1, &made.2), (&first.0, &first.1, &first.2), "{capture}, {jobs}");
            assert!(made.3 == first.3, "{capture}, {jobs}");
        }
    }
}

#[test]
fn thousands_of_small_files_come_out_the_same() {
    let mut snapshot = Snapshot::new();
    for number in 0..3000 {
        snapshot = snapshot.string(format!("key:{number}"), "value");
    }
    let work = Work::with(&snapshot.live());
    let mut dumps = ["1", "2", "5"].into_iter().map(|jobs| {
        work.decode(&["-q", "--force", "--jobs", jobs]).exits(0);
        work.run(["verify", "dump"]).exits(0);
        work.dump()
    });
    let first = dumps.next().unwrap();
    assert!(first.files.len() > 3000 && dumps.all(|dump| dump == first));
    for bad in ["0", "257", "-1", "two"] {
        work.run(["decode", "snapshot.fsm", "-o", "other", &format!("--jobs={bad}")]).exits(2);
    }
}
