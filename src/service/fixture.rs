//! A snapshot in memory, decoded by one adapter: what unit tests of adapters start from.
//!
//! In: user keys and values. Out: the files that the adapter wrote, the warnings and problems that it raised.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

use rustix::fs::{Dir, Mode, OFlags, openat};

use super::{Context, Options, Scope};
use crate::container::Source;
use crate::error::Result;
use crate::event::Warning;
use crate::report::Report;
use crate::sink::{Selected, TreeSink};
use crate::snapshot::{Snapshot, SnapshotOptions};
use crate::tree::{Tree, TreeOptions};

/// Commit timestamp of every row: HLC of a day in 2024.
const COMMIT_TS: u64 = 0x018f_2a33_f800_0001;

/// The rows of a snapshot.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows(BTreeMap<Vec<u8>, Vec<u8>>);

/// What an adapter made of a snapshot.
#[derive(Debug)]
pub(super) struct Dumped {
    /// Path from the dump root -> content; directories end in `/` and are empty.
    pub files: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Warnings, in the order in which they came up.
    pub warnings: Vec<Warning>,
    /// Lines of `PROBLEMS.jsonl`.
    pub problems: Vec<serde_json::Value>,
    /// Lines of `extra/KEYMAP.jsonl`.
    pub keymap: Vec<u8>,
    /// The directory that is the dump root; removed with this value.
    pub root: PathBuf,
    _tree: Tree,
    _directory: tempfile::TempDir,
}

impl Rows {
    /// Adds a visible row.
    pub(super) fn put(&mut self, user_key: &[u8], body: &[u8]) {
        let key = [user_key, &(!COMMIT_TS).to_be_bytes()].concat();
        self.0.insert(key, [&[0; 9], body].concat());
    }

    /// Writes the payload as a live node does, without header and footer.
    fn payload(&self) -> Vec<u8> {
        let mut bytes = [&b"EKVPBBL1"[..], &COMMIT_TS.to_le_bytes()].concat();
        for part in self.0.iter().flat_map(|(key, value)| [key, value]) {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }

    /// Opens the rows as a store, and a directory for what is made of it.
    pub(super) fn open(&self) -> Result<(tempfile::TempDir, Snapshot)> {
        let directory = tempfile::tempdir().unwrap();
        let input = directory.path().join("rows.fsm");
        fs::write(&input, self.payload()).unwrap();
        let source = Source::open(&input, directory.path(), &crate::interrupt::Interrupt::default())?;
        let snapshot = Snapshot::open(vec![source], &SnapshotOptions::default())?;
        Ok((directory, snapshot))
    }

    /// Decodes the rows with one adapter into digests: path from the dump root -> SHA-256.
    pub(super) fn digests(
        &self,
        options: &Options,
        adapter: impl FnOnce(&mut Context<'_, '_>) -> Result<Scope>,
    ) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let (directory, snapshot) = self.open()?;
        let scratch = crate::tree::Scratch::new(directory.path().to_owned());
        let mut tree = TreeSink::new(Tree::digests(&scratch), options.layout(&snapshot));
        let mut report = Report::new(&scratch, |_| {});
        adapter(&mut Context {
            snapshot: &snapshot,
            sink: &mut tree,
            scratch: &scratch,
            report: &mut report,
            options,
        })?;
        let Tree::Digests(mut digests) = tree.into_tree() else {
            unreachable!("a tree of digests stays one")
        };
        let mut rows = digests.sort()?;
        let mut found = BTreeMap::new();
        while let Some((path, digest)) = rows.next()? {
            found.insert(path.to_vec(), digest.to_vec());
        }
        Ok(found)
    }

    /// Decodes the rows with one adapter.
    pub(super) fn dump(
        &self,
        options: &Options,
        adapter: impl FnOnce(&mut Context<'_, '_>) -> Result<Scope>,
    ) -> Result<Dumped> {
        let (directory, snapshot) = self.open()?;
        let target = directory.path().join("staging");
        fs::create_dir(&target).unwrap();
        let tree = Tree::create(&target.join("dump"), &TreeOptions::default())?;
        let scratch = tree.scratch().clone();
        let mut tree = TreeSink::new(tree, options.layout(&snapshot));
        let root = fs::read_dir(&target).unwrap().next().unwrap().unwrap().path();

        let warnings = RefCell::new(Vec::new());
        let mut report = Report::new(&scratch, |warning| warnings.borrow_mut().push(warning.clone()));
        let mut selected = options.selection.as_deref().map(|selection| Selected::new(selection, &mut tree));
        adapter(&mut Context {
            snapshot: &snapshot,
            sink: match &mut selected {
                Some(selected) => selected,
                None => &mut tree,
            },
            scratch: &scratch,
            report: &mut report,
            options,
        })?;

        let mut problems = Vec::new();
        let mut lines = report.problems().sort()?;
        while let Some((_, line)) = lines.next()? {
            problems.push(serde_json::from_slice(line).unwrap());
        }
        drop(lines);
        drop(report);
        let mut records = Vec::new();
        let mut lines = tree.keymap().records().sort()?;
        while let Some((_, line)) = lines.next()? {
            records.extend_from_slice(line);
        }
        drop(lines);
        let mut tree = tree.into_tree();
        tree.settle()?;
        let mut files = BTreeMap::new();
        read_tree(&fs::File::open(&root).unwrap(), b"", &mut files);
        Ok(Dumped {
            files,
            warnings: warnings.into_inner(),
            problems,
            keymap: records,
            root,
            _tree: tree,
            _directory: directory,
        })
    }
}

impl Dumped {
    /// Returns the event of each warning.
    pub(super) fn events(&self) -> Vec<&'static str> {
        self.warnings.iter().map(|warning| warning.event.name()).collect()
    }

    /// Returns (class, key) of each problem.
    pub(super) fn classes(&self) -> Vec<(String, Vec<u8>)> {
        use base64::Engine;
        let key = |value: &serde_json::Value| {
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap()
        };
        let class = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        self.problems.iter().map(|problem| (class(&problem["class"]), key(&problem["key"]))).collect()
    }
}

/// Goes down by descriptors: paths may be longer than the system takes.
fn read_tree(directory: &fs::File, prefix: &[u8], files: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    for entry in Dir::read_from(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let mut path = [prefix, name.to_bytes()].concat();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = fs::File::from(openat(directory, name, flags, Mode::empty()).unwrap());
        if file.metadata().unwrap().is_dir() {
            path.push(b'/');
            read_tree(&file, &path, files);
            files.insert(path, Vec::new());
        } else {
            let mut body = Vec::new();
            file.read_to_end(&mut body).unwrap();
            files.insert(path, body);
        }
    }
}
