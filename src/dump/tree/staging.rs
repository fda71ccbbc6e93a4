//! The directory beside the target in which a tree is built, and its way onto the target (`decisions.md` 3).

use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::TreeOptions;
use super::remove::remove;
use crate::dump::directory::open_directory;
use crate::dump::{Error, ErrorKind, Result, manifest};
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
    /// Whether a dump at the target is replaced.
    force: bool,
}

/// What stands at the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    EmptyDirectory,
    Dump,
    Other,
}

impl Found {
    fn check(self, force: bool) -> Result<(), ErrorKind> {
        match self {
            Self::Nothing | Self::EmptyDirectory => Ok(()),
            Self::Dump if force => Ok(()),
            Self::Dump => Err(ErrorKind::TargetHoldsDump),
            Self::Other => Err(ErrorKind::TargetExists),
        }
    }
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
        let found = find(parent.as_fd(), name).map_err(|errno| at_target(ErrorKind::Io(errno.into())))?;
        found.check(options.force).map_err(at_target)?;
        if is_mount_point(parent.as_fd(), name) {
            return Err(at_target(ErrorKind::TargetIsMountPoint));
        }
        let mode = if options.mode_from_umask { 0o777 } else { 0o700 };
        let staged = temporary(name, parent_path, mode).map_err(|error| at_parent(ErrorKind::Io(error)))?;
        Ok(Self {
            target: target.to_owned(),
            parent,
            name: name.to_owned(),
            staged: staged.file_name().map(OsStr::to_owned),
            path: staged,
            force: options.force,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the staging directory itself.
    pub(super) fn open(&self) -> rustix::io::Result<OwnedFd> {
        open_directory(self.parent.as_fd(), self.staged.as_deref().unwrap_or_default().as_bytes())
    }

    /// Moves the staging directory onto the target. Returns what went wrong after the tree stood there: the old
    /// tree could not be removed, the parent directory not be flushed.
    pub(super) fn publish(mut self) -> Result<Option<Error>> {
        let staged = self.staged.clone().unwrap_or_default();
        let replaced = find(self.parent.as_fd(), &self.name)
            .map_err(|errno| ErrorKind::Io(errno.into()))
            .and_then(|found| {
                found.check(self.force)?;
                let moved = if found == Found::Dump { self.exchange(&staged) } else { self.rename(&staged) };
                moved.map_err(|errno| ErrorKind::Io(errno.into()))
            })
            .map_err(|kind| self.at_target(kind))?;
        self.staged = None;
        let removed = replaced.map_or(Ok(()), |old| {
            let kind = |errno: Errno| ErrorKind::Io(errno.into());
            let path = self.path.with_file_name(&old);
            remove(self.parent.as_fd(), old.as_bytes()).map_err(|errno| Error { path, kind: kind(errno) })
        });
        let flushed = match rustix::fs::fsync(&self.parent) {
            // Some file systems have nothing to flush for a directory.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(errno) => Err(self.at_target(ErrorKind::Io(errno.into()))),
        };
        Ok(removed.and(flushed).err())
    }

    /// Renames onto a target that is not there or an empty directory; the system replaces nothing else.
    fn rename(&self, staged: &OsStr) -> rustix::io::Result<Option<OsString>> {
        rustix::fs::renameat(&self.parent, staged, &self.parent, &self.name).map(|()| None)
    }

    /// Exchanges the staging directory with the dump at the target; returns the old dump's new name.
    fn exchange(&self, staged: &OsStr) -> rustix::io::Result<Option<OsString>> {
        let exchanged =
            rustix::fs::renameat_with(&self.parent, staged, &self.parent, &self.name, RenameFlags::EXCHANGE);
        match exchanged {
            Ok(()) => Ok(Some(staged.to_owned())),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => self.set_aside(staged).map(Some),
            Err(errno) => Err(errno),
        }
    }

    /// Renames the old dump away and the new one in, where the file system cannot exchange them.
    fn set_aside(&self, staged: &OsStr) -> rustix::io::Result<OsString> {
        let parent = self.path.parent().unwrap_or(Path::new("."));
        let aside = temporary(&self.name, parent, 0o700).map_err(|error| errno_of(&error))?;
        let aside = aside.file_name().unwrap_or_default().to_owned();
        if let Err(errno) = rustix::fs::renameat(&self.parent, &self.name, &self.parent, &aside) {
            rustix::fs::unlinkat(&self.parent, &aside, AtFlags::REMOVEDIR)?;
            return Err(errno);
        }
        if let Err(errno) = rustix::fs::renameat(&self.parent, staged, &self.parent, &self.name) {
            rustix::fs::renameat(&self.parent, &aside, &self.parent, &self.name)?;
            return Err(errno);
        }
        Ok(aside)
    }

    fn at_target(&self, kind: ErrorKind) -> Error {
        Error { path: self.target.clone(), kind }
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

/// Makes a directory `.<name>.partial-<random>`.
fn temporary(name: &OsStr, parent: &Path, mode: u32) -> std::io::Result<PathBuf> {
    let directory = tempfile::Builder::new()
        .prefix(&prefix(name))
        .rand_bytes(RANDOM)
        .permissions(Permissions::from_mode(mode))
        .tempdir_in(parent)?;
    Ok(directory.keep())
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
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
    let directory = open_directory(parent, name.as_bytes())?;
    if is_regular(directory.as_fd(), manifest::NAME) {
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

/// Whether a directory is the root of a mounted file system, where the system can tell.
fn is_mount_point(parent: BorrowedFd<'_>, name: &OsStr) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{StatxAttributes, StatxFlags, statx};
        let stat = statx(parent, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
        stat.is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (parent, name);
        false
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn without_an_exchange_the_old_dump_is_set_aside() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("out");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("MANIFEST.json"), "old").unwrap();
        let options = TreeOptions { force: true, ..TreeOptions::default() };
        let mut staging = Staging::create(&target, &options).unwrap();
        fs::write(staging.path().join("new"), "").unwrap();
        let staged = staging.staged.take().unwrap();
        let aside = staging.set_aside(&staged).unwrap();
        assert!(target.join("new").exists());
        assert_eq!(fs::read(parent.path().join(&aside).join("MANIFEST.json")).unwrap(), b"old");
        // Now the staging directory is gone: the old dump comes back.
        assert!(staging.set_aside(OsStr::new("gone")).is_err());
        assert!(target.join("new").exists());
    }
}
