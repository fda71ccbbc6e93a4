//! The page about a snapshot. Its drawing is tried in a browser by `.ci/page`.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::fixture::Snapshot;
use crate::tool::{Work, testdata};

/// The numbers that stand in a page.
fn numbers(page: &str) -> Value {
    let json = page.split_once("id=\"data\">").unwrap().1.split_once("</script>").unwrap().0;
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_page_has_the_numbers_of_du_and_list() {
    let work = Work::new();
    let snapshot = testdata("live/shop/000000000000016e.fsm");
    let (snapshot, page) = (snapshot.to_str().unwrap(), "page.html");
    work.run(["report", snapshot, "-o", page]).exits(0);
    let text = std::fs::read_to_string(work.path(page)).unwrap();
    assert_eq!(std::fs::metadata(work.path(page)).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!text.contains("http://") || text.matches("http://").count() == 1, "only the name of SVG");
    let numbers = numbers(&text);
    let sum = |column: usize| {
        numbers["groups"].as_array().unwrap().iter().map(|group| group[column].as_u64().unwrap()).sum::<u64>()
    };
    let total = work.run(["du", snapshot, "--json"]).json()["total"].clone();
    assert_eq!(sum(1), total["objects"]);
    assert_eq!(sum(2) + sum(4) + sum(6), total["total_bytes"]);
    let listed = work.run(["list", snapshot, "--sort", "size", "--limit", "50"]).out;
    let largest: Vec<_> = numbers["largest"].as_array().unwrap().iter().map(|o| &o["name"]).collect();
    let mut names: Vec<_> = listed.lines().collect();
    let mut shown: Vec<_> = largest.iter().map(|name| name.as_str().unwrap()).collect();
    names.truncate(10);
    shown.truncate(10);
    assert_eq!(shown, names);
    let kinds = numbers["kinds"].as_array().unwrap();
    assert!(kinds.contains(&serde_json::json!(["redis", "string", 40])), "{kinds:?}");
    // What is there is not replaced unasked.
    work.run(["report", snapshot, "-o", page]).exits(2);
    work.run(["report", snapshot, "-o", page, "--force"]).exits(0);
    assert!(work.run(["report", snapshot, "-o", "-"]).exits(0).out.starts_with("<!doctype html>"));
    work.run(["report", "missing.fsm", "-o", "other.html"]).exits(4);
    work.run(["report", snapshot, "-o", "missing/page.html"]).exits(4);
    assert_eq!(work.names(), [page]);
}

#[test]
fn names_are_data_and_the_page_stays_small() {
    let mut snapshot = Snapshot::new().string("</script><script>alert(1)</script>:x", "v");
    for number in 0..4000 {
        snapshot = snapshot.string(format!("{number}{}:x", "<\"".repeat(200)), "v");
    }
    let work = Work::with(&snapshot.live());
    work.run(["report", "snapshot.fsm", "-o", "page.html"]).exits(0);
    let text = std::fs::read_to_string(work.path("page.html")).unwrap();
    assert!(text.len() < 2 << 20, "{}", text.len());
    assert!(!text.contains("<script>alert"));
    assert!(numbers(&text)["groups"].as_array().unwrap().len() < 1600);
}

#[test]
fn a_page_has_the_groups_and_routes_that_inspect_says() {
    let cluster = testdata("live/dynamodb-groups/n1");
    let cluster = cluster.to_str().unwrap();
    let work = Work::new();
    let inspected = work.run(["inspect", cluster, "--json"]).json();
    let page = |input: &str| {
        let run = work.run(["report", input, "-o", "-", "--quiet"]);
        assert!(run.code < Some(2), "{run:?}");
        numbers(&run.out)
    };
    let whole = page(cluster);
    let groups = |value: &Value| -> Vec<_> {
        let inputs = value["inputs"].as_array().unwrap();
        inputs.iter().map(|input| input["group"].clone()).collect()
    };
    assert_eq!(groups(&whole), groups(&inspected));
    assert_eq!(whole["missing"], serde_json::json!([]));
    let ranges = inspected["routes"]["ranges"].as_array().unwrap();
    assert!(ranges.len() > 1, "{inspected}");
    assert_eq!(whole["route_count"], ranges.len());
    let shown = whole["routes"].as_array().unwrap();
    for (range, route) in ranges.iter().zip(shown) {
        assert_eq!(range["group"], route[0]);
        assert_eq!(range["end"].is_null(), route[2].is_null(), "{range} {route}");
        assert_eq!(range["state"], route[3]);
    }
    // A group alone has routes of others.
    let alone = page(&format!("{cluster}/group-1"));
    assert_eq!(alone["missing_groups"], true);
    // A page of one group that has no catalog says so.
    let lone = Work::with(&Snapshot::new().string("k", "v").live());
    let lone = numbers(&lone.run(["report", "snapshot.fsm", "-o", "-"]).exits(0).out);
    assert!(lone["route_count"].is_null() && lone["routes"].as_array().unwrap().is_empty(), "{lone}");
}
