//! One output: a file of the tree or a stream, written in large pieces.

use super::Target;
use crate::error::{Error, Result};
use crate::tree::TreeFile;

/// Bytes that are collected before they are written.
const BUFFER: usize = 128 << 10;

/// Writes one file after the other, or everything to the stream.
pub(super) struct Out<'w> {
    target: Target<'w>,
    /// The file that is open; `None` on a stream.
    file: Option<TreeFile>,
    buffer: Vec<u8>,
}

impl<'w> Out<'w> {
    pub(super) fn new(target: Target<'w>) -> Self {
        Self { target, file: None, buffer: Vec::with_capacity(BUFFER) }
    }

    /// Opens the file `path`; on a stream what follows joins what was written.
    pub(super) fn open(&mut self, path: &[u8]) -> Result<()> {
        self.close()?;
        if let Target::Tree(tree) = &mut self.target {
            self.file = Some(tree.file(path)?);
        }
        Ok(())
    }

    /// Returns what is appended to before [`Self::flush_if_full`].
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes what was collected when it is much.
    pub(super) fn flush_if_full(&mut self) -> Result<()> {
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Appends bytes, large ones without a copy.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() < BUFFER {
            self.buffer.extend_from_slice(bytes);
            return self.flush_if_full();
        }
        self.flush()?;
        self.pass(bytes)
    }

    /// Ends the open file.
    pub(super) fn close(&mut self) -> Result<()> {
        self.flush()?;
        if let (Some(file), Target::Tree(tree)) = (self.file.take(), &mut self.target) {
            file.finish(tree)?;
        }
        Ok(())
    }

    /// Ends what is open, and returns where it went.
    pub(super) fn finish(mut self) -> Result<Target<'w>> {
        self.close()?;
        if let Target::Stream(out) = &mut self.target {
            out.flush().map_err(Error::Output)?;
        }
        Ok(self.target)
    }

    fn flush(&mut self) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        self.pass(&buffer)?;
        buffer.clear();
        buffer.shrink_to(2 * BUFFER);
        self.buffer = buffer;
        Ok(())
    }

    fn pass(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        match (&mut self.file, &mut self.target) {
            (Some(file), _) => Ok(file.write(bytes)?),
            (None, Target::Stream(out)) => out.write_all(bytes).map_err(Error::Output),
            (None, Target::Tree(_)) => Err(crate::bug::Bug::new("an export writes without a file").into()),
        }
    }
}
