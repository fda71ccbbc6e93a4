//! Files of other dumps that become files of a tree without being copied: one more name of the same file.
//!
//! In: directories of dumps, paths in them, what their CHECKSUMS says. Out: names in the tree. The other dumps stay as they
//! are, whatever becomes of the tree.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::Disk;
use super::walk::Walk;
use crate::interrupt::Interrupt;
use crate::tree::directory::{Directories, open_directory, split};
use crate::tree::{Error, ErrorKind, Result, Scratch, Sorter};

/// Directories that are kept open.
const OPEN_DIRECTORIES: usize = 64;

/// The dumps that files are taken from.
#[derive(Debug)]
pub(crate) struct Sources {
    /// Their directories, and whether files there can have another name in the tree as far as is known.
    roots: Vec<(PathBuf, bool)>,
    directories: Directories,
    /// Number of a dump, and the path of a directory in it.
    key: Vec<u8>,
}

impl Sources {
    /// Takes files from these dumps.
    pub(crate) fn new(roots: impl Iterator<Item = PathBuf>) -> Self {
        let roots = roots.map(|root| (root, true)).collect();
        Self { roots, directories: Directories::new(OPEN_DIRECTORIES), key: Vec::new() }
    }

    fn error(&self, dump: usize, path: &[u8], kind: impl Into<ErrorKind>) -> Error {
        let root = self.roots.get(dump).map_or(Path::new(""), |(root, _)| root);
        let below = Error::at(path, kind);
        Error { path: root.join(&below.path), kind: below.kind }
    }

    fn directory(&mut self, dump: usize, path: &[u8]) -> rustix::io::Result<Option<Arc<OwnedFd>>> {
        let root = self.roots.get(dump).map_or(Path::new(""), |(root, _)| root);
        self.key.clear();
        self.key.extend_from_slice(dump.to_string().as_bytes());
        if !path.is_empty() {
            self.key.push(b'/');
            self.key.extend_from_slice(path);
        }
        self.directories.open(&self.key, |parent, name, _| match parent {
            Some(parent) => open_directory(parent.as_fd(), name),
            None => open_root(root),
        })
    }
}

impl Disk {
    /// Gives a file of another dump, which was [surveyed](survey), its name in this tree too; `false` where the file
    /// systems cannot, and it has to be copied. Its length counts as nothing.
    pub(crate) fn adopt(
        &mut self,
        sources: &mut Sources,
        (dump, digest): (usize, &[u8; 32]),
        path: &[u8],
    ) -> Result<bool> {
        if !sources.roots.get(dump).is_some_and(|(_, can_link)| *can_link) {
            return Ok(false);
        }
        let (directory, name) = self.place(path)?;
        let parent = split(path).map_or(&b""[..], |(parent, _)| parent);
        let opened = sources.directory(dump, parent).map_err(|errno| sources.error(dump, path, errno))?;
        let from = opened.as_ref().ok_or_else(|| sources.error(dump, path, ErrorKind::BadPath))?;
        let to = directory.as_deref().unwrap_or(self.staging_fs.root());
        match retry_on_intr(|| rustix::fs::linkat(from, name, to, name, AtFlags::empty())) {
            Ok(()) => {
                // Its length would be one more call for each file.
                self.enter(path, digest, 0)?;
                Ok(true)
            }
            Err(Errno::XDEV) => {
                sources.roots.iter_mut().skip(dump).take(1).for_each(|(_, can_link)| *can_link = false);
                Ok(false)
            }
            // No second names, too many of them, or none for files of others.
            Err(Errno::PERM | Errno::ACCESS | Errno::MLINK | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL) => {
                Ok(false)
            }
            Err(errno @ Errno::NOENT) => Err(sources.error(dump, path, errno)),
            Err(errno) => Err(self.staging_fs.failure(path, errno)),
        }
    }
}

fn open_root(root: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    retry_on_intr(|| rustix::fs::open(root, flags, Mode::empty()))
}

/// Adds the directories of a dump to `directories`; returns the number of its files, CHECKSUMS among them. Anything else
/// is an error.
pub(crate) fn survey(
    root: &Path,
    scratch: &Scratch,
    interrupt: &Interrupt,
    directories: &mut Sorter,
) -> Result<u64> {
    let failure = |path: &[u8], kind: ErrorKind| {
        let below = Error::at(path, kind);
        Error { path: root.join(&below.path), kind: below.kind }
    };
    let opened = open_root(root).map_err(|errno| failure(b"", errno.into()))?;
    let walk = Walk { root: opened.as_fd(), scratch, interrupt, failure: &failure };
    let mut files = 0;
    walk.run(&mut |entry| {
        if entry.kind == FileType::Directory {
            return Ok(directories.push(entry.path, b"")?);
        }
        if entry.kind != FileType::RegularFile {
            return Err(failure(entry.path, ErrorKind::Unsound("no regular file is there".to_owned())));
        }
        files += 1;
        Ok(())
    })?;
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::tree::TreeOptions;

    #[test]
    fn a_file_has_two_names_and_a_link_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let source = parent.path().join("source");
        fs::create_dir_all(source.join("a/empty")).unwrap();
        fs::write(source.join("a/b"), "xyz").unwrap();
        std::os::unix::fs::symlink("b", source.join("a/link")).unwrap();
        let mut sources = Sources::new([source.clone()].into_iter());
        let target = parent.path().join("out");
        let mut disk = Disk::create(&target, &TreeOptions::default()).unwrap();
        assert!(disk.adopt(&mut sources, (0, &[1; 32]), b"a/b").unwrap());
        assert_eq!(disk.size().files, 1);
        let mut why = |path: &[u8]| disk.adopt(&mut sources, (0, &[1; 32]), path).unwrap_err().to_string();
        assert!(why(b"a/c").contains("source/a/c"));
        assert!(why(b"a/b").contains("out/a/b"));
        assert_eq!(fs::metadata(source.join("a/b")).unwrap().nlink(), 2);
        disk.discard().unwrap();
        assert_eq!(fs::metadata(source.join("a/b")).unwrap().nlink(), 1);
        let scratch = Scratch::default();
        let mut directories = Sorter::new(&scratch, 1 << 16);
        let linked = survey(&source, &scratch, &Interrupt::default(), &mut directories).unwrap_err();
        assert!(linked.to_string().ends_with("source/a/link: no regular file is there"), "{linked}");
        fs::write(source.join("a/more"), "").unwrap();
        fs::remove_file(source.join("a/link")).unwrap();
        let mut directories = Sorter::new(&scratch, 1 << 16);
        assert_eq!(survey(&source, &scratch, &Interrupt::default(), &mut directories).unwrap(), 2);
        let mut sorted = directories.sort().unwrap();
        assert_eq!(sorted.next().unwrap().unwrap().0, b"a");
        assert_eq!(sorted.next().unwrap().unwrap().0, b"a/empty");
        assert!(sorted.next().unwrap().is_none());
    }
}
