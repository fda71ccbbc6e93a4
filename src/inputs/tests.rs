//! Searching directories, choosing, opening.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::{Found, Notice};
use crate::container::fixture::Native;
use crate::interrupt::Interrupt;
use crate::snapshot::{GroupOrigin, Snapshot, SnapshotOptions};
use crate::time::Hlc;

/// A snapshot that is read, and its group.
type Read = (String, Option<u64>);
/// A path that was passed over, and the first words of the reason.
type Passed = (String, String);

/// Files in a directory of one test.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Writes a snapshot that holds one key, committed at `ts`.
    fn snapshot(&self, name: &str, key: &str, ts: u64) {
        self.write(name, &Native::new(ts).put(key.as_bytes(), ts, b"").file());
    }

    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.0.path()).unwrap_or(path).display().to_string()
    }

    fn find(&self, names: &[&str]) -> Result<Found> {
        let paths: Vec<_> = names.iter().map(|name| self.path(name)).collect();
        Found::find(&paths, &Interrupt::default())
    }

    /// Returns what is read, with its group, and what was passed over with the first words of the reason.
    fn found(&self, names: &[&str]) -> (Vec<Read>, Vec<Passed>) {
        let found = self.find(names).unwrap();
        let read = |candidate: &super::Candidate| (self.shown(&candidate.path), candidate.group);
        let passed = |passed: &super::PassedOver| {
            let words: Vec<_> = passed.reason.split(' ').take(2).collect();
            (self.shown(&passed.path), words.join(" "))
        };
        let (read, passed) = (
            found.candidates().iter().map(read).collect(),
            found.passed_over.named.iter().map(passed).collect(),
        );
        (read, passed)
    }

    fn open(&self, names: &[&str]) -> Result<(Snapshot, Vec<String>)> {
        let mut said = Vec::new();
        let opened = self.find(names)?.open(self.0.path(), &SnapshotOptions::default(), &mut |notice| {
            if let Notice::PassedOver(passed) = notice {
                said.push(self.shown(&passed.path));
            }
        })?;
        Ok((opened.snapshot, said))
    }
}

fn pairs(list: &[(&str, &str)]) -> Vec<Passed> {
    list.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

fn read(list: &[(&str, Option<u64>)]) -> Vec<Read> {
    list.iter().map(|(path, group)| ((*path).to_owned(), *group)).collect()
}

#[test]
fn a_nodes_directory_gives_the_newest_complete_snapshot_of_each_group() {
    let files = Files::new();
    files.snapshot("n1/group-1/fsm-snap/0000000000000009.fsm", "a", 5);
    files.snapshot("n1/group-1/fsm-snap/000000000000000a.fsm", "a", 6);
    files.write("n1/group-1/fsm-snap/000000000000000b.fsm", b"");
    files.write("n1/group-1/fsm-snap/000000000000000c.fsm", b"EKVTHLC1");
    files.write("n1/group-1/fsm-snap/000000000000000d.fsm.tmp", b"");
    files.snapshot("n1/group-1/fsm-snap/copy.fsm", "a", 9);
    files.snapshot("n1/group-2/fsm-snap/0000000000000003.fsm", "b", 5);
    files.snapshot("n1/archive/0000000000000003.fsm", "b", 5);
    files.write("n1/group-2/fsm.db/000001.sst", b"");
    let expected = [
        ("n1/group-1/fsm-snap/000000000000000a.fsm", Some(1)),
        ("n1/group-2/fsm-snap/0000000000000003.fsm", Some(2)),
    ];
    let passed = [
        ("n1/archive/0000000000000003.fsm", "not where"),
        ("n1/group-1/fsm-snap/000000000000000d.fsm.tmp", "was still"),
        ("n1/group-1/fsm-snap/000000000000000c.fsm", "incomplete: truncated:"),
        ("n1/group-1/fsm-snap/000000000000000b.fsm", "empty"),
        ("n1/group-1/fsm-snap/0000000000000009.fsm", "older than"),
        ("n1/group-1/fsm-snap/copy.fsm", "its name"),
    ];
    // The cluster's directory and the node's give the same.
    for name in ["n1", ""] {
        assert_eq!(files.found(&[name]), (read(&expected), pairs(&passed)), "{name}");
    }
    assert_eq!(files.found(&["n1/group-2"]).0, read(&expected[1..]));
    assert_eq!(files.found(&["n1/group-2/fsm-snap"]).0, read(&expected[1..]));
    let found = files.find(&["n1"]).unwrap();
    let data = ["n1", "n1/group-1", "n1/group-2"].map(|name| files.path(name));
    assert_eq!(found.data_directories(), data);
}

#[test]
fn of_two_nodes_the_newest_of_each_group_counts_and_ties_do_not_depend_on_the_order() {
    let files = Files::new();
    for (node, one, two) in [("n1", 9, 4), ("n2", 7, 5)] {
        files.snapshot(&format!("{node}/group-1/fsm-snap/{one:016x}.fsm"), "a", one);
        files.snapshot(&format!("{node}/group-2/fsm-snap/{two:016x}.fsm"), "b", two);
        files.snapshot(&format!("{node}/group-3/fsm-snap/{:016x}.fsm", 1), "c", 1);
    }
    for names in [&["n1", "n2"][..], &["n2", "n1"], &[""]] {
        let mut kept = files.found(names).0;
        kept.sort();
        let expected = [
            ("n1/group-1/fsm-snap/0000000000000009.fsm", Some(1)),
            ("n1/group-3/fsm-snap/0000000000000001.fsm", Some(3)),
            ("n2/group-2/fsm-snap/0000000000000005.fsm", Some(2)),
        ];
        assert_eq!(kept, read(&expected));
    }
}

#[test]
fn links_are_not_followed_and_only_regular_files_are_opened() {
    let files = Files::new();
    files.snapshot("outside/fsm-snap/0000000000000009.fsm", "a", 5);
    files.snapshot("n1/group-1/fsm-snap/0000000000000001.fsm", "a", 5);
    symlink(files.path("outside/fsm-snap"), files.path("n1/fsm-snap")).unwrap();
    symlink(files.path("outside"), files.path("n1/group-2")).unwrap();
    let outside = files.path("outside/fsm-snap/0000000000000009.fsm");
    symlink(outside, files.path("n1/group-1/fsm-snap/0000000000000009.fsm")).unwrap();
    fs::create_dir(files.path("n1/group-1/fsm-snap/000000000000000a.fsm")).unwrap();
    let fifo = files.path("n1/group-1/fsm-snap/000000000000000b.fsm");
    assert!(std::process::Command::new("mkfifo").arg(fifo).status().unwrap().success());
    let passed = [
        ("n1/fsm-snap", "a symbolic"),
        ("n1/group-1/fsm-snap/0000000000000009.fsm", "a symbolic"),
        ("n1/group-1/fsm-snap/000000000000000b.fsm", "not a"),
        ("n1/group-2", "a symbolic"),
    ];
    let kept = [("n1/group-1/fsm-snap/0000000000000001.fsm", Some(1))];
    assert_eq!(files.found(&["n1"]), (read(&kept), pairs(&passed)));
}

#[test]
fn a_directory_without_a_snapshot_and_one_too_deep_are_refused() {
    let files = Files::new();
    files.write("empty/group-1/fsm-snap/0000000000000001.fsm.tmp", b"");
    let error = files.find(&["empty"]).unwrap_err();
    assert!(matches!(&error, Error::NoSnapshot { passed_over: 1, .. }), "{error}");
    files.snapshot("a/b/c/d/e/f/fsm-snap/0000000000000001.fsm", "a", 1);
    assert_eq!(files.found(&["a"]).0.len(), 1);
    let error = files.find(&[""]).unwrap_err();
    assert!(matches!(&error, Error::NoSnapshot { .. }), "{error}");
}

#[test]
fn a_named_file_counts_before_what_its_directory_holds() {
    let files = Files::new();
    files.snapshot("n1/fsm-snap/0000000000000009.fsm", "a", 5);
    files.snapshot("n1/fsm-snap/000000000000000a.fsm", "a", 6);
    files.snapshot("n1/group-2/fsm-snap/0000000000000003.fsm", "b", 5);
    files.snapshot("n2/group-2/fsm-snap/0000000000000002.fsm", "b", 4);
    let older = "n1/fsm-snap/0000000000000009.fsm";
    let (kept, _) = files.found(&["n1", older]);
    assert_eq!(kept, read(&[("n1/group-2/fsm-snap/0000000000000003.fsm", Some(2)), (older, None)]));
    let other = "n2/group-2/fsm-snap/0000000000000002.fsm";
    assert!(files.found(&[other, "n1"]).0.contains(&(other.to_owned(), Some(2))));
}

#[test]
fn a_corrupt_newest_snapshot_is_an_error_that_names_the_one_before() {
    let files = Files::new();
    files.snapshot("n1/group-1/fsm-snap/0000000000000009.fsm", "a", 5);
    files.snapshot("n1/group-1/fsm-snap/000000000000000a.fsm", "a", 6);
    let newest = files.path("n1/group-1/fsm-snap/000000000000000a.fsm");
    let mut bytes = fs::read(&newest).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(newest, bytes).unwrap();
    let error = files.open(&["n1"]).unwrap_err();
    assert!(matches!(&error, Error::Chosen { .. }));
    let text = error.to_string();
    assert!(text.contains("footer mismatch") && text.contains("0000000000000009.fsm"), "{text}");
    let (snapshot, _) = files.open(&["n1", "n1/group-1/fsm-snap/0000000000000009.fsm"]).unwrap();
    assert_eq!(snapshot.read_ts(), Hlc(5));
    files.write("n2/fsm-snap/0000000000000001.fsm", b"EKVTHLC9 of a newer version");
    assert!(files.find(&["n2"]).is_err(), "what a newer version wrote is never passed over");
}

/// One route to group 7, and a key of that group.
fn with_catalog(ts: u64) -> Vec<u8> {
    let route = [&[1][..], &[0; 7], &[1], &[0; 7], &[7], &[0; 9], &[0; 8], &[0]].concat();
    Native::new(ts).put(b"!dist|route|\0\0\0\0\0\0\0\x01", 1, &route).put(b"a", ts, b"").file()
}

#[test]
fn groups_that_only_rows_tell_are_chosen_after_opening() {
    let files = Files::new();
    files.write("plain/old.fsm", &with_catalog(5));
    files.write("plain/new.fsm", &with_catalog(6));
    let (snapshot, said) = files.open(&["plain"]).unwrap();
    assert_eq!((said, snapshot.read_ts()), (vec!["plain/old.fsm".to_owned()], Hlc(6)));
    let error = files.open(&["plain/old.fsm", "plain/new.fsm"]).unwrap_err();
    assert!(matches!(&error, Error::SameGroup { group: 7, .. }), "{error}");
    assert!(error.to_string().contains("old.fsm") && error.to_string().contains("new.fsm"));
    // Without a catalog the names tell.
    files.snapshot("hex/0000000000000001.fsm", "a", 5);
    files.snapshot("hex/0000000000000002.fsm", "b", 5);
    assert_eq!(files.open(&["hex"]).unwrap().1, ["hex/0000000000000001.fsm"]);
    files.snapshot("names/one.fsm", "a", 5);
    files.snapshot("names/two.fsm", "b", 5);
    assert_eq!(files.open(&["names"]).unwrap().0.inputs().len(), 2);
}

#[test]
fn the_order_of_the_names_does_not_matter_and_nothing_is_read_twice() {
    let files = Files::new();
    files.snapshot("a.fsm", "a", 5);
    files.snapshot("b.fsm", "b", 5);
    files.snapshot("c.fsm", "c", 4);
    let order = |names: &[&str]| {
        let (snapshot, _) = files.open(names).unwrap();
        snapshot.inputs().iter().map(|info| files.shown(&info.path)).collect::<Vec<_>>()
    };
    let one = order(&["a.fsm", "b.fsm", "c.fsm"]);
    assert_eq!(one[0], "c.fsm");
    assert_eq!(one, order(&["c.fsm", "b.fsm", "a.fsm"]));
    assert_eq!(one, order(&["b.fsm", "a.fsm", "c.fsm"]));
    fs::copy(files.path("a.fsm"), files.path("copy.fsm")).unwrap();
    for twice in [["a.fsm", "copy.fsm"], ["a.fsm", "a.fsm"]] {
        let error = files.open(&twice).unwrap_err();
        assert!(matches!(&error, Error::SameSnapshot { .. }), "{error}");
    }
    let error = Found::find(&["-".into(), "-".into()], &Interrupt::default()).unwrap_err();
    assert!(matches!(&error, Error::StandardInput));
}

/// Stores a snapshot as the offload tool does; returns the names of payload and manifest.
fn offload(files: &Files, group: &str, key: &str) -> (String, String) {
    use sha2::{Digest, Sha256};
    let mut bytes = Native::new(9).put(key.as_bytes(), 5, b"v").file();
    let footer = u32::from_be_bytes(*bytes.last_chunk().unwrap());
    bytes.truncate(bytes.len() - 4);
    let digits = hex::encode(Sha256::digest(&bytes));
    let payload = format!("v1/payloads/sha256/{}/{digits}.fsm", &digits[..2]);
    files.write(&payload, &bytes);
    let manifest = format!("v1/groups/{group}/snapshots/{key}.json");
    let text = format!(
        r#"{{"snapshot_index":7,"group_id":{group},"payload":{{"bytes":{},"sha256":"{digits}","source_crc32c":{footer}}}}}"#,
        bytes.len()
    );
    files.write(&manifest, text.as_bytes());
    (payload, manifest)
}

#[test]
fn an_offloaded_payload_is_of_the_group_that_its_manifest_tells() {
    let files = Files::new();
    let one = offload(&files, "3", "a");
    let (two, same) = (offload(&files, "4", "b"), offload(&files, "3", "c"));
    for names in [[&one.0, &two.0], [&two.1, &one.1]] {
        let (snapshot, _) = files.open(&names.map(String::as_str)).unwrap();
        let groups: Vec<_> = snapshot.inputs_by_group().into_iter().map(|info| info.group).collect();
        let told = |group| Some((group, GroupOrigin::Manifest));
        assert_eq!(groups, [told(3), told(4)]);
        assert_eq!(snapshot.missing_groups(), Some(crate::snapshot::MissingGroups::NoCatalog));
    }
    let error = files.open(&[&one.1, &same.1]).unwrap_err();
    assert!(matches!(&error, Error::SameGroup { group: 3, .. }), "{error}");
    // A cluster with one group has manifests too.
    assert_eq!(files.open(&[&one.0]).unwrap().0.missing_groups(), None);
}

#[test]
fn records_are_searched_for_in_files_and_in_the_newest_snapshots_of_directories() {
    let files = Files::new();
    files.snapshot("n1/group-1/fsm-snap/0000000000000009.fsm", "a", 5);
    files.snapshot("n1/group-1/fsm-snap/000000000000000a.fsm", "a", 6);
    files.snapshot("n1/group-2/fsm-snap/0000000000000003.fsm", "b", 5);
    files.snapshot("other.fsm", "b", 5);
    let find = |names: &[&str], inputs: &[PathBuf]| {
        let paths: Vec<_> =
            names.iter().map(|name| if *name == "-" { "-".into() } else { files.path(name) }).collect();
        let mut said = 0;
        let records = super::Records::find(&paths, inputs, &Interrupt::default(), &mut |notice| {
            said += usize::from(matches!(notice, Notice::Searched(_)));
        })?;
        Ok::<_, Error>((records.paths().iter().map(|path| files.shown(path)).collect::<Vec<_>>(), said))
    };
    let newest = ["n1/group-1/fsm-snap/000000000000000a.fsm", "n1/group-2/fsm-snap/0000000000000003.fsm"];
    let all = [&["other.fsm"], &newest[..], &["n1/group-1/fsm-snap/0000000000000009.fsm"]].concat();
    let (found, said) = find(&["other.fsm", "n1", "n1/group-1/fsm-snap/0000000000000009.fsm"], &[]).unwrap();
    assert_eq!((found, said), (all.iter().map(|name| (*name).to_owned()).collect(), 2));
    assert!(find(&["-"], &[]).is_ok());
    let error = find(&["-"], &["-".into()]).unwrap_err();
    assert!(matches!(&error, Error::StandardInput));
}
