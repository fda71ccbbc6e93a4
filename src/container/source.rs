//! Where snapshot bytes come from: a file, standard input, a compressed file.
//!
//! In: a path. Out: positioned reads. The only file of this stage that does I/O.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::compression::{Compression, Decompressor};
use super::{Error, ErrorKind, name};
use crate::interrupt::Interrupt;

/// Bytes that are copied at a time into a spool.
const COPY: usize = 1 << 18;

/// A readable, seekable input: the file itself, or an unlinked spool of what can be read only once.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    file: File,
    len: u64,
    compression: Option<Compression>,
}

impl Source {
    /// Opens `path` (`-` is standard input). What is compressed (`.zst`, `.gz` by their first bytes) or a pipe
    /// is spooled to an unlinked file in `spool`, as long as `interrupt` lets it.
    pub fn open(path: &Path, spool: &Path, interrupt: &Interrupt) -> Result<Self, Error> {
        Self::open_kind(path, spool, interrupt).map_err(|kind| Error {
            path: path.to_owned(),
            offset: 0,
            kind,
        })
    }

    fn open_kind(path: &Path, spool: &Path, interrupt: &Interrupt) -> Result<Self, ErrorKind> {
        if path == Path::new("-") {
            return Self::spooled(path, io::stdin().lock(), spool, interrupt);
        }
        let mut file = File::open(path).map_err(ErrorKind::Io)?;
        let metadata = file.metadata().map_err(ErrorKind::Io)?;
        if metadata.is_dir() {
            return Err(ErrorKind::Directory);
        }
        if !metadata.is_file() {
            return Self::spooled(path, file, spool, interrupt);
        }
        let mut head = [0; Compression::MAGIC];
        let found = read_full(&mut file, &mut head).map_err(ErrorKind::Io)?;
        if Compression::of(head.get(..found).unwrap_or_default()).is_none() {
            return Ok(Self { path: path.to_owned(), file, len: metadata.len(), compression: None });
        }
        file.seek(SeekFrom::Start(0)).map_err(ErrorKind::Io)?;
        Self::spooled(path, file, spool, interrupt)
    }

    /// Copies `input`, decompressed, to an unlinked file.
    fn spooled(
        path: &Path,
        mut input: impl Read,
        spool: &Path,
        interrupt: &Interrupt,
    ) -> Result<Self, ErrorKind> {
        let mut head = [0; Compression::MAGIC];
        let found = read_full(&mut input, &mut head).map_err(ErrorKind::Io)?;
        let head = head.get(..found).unwrap_or_default();
        let compression = Compression::of(head);
        let mut file = tempfile::tempfile_in(spool).map_err(ErrorKind::Spool)?;
        let mut decompressor = Decompressor::new(head.chain(input), compression)?;
        let mut buffer = vec![0; COPY];
        let mut len = 0;
        loop {
            let read = decompressor.read(&mut buffer)?;
            interrupt.check()?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            file.write_all(bytes).map_err(ErrorKind::Spool)?;
            len += read as u64;
        }
        Ok(Self { path: path.to_owned(), file, len, compression })
    }

    /// Returns the path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the Raft index that the file's name tells (`container.md` 1).
    #[must_use]
    pub fn snapshot_index(&self) -> Option<u64> {
        name::snapshot_index(&self.path)
    }

    /// Returns how the input is compressed; what is read is always decompressed.
    #[must_use]
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Returns the number of (decompressed) bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `buffer` from `offset`, or as much of it as there is; returns the number of bytes.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(offset, ErrorKind::Io(error))),
            }
        }
        Ok(filled)
    }

    /// Returns a source that the disk cannot read.
    #[cfg(test)]
    pub(super) fn unreadable(len: u64) -> Self {
        let file = File::open("/").unwrap();
        Self { path: PathBuf::from("unreadable.fsm"), file, len, compression: None }
    }

    /// Returns an error of this input.
    #[must_use]
    pub fn error(&self, offset: u64, kind: ErrorKind) -> Error {
        Error { path: self.path.clone(), offset, kind }
    }
}

/// Fills `buffer`, or as much of it as there is.
fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(bytes: &[u8]) -> Result<Source, Error> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0000000000000064.fsm");
        std::fs::write(&path, bytes).unwrap();
        Source::open(&path, directory.path(), &Interrupt::default())
    }

    fn content(source: &Source) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(source.len()).unwrap() + 1];
        let read = source.read_at(&mut bytes, 0).unwrap();
        bytes.truncate(read);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_plain_file_is_read_in_place() {
        let source = opened(b"hello").unwrap();
        assert_eq!((source.len(), source.snapshot_index(), source.compression()), (5, Some(100), None));
        let mut buffer = [0; 4];
        assert_eq!(source.read_at(&mut buffer, 3).unwrap(), 2);
        assert_eq!(&buffer[..2], b"lo");
        assert_eq!(source.read_at(&mut buffer, 5).unwrap(), 0);
        assert_eq!(source.read_at(&mut buffer, u64::MAX).unwrap_or(0), 0);
    }

    #[test]
    fn short_files_have_no_magic() {
        for length in 0..Compression::MAGIC {
            assert_eq!(content(&opened(&b"\x1fxyz"[..length]).unwrap()), b"\x1fxyz"[..length]);
        }
    }

    #[test]
    fn gzip_members_follow_each_other() {
        let source = opened(&[gzip(b"one"), gzip(b" two")].concat()).unwrap();
        assert_eq!(source.compression(), Some(Compression::Gzip));
        assert_eq!(content(&source), b"one two");
    }

    #[test]
    fn zstd_frames_follow_each_other() {
        let frames = [zstd::encode_all(&b"one"[..], 1).unwrap(), zstd::encode_all(&b" two"[..], 1).unwrap()];
        let source = opened(&frames.concat()).unwrap();
        assert_eq!(source.compression(), Some(Compression::Zstd));
        assert_eq!(content(&source), b"one two");
    }

    #[test]
    fn every_truncated_or_flipped_stream_is_corrupt_or_other_bytes() {
        for whole in [gzip(b"hello hello"), zstd::encode_all(&b"hello hello"[..], 1).unwrap()] {
            for length in Compression::MAGIC..whole.len() {
                let error = opened(&whole[..length]).unwrap_err();
                assert!(matches!(error.kind, ErrorKind::Compressed { .. }), "{error}");
                assert!(!error.kind.is_unreadable());
            }
        }
    }

    #[test]
    fn garbage_behind_a_gzip_member_is_corrupt() {
        let error = opened(&[gzip(b"one"), b"garbage".to_vec()].concat()).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Compressed { format: "gzip", .. }));
    }

    #[test]
    fn a_directory_and_a_missing_file_are_unreadable() {
        let directory = tempfile::tempdir().unwrap();
        let error = Source::open(directory.path(), directory.path(), &Interrupt::default()).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Directory));
        let error = Source::open(&directory.path().join("none"), directory.path(), &Interrupt::default())
            .unwrap_err();
        assert!(error.kind.is_unreadable());
    }

    #[test]
    fn a_spool_that_cannot_be_made_is_unreadable() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.gz");
        std::fs::write(&path, gzip(b"one")).unwrap();
        let error = Source::open(&path, &directory.path().join("none"), &Interrupt::default()).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Spool(_)));
    }

    #[test]
    fn a_pipe_is_spooled() {
        let spool = tempfile::tempdir().unwrap();
        let source =
            Source::spooled(Path::new("-"), &gzip(b"piped")[..], spool.path(), &Interrupt::default())
                .unwrap();
        assert_eq!(content(&source), b"piped");
        let source =
            Source::spooled(Path::new("-"), &b"pip"[..], spool.path(), &Interrupt::default()).unwrap();
        assert_eq!(content(&source), b"pip");
    }

    #[test]
    fn a_copy_ends_when_the_run_is_to_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("snapshot.fsm.zst");
        std::fs::write(&path, zstd::encode_all(&[0; 100][..], 1).unwrap()).unwrap();
        let interrupt = Interrupt::default();
        interrupt.flag().store(2, std::sync::atomic::Ordering::Relaxed);
        let error = Source::open(&path, directory.path(), &interrupt).unwrap_err();
        assert!(matches!(crate::Error::from(error), crate::Error::Interrupted(by) if by.0 == 2));
    }
}
