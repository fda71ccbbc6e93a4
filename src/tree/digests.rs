//! A tree of which nothing but the digests is made: what CHECKSUMS of the real one would list.
//!
//! In: paths and bodies, as for a tree on the disk. Out: path and SHA-256 of each file, sorted bytewise by path. That two
//! files ask for one path is not noticed here: who may do that asks [`Tree::knows_names`](super::Tree::knows_names).

use sha2::{Digest, Sha256};

use super::directory::check_name;
use super::{Error, ErrorKind, Result, Scratch, Size, Sorted, Sorter, checksums};
use crate::limits;

/// Memory for paths and digests, bytes.
const MEMORY: usize = 8 << 20;
/// Zero bytes that are hashed at once.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Digests of files that are not written.
#[derive(Debug)]
pub struct Digests {
    rows: Sorter,
    scratch: Scratch,
    size: Size,
}

/// One file of which only the digest is made.
#[derive(Debug)]
pub struct DigestFile {
    path: Vec<u8>,
    hash: Sha256,
    length: u64,
}

impl Digests {
    /// Returns an empty list that is sorted in `scratch`.
    #[must_use]
    pub fn new(scratch: &Scratch) -> Self {
        Self { rows: Sorter::new(scratch, MEMORY), scratch: scratch.clone(), size: Size::default() }
    }

    /// Returns where sorters keep their runs.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Returns the files so far and their length.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Enters a file with this body.
    pub fn write(&mut self, path: &[u8], body: &[u8]) -> Result<()> {
        let mut file = Self::file(path)?;
        file.write(body);
        file.finish(self)
    }

    /// Enters a file of which this is known.
    pub fn enter(&mut self, path: &[u8], digest: &[u8; 32], length: u64) -> Result<()> {
        self.size.files += 1;
        self.size.bytes = self.size.bytes.saturating_add(length);
        Ok(self.rows.push(path, digest)?)
    }

    /// Begins a file. It counts once it is finished.
    pub fn file(path: &[u8]) -> Result<DigestFile> {
        check(path)?;
        Ok(DigestFile { path: path.to_vec(), hash: Sha256::new(), length: 0 })
    }

    /// Lends the paths and digests, sorted bytewise by path.
    pub fn sort(&mut self) -> Result<Sorted<'_>> {
        Ok(self.rows.sort()?)
    }
}

impl DigestFile {
    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }

    /// Appends zero bytes.
    pub fn zeros(&mut self, length: u64) {
        let mut left = length;
        while left > 0 {
            let zeros = usize::try_from(left).ok().and_then(|left| ZEROS.get(..left)).unwrap_or(&ZEROS);
            self.write(zeros);
            left -= u64::try_from(zeros.len()).unwrap_or(left);
        }
    }

    /// Returns the number of bytes so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Ends the file; it counts once its path is [entered](Digests::enter). Returns SHA-256 and number of bytes.
    #[must_use]
    pub fn digest(self) -> ([u8; 32], u64) {
        (self.hash.finalize().into(), self.length)
    }

    /// Ends the file: it counts.
    pub fn finish(mut self, digests: &mut Digests) -> Result<()> {
        let path = std::mem::take(&mut self.path);
        let (digest, length) = self.digest();
        digests.enter(&path, &digest, length)
    }
}

/// Refuses what no disk would take.
pub(super) fn check(path: &[u8]) -> Result<()> {
    for name in path.split(|&byte| byte == b'/') {
        check_name(name).map_err(|kind| Error::at(path, kind))?;
        if name.len() > limits::FILE_NAME {
            return Err(Error::at(path, ErrorKind::NameTooLong));
        }
    }
    if !checksums::fits(path) {
        return Err(Error::at(path, ErrorKind::NameTooLong));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_by_path_with_the_digest_of_all_their_bytes() {
        let mut digests = Digests::new(&Scratch::default());
        let mut file = Digests::file(b"b/x").unwrap();
        file.write(b"a");
        file.zeros((64 << 10) + 1);
        let body = [&b"a"[..], &vec![0; (64 << 10) + 1]].concat();
        assert_eq!(file.len(), body.len() as u64);
        file.finish(&mut digests).unwrap();
        digests.write(b"a", b"").unwrap();
        drop(Digests::file(b"c").unwrap());
        assert_eq!(digests.size(), Size { files: 2, bytes: body.len() as u64 });
        let mut rows = digests.sort().unwrap();
        let mut next = || rows.next().unwrap().map(|(path, digest)| (path.to_vec(), digest.to_vec()));
        assert_eq!(next(), Some((b"a".to_vec(), Sha256::digest(b"").to_vec())));
        assert_eq!(next(), Some((b"b/x".to_vec(), Sha256::digest(&body).to_vec())));
        assert_eq!(next(), None);
    }

    #[test]
    fn a_path_that_no_disk_takes_is_refused() {
        let kind = |path: &[u8]| Digests::file(path).unwrap_err().kind;
        assert!(matches!(kind(b"a/../b"), ErrorKind::BadPath));
        assert!(matches!(kind(&[b'n'; 256]), ErrorKind::NameTooLong));
        assert!(matches!(
            kind(&[b"x/".repeat(limits::CHECKSUMS_LINE / 2), b"y".to_vec()].concat()),
            ErrorKind::NameTooLong
        ));
        assert!(Digests::file(&[b'n'; 255]).is_ok());
    }
}
