//! `get`: each object is its file of the tree, byte for byte, by its name and by the path of the file.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ekv_backup::Result;
use ekv_backup::model::Object;
use ekv_backup::name;
use ekv_backup::report::Report;
use ekv_backup::run::{self, GetRequest, Source, Wanted, objects, pick};
use ekv_backup::service::Options;
use ekv_backup::sink::{Answer, Sink, Wants};
use ekv_backup::tree::segment::encode;
use sha2::{Digest, Sha256};

use crate::fixture::Snapshot;
use crate::tool::{Run, Work, testdata};

/// Keeps names and types.
#[derive(Default)]
pub struct Names {
    pub names: Vec<(String, &'static str)>,
}

impl Sink for Names {
    fn wants(&self) -> Wants {
        Wants::Heads
    }

    fn object(&mut self, _report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        let summary = object.summary();
        let mut name = String::new();
        name::of(&summary, &mut name);
        self.names.push((name, summary.kind));
        Ok(Answer::Taken)
    }
}

/// Bytes that somebody else looks at.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    /// Takes what was written so far.
    pub fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics"))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns what a capture is read from.
pub fn source(name: &str) -> Source {
    let directory = testdata("live").join(name);
    let entries = fs::read_dir(&directory).expect("testdata/live can be listed");
    let mut paths = entries.map(|entry| entry.expect("testdata/live can be listed").path());
    let input = paths.find(|path| path.to_string_lossy().contains(".fsm") || path.is_dir());
    let mut source = Source::new(vec![input.expect("there is a snapshot")]);
    source.keys.keks = Some(directory.join("kek.bin")).filter(|kek| kek.exists()).into_iter().collect();
    source
}

/// Gets an object out of a dump.
fn get_of(dump: &Path, name: &str) -> Option<Vec<u8>> {
    let out = Shared::default();
    let source = Source::new(vec![dump.to_owned()]);
    let request = GetRequest { source, name: name.to_owned(), key: None, raw: false };
    let got = run::get(&request, Box::new(out.clone()), |_| (), |_| ()).expect("the dump can be read");
    got.bytes.map(|_| out.taken())
}

fn decoded(source: &Source, work: &Work) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut arguments = vec!["decode".into(), "-q".into(), "-o".into(), "dump".into()];
    arguments.extend(source.inputs.iter().map(|path| path.clone().into_os_string()));
    for kek in &source.keys.keks {
        arguments.extend(["--kek-file".into(), kek.clone().into_os_string()]);
    }
    let run = work.run(arguments);
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    work.dump().files.into_iter().collect()
}

/// Which files are those of objects of this type.
fn is_of(path: &str, kind: &str) -> bool {
    let mut parts = path.split('/');
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    match kind {
        "string" => path.starts_with("redis/db_0/strings/"),
        "hll" => path.starts_with("redis/db_0/hll/"),
        "hash" => path.starts_with("redis/db_0/hashes/"),
        "list" | "set" | "zset" | "stream" => path.starts_with(&format!("redis/db_0/{kind}s/")),
        "table" => first == Some("dynamodb") && third == Some("_schema.json"),
        "item" => first == Some("dynamodb") && third == Some("items"),
        "bucket" => first == Some("s3") && third == Some("_bucket.json") && parts.next().is_none(),
        "queue" => first == Some("sqs") && third == Some("_queue.json"),
        "file" => path.starts_with("extra/fs/tree/"),
        "value" => second == Some("kv") && third != Some("KEYMAP.jsonl"),
        _ => false,
    }
}

fn every_object_is_its_file(capture: &str) {
    let source = source(capture);
    let work = Work::new();
    let files = decoded(&source, &work);
    let scratch = source.scratch(work.path("."));
    let mut opened = source.open(&scratch, &mut |_| ()).expect("a capture can be opened");
    let mut all = Names::default();
    objects(&opened.snapshot, &Options::default(), &scratch, &mut all, |_| ()).expect("it can be read");
    let mut get = |name: &str| {
        let out = Shared::default();
        let wanted = Wanted::parse(name, None).expect("this is a name");
        let got =
            pick(&mut opened.snapshot, &scratch, &wanted, Box::new(out.clone())).expect("it can be read");
        let bytes = out.taken();
        assert!(got.bytes.is_none_or(|length| length == bytes.len() as u64), "{name}");
        got.bytes.map(|_| bytes)
    };
    let mut dumps = vec![work.path("dump")];
    if capture == "shop" {
        let mut source = source.clone();
        source.inputs.push("-o".into());
        let inputs = source.inputs.iter().map(|path| path.as_os_str());
        work.run(
            [OsStr::new("decode"), OsStr::new("-q")]
                .into_iter()
                .chain(inputs)
                .chain([OsStr::new("dump.tar.zst")]),
        )
        .exits(0);
        dumps.push(work.path("dump.tar.zst"));
    }
    let mut found: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    let mut lines: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    // A string and an HLL of one key, a text and a number: one name means the first of them.
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    all.names.iter().for_each(|(name, _)| *counts.entry(name).or_default() += 1);
    let is_shared = |name: &str| counts.get(name).is_some_and(|count| *count > 1);
    for (name, kind) in &all.names {
        // Each message costs a scan of its queue.
        if is_shared(name) || (*kind == "message" && lines.values().map(Vec::len).sum::<usize>() > 100) {
            continue;
        }
        if *kind == "directory" {
            assert_eq!(get(name), None, "{name}");
            continue;
        }
        let bytes = get(name);
        let is_reserved = ["KEYMAP.jsonl", "_bucket.json"].iter().any(|last| name.ends_with(last));
        for dump in &dumps {
            let of_dump = get_of(dump, name);
            let is_missing = *kind == "object" && of_dump.is_none();
            assert!(is_reserved || is_missing || of_dump == bytes, "{capture}: {name} of {}", dump.display());
        }
        match (*kind, bytes) {
            ("message", Some(line)) => {
                let queue = name.split('/').nth(1).expect("a message has a queue");
                lines.entry(name::unescape(queue)).or_default().push(line);
            }
            ("object", Some(bytes)) => {
                // What only the tree has no place for is there all the same; a reserved name is another file's.
                if let Some(file) = files.get(name.as_bytes()).filter(|_| !name.contains('%') && !is_reserved)
                {
                    assert!(*file == bytes, "{capture}: {name}");
                }
            }
            // A bucket of which only objects are here has no row.
            ("bucket", None) => {}
            (kind, Some(bytes)) => found.entry(kind).or_default().push(bytes),
            (kind, None) => panic!("{capture}: {name} is not there, {kind}"),
        }
    }
    for (kind, mut found) in found {
        let paths = files.iter().filter(|(path, _)| is_of(&String::from_utf8_lossy(path), kind));
        let mut expected: Vec<_> = paths.map(|(_, bytes)| bytes.clone()).collect();
        expected.sort();
        found.sort();
        let shared = counts.values().filter(|count| **count > 1).sum::<usize>();
        let (objects, of_files) = (found.len(), expected.len());
        if shared > 0 {
            found.retain(|bytes| expected.binary_search(bytes).is_err());
            assert!(
                found.is_empty() && objects + shared >= of_files,
                "{capture}: {kind}: {objects} of {of_files}"
            );
            continue;
        }
        assert!(found == expected, "{capture}: {kind}: {objects} objects, {of_files} files");
    }
    for (queue, mut lines) in lines {
        let path = format!("sqs/{}/messages.jsonl", encode(&queue).text);
        let file = files.get(path.as_bytes()).expect("a queue with messages has their file");
        let expected: Vec<_> = file.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.retain(|line| !expected.contains(line));
        assert!(lines.is_empty(), "{capture}: {path}");
    }
    each_directory_is_read(capture, &files, &counts, &mut get);
}

/// Two files of each directory, by their paths: they are read without narrowing the snapshot down.
fn each_directory_is_read(
    capture: &str,
    files: &BTreeMap<Vec<u8>, Vec<u8>>,
    counts: &BTreeMap<&str, usize>,
    get: &mut dyn FnMut(&str) -> Option<Vec<u8>>,
) {
    let mut seen = BTreeMap::new();
    for (path, bytes) in files {
        let Ok(path) = std::str::from_utf8(path) else { continue };
        // Not of a snapshot; or a name of an object, which counts first.
        if ["MANIFEST.json", "CHECKSUMS"].contains(&path) || counts.contains_key(path) {
            continue;
        }
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
        let is_special = ["KEYMAP", "_ttl", "meta.json", ".jsonl"].iter().any(|part| path.contains(part));
        let count: &mut usize = seen.entry((directory, is_special)).or_default();
        *count += 1;
        if *count <= 2 && seen.len() <= 60 {
            assert!(get(&format!("./dump/{path}")).as_ref() == Some(bytes), "{capture}: {path}");
        }
    }
}

macro_rules! captures {
    ($($test:ident $name:literal)*) => {
        $(#[test]
        fn $test() {
            every_object_is_its_file($name);
        })*
    };
}

captures! {
    shop "shop"
    redis "redis"
    dynamodb "dynamodb"
    s3 "s3"
    s3_multipart "s3-multipart"
    s3_offload "s3-offload"
    sqs "sqs"
    sqs_partitioned "sqs-partitioned"
    fs_tree "fs"
    rawkv "rawkv"
    mvcc "mvcc"
    encrypted "encrypted"
    sst "sst"
    sst_files "sst-files"
    cluster "cluster"
    txn "txn"
    txn_last "txn-last"
    sqs_multigroup "sqs-multigroup"
    dynamodb_groups "dynamodb-groups"
}

fn snapshot() -> PathBuf {
    testdata("live/shop/000000000000016e.fsm")
}

fn get(arguments: &[&str]) -> Run {
    let shop = snapshot();
    let mut all = vec!["get", "-q", shop.to_str().expect("the path is text")];
    all.extend(arguments);
    Work::new().run(all)
}

#[test]
fn an_item_is_found_by_its_key() {
    let by_name = get(&["dynamodb/orders/user-1/3"]);
    by_name.exits(0);
    for key in [
        r#"{"customer":"user-1","no":3}"#,
        r#"{"no":3.0,"customer":{"S":"user-1"}}"#,
        r#"{"no":{"N":"3"},"customer":"user-1"}"#,
    ] {
        let run = get(&["dynamodb/orders", key]);
        assert_eq!(run.exits(0).out, by_name.out, "{key}");
    }
    let work = Work::new();
    let shop = snapshot();
    work.run([
        OsStr::new("decode"),
        OsStr::new("-q"),
        shop.as_os_str(),
        OsStr::new("-o"),
        OsStr::new("d.tar"),
    ])
    .exits(0);
    let run = work.run(["get", "d.tar", "dynamodb/orders", r#"{"customer":"user-1","no":3}"#]);
    assert_eq!(run.exits(0).out, by_name.out);
    work.run(["get", "d.tar", "dynamodb/orders/user-1/99"]).exits(1);
    assert!(
        work.run(["get", "d.tar", "redis/a", "--at", "-1h"]).exits(2).err.contains("a dump is of one time")
    );
    for key in [
        r#"{"customer":"user-1"}"#,
        r#"{"customer":"user-1","no":3,"x":1}"#,
        "{",
        r#"{"customer":1,"no":[]}"#,
    ] {
        assert!(get(&["dynamodb/orders", key]).exits(2).err.contains("the key"), "{key}");
    }
    let run = get(&["dynamodb/orders", r#"{"customer":"user-1","no":77}"#]);
    assert_eq!(run.exits(1).out, "");
}

#[test]
fn what_of_a_dump_does_not_parse_is_not_taken_as_missing() {
    let work = Work::new();
    let shop = snapshot();
    let shop = shop.to_str().expect("the path is text");
    work.run(["decode", "-q", shop, "-o", "items"]).exits(0);
    work.run(["decode", "-q", shop, "-o", "lines", "--dynamodb-layout=jsonl", "--dynamodb-bundle-size=4KiB"])
        .exits(0);
    let json = |run: &Run| serde_json::from_str::<serde_json::Value>(&run.exits(0).out).expect("it is JSON");
    let get = |dump: &str, name: &str| work.run(["get", "-q", dump, name]);
    let mut count = 0;
    for line in
        work.run(["list", "-q", shop, "dynamodb/*"]).out.lines().filter(|line| line.contains("/user-"))
    {
        let name = line.split_whitespace().last().expect("there is a name");
        assert_eq!(json(&get("items", name)), json(&get("lines", name)), "{name}");
        count += 1;
    }
    assert!(count > 5, "{count}");
    get("lines", "dynamodb/orders/user-1/99").exits(1);
    // What a dump says is proved first: whoever made this one has summed it up so.
    let put = |file: &str, text: &str| {
        fs::write(work.path(file), text).expect("it can be written");
        let (dump, path) = file.split_once('/').expect("it is in a dump");
        let list = work.path(format!("{dump}/CHECKSUMS"));
        let rows = fs::read_to_string(&list).expect("it is text");
        let row = format!("{}  {path}", hex::encode(Sha256::digest(text)));
        let of = format!("  {path}");
        let rows: Vec<_> = rows.lines().map(|old| if old.ends_with(&of) { &row } else { old }).collect();
        fs::write(list, rows.join("\n") + "\n").expect("it can be written");
    };
    let said = |dump: &str, name: &str, words: &str| {
        let run = get(dump, name);
        assert!(run.exits(3).err.contains(words) && run.out.is_empty(), "{}", run.err);
    };
    // One line may be the one that is wanted; another one that is there is.
    let messages = fs::read_to_string(work.path("items/sqs/orders/messages.jsonl")).expect("there are some");
    let first: serde_json::Value =
        serde_json::from_str(messages.lines().next().expect("there is one")).unwrap();
    let first = format!("sqs/orders/{}", first["message_id"].as_str().expect("it has an ID"));
    put("items/sqs/orders/messages.jsonl", &format!("nonsense\n{messages}"));
    get("items", &first).exits(0);
    said("items", "sqs/orders/none", "sqs/orders/messages.jsonl: line 1: expected");
    put("items/dynamodb/orders/items/user-1/3.json", "{");
    said("items", "dynamodb/orders/user-1/3", "user-1/3.json: EOF");
    put("items/dynamodb/orders/_schema.json", "{}");
    said("items", "dynamodb/orders/user-1/1", "_schema.json: missing field `primary_key`");
}

#[test]
fn what_is_not_there_has_names_near_it_and_nothing_on_standard_output() {
    let run = get(&["redis/cart:user-99"]);
    assert_eq!(run.exits(1).out, "");
    assert!(run.err.contains("error: redis/cart:user-99: not there"), "{}", run.err);
    assert!(run.err.contains("  redis/cart:user-1\n"), "{}", run.err);
    // A name is no pattern.
    assert!(get(&["redis/cart:*"]).exits(1).err.contains("not there"));
    assert!(get(&["cart"]).exits(2).err.contains("expected dynamodb/"));
    Work::new().run(["get", "redis/a"]).exits(2);
}

#[test]
fn the_snapshot_tells_why_something_is_not_there() {
    let capture = source("mvcc").inputs.remove(0);
    let get = |arguments: &[&str]| {
        let all = [&["get", "-q", capture.to_str().expect("the path is text")], arguments].concat();
        Work::new().run(all).exits(1).err.clone()
    };
    let deleted = get(&["redis/one:many:3"]);
    assert!(
        deleted.contains("string was deleted at 2026-11-23T01:59:18.038Z (HLC 117663279221178368)"),
        "{deleted}"
    );
    let later = get(&["redis/one:many:3", "--at", "117663279220654079"]);
    assert!(
        later.contains("was written at 2026-11-23T01:59:18.03Z (HLC 117663279220654080), after"),
        "{later}"
    );
    let scope = get(&["s3/enc/one/zeros"]);
    assert!(scope.contains("near it:\n  s3/enc-bucket\n"), "{scope}");
}

#[test]
fn the_stored_value_is_that_of_the_row() {
    assert!(
        get(&["s3/product-images/catalog/sku-1/front.png", "--raw"]).exits(0).out.contains("\"upload_id\":")
    );
    assert!(
        get(&["redis/session:0001", "--raw", "--at", "117663357173170175"])
            .exits(1)
            .err
            .contains("not there")
    );
    let rows = get(&["redis/cart:user-1", "--raw"]);
    let rows: Vec<serde_json::Value> =
        rows.exits(0).out.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let of = |row: &str| {
        rows.iter().filter(|line| line["row"].as_str().is_some_and(|of| of.starts_with(row))).count()
    };
    assert!(of("field ") == rows.len() && rows.len() > 2, "{rows:?}");
    let file: serde_json::Value = serde_json::from_str(&get(&["redis/cart:user-1"]).exits(0).out).unwrap();
    let count =
        |of: &serde_json::Value| of.as_object().map(serde_json::Map::len).or(of.as_array().map(Vec::len));
    assert_eq!(count(&file["fields"]), Some(rows.len()));
    let field = &rows[0];
    assert_eq!(field["family"], "!hs|fld|");
    let key = STANDARD.decode(field["key_base64"].as_str().unwrap()).unwrap();
    assert!(key.starts_with(b"!hs|fld|\0\0\0\x0bcart:user-1"), "{}", key.escape_ascii());
    assert!(field["commit_ts"].as_u64().is_some() && field["value_base64"].is_string());
    let run = get(&["redis/none", "--raw"]);
    assert!(run.exits(1).out.is_empty());
    let shop = snapshot();
    let output = Work::new()
        .command([OsStr::new("get"), shop.as_os_str(), OsStr::new("redis/session:0001"), OsStr::new("--raw")])
        .output()
        .expect("the binary can be run");
    // The envelope of a string with its expiry (`format/redis.md#strings`), then the file.
    assert_eq!(output.stdout[..3], [0xff, 1, 1]);
    assert_eq!(output.stdout[11..], *get(&["redis/session:0001"]).exits(0).out.as_bytes());
}

#[test]
fn rows_of_another_type_of_a_key_are_told() {
    // A string wins over what is left of an HLL and of a hash.
    let field = [&b"!hs|fld|\0\0\0\x01k"[..], b"f"].concat();
    let snapshot =
        Snapshot::new().string("k", b"v").put("!redis|hll|k", b"hll").put(field, b"1").string("k2", b"w");
    let work = Work::with(&snapshot.live());
    let words = "hidden by another type: servers read the string, and not what is left of a hash (1 rows)";
    let found = work.run(["get", "snapshot.fsm", "redis/k"]);
    assert_eq!(found.exits(0).out, "v");
    assert!(found.err.contains(words), "{}", found.err);
    let hidden = work.run(["get", "snapshot.fsm", "redis/db_0/hashes/k.json"]);
    assert!(hidden.exits(1).err.contains(words) && hidden.out.is_empty(), "{}", hidden.err);
    // An HLL is a file of its own beside a string.
    assert_eq!(work.run(["get", "snapshot.fsm", "redis/db_0/hll/k.bin"]).exits(0).out, "hll");
    let other = work.run(["get", "snapshot.fsm", "redis/db_0/sets/k.json"]);
    assert!(!other.exits(1).err.contains("hidden"), "{}", other.err);
    let run = work.run(["get", "snapshot.fsm", "redis/k2"]);
    assert!(!run.exits(0).err.contains("hidden"), "{}", run.err);
}

#[test]
fn a_name_of_another_group_is_told() {
    let group = |number| {
        let directory = testdata(&format!("live/cluster/n1/group-{number}"));
        directory.to_str().expect("the path is text").to_owned()
    };
    let work = Work::new();
    let run = work.run(["list", "-q", &group(1), &group(2), &group(3)]);
    let all: Vec<_> = run.out.lines().map(str::to_owned).collect();
    let here = work.run(["list", "-q", &group(1)]).out.clone();
    let mut counts = [0; 2];
    for name in all.iter().filter(|name| !here.lines().any(|line| line == *name)).step_by(5) {
        let run = work.run(["get", "-q", &group(1), name]);
        assert!(run.exits(1).out.is_empty());
        // Queues are placed by no range; keys of Redis by another one for each type.
        let is_sure = run.err.contains("in another group: its name is in the range of Raft group ");
        let may_be = run.err.contains("it may be in another group: Raft group");
        assert!(is_sure || (may_be && !name.starts_with("dynamodb/")), "{name}: {}", run.err);
        counts[usize::from(is_sure)] += 1;
    }
    assert!(counts[0] > 3 && counts[1] > 3, "{counts:?}");
    // Of one type it would be here.
    let run = work.run(["get", "-q", &group(1), "redis/nonesuch"]);
    assert!(
        run.exits(1).err.contains("it may be in another group: Raft group 2 is not among"),
        "{}",
        run.err
    );
    let run = work.run(["get", "-q", &group(1), &group(2), &group(3), "redis/nonesuch"]);
    assert!(!run.exits(1).err.contains("another group"), "{}", run.err);
}

#[test]
fn a_number_has_one_name_and_is_found_however_it_is_spelt() {
    let group = testdata("live/cluster/n1");
    let group = group.to_str().expect("the path is text");
    let work = Work::new();
    work.run(["decode", "-q", group, "-o", "dump"]);
    work.run(["decode", "-q", group, "-o", "lines", "--dynamodb-layout=jsonl"]);
    let listed = |input: &str| {
        let run = work.run(["list", "-q", input, "dynamodb/orders/**", "--sort", "name"]);
        run.out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let names = listed(group);
    for name in ["dynamodb/orders/b%2Fc/-5/2", "dynamodb/orders/x y/1000", "dynamodb/orders/a/1"] {
        assert!(names.iter().any(|other| other == name), "{names:?}");
    }
    assert_eq!((listed("dump"), listed("lines")), (names.clone(), names));
    // What `diff` calls it.
    work.run(["diff", "-q", "dump", group, "dynamodb/orders/b%2Fc/-5/2"]).exits(0);
    for input in [group, "dump", "lines"] {
        let get = |name: &str| work.run(["get", "-q", input, name]);
        let item = get("dynamodb/orders/b%2Fc/-2.50").exits(0).out.clone();
        assert!(item.contains("-2.50"), "{item}");
        for other in ["-5/2", "-2.5", "-25e-1", "-0002.500"] {
            assert_eq!(get(&format!("dynamodb/orders/b%2Fc/{other}")).exits(0).out, item, "{input}: {other}");
        }
        get("dynamodb/orders/b%2Fc/-5/4").exits(1);
    }
    let log = |name: &str| work.run(["log", "-q", group, name]).exits(0).out.clone();
    assert_eq!(log("dynamodb/orders/b%2Fc/-5/2"), log("dynamodb/orders/b%2Fc/-2.50"));
}
