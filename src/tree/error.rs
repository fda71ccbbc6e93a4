//! Why a file of the tree could not be written or read: always with its path.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::manifest::ManifestError;
use crate::bug::Bug;
use crate::interrupt::Interrupted;

/// A file or directory operation failed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", path.display())]
pub struct Error {
    /// The file, or the directory.
    pub path: PathBuf,
    /// What went wrong.
    pub kind: ErrorKind,
}

impl Error {
    /// Returns the error of a path below the root of a tree.
    pub(crate) fn at(path: &[u8], kind: impl Into<ErrorKind>) -> Self {
        Self { path: PathBuf::from(OsStr::from_bytes(path)), kind: kind.into() }
    }
}

impl From<crate::sort::Error> for Error {
    fn from(error: crate::sort::Error) -> Self {
        let kind = match error.kind {
            crate::sort::ErrorKind::Io(error) => error.into(),
            crate::sort::ErrorKind::Interrupted(interrupted) => interrupted.into(),
            crate::sort::ErrorKind::Internal(bug) => bug.into(),
        };
        Self { path: error.path, kind }
    }
}

/// What went wrong with a path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An operation of the file system failed.
    #[error(transparent)]
    Io(io::Error),
    /// The process may not open more files at once.
    #[error("too many open files: the limit of this process is {} (ulimit -n)", or_unknown(*limit))]
    Descriptors {
        /// The soft limit; `None` where there is none or the system does not say.
        limit: Option<u64>,
    },
    /// All processes of the system together may not open more files.
    #[error("too many open files in the whole system")]
    SystemDescriptors,
    /// The file is larger than the process or the file system may have one.
    #[error("file too large: the limit of this process is {} bytes (ulimit -f)", or_unknown(*limit))]
    FileTooLarge {
        /// The soft limit, bytes; `None` where there is none, and the file system is the one that refuses.
        limit: Option<u64>,
    },
    /// The name is taken by another file or directory of this tree.
    #[error("this name is taken by another object of the dump")]
    Taken,
    /// The file system takes this name for another one of this tree, which differs in case only.
    #[error("another object's name differs in case only, and this file system does not tell them apart")]
    CaseTwin,
    /// Not a relative path of plain components (empty, `.`, `..`, NUL).
    #[error("not a path inside the dump")]
    BadPath,
    /// A component is longer than the file system takes.
    #[error("name too long")]
    NameTooLong,
    /// The file system or the user's quota has no space left.
    #[error("no space left on the disk or in the quota: {0}")]
    DiskFull(Full),
    /// The file system has space, but cannot hold more files.
    #[error("no inodes left on the disk: {0}")]
    InodesFull(Full),
    /// The target is there, and is neither an empty directory nor a dump.
    #[error("exists and is not an empty directory")]
    TargetExists,
    /// The target is a dump, and replacing it was not asked for.
    #[error("holds a dump or an export already, which only --force replaces")]
    TargetHoldsDump,
    /// The target is a mount point, which nothing can be renamed to.
    #[error("is a mount point: name a directory inside it")]
    TargetIsMountPoint,
    /// The target is a symbolic link, which is not followed.
    #[error("is a symbolic link: name the directory itself")]
    TargetIsLink,
    /// The target of an archive is a file, and replacing it was not asked for.
    #[error("exists already, and only --force replaces it")]
    TargetFileExists,
    /// The target of an archive is there, and is no regular file.
    #[error("exists and is not a regular file")]
    TargetNoFile,
    /// The target of an archive is what the run reads.
    #[error("is the input {}, which --force would replace", .0.display())]
    TargetIsInput(PathBuf),
    /// The target is named like an archive of a format that is not made.
    #[error("no archive of this format is made: name it .tar or .tar.zst, or - for a tar on standard output")]
    TargetFormat,
    /// The target is standard output, and that is a terminal.
    #[error("standard output is a terminal, and an archive is not for reading: redirect it, or name a file")]
    TargetIsTerminal,
    /// The target's path ends in no name: empty, `/`, `.` or `..`.
    #[error("names no directory that could be created")]
    TargetUnnamed,
    /// The target has a `MANIFEST.json`, but not that of a decoded snapshot.
    #[error("its MANIFEST.json is not that of a dump that --force replaces: {0}")]
    TargetManifest(String),
    /// The target is no export. Says what is wrong with it.
    #[error("its EXPORT.json is not that of an export that --force replaces: {0}")]
    TargetExport(String),
    /// The target holds what its CHECKSUMS does not list. The path of the error is the first of them, bytewise.
    #[error(
        "CHECKSUMS does not list it, and --force removes nothing that is not part of the dump ({files} such files)"
    )]
    TargetHoldsUnlisted {
        /// How many files, links, pipes and so on.
        files: u64,
    },
    /// An input of the run is in the dump that it would replace.
    #[error("the input {} is inside it, and --force would remove it", .0.display())]
    TargetHoldsInput(PathBuf),
    /// A dump that an earlier run had set aside is back at the target, which `--force` was not given for.
    #[error("holds the dump that an earlier run had set aside as {} when it was ended, and that is moved back now: only --force replaces it", .0.display())]
    TargetRestored(PathBuf),
    /// Another directory than the one that was examined is at the target.
    #[error("was exchanged for another directory while the dump was being written")]
    TargetChanged,
    /// A directory that is not needed any more is still there.
    #[error("could not be removed and stays: {0}")]
    NotRemoved(io::Error),
    /// Others have removed files from the staging directory, or put some into it. The path is the first of them.
    #[error(
        "the staging directory was changed from outside: {missing} files are missing and {foreign} are not of this run, this one first"
    )]
    StagingChanged {
        /// Files that were written and are gone.
        missing: u64,
        /// Files that were not written by this run.
        foreign: u64,
    },
    /// Others have removed directories from the staging directory, or put some into it.
    #[error(
        "the staging directory was changed from outside: it has {found} files and directories, {written} were written"
    )]
    StagingCount {
        /// Entries that were written.
        written: u64,
        /// Entries that are there.
        found: u64,
    },
    /// The manifest is one that no reader takes.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A dump that is read breaks a rule of its format.
    #[error("{0}")]
    Unsound(String),
    /// The run was asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// What cannot happen did: the program is to blame.
    #[error(transparent)]
    Internal(#[from] Bug),
}

impl ErrorKind {
    /// Whether the request is to blame: there is something else at the target than may be replaced.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::TargetExists
                | Self::TargetHoldsDump
                | Self::TargetIsMountPoint
                | Self::TargetIsLink
                | Self::TargetFileExists
                | Self::TargetNoFile
                | Self::TargetIsInput(_)
                | Self::TargetFormat
                | Self::TargetIsTerminal
                | Self::TargetUnnamed
                | Self::TargetManifest(_)
                | Self::TargetExport(_)
                | Self::TargetHoldsUnlisted { .. }
                | Self::TargetHoldsInput(_)
                | Self::TargetRestored(_)
        )
    }

    /// Whether a dump that is read is to blame.
    #[must_use]
    pub fn is_unsound(&self) -> bool {
        matches!(self, Self::Unsound(_))
    }
}

impl From<io::Error> for ErrorKind {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(Errno::MFILE) => Self::Descriptors { limit: getrlimit(Resource::Nofile).current },
            Some(Errno::NFILE) => Self::SystemDescriptors,
            Some(Errno::FBIG) => Self::FileTooLarge { limit: getrlimit(Resource::Fsize).current },
            _ => Self::Io(error),
        }
    }
}

impl From<Errno> for ErrorKind {
    fn from(errno: Errno) -> Self {
        io::Error::from(errno).into()
    }
}

fn or_unknown(limit: Option<u64>) -> String {
    limit.map_or_else(|| "not known".to_owned(), |limit| limit.to_string())
}

/// How far a dump came before its file system was full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// What was written.
    pub written: Size,
    /// What the whole dump takes, where the caller has an estimate.
    pub needed: Option<Size>,
}

/// Extent of a tree or of a part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Size {
    /// Number of files.
    pub files: u64,
    /// Length of all files together, bytes.
    pub bytes: u64,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} written", self.written)?;
        self.needed.map_or(Ok(()), |needed| write!(f, ", about {needed} needed"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes in {} files", self.bytes, self.files)
    }
}
