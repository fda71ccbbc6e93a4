//! The file beside the target in which an archive is made, and its way to the target (`tree/outcome.md#outcome`).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::tree::writer::inputs::{self, Identity};
use crate::tree::writer::staging::{PARTIAL, RANDOM, flush_directory, prefix, with_left};
use crate::tree::writer::target::Target;
use crate::tree::writer::{Notice, TreeOptions, leftovers, lock};
use crate::tree::{Error, ErrorKind, Result};

/// The staging file: removed unless it becomes the target.
#[derive(Debug)]
pub(crate) struct Staging {
    target: Target,
    /// Its name beside the target; `None` once it was moved away.
    staged: Option<OsString>,
    pub(super) options: TreeOptions,
    /// Holds its lock.
    _handle: File,
}

impl Staging {
    /// Makes the file `.<name>.partial-<random>` where the target may be written. Returns it with a handle of it and what
    /// earlier runs have left.
    pub(crate) fn create(path: &Path, options: &TreeOptions) -> Result<(Self, File, Vec<Notice>)> {
        let target = Target::open(path)?;
        let notices = leftovers::look(&target)?;
        let options = options.clone();
        find(&target, &options)?;
        let mode = Mode::from_raw_mode(if options.mode_from_umask { 0o666 } else { 0o600 });
        let make = |path: &Path| {
            let name = path.file_name().unwrap_or_default();
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::RDWR | OFlags::CLOEXEC;
            let file = retry_on_intr(|| rustix::fs::openat(&target.parent, name, flags, mode))?;
            lock::hold(&file);
            Ok((name.to_owned(), file))
        };
        let created = tempfile::Builder::new()
            .prefix(&prefix(&target.name, PARTIAL))
            .rand_bytes(RANDOM)
            .disable_cleanup(true)
            .make_in(&target.parent_path, make)
            .map_err(|error| Error { path: target.parent_path.clone(), kind: error.into() })?;
        let (staged, file) = created.into_file();
        let handle = File::from(file);
        let file = handle.try_clone();
        let mut staging = Self { target, staged: Some(staged), options, _handle: handle };
        match file {
            Ok(file) => Ok((staging, file, notices)),
            Err(error) => Err(staging.discard_after(staging.target.error(error.into()))),
        }
    }

    /// Returns the directory that the archive is made in.
    pub(crate) fn directory(&self) -> &Path {
        &self.target.parent_path
    }

    /// Returns where the file is until it is published.
    pub(crate) fn path(&self) -> PathBuf {
        self.target.sibling(self.staged.as_deref().unwrap_or_default())
    }

    /// Removes what is at the target, where that may be replaced.
    pub(crate) fn clear_target(&self) -> Result<()> {
        find(&self.target, &self.options)?;
        match rustix::fs::unlinkat(&self.target.parent, &self.target.name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            removed => removed.map_err(|errno| self.target.error(errno.into())),
        }
    }

    /// Moves the file, which is complete and on the disk, onto the target.
    pub(crate) fn publish(&mut self) -> Result<Option<Notice>> {
        let staged = self.staged.clone().unwrap_or_default();
        find(&self.target, &self.options)?;
        let moved = if self.options.force { self.replace(&staged) } else { self.appear(&staged) };
        moved.map_err(|errno| match errno {
            Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY => self.target.error(ErrorKind::TargetNoFile),
            errno => self.target.error(errno.into()),
        })?;
        self.staged = None;
        let flushed = flush_directory(&self.target.parent);
        Ok(flushed.err().map(|errno| Notice::Left(self.target.error(errno.into()))))
    }

    fn replace(&self, staged: &OsStr) -> rustix::io::Result<()> {
        let parent = &self.target.parent;
        retry_on_intr(|| rustix::fs::renameat(parent, staged, parent, &self.target.name))
    }

    /// Renames where nothing is. A file system that cannot do so in one step was looked at a moment ago.
    fn appear(&self, staged: &OsStr) -> rustix::io::Result<()> {
        let parent = &self.target.parent;
        let flags = RenameFlags::NOREPLACE;
        match retry_on_intr(|| rustix::fs::renameat_with(parent, staged, parent, &self.target.name, flags)) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => self.replace(staged),
            moved => moved,
        }
    }

    /// Removes the file after an error; tells with it if that fails.
    pub(super) fn discard_after(&mut self, error: Error) -> Error {
        with_left(error, self.discard())
    }

    /// Removes the file. An error has the path of what stays.
    pub(super) fn discard(&mut self) -> Result<()> {
        let Some(staged) = self.staged.take() else { return Ok(()) };
        let path = self.target.sibling(&staged);
        retry_on_intr(|| rustix::fs::unlinkat(&self.target.parent, &staged, AtFlags::empty()))
            .map_err(|errno| Error { path, kind: ErrorKind::NotRemoved(errno.into()) })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Nobody is left to tell; the next run names what stays.
        let _ = self.discard();
    }
}

/// Looks at what is at the target. What no archive can take the place of is an error.
fn find(target: &Target, options: &TreeOptions) -> Result<()> {
    let stat =
        match retry_on_intr(|| rustix::fs::statat(&target.parent, &target.name, AtFlags::SYMLINK_NOFOLLOW)) {
            Err(Errno::NOENT) => return Ok(()),
            stat => stat.map_err(|errno| target.error(errno.into()))?,
        };
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if !options.force => ErrorKind::TargetFileExists,
        FileType::RegularFile => {
            let existing = Identity::of_stat(&stat);
            match inputs::find(&options.inputs).into_iter().find(|input| input.is_inside(existing)) {
                Some(input) => ErrorKind::TargetIsInput(input.path),
                None => return Ok(()),
            }
        }
        FileType::Symlink => ErrorKind::TargetIsLink,
        _ => ErrorKind::TargetNoFile,
    };
    Err(target.error(kind))
}

/// Formats of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `<name>.tar`
    Tar,
    /// `<name>.tar.zst`
    TarZst,
    /// `-`: a tar on standard output.
    Stdout,
}

/// Ends of names of archives that are not made.
const FOREIGN: [&str; 9] =
    [".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz", ".tar.lz4", ".tar.zstd", ".tzst", ".zip"];

impl Format {
    /// Tells from the name of a target what it is to be; `None` is a directory.
    pub fn of(target: &Path) -> Result<Option<Self>> {
        let name = target.file_name().map(OsStr::as_bytes).unwrap_or_default();
        let foreign = || FOREIGN.iter().any(|end| name.len() > end.len() && name.ends_with(end.as_bytes()));
        Ok(match name {
            _ if target.as_os_str() == "-" => Some(Self::Stdout),
            name if name.len() > 4 && name.ends_with(b".tar") => Some(Self::Tar),
            name if name.len() > 8 && name.ends_with(b".tar.zst") => Some(Self::TarZst),
            _ if foreign() => return Err(Error { path: target.to_owned(), kind: ErrorKind::TargetFormat }),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_format() {
        let of = |path: &str| Format::of(Path::new(path)).ok();
        assert_eq!(of("a/dump.tar"), Some(Some(Format::Tar)));
        assert_eq!(of("dump.tar.zst"), Some(Some(Format::TarZst)));
        assert_eq!(of("-"), Some(Some(Format::Stdout)));
        for directory in ["./-", "dump", "tar", ".tar", "dump.tar/sub", "dump.zst", "..", "x.TAR"] {
            assert_eq!(of(directory), Some(None), "{directory}");
        }
        for foreign in ["dump.tar.gz", "dump.tgz", "d/dump.zip"] {
            assert_eq!(of(foreign), None, "{foreign}");
        }
    }
}
