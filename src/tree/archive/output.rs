//! Where the bytes of an archive go: a file, a compressed file, or standard output.
//!
//! In: bytes, front to end. Out: the same. What a file was given can be taken back, which spares a copy of each body
//! that may fail half way.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use rustix::io::{Errno, retry_on_intr};

use super::compress::Compressor;
use crate::interrupt::Interrupt;
use crate::tree::long_file::start_write_back;

/// Bytes that are collected before they are written.
const BUFFER: usize = 256 << 10;
/// Bytes after which the disk is told to take them: by the time of the flush it has most of the archive.
const WRITE_BACK: u64 = 4 << 20;
/// Most bytes that a pipe takes without blocking once it has room: what POSIX calls atomic on Linux.
const PIECE: usize = 4096;
/// Longest wait before the request to stop is looked at again.
pub(super) const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// The end of an archive that takes bytes.
#[derive(Debug)]
pub(super) struct Output {
    to: To,
    buffer: Vec<u8>,
    /// Bytes that were appended.
    offset: u64,
    /// Up to where the disk was told.
    told: u64,
}

/// What takes the bytes.
#[derive(Debug)]
pub(super) enum To {
    /// A file that is read by nobody yet.
    File(File),
    /// The same, compressed on the way.
    Zstd(Compressor),
    /// Standard output.
    Stream(Stream),
}

impl Output {
    pub(super) fn new(to: To) -> Self {
        Self { to, buffer: Vec::new(), offset: 0, told: 0 }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether [`Self::rewind`] and [`Self::patch`] are possible.
    pub(super) fn rewinds(&self) -> bool {
        matches!(self.to, To::File(_))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > BUFFER.saturating_sub(self.buffer.len()) {
            self.flush()?;
        }
        self.offset += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if bytes.len() < BUFFER {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        self.store(bytes)
    }

    /// Appends zeros; in a file they are a hole.
    pub(super) fn zeros(&mut self, length: u64) -> io::Result<()> {
        if self.rewinds() && length >= u64::try_from(BUFFER).unwrap_or(u64::MAX) {
            self.flush()?;
            self.offset = self.offset.checked_add(length).ok_or(Errno::FBIG)?;
            return Ok(());
        }
        let mut left = length;
        while left > 0 {
            let zeros = usize::try_from(left).ok().and_then(|left| ZEROS.get(..left)).unwrap_or(&ZEROS);
            self.write(zeros)?;
            left -= u64::try_from(zeros.len()).unwrap_or(left);
        }
        Ok(())
    }

    /// Writes over bytes that were appended.
    pub(super) fn patch(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.flush()?;
        match &self.to {
            To::File(file) => file.write_all_at(bytes, offset),
            To::Zstd(_) | To::Stream(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Takes back what was appended from `offset` on.
    pub(super) fn rewind(&mut self, offset: u64) -> io::Result<()> {
        self.flush()?;
        let To::File(file) = &self.to else { return Err(io::ErrorKind::Unsupported.into()) };
        file.set_len(offset)?;
        self.offset = offset;
        self.told = self.told.min(offset);
        Ok(())
    }

    /// Ends the archive; returns once all bytes are handed to the system, those of a file to the disk.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        match &mut self.to {
            To::File(file) => {
                file.set_len(self.offset)?;
                file.sync_all()
            }
            To::Zstd(compressor) => compressor.finish()?.sync_all(),
            To::Stream(stream) => stream.finish(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let stored = self.store(&buffer);
        buffer.clear();
        self.buffer = buffer;
        stored
    }

    /// Hands over bytes that were counted.
    fn store(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match &mut self.to {
            To::File(file) => {
                file.write_all_at(bytes, self.offset.saturating_sub(length))?;
                if self.offset.saturating_sub(self.told) >= WRITE_BACK {
                    start_write_back(file, self.told);
                    self.told = self.offset;
                }
                Ok(())
            }
            To::Zstd(compressor) => compressor.write(bytes),
            To::Stream(stream) => stream.write(bytes),
        }
    }
}

/// A pipe or whatever else standard output is. No write of it outlasts a request to stop.
#[derive(Debug)]
pub(super) struct Stream {
    handle: OwnedFd,
    interrupt: Interrupt,
    is_file: bool,
}

impl Stream {
    pub(super) fn new(handle: OwnedFd, interrupt: &Interrupt) -> io::Result<Self> {
        let stat = rustix::fs::fstat(&handle)?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        Ok(Self { handle, interrupt: interrupt.clone(), is_file })
    }

    fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        let most = if self.is_file { BUFFER } else { PIECE };
        while !bytes.is_empty() {
            self.wait()?;
            match rustix::io::write(&self.handle, bytes.get(..most).unwrap_or(bytes)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn wait(&self) -> io::Result<()> {
        loop {
            self.interrupt.check().map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&self.handle, PollFlags::OUT)], Some(&LOOK)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn finish(&self) -> io::Result<()> {
        if self.is_file { Ok(retry_on_intr(|| rustix::fs::fsync(&self.handle))?) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_what_was_not_taken_back() {
        let file = tempfile::tempfile().unwrap();
        let mut output = Output::new(To::File(file.try_clone().unwrap()));
        output.write(b"head").unwrap();
        let start = output.offset();
        output.write(&vec![b'x'; 3 * BUFFER]).unwrap();
        output.zeros(1 << 20).unwrap();
        output.rewind(start).unwrap();
        output.write(b"....").unwrap();
        output.zeros(1 << 20).unwrap();
        output.write(b"end").unwrap();
        output.zeros(1).unwrap();
        output.patch(start, b"body").unwrap();
        output.finish().unwrap();
        let mut found = vec![0; 8 + (1 << 20) + 4];
        file.read_exact_at(&mut found, 0).unwrap();
        assert_eq!(file.metadata().unwrap().len(), found.len() as u64);
        assert!(found.starts_with(b"headbody\0") && found.ends_with(b"\0end\0"));
        assert!(found[8..8 + (1 << 20)].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn a_full_pipe_does_not_hold_up_a_request_to_stop() {
        let (reading, writing) = io::pipe().unwrap();
        let interrupt = Interrupt::default();
        let stream = Stream::new(writing.into(), &interrupt).unwrap();
        let mut output = Output::new(To::Stream(stream));
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            interrupt.flag().store(15, std::sync::atomic::Ordering::Relaxed);
        });
        let error = output.write(&vec![0; 1 << 22]).unwrap_err();
        assert!(error.to_string().contains("signal 15"), "{error}");
        stopper.join().unwrap();
        drop(reading);
    }
}
