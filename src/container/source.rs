//! Where snapshot bytes come from: a file, standard input, a compressed file.
//!
//! In: a path. Out: positioned reads, always of the same bytes: of the file as it was opened, or of a copy.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::compression::Compression;
use super::identity::Identity;
use super::offload::Proof;
use super::spool::{Copied, Spool};
use super::{Error, ErrorKind, name, open};
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// Bytes that are read between two looks at the request to stop: a value may be as long as 1 GiB.
const STEP: usize = 8 << 20;

/// SHA-256 in hex: the one of a file's name, and the one of its bytes.
#[derive(Clone, Debug)]
pub(super) struct Digests {
    pub(super) expected: String,
    pub(super) found: String,
}

/// A readable, seekable input: the file itself, or an unlinked copy of what can be read only once.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    file: File,
    len: u64,
    compression: Option<Compression>,
    /// What the file was when it was opened; a copy cannot change.
    identity: Option<Identity>,
    interrupt: Interrupt,
    /// What vouches for the bytes, beside what they hold themselves; or that it does not.
    proof: Option<Result<Proof, Digests>>,
}

impl Source {
    /// Opens `path` (`-` is standard input). What is compressed (`.zst`, `.gz` by their first bytes) or a pipe
    /// is copied to an unlinked file in `spool`, as long as `interrupt` lets it.
    pub fn open(path: &Path, spool: &Path, interrupt: &Interrupt) -> Result<Self, Error> {
        Self::open_showing(path, spool, (interrupt, &Progress::default()), &[])
    }

    /// Does the same, and counts in `progress` what is copied or hashed; `head` was read of standard input already.
    pub fn open_showing(
        path: &Path,
        spool: &Path,
        (interrupt, progress): (&Interrupt, &Progress),
        head: &[u8],
    ) -> Result<Self, Error> {
        open::open(path, &Spool { directory: spool, interrupt, progress, head })
    }

    /// Returns a source that reads `file` itself.
    pub(super) fn in_place(
        path: &Path,
        file: File,
        identity: Option<Identity>,
        interrupt: &Interrupt,
    ) -> io::Result<Self> {
        let (path, len, interrupt) = (path.to_owned(), file.metadata()?.len(), interrupt.clone());
        Ok(Self { path, file, len, compression: None, identity, interrupt, proof: None })
    }

    /// Returns a source that reads a copy.
    pub(super) fn copy(path: &Path, copied: Copied, interrupt: &Interrupt) -> Self {
        let Copied { file, len, compression } = copied;
        let (path, interrupt) = (path.to_owned(), interrupt.clone());
        Self { path, file, len, compression, identity: None, interrupt, proof: None }
    }

    /// Records what vouches for the bytes, or what was found instead.
    pub(super) fn vouch(&mut self, proof: Result<Proof, Digests>) {
        self.proof = Some(proof);
    }

    /// Returns the path as it was given; of an offloaded payload given by its manifest, the payload's.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the Raft index that the manifest of an offloaded payload tells (`format/container.md#offloaded-payloads`), or the file's
    /// name (`format/container.md#where-the-files-live`).
    #[must_use]
    pub fn snapshot_index(&self) -> Option<u64> {
        match self.proof {
            Some(Ok(Proof::Manifest { snapshot_index, .. })) => Some(snapshot_index),
            _ => name::snapshot_index(&self.path),
        }
    }

    /// Returns what vouches for the bytes, beside a footer or a checksum that they hold themselves.
    #[must_use]
    pub fn proof(&self) -> Option<Proof> {
        self.proof.as_ref().and_then(|proof| proof.as_ref().ok().copied())
    }

    /// Returns the error that the input is where its name says another SHA-256 and nothing else proves its bytes.
    #[must_use]
    pub fn disproof(&self) -> Option<Error> {
        let Digests { expected, found } = self.proof.as_ref()?.as_ref().err()?.clone();
        let (expected, found) = (expected.into(), found.into());
        let kind = ErrorKind::NotAsVouched { what: "the SHA-256 in its name", expected, found };
        Some(self.error(0, kind))
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
            let step = rest.len().min(STEP);
            let at = offset.saturating_add(filled as u64);
            match self.file.read_at(rest.get_mut(..step).unwrap_or_default(), at) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(offset, ErrorKind::Io(error))),
            }
            self.interrupt.check().map_err(|by| self.error(offset, by.into()))?;
        }
        Ok(filled)
    }

    /// Fails when the file is no longer what it was when it was opened (`tree/outcome.md#outcome`): [`ErrorKind::Changed`].
    pub fn check_unchanged(&self) -> Result<(), Error> {
        let Some(identity) = self.identity else { return Ok(()) };
        match identity.difference(&self.file, Some(&self.path)) {
            Ok(None) => Ok(()),
            Ok(Some(what)) => Err(self.error(0, ErrorKind::Changed { what })),
            Err(error) => Err(self.error(0, ErrorKind::Io(error))),
        }
    }

    /// Returns a source that the disk cannot read.
    #[cfg(test)]
    pub(super) fn unreadable(len: u64) -> Self {
        let (path, file) = (PathBuf::from("unreadable.fsm"), File::open("/").unwrap());
        let interrupt = Interrupt::default();
        Self { path, file, len, compression: None, identity: None, interrupt, proof: None }
    }

    /// Returns an error of this input.
    #[must_use]
    pub fn error(&self, offset: u64, kind: ErrorKind) -> Error {
        Error { path: self.path.clone(), offset, kind }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn a_plain_file_is_read_in_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0000000000000064.fsm");
        std::fs::write(&path, b"hello").unwrap();
        let source = Source::open(&path, directory.path(), &Interrupt::default()).unwrap();
        assert_eq!((source.len(), source.snapshot_index(), source.compression()), (5, Some(100), None));
        assert_eq!(source.proof(), None);
        let mut buffer = [0; 4];
        assert_eq!(source.read_at(&mut buffer, 3).unwrap(), 2);
        assert_eq!(&buffer[..2], b"lo");
        assert_eq!(source.read_at(&mut buffer, 5).unwrap(), 0);
        assert_eq!(source.read_at(&mut buffer, u64::MAX).unwrap_or(0), 0);
    }

    #[test]
    fn a_file_that_changes_is_called_that() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.fsm");
        std::fs::write(&path, b"hello").unwrap();
        let source = Source::open(&path, directory.path(), &Interrupt::default()).unwrap();
        source.check_unchanged().unwrap();
        std::fs::write(&path, b"hello, world").unwrap();
        let error = source.check_unchanged().unwrap_err();
        assert!(error.kind.is_unreadable());
        assert!(error.to_string().contains("changed while it was read"), "{error}");
    }

    #[test]
    fn a_long_read_ends_when_the_run_is_to_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.fsm");
        File::create(&path).unwrap().set_len(3 * STEP as u64).unwrap();
        let interrupt = Interrupt::default();
        let source = Source::open(&path, directory.path(), &interrupt).unwrap();
        let mut buffer = vec![0; 2 * STEP + 1];
        assert_eq!(source.read_at(&mut buffer, 0).unwrap(), buffer.len());
        interrupt.flag().store(15, Ordering::Relaxed);
        let error = source.read_at(&mut buffer, 0).unwrap_err();
        assert!(matches!(crate::Error::from(error), crate::Error::Interrupted(by) if by.0 == 15));
    }
}
