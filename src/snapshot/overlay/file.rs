//! The sorted edits: in memory while they are few, else in an unlinked file.
//!
//! A record is the length of the encoded key (u32, little-endian), the key, and the edit.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::Edit;
use crate::bug::{Bug, Place};
use crate::limits;
use crate::snapshot::Result;
use crate::sort::Scratch;

/// Bytes that are collected before they are written.
const WRITE: usize = 128 << 10;
/// First and largest read of a walk, bytes.
const READ: (usize, usize) = (4 << 10, 128 << 10);

/// The records, one after the other.
#[derive(Debug, Default)]
pub(super) struct EditFile {
    /// What is not in the file.
    memory: Vec<u8>,
    file: Option<(File, Scratch)>,
    len: u64,
}

/// Writes records.
pub(super) struct Writer {
    edits: EditFile,
    scratch: Scratch,
}

impl Writer {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { edits: EditFile::default(), scratch: scratch.clone() }
    }

    /// Returns where the next record is going to be.
    pub(super) fn offset(&self) -> u64 {
        self.edits.len
    }

    /// Appends a record.
    pub(super) fn push(&mut self, key: &[u8], edit: &[u8]) -> Result<()> {
        let length = u32::try_from(key.len())
            .map_err(|_| self.scratch.error(io::Error::from(io::ErrorKind::InvalidInput)))?;
        for part in [&length.to_le_bytes(), key, edit] {
            self.edits.memory.extend_from_slice(part);
            self.edits.len += part.len() as u64;
        }
        let room = match &self.edits.file {
            Some(_) => WRITE,
            None if self.scratch.is_none() => usize::MAX,
            None => limits::OVERLAY,
        };
        if self.edits.memory.len() >= room { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<()> {
        let done = (|| {
            let (file, _) = match &mut self.edits.file {
                Some(file) => file,
                none => none.insert((tempfile::tempfile_in(self.scratch.directory())?, self.scratch.clone())),
            };
            let at = self.edits.len.saturating_sub(self.edits.memory.len() as u64);
            file.write_all_at(&self.edits.memory, at)
        })();
        done.map_err(|error| self.scratch.error(error))?;
        self.edits.memory.clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<EditFile> {
        if self.edits.file.is_some() {
            self.spill()?;
            self.edits.memory = Vec::new();
        }
        self.edits.memory.shrink_to_fit();
        Ok(self.edits)
    }
}

/// The records end within one.
const SHORT: Bug = Bug::new("the edits of keys end within a record");

/// Reads records one after the other.
#[derive(Debug)]
pub(super) struct Reader<'s> {
    edits: &'s EditFile,
    buffer: Vec<u8>,
    /// Offset of the first byte of the buffer.
    start: u64,
    /// Where the current record is in the buffer, and its length; 0 when there is none.
    at: usize,
    len: usize,
    step: usize,
}

impl<'s> Reader<'s> {
    pub(super) fn new(edits: &'s EditFile, offset: u64) -> Self {
        Self { edits, buffer: Vec::new(), start: offset, at: 0, len: 0, step: READ.0 }
    }

    /// Goes to the next record; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool> {
        self.at += self.len;
        self.len = 0;
        if self.start + self.at as u64 >= self.edits.len {
            return Ok(false);
        }
        let key = u32::from_le_bytes(*self.fill(4)?.first_chunk().ok_or(SHORT)?);
        let len = usize::try_from(key).unwrap_or(usize::MAX).saturating_add(4 + Edit::LEN);
        self.fill(len)?;
        self.len = len;
        Ok(true)
    }

    /// Returns the encoded key of the current record.
    pub(super) fn key(&self) -> &[u8] {
        self.buffer.get(self.at + 4..self.at + self.len.saturating_sub(Edit::LEN)).unwrap_or_default()
    }

    /// Returns where the current record is.
    pub(super) fn place(&self) -> Place {
        Place::Scratch(self.start + self.at as u64)
    }

    /// Returns the edit of the current record.
    pub(super) fn edit(&self) -> Option<Edit> {
        let end = self.at + self.len;
        Edit::from_bytes(self.buffer.get(end.checked_sub(Edit::LEN)?..end)?)
    }

    /// Has the next `needed` bytes in the buffer, and lends them.
    fn fill(&mut self, needed: usize) -> Result<&[u8]> {
        if self.buffer.len() - self.at < needed {
            self.buffer.drain(..self.at);
            self.start += self.at as u64;
            self.at = 0;
            let held = self.buffer.len();
            let from = self.start + held as u64;
            let left = usize::try_from(self.edits.len.saturating_sub(from)).unwrap_or(usize::MAX);
            let more = needed.max(self.step).saturating_sub(held).min(left);
            self.step = (self.step * 2).min(READ.1);
            self.buffer.resize(held + more, 0);
            self.edits.read(self.buffer.get_mut(held..).unwrap_or_default(), from)?;
        }
        let there = self.buffer.get(self.at..self.at.saturating_add(needed));
        Ok(there.ok_or_else(|| SHORT.at(self.place()))?)
    }
}

impl EditFile {
    fn read(&self, into: &mut [u8], offset: u64) -> Result<()> {
        if let Some((file, scratch)) = &self.file {
            return Ok(file.read_exact_at(into, offset).map_err(|error| scratch.error(error))?);
        }
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        into.copy_from_slice(
            at.checked_add(into.len())
                .and_then(|end| self.memory.get(at..end))
                .ok_or_else(|| SHORT.at(Place::Scratch(offset)))?,
        );
        Ok(())
    }
}

#[cfg(test)]
impl EditFile {
    /// Loses the last byte.
    pub(super) fn cut(&mut self) {
        self.memory.pop();
    }

    pub(super) fn is_on_disk(&self) -> bool {
        self.file.is_some()
    }
}
