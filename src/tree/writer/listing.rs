//! Whether a tree holds what was written into it: a count and a sum over all paths, and the names that differ.
//!
//! In: paths as they are written, and a listing of each directory at the end. Out: nothing, or the first path that is
//! missing or foreign.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{BufReader, Read};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::retry_on_intr;

use super::walk::Walk;
use crate::interrupt::Interrupt;
use crate::limits;
use crate::tree::lines::{Line, Lines};
use crate::tree::{ErrorKind, Result, Sorter, checksums};

/// Memory for each of the lists that are compared, bytes.
const MEMORY: usize = 4 << 20;

/// Files and directories of a tree: how many, and a sum of hashes over their paths, in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) entries: u64,
    sum: u64,
}

impl Listing {
    /// Adds an entry.
    pub(super) fn add(&mut self, path: &[u8]) {
        self.entries += 1;
        self.sum = self.sum.wrapping_add(hash(path));
    }

    /// Takes an entry away.
    pub(super) fn remove(&mut self, path: &[u8]) {
        self.entries = self.entries.saturating_sub(1);
        self.sum = self.sum.wrapping_sub(hash(path));
    }

    /// Counts what is there.
    pub(super) fn take(walk: &Walk<'_>) -> Result<Self> {
        let mut listing = Self::default();
        walk.run(&mut |entry| {
            listing.add(entry.path);
            Ok(())
        })?;
        Ok(listing)
    }
}

fn hash(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(path);
    hasher.finish()
}

/// Files in which a tree and a list of checksums differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) missing: Names,
    pub(super) unlisted: Names,
    /// The first regular file with one of the inodes that were asked for.
    pub(super) inode: Option<Vec<u8>>,
}

/// How many names, and the first of them bytewise.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) count: u64,
    pub(super) first: Option<Vec<u8>>,
}

impl Names {
    fn add(&mut self, name: &[u8]) {
        self.count += 1;
        self.first.get_or_insert_with(|| name.to_vec());
    }
}

impl Difference {
    /// Compares a tree with the list `name` in its root. Directories count as nothing; links, pipes and devices are
    /// never listed. A tree without a list lists nothing.
    pub(super) fn find(walk: &Walk<'_>, name: &str, inodes: &[u64]) -> Result<Self> {
        let mut difference = Self::default();
        let (mut files, mut rows) = (Sorter::new(walk.scratch, MEMORY), Sorter::new(walk.scratch, MEMORY));
        walk.run(&mut |entry| match entry.kind {
            FileType::Directory => Ok(()),
            FileType::RegularFile => {
                if inodes.contains(&entry.inode) {
                    difference.inode.get_or_insert_with(|| entry.path.to_vec());
                }
                if entry.path == name.as_bytes() { Ok(()) } else { Ok(files.push(entry.path, b"f")?) }
            }
            _ => Ok(files.push(entry.path, b"")?),
        })?;
        read_rows(walk, name, &mut rows)?;
        let (mut files, mut rows) = (files.sort()?, rows.sort()?);
        let mut row = rows.next()?;
        while let Some((path, kind)) = files.next()? {
            let mut listed = false;
            while let Some((name, _)) = row.filter(|(name, _)| *name <= path) {
                if name == path {
                    listed = true;
                } else {
                    difference.missing.add(name);
                }
                row = rows.next()?;
            }
            if !listed || kind.is_empty() {
                difference.unlisted.add(path);
            }
        }
        while let Some((name, _)) = row {
            difference.missing.add(name);
            row = rows.next()?;
        }
        Ok(difference)
    }
}

/// Adds the paths of a list that are such. What is not a regular file lists nothing.
fn read_rows(walk: &Walk<'_>, name: &str, rows: &mut Sorter) -> Result<()> {
    let failure = |kind: ErrorKind| (walk.failure)(name.as_bytes(), kind);
    let Some(file) = open_regular(walk, name)? else { return Ok(()) };
    let input = BufReader::with_capacity(64 << 10, Polled { file, interrupt: walk.interrupt });
    let mut lines = Lines::new(input, limits::CHECKSUMS_LINE);
    loop {
        let line = lines.next();
        // An error of the reader may be a request to stop.
        walk.interrupt.check().map_err(|interrupted| failure(interrupted.into()))?;
        match line.map_err(|error| failure(error.into()))? {
            Some(Line::Text(line)) => {
                if let Ok(row) = checksums::parse(line) {
                    rows.push(&row.path, b"")?;
                }
            }
            Some(Line::TooLong | Line::Endless) => {}
            None => return Ok(()),
        }
    }
}

/// Opens a regular file in the root; `None` where there is none of this name.
pub(super) fn open_regular(walk: &Walk<'_>, name: &str) -> Result<Option<File>> {
    let failure = |errno: rustix::io::Errno| (walk.failure)(name.as_bytes(), errno.into());
    // A pipe in its place must not stop the run.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match retry_on_intr(|| rustix::fs::openat(walk.root, name, flags, Mode::empty())) {
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => Ok(None),
        Err(errno) => Err(failure(errno)),
        Ok(handle) => {
            let stat = rustix::fs::fstat(&handle).map_err(failure)?;
            let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            Ok(regular.then(|| File::from(handle)))
        }
    }
}

/// A file whose reading ends when the run is to end: a sparse one can be endless.
struct Polled<'p> {
    file: File,
    interrupt: &'p Interrupt,
}

impl Read for Polled<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.interrupt.check().map_err(std::io::Error::other)?;
        self.file.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsFd;
    use std::path::Path;

    use super::*;
    use crate::tree::{Error, Scratch};

    fn with_walk<T>(root: &Path, act: impl FnOnce(&Walk<'_>) -> T) -> T {
        let scratch = tempfile::tempdir().unwrap();
        let handle = File::open(root).unwrap();
        act(&Walk {
            root: handle.as_fd(),
            scratch: &Scratch::new(scratch.path().to_owned()),
            interrupt: &Interrupt::default(),
            failure: &|path, kind| Error { path: String::from_utf8_lossy(path).into_owned().into(), kind },
        })
    }

    fn names(names: &[&str]) -> Names {
        let mut all = Names::default();
        for name in names {
            all.add(name.as_bytes());
        }
        all
    }

    fn list(root: &Path, paths: &[&str]) {
        let mut text = Vec::new();
        for path in paths {
            checksums::line(&mut text, &[0; 32], path.as_bytes());
        }
        fs::write(root.join("LIST"), text).unwrap();
    }

    #[test]
    fn a_census_depends_on_every_path_and_not_on_their_order() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::write(root.path().join("a/b/file"), "").unwrap();
        let mut expected = Listing::default();
        for path in ["a/b/file", "a", "gone", "a/b"] {
            expected.add(path.as_bytes());
        }
        expected.remove(b"gone");
        assert_eq!(with_walk(root.path(), Listing::take).unwrap(), expected);
        fs::rename(root.path().join("a/b/file"), root.path().join("a/b/renamed")).unwrap();
        let other = with_walk(root.path(), Listing::take).unwrap();
        assert_ne!(other, expected);
        assert_eq!(other.entries, 3);
    }

    #[test]
    fn missing_and_unlisted_files_are_counted_and_the_first_is_named() {
        let root = tempfile::tempdir().unwrap();
        let find = || with_walk(root.path(), |walk| Difference::find(walk, "LIST", &[])).unwrap();
        fs::create_dir_all(root.path().join("a/empty")).unwrap();
        for file in ["a/1", "a.b", "z"] {
            fs::write(root.path().join(file), "").unwrap();
        }
        assert_eq!(find().unlisted, names(&["a.b", "a/1", "z"]), "without a list");
        list(root.path(), &["a.b", "a/1", "z"]);
        assert_eq!(find(), Difference::default());
        list(root.path(), &["0", "a.b", "b", "z", "zz"]);
        let found = find();
        assert_eq!((found.unlisted, found.missing), (names(&["a/1"]), names(&["0", "b", "zz"])));
        fs::write(root.path().join("LIST"), "no row\n".repeat(3)).unwrap();
        assert_eq!(find().unlisted.count, 3);
    }

    #[test]
    fn links_are_never_listed_and_no_list_is_read_through_one() {
        let root = tempfile::tempdir().unwrap();
        list(root.path(), &["link"]);
        std::os::unix::fs::symlink("LIST", root.path().join("link")).unwrap();
        let find = |name: &str| with_walk(root.path(), |walk| Difference::find(walk, name, &[])).unwrap();
        assert_eq!(find("LIST").unlisted, names(&["link"]));
        assert_eq!(find("link").unlisted, names(&["LIST", "link"]));
    }

    #[test]
    fn an_inode_is_found_under_any_name() {
        use std::os::unix::fs::MetadataExt;
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        let inode = fs::metadata(root.path().join("file")).unwrap().ino();
        let found = with_walk(root.path(), |walk| Difference::find(walk, "LIST", &[inode])).unwrap();
        assert_eq!(found.inode.as_deref(), Some(&b"file"[..]));
    }
}
