//! The directory beside the target in which a tree is built (`tree/outcome.md#outcome`).

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::{Errno, retry_on_intr};

use super::notice::Notice;
use super::remove::{self, remove};
use super::target::{Found, Target};
use super::{TreeOptions, leftovers, lock};
use crate::limits;
use crate::tree::directory::open_directory;
use crate::tree::{Error, ErrorKind, Result, Scratch};

/// Random characters at the end of the name.
pub(in crate::tree) const RANDOM: usize = 8;
/// What stands between the target's name and the random characters: in a staging directory's name, and in that of an
/// old dump that is set aside.
pub(in crate::tree) const PARTIAL: &str = ".partial-";
pub(super) const REPLACED: &str = ".replaced-";

/// The staging directory: removed with all it holds unless it becomes the target.
#[derive(Debug)]
pub(super) struct Staging {
    pub(super) target: Target,
    /// Its name beside the target; `None` once it was moved away.
    pub(super) staged: Option<OsString>,
    pub(super) path: PathBuf,
    pub(super) options: TreeOptions,
    pub(super) notices: Vec<Notice>,
    /// Descriptors that removing needs: there are some, even where no other is to be had.
    reserve: Vec<OwnedFd>,
}

impl Staging {
    /// Makes the directory `.<name>.partial-<random>` where the target may be written. Returns it with its own
    /// handle, which holds its lock.
    pub(super) fn create(target: &Path, options: &TreeOptions) -> Result<(Self, OwnedFd)> {
        let target = Target::open(target)?;
        let reserve = (0..remove::DESCRIPTORS).map(|_| target.parent.try_clone()).collect::<Result<_, _>>();
        let reserve = reserve.map_err(|error: std::io::Error| target.error(error.into()))?;
        let notices = leftovers::look(&target)?;
        let found = target.find()?;
        if matches!(found, Found::Dump(_)) && !options.force {
            let restored = notices.iter().find_map(|notice| match notice {
                Notice::Restored { path } => Some(ErrorKind::TargetRestored(path.clone())),
                _ => None,
            });
            return Err(target.error(restored.unwrap_or(ErrorKind::TargetHoldsDump)));
        }
        let mode = if options.mode_from_umask { 0o777 } else { 0o700 };
        let staged = temporary(&target, PARTIAL, mode)?;
        let path = target.sibling(&staged);
        let options = options.clone();
        let staging = Self { target, staged: Some(staged), path, options, notices, reserve };
        match staging.enter(&found) {
            Ok(root) => Ok((staging, root)),
            Err(error) => Err(staging.discard_after(error)),
        }
    }

    /// Opens and locks the directory, and examines the dump that it is to replace.
    fn enter(&self, found: &Found) -> Result<OwnedFd> {
        let name = self.staged.as_deref().unwrap_or_default().as_bytes();
        let root = open_directory(self.target.parent.as_fd(), name)
            .map_err(|errno| Error { path: self.path.clone(), kind: errno.into() })?;
        lock::hold(&root);
        if let Found::Dump(dump) = found {
            self.target.examine(
                dump,
                &self.options,
                &Scratch::new(self.path.clone()).polling(&self.options.interrupt),
            )?;
        }
        Ok(root)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the directory. An error has the path of what stays.
    pub(super) fn discard(mut self) -> Result<()> {
        self.remove()
    }

    /// Removes the directory after an error; tells with it if that fails.
    pub(super) fn discard_after(self, error: Error) -> Error {
        with_left(error, self.discard())
    }

    fn remove(&mut self) -> Result<()> {
        let Some(staged) = self.staged.take() else { return Ok(()) };
        self.reserve.clear();
        remove(self.target.parent.as_fd(), staged.as_bytes()).map_err(|errno| not_removed(&self.path, errno))
    }

    /// Makes room for a call that needs descriptors when there may be none.
    pub(super) fn release_reserve(&mut self) {
        self.reserve.clear();
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Nobody is left to tell; what stays has no CHECKSUMS (`tree/outcome.md#outcome`).
        let _ = self.remove();
    }
}

/// Returns an error, with what stays after it where that could not be removed.
pub(in crate::tree) fn with_left(error: Error, removed: Result<()>) -> Error {
    let Err(left) = removed else { return error };
    let text = format!("{}; and {left}", error.kind);
    Error { path: error.path, kind: ErrorKind::Io(std::io::Error::other(text)) }
}

/// Returns the error that a directory stays.
pub(super) fn not_removed(path: &Path, errno: Errno) -> Error {
    Error { path: path.to_owned(), kind: ErrorKind::NotRemoved(errno.into()) }
}

/// Makes a directory `.<name><mark><random>` beside the target; returns its name.
pub(super) fn temporary(target: &Target, mark: &str, mode: u32) -> Result<OsString> {
    let bits = Mode::from_raw_mode(mode);
    let make = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        retry_on_intr(|| rustix::fs::mkdirat(&target.parent, name, bits))?;
        Ok(name.to_owned())
    };
    let created = tempfile::Builder::new()
        .prefix(&prefix(&target.name, mark))
        .rand_bytes(RANDOM)
        .disable_cleanup(true)
        .make_in(&target.parent_path, make)
        .map_err(|error| Error { path: target.parent_path.clone(), kind: error.into() })?;
    Ok(created.into_file())
}

/// Returns the fixed part of a name beside the target, shortened where the whole would be too long.
pub(in crate::tree) fn prefix(name: &OsStr, mark: &str) -> OsString {
    const AROUND: usize = ".".len() + REPLACED.len() + RANDOM;
    let bytes = name.as_bytes();
    let mut length = bytes.len().min(limits::FILE_NAME - AROUND);
    if let Some(text) = name.to_str() {
        while !text.is_char_boundary(length) {
            length -= 1;
        }
    }
    let mut prefix = OsString::from(".");
    prefix.push(OsStr::from_bytes(bytes.get(..length).unwrap_or_default()));
    prefix.push(mark);
    prefix
}

/// Flushes a directory. Some file systems have nothing to flush for one.
pub(in crate::tree) fn flush_directory(directory: &OwnedFd) -> rustix::io::Result<()> {
    match retry_on_intr(|| rustix::fs::fsync(directory)) {
        Err(Errno::INVAL) => Ok(()),
        done => done,
    }
}
