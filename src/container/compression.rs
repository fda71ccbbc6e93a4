//! Compressed bytes to plain ones: zstd and gzip, told by their first bytes.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

use super::ErrorKind;

/// How an input is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// One or more zstd frames.
    Zstd,
    /// One or more gzip members.
    Gzip,
}

impl Compression {
    /// Bytes that tell the compression.
    pub(crate) const MAGIC: usize = 4;

    /// Tells the compression from the first bytes.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Compression::Zstd),
            [0x1f, 0x8b, ..] => Some(Compression::Gzip),
            _ => None,
        }
    }

    /// Returns the name of the format.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Compression::Zstd => "zstd",
            Compression::Gzip => "gzip",
        }
    }
}

/// Reads the plain bytes of an input, and tells its own failures from those of the stream.
pub(super) struct Decompressor<R: Read> {
    stream: Stream<R>,
    failed: Rc<Cell<bool>>,
    compression: Option<Compression>,
}

enum Stream<R: Read> {
    Plain(Watched<R>),
    Zstd(Box<zstd::Decoder<'static, BufReader<Watched<R>>>>),
    Gzip(Box<MultiGzDecoder<BufReader<Watched<R>>>>),
}

impl<R: Read> Decompressor<R> {
    pub(super) fn new(input: R, compression: Option<Compression>) -> Result<Self, ErrorKind> {
        let failed = Rc::new(Cell::new(false));
        let input = Watched { input, failed: Rc::clone(&failed) };
        let stream = match compression {
            None => Stream::Plain(input),
            Some(Compression::Zstd) => {
                Stream::Zstd(Box::new(zstd::Decoder::new(input).map_err(ErrorKind::Io)?))
            }
            Some(Compression::Gzip) => Stream::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(input)))),
        };
        Ok(Self { stream, failed, compression })
    }

    /// Reads some plain bytes; 0 is the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        loop {
            let result = match &mut self.stream {
                Stream::Plain(input) => input.read(buffer),
                Stream::Zstd(decoder) => decoder.read(buffer),
                Stream::Gzip(decoder) => decoder.read(buffer),
            };
            match result {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => self.failed.set(false),
                Err(error) => {
                    return Err(match self.compression {
                        Some(format) if !self.failed.get() => {
                            ErrorKind::Compressed { format: format.name(), reason: error }
                        }
                        _ => ErrorKind::Io(error),
                    });
                }
            }
        }
    }
}

/// An input that remembers that reading it failed.
struct Watched<R> {
    input: R,
    failed: Rc<Cell<bool>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer).inspect_err(|_| self.failed.set(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk"))
        }
    }

    #[test]
    fn the_first_bytes_tell_the_format() {
        assert_eq!(Compression::of(&[0x28, 0xb5, 0x2f, 0xfd]), Some(Compression::Zstd));
        assert_eq!(Compression::of(&[0x28, 0xb5, 0x2f]), None);
        assert_eq!(Compression::of(&[0x1f, 0x8b, 8]), Some(Compression::Gzip));
        assert_eq!(Compression::of(b"EKVP"), None);
    }

    #[test]
    fn a_failing_disk_is_no_corrupt_stream() {
        for compression in [None, Some(Compression::Zstd), Some(Compression::Gzip)] {
            let head: &[u8] = if compression == Some(Compression::Gzip) { &[0x1f, 0x8b] } else { &[] };
            let mut stream = Decompressor::new(head.chain(Broken), compression).unwrap();
            assert!(matches!(stream.read(&mut [0; 8]), Err(ErrorKind::Io(_))));
        }
    }
}
