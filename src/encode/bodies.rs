//! Where long bodies are until their rows are written.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;

use crate::bug::Bug;
use crate::cursor;
use crate::error::Result;
use crate::sort::Scratch;

/// Reads the files of a dump that bodies are in.
pub trait Bodies {
    /// Fills `buffer` with bytes of a file, whose digest CHECKSUMS tells, from `offset` on. Calls for one file come one after
    /// the other, and in order.
    fn read(&mut self, file: (&[u8], &[u8; 32]), offset: u64, buffer: &mut [u8]) -> Result<()>;
}

/// There is no dump: bodies come as bytes.
impl Bodies for () {
    fn read(&mut self, (path, _): (&[u8], &[u8; 32]), _offset: u64, _buffer: &mut [u8]) -> Result<()> {
        Err(Bug::new("a body in a file of no dump").at((path, &b""[..])).into())
    }
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'p> {
    /// Path from the root of the dump; empty for the spool.
    pub(super) path: &'p [u8],
    /// Of the whole file.
    pub(super) digest: [u8; 32],
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl<'p> Place<'p> {
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&self.length.to_be_bytes());
        out.extend_from_slice(&self.digest);
        out.extend_from_slice(self.path);
    }

    pub(super) fn take(bytes: &mut &'p [u8]) -> Option<Self> {
        let (offset, length) = (cursor::take_u64_be(bytes)?, cursor::take_u64_be(bytes)?);
        let digest = cursor::take_array(bytes)?;
        Some(Self { path: std::mem::take(bytes), digest, offset, length })
    }
}

/// Bodies that came as bytes, in an unlinked file; in memory where nothing may go to the disk.
#[derive(Debug)]
pub(super) struct Spool {
    scratch: Scratch,
    file: Option<BufWriter<File>>,
    memory: Vec<u8>,
    length: u64,
}

impl Spool {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { scratch: scratch.clone(), file: None, memory: Vec::new(), length: 0 }
    }

    /// Returns where it keeps them.
    pub(super) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    pub(super) fn push(&mut self, body: &[u8]) -> Result<Place<'static>> {
        let (offset, length) = (self.length, u64::try_from(body.len()).unwrap_or(u64::MAX));
        if self.scratch.is_none() {
            self.memory.extend_from_slice(body);
        } else {
            self.write(body).map_err(|error| self.scratch.error(error))?;
        }
        self.length = self.length.saturating_add(length);
        Ok(Place { path: b"", digest: [0; 32], offset, length })
    }

    fn write(&mut self, body: &[u8]) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none
                .insert(BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(self.scratch.directory())?)),
        };
        file.write_all(body)
    }

    /// Fills `buffer` with what was pushed.
    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        if let Some(file) = &mut self.file {
            let read = file.flush().and_then(|()| file.get_ref().read_exact_at(buffer, offset));
            return read.map_err(|error| self.scratch.error(error).into());
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = self.memory.get(start..).and_then(|bytes| bytes.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(Bug::new("a spool is shorter than what was put into it"))?);
        Ok(())
    }
}
