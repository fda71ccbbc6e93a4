//! Opens an archive: a file or standard input, compressed with zstd or not, by reads that a request to stop ends.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::output::LOOK;
use super::reader::Reader;
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// First bytes of a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// The plain bytes of an archive.
pub enum Source {
    /// As they stand there.
    Plain(BufReader<Start>),
    /// Decompressed.
    Zstd(Box<zstd::Decoder<'static, BufReader<Start>>>),
}

/// The first bytes, which were looked at, and the rest.
type Start = Chain<Cursor<Vec<u8>>, Polled>;

/// A descriptor that is waited for.
#[derive(Debug)]
pub struct Polled {
    handle: OwnedFd,
    interrupt: Interrupt,
    progress: Progress,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}

impl Read for Polled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.interrupt.check().map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&self.handle, PollFlags::IN)], Some(&LOOK)) {
                Ok(0) | Err(Errno::INTR) => continue,
                ready => ready?,
            };
            match rustix::io::read(&self.handle, &mut *buffer) {
                Err(Errno::INTR | Errno::AGAIN) => {}
                read => {
                    let read = read?;
                    self.progress.add(u64::try_from(read).unwrap_or_default());
                    return Ok(read);
                }
            }
        }
    }
}

/// Opens the archive at `path`; `-` is standard input. `progress` counts the bytes as they stand there.
pub fn open(path: &Path, interrupt: &Interrupt, progress: &Progress) -> io::Result<Reader<Source>> {
    let handle = if path.as_os_str() == "-" {
        io::stdin().as_fd().try_clone_to_owned()?
    } else {
        File::open(path)?.into()
    };
    from_handle(handle, interrupt, progress)
}

/// The same of what is open already.
pub fn from_handle(
    handle: OwnedFd,
    interrupt: &Interrupt,
    progress: &Progress,
) -> io::Result<Reader<Source>> {
    let mut input = Polled { handle, interrupt: interrupt.clone(), progress: progress.clone() };
    let mut head = Vec::new();
    (&mut input).take(4).read_to_end(&mut head)?;
    let is_zstd = head == ZSTD;
    let input = BufReader::with_capacity(BUFFER, Cursor::new(head).chain(input));
    Ok(Reader::new(if is_zstd {
        Source::Zstd(Box::new(zstd::Decoder::with_buffer(input)?))
    } else {
        Source::Plain(input)
    }))
}
