//! A tree of which one file is kept: its bytes go to an output, and no file is made.
//!
//! In: paths and bodies, as for a tree on the disk. Out: the bytes of the first file that is wanted.

use std::fmt;
use std::io::Write;

use super::{Error, Result, Scratch, Size, digests};

/// Bytes of a file that are held back until it is whole: a shorter one that fails leaves nothing behind.
const HELD: usize = 1 << 20;
/// Zero bytes that are written at once.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Takes the bytes of the file.
pub type Output = Box<dyn Write>;

/// Keeps one file.
pub struct Pick {
    scratch: Scratch,
    /// The path that is wanted; `None` is the first file that comes while `armed`.
    path: Option<Vec<u8>>,
    armed: bool,
    out: Option<Output>,
    /// Size of the file, once it is whole.
    picked: Option<u64>,
}

/// A file of which the bytes are passed on, or of which nothing is kept.
pub struct PickFile {
    path: Vec<u8>,
    out: Option<Output>,
    held: Vec<u8>,
    length: u64,
}

impl fmt::Debug for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pick").field("path", &self.path).field("picked", &self.picked).finish_non_exhaustive()
    }
}

impl fmt::Debug for PickFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PickFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Pick {
    /// Passes the file `path` to `out`; without one the first file that is made after [`Pick::arm`].
    #[must_use]
    pub fn new(scratch: &Scratch, path: Option<&[u8]>, out: Output) -> Self {
        let path = path.map(<[u8]>::to_vec);
        Self { scratch: scratch.clone(), path, armed: false, out: Some(out), picked: None }
    }

    /// Returns where sorters keep their runs.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Says whether the next file is the one.
    pub fn arm(&mut self, armed: bool) {
        self.armed = armed;
    }

    /// Returns the size of the file, when all of it went to the output.
    #[must_use]
    pub fn picked(&self) -> Option<u64> {
        self.picked
    }

    /// Returns the output, where nothing was begun.
    #[must_use]
    pub fn into_output(self) -> Option<Output> {
        self.out
    }

    /// Returns the size of the file.
    #[must_use]
    pub fn size(&self) -> Size {
        Size { files: u64::from(self.picked.is_some()), bytes: self.picked.unwrap_or_default() }
    }

    /// Takes a file with this body.
    pub fn write(&mut self, path: &[u8], body: &[u8]) -> Result<()> {
        let mut file = self.file(path)?;
        // What is here whole is not held back.
        file.pass(body)?;
        file.length = length(body);
        file.finish(self)
    }

    /// Begins a file.
    pub fn file(&mut self, path: &[u8]) -> Result<PickFile> {
        digests::check(path)?;
        let wanted = self.path.as_ref().map_or(self.armed, |wanted| wanted == path);
        let out = if wanted { self.out.take() } else { None };
        Ok(PickFile { path: path.to_vec(), out, held: Vec::new(), length: 0 })
    }
}

impl PickFile {
    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.length = self.length.saturating_add(length(bytes));
        if self.out.is_none() {
            return Ok(());
        }
        if self.held.len().saturating_add(bytes.len()) <= HELD {
            self.held.extend_from_slice(bytes);
            return Ok(());
        }
        self.flush()?;
        self.pass(bytes)
    }

    /// Appends zero bytes.
    pub fn zeros(&mut self, count: u64) -> Result<()> {
        let mut left = count;
        while left > 0 && self.out.is_some() {
            let zeros = usize::try_from(left).ok().and_then(|left| ZEROS.get(..left)).unwrap_or(&ZEROS);
            self.write(zeros)?;
            left = left.saturating_sub(length(zeros));
        }
        Ok(())
    }

    /// Returns the number of bytes so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Ends the file: what was held back goes out.
    pub fn finish(mut self, pick: &mut Pick) -> Result<()> {
        self.flush()?;
        if let Some(mut out) = self.out {
            out.flush().map_err(|error| Error::at(&self.path, error))?;
            pick.picked = Some(self.length);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        self.pass(&held)
    }

    fn pass(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.out {
            Some(out) => out.write_all(bytes).map_err(|error| Error::at(&self.path, error)),
            None => Ok(()),
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
