//! `log`: at each time that it lists, `get` answers what it says.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ekv_backup::keyspace::Family;
use ekv_backup::keyspace::dynamodb::{ItemKey, table_name};
use ekv_backup::keyspace::s3::ObjectKey;
use ekv_backup::name::{self, Literal};
use ekv_backup::run::{Change, ChangeKind, Source, Wanted, history, objects, pick};
use ekv_backup::service::Options;
use ekv_backup::snapshot::{EntryBuf, ReadAt};
use ekv_backup::time::Hlc;
use serde_json::Value;

use crate::get::{Names, Shared, source};
use crate::tool::{Work, golden, testdata};

/// What an object says: row and name of a fact -> value.
type State = BTreeMap<(String, String), String>;

/// Plays changes from the oldest to those of a time.
fn state(changes: &[Change], at: Hlc) -> State {
    let mut state = State::new();
    for change in changes.iter().rev().filter(|change| change.commit_ts <= at) {
        let key = |name: &str| (change.what.clone(), name.to_owned());
        if change.change == ChangeKind::Deleted {
            state.retain(|(what, _), _| *what != change.what);
        } else {
            state.insert(key(""), String::new());
        }
        for each in &change.differences {
            match &each.new {
                Some(new) => drop(state.insert(key(&each.name), new.clone())),
                None => drop(state.remove(&key(&each.name))),
            }
        }
    }
    state
}

fn quoted(value: &Value) -> String {
    serde_json::to_string(value).expect("a value is JSON")
}

/// Compares what the log says with the bytes that `get` gave; returns whether there was anything to compare.
fn agrees(name: &str, state: &State, got: Option<&[u8]>) -> bool {
    let is_there = state.keys().any(|(what, name)| name.is_empty() && what != "expiry");
    assert_eq!(is_there, got.is_some(), "{name}: {state:?}");
    let Some(bytes) = got else { return true };
    let said = |what: &str, name: &str| state.get(&(what.to_owned(), name.to_owned()));
    let is_short = |text: &String| !text.contains("SHA-256");
    if let Some(value) = said("string", "value") {
        let text = std::str::from_utf8(bytes).map(|text| quoted(&text.into()));
        return is_short(value) && text.inspect(|text| assert_eq!(value, text, "{name}")).is_ok();
    }
    let Ok(file) = serde_json::from_slice::<Value>(bytes) else { return false };
    if let Some(fields) = file["fields"].as_array().filter(|_| name.starts_with("redis/")) {
        let of_file: BTreeSet<_> = fields
            .iter()
            .filter(|field| field["name"].is_string() && field["value"].is_string())
            .map(|field| (format!("field {}", quoted(&field["name"])), quoted(&field["value"])))
            .filter(|(name, value)| name.len() < 100 && value.len() < 100)
            .collect();
        let of_log = state.iter().filter(|((what, name), value)| {
            what.starts_with("field \"") && name == "value" && what.len() < 100 && value.len() < 100
        });
        let of_log = of_log.filter(|(_, value)| is_short(value));
        let of_log: BTreeSet<_> = of_log.map(|((what, _), value)| (what.clone(), value.clone())).collect();
        assert_eq!(of_log, of_file, "{name}");
        return !of_file.is_empty();
    }
    if name.starts_with("dynamodb/") {
        let attributes = file.as_object().expect("an item is an object");
        let count = state.keys().filter(|(what, name)| what.starts_with("item") && !name.is_empty()).count();
        assert_eq!(count, attributes.len(), "{name}: {state:?}");
        for (attribute, value) in attributes {
            let said = said("item, generation 1", attribute).filter(|said| is_short(said));
            assert!(said.is_none_or(|said| *said == quoted(value)), "{name}: {attribute}");
        }
        return true;
    }
    false
}

fn at_each_time(capture: &str, most_times: usize) {
    let work = Work::new();
    let source = source(capture);
    let scratch = source.scratch(work.path("."));
    let mut opened = source.open(&scratch, &mut |_| ()).expect("a capture can be opened");
    let mut all = Names::default();
    objects(&opened.snapshot, &Options::default(), &scratch, &mut all, |_| ()).expect("it can be read");
    let mut logs: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    let newest = opened.snapshot.read_ts();
    let counted = |kind| ["string", "hash", "item"].contains(&kind);
    for (name, _) in all.names.iter().filter(|(_, kind)| counted(*kind)).take(150) {
        let object = Literal::parse(name, None).expect("this is a name");
        let mut changes = Vec::new();
        let mut each = |change| {
            changes.push(change);
            Ok(true)
        };
        let any =
            history(&mut opened.snapshot, &scratch, (&object, newest), &mut each).expect("it can be read");
        assert!(any, "{name} has a version");
        assert!(changes.is_sorted_by(|one, other| one.commit_ts >= other.commit_ts), "{name}");
        logs.insert(name.clone(), changes);
    }
    let times: BTreeSet<Hlc> = logs.values().flatten().map(|change| change.commit_ts).collect();
    let step = times.len().div_ceil(most_times).max(1);
    let mut compared = 0;
    for &at in times.iter().rev().step_by(step) {
        let source = Source { at: Some(ReadAt::Hlc(at)), ..source.clone() };
        let Ok(mut opened) = source.open(&scratch, &mut |_| ()) else { continue };
        // What changed then, or is not there yet.
        let then = |changes: &[Change]| {
            changes.iter().any(|each| each.commit_ts == at) || changes.iter().all(|each| each.commit_ts > at)
        };
        for (name, changes) in logs.iter().filter(|(_, changes)| then(changes)).take(10) {
            let out = Shared::default();
            let wanted = Wanted::parse(name, None).expect("this is a name");
            let got = pick(&mut opened.snapshot, &scratch, &wanted, Box::new(out.clone()));
            let got = got.expect("it can be read");
            let bytes = out.taken();
            compared += usize::from(agrees(name, &state(changes, at), got.bytes.map(|_| &*bytes)));
        }
    }
    assert!(compared > 10, "{capture}: {compared}");
}

#[test]
fn shop_at_each_time() {
    at_each_time("shop", 40);
}

#[test]
fn mvcc_at_each_time() {
    at_each_time("mvcc", 40);
}

#[test]
fn encrypted_at_each_time() {
    at_each_time("encrypted", 20);
}

/// Each generation of an object of which a row is held is in its log, whether its table is there or not.
#[test]
fn all_generations_are_in_a_log() {
    let (mut count, mut gone) = (0, 0);
    let mut row = EntryBuf::default();
    for (capture, family) in [("dynamodb", Family::DynamodbItem), ("s3", Family::S3ObjectHead)] {
        let work = Work::new();
        let source = source(capture);
        let scratch = source.scratch(work.path("."));
        let opened = source.open(&scratch, &mut |_| ()).expect("a capture can be opened");
        let mut oldest = Hlc::MAX;
        let mut versions = opened.snapshot.versions(family);
        while let Some(version) = versions.next().expect("it can be read") {
            oldest = oldest.min(version.commit_ts);
        }
        // Most tables are not there yet.
        let source = Source { at: Some(ReadAt::Hlc(oldest)), ..source.clone() };
        let mut opened = source.open(&scratch, &mut |_| ()).expect("it can be read then");
        let snapshot = &mut opened.snapshot;
        let mut held: BTreeMap<(Vec<u8>, Vec<u8>), BTreeSet<u64>> = BTreeMap::new();
        let mut versions = snapshot.versions(family);
        while let Some(version) = versions.next().expect("it can be read") {
            let (scope, generation, key) = if family == Family::DynamodbItem {
                let key = ItemKey::parse(version.key).expect("it is a key");
                let table = table_name(key.table_segment).expect("it is a table");
                // A hash key alone, and a text.
                let Some(text) = key.primary.strip_suffix(b"\0\x01") else { continue };
                (table, key.generation, text.to_vec())
            } else {
                let key = ObjectKey::parse(version.key).expect("it is a key");
                (key.bucket.raw().into_owned(), key.generation, key.object.raw().into_owned())
            };
            if !version.tombstone && key.iter().all(u8::is_ascii_lowercase) && !key.is_empty() {
                held.entry((scope, key)).or_default().insert(generation);
            }
        }
        drop(versions);
        for ((scope, key), generations) in held {
            let mut name = format!("{capture}/");
            name::escape(&scope, true, &mut name);
            name.extend(["/", std::str::from_utf8(&key).expect("it is ASCII")]);
            let object = Literal::parse(&name, None).expect("this is a name");
            let mut found = BTreeSet::new();
            let mut each = |change: Change| {
                found.extend(change.what.rsplit_once(' ').map(|(_, number)| number.parse::<u64>().unwrap()));
                Ok(true)
            };
            history(snapshot, &scratch, (&object, Hlc::MAX), &mut each).expect("it can be read");
            assert_eq!(found, generations, "{name}");
            count += 1;
            let table = [Family::DynamodbTable.prefix(), URL_SAFE_NO_PAD.encode(&scope).as_bytes()].concat();
            let is_table = family == Family::DynamodbItem;
            gone += usize::from(is_table && !snapshot.get(&table, &mut row).expect("it can be read"));
        }
    }
    assert!(count > 30 && gone > 10, "{count}, {gone}");
}

#[test]
fn files_are_in_a_log_before_their_directories_are_there() {
    let work = Work::new();
    let source = source("fs");
    let scratch = source.scratch(work.path("."));
    let opened = source.open(&scratch, &mut |_| ()).expect("a capture can be opened");
    let mut all = Names::default();
    objects(&opened.snapshot, &Options::default(), &scratch, &mut all, |_| ()).expect("it can be read");
    let mut oldest = Hlc::MAX;
    let mut versions = opened.snapshot.versions(Family::FsName);
    while let Some(version) = versions.next().expect("it can be read") {
        oldest = oldest.min(version.commit_ts);
    }
    let source = Source { at: Some(ReadAt::Hlc(oldest)), ..source.clone() };
    let mut opened = source.open(&scratch, &mut |_| ()).expect("it can be read then");
    let deep = all.names.iter().filter(|(name, _)| name.starts_with("fs/") && name.matches('/').count() > 1);
    let mut count = 0;
    for (name, _) in deep.take(50) {
        let object = Literal::parse(name, None).expect("this is a name");
        let any = history(&mut opened.snapshot, &scratch, (&object, Hlc::MAX), &mut |_| Ok(false));
        assert!(any.expect("it can be read"), "{name}");
        count += 1;
    }
    assert!(count > 5, "{count}");
}

#[test]
fn logs_of_the_shop() {
    let shop = testdata("live/shop/000000000000016e.fsm");
    let shop = shop.to_str().expect("the path is text");
    let work = Work::new();
    let mut text = String::new();
    for arguments in [
        &["redis/cart:user-1"][..],
        &["redis/session:0001", "--limit", "2"],
        &["dynamodb/orders/user-1/1"],
        &["dynamodb/orders", r#"{"customer":"user-1","no":1}"#, "--json", "--limit", "1"],
        &["dynamodb/users"],
        &["s3/product-images/catalog/sku-1/front.png"],
        &["s3/product-images"],
        &["sqs/orders"],
        &["redis/cart:user-1", "--since", "2026-11-23T02:19:08Z"],
        &["redis/cart:user-1", "--until", "117663357173170216", "--limit", "1"],
        &["redis/cart:user-1", "--at", "117663357173170288", "--limit", "1"],
    ] {
        let run = work.run([&["log", "-q", shop], arguments].concat());
        let shown: Vec<_> = arguments.iter().map(|each| format!(" {each}")).collect();
        let (shown, out) = (shown.concat(), &run.exits(0).out);
        text.extend([format!("$ ekv-backup log shop.fsm{shown}\n{out}\n")]);
    }
    golden("log/shop.txt", text.as_bytes());
    assert!(work.run(["log", shop, "redis/nobody"]).exits(1).err.contains("no version of it is held"));
    work.run(["log", shop, "nobody"]).exits(2);
}
