//! Open directories of the tree: files are created relative to them, so no path is looked up twice and none
//! can leave the tree through a link.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::volume::Volume;
use crate::dump::{ErrorKind, Result};

/// Most directories that are kept open.
const KEPT: usize = 64;

/// Handles of the directories that were used last.
#[derive(Debug, Default)]
pub(super) struct Directories {
    open: Vec<Directory>,
    /// Place of the directory that was used last.
    last: usize,
    clock: u64,
}

#[derive(Debug)]
struct Directory {
    /// Relative to the root, never empty.
    path: Vec<u8>,
    handle: Arc<OwnedFd>,
    used: u64,
}

impl Directories {
    /// Returns the directory at `path`, made with its parents where it is missing; `None` for the root.
    pub(super) fn open(&mut self, volume: &Volume, path: &[u8]) -> Result<Option<Arc<OwnedFd>>> {
        if path.is_empty() {
            return Ok(None);
        }
        if let Some(handle) = self.cached(path) {
            return Ok(Some(handle));
        }
        // The longest part of the path that is open already.
        let mut parents = memchr::memrchr_iter(b'/', path);
        let found = parents.find_map(|slash| Some((slash + 1, self.cached(path.get(..slash)?)?)));
        let (mut start, mut handle) = found.map_or((0, None), |(start, handle)| (start, Some(handle)));
        loop {
            let rest = path.get(start..).unwrap_or_default();
            let end = start + memchr::memchr(b'/', rest).unwrap_or(rest.len());
            let (name, whole) =
                (path.get(start..end).unwrap_or_default(), path.get(..end).unwrap_or_default());
            let parent = handle.as_deref().map_or(volume.root(), AsFd::as_fd);
            check_name(name).map_err(|kind| volume.error(whole, kind))?;
            if let Err(errno) = rustix::fs::mkdirat(parent, name, volume.directory_mode) {
                if errno != Errno::EXIST {
                    return Err(volume.failure(whole, errno));
                }
                if volume.is_twin(parent, name) {
                    return Err(volume.error(whole, ErrorKind::CaseTwin));
                }
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let opened = rustix::fs::openat(parent, name, flags, Mode::empty());
            let opened = Arc::new(opened.map_err(|errno| volume.failure(whole, errno))?);
            self.keep(whole, &opened);
            if end == path.len() {
                return Ok(Some(opened));
            }
            handle = Some(opened);
            start = end + 1;
        }
    }

    /// Removes the directory at `path` and its parents, from the innermost on, as far as they are empty. What
    /// cannot be opened or is not there is left out.
    pub(super) fn remove_empty(&mut self, volume: &Volume, mut path: &[u8]) -> Result<()> {
        while let Ok((parent, name)) = split(path) {
            if let Ok(handle) = self.open(volume, parent) {
                let directory = handle.as_deref().map_or(volume.root(), AsFd::as_fd);
                match rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR) {
                    Ok(()) => self.open.retain(|kept| kept.path != path),
                    Err(Errno::NOTEMPTY | Errno::EXIST) => break,
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => {}
                    Err(errno) => return Err(volume.failure(path, errno)),
                }
            }
            path = parent;
        }
        Ok(())
    }

    fn cached(&mut self, path: &[u8]) -> Option<Arc<OwnedFd>> {
        self.clock += 1;
        if self.open.get(self.last).is_none_or(|directory| directory.path != path) {
            self.last = self.open.iter().position(|directory| directory.path == path)?;
        }
        let directory = self.open.get_mut(self.last)?;
        directory.used = self.clock;
        Some(Arc::clone(&directory.handle))
    }

    /// Keeps a directory open, in the place of the one that was not used for the longest time.
    fn keep(&mut self, path: &[u8], handle: &Arc<OwnedFd>) {
        if self.open.len() >= KEPT {
            let oldest = self.open.iter().enumerate().min_by_key(|(_, directory)| directory.used);
            if let Some((place, _)) = oldest {
                self.open.swap_remove(place);
            }
        }
        self.last = self.open.len();
        self.open.push(Directory { path: path.to_vec(), handle: Arc::clone(handle), used: self.clock });
    }
}

/// Splits a path into its directory (empty for the root) and the file's name.
pub(super) fn split(path: &[u8]) -> Result<(&[u8], &[u8]), ErrorKind> {
    let (directory, name) = match memchr::memrchr(b'/', path).and_then(|slash| path.split_at_checked(slash)) {
        // A leading slash would make the directory look like the root.
        Some((b"", _)) => return Err(ErrorKind::BadPath),
        Some((directory, rest)) => (directory, rest.get(1..).unwrap_or_default()),
        None => (&[][..], path),
    };
    check_name(name).map(|()| (directory, name))
}

fn check_name(name: &[u8]) -> Result<(), ErrorKind> {
    match name {
        b"" | b"." | b".." => Err(ErrorKind::BadPath),
        _ if memchr::memchr(0, name).is_some() => Err(ErrorKind::BadPath),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::interrupt::Interrupt;

    fn volume() -> (tempfile::TempDir, Volume) {
        let directory = tempfile::tempdir().unwrap();
        let root = OwnedFd::from(fs::File::open(directory.path()).unwrap());
        (directory, Volume::new(root, PathBuf::from("out"), false, Interrupt::default()).unwrap())
    }

    #[test]
    fn paths_split_at_the_last_slash() {
        assert_eq!(split(b"a").unwrap(), (&b""[..], &b"a"[..]));
        assert_eq!(split(b"a/b/c").unwrap(), (&b"a/b"[..], &b"c"[..]));
        for bad in [&b""[..], b"/a", b"a/", b"a/.", b"a/..", b"..", b"a/b\0"] {
            assert!(matches!(split(bad), Err(ErrorKind::BadPath)), "{bad:?}");
        }
    }

    #[test]
    fn components_that_are_no_names_are_refused() {
        let (_directory, volume) = volume();
        for bad in ["/", "/a", "a//b", "a/../b", "./a", "a/", "a\0b"] {
            let error = Directories::default().open(&volume, bad.as_bytes()).unwrap_err();
            assert!(matches!(error.kind, ErrorKind::BadPath), "{bad}: {error}");
        }
    }

    #[test]
    fn more_directories_than_are_kept_open_can_be_made() {
        let (directory, volume) = volume();
        let mut directories = Directories::default();
        let deep = (0..3 * KEPT).map(|number| number.to_string()).collect::<Vec<_>>().join("/");
        directories.open(&volume, deep.as_bytes()).unwrap();
        for number in 0..3 * KEPT {
            directories.open(&volume, format!("wide/{number}").as_bytes()).unwrap();
        }
        directories.open(&volume, b"0/1/2/new").unwrap();
        assert_eq!(directories.open.len(), KEPT);
        assert!(directory.path().join(deep).is_dir());
        assert_eq!(fs::read_dir(directory.path().join("wide")).unwrap().count(), 3 * KEPT);
        assert!(directory.path().join("0/1/2/new").is_dir());
    }

    #[test]
    fn empty_directories_are_removed_up_to_the_first_that_is_not() {
        let (directory, volume) = volume();
        let mut directories = Directories::default();
        directories.open(&volume, b"a/b/c/d").unwrap();
        fs::write(directory.path().join("a/file"), "").unwrap();
        directories.remove_empty(&volume, b"a/b/c/d").unwrap();
        assert!(directory.path().join("a").is_dir() && !directory.path().join("a/b").exists());
        directories.remove_empty(&volume, b"a/file/x/y").unwrap();
        directories.open(&volume, b"a/b/c").unwrap();
        assert!(directory.path().join("a/b/c").is_dir());
        let long = [b"n/", &[b'n'; 256][..], b"/m"].concat();
        directories.open(&volume, &long).unwrap_err();
        directories.remove_empty(&volume, &long).unwrap();
        assert!(!directory.path().join("n").exists());
    }

    #[test]
    fn a_file_or_a_link_in_the_way_is_taken() {
        let (directory, volume) = volume();
        fs::write(directory.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("/", directory.path().join("link")).unwrap();
        for path in ["file", "file/a", "link", "link/tmp"] {
            let error = Directories::default().open(&volume, path.as_bytes()).unwrap_err();
            assert!(matches!(error.kind, ErrorKind::Taken), "{path}: {error}");
        }
    }
}
