//! Opens files of the tree: regular ones alone, none through a link, and none that could stop the run.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::{Error, FindingKind, Result, Shared};
use crate::interrupt::Interrupt;
use crate::tree::directory::{check_name, open_directory};

/// What stands under a name.
#[derive(Debug)]
pub(super) enum Opened<'v> {
    /// A regular file, and its length in bytes.
    File(Polled<'v>, u64),
    /// Something else, which is not read.
    Other(FileType),
}

/// A file of which no read begins once the run was asked to stop.
#[derive(Debug)]
pub(super) struct Polled<'v> {
    file: File,
    interrupt: &'v Interrupt,
}

impl Read for Polled<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt.check().map_err(io::Error::other)?;
        Ok(retry_on_intr(|| rustix::io::read(&self.file, &mut *buffer))?)
    }
}

impl Shared {
    /// Opens a file for reading, and nothing through a link.
    pub(super) fn open_file(
        &self,
        directory: Option<BorrowedFd<'_>>,
        name: &[u8],
    ) -> rustix::io::Result<Opened<'_>> {
        // A pipe in the place of the file must not stop us.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let directory = directory.unwrap_or(self.root.as_fd());
        let handle = retry_on_intr(|| rustix::fs::openat(directory, name, flags, Mode::empty()));
        let handle = match handle {
            Err(Errno::LOOP) => return Ok(Opened::Other(FileType::Symlink)),
            Err(Errno::NXIO) => return Ok(Opened::Other(FileType::Socket)),
            handle => handle?,
        };
        let stat = rustix::fs::fstat(&handle)?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let file = Polled { file: File::from(handle), interrupt: &self.interrupt };
                Opened::File(file, u64::try_from(stat.st_size).unwrap_or_default())
            }
            other => Opened::Other(other),
        })
    }

    /// Records that a file or directory cannot be opened or read. Fails where the reader is to blame, not the tree.
    pub(super) fn unreadable(&self, path: &[u8], error: impl Into<io::Error>) -> Result<()> {
        let error = self.of_tree(path, error)?;
        match Errno::from_io_error(&error) {
            Some(Errno::NOENT) => self.add(FindingKind::Missing, path, 0, ""),
            Some(Errno::LOOP) => self.add(FindingKind::NotRegular, path, 0, describe(FileType::Symlink)),
            _ => self.add(FindingKind::Unreadable, path, 0, error.to_string()),
        }
        Ok(())
    }

    /// Returns an error that is the tree's; fails with one that is the reader's, the system's or the disk's.
    pub(super) fn of_tree(&self, path: &[u8], error: impl Into<io::Error>) -> Result<io::Error> {
        self.check_interrupt()?;
        let error = error.into();
        match Errno::from_io_error(&error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::IO) => {
                Err(Error { path: self.path_of(path), kind: error.into() })
            }
            _ => Ok(error),
        }
    }

    /// Whether all of CHECKSUMS was read.
    pub(super) fn rows_are_known(&self) -> bool {
        self.rows_are_known.load(Ordering::Relaxed)
    }

    /// Records that CHECKSUMS was not read whole: of no file is known whether it is listed.
    pub(super) fn give_up_rows(&self) {
        self.rows_are_known.store(false, Ordering::Relaxed);
    }
}

/// A step of [`super::Directories::open`] that makes nothing.
pub(super) fn open_existing(
    shared: &Shared,
    parent: Option<&OwnedFd>,
    name: &[u8],
) -> rustix::io::Result<OwnedFd> {
    // KEYMAPs are looked up too, and may say anything.
    check_name(name).map_err(|_| Errno::INVAL)?;
    open_directory(parent.map_or(shared.root.as_fd(), AsFd::as_fd), name)
}

/// Names what is no regular file.
pub(super) fn describe(kind: FileType) -> &'static str {
    match kind {
        FileType::Symlink => "symbolic link",
        FileType::Fifo => "pipe",
        FileType::Socket => "socket",
        FileType::Directory => "directory",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        _ => "unknown kind of file",
    }
}
