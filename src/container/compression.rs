//! Compressed bytes to plain ones: zstd and gzip, told by their first bytes.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::GzDecoder;

use super::ErrorKind;

/// How an input is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// One or more zstd frames, skippable ones among them.
    Zstd,
    /// One or more gzip members, perhaps with zero bytes behind the last (tapes and block devices pad).
    Gzip,
}

impl Compression {
    /// Bytes that tell the compression.
    pub(crate) const MAGIC: usize = 4;

    /// Tells the compression from the first bytes.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        match head {
            // A frame, or one of the 16 kinds of skippable frames: `pzstd` and seekable files begin with one.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
            [0x1f, 0x8b, ..] => Some(Compression::Gzip),
            _ => None,
        }
    }

    /// Whether a compressed stream can begin with these bytes, of which there may be few.
    pub(super) fn can_begin(head: &[u8]) -> bool {
        Self::of(head).is_some()
            || matches!(
                head,
                [] | [0x1f | 0x28 | 0x50..=0x5f]
                    | [0x28, 0xb5]
                    | [0x28, 0xb5, 0x2f]
                    | [0x50..=0x5f, 0x2a]
                    | [0x50..=0x5f, 0x2a, 0x4d]
            )
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

/// Bytes that are read at a time.
const READ: usize = 128 << 10;

/// Reads the plain bytes of an input, and tells its own failures from those of the stream.
pub(super) struct Decompressor<R: Read> {
    stream: Stream<R>,
    failed: Rc<Cell<bool>>,
    compression: Option<Compression>,
}

enum Stream<R: Read> {
    Plain(Watched<R>),
    Zstd(Box<zstd::Decoder<'static, BufReader<Watched<R>>>>),
    Gzip(Box<Members<BufReader<Watched<R>>>>),
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
            Some(Compression::Gzip) => {
                Stream::Gzip(Box::new(Members::new(BufReader::with_capacity(READ, input))))
            }
        };
        Ok(Self { stream, failed, compression })
    }

    /// Reads some plain bytes; 0 is the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        loop {
            let result = match &mut self.stream {
                Stream::Plain(input) => input.read(buffer),
                Stream::Zstd(decoder) => decoder.read(buffer),
                Stream::Gzip(members) => members.read(buffer),
            };
            match result {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => self.failed.set(false),
                Err(error) => {
                    return Err(match self.compression {
                        Some(Compression::Zstd) if !self.failed.get() && is_window(&error) => {
                            ErrorKind::WindowTooLarge
                        }
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

/// Whether the decoder refused a frame for the memory that its window takes. Its errors have no code but this text.
fn is_window(error: &io::Error) -> bool {
    error.to_string().contains("too much memory")
}

/// gzip members behind each other, with zero bytes behind the last if there are some.
struct Members<R> {
    /// Taken only while one member is followed by the next.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    fn new(input: R) -> Self {
        Self { member: Some(GzDecoder::new(input)) }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let next = peek(member.get_mut())?;
            let input = self.member.take().map(GzDecoder::into_inner);
            match (next, input) {
                (None, _) | (_, None) => {}
                (Some(0), Some(mut input)) => only_zeros(&mut input)?,
                (Some(_), Some(input)) => self.member = Some(GzDecoder::new(input)),
            }
        }
        Ok(0)
    }
}

/// Returns the next byte, which stays to be read.
fn peek(input: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        match input.fill_buf() {
            Ok(bytes) => return Ok(bytes.first().copied()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads padding to the end.
fn only_zeros(input: &mut impl BufRead) -> io::Result<()> {
    while peek(input)?.is_some() {
        let bytes = input.fill_buf()?;
        let length = bytes.len();
        if bytes.iter().any(|&byte| byte != 0) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "other bytes follow the padding"));
        }
        input.consume(length);
    }
    Ok(())
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
    use std::io::Write;

    use super::super::fixture::{gzip, zstd};
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
        for kind in 0x50..=0x5f {
            assert_eq!(Compression::of(&[kind, 0x2a, 0x4d, 0x18]), Some(Compression::Zstd));
        }
        assert_eq!(Compression::of(&[0x60, 0x2a, 0x4d, 0x18]), None);
        assert_eq!(Compression::of(&[0x4f, 0x2a, 0x4d, 0x18]), None);
    }

    #[test]
    fn every_beginning_of_a_magic_can_begin_one() {
        for magic in [&[0x28, 0xb5, 0x2f, 0xfd][..], &[0x1f, 0x8b], &[0x53, 0x2a, 0x4d, 0x18]] {
            for length in 0..=magic.len() {
                assert!(Compression::can_begin(&magic[..length]), "{magic:x?} {length}");
            }
            for at in 0..magic.len() {
                let mut other = magic.to_vec();
                other[at] ^= 0x80;
                assert!(!Compression::can_begin(&other), "{other:x?}");
            }
        }
    }

    fn plain(bytes: &[u8], compression: Compression) -> Result<Vec<u8>, ErrorKind> {
        let mut stream = Decompressor::new(bytes, Some(compression)).unwrap();
        let (mut all, mut buffer) = (Vec::new(), [0; 5]);
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(all),
                read => all.extend_from_slice(&buffer[..read]),
            }
        }
    }

    /// A skippable frame of some bytes.
    fn skippable(kind: u8, length: usize) -> Vec<u8> {
        let length_field = u32::try_from(length).unwrap().to_le_bytes();
        [&[0x50 + kind, 0x2a, 0x4d, 0x18][..], &length_field, &vec![0xee; length]].concat()
    }

    #[test]
    fn zeros_behind_the_last_member_are_padding() {
        let members = [gzip(b"one"), gzip(b""), gzip(b" two")].concat();
        for padding in [0, 1, 9, 512, READ, 2 * READ + 1] {
            let padded = [members.clone(), vec![0; padding]].concat();
            assert_eq!(plain(&padded, Compression::Gzip).unwrap(), b"one two", "{padding}");
        }
    }

    #[test]
    fn anything_else_behind_a_member_is_corrupt() {
        for behind in [&b"garbage"[..], b"\0\0garbage", b"\0\x1f\x8b", b"\x1f", b"\x1f\x8b\x08"] {
            let bytes = [&gzip(b"one")[..], behind].concat();
            let error = plain(&bytes, Compression::Gzip).unwrap_err();
            assert!(matches!(error, ErrorKind::Compressed { format: "gzip", .. }), "{behind:?} {error}");
        }
    }

    #[test]
    fn skippable_frames_stand_anywhere() {
        for kind in 0..16 {
            let frames = [
                skippable(kind, 4),
                skippable(15 - kind, 0),
                zstd(b"one"),
                skippable(kind, 100_000),
                zstd(b" two"),
                skippable(kind, 1),
            ];
            assert_eq!(plain(&frames.concat(), Compression::Zstd).unwrap(), b"one two", "{kind}");
        }
        assert_eq!(plain(&skippable(0, 9), Compression::Zstd).unwrap(), b"");
    }

    #[test]
    fn a_window_over_the_limit_is_called_that() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(28).unwrap();
        encoder.long_distance_matching(true).unwrap();
        // Without a declared length the frame says its whole window.
        encoder.write_all(&vec![7; 1 << 20]).unwrap();
        let error = plain(&encoder.finish().unwrap(), Compression::Zstd).unwrap_err();
        assert!(matches!(error, ErrorKind::WindowTooLarge), "{error}");
        assert!(error.to_string().contains("zstd -d --long=31"), "{error}");
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
