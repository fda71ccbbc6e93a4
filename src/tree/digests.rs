//! A tree of which nothing but the digests is made: what CHECKSUMS of the real one would list.
//!
//! In: paths and bodies, as for a tree on the disk. Out: path and SHA-256 of each file, sorted bytewise by path. That two
//! files ask for one path is not noticed here: who may do that asks [`Tree::knows_names`](super::Tree::knows_names).
//! One that [keeps](Digests::keeping) contents lists the wanted files alone, each with where its contents are.

use std::sync::Arc;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::directory::check_name;
use super::kept::{Extent, Keep, Keeping};
use super::{Error, ErrorKind, OwnedSorted, Result, Scratch, Size, Sorted, Sorter, checksums};
use crate::cursor;
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
    keep: Option<Arc<Keep>>,
    /// By the first two components of paths: as many entries as there are tables, buckets and queues.
    scopes: BTreeMap<Vec<u8>, Size>,
}

/// One file of which only the digest is made.
#[derive(Debug)]
pub struct DigestFile {
    path: Vec<u8>,
    /// `None` for a file whose path says that nobody wants it.
    hash: Option<Sha256>,
    length: u64,
    copy: Option<Box<Keeping>>,
    /// Whether it is wanted by its path.
    is_named: bool,
}

/// What is known of a file that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digested {
    /// SHA-256.
    pub digest: [u8; 32],
    /// Number of bytes.
    pub length: u64,
    /// Where its contents are kept, if they are.
    pub kept: Option<Extent>,
}

impl Digests {
    /// Returns an empty list that is sorted in `scratch`.
    #[must_use]
    pub fn new(scratch: &Scratch) -> Self {
        Self {
            rows: Sorter::new(scratch, MEMORY),
            scratch: scratch.clone(),
            size: Size::default(),
            keep: None,
            scopes: BTreeMap::new(),
        }
    }

    /// Returns an empty list of the files that `keep` wants; the value of each is its digest and its [`Extent`].
    #[must_use]
    pub fn keeping(scratch: &Scratch, keep: Arc<Keep>) -> Self {
        Self { keep: Some(keep), ..Self::new(scratch) }
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

    /// Takes the files and their length by the first two components of their paths, or of shorter ones by path.
    pub fn take_scopes(&mut self) -> BTreeMap<Vec<u8>, Size> {
        std::mem::take(&mut self.scopes)
    }

    /// Enters a file with this body.
    pub fn write(&mut self, path: &[u8], body: &[u8]) -> Result<()> {
        let mut file = self.file(path)?;
        file.write(body);
        file.finish(self)
    }

    /// Enters a file of which this is known.
    pub fn enter(&mut self, path: &[u8], file: &Digested) -> Result<()> {
        let end = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').nth(1).map(|(at, _)| at);
        let scope = path.get(..end.unwrap_or(path.len())).unwrap_or(path);
        if !self.scopes.contains_key(scope) {
            self.scopes.insert(scope.to_vec(), Size::default());
        }
        for size in std::iter::once(&mut self.size).chain(self.scopes.get_mut(scope)) {
            size.files += 1;
            size.bytes = size.bytes.saturating_add(file.length);
        }
        match (&self.keep, file.kept) {
            (None, _) => self.rows.push(path, &file.digest)?,
            (Some(_), Some(kept)) => self.rows.push(path, &[&file.digest[..], &kept.to_bytes()].concat())?,
            (Some(_), None) => {}
        }
        Ok(())
    }

    /// Begins a file. It counts once it is finished.
    pub fn file(&self, path: &[u8]) -> Result<DigestFile> {
        let is_named = self.keep.as_ref().is_none_or(|keep| keep.wanted().has_path(path));
        let file = self.unnamed(path)?;
        Ok(if is_named {
            DigestFile { is_named, ..file }
        } else {
            DigestFile { hash: None, copy: None, ..file }
        })
    }

    /// Begins a file that may get another name; `path` is checked as if it were its own.
    pub fn unnamed(&self, path: &[u8]) -> Result<DigestFile> {
        check(path)?;
        let copy = self.keep.as_ref().map(|keep| Box::new(keep.begin()));
        Ok(DigestFile { path: path.to_vec(), hash: Some(Sha256::new()), length: 0, copy, is_named: false })
    }

    /// Lends the paths and digests, sorted bytewise by path.
    pub fn sort(&mut self) -> Result<Sorted<'_>> {
        Ok(self.rows.sort()?)
    }

    /// Returns the paths and their values, sorted bytewise by path.
    pub fn into_sorted(self) -> Result<OwnedSorted> {
        Ok(self.rows.into_sorted()?)
    }
}

impl DigestFile {
    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        if let Some(copy) = &mut self.copy {
            copy.write(bytes);
        }
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

    /// Ends the file; it counts once its path is [entered](Digests::enter).
    pub fn digest(self) -> Result<Digested> {
        let digest = self.hash.map_or([0; 32], |hash| hash.finalize().into());
        let kept = self.copy.map(|copy| copy.finish(&digest, self.is_named)).transpose()?.flatten();
        Ok(Digested { digest, length: self.length, kept })
    }

    /// Ends the file: it counts.
    pub fn finish(mut self, digests: &mut Digests) -> Result<()> {
        let path = std::mem::take(&mut self.path);
        digests.enter(&path, &self.digest()?)
    }
}

impl Digested {
    /// Appends the bytes that stand for it in a record.
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.digest);
        out.extend_from_slice(&self.length.to_be_bytes());
        out.push(u8::from(self.kept.is_some()));
        if let Some(kept) = self.kept {
            out.extend_from_slice(&kept.to_bytes());
        }
    }

    /// Takes one off the front of `bytes`.
    pub(crate) fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (digest, length) = (cursor::take_array(bytes)?, cursor::take_u64_be(bytes)?);
        let kept = match cursor::take_u8(bytes)? {
            0 => None,
            _ => Some(Extent::take(bytes)?),
        };
        Some(Self { digest, length, kept })
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
        let mut file = digests.file(b"b/x").unwrap();
        file.write(b"a");
        file.zeros((64 << 10) + 1);
        let body = [&b"a"[..], &vec![0; (64 << 10) + 1]].concat();
        assert_eq!(file.len(), body.len() as u64);
        file.finish(&mut digests).unwrap();
        digests.write(b"a", b"").unwrap();
        drop(digests.file(b"c").unwrap());
        assert_eq!(digests.size(), Size { files: 2, bytes: body.len() as u64 });
        digests.write(b"b/x/y", b"1").unwrap();
        digests.write(b"b/x/z/1", b"2").unwrap();
        let scopes = digests.take_scopes();
        assert_eq!(scopes.keys().collect::<Vec<_>>(), [&b"a"[..], b"b/x"]);
        assert_eq!(scopes[&b"b/x"[..]], Size { files: 3, bytes: body.len() as u64 + 2 });
        let mut rows = digests.sort().unwrap();
        let mut next = || rows.next().unwrap().map(|(path, digest)| (path.to_vec(), digest.to_vec()));
        assert_eq!(next(), Some((b"a".to_vec(), Sha256::digest(b"").to_vec())));
        assert_eq!(next(), Some((b"b/x".to_vec(), Sha256::digest(&body).to_vec())));
        assert_eq!(next(), Some((b"b/x/y".to_vec(), Sha256::digest(b"1").to_vec())));
    }

    #[test]
    fn a_path_that_no_disk_takes_is_refused() {
        let digests = Digests::new(&Scratch::default());
        let kind = |path: &[u8]| digests.file(path).unwrap_err().kind;
        assert!(matches!(kind(b"a/../b"), ErrorKind::BadPath));
        assert!(matches!(kind(&[b'n'; 256]), ErrorKind::NameTooLong));
        assert!(matches!(
            kind(&[b"x/".repeat(limits::CHECKSUMS_LINE / 2), b"y".to_vec()].concat()),
            ErrorKind::NameTooLong
        ));
        assert!(digests.file(&[b'n'; 255]).is_ok());
    }

    #[test]
    fn wanted_files_are_kept_by_path_and_by_digest_and_no_others() {
        let directory = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(directory.path().to_owned());
        let mut wanted = super::super::kept::Wanted::default();
        wanted.add_path(b"a");
        wanted.add_digest(&Sha256::digest(b"two"));
        let keep = Keep::new(Arc::new(wanted), &scratch).unwrap();
        let mut digests = Digests::keeping(&scratch, Arc::clone(&keep));
        digests.write(b"a", b"one").unwrap();
        digests.write(b"b", b"two").unwrap();
        for (name, body) in [(b"c", b"two"), (b"d", b"xyz")] {
            let mut file = digests.unnamed(b"x").unwrap();
            file.write(body);
            let file = file.digest().unwrap();
            let mut record = Vec::new();
            file.push(&mut record);
            assert_eq!(Digested::take(&mut &record[..]), Some(file));
            digests.enter(name, &file).unwrap();
        }
        let mut rows = digests.sort().unwrap();
        for (path, body) in [(b"a", b"one"), (b"c", b"two")] {
            let (found, value) = rows.next().unwrap().unwrap();
            assert_eq!((found, &value[..32]), (&path[..], &Sha256::digest(body)[..]));
            let mut read = Vec::new();
            std::io::Read::read_to_end(&mut keep.read(Extent::take(&mut &value[32..]).unwrap()), &mut read)
                .unwrap();
            assert_eq!(read, body);
        }
        assert_eq!(rows.next().unwrap(), None);
    }
}
