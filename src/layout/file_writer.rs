//! Writes one file: a buffer that becomes a file of its own once it is too large.

use super::output::Output;
use crate::error::Result;
use crate::tree::{Tree, TreeFile};

/// Files up to this size, bytes, are written by one call.
pub(crate) const BUFFER: usize = 256 << 10;

/// The bytes of a file that were not written yet; the room is used again for the next file.
#[derive(Debug, Default)]
pub(crate) struct FileBuffer {
    bytes: Vec<u8>,
    file: Option<TreeFile>,
}

/// Writes the file at `path`.
pub(crate) struct FileWriter<'d> {
    /// What was appended so far.
    pub buffer: &'d mut FileBuffer,
    /// Where the file goes.
    pub tree: &'d mut Tree,
    /// Path from the dump's root.
    pub path: &'d [u8],
}

impl Output for FileWriter<'_> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer.bytes
    }

    fn flush_if_full(&mut self) -> Result<()> {
        if self.buffer.bytes.len() <= BUFFER {
            return Ok(());
        }
        let file = match &mut self.buffer.file {
            Some(file) => file,
            none => none.insert(self.tree.file(self.path)?),
        };
        file.write(&self.buffer.bytes)?;
        self.buffer.clear();
        Ok(())
    }
}

impl FileWriter<'_> {
    /// Writes what is left.
    pub(crate) fn finish(self) -> Result<()> {
        match self.buffer.file.take() {
            None => self.tree.write(self.path, &self.buffer.bytes)?,
            Some(mut file) => {
                file.write(&self.buffer.bytes)?;
                file.finish(self.tree)?;
            }
        }
        self.buffer.clear();
        Ok(())
    }
}

impl FileBuffer {
    /// Lends what was appended, unless a part of it is in a file.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        self.file.is_none().then_some(&self.bytes)
    }

    /// Drops the file that was begun, and what was appended.
    pub(crate) fn discard(&mut self) {
        self.clear();
        self.file = None;
    }

    /// Empties the buffer, and gives back what made it larger than most files are.
    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(4 * BUFFER);
    }
}
