//! The body of one file: a buffer that becomes a file of its own once it is too large.

use super::output::Output;
use crate::dump::{Tree, TreeFile};
use crate::error::Result;

/// Bodies up to this size, bytes, are written by one call.
pub const WHOLE: usize = 256 << 10;

/// A body that is being put together; its buffer is used again for the next one.
#[derive(Debug, Default)]
pub struct Body {
    buffer: Vec<u8>,
    file: Option<TreeFile>,
}

/// A body on its way to the file at `path`.
pub struct Page<'d> {
    /// What was put together so far.
    pub body: &'d mut Body,
    /// Where the file goes.
    pub tree: &'d mut Tree,
    /// Path from the dump's root.
    pub path: &'d [u8],
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
    pub fn finish(self) -> Result<()> {
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
    pub fn discard(self) {
        self.body.discard();
    }
}

impl Body {
    /// Forgets what was appended.
    pub fn discard(&mut self) {
        self.discard_buffer();
        self.file = None;
    }

    /// Empties the buffer, and gives back what made it larger than most bodies are.
    fn discard_buffer(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(4 * WHOLE);
    }
}
