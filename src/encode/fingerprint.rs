//! Fingerprints of long bodies: what the self-test tells them by, at many times the speed of a digest.
//!
//! In: bodies as they are copied, whose digests CHECKSUMS tells and the copy proves. Out: the digest of a body that has the same
//! fingerprint. Two checksums of different polynomials and the length: a mistake of this program is not blind to both.

use crate::bug::Bug;
use crate::error::Result;
use crate::sort::{Scratch, Sorter, Table, TableWriter};

/// Length from which on a body has a fingerprint, bytes.
pub(super) const LONG: u64 = 64 << 10;
/// Memory of the fingerprints, bytes.
const MEMORY: usize = 4 << 20;

const DIGEST: Bug = Bug::new("a fingerprint without a digest");

/// The fingerprint of the bytes so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Fingerprint {
    castagnoli: u32,
    ieee: crc32fast::Hasher,
    length: u64,
}

impl Fingerprint {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.castagnoli = crc32c::crc32c_append(self.castagnoli, bytes);
        self.ieee.update(bytes);
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }

    fn finish(self) -> [u8; 16] {
        let mut key = [0; 16];
        let parts = [&self.castagnoli.to_be_bytes()[..], &self.ieee.finalize().to_be_bytes()];
        let all = parts.into_iter().flatten().copied().chain(self.length.to_be_bytes());
        key.iter_mut().zip(all).for_each(|(place, byte)| *place = byte);
        key
    }
}

/// Collects the fingerprints of bodies that are copied.
#[derive(Debug)]
pub(super) struct Copied {
    sorter: Sorter,
    scratch: Scratch,
    open: Option<(Vec<u8>, [u8; 32], Fingerprint)>,
}

impl Copied {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { sorter: Sorter::new(scratch, MEMORY), scratch: scratch.clone(), open: None }
    }

    /// Begins the file of a body.
    pub(super) fn begin(&mut self, path: &[u8], digest: &[u8; 32]) -> Result<()> {
        self.end()?;
        self.open = Some((path.to_vec(), *digest, Fingerprint::default()));
        Ok(())
    }

    /// Takes the next bytes of a file, where it has begun.
    pub(super) fn bytes(&mut self, path: &[u8], bytes: &[u8]) {
        if let Some((_, _, fingerprint)) = self.open.as_mut().filter(|(open, ..)| open == path) {
            fingerprint.update(bytes);
        }
    }

    fn end(&mut self) -> Result<()> {
        if let Some((_, digest, fingerprint)) = self.open.take() {
            self.sorter.push(&fingerprint.finish(), &digest)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Known> {
        self.end()?;
        let mut table = TableWriter::new(&self.scratch)?;
        let mut sorted = self.sorter.into_sorted()?;
        let mut last = None;
        while let Some((key, digest)) = sorted.next()? {
            // One of equal bodies is enough.
            if last.as_deref() != Some(key) {
                table.push(key, digest)?;
                last = Some(key.to_vec());
            }
        }
        Ok(Known(table.finish()?))
    }
}

/// The fingerprints of all long bodies that were copied.
#[derive(Debug)]
pub struct Known(Table);

impl Known {
    /// Returns the digest of the body with this fingerprint; zeros where none has it.
    pub(super) fn digest(&mut self, fingerprint: Fingerprint) -> Result<[u8; 32]> {
        match self.0.find(&fingerprint.finish())? {
            Some(digest) => Ok(digest.as_slice().try_into().map_err(|_| DIGEST)?),
            None => Ok([0; 32]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        bytes.chunks(7).for_each(|part| fingerprint.update(part));
        fingerprint
    }

    #[test]
    fn a_body_is_known_by_all_of_its_bytes() {
        let mut copied = Copied::new(&Scratch::default());
        for (path, bytes, digest) in [("a", &b"one body"[..], 1), ("b", b"another", 2), ("c", b"one body", 1)]
        {
            copied.begin(path.as_bytes(), &[digest; 32]).unwrap();
            for part in bytes.chunks(3) {
                copied.bytes(path.as_bytes(), part);
            }
            copied.bytes(b"other", b"not of this file");
        }
        let mut known = copied.finish().unwrap();
        let mut digest = |bytes: &[u8]| known.digest(of(bytes)).unwrap();
        assert_eq!((digest(b"one body"), digest(b"another")), ([1; 32], [2; 32]));
        for other in [&b""[..], b"one bodx", b"one bod", b"one body\0", b"body one"] {
            assert_eq!(digest(other), [0; 32], "{}", other.escape_ascii());
        }
    }
}
