//! Which files of a dump were read to their ends, whoever read them, and are what CHECKSUMS says: what is left is read for that
//! alone, and nothing twice.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::hashing::{Beside, Hashed, Hashing};
use super::{OwnedSorted, Result, Scratch, Sorter};

/// Memory of the paths, bytes.
const MEMORY: usize = 4 << 20;

/// Files that were read.
#[derive(Debug)]
pub(super) struct Proofs {
    /// Hashes long ones on other threads.
    pub(super) hashing: Hashing,
    noted: Mutex<Noted>,
}

#[derive(Debug)]
struct Noted {
    paths: Sorter,
    hashed: Receiver<Hashed>,
    /// Files that another thread still hashes, with what their digests should be.
    awaited: BTreeMap<Vec<u8>, [u8; 32]>,
    /// The first file, by when it was known, that is not what CHECKSUMS says.
    changed: Option<Vec<u8>>,
}

impl Proofs {
    /// Returns proofs of nothing, to be sorted in `scratch`.
    pub(super) fn new(scratch: &Scratch) -> Self {
        let (hashing, hashed) = Hashing::new();
        let paths = Sorter::new(scratch, MEMORY);
        Self { hashing, noted: Mutex::new(Noted { paths, hashed, awaited: BTreeMap::new(), changed: None }) }
    }

    /// Notes a file that is what CHECKSUMS says.
    pub(super) fn note(&self, path: &[u8]) -> io::Result<()> {
        self.noted().paths.push(path, b"").map_err(io::Error::other)
    }

    /// Notes a file when its digest arrives, if it is this one.
    pub(super) fn later(&self, stream: Beside, path: Vec<u8>, digest: [u8; 32]) -> io::Result<()> {
        let mut noted = self.noted();
        noted.awaited.insert(path.clone(), digest);
        stream.end(path);
        while let Ok(hashed) = noted.hashed.try_recv() {
            noted.take(hashed)?;
        }
        Ok(())
    }

    /// Waits for all digests; returns the paths, sorted, those of files that were read twice as often; or the path of a file
    /// that is not what CHECKSUMS says.
    pub(super) fn finish(&self) -> Result<std::result::Result<OwnedSorted, Vec<u8>>> {
        self.hashing.close();
        let mut noted = self.noted();
        while let Ok(hashed) = noted.hashed.recv() {
            noted
                .take(hashed)
                .map_err(|error| super::Error { path: PathBuf::default(), kind: error.into() })?;
        }
        // A thread that is gone has taken its file's digest along.
        let lost = noted.awaited.pop_first().map(|(path, _)| path);
        if let Some(path) = noted.changed.take().or(lost) {
            return Ok(Err(path));
        }
        let nothing = Sorter::new(&Scratch::default(), MEMORY);
        Ok(Ok(std::mem::replace(&mut noted.paths, nothing).into_sorted()?))
    }

    /// No thread stops halfway through a change.
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    fn take(&mut self, Hashed { path, digest, .. }: Hashed) -> io::Result<()> {
        if self.awaited.remove(&path) == Some(digest) {
            self.paths.push(&path, b"").map_err(io::Error::other)
        } else {
            self.changed.get_or_insert(path);
            Ok(())
        }
    }
}
