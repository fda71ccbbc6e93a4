//! The body of one file: a buffer that becomes a file of its own once it is too large.

use crate::dump::{Tree, TreeFile};
use crate::error::Result;

/// Bodies up to this size, bytes, are written by one call.
pub(super) const WHOLE: usize = 256 << 10;

/// Takes the bytes of a file in their order.
pub(super) trait Output {
    /// Returns the bytes that were not written yet, to append to.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// Empties the buffer into the file when it has grown too large.
    fn relieve(&mut self) -> Result<()>;
}

/// A body that is being put together; its buffer is used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Body {
    buffer: Vec<u8>,
    file: Option<TreeFile>,
}

/// A body on its way to the file at `path`.
pub(super) struct Page<'d> {
    pub(super) body: &'d mut Body,
    pub(super) tree: &'d mut Tree,
    pub(super) path: &'d [u8],
}

impl Output for Page<'_> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.body.buffer
    }

    fn relieve(&mut self) -> Result<()> {
        if self.body.buffer.len() <= WHOLE {
            return Ok(());
        }
        let file = match &mut self.body.file {
            Some(file) => file,
            none => none.insert(self.tree.file(self.path)?),
        };
        file.write(&self.body.buffer)?;
        self.body.discard_buffer();
        Ok(())
    }
}

impl Page<'_> {
    /// Writes what is left.
    pub(super) fn finish(self) -> Result<()> {
        match self.body.file.take() {
            None => self.tree.write(self.path, &self.body.buffer)?,
            Some(mut file) => {
                file.write(&self.body.buffer)?;
                file.finish(self.tree)?;
            }
        }
        self.body.discard_buffer();
        Ok(())
    }

    /// Forgets what was appended.
    pub(super) fn discard(self) {
        self.body.discard_buffer();
        self.body.file = None;
    }
}

impl Body {
    /// Empties the buffer, and gives back what made it larger than most bodies are.
    fn discard_buffer(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(4 * WHOLE);
    }
}

#[cfg(test)]
impl Output for Vec<u8> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self
    }

    fn relieve(&mut self) -> Result<()> {
        Ok(())
    }
}
