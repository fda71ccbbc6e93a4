//! `inspect`: what is in a snapshot, without writing anything.

use crate::fixture::{Snapshot, hlc};
use crate::tool::{Work, golden, testdata};

#[test]
fn the_shop_is_described_as_it_was() {
    let work = Work::new();
    let mut command = work.command(["inspect", "000000000000016e.fsm"]);
    let output = command.current_dir(testdata("live/shop")).output().unwrap();
    assert!(output.status.success());
    golden("live/shop/inspect.txt", &output.stdout);
    assert_eq!(work.names(), [] as [&str; 0]);
}

#[test]
fn every_row_is_counted_once() {
    let (now, before) = (hlc(1_770_000_000_000, 0), hlc(1_769_000_000_000, 0));
    let snapshot = Snapshot::new()
        .string("a", "new")
        .put_at("!redis|str|a", before, "older")
        .tombstone_at("!redis|str|gone", now)
        .put_at("!redis|str|gone", before, "older")
        .put("plain", "v");
    let work = Work::with(&snapshot.live());
    let facts = work.run(["inspect", "snapshot.fsm", "--json"]).exits(0).json();
    assert_eq!(facts["totals"]["rows"], 5);
    assert_eq!(facts["totals"]["visible"], 2);
    assert_eq!(facts["input"]["operational_rows"], 2);
    let families = facts["families"].as_array().unwrap();
    let sum = |name: &str| families.iter().map(|family| family[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("rows"), 5);
    assert_eq!(sum("tombstones"), 1);
    assert_eq!(sum("visible"), 2);
}

#[test]
fn nothing_is_written() {
    let work = Work::with(&Snapshot::new().string("k", "v").live());
    work.run(["inspect", "snapshot.fsm"]).exits(0);
    assert_eq!(work.names(), ["snapshot.fsm"]);
}

#[test]
fn objects_are_counted_by_collection() {
    let snapshot = Snapshot::new()
        .put("!hs|fld|\0\0\0\x01aone", "1")
        .put("!hs|fld|\0\0\0\x01atwo", "2")
        .put("!hs|fld|\0\0\0\x02abone", "1")
        .tombstone_at("!hs|fld|\0\0\0\x02acone", hlc(1_770_000_000_000, 0))
        .put("!st|mem|\0\0\0\x01sx", "")
        .string("k", "v");
    let work = Work::with(&snapshot.live());
    let facts = work.run(["inspect", "snapshot.fsm", "--json"]).exits(0).json();
    assert_eq!(facts["services"][0]["service"], "redis");
    let objects = facts["services"][0]["objects"].to_string();
    assert_eq!(objects, r#"{"hashes":2,"sets":1,"strings":1}"#);
    let brief = work.run(["inspect", "snapshot.fsm", "--brief"]).exits(0).out.clone();
    assert!(brief.starts_with("snapshot.fsm: redis (1 string, 2 hashes, 1 set), as of "), "{brief}");
    assert_eq!(brief.lines().count(), 1);
}

#[test]
fn how_a_run_went_is_told_to_prometheus() {
    let work = Work::with(&Snapshot::new().string("k", "v").live());
    for (command, code) in [
        ("inspect snapshot.fsm", 0),
        ("decode snapshot.fsm -o dump", 0),
        ("verify dump", 0),
        ("decode none.fsm -o other", 4),
        ("decode snapshot.fsm -o other --scope nonsense", 2),
    ] {
        let arguments = command.split(' ').chain(["--metrics", "ekv.prom"]);
        work.run(arguments).exits(code);
        let text = std::fs::read_to_string(work.path("ekv.prom")).unwrap();
        let name = command.split(' ').next().unwrap();
        let success = u8::from(code == 0);
        assert!(text.contains(&format!("ekv_backup_success{{command=\"{name}\"}} {success}\n")), "{text}");
        assert!(text.contains(&format!("ekv_backup_exit_code{{command=\"{name}\"}} {code}\n")), "{text}");
    }
    assert_eq!(
        work.run(["decode", "snapshot.fsm", "-o", "new", "--metrics", "none/ekv.prom"]).exits(4).out,
        ""
    );
}
