//! Why a file of the tree could not be written or read: always with its path.

use std::fmt;
use std::path::PathBuf;

use super::manifest::ManifestError;
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

/// What went wrong with a path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An operation of the file system failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
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
    #[error("holds a dump already, which only --force replaces")]
    TargetHoldsDump,
    /// The target is a mount point, which nothing can be renamed to.
    #[error("is a mount point: name a directory inside it")]
    TargetIsMountPoint,
    /// The manifest is one that no reader takes.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The run was asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
