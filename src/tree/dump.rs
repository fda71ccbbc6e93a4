//! A dump that is there already, to read single files of: a directory with a MANIFEST.json, or an archive.
//!
//! In: paths from the root. Out: contents. Nothing is read through a link.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::archive::{self, EntryKind, Format};
use super::directory::{check_name, open_directory};
use super::{Error, Result, manifest};
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// A finished dump.
#[derive(Debug)]
pub struct Dump {
    path: PathBuf,
    /// The directory; `None` of an archive.
    root: Option<OwnedFd>,
    interrupt: Interrupt,
}

impl Dump {
    /// Opens the dump at a path; `None` where there is none: anything that is neither a directory with a MANIFEST.json
    /// nor called as archives are.
    pub fn open(path: &Path, interrupt: &Interrupt) -> Result<Option<Self>> {
        let dump = |root| Some(Self { path: path.to_owned(), root, interrupt: interrupt.clone() });
        if path.is_dir() {
            let is_dump = fs::symlink_metadata(path.join(manifest::NAME)).is_ok_and(|file| file.is_file());
            let open =
                || File::open(path).map_err(|error| Error { path: path.to_owned(), kind: error.into() });
            return if is_dump { Ok(dump(Some(open()?.into()))) } else { Ok(None) };
        }
        Ok(if matches!(Format::of(path), Ok(Some(_))) && path.is_file() { dump(None) } else { None })
    }

    /// Returns the request to stop.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Lends the contents of a file; `None` where there is no regular file of that path.
    pub fn read<R>(&self, path: &[u8], read: impl FnOnce(&mut dyn Read) -> R) -> Result<Option<R>> {
        let failure = |error: io::Error| {
            let below = String::from_utf8_lossy(path);
            Error { path: self.path.join(&*below), kind: error.into() }
        };
        match &self.root {
            Some(root) => match open_file(root, path) {
                Ok(Some(mut file)) => Ok(Some(read(&mut file))),
                Ok(None) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::INVAL) => Ok(None),
                Err(error) => Err(failure(error.into())),
            },
            None => self.read_entry(path, read).map_err(failure),
        }
    }

    fn read_entry<R>(&self, path: &[u8], read: impl FnOnce(&mut dyn Read) -> R) -> io::Result<Option<R>> {
        let mut reader = archive::open(&self.path, &self.interrupt, &Progress::default())?;
        while let Some(mut entry) = reader.next().map_err(io::Error::other)? {
            if entry.kind() == EntryKind::File && entry.path() == path {
                return Ok(Some(read(&mut entry)));
            }
        }
        Ok(None)
    }
}

/// Opens a regular file below a directory, and nothing through a link; `None` for anything else.
fn open_file(root: &OwnedFd, path: &[u8]) -> rustix::io::Result<Option<File>> {
    let (directories, name) = match memchr::memrchr(b'/', path).and_then(|at| path.split_at_checked(at)) {
        Some((directories, name)) => (Some(directories), name.get(1..).unwrap_or_default()),
        None => (None, path),
    };
    let mut handle = None;
    for directory in directories.into_iter().flat_map(|path| path.split(|&byte| byte == b'/')) {
        check_name(directory).map_err(|_| Errno::INVAL)?;
        handle = Some(open_directory(handle.as_ref().map_or(root.as_fd(), AsFd::as_fd), directory)?);
    }
    check_name(name).map_err(|_| Errno::INVAL)?;
    // A pipe in the place of the file must not stop us.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let parent = handle.as_ref().map_or(root.as_fd(), AsFd::as_fd);
    let file = retry_on_intr(|| rustix::fs::openat(parent, name, flags, Mode::empty()))?;
    let is_file = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) == FileType::RegularFile;
    Ok(is_file.then(|| file.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_nothing_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let none = Interrupt::default();
        assert!(Dump::open(root, &none).unwrap().is_none());
        fs::write(root.join("MANIFEST.json"), b"{}").unwrap();
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/b"), b"contents").unwrap();
        std::os::unix::fs::symlink("b", root.join("a/link")).unwrap();
        std::os::unix::fs::symlink("a", root.join("other")).unwrap();
        let dump = Dump::open(root, &none).unwrap().unwrap();
        let read = |path: &[u8]| dump.read(path, |file| io::read_to_string(file).unwrap()).unwrap();
        assert_eq!(read(b"a/b").as_deref(), Some("contents"));
        for none in [&b"a"[..], b"a/c", b"a/link", b"other/b", b"../a/b", b"", b"a/b/c", b"/a/b"] {
            assert_eq!(read(none), None, "{}", none.escape_ascii());
        }
    }
}
