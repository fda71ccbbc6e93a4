//! Opens an archive: a file or standard input, compressed with zstd or not, by reads that a request to stop ends.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::header::{self, BLOCK};
use super::output::LOOK;
use super::reader::Reader;
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// First bytes of a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Bytes of a stream that are looked at, at most: more than the first block of a zstd frame.
const LOOKED_AT: u64 = 1 << 20;
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

/// Reads as much of a stream as tells whether an archive begins there; returns that, and what was read.
pub(in crate::tree) fn begins(handle: OwnedFd, interrupt: &Interrupt) -> io::Result<(bool, Vec<u8>)> {
    let progress = Progress::default();
    let input = Polled { handle, interrupt: interrupt.clone(), progress }.take(LOOKED_AT);
    let mut input = Kept { input, bytes: Vec::new() };
    let (mut magic, mut block) = (Vec::new(), Vec::new());
    (&mut input).take(4).read_to_end(&mut magic)?;
    let is_zstd = magic == ZSTD;
    let start = Cursor::new(magic).chain(&mut input);
    let wanted = u64::try_from(BLOCK).unwrap_or(u64::MAX);
    if is_zstd {
        let read = zstd::Decoder::new(start)?.take(wanted).read_to_end(&mut block);
        // What is damaged is no archive, and whoever reads the stream says so.
        interrupt.check().map_err(io::Error::other)?;
        read.map_or_else(|_| block.clear(), |_| ());
    } else {
        start.take(wanted).read_to_end(&mut block)?;
    }
    Ok((block.first_chunk().is_some_and(|block| header::parse(block).is_ok()), input.bytes))
}

/// Keeps what was read.
struct Kept<R> {
    input: R,
    bytes: Vec<u8>,
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// Copies a stream, of which `head` was read, to an unlinked file; the inner error is that of the file.
pub(in crate::tree) fn spool(
    (head, handle): (Vec<u8>, OwnedFd),
    directory: &Path,
    (interrupt, progress): (&Interrupt, &Progress),
) -> io::Result<io::Result<File>> {
    let input = Polled { handle, interrupt: interrupt.clone(), progress: progress.clone() };
    let mut input = Cursor::new(head).chain(input);
    let mut file = match tempfile::tempfile_in(directory) {
        Ok(file) => file,
        Err(error) => return Ok(Err(error)),
    };
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = input.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        if let Err(error) = file.write_all(bytes) {
            return Ok(Err(error));
        }
    }
    Ok(file.rewind().map(|()| file))
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
