//! `--adapter` and `--scope` on a snapshot of all services.

use std::collections::BTreeSet;

use crate::tool::{Run, Work, testdata};

fn shop() -> Work {
    Work::with(&std::fs::read(testdata("live/shop/000000000000016e.fsm")).expect("the capture is there"))
}

fn services(run: &Run, work: &Work) -> BTreeSet<String> {
    run.exits(0);
    let first = |path: &Vec<u8>| {
        let parts: Vec<_> = path.split(|&byte| byte == b'/').take(2).map(String::from_utf8_lossy).collect();
        parts.join("/")
    };
    work.dump().files.keys().filter(|path| path.contains(&b'/')).map(first).collect()
}

#[test]
fn a_scope_alone_selects_what_it_names_and_nothing_else() {
    let work = shop();
    let run = work.decode(&["--scope", "dynamodb=orders", "--no-extra"]);
    assert_eq!(services(&run, &work), BTreeSet::from(["dynamodb/orders".to_owned()]));
}

#[test]
fn adapters_add_whole_services_to_a_scope() {
    let work = shop();
    let run = work.decode(&["--scope", "dynamodb=orders", "--adapter", "dynamodb, sqs,", "--no-extra"]);
    let found = services(&run, &work);
    assert!(found.contains("dynamodb/orders") && !found.contains("dynamodb/users"), "{found:?}");
    assert!(found.iter().any(|path| path.starts_with("sqs/")), "{found:?}");
    assert!(!found.iter().any(|path| path.starts_with("redis/") || path.starts_with("s3/")), "{found:?}");
}

#[test]
fn a_name_that_is_not_there_is_refused_with_those_that_are() {
    let work = shop();
    for (options, said) in [
        (&["--scope", "dynamodb=order,users"][..], "error: dynamodb has no order; there are orders, "),
        (&["--scope", "s3=images"], "error: s3 has no images; there are invoices, product-images"),
        (&["--scope", "redis=5"], "error: redis has no 5; there is db_0"),
        (&["--scope", "sqs=x", "--adapter", "redis"], "error: --scope sqs=...: --adapter selects redis only"),
        (&["--adapter", ""], "expected dynamodb, s3, redis or sqs"),
    ] {
        let run = work.decode(options);
        assert!(run.exits(2).err.contains(said), "{options:?}: {run:?}");
    }
    assert_eq!(work.names(), ["snapshot.fsm"]);
}

#[test]
fn the_manifest_says_what_was_asked_for_and_what_is_there() {
    let work = shop();
    let run = work.decode(&["--scope", "dynamodb=orders", "--drop-expired", "--json", "--at", "-1s"]);
    let manifest: serde_json::Value =
        serde_json::from_slice(&work.dump().files[b"MANIFEST.json".as_slice()]).unwrap();
    assert_eq!(manifest["tool_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest["scopes"], serde_json::json!({ "dynamodb": ["orders"] }));
    assert_eq!(manifest["options"], serde_json::json!({ "adapter": ["dynamodb"], "drop_expired": true }));
    assert_eq!(manifest["complete"], false);
    assert!(manifest["read_ts"].as_u64() < manifest["last_commit_ts"].as_u64(), "{manifest}");
    let summary = run.exits(0).json();
    for member in ["objects", "options", "complete", "tool_version", "read_ts"] {
        assert_eq!(summary[member], manifest[member], "{member}");
    }
    let items = work.dump().files.keys().filter(|path| path.starts_with(b"dynamodb/orders/items/")).count();
    assert_eq!(manifest["objects"]["dynamodb"]["orders"], items);
    assert!(summary["bytes_read"].as_u64() > Some(1000) && summary["duration_ms"].is_u64(), "{summary}");
    let whole = shop();
    whole.decode(&[]).exits(0);
    let manifest: serde_json::Value =
        serde_json::from_slice(&whole.dump().files[b"MANIFEST.json".as_slice()]).unwrap();
    for absent in ["scopes", "options", "complete", "read_ts"] {
        assert!(manifest.get(absent).is_none(), "{manifest}");
    }
}

#[test]
fn problems_are_named_with_and_without_a_tree_and_quiet_leaves_errors_only() {
    let work = Work::with(&crate::fixture::Snapshot::new().put("!zs|meta|\0\0\0\x01z", "x").live());
    for (options, code) in [(&["--json"][..], 1), (&["--json", "--strict", "--force"], 1)] {
        let run = work.decode(options);
        let listed = &run.exits(code).json()["problems_list"];
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
        assert_eq!((&listed[0]["adapter"], &listed[0]["key"]), (&"redis".into(), &"eg".into()), "{listed}");
        assert!(run.err.contains(r#"problem: redis db_0 "z": "#), "{run:?}");
        assert!(!run.err.contains("locks"), "{run:?}");
    }
    let quiet = work.run(["decode", "snapshot.fsm", "-o", "quiet", "--quiet"]);
    assert_eq!(quiet.exits(1).err, "");
    let strict = work.run(["decode", "snapshot.fsm", "-o", "strict", "-q", "--strict"]);
    assert!(strict.exits(1).err.starts_with("error: 1 objects could not be decoded"), "{strict:?}");
    assert_eq!(strict.err.lines().count(), 1);
}
