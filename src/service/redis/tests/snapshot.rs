//! Rows to a snapshot file, and the tree that the adapter makes of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::container::Source;
use crate::event::Warning;
use crate::report::Report;
use crate::service::{Context, Options, Scope};
use crate::sink::TreeSink;
use crate::snapshot::{Snapshot, SnapshotOptions};
use crate::tree::{Scratch, Tree, TreeOptions};

/// Commit timestamp of every row, an HLC timestamp.
pub(super) const COMMIT_TS: u64 = 0x019c_3a5b_7d10_0000;

/// What a run left behind.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Dump {
    /// Files by path below `redis/db_0/`.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Event names.
    pub(super) warnings: Vec<&'static str>,
    /// Keys in base64url, and classes.
    pub(super) problems: Vec<(String, String)>,
    pub(super) scope: Scope,
}

/// Decodes a snapshot of these rows: user key to value, all of them visible.
pub(super) fn dump(rows: &BTreeMap<Vec<u8>, Vec<u8>>, options: &Options) -> Dump {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("snapshot.fsm");
    fs::write(&input, encode(rows)).unwrap();
    let source = Source::open(&input, directory.path(), &crate::interrupt::Interrupt::default()).unwrap();
    let snapshot = Snapshot::open(vec![source], &SnapshotOptions::default()).unwrap();
    let tree = Tree::create(&directory.path().join("out"), &TreeOptions::default()).unwrap();
    let scratch = tree.scratch().clone();
    let mut tree = TreeSink::new(tree, options.layout(&snapshot));
    let mut warnings = Vec::new();
    let mut report = Report::new(&scratch, |warning: &Warning| warnings.push(warning.event.name()));
    let mut context =
        Context { snapshot: &snapshot, sink: &mut tree, scratch: &scratch, report: &mut report, options };
    let scope = super::super::dump(&mut context).unwrap();
    let mut problems = Vec::new();
    let mut lines = report.problems().sort().unwrap();
    while let Some((_, line)) = lines.next().unwrap() {
        let line: Value = serde_json::from_slice(line).unwrap();
        let member = |name: &str| line[name].as_str().unwrap().to_owned();
        problems.push((member("key"), member("class")));
    }
    drop(lines);
    drop(report);
    let mut tree = tree.into_tree();
    tree.settle().unwrap();
    let staging = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir())
        .unwrap();
    let mut files = BTreeMap::new();
    collect(&staging.join("redis/db_0"), "", &mut files);
    assert_eq!(digests(&snapshot, &scratch, options), files.iter().map(digest).collect());
    Dump { files, warnings, problems, scope }
}

/// Path from the dump root and SHA-256 of each file, as a sink says that makes no files.
fn digests(snapshot: &Snapshot, scratch: &Scratch, options: &Options) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut tree = TreeSink::new(Tree::digests(scratch), options.layout(snapshot));
    let mut report = Report::new(scratch, |_: &Warning| {});
    super::super::dump(&mut Context { snapshot, sink: &mut tree, scratch, report: &mut report, options })
        .unwrap();
    let Tree::Digests(mut digests) = tree.into_tree() else { panic!("no digests") };
    let mut rows = digests.sort().unwrap();
    let mut all = BTreeMap::new();
    while let Some((path, digest)) = rows.next().unwrap() {
        all.insert(path.to_vec(), digest.to_vec());
    }
    all
}

fn digest((path, body): (&String, &Vec<u8>)) -> (Vec<u8>, Vec<u8>) {
    (format!("redis/db_0/{path}").into_bytes(), Sha256::digest(body).to_vec())
}

fn collect(directory: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(&path).unwrap());
        }
    }
}

/// Native stream without header and footer (`format/container.md#native-stream`).
fn encode(rows: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
    let mut physical: Vec<_> = rows
        .iter()
        .map(|(key, value)| {
            let key = [&key[..], &(!COMMIT_TS).to_be_bytes()].concat();
            (key, [&[0; 9], &value[..]].concat())
        })
        .collect();
    physical.sort();
    let mut file = b"EKVPBBL1".to_vec();
    file.extend(COMMIT_TS.to_le_bytes());
    for part in physical.iter().flat_map(|(key, value)| [key, value]) {
        file.extend(u64::try_from(part.len()).unwrap().to_le_bytes());
        file.extend(part);
    }
    file
}
