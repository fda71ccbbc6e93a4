//! The directory beside the target in which a tree is built, and its way onto the target (`decisions.md` 3).

use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::error::{Error, ErrorKind};
use super::remove::remove;
use super::{Result, TreeOptions};
use crate::limits;

/// Random characters at the end of the name.
const RANDOM: usize = 8;

/// The staging directory: removed with all it holds unless it becomes the target.
#[derive(Debug)]
pub(super) struct Staging {
    target: PathBuf,
    parent: OwnedFd,
    /// Name of the target in `parent`.
    name: OsString,
    /// Name of the staging directory in `parent`; `None` once it was moved away.
    staged: Option<OsString>,
    path: PathBuf,
}

/// What stands at the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    EmptyDirectory,
    Dump,
    Other,
}

impl Staging {
    /// Makes the directory `.<name>.partial-<random>` where the target may be written.
    pub(super) fn create(target: &Path, options: &TreeOptions) -> Result<Self> {
        let at_target = |kind| Error { path: target.to_owned(), kind };
        let name = target.file_name().ok_or_else(|| at_target(ErrorKind::BadPath))?;
        let parent_path = target.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent_path = parent_path.unwrap_or(Path::new("."));
        let at_parent = |kind| Error { path: parent_path.to_owned(), kind };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = rustix::fs::open(parent_path, flags, Mode::empty())
            .map_err(|errno| at_parent(ErrorKind::Io(errno.into())))?;
        match find(parent.as_fd(), name).map_err(|errno| at_target(ErrorKind::Io(errno.into())))? {
            Found::Nothing | Found::EmptyDirectory => {}
            Found::Dump if options.force => {}
            Found::Dump => return Err(at_target(ErrorKind::TargetHoldsDump)),
            Found::Other => return Err(at_target(ErrorKind::TargetExists)),
        }
        let mode = if options.mode_from_umask { 0o777 } else { 0o700 };
        let staged = tempfile::Builder::new()
            .prefix(&prefix(name))
            .rand_bytes(RANDOM)
            .permissions(Permissions::from_mode(mode))
            .tempdir_in(parent_path)
            .map_err(|error| at_parent(ErrorKind::Io(error)))?
            .keep();
        Ok(Self {
            target: target.to_owned(),
            parent,
            name: name.to_owned(),
            staged: staged.file_name().map(OsStr::to_owned),
            path: staged,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the staging directory itself.
    pub(super) fn open(&self) -> rustix::io::Result<OwnedFd> {
        open_directory(self.parent.as_fd(), self.staged.as_deref().unwrap_or_default())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Some(staged) = self.staged.take() {
            // Nobody is left to tell; what stays has no CHECKSUMS (`decisions.md` 3).
            let _ = remove(self.parent.as_fd(), staged.as_bytes());
        }
    }
}

/// Returns the fixed part of the staging directory's name, shortened where the whole would be too long.
fn prefix(name: &OsStr) -> OsString {
    const AROUND: usize = ".".len() + ".partial-".len() + RANDOM;
    let bytes = name.as_bytes();
    let mut length = bytes.len().min(limits::FILE_NAME - AROUND);
    if let Some(text) = name.to_str() {
        while !text.is_char_boundary(length) {
            length -= 1;
        }
    }
    let mut prefix = OsString::from(".");
    prefix.push(OsStr::from_bytes(bytes.get(..length).unwrap_or_default()));
    prefix.push(".partial-");
    prefix
}

fn find(parent: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<Found> {
    let stat = match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(Found::Nothing),
        stat => stat?,
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Ok(Found::Other);
    }
    let directory = open_directory(parent, name)?;
    if is_regular(directory.as_fd(), "MANIFEST.json") {
        return Ok(Found::Dump);
    }
    for entry in Dir::read_from(&directory)? {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(Found::Other);
        }
    }
    Ok(Found::EmptyDirectory)
}

fn is_regular(directory: BorrowedFd<'_>, name: &str) -> bool {
    let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

fn open_directory(parent: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty())
}
