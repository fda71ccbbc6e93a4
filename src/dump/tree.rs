//! The one writer of a dump: stages beside the target, hashes while it writes, renames when complete.

use std::path::Path;

use super::{Result, Scratch};
use crate::interrupt::Interrupt;

/// How a tree is made.
#[derive(Clone, Debug, Default)]
pub struct TreeOptions {
    /// Replace a directory that holds a `MANIFEST.json`.
    pub force: bool,
    /// 0666/0777 and the umask instead of 0600/0700.
    pub mode_from_umask: bool,
    /// Polled for each file.
    pub interrupt: Interrupt,
}

/// A dump tree that is being written in a sibling directory of its target.
#[derive(Debug)]
pub struct Tree {}

impl Tree {
    /// Creates the staging directory `.<name>.partial-<random>` beside `target`.
    pub fn create(target: &Path, options: &TreeOptions) -> Result<Self> {
        let _ = (target, options);
        todo!()
    }

    /// Returns where sorters of this run keep their runs.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        todo!()
    }

    /// Creates the file `path` with this body: one `openat`, `write`, `close`. `path` is relative to the root,
    /// components separated by `/`; its directories are made on the way. `Taken` when the name exists.
    pub fn write(&mut self, path: &[u8], body: &[u8]) -> Result<()> {
        let _ = (path, body);
        todo!()
    }

    /// Opens the file `path` for writing in pieces. The file counts once it is finished; dropped before, it is
    /// removed. `Taken` when the name exists.
    pub fn file(&mut self, path: &[u8]) -> Result<TreeFile> {
        let _ = path;
        todo!()
    }

    /// Creates a directory that stays even when nothing is put into it.
    pub fn directory(&mut self, path: &[u8]) -> Result<()> {
        let _ = path;
        todo!()
    }
}

/// A file of the tree that is being written in pieces; buffered, hashed on the way.
#[derive(Debug)]
pub struct TreeFile {}

impl TreeFile {
    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let _ = bytes;
        todo!()
    }

    /// Appends `length` zero bytes without storing them (a hole).
    pub fn zeros(&mut self, length: u64) -> Result<()> {
        let _ = length;
        todo!()
    }

    /// Returns the number of bytes so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        todo!()
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes the file and enters it into CHECKSUMS.
    pub fn finish(self, tree: &mut Tree) -> Result<()> {
        let _ = tree;
        todo!()
    }
}
