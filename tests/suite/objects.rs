//! Objects in other sinks than the tree: their digests are those of the tree's CHECKSUMS, and their lines are its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use ekv_backup::run::{Source, objects};
use ekv_backup::service::Options;
use ekv_backup::sink::{Digest, LayoutOptions, Lines, Sink};
use ekv_backup::sort::Scratch;
use serde_json::Value;

use crate::tool::{Work, testdata};

/// Captures of one node with one group, and their first snapshot.
const CAPTURES: [&str; 9] = ["dynamodb", "encrypted", "fs", "mvcc", "rawkv", "redis", "s3", "shop", "sqs"];

fn pass(name: &str, sink: &mut dyn Sink, work: &Work) -> u64 {
    let directory = testdata("live").join(name);
    let entries = fs::read_dir(&directory).expect("testdata/live can be listed");
    let mut paths = entries.map(|entry| entry.expect("testdata/live can be listed").path());
    let snapshot = paths.find(|path| path.to_string_lossy().contains(".fsm"));
    let mut source = Source::new(vec![snapshot.expect("there is a snapshot")]);
    let kek = directory.join("kek.bin");
    if kek.exists() {
        source.keys.keks = vec![kek];
    }
    let scratch = source.scratch(work.path("."));
    let opened = source.open(&scratch, &mut |_| ()).expect("a capture can be opened");
    objects(&opened.snapshot, &Options::default(), &scratch, sink, |_| ()).expect("a capture can be read")
}

/// Reads the golden CHECKSUMS of a capture: path to digest, without the files that are of no service.
fn checksums(name: &str) -> BTreeMap<String, String> {
    let path: PathBuf = testdata("live").join(name).join("CHECKSUMS");
    let text = fs::read(path).expect("a capture has CHECKSUMS");
    let text = String::from_utf8_lossy(&text);
    let rows = text.lines().map(|line| line.split_once("  ").expect("a digest and a path"));
    let rows = rows.map(|(digest, path)| (path.to_owned(), digest.to_owned()));
    rows.filter(|(path, _)| !["MANIFEST.json", "PROBLEMS.jsonl"].contains(&path.as_str())).collect()
}

#[test]
fn digests_are_those_of_the_tree() {
    for name in CAPTURES {
        let work = Work::new();
        let mut sink = Digest::new(&Scratch::new(work.path(".")), LayoutOptions::default());
        pass(name, &mut sink, &work);
        let mut found = BTreeMap::new();
        sink.finish(|path, digest| {
            let path = String::from_utf8_lossy(path).into_owned();
            // As `sha256sum` writes a name with a backslash or a line break in it.
            let escaped = path.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
            let mark = if escaped == path { "" } else { "\\" };
            found.insert(escaped, format!("{mark}{}", hex::encode(digest)));
            Ok(())
        })
        .expect("digests can be sorted");
        assert_eq!(found, checksums(name), "{name}");
        assert_eq!(work.names().len(), 0, "{name}: no file is made");
    }
}

#[test]
fn there_is_a_line_for_each_file_of_an_object() {
    let mut of_all = 0;
    for name in CAPTURES {
        let work = Work::new();
        let mut sink = Lines::new(Vec::new());
        pass(name, &mut sink, &work);
        let mut lines = BTreeMap::<(String, String), usize>::new();
        for line in sink.into_inner().split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Value = serde_json::from_slice(line).expect("a line is JSON");
            let member = |name: &str| line[name].as_str().expect("a text").to_owned();
            assert!(line["commit_ts"].is_u64(), "{name}: {line}");
            *lines.entry((member("service"), member("type"))).or_default() += 1;
        }
        let paths = checksums(name);
        let count = |holds: &dyn Fn(&str) -> bool| paths.keys().filter(|path| holds(path)).count();
        for (service, kind, holds) in [
            (
                "redis",
                "string",
                &(|path: &str| path.starts_with("redis/db_0/strings/")) as &dyn Fn(&str) -> bool,
            ),
            ("redis", "hash", &|path| path.starts_with("redis/db_0/hashes/")),
            ("redis", "list", &|path| path.starts_with("redis/db_0/lists/")),
            ("redis", "zset", &|path| path.starts_with("redis/db_0/zsets/")),
            ("redis", "stream", &|path| path.starts_with("redis/db_0/streams/")),
            ("dynamodb", "table", &|path| path.starts_with("dynamodb/") && path.ends_with("/_schema.json")),
            ("dynamodb", "item", &|path| path.starts_with("dynamodb/") && path.contains("/items/")),
            ("s3", "bucket", &|path| {
                path.starts_with("s3/") && path.ends_with("/_bucket.json") && path.matches('/').count() == 2
            }),
            ("s3", "object", &|path| path.starts_with("s3/") && path.ends_with(".elastickv-meta.json")),
            ("sqs", "queue", &|path| path.starts_with("sqs/") && path.ends_with("/_queue.json")),
            ("fs", "file", &|path| path.starts_with("extra/fs/tree/")),
            ("kv", "value", &|path| path.starts_with("extra/kv/") && !path.ends_with("/KEYMAP.jsonl")),
        ] {
            let found = lines.get(&(service.to_owned(), kind.to_owned())).copied().unwrap_or_default();
            // Only the tree has no place for some keys of S3.
            let all = found == count(holds) || (kind == "object" && found > count(holds));
            assert!(all, "{name}: {service} {kind}: {found} lines, {} files", count(holds));
            of_all += found;
        }
    }
    assert!(of_all > 500, "{of_all}");
}
