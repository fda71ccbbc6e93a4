//! Every entry of a tree, directory by directory, in bounded memory and with one listing of each.
//!
//! In: an open root. Out: paths and kinds, level by level; no order within a directory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, DirEntry, FileType};
use rustix::io::Errno;

use crate::interrupt::Interrupt;
use crate::tree::directory::{Directories, open_directory};
use crate::tree::{Result, Scratch, Sorter};

/// Memory for the directories of one level, bytes.
const MEMORY: usize = 1 << 20;
/// Directories that are kept open.
const OPEN_DIRECTORIES: usize = 8;

/// A tree that is walked.
pub(in crate::tree) struct Walk<'w> {
    /// Its root.
    pub(in crate::tree) root: BorrowedFd<'w>,
    /// Where the directories of a level are sorted.
    pub(in crate::tree) scratch: &'w Scratch,
    /// Polled for each directory.
    pub(in crate::tree) interrupt: &'w Interrupt,
    /// Makes the error of a path below the root.
    pub(in crate::tree) failure: &'w dyn Fn(&[u8], crate::tree::ErrorKind) -> crate::tree::Error,
}

/// An entry of a tree.
pub(in crate::tree) struct Entry<'e> {
    /// From the root, components separated by `/`.
    pub(in crate::tree) path: &'e [u8],
    pub(in crate::tree) kind: FileType,
    pub(super) inode: u64,
}

impl Walk<'_> {
    /// Calls `visit` with each entry. A directory that cannot be listed is an error with its path.
    pub(in crate::tree) fn run(&self, visit: &mut dyn FnMut(&Entry<'_>) -> Result<()>) -> Result<()> {
        let mut handles = Directories::new(OPEN_DIRECTORIES);
        let (mut level, mut next) = (Sorter::new(self.scratch, MEMORY), Sorter::new(self.scratch, MEMORY));
        self.list(b"", self.open(&mut handles, b"")?, &mut next, visit)?;
        std::mem::swap(&mut level, &mut next);
        while !level.is_empty() {
            let mut directories = level.sort()?;
            while let Some((path, _)) = directories.next()? {
                self.interrupt.check().map_err(|interrupted| (self.failure)(path, interrupted.into()))?;
                let opened = self.open(&mut handles, path)?;
                self.list(path, opened, &mut next, visit)?;
            }
            drop(directories);
            std::mem::swap(&mut level, &mut next);
        }
        Ok(())
    }

    /// Opens a directory to be listed; its parents stay open.
    fn open(&self, handles: &mut Directories, path: &[u8]) -> Result<OwnedFd> {
        let failure = |errno: Errno| (self.failure)(path, errno.into());
        let (parent, name) = match memchr::memrchr(b'/', path) {
            Some(slash) => (path.get(..slash).unwrap_or_default(), path.get(slash + 1..).unwrap_or_default()),
            None => (&b""[..], if path.is_empty() { &b"."[..] } else { path }),
        };
        let step = |parent: Option<&OwnedFd>, name: &[u8], _: &[u8]| {
            open_directory(parent.map_or(self.root, AsFd::as_fd), name)
        };
        let parent = handles.open(parent, step).map_err(failure)?;
        open_directory(parent.as_deref().map_or(self.root, AsFd::as_fd), name).map_err(failure)
    }

    fn list(
        &self,
        directory: &[u8],
        handle: OwnedFd,
        directories: &mut Sorter,
        visit: &mut dyn FnMut(&Entry<'_>) -> Result<()>,
    ) -> Result<()> {
        let failure = |errno: Errno| (self.failure)(directory, errno.into());
        let mut listing = Listing::new(handle).map_err(failure)?;
        let mut path = directory.to_vec();
        while let Some(entry) = listing.next().map_err(failure)? {
            path.truncate(directory.len());
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(entry.file_name().to_bytes());
            let kind = listing.kind(&entry).map_err(|errno| (self.failure)(&path, errno.into()))?;
            if kind == FileType::Directory {
                directories.push(&path, b"")?;
            }
            visit(&Entry { path: &path, kind, inode: entry.ino() })?;
        }
        Ok(())
    }
}

/// The entries of one directory, `.` and `..` aside.
#[derive(Debug)]
pub(in crate::tree) struct Listing {
    entries: Dir,
    /// Entries that were returned.
    seen: u64,
}

impl Listing {
    pub(in crate::tree) fn new(handle: OwnedFd) -> rustix::io::Result<Self> {
        Ok(Self { entries: Dir::new(handle)?, seen: 0 })
    }

    /// Returns the next entry.
    pub(in crate::tree) fn next(&mut self) -> rustix::io::Result<Option<DirEntry>> {
        loop {
            match self.entries.next() {
                None => return Ok(None),
                Some(Ok(entry)) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Some(Ok(entry)) => {
                    self.seen += 1;
                    return Ok(Some(entry));
                }
                // An interrupted listing can only be begun again.
                Some(Err(Errno::INTR)) => {
                    self.entries.rewind();
                    let (seen, mut skipped) = (self.seen, 0);
                    while skipped < seen {
                        match self.entries.next() {
                            Some(Ok(entry)) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                            Some(Ok(_)) => skipped += 1,
                            Some(Err(errno)) => return Err(errno),
                            None => return Ok(None),
                        }
                    }
                }
                Some(Err(errno)) => return Err(errno),
            }
        }
    }

    /// Returns what an entry is; some file systems don't say so in the directory.
    pub(super) fn kind(&self, entry: &DirEntry) -> rustix::io::Result<FileType> {
        if entry.file_type() != FileType::Unknown {
            return Ok(entry.file_type());
        }
        let stat = rustix::fs::statat(self.entries.fd()?, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;
    use crate::tree::{Error, ErrorKind};

    #[test]
    fn every_entry_comes_once_whatever_the_depth() {
        let directory = tempfile::tempdir().unwrap();
        let deep = vec!["d"; 20].join("/");
        fs::create_dir_all(directory.path().join(&deep)).unwrap();
        let mut expected: Vec<String> = (1..=20).map(|depth| vec!["d"; depth].join("/")).collect();
        for number in 0..30 {
            fs::create_dir(directory.path().join(number.to_string())).unwrap();
            fs::write(directory.path().join(format!("{number}/file")), "").unwrap();
            expected.extend([number.to_string(), format!("{number}/file")]);
        }
        std::os::unix::fs::symlink("..", directory.path().join("link")).unwrap();
        expected.push("link".to_owned());
        let root = File::open(directory.path()).unwrap();
        let scratch = Scratch::new(directory.path().to_owned());
        let mut found = Vec::new();
        let walk = Walk {
            root: root.as_fd(),
            scratch: &scratch,
            interrupt: &Interrupt::default(),
            failure: &|path, kind: ErrorKind| Error {
                path: String::from_utf8(path.to_vec()).unwrap().into(),
                kind,
            },
        };
        walk.run(&mut |entry| {
            let directory = !entry.path.ends_with(b"file") && entry.path != b"link";
            assert_eq!(entry.kind == FileType::Directory, directory);
            found.push(String::from_utf8(entry.path.to_vec()).unwrap());
            Ok(())
        })
        .unwrap();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
}
