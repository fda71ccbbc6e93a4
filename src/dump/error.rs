//! Why a file of the tree could not be written or read: always with its path.

use std::path::PathBuf;

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
    /// Not a relative path of plain components (empty, `.`, `..`, NUL).
    #[error("not a path inside the dump")]
    BadPath,
    /// A component is longer than the file system takes.
    #[error("name too long")]
    NameTooLong,
}
