//! The body of one file: a buffer that becomes a file of its own once it is too large.

use crate::dump::{Tree, TreeFile};
use crate::error::Result;

/// Bodies up to this size, bytes, are written by one call.
const WHOLE: usize = 256 << 10;

/// A body that is being put together; its buffer is used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Body {
    buffer: Vec<u8>,
    file: Option<TreeFile>,
}

impl Body {
    /// Returns the bytes that were not written yet, to append to.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Starts a file at `path` when the buffer has grown too large, and empties it into that file.
    pub(super) fn relieve(&mut self, tree: &mut Tree, path: &[u8]) -> Result<()> {
        if self.buffer.len() <= WHOLE {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tree.file(path)?),
        };
        file.write(&self.buffer)?;
        self.discard_buffer();
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(&mut self, tree: &mut Tree, path: &[u8]) -> Result<()> {
        match self.file.take() {
            None => tree.write(path, &self.buffer)?,
            Some(mut file) => {
                file.write(&self.buffer)?;
                file.finish(tree)?;
            }
        }
        self.discard_buffer();
        Ok(())
    }

    /// Forgets what was appended.
    pub(super) fn discard(&mut self) {
        self.discard_buffer();
        self.file = None;
    }

    /// Empties the buffer, and gives back what a single large element made it take.
    fn discard_buffer(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(4 * WHOLE);
    }
}
