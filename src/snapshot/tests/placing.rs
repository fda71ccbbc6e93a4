//! Which Raft groups the inputs are of, and which are not among them.

use std::path::PathBuf;

use super::*;
use crate::container::fixture;
use crate::event::{Event, Warning};
use crate::snapshot::{GroupOrigin, InputInfo, MissingGroups};
use serde_json::json;

/// A route of a catalog: start, end, group, state.
type Route<'a> = (&'a str, Option<&'a str>, u64, u8);

fn catalog(mut snapshot: Native, version: u64, routes: &[Route<'_>]) -> Native {
    snapshot = snapshot.put(b"!dist|meta|version", 3, &[&[1][..], &version.to_be_bytes()].concat());
    for (id, (start, end, group, state)) in (1_u64..).zip(routes) {
        let mut descriptor = vec![2];
        descriptor.extend(id.to_be_bytes());
        descriptor.extend(group.to_be_bytes());
        descriptor.push(*state);
        descriptor.extend([0; 8]);
        descriptor.extend((start.len() as u64).to_be_bytes());
        descriptor.extend(start.as_bytes());
        descriptor.push(u8::from(end.is_some()));
        if let Some(end) = end {
            descriptor.extend((end.len() as u64).to_be_bytes());
            descriptor.extend(end.as_bytes());
        }
        descriptor.extend([0; 8]);
        snapshot = snapshot.put(&[b"!dist|route|", &id.to_be_bytes()[..]].concat(), 3, &descriptor);
    }
    snapshot
}

/// Two ranges and the group in between: `!dist|` is group 1's.
const SPLIT: &[Route<'_>] = &[("", Some("b"), 1, 0), ("b", Some("m"), 2, 0), ("m", None, 1, 0)];

fn groups(store: &Snapshot) -> Vec<Option<u64>> {
    store.inputs().iter().map(InputInfo::group).collect()
}

fn missing(store: &Snapshot) -> Vec<u64> {
    match store.missing_groups() {
        Some(MissingGroups::Named { groups, .. }) => groups,
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_tell_the_group_of_an_input_and_the_catalog_which_are_missing() {
    let one = || catalog(Native::new(9).put(b"a", 5, b""), 1, SPLIT);
    let two = || Native::new(9).put(b"!redis|str|c", 5, b"").put(b"!txn|cmt|x12345678", 5, b"");
    let both = open_at(vec![two().source(), one().source()], None).unwrap();
    assert_eq!(groups(&both), [Some(2), Some(1)]);
    assert_eq!(both.inputs()[0].group, Some((2, GroupOrigin::Routes)));
    assert_eq!((both.warnings(), both.missing_groups()), (&[][..], None));
    assert_eq!(both.inputs_by_group()[0].group(), Some(1));
    assert_eq!(both.default_input().unwrap().group(), Some(1));
    assert_eq!((both.route_owner(b"!redis|str|c"), both.route_owner(b"!hs|fld|x")), (Some(2), Some(1)));

    let alone = open_at(vec![one().source()], None).unwrap();
    let warning = Warning::new(Event::MULTI_GROUP_INPUT_MISSING).with("groups", vec![2]);
    let owned = json!([{"group": 2, "ranges": [["b", "m"]]}]);
    assert_eq!(alone.missing_groups().unwrap().warning(), warning.with("owned", owned));

    // Records of transactions are written only where there are several groups.
    let alone = open_at(vec![two().source()], None).unwrap();
    assert_eq!((groups(&alone), alone.missing_groups()), (vec![None], Some(MissingGroups::NoCatalog)));
    assert_eq!(MissingGroups::NoCatalog.warning().event, "multi_group_input_missing");
}

#[test]
fn an_input_with_keys_of_several_owners_or_of_none_may_be_of_any_group() {
    let one = || catalog(Native::new(9).put(b"a", 5, b""), 1, SPLIT);
    for other in [
        Native::new(9).put(b"!redis|str|a", 5, b"").put(b"!redis|str|c", 5, b""),
        Native::new(9).put(b"!sqs|msg|data|p|x", 5, b""),
        Native::new(9).delete(b"!redis|str|c", 5),
    ] {
        let store = open_at(vec![one().source(), other.source()], None).unwrap();
        assert_eq!((groups(&store), store.missing_groups()), (vec![Some(1), None], None));
    }
}

#[test]
fn the_place_of_a_file_counts_before_its_keys() {
    let open = |snapshot: &Native| {
        let source = snapshot.source();
        let groups = [(source.path().to_owned(), 2)].into();
        Snapshot::open(vec![source], &SnapshotOptions { groups, ..SnapshotOptions::default() }).unwrap()
    };
    let store = open(&catalog(Native::new(9).put(b"a", 5, b""), 1, SPLIT));
    assert_eq!(store.inputs()[0].group, Some((2, GroupOrigin::Path)));
    assert_eq!(missing(&store), [1]);
    // A group's directory without a catalog: the group that holds it is elsewhere.
    let store = open(&Native::new(9).put(b"c", 5, b""));
    assert_eq!(store.missing_groups(), Some(MissingGroups::NoCatalog));
}

#[test]
fn a_catalog_that_names_one_group_does_not_hide_that_there_are_more() {
    let routes: &[Route<'_>] = &[("", None, 1, 0)];
    let snapshot = || catalog(Native::new(9).put(b"a", 5, b""), 1, routes);
    assert_eq!(open_at(vec![snapshot().source()], None).unwrap().missing_groups(), None);
    // Servers with one group leave no records of transactions, and no `group-<n>/`.
    let record = snapshot().put(b"!txn|cmt|x12345678", 5, b"");
    let store = open_at(vec![record.source()], None).unwrap();
    assert_eq!(store.missing_groups(), Some(MissingGroups::Unnamed));
    assert_eq!(MissingGroups::Unnamed.warning().event, "multi_group_input_missing");
    let groups = [(PathBuf::from("1.fsm"), 1)].into();
    let source = || fixture::source_named("1.fsm", &snapshot().file());
    let options = SnapshotOptions { groups, ..SnapshotOptions::default() };
    let missing = |sources| Snapshot::open(sources, &options).unwrap().missing_groups();
    assert_eq!(missing(vec![source()]), Some(MissingGroups::Unnamed));
    let other = Native::new(9).put(b"!sqs|msg|data|p|x", 5, b"");
    assert_eq!(missing(vec![source(), other.source()]), None);
}

#[test]
fn the_newest_catalog_counts() {
    let old = catalog(Native::new(9).put(b"c", 5, b""), 1, &[("", None, 7, 0)]);
    let new = catalog(Native::new(9).put(b"x", 5, b""), 2, &[("", Some("m"), 7, 0), ("m", None, 8, 0)]);
    for sources in [[old.source(), new.source()], [new.source(), old.source()]] {
        let store = open_at(sources.into(), None).unwrap();
        assert_eq!(store.route_owner(b"!redis|str|z"), Some(8));
        assert_eq!(store.missing_groups(), None);
    }
}

#[test]
fn a_range_on_its_way_is_still_its_old_groups() {
    let moving = [("", Some("m"), 1, 2), ("b", Some("m"), 3, 3), ("m", None, 1, 0)];
    let store = open_at(vec![catalog(Native::new(9).put(b"a", 5, b""), 1, &moving).source()], None).unwrap();
    assert_eq!(store.route_owner(b"c"), Some(1));
    assert_eq!(missing(&store), vec![3]);
}

/// Adds a lock and the intent that replaces a row of the catalog, and its commit at `at`.
fn written(snapshot: Native, key: &[u8], value: &[u8], at: u64) -> Native {
    let (start, length) = (4_u64, (value.len() as u64).to_be_bytes());
    let lock = [&[1][..], &start.to_be_bytes(), &[0; 9], &1_u64.to_be_bytes(), b"p"].concat();
    let intent = [&[1][..], &start.to_be_bytes(), &[0], &length, value].concat();
    let record = [b"!txn|cmt|p", &start.to_be_bytes()[..]].concat();
    snapshot
        .put(&[b"!txn|lock|", key].concat(), start, &lock)
        .put(&[b"!txn|int|", key].concat(), start, &intent)
        .put(&record, at, &[&[1][..], &at.to_be_bytes()].concat())
}

#[test]
fn a_route_that_stands_in_an_intent_counts_once_it_was_committed() {
    let id = [b"!dist|route|", &2_u64.to_be_bytes()[..]].concat();
    let tail = |group: u64| {
        let end = [&[0; 8][..], &1_u64.to_be_bytes(), b"m", &[0], &[0; 8]].concat();
        [&[2][..], &2_u64.to_be_bytes(), &group.to_be_bytes(), &[0], &end].concat()
    };
    let stored = |snapshot: Native| {
        catalog(snapshot.put(b"a", 5, b""), 1, &[("", Some("m"), 1, 0), ("m", None, 7, 0)])
    };
    // Replaced, added to what is stored, and alone.
    let replaced = written(stored(Native::new(9)), &id, &tail(8), 6);
    let store = open_at(vec![replaced.source()], None).unwrap();
    assert_eq!((store.route_owner(b"!redis|str|z"), missing(&store)), (Some(8), vec![8]));
    let older = open_at(vec![replaced.source()], Some(5)).unwrap();
    assert_eq!(older.route_owner(b"!redis|str|z"), Some(7), "committed behind the read timestamp");
    let newer = replaced.put(&id, 8, &tail(9));
    assert_eq!(open_at(vec![newer.source()], None).unwrap().route_owner(b"!redis|str|z"), Some(9));
    let alone = written(Native::new(9).put(b"z", 5, b""), &id, &tail(8), 6);
    let store = open_at(vec![alone.source()], None).unwrap();
    let unnamed = Some(MissingGroups::Unnamed);
    assert_eq!((groups(&store), store.missing_groups()), (vec![Some(8)], unnamed));
    // The version of the catalog may stand there too: then this one is the newest.
    let version = [&[1][..], &5_u64.to_be_bytes()].concat();
    let newest = written(stored(Native::new(9)), b"!dist|meta|version", &version, 6);
    let other = catalog(Native::new(9).put(b"b", 5, b""), 3, &[("", None, 2, 0)]);
    for sources in [[newest.source(), other.source()], [other.source(), newest.source()]] {
        assert_eq!(open_at(sources.into(), None).unwrap().route_owner(b"!redis|str|z"), Some(7));
    }
}

#[test]
fn a_catalog_above_the_limits_is_said_to_be_too_large() {
    let long = "x".repeat(crate::limits::ROUTE_BYTES);
    let routes = [("", Some("m"), 1, 0), ("m", Some(long.as_str()), 2, 0)];
    let store = open_at(vec![catalog(Native::new(9).put(b"a", 5, b""), 1, &routes).source()], None).unwrap();
    assert_eq!(store.missing_groups(), Some(MissingGroups::TooLarge));
    assert_eq!((groups(&store), store.route_owner(b"a")), (vec![None], None));
    let warning = MissingGroups::TooLarge.warning();
    assert_eq!(warning.event, "multi_group_input_missing");
    assert!(warning.fields[1].1.as_str().unwrap().contains("too large"), "{warning:?}");
}

#[test]
fn an_oracle_is_group_0_and_never_missing() {
    let oracle =
        fixture::source(&fixture::headed(&Native::new(0).raw(b"_meta_applied_index", &[9; 8]).payload()));
    let routes = [("", Some("!fs|"), 7, 0), ("!fs|", Some("!fs}"), 0, 0), ("!fs}", None, 7, 0)];
    let one = catalog(Native::new(9).put(b"a", 5, b""), 1, &routes);
    let store = open_at(vec![oracle, one.source()], None).unwrap();
    assert_eq!((groups(&store), store.missing_groups()), (vec![Some(0), Some(7)], None));
    assert_eq!(store.default_input().unwrap().group(), Some(7));
}

#[test]
fn long_keys_and_many_ranges_are_shown_in_part() {
    let starts: Vec<String> = (0..40).map(|number| format!("r{number:02}{}", "x".repeat(200))).collect();
    let mut routes: Vec<Route<'_>> = vec![("", Some(&starts[0]), 1, 0)];
    for pair in starts.windows(2) {
        routes.push((&pair[0], Some(&pair[1]), 2, 0));
    }
    let store = open_at(vec![catalog(Native::new(9).put(b"a", 5, b""), 1, &routes).source()], None).unwrap();
    let owned = &store.missing_groups().unwrap().warning().fields[1].1[0];
    assert_eq!((owned["ranges"].as_array().unwrap().len(), &owned["more"]), (16, &json!(23)));
    assert_eq!(owned["ranges"][0][0], format!("r00{}... (203 bytes)", "x".repeat(61)));
}
