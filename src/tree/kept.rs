//! Contents of some files of a tree of digests, which are wanted and kept on the disk.
//!
//! In: which files are wanted, by path or by digest; then the bytes of each file. Out: where the contents of the wanted
//! ones are in an unlinked file, and a reader of them. What is wanted is a filter of a fixed size: it lets a few others
//! pass as well, and none of the wanted ones is lost.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::SpooledTempFile;

use super::{Result, Scratch};
use crate::cursor;

/// Bits of the filter, a power of two: 16 MiB, of a few millions of files about one in a million passes unwanted.
const BITS: u64 = 1 << 27;
/// Bits of the filter in front of it, a power of two: small enough for a cache, which keeps most questions from memory.
const COARSE: u64 = 1 << 20;
/// Bits that one file sets.
const PROBES: u64 = 4;
/// Contents of one file that stay in memory until its end, bytes.
const IN_MEMORY: usize = 1 << 20;

/// Bytes that are copied at once.
const BUFFER: usize = 64 << 10;

/// Which files are wanted.
#[derive(Debug, Default)]
pub struct Wanted {
    coarse: Vec<u64>,
    bits: Vec<u64>,
    count: u64,
    everything: bool,
}

impl Wanted {
    /// Wants all files.
    #[must_use]
    pub fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// Wants the file at `path`.
    pub fn add_path(&mut self, path: &[u8]) {
        self.add(hash(b'p', &[path]));
    }

    /// Wants what these parts tell, each time in the same parts.
    pub(crate) fn add_parts(&mut self, parts: &[&[u8]]) {
        self.add(hash(b'c', parts));
    }

    /// Wants files with this digest, whatever they are called.
    pub fn add_digest(&mut self, digest: &[u8]) {
        self.add(hash(b'd', &[digest]));
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0 && !self.everything
    }

    /// Whether a path may be wanted.
    #[must_use]
    pub fn has_path(&self, path: &[u8]) -> bool {
        self.has(hash(b'p', &[path]))
    }

    /// Whether what these parts tell may be wanted.
    #[must_use]
    pub(crate) fn has_parts(&self, parts: &[&[u8]]) -> bool {
        self.has(hash(b'c', parts))
    }

    /// Whether a digest may be wanted.
    #[must_use]
    pub fn has_digest(&self, digest: &[u8]) -> bool {
        self.has(hash(b'd', &[digest]))
    }

    fn add(&mut self, hash: u64) {
        self.count += 1;
        let words = |bits: u64| usize::try_from(bits / 64).unwrap_or(usize::MAX);
        self.coarse.resize(words(COARSE), 0);
        self.bits.resize(words(BITS), 0);
        let (word, bit) = place(hash % COARSE);
        if let Some(word) = self.coarse.get_mut(word) {
            *word |= bit;
        }
        for (word, bit) in probes(hash) {
            if let Some(word) = self.bits.get_mut(word) {
                *word |= bit;
            }
        }
    }

    fn has(&self, hash: u64) -> bool {
        let has = |bits: &[u64], (word, bit)| bits.get(word).is_some_and(|word| word & bit != 0);
        self.everything
            || (has(&self.coarse, place(hash % COARSE)) && probes(hash).all(|at| has(&self.bits, at)))
    }
}

fn hash(kind: u8, parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(kind);
    for part in parts {
        hasher.write(part);
    }
    hasher.finish()
}

/// Lists the words of the filter and the bits in them.
fn probes(hash: u64) -> impl Iterator<Item = (usize, u64)> {
    let step = (hash >> 32) | 1;
    (0..PROBES).map(move |probe| place(hash.wrapping_add(step.wrapping_mul(probe)) % BITS))
}

/// Returns the word of a bit, and the bit in it.
fn place(bit: u64) -> (usize, u64) {
    (usize::try_from(bit / 64).unwrap_or(usize::MAX), 1 << (bit % 64))
}

/// Where the contents of files are kept.
#[derive(Debug)]
pub struct Keep {
    wanted: Arc<Wanted>,
    scratch: Scratch,
    file: Arc<File>,
    /// Bytes so far.
    end: Mutex<u64>,
}

/// Contents of one file, as they come.
#[derive(Debug)]
pub(super) struct Keeping {
    keep: Arc<Keep>,
    bytes: SpooledTempFile,
    error: Option<io::Error>,
}

/// Where contents are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    offset: u64,
    length: u64,
}

/// Reads contents that are kept.
#[derive(Debug)]
pub struct ExtentReader {
    file: Arc<File>,
    extent: Extent,
}

impl Keep {
    /// Keeps what is wanted in `scratch`.
    pub fn new(wanted: Arc<Wanted>, scratch: &Scratch) -> Result<Arc<Self>> {
        let file = tempfile::tempfile_in(scratch.directory()).map_err(|error| scratch.error(error))?;
        Ok(Arc::new(Self { wanted, scratch: scratch.clone(), file: Arc::new(file), end: Mutex::new(0) }))
    }

    /// Returns what is wanted.
    #[must_use]
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Begins to keep a file.
    pub(super) fn begin(self: &Arc<Self>) -> Keeping {
        let bytes = tempfile::spooled_tempfile_in(IN_MEMORY, self.scratch.directory());
        Keeping { keep: Arc::clone(self), bytes, error: None }
    }

    /// Returns a reader of contents that are kept here.
    #[must_use]
    pub fn read(&self, extent: Extent) -> ExtentReader {
        ExtentReader { file: Arc::clone(&self.file), extent }
    }

    fn store(&self, bytes: &mut SpooledTempFile) -> io::Result<Extent> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = *end;
        bytes.rewind()?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let length = bytes.read(&mut buffer)?;
            let Some(part) = buffer.get(..length).filter(|part| !part.is_empty()) else { break };
            self.file.write_all_at(part, *end)?;
            *end += u64::try_from(length).map_err(io::Error::other)?;
        }
        Ok(Extent { offset, length: *end - offset })
    }
}

impl Keeping {
    pub(super) fn write(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            // Said at the end: whoever hashes cannot fail.
            self.error = self.bytes.write_all(bytes).err();
        }
    }

    /// Ends the file. `name_is_wanted`: it is kept, whatever its digest is.
    pub(super) fn finish(mut self, digest: &[u8], name_is_wanted: bool) -> Result<Option<Extent>> {
        if !name_is_wanted && !self.keep.wanted.has_digest(digest) {
            return Ok(None);
        }
        let stored = self.error.map_or_else(|| self.keep.store(&mut self.bytes), Err);
        Ok(Some(stored.map_err(|error| self.keep.scratch.error(error))?))
    }
}

impl Extent {
    /// Length of [`Extent::to_bytes`].
    pub const LEN: usize = 16;

    /// Returns the number of bytes.
    #[must_use]
    pub fn len(self) -> u64 {
        self.length
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    /// Returns the bytes that stand for it in a record.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        (u128::from(self.offset) << 64 | u128::from(self.length)).to_be_bytes()
    }

    /// Takes an extent off the front of `bytes`.
    pub fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self { offset: cursor::take_u64_be(bytes)?, length: cursor::take_u64_be(bytes)? })
    }
}

impl Read for ExtentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.extent.length).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        let read =
            rustix::io::retry_on_intr(|| rustix::io::pread(&self.file, &mut *buffer, self.extent.offset))?;
        let length = u64::try_from(read).map_err(io::Error::other)?;
        self.extent.offset += length;
        self.extent.length -= length;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_passes_and_hardly_anything_else() {
        let mut wanted = Wanted::default();
        assert!(wanted.is_empty() && !wanted.has_path(b"a"));
        for number in 0..100_000_u32 {
            wanted.add_path(&number.to_be_bytes());
        }
        assert!((0..100_000_u32).all(|number| wanted.has_path(&number.to_be_bytes())));
        let others = (100_000..200_000_u32).filter(|number| wanted.has_path(&number.to_be_bytes()));
        assert!(others.count() < 10);
        assert!(!wanted.has_digest(&7_u32.to_be_bytes()), "a digest is no path");
    }

    #[test]
    fn contents_come_back() {
        let directory = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(directory.path().to_owned());
        let mut wanted = Wanted::default();
        wanted.add_digest(b"three");
        let keep = Keep::new(Arc::new(wanted), &scratch).unwrap();
        let put = |body: &[u8], digest: &[u8], named| {
            let mut copy = keep.begin();
            body.chunks(1 << 16).for_each(|part| copy.write(part));
            copy.finish(digest, named).unwrap()
        };
        let bodies = [vec![7; (2 << 20) + 3], b"abc".to_vec(), Vec::new()];
        assert_eq!(put(b"xyz", b"two", false), None);
        for (body, named) in bodies.iter().zip([true, false, true]) {
            let extent = put(body, b"three", named).unwrap();
            assert_eq!(extent.len(), body.len() as u64);
            assert_eq!(Extent::take(&mut &extent.to_bytes()[..]), Some(extent));
            let mut read = Vec::new();
            keep.read(extent).read_to_end(&mut read).unwrap();
            assert!(read == *body);
        }
    }
}
