//! The layout of a dump: which files an object has, what they are called, what stands in them. One file or folder a
//! service.
//!
//! In: [objects](crate::model). Out: files in a tree; names that others have or that are too long, as refusals.

pub(crate) mod dynamodb;
pub(crate) mod file_writer;
pub(crate) mod fs;
pub(crate) mod kv;
pub(crate) mod lines;
pub(crate) mod output;
pub(crate) mod parts;
pub(crate) mod paths;
pub(crate) mod record;
pub(crate) mod redis;
pub(crate) mod s3;
pub(crate) mod sqs;

use crate::error::Result;
use crate::time::Hlc;
use crate::tree::{Scratch, Sorter, Tree, keymap};

/// How a dump is laid out (`tree/dynamodb.md#decided-cases`, `tree/commands.md#command-line`).
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line")]
pub struct LayoutOptions {
    /// `--no-extra`: nothing under `extra/`.
    pub no_extra: bool,
    /// `--dynamodb-layout jsonl`: the size that parts are cut at, bytes; `None` is one file an item.
    pub dynamodb_bundle: Option<u64>,
    /// `--layout jsonl`, of all services but `DynamoDB`: the size that parts are cut at, bytes; `None` is one file an object.
    pub jsonl: Option<u64>,
    /// `--rename-collisions`.
    pub rename_collisions: bool,
    /// S3 bodies alone, without sidecars and KEYMAPs: an export tells of them elsewhere.
    pub s3_bodies: bool,
    /// `--preserve-sqs-visibility`.
    pub preserve_sqs_visibility: bool,
    /// The manifest's `last_commit_ts`, HLC.
    pub last_commit_ts: Hlc,
    /// Whether the files of other shares are missing, whose names are taken all the same.
    pub sharded: bool,
}

/// What the layouts of all services share.
#[derive(Debug)]
pub(crate) struct Root {
    /// Where files go.
    pub tree: Tree,
    /// Records of `extra/KEYMAP.jsonl`.
    pub keymap: ExtraKeymap,
    /// How the dump is laid out.
    pub options: LayoutOptions,
}

impl Root {
    /// Lays a dump out in `tree`.
    #[must_use]
    pub(crate) fn new(tree: Tree, options: LayoutOptions) -> Self {
        let keymap = ExtraKeymap::new(tree.scratch());
        Self { tree, keymap, options }
    }

    /// Writes `extra/KEYMAP.jsonl`.
    pub(crate) fn write_keymap(&mut self) -> Result<()> {
        if self.options.no_extra {
            return Ok(());
        }
        write_lines(&mut self.tree, b"extra/KEYMAP.jsonl", &mut self.keymap.records)
    }
}

/// Writes the values of sorted records as a file; no file when there are none.
pub(crate) fn write_lines(tree: &mut Tree, path: &[u8], records: &mut Sorter) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let mut file = tree.file(path)?;
    let mut sorted = records.sort()?;
    while let Some((_, line)) = sorted.next()? {
        file.write(line)?;
    }
    file.finish(tree)?;
    Ok(())
}

/// Collects the records of `extra/KEYMAP.jsonl`: names for which the reference layout keeps no record
/// (`tree/extra.md#what-the-reference-layout-has-no-place-for`).
#[derive(Debug)]
pub struct ExtraKeymap {
    records: Sorter,
}

impl ExtraKeymap {
    /// Returns an empty collection.
    #[must_use]
    pub fn new(scratch: &Scratch) -> Self {
        Self { records: Sorter::new(scratch, 1 << 20) }
    }

    /// Adds a `sha-fallback` record: `path` from the dump root, `original` the bytes that were encoded.
    pub fn push(&mut self, path: &[u8], original: &[u8]) -> Result<()> {
        let mut line = Vec::new();
        keymap::line(&mut line, path, original, keymap::Kind::ShaFallback);
        self.records.push(path, &line)?;
        Ok(())
    }

    /// Returns the lines, each with its newline, sorted by path.
    pub fn records(&mut self) -> &mut Sorter {
        &mut self.records
    }
}
