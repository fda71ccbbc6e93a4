//! Where snapshot bytes come from: a file, standard input, a compressed file.
//!
//! In: a path. Out: positioned reads. The only file of this stage that does I/O.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::Error;

/// A readable, seekable input: the file itself, or an unlinked spool of what can be read only once.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    file: File,
    len: u64,
}

impl Source {
    /// Opens `path` (`-` is standard input). What is compressed (`.zst`, `.gz` by their first bytes) or a pipe
    /// is spooled to an unlinked file in `spool`.
    pub fn open(path: &Path, spool: &Path) -> Result<Self, Error> {
        let _ = (path, spool);
        todo!()
    }

    /// Returns the path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `buffer` from `offset`, or as much of it as there is; returns the number of bytes.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        let _ = (buffer, offset, &self.file);
        todo!()
    }
}
