//! The digest of a file whose name is not known yet.

use crate::error::Result;
use crate::layout::file_writer::BUFFER;
use crate::layout::output::Output;
use crate::tree::{DigestFile, Digests};

/// Takes the bytes of the file.
pub(super) struct Hashed {
    buffer: Vec<u8>,
    file: DigestFile,
}

impl Hashed {
    /// Returns an empty file; `path` is checked as if it were its name.
    pub fn new(path: &[u8]) -> Result<Self> {
        Ok(Self { buffer: Vec::new(), file: Digests::file(path)? })
    }

    /// Returns SHA-256 and number of bytes.
    pub fn finish(mut self) -> ([u8; 32], u64) {
        self.file.write(&self.buffer);
        self.file.digest()
    }
}

impl Output for Hashed {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    fn flush_if_full(&mut self) -> Result<()> {
        if self.buffer.len() > BUFFER {
            self.file.write(&self.buffer);
            self.buffer.clear();
        }
        Ok(())
    }
}
