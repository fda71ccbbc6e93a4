//! `decode --only`, `--exclude`, `--from-list`, `--dry-run`: a part of a dump is that part of the whole one.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use serde_json::Value;

use crate::dump::{Tree, checksum_faults};
use crate::list::{CAPTURES, input, names, on_capture};
use crate::tool::{Run, Work, testdata};

/// Files that hold something of many objects, or of the dump.
fn is_shared(path: &[u8]) -> bool {
    let path = String::from_utf8_lossy(path);
    path.ends_with("KEYMAP.jsonl")
        || path.ends_with("_ttl.jsonl")
        || path.ends_with("/messages.jsonl")
        || [
            "extra/s3/buckets.jsonl",
            "extra/s3/parts.jsonl",
            "extra/sqs/queues.jsonl",
            "extra/fs/inodes.jsonl",
        ]
        .contains(&&*path)
}

/// Fails unless a tree is a part of the whole one.
#[track_caller]
fn is_part(part: &Tree, whole: &Tree, what: &str) {
    assert_eq!(checksum_faults(part), Vec::<String>::new(), "{what}");
    for (path, content) in &part.files {
        let shown = String::from_utf8_lossy(path);
        if ["MANIFEST.json", "CHECKSUMS", "PROBLEMS.jsonl"].contains(&&*shown) {
            continue;
        }
        let all = whole.files.get(path).unwrap_or_else(|| panic!("{what}: {shown} is not in the whole dump"));
        if is_shared(path) {
            let lines = |content: &[u8]| -> BTreeSet<Vec<u8>> {
                content.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
            };
            assert!(lines(content).is_subset(&lines(all)), "{what}: {shown} has other lines");
        } else {
            assert!(content == all, "{what}: {shown} has other bytes");
        }
    }
}

fn decode(work: &Work, capture: &str, target: &str, options: &[&str]) -> Run {
    let (input, target) = (input(capture), work.path(target));
    let mut arguments = vec![OsStr::new("decode"), OsStr::new(&input), OsStr::new("-o"), target.as_os_str()];
    arguments.extend(options.iter().map(OsStr::new));
    on_capture(work, capture, &arguments)
}

fn tree(work: &Work, name: &str) -> Tree {
    Tree::read(&work.path(name)).expect("the dump can be read")
}

#[test]
fn what_is_listed_is_that_part_of_the_whole_dump() {
    let mut all = 0;
    for capture in CAPTURES {
        let work = Work::new();
        let whole = decode(&work, capture, "whole", &["-q"]);
        let form = ["--json", "--long", "--quiet"][capture.len() % 3];
        let listing = on_capture(&work, capture, &["list".as_ref(), input(capture).as_ref(), form.as_ref()]);
        let plain = on_capture(&work, capture, &["list".as_ref(), input(capture).as_ref(), "-q".as_ref()]);
        let third =
            |text: &str| text.lines().step_by(3).map(|line| format!("{line}\n")).collect::<Vec<_>>().concat();
        work.write("names", third(&listing.out).as_bytes());
        let names_file = work.path("names").to_string_lossy().into_owned();
        let run = decode(&work, capture, "part", &["--from-list", &names_file, "-q"]);
        assert!(matches!(run.code, Some(0 | 1)) && run.code <= whole.code, "{capture}: {run:?}");
        let (whole, part) = (tree(&work, "whole"), tree(&work, "part"));
        is_part(&part, &whole, capture);

        let asked: BTreeSet<_> = third(&plain.out).lines().map(str::to_owned).collect();
        let wanted: BTreeSet<_> = names(&whole).intersection(&asked).cloned().collect();
        let found = names(&part);
        let missing: Vec<_> = wanted.difference(&found).collect();
        assert!(missing.is_empty(), "{capture}: {missing:?}");
        let is_container = |name: &&String| name.starts_with("s3/") && name.matches('/').count() == 1;
        let more: Vec<_> = found.difference(&asked).filter(|name| !is_container(name)).collect();
        assert!(more.is_empty(), "{capture}: {more:?}");
        all += wanted.len();

        let manifest: Value = serde_json::from_slice(&part.files[b"MANIFEST.json".as_slice()]).unwrap();
        assert_eq!(manifest["complete"], false, "{capture}");
        assert!(manifest["options"]["from_list"].as_u64() > Some(0), "{capture}: {manifest}");
        work.run(["verify", "part"]).exits(0);
    }
    assert!(all > 300, "{all}");
}

#[test]
fn what_matches_and_what_does_not_are_the_whole_dump() {
    for (capture, pattern) in [
        ("shop", "redis/cart:*"),
        ("shop", "s3/product-images/catalog/*/f*"),
        ("shop", "dynamodb/orders/user-1/*"),
        ("shop", "sqs/*"),
        ("dynamodb", "dynamodb/mixed*/**"),
        ("dynamodb", "dynamodb/file-names/*"),
        ("s3", "s3/names-a/**"),
        ("s3", "s3/*/f*"),
        ("redis", "redis/*:hll"),
        ("redis", "redis/[a-m]*"),
        ("fs", "fs/*/**"),
        ("sqs-partitioned", "sqs"),
        ("rawkv", "kv/*"),
        ("cluster", "redis"),
    ] {
        let work = Work::new();
        let what = format!("{capture} {pattern}");
        let code = decode(&work, capture, "whole", &["-q"]).code;
        for (target, option) in [("only", "--only"), ("rest", "--exclude")] {
            let run = decode(&work, capture, target, &[option, pattern, "-q"]);
            assert!(matches!(run.code, Some(0 | 1)) && run.code <= code, "{what}: {run:?}");
            work.run(["verify", target]).exits(0);
        }
        let (whole, only, rest) = (tree(&work, "whole"), tree(&work, "only"), tree(&work, "rest"));
        is_part(&only, &whole, &what);
        is_part(&rest, &whole, &what);
        for path in whole.files.keys() {
            let shown = String::from_utf8_lossy(path);
            let is_there = only.files.contains_key(path) || rest.files.contains_key(path);
            assert!(is_there || shown == "PROBLEMS.jsonl", "{what}: {shown} is in none");
        }
        let manifest: Value = serde_json::from_slice(&only.files[b"MANIFEST.json".as_slice()]).unwrap();
        assert_eq!(manifest["options"]["only"], serde_json::json!([pattern]), "{what}");
        assert_eq!(manifest["complete"], false, "{what}");
        // Of `fs` and `kv` nothing is counted there.
        let services = manifest["objects"].as_object().map_or(0, serde_json::Map::len);
        assert!(services <= 1, "{what}: {manifest}");
    }
}

fn shop() -> Work {
    Work::with(&std::fs::read(testdata("live/shop/000000000000016e.fsm")).expect("the capture is there"))
}

#[test]
fn what_matches_nothing_is_exit_2_and_no_tree() {
    let work = shop();
    work.write("names", b"redis/cart:user-1\n# no name\n\nredis/cart:user-99\nsqs/orders\n");
    work.write("bad", b"redis/cart:user-1\ncart\n");
    work.write("empty", b"\n");
    for (options, said) in [
        (
            &["--only", "redis/cart:user-99"][..],
            "error: nothing matches redis/cart:user-99, near it: redis/cart:user-",
        ),
        (&["--only", "redis/c*", "--exclude", "redis/x*"], "error: nothing matches redis/x*"),
        (&["--only", "dynamodb/order/*"], "error: dynamodb has no order; there are orders, "),
        (
            &["--only", "cart"],
            "error: --only cart: cart: expected dynamodb/, s3/, redis/, sqs/, fs/ or kv/ and",
        ),
        (&["--from-list", "names"], "error: nothing matches names, line 4"),
        (&["--from-list", "bad"], "error: --from-list bad: line 2: cart: expected"),
        (&["--from-list", "empty"], "error: --from-list empty: no names"),
        (&["--from-list", "missing"], "error: --from-list missing: "),
    ] {
        let run = work.decode(options);
        assert!(run.exits(2).err.contains(said), "{options:?}: {run:?}");
    }
    assert_eq!(work.names(), ["bad", "empty", "names", "snapshot.fsm"]);
}

#[test]
fn patterns_lists_and_scopes_go_together() {
    let work = shop();
    work.write("names", b"redis/cart:user-1\n");
    let options =
        ["--only", "sqs/orders", "--only", "dynamodb/*", "--exclude", "dynamodb/users", "--no-extra"];
    work.decode(&[&options[..], &["--from-list", "names"]].concat()).exits(0);
    let paths: Vec<_> =
        work.dump().files.keys().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    let count = |front: &str| paths.iter().filter(|path| path.starts_with(front)).count();
    assert_eq!((count("redis/"), count("sqs/"), count("s3/"), count("dynamodb/users")), (1, 2, 0, 0));
    assert_eq!(count("dynamodb/orders/items/"), 34);
    let run = work.run([
        "decode",
        "snapshot.fsm",
        "-o",
        "none",
        "--scope",
        "s3=invoices",
        "--only",
        "s3/product-images/*",
    ]);
    assert!(run.exits(2).err.contains("nothing matches s3/product-images/*"), "{run:?}");
}

#[test]
fn a_dry_run_counts_what_a_run_writes_and_writes_nothing() {
    for capture in CAPTURES {
        let work = Work::new();
        let real = decode(&work, capture, "dump", &["--json", "-q"]);
        let dry = on_capture(
            &work,
            capture,
            &["decode", &input(capture), "--dry-run", "--json", "-q"].map(OsStr::new),
        );
        assert_eq!(dry.code, real.code, "{capture}");
        let (dry, real) = (dry.json(), real.json());
        for member in ["files", "bytes", "objects", "problems", "counters", "warning_counts"] {
            assert_eq!(dry[member], real[member], "{capture}: {member}");
        }
        let sizes = dry["dry_run"].as_object().expect("sizes by path");
        let tree = work.dump();
        for (path, size) in sizes {
            let below = |of: &[u8]| of == path.as_bytes() || of.starts_with(format!("{path}/").as_bytes());
            let files: Vec<_> = tree.files.iter().filter(|(of, _)| below(of)).collect();
            assert_eq!(size["files"], files.len(), "{capture}: {path}");
            let bytes: usize = files.iter().map(|(_, content)| content.len()).sum();
            assert_eq!(size["bytes"], bytes, "{capture}: {path}");
        }
        assert!(real.get("dry_run").is_none());
        assert_eq!(work.names(), ["dump"]);
    }
    let work = shop();
    let run = work.decode(&["--dry-run", "--only", "redis/cart:*"]);
    assert!(run.exits(0).out.contains("redis/db_0\n") && !run.out.contains("s3/"), "{run:?}");
    assert!(run.err.contains("nothing is written: "), "{run:?}");
    assert_eq!(work.names(), ["snapshot.fsm"]);
}

#[test]
fn problems_are_those_of_what_is_selected() {
    let work =
        Work::with(&crate::fixture::Snapshot::new().string("k", "v").put("!lst|meta|broken", "short").live());
    for (pattern, problems) in [("redis/k", 0), ("redis/*", 1), ("redis/broken", 1)] {
        let run = work.run(["decode", "snapshot.fsm", "-q", "--only", pattern, "-o", "dump", "--force"]);
        run.exits(problems);
        let tree = work.dump();
        assert_eq!(tree.files.contains_key(&b"PROBLEMS.jsonl"[..]), problems > 0, "{pattern}");
        let manifest: Value = serde_json::from_slice(&tree.files[&b"MANIFEST.json"[..]]).unwrap();
        assert_eq!(manifest["problems"].as_i64().unwrap_or_default(), i64::from(problems));
        assert_eq!(
            (&manifest["complete"], &manifest["options"]["only"][0]),
            (&false.into(), &pattern.into())
        );
        let list = work.run(["list", "snapshot.fsm", "-q", pattern]);
        assert_eq!(list.code, Some(problems), "{pattern}: {}", list.err);
    }
    work.run(["decode", "snapshot.fsm", "-q", "--exclude", "redis/b*", "-o", "other", "--strict"]).exits(0);
}
