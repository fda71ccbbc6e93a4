//! `diff` of captures with themselves at many times, against the trees that are decoded at those times.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ekv_backup::keyspace::Family;
use ekv_backup::run::Source;
use ekv_backup::time::Hlc;
use serde_json::Value;

use crate::fixture::Snapshot;
use crate::tool::{Run, Work, golden, testdata};

/// Captures of one node with one group.
const CAPTURES: [&str; 10] =
    ["shop", "dynamodb", "fs", "mvcc", "rawkv", "redis", "s3", "s3-multipart", "sqs", "encrypted"];
/// Times of each.
const TIMES: usize = 3;

fn snapshot(name: &str) -> PathBuf {
    let entries = fs::read_dir(testdata("live").join(name)).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths.find(|path| path.to_string_lossy().contains(".fsm")).unwrap()
}

fn keys(name: &str) -> Vec<String> {
    let kek = testdata("live").join(name).join("kek.bin");
    if kek.exists() { vec!["--kek-file".to_owned(), kek.display().to_string()] } else { Vec::new() }
}

/// Lists times of commits, evenly spread, the last one among them.
fn times(name: &str, work: &Work) -> Vec<Hlc> {
    let source = Source { counts_only: true, ..Source::new(vec![snapshot(name)]) };
    let scratch = source.scratch(work.path("."));
    let opened = source.open(&scratch, &mut |_| ()).unwrap();
    let floor = opened.snapshot.inputs()[0].floor();
    let mut all = BTreeSet::new();
    for family in Family::all().filter(|family| *family != Family::S3ChunkBlob) {
        let mut versions = opened.snapshot.versions(family);
        while let Some(version) = versions.next().unwrap() {
            all.insert(version.commit_ts);
        }
    }
    let all: Vec<Hlc> = all.into_iter().filter(|&time| time >= floor).collect();
    (1..=TIMES).map(|part| all[all.len() * part / TIMES - 1]).collect()
}

/// Lists the files below a directory with their contents, but for those that are of no object.
fn files(root: &Path) -> BTreeSet<(String, Vec<u8>)> {
    fn walk(root: &Path, directory: &Path, files: &mut BTreeSet<(String, Vec<u8>)>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, files);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            // A tracker is an object if it has a sidecar, or stands elsewhere.
            let is_tracker = name.ends_with("/KEYMAP.jsonl")
                && (!name.starts_with("s3/") || name.matches('/').count() == 2);
            let sidecar = root.join(format!("{name}.elastickv-meta.json"));
            if name.contains('/') && (!is_tracker || sidecar.exists()) {
                files.insert((name, fs::read(&path).unwrap()));
            }
        }
    }
    let mut all = BTreeSet::new();
    walk(root, root, &mut all);
    all
}

fn run(work: &Work, name: &str, arguments: &[&str]) -> Run {
    let arguments: Vec<String> =
        arguments.iter().map(|&argument| argument.to_owned()).chain(keys(name)).collect();
    work.run(arguments)
}

/// Returns the lines of `--json` before the last one.
fn objects(run: &Run) -> Vec<Value> {
    let mut lines: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.pop().unwrap();
    assert_eq!(last["command"], "diff");
    let count = |sign: &str| lines.iter().filter(|line| line["sign"] == sign).count();
    assert_eq!(last["added"], count("+"));
    assert_eq!(last["removed"], count("-"));
    assert_eq!(last["changed"], count("M"));
    lines
}

#[test]
fn a_capture_at_two_times_differs_as_the_trees_of_these_times_do() {
    let mut compared = 0;
    for name in CAPTURES {
        let work = Work::new();
        let snapshot = snapshot(name).display().to_string();
        let times = times(name, &work);
        for time in &times {
            let dump = format!("dump-{time}");
            let decoded =
                run(&work, name, &["decode", &snapshot, "-q", "--at", &time.to_string(), "-o", &dump]);
            assert!(matches!(decoded.code, Some(0 | 1)), "{name}: {}", decoded.err);
        }
        for pair in times.windows(2).chain(std::iter::once(&[times[0], times[0]][..])) {
            let [old, new] = [pair[0], pair[1]].map(|time| time.to_string());
            let (old_dump, new_dump) = (format!("dump-{old}"), format!("dump-{new}"));
            let (one, other) = (files(&work.path(&old_dump)), files(&work.path(&new_dump)));
            let differing: BTreeSet<&str> =
                one.symmetric_difference(&other).map(|(path, _)| path.as_str()).collect();
            let of_snapshot =
                run(&work, name, &["diff", "-q", "--json", &snapshot, "--old-at", &old, "--new-at", &new]);
            of_snapshot.exits(i32::from(!differing.is_empty()));
            let lines = objects(&of_snapshot);
            let found: BTreeSet<&str> = lines
                .iter()
                .flat_map(|line| line["files"].as_array().unwrap())
                .map(|path| path.as_str().unwrap())
                .collect();
            let wrong: Vec<_> = found.symmetric_difference(&differing).collect();
            assert!(wrong.is_empty(), "{name} {old} {new}: {wrong:?}");
            compared += lines.len();
            // Whatever the sides are, the answer is the same.
            let ways: [&[&str]; 3] = [
                &["diff", "-q", "--json", &old_dump, &new_dump],
                &["diff", "-q", "--json", &old_dump, &snapshot, "--new-at", &new],
                &["diff", "-q", "--json", &snapshot, &new_dump, "--old-at", &old],
            ];
            for way in ways.iter().filter(|_| old != new) {
                let other = run(&work, name, way);
                assert!(other.out.contains("\"command\":\"diff\""), "{name} {way:?}: {}", other.err);
                assert_eq!(objects(&other), lines, "{name} {way:?}");
            }
        }
    }
    assert!(compared > 500, "{compared} objects are few");
}

/// Makes CHECKSUMS true.
fn write_checksums(dump: &Path) {
    let checksums = std::process::Command::new("sh")
        .args(["-c", "find . -type f ! -name CHECKSUMS | sed 's,^./,,' | LC_ALL=C sort | xargs -d '\\n' sha256sum > CHECKSUMS"])
        .current_dir(dump)
        .status();
    assert!(checksums.unwrap().success());
}

#[test]
fn keymaps_and_schemas_are_not_passed_over() {
    let work = Work::new();
    let shop = snapshot("shop").display().to_string();
    for dump in ["old", "new"] {
        work.run(["decode", &shop, "-q", "-o", dump, "--dynamodb-layout=jsonl"]).exits(0);
    }
    let diff = |dump: &str, file: &str, text: &str| {
        fs::write(work.path(dump).join(file), text).unwrap();
        write_checksums(&work.path(dump));
        work.run(["diff", "-q", "old", "new"])
    };
    // Nothing but a KEYMAP differs.
    let keymap = "redis/db_0/KEYMAP.jsonl";
    let long = "0123456789abcdef0123456789abcdef__k";
    let record =
        |key: &str| format!("{{\"encoded\":\"{long}\",\"original\":\"{key}\",\"kind\":\"sha-fallback\"}}\n");
    let run = diff("new", keymap, &record("YQ"));
    assert_eq!(run.exits(1).out, format!("+ {keymap}\n1 added, 0 removed, 0 changed\n"));
    let run = diff("old", keymap, &record("Yg"));
    assert!(run.exits(1).out.starts_with(&format!("M {keymap}  value ")), "{}", run.out);
    // It names what differs.
    let run = diff("new", &format!("redis/db_0/strings/{long}.bin"), "1");
    assert_eq!(run.exits(1).out, "+ redis/a\n1 added, 0 removed, 0 changed\n");
    // It cannot be read.
    let run = diff("new", keymap, &(record("YQ") + "nonsense\n"));
    assert!(run.exits(3).err.contains("KEYMAP.jsonl: line 2: not a record"), "{}", run.err);
    diff("new", keymap, &record("YQ")).exits(1);
    // The key attributes of items are not known.
    let items = fs::read_to_string(work.path("new/dynamodb/users/items/data-00001.jsonl")).unwrap();
    diff("new", "dynamodb/users/items/data-00001.jsonl", &items.replacen("user-1", "user-one", 1)).exits(1);
    let run = diff("new", "dynamodb/users/_schema.json", "{}");
    assert!(run.exits(3).err.contains("_schema.json: missing field `primary_key`"), "{}", run.err);
    let run = diff("new", "dynamodb/users/_schema.json", "{\"primary_key\":{\"hash_key\":{}}}");
    // Those of the other side are.
    assert!(run.exits(1).out.contains("+ dynamodb/users/user-one"), "{}", run.out);
}

#[test]
fn what_changed_is_said_in_a_line() {
    let work = Work::new();
    let shop = snapshot("shop").display().to_string();
    work.run(["decode", &shop, "-q", "-o", "old"]).exits(0);
    work.run(["decode", &shop, "-q", "-o", "new"]).exits(0);
    let change = |file: &str, from: &str, to: &str| {
        let path = work.path("new").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    };
    change("redis/db_0/hashes/cart%3Auser-1.json", "\"value\": \"", "\"value\": \"9");
    change("dynamodb/users/items/user-1.json", "user-1", "user-one");
    change("sqs/orders/_queue.json", "\"name\": \"orders\"", "\"name\": \"order\"");
    fs::write(work.path("new/redis/db_0/strings/session%3A0001.bin"), "short").unwrap();
    fs::write(work.path("new/redis/db_0/strings/a%2Fb.bin"), "new").unwrap();
    fs::remove_file(work.path("new/redis/db_0/strings/session%3A0002.bin")).unwrap();
    write_checksums(&work.path("new"));
    let run = work.run(["diff", "-q", "old", "new"]);
    golden("diff/lines.txt", run.exits(1).out.as_bytes());
    let run = work.run(["diff", "-q", "old", "new", "--stat"]);
    golden("diff/stat.txt", run.exits(1).out.as_bytes());
    let run = work.run(["diff", "-q", "--json", "old", "new", "redis/cart:*"]);
    golden("diff/lines.json", run.exits(1).out.as_bytes());
    work.run(["diff", "old", "new", "redis/cart:user-2"]).exits(0);
    // A file that is not what CHECKSUMS says.
    fs::write(work.path("new/redis/db_0/strings/session%3A0001.bin"), "other").unwrap();
    let run = work.run(["diff", "old", "new"]);
    assert!(
        run.exits(3).err.contains("session%3A0001.bin: has another digest than CHECKSUMS says"),
        "{}",
        run.err
    );
}

#[test]
fn sides_that_cannot_be_compared_are_refused() {
    let work = Work::new();
    let shop = snapshot("shop").display().to_string();
    for (dump, option) in
        [("plain", "--progress=none"), ("jsonl", "--dynamodb-layout=jsonl"), ("no-extra", "--no-extra")]
    {
        work.run(["decode", &shop, "-q", "-o", dump, option]).exits(0);
        // A snapshot is laid out as the tree is.
        let run = work.run(["diff", "-q", dump, &shop]);
        assert_eq!(run.exits(0).out, "no differences\n");
    }
    let refused = |arguments: &[&str], words: &str| {
        let run = work.run(arguments.iter().copied());
        assert!(run.exits(2).err.contains(words), "{}", run.err);
        assert!(run.out.is_empty(), "{}", run.out);
    };
    refused(&["diff", "plain", "jsonl"], "made with different options: --dynamodb-layout");
    refused(&["diff", "plain", "no-extra"], "made with different options: --no-extra");
    refused(&["diff", "plain"], "expected two inputs, or one and --old-at or --new-at");
    refused(&["diff", "plain", "--old-at", "-1h"], "a dump has one time");
    refused(&["diff", "plain", &shop, "plain"], "expected two inputs, found 3");
    refused(
        &["diff", "plain", &shop, "redis/carts"],
        "nothing on either side matches redis/carts (there is redis/cart:user-1",
    );
    refused(&["diff", "plain", &shop, "redis/x", "nothing"], "nothing");
    let run = work.run(["diff", "plain", "missing.fsm", "--json"]);
    assert_eq!(run.exits(4).json()["exit_code"], 4);
}

#[test]
fn items_of_bundles_are_compared_by_their_keys() {
    let work = Work::new();
    let snapshot = snapshot("dynamodb").display().to_string();
    let times = times("dynamodb", &work);
    let [old, new] = [times[0], times[2]].map(|time| time.to_string());
    let layout = ["--dynamodb-layout=jsonl", "--dynamodb-bundle-size=4KiB"];
    for time in [&old, &new] {
        let run = work.run([&["decode", &snapshot, "-q", "--at", time, "-o", time][..], &layout].concat());
        assert!(matches!(run.code, Some(0 | 1)), "{}", run.err);
    }
    // In the other layout an item with an empty hash key is called by its range key alone.
    let names = |run: &Run| -> BTreeSet<String> {
        let lines = run.out.lines().filter(|line| {
            line.contains(" dynamodb/") && !line.contains("legacy-rows") && !line.contains("migrating")
        });
        lines.map(|line| line.split("  ").next().unwrap().to_owned()).collect()
    };
    let bundles = work.run(["diff", "-q", &old, &new]);
    let items = work.run(["diff", "-q", &snapshot, "--old-at", &old, "--new-at", &new]);
    let (bundles, items) = (names(bundles.exits(1)), names(items.exits(1)));
    assert!(bundles.len() > 20, "{}", bundles.len());
    let wrong: Vec<_> = bundles.symmetric_difference(&items).take(10).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_name_in_sha_form_is_one_that_is_there() {
    let (long, other) = ("k".repeat(300), "o".repeat(300));
    let with =
        |value: &str| Snapshot::new().string(&long, value).string(&other, "same").string("a", "b").live();
    let work = Work::with(&with("1"));
    work.write("new.fsm", &with("2"));
    for (input, dump) in [("snapshot.fsm", "old"), ("new.fsm", "new"), ("new.fsm", "new.tar")] {
        work.run(["decode", "-q", input, "-o", dump]).exits(0);
    }
    let (name, same) = (format!("redis/{long}"), format!("redis/{other}"));
    for (old, new) in
        [("old", "new"), ("snapshot.fsm", "new.tar"), ("snapshot.fsm", "new.fsm"), ("old", "new.fsm")]
    {
        let diff = |pattern: &str| work.run(["diff", "-q", old, new, pattern]);
        for pattern in [&*name, "redis/kkk*"] {
            let run = diff(pattern);
            assert!(run.exits(1).out.starts_with(&format!("M {name}  value ")), "{old} {new}: {}", run.out);
        }
        for pattern in [&*same, "redis/ooo*"] {
            assert_eq!(diff(pattern).exits(0).out, "no differences\n", "{old} {new}");
        }
        assert!(diff("redis/x").exits(2).err.contains("nothing on either side matches redis/x"));
        assert!(diff(&format!("{name}k")).exits(2).err.contains("nothing on either side matches"));
        assert!(diff("s3/x*").exits(2).err.contains("nothing on either side matches"));
    }
}

/// Of few keys that differ only the rows are read again: they differ as the dumps do.
#[test]
fn few_that_differ_among_many_differ_as_their_dumps_do() {
    let with = |changed: &str, gone: u32| {
        let mut snapshot = Snapshot::new()
            .put("!ddb|meta|table|dA", b"\0DS\x01\x0a\x01t\x1a\x03\x0a\x01k\x28\x01\x38\x01")
            .put(b"!hs|fld|\0\0\0\x02hhf", "value")
            .put(b"!hs|fld|\0\0\0\x09short", "malformed");
        for number in (0..300).filter(|number| *number != gone) {
            let value = if number == 7 { changed } else { "same" };
            snapshot = snapshot.string(format!("key:{number}"), value);
            let (key, value) = (format!("{number:03}"), if number == 9 { changed } else { "same" });
            let entry = |name: &str, value: &str| {
                let value = [b"\x0a", &[u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
                let name =
                    [b"\x0a\x01", name.as_bytes(), b"\x12", &[u8::try_from(value.len()).unwrap()]].concat();
                let length = u8::try_from(name.len() + value.len()).unwrap();
                [&[0x0a, length][..], &name, &value].concat()
            };
            let body = [b"\0DI\x01", &entry("k", &key)[..], &entry("v", value)].concat();
            snapshot = snapshot.put(format!("!ddb|item|dA|1|{key}\0\u{1}"), body);
        }
        snapshot.live()
    };
    let work = Work::with(&with("same", 11));
    work.write("new.fsm", &with("other", 12));
    for (input, dump) in [("snapshot.fsm", "old"), ("new.fsm", "new")] {
        work.run(["decode", "-q", input, "-o", dump]).exits(1);
    }
    let (rows, dumps) =
        (work.run(["diff", "-q", "snapshot.fsm", "new.fsm"]), work.run(["diff", "-q", "old", "new"]));
    let names = |run: &Run| -> Vec<String> {
        run.out.lines().map(|line| line.split("  ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(rows.exits(1)), names(dumps.exits(1)));
    for line in [
        "M redis/key:7",
        "- redis/key:12",
        "+ redis/key:11",
        "M dynamodb/t/009",
        "- dynamodb/t/012",
        "+ dynamodb/t/011",
    ] {
        assert!(names(&rows).contains(&line.to_owned()), "{line}: {}", rows.out);
    }
    assert_eq!(objects(&work.run(["diff", "-q", "--json", "snapshot.fsm", "new.fsm"])).len(), 6);
}
