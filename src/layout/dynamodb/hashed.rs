//! The digest of a file whose name is not known yet.

use crate::error::Result;
use crate::layout::file_writer::BUFFER;
use crate::layout::output::Output;
use crate::tree::{DigestFile, Digested, Digests};

/// Takes the bytes of the file.
pub(super) struct Hashed {
    buffer: Vec<u8>,
    file: DigestFile,
}

impl Hashed {
    /// Returns an empty file; `path` is checked as if it were its name.
    pub(super) fn new(digests: &Digests, path: &[u8]) -> Result<Self> {
        Ok(Self { buffer: Vec::new(), file: digests.unnamed(path)? })
    }

    /// Returns what is known of the file.
    pub(super) fn finish(mut self) -> Result<Digested> {
        self.file.write(&self.buffer);
        Ok(self.file.digest()?)
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
