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
