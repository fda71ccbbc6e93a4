//! The one writer of a dump: stages beside the target, hashes while it writes, renames when complete.
//!
//! In: paths of components that others encoded, and bodies. Out: files, and a digest for each.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::directory::{Directories, split};
use super::error::{Error, ErrorKind, Size};
use super::file::{self, TreeFile};
use super::staging::Staging;
use super::volume::Volume;
use super::{Result, Scratch, Sorter};
use crate::interrupt::Interrupt;

/// Memory for the paths and digests of CHECKSUMS, bytes.
const CHECKSUMS_MEMORY: usize = 8 << 20;

/// How a tree is made.
#[derive(Clone, Debug, Default)]
pub struct TreeOptions {
    /// Replace a directory that holds a `MANIFEST.json`.
    pub force: bool,
    /// 0666/0777 and the umask instead of 0600/0700.
    pub mode_from_umask: bool,
    /// Polled for each file.
    pub interrupt: Interrupt,
}

/// A dump tree that is being written in a sibling directory of its target; removed unless it is finished.
#[derive(Debug)]
pub struct Tree {
    directories: Directories,
    checksums: Sorter,
    scratch: Scratch,
    size: Size,
    volume: Arc<Volume>,
    // Last, so that it is removed after all handles into it are closed.
    staging: Staging,
}

impl Tree {
    /// Creates the staging directory `.<name>.partial-<random>` beside `target`.
    pub fn create(target: &Path, options: &TreeOptions) -> Result<Self> {
        let staging = Staging::create(target, options)?;
        let volume = staging
            .open()
            .and_then(|root| {
                Volume::new(root, target.to_owned(), options.mode_from_umask, options.interrupt.clone())
            })
            .map_err(|errno| Error { path: staging.path().to_owned(), kind: ErrorKind::Io(errno.into()) })?;
        let scratch = Scratch::new(staging.path().to_owned());
        Ok(Self {
            directories: Directories::default(),
            checksums: Sorter::new(&scratch, CHECKSUMS_MEMORY),
            scratch,
            size: Size::default(),
            volume: Arc::new(volume),
            staging,
        })
    }

    /// Returns where sorters of this run keep their runs.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Tells how large the tree will be, for the message of a full disk. The first estimate counts.
    pub fn expect(&mut self, size: Size) {
        let _ = self.volume.expected.set(size);
    }

    /// Returns the files so far and their length, holes included.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Creates the file `path` with this body: one `openat`, `write`, `close`. `path` is relative to the root,
    /// components separated by `/`; its directories are made on the way. `Taken` when the name exists.
    pub fn write(&mut self, path: &[u8], body: &[u8]) -> Result<()> {
        self.volume.check_interrupt(path)?;
        let (directory, name) = split(path).map_err(|kind| self.volume.error(path, kind))?;
        let directory = self.directories.open(&self.volume, directory)?;
        let mut file = file::create(&self.volume, directory.as_deref(), path, name)?;
        if let Err(error) = file.write_all(body) {
            drop(file);
            file::discard(&self.volume, directory.as_deref(), name);
            return Err(self.volume.failure(path, error));
        }
        drop(file);
        self.volume.count_bytes(body.len());
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        self.enter(path, &Sha256::digest(body).into(), length)
    }

    /// Opens the file `path` for writing in pieces. The file counts once it is finished; dropped before, it is
    /// removed. `Taken` when the name exists.
    pub fn file(&mut self, path: &[u8]) -> Result<TreeFile> {
        self.volume.check_interrupt(path)?;
        let (directory, name) = split(path).map_err(|kind| self.volume.error(path, kind))?;
        let directory = self.directories.open(&self.volume, directory)?;
        TreeFile::create(&self.volume, directory, path, name)
    }

    /// Removes the directories of the file `path`, which was dropped unfinished, as far as they are empty.
    pub fn remove_empty_directories(&mut self, path: &[u8]) -> Result<()> {
        let Ok((directory, _)) = split(path) else { return Ok(()) };
        self.directories.remove_empty(&self.volume, directory)
    }

    /// Creates a directory that stays even when nothing is put into it.
    pub fn directory(&mut self, path: &[u8]) -> Result<()> {
        self.volume.check_interrupt(path)?;
        split(path).map_err(|kind| self.volume.error(path, kind))?;
        self.directories.open(&self.volume, path).map(drop)
    }

    /// Counts a complete file and remembers its digest.
    pub(super) fn enter(&mut self, path: &[u8], digest: &[u8; 32], length: u64) -> Result<()> {
        self.size.files += 1;
        self.size.bytes = self.size.bytes.saturating_add(length);
        self.volume.count_file();
        self.checksums.push(path, digest)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::PathBuf;

    use super::*;

    fn target() -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("out");
        (parent, target)
    }

    fn tree(target: &Path) -> Tree {
        Tree::create(target, &TreeOptions::default()).unwrap()
    }

    fn kind(result: Result<()>) -> ErrorKind {
        result.unwrap_err().kind
    }

    #[test]
    fn files_and_directories_are_private() {
        let (_parent, target) = target();
        let mut tree = tree(&target);
        tree.write(b"a/b/file", b"body").unwrap();
        tree.file(b"a/streamed").unwrap().finish(&mut tree).unwrap();
        let root = tree.staging.path().to_owned();
        for (path, mode) in
            [("", 0o700), ("a", 0o700), ("a/b", 0o700), ("a/b/file", 0o600), ("a/streamed", 0o600)]
        {
            let found = fs::metadata(root.join(path)).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode, "{path}");
        }
        assert_eq!(fs::read(root.join("a/b/file")).unwrap(), b"body");
        assert_eq!(tree.size(), Size { files: 2, bytes: 4 });
    }

    #[test]
    fn a_tree_that_is_dropped_leaves_nothing() {
        let (parent, target) = target();
        let mut tree = tree(&target);
        tree.write(b"a/b", b"body").unwrap();
        drop(tree);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_name_is_written_once() {
        let (_parent, target) = target();
        let mut tree = tree(&target);
        tree.write(b"a/b", b"").unwrap();
        assert!(matches!(kind(tree.write(b"a/b", b"")), ErrorKind::Taken));
        assert!(matches!(kind(tree.write(b"a", b"")), ErrorKind::Taken));
        assert!(matches!(kind(tree.write(b"a/b/c", b"")), ErrorKind::Taken));
        assert!(matches!(kind(tree.directory(b"a/b")), ErrorKind::Taken));
        tree.directory(b"a").unwrap();
        assert!(matches!(kind(tree.write(&[b'n'; 256], b"")), ErrorKind::NameTooLong));
        assert!(matches!(kind(tree.write(&[&[b'n'; 256][..], b"/a"].concat(), b"")), ErrorKind::NameTooLong));
        assert!(matches!(kind(tree.write(b"a/../b", b"")), ErrorKind::BadPath));
        assert_eq!(tree.size(), Size { files: 1, bytes: 0 });
    }

    #[test]
    fn pieces_and_holes_make_one_file() {
        let (_parent, target) = target();
        let mut tree = tree(&target);
        let mut expected = Vec::new();
        let mut file = tree.file(b"pieces").unwrap();
        for (length, zeros) in [(10, 0), (65_536, 5), (70_000, 0), (1, 1 << 20), (0, 0), (3, 200_000)] {
            file.write(&vec![7; length]).unwrap();
            file.zeros(zeros).unwrap();
            expected.extend(vec![7; length]);
            expected.resize(expected.len() + usize::try_from(zeros).unwrap(), 0);
        }
        tree.write(b"pieces-as-one", &expected).unwrap();
        assert_eq!(file.len(), u64::try_from(expected.len()).unwrap());
        file.finish(&mut tree).unwrap();
        let path = tree.staging.path().join("pieces");
        assert!(fs::read(&path).unwrap() == expected);
        assert!(fs::metadata(&path).unwrap().blocks() * 512 < 500_000, "holes take no blocks");
        let mut sorted = tree.checksums.sort().unwrap();
        let first = sorted.next().unwrap().unwrap().1.to_vec();
        assert_eq!(sorted.next().unwrap().unwrap().1, first);
    }

    #[test]
    fn a_file_that_is_dropped_is_removed_and_its_name_free() {
        let (_parent, target) = target();
        let mut tree = tree(&target);
        let mut file = tree.file(b"a/b").unwrap();
        file.write(b"part").unwrap();
        drop(file);
        assert_eq!(tree.size(), Size::default());
        tree.write(b"a/b", b"whole").unwrap();
    }

    #[test]
    fn an_interrupt_ends_the_next_file() {
        let (_parent, target) = target();
        let options = TreeOptions::default();
        let mut tree = Tree::create(&target, &options).unwrap();
        let mut file = tree.file(b"a").unwrap();
        options.interrupt.flag().store(2, std::sync::atomic::Ordering::Relaxed);
        for result in [tree.write(b"b", b""), file.write(b"c"), tree.directory(b"d")] {
            let error = crate::Error::from(result.unwrap_err());
            assert!(matches!(error, crate::Error::Interrupted(interrupted) if interrupted.0 == 2));
        }
    }
}
