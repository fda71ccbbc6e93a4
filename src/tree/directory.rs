//! Open directories of a tree: files are reached relative to them, so no path is looked up twice and none can
//! leave the tree through a link.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::ErrorKind;

/// Handles of the directories that were used last.
#[derive(Debug)]
pub(super) struct Directories {
    most: usize,
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
    /// Returns a cache of at most `most` handles.
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Vec::new(), last: 0, clock: 0 }
    }

    /// Returns the directory at `path`, `None` for the root. `step` opens one that is not open yet: its parent,
    /// its name, and its whole path.
    pub(super) fn open<E>(
        &mut self,
        path: &[u8],
        mut step: impl FnMut(Option<&OwnedFd>, &[u8], &[u8]) -> Result<OwnedFd, E>,
    ) -> Result<Option<Arc<OwnedFd>>, E> {
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
            let opened = Arc::new(step(handle.as_deref(), name, whole)?);
            self.keep(whole, &opened);
            if end == path.len() {
                return Ok(Some(opened));
            }
            handle = Some(opened);
            start = end + 1;
        }
    }

    /// Closes the directory at `path`, which was removed.
    pub(super) fn forget(&mut self, path: &[u8]) {
        self.open.retain(|directory| directory.path != path);
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
        if self.open.len() >= self.most {
            let oldest = self.open.iter().enumerate().min_by_key(|(_, directory)| directory.used);
            if let Some((place, _)) = oldest {
                self.open.swap_remove(place);
            }
        }
        self.last = self.open.len();
        self.open.push(Directory { path: path.to_vec(), handle: Arc::clone(handle), used: self.clock });
    }
}

/// Opens a directory for reading, and no link to one.
pub(super) fn open_directory(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::io::retry_on_intr(|| rustix::fs::openat(parent, name, flags, Mode::empty()))
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

/// Refuses what is no name: empty, `.`, `..`, with a NUL.
pub(super) fn check_name(name: &[u8]) -> Result<(), ErrorKind> {
    match name {
        b"" | b"." | b".." => Err(ErrorKind::BadPath),
        _ if memchr::memchr(0, name).is_some() => Err(ErrorKind::BadPath),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn paths_split_at_the_last_slash() {
        assert_eq!(split(b"a").unwrap(), (&b""[..], &b"a"[..]));
        assert_eq!(split(b"a/b/c").unwrap(), (&b"a/b"[..], &b"c"[..]));
        for bad in [&b""[..], b"/a", b"a/", b"a/.", b"a/..", b"..", b"a/b\0"] {
            assert!(matches!(split(bad), Err(ErrorKind::BadPath)), "{bad:?}");
        }
    }

    #[test]
    fn only_what_is_not_open_is_opened() {
        let mut directories = Directories::new(2);
        let mut opened = |path: &str| {
            let mut steps = Vec::new();
            let step = |_: Option<&OwnedFd>, _: &[u8], whole: &[u8]| {
                steps.push(String::from_utf8(whole.to_vec()).unwrap());
                File::open("/").map(OwnedFd::from)
            };
            directories.open(path.as_bytes(), step).unwrap();
            steps.join(" ")
        };
        assert_eq!(opened(""), "");
        assert_eq!(opened("a/b"), "a a/b");
        assert_eq!(opened("a/b"), "");
        assert_eq!(opened("a/c"), "a/c", "in the place of a/b");
        assert_eq!(opened("a/b"), "a/b", "in the place of a/c");
        assert_eq!(opened("d/e/f"), "d d/e d/e/f");
        assert_eq!(opened("d/e"), "");
        assert_eq!(opened("a"), "a");
    }
}
