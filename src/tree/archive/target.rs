//! The file beside the target in which an archive is made, and its way to the target (`tree/outcome.md#outcome`).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::tree::writer::inputs::{self, Identity};
use crate::tree::writer::staging::{PARTIAL, RANDOM, flush_directory, prefix, with_left};
use crate::tree::writer::target::{Target, is_regular};
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
        let created = beside(&target, make);
        let (staged, file) =
            created.map_err(|error| Error { path: target.parent_path.clone(), kind: error.into() })?;
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

    /// Moves two files, which are complete and on the disk, onto their targets: both, or neither. What was at the target
    /// of `other` never stands beside the new file: it is set aside before.
    pub(crate) fn publish_both(&mut self, other: &mut Self) -> Result<Vec<Notice>> {
        find(&self.target, &self.options)?;
        let mut aside = other.set_aside()?;
        let published = self.exchange().and_then(|back| {
            other.publish().map_err(|error| match back {
                Some((staged, flags)) => {
                    let moved = self.rename(&self.target.name, &staged, flags);
                    // The one name left of what was replaced is not removed.
                    self.staged = moved.is_ok().then(|| staged.clone());
                    with_moved(error, moved, || match flags {
                        RenameFlags::EXCHANGE => self.is_now(&staged),
                        _ => format!("{} stays", self.target.path.display()),
                    })
                }
                None => error,
            })
        });
        match published {
            Ok(notice) => {
                // What was replaced.
                let left = [self.discard(), other.remove(aside.take())].into_iter().filter_map(Result::err);
                Ok(notice.into_iter().chain(left.map(Notice::Left)).collect())
            }
            Err(error) => Err(match aside {
                Some(aside) => {
                    let moved = other.rename(&aside, &other.target.name, RenameFlags::NOREPLACE);
                    with_moved(error, moved, || other.is_now(&aside))
                }
                None => error,
            }),
        }
    }

    /// Gives what is at the target a name beside it.
    fn set_aside(&self) -> Result<Option<OsString>> {
        find(&self.target, &self.options)?;
        let rename = |path: &Path| {
            let name = path.file_name().unwrap_or_default();
            self.rename(&self.target.name, name, RenameFlags::NOREPLACE)?;
            Ok(name.to_owned())
        };
        match beside(&self.target, rename) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.target.error(error.into())),
            Ok(aside) => Ok(Some(aside)),
        }
    }

    /// Moves the file onto the target. Returns the way back: the name and how it is moved there again. Where a file is
    /// at the target, its name is that of the staging file then. `None` where the file system cannot do that.
    fn exchange(&mut self) -> Result<Option<(OsString, RenameFlags)>> {
        let Some(staged) = self.staged.clone() else { return Ok(None) };
        let moved = match self.rename(&staged, &self.target.name, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) if self.options.force => {
                let flags = RenameFlags::EXCHANGE;
                self.rename(&staged, &self.target.name, flags).and_then(|()| {
                    // A directory that came up a moment ago would have been moved, too.
                    let found = is_regular(self.target.parent.as_fd(), &staged);
                    if matches!(found, Ok(true)) {
                        return Ok(flags);
                    }
                    self.rename(&staged, &self.target.name, flags)?;
                    Err(found.err().unwrap_or(Errno::ISDIR))
                })
            }
            moved => moved.map(|()| RenameFlags::NOREPLACE),
        };
        match moved {
            Ok(flags) => {
                self.staged = self.staged.take().filter(|_| flags == RenameFlags::EXCHANGE);
                Ok(Some((staged, flags)))
            }
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => self.publish().map(|_| None),
            Err(errno) => Err(self.refusal(errno)),
        }
    }

    fn rename(&self, from: &OsStr, to: &OsStr, flags: RenameFlags) -> rustix::io::Result<()> {
        let parent = &self.target.parent;
        retry_on_intr(|| rustix::fs::renameat_with(parent, from, parent, to, flags))
    }

    /// Says which name beside the target has what was there.
    fn is_now(&self, name: &OsStr) -> String {
        format!("what was {} is now {}", self.target.path.display(), self.target.sibling(name).display())
    }

    /// Returns the error that nothing can be moved onto the target.
    fn refusal(&self, errno: Errno) -> Error {
        self.target.error(match errno {
            Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY => ErrorKind::TargetNoFile,
            errno => errno.into(),
        })
    }

    /// Moves the file, which is complete and on the disk, onto the target.
    pub(crate) fn publish(&mut self) -> Result<Option<Notice>> {
        let staged = self.staged.clone().unwrap_or_default();
        find(&self.target, &self.options)?;
        let moved = if self.options.force { self.replace(&staged) } else { self.appear(&staged) };
        moved.map_err(|errno| self.refusal(errno))?;
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
        match self.rename(staged, &self.target.name, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => self.replace(staged),
            moved => moved,
        }
    }

    /// Removes the file after an error; tells with it if that fails.
    pub(crate) fn discard_after(&mut self, error: Error) -> Error {
        with_left(error, self.discard())
    }

    /// Removes the file. An error has the path of what stays.
    pub(crate) fn discard(&mut self) -> Result<()> {
        let staged = self.staged.take();
        self.remove(staged)
    }

    /// Removes a file beside the target, if there is one.
    fn remove(&self, name: Option<OsString>) -> Result<()> {
        let Some(name) = name else { return Ok(()) };
        let path = self.target.sibling(&name);
        retry_on_intr(|| rustix::fs::unlinkat(&self.target.parent, &name, AtFlags::empty()))
            .map_err(|errno| Error { path, kind: ErrorKind::NotRemoved(errno.into()) })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Nobody is left to tell; the next run names what stays.
        let _ = self.discard();
    }
}

/// Makes something with a name `.<name>.partial-<random>` that nothing has.
fn beside<T>(target: &Target, make: impl FnMut(&Path) -> io::Result<T>) -> io::Result<T> {
    let mut builder = tempfile::Builder::new();
    builder.rand_bytes(RANDOM).disable_cleanup(true);
    builder
        .prefix(&prefix(&target.name, PARTIAL))
        .make_in(&target.parent_path, make)
        .map(tempfile::NamedTempFile::into_file)
}

/// Returns an error, with what there is to say where something could not be moved back after it.
fn with_moved(error: Error, moved: rustix::io::Result<()>, what: impl FnOnce() -> String) -> Error {
    let Err(errno) = moved else { return error };
    let text = format!("{}; and {}: {errno}", error.kind, what());
    Error { path: error.path, kind: ErrorKind::Io(io::Error::other(text)) }
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
