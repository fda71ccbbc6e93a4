//! What can be read only once, or only compressed, to an unlinked file. It is looked at before it is copied.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::compression::{Compression, Decompressor};
use super::header::Header;
use super::{ErrorKind, Excerpt, Layout, foreign};
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// Bytes that are copied at a time.
const COPY: usize = 1 << 18;
/// Bytes that tell whether a stream is a snapshot, at most.
const HEAD: usize = Header::MAX + 8;

/// Where copies go, and who is to know of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spool<'a> {
    pub(super) directory: &'a Path,
    pub(super) interrupt: &'a Interrupt,
    pub(super) progress: &'a Progress,
    /// What was read of standard input already.
    pub(super) head: &'a [u8],
}

/// An unlinked copy of an input's plain bytes.
#[derive(Debug)]
pub(super) struct Copied {
    pub(super) file: File,
    pub(super) len: u64,
    pub(super) compression: Option<Compression>,
}

/// What is wrong, and the offset where that was seen.
pub(super) type Fault = (u64, ErrorKind);

impl Spool<'_> {
    /// Copies `input`, decompressed. What cannot be a snapshot ends it at the first bytes that tell so.
    pub(super) fn copy(&self, mut input: impl Read) -> Result<Copied, Fault> {
        let head = self.head(&mut input)?;
        let compression = Compression::of(&head);
        let mut plain = Decompressor::new(head.as_slice().chain(input), compression).map_err(at_start)?;
        let head = self.look(&mut plain)?;
        let mut file = tempfile::tempfile_in(self.directory).map_err(|error| self.failed(error))?;
        file.write_all(&head).map_err(|error| self.failed(error))?;
        let mut len = head.len() as u64;
        let mut buffer = vec![0; COPY];
        loop {
            let read = self.read(&mut plain, &mut buffer, len)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            file.write_all(bytes).map_err(|error| self.failed(error))?;
            len += read as u64;
        }
        Ok(Copied { file, len, compression })
    }

    /// Reads what tells how a stream is compressed, and no more of one that is nothing we know.
    fn head(&self, input: &mut impl Read) -> Result<Vec<u8>, Fault> {
        let (mut head, mut buffer) = (Vec::new(), [0; HEAD]);
        while head.len() < Compression::MAGIC {
            let read = match input.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.interrupt.check().map_err(|by| at_start(by.into()))?;
                    return Err(at_start(ErrorKind::Io(error)));
                }
            };
            head.extend_from_slice(buffer.get(..read).unwrap_or_default());
            if !Compression::can_begin(&head) && !foreign::can_begin(&head) {
                return Err(at_start(not_a_snapshot(&head)));
            }
            if read == 0 {
                break;
            }
        }
        Ok(head)
    }

    /// Reads the first plain bytes, and refuses those of no snapshot.
    fn look<R: Read>(&self, plain: &mut Decompressor<R>) -> Result<Vec<u8>, Fault> {
        let (mut head, mut buffer) = (Vec::with_capacity(HEAD), [0; HEAD]);
        while let Some(room) = buffer.get_mut(head.len()..).filter(|room| !room.is_empty()) {
            let read = self.read(plain, room, head.len() as u64)?;
            if read == 0 {
                // All that there is: it is looked at as a whole later.
                return Ok(head);
            }
            head.extend_from_slice(room.get(..read).unwrap_or_default());
            if !foreign::can_begin(&head) {
                return Err(at_start(not_a_snapshot(&head)));
            }
        }
        Layout::detect(&head, u64::MAX)?;
        Ok(head)
    }

    fn read<R: Read>(&self, plain: &mut Decompressor<R>, buffer: &mut [u8], at: u64) -> Result<usize, Fault> {
        let read = plain.read(buffer);
        self.interrupt.check().map_err(|by| (at, by.into()))?;
        read.map_err(|kind| (at, kind))
    }

    fn failed(&self, error: io::Error) -> Fault {
        at_start(ErrorKind::Spool { directory: self.directory.to_owned(), error })
    }
}

fn at_start(kind: ErrorKind) -> Fault {
    (0, kind)
}

/// Returns the error that a file with these first bytes is.
pub(super) fn not_a_snapshot(head: &[u8]) -> ErrorKind {
    let found = Excerpt::of(head.get(..8).unwrap_or(head));
    ErrorKind::NotASnapshot { found, is: foreign::name(head) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;
    use std::sync::atomic::Ordering;

    use super::super::fixture::{gzip, zstd};
    use super::*;

    fn snapshot(len: usize) -> Vec<u8> {
        [&b"EKVPBBL1"[..], &(0..=250).cycle().take(len).collect::<Vec<u8>>()].concat()
    }

    fn copied(input: impl Read) -> Result<Copied, ErrorKind> {
        let (interrupt, progress) = (Interrupt::default(), Progress::default());
        let directory = tempfile::tempdir().unwrap();
        let spool =
            Spool { directory: directory.path(), interrupt: &interrupt, progress: &progress, head: &[] };
        spool.copy(input).map_err(|(_, kind)| kind)
    }

    fn content(copied: &Copied) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(copied.len).unwrap()];
        copied.file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    /// Gives a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(1);
            self.0.read(&mut buffer[..length])
        }
    }

    /// Bytes, and then a read that must not come.
    struct NoMore<'a>(&'a [u8]);

    impl Read for NoMore<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0.is_empty(), "read on, though the first bytes tell that it is no snapshot");
            self.0.read(buffer)
        }
    }

    #[test]
    fn plain_and_compressed_bytes_are_copied_whole() {
        for len in [0, 1, 50, HEAD, COPY, 2 * COPY + 3] {
            let bytes = snapshot(len);
            for (input, compression) in [
                (bytes.clone(), None),
                (gzip(&bytes), Some(Compression::Gzip)),
                (zstd(&bytes), Some(Compression::Zstd)),
            ] {
                for copied in [copied(&input[..]).unwrap(), copied(Slow(&input)).unwrap()] {
                    assert_eq!(copied.compression, compression);
                    assert!(content(&copied) == bytes, "{len} {compression:?}");
                }
            }
        }
    }

    #[test]
    fn the_shortest_snapshots_are_copied() {
        for bytes in [&b""[..], &[0; 4], &hex::decode("0000018f2a3403b8fdbefded").unwrap()] {
            for input in [bytes.to_vec(), gzip(bytes), zstd(bytes)] {
                assert_eq!(content(&copied(Slow(&input)).unwrap()), bytes);
            }
        }
    }

    #[test]
    fn what_is_no_snapshot_ends_at_its_first_bytes() {
        for head in [&b"h"[..], b"hello", b"EKVX", b"\0\x01", &[0; 13], b"\x28\xb6", b"EKVPBBL2"] {
            let kind = copied(NoMore(head)).unwrap_err();
            assert!(matches!(kind, ErrorKind::NotASnapshot { .. }), "{head:?} {kind}");
        }
        for head in ["hello", "EKVPBBL9", "{\"a\":1}"] {
            let text = head.as_bytes().repeat(1 << 20);
            for input in [zstd(&text), gzip(&text)] {
                assert!(matches!(copied(&input[..]), Err(ErrorKind::NotASnapshot { .. })), "{head}");
            }
        }
        let kind = copied(&[b"EKVTHLC9".to_vec(), vec![7; HEAD]].concat()[..]).unwrap_err();
        assert!(matches!(kind, ErrorKind::UnknownHeaderVersion { found: b'9' }), "{kind}");
        let kind = copied(&gzip(&zstd(&snapshot(9)))[..]).unwrap_err();
        assert!(kind.to_string().contains("compressed twice"), "{kind}");
    }

    #[test]
    fn every_truncated_stream_is_corrupt() {
        for whole in [gzip(&snapshot(20)), zstd(&snapshot(20))] {
            for length in Compression::MAGIC..whole.len() {
                let kind = copied(&whole[..length]).unwrap_err();
                assert!(matches!(kind, ErrorKind::Compressed { .. }), "{kind}");
                assert!(!kind.is_unreadable());
            }
        }
    }

    #[test]
    fn a_copy_that_cannot_be_made_names_its_directory() {
        let (interrupt, progress) = (Interrupt::default(), Progress::default());
        let directory = Path::new("/no/such/directory");
        let spool = Spool { directory, interrupt: &interrupt, progress: &progress, head: &[] };
        let (_, kind) = spool.copy(&snapshot(9)[..]).unwrap_err();
        assert!(kind.is_unreadable());
        assert!(kind.to_string().contains("in /no/such/directory: "), "{kind}");
    }

    #[test]
    fn a_copy_ends_when_the_run_is_to_end() {
        let (interrupt, progress) = (Interrupt::default(), Progress::default());
        interrupt.flag().store(2, Ordering::Relaxed);
        let directory = tempfile::tempdir().unwrap();
        let spool =
            Spool { directory: directory.path(), interrupt: &interrupt, progress: &progress, head: &[] };
        let (_, kind) = spool.copy(&zstd(&snapshot(9))[..]).unwrap_err();
        assert!(matches!(kind, ErrorKind::Interrupted(by) if by.0 == 2));
    }
}
