//! A snapshot that may be read, and one that is not.

use std::path::{Path, PathBuf};

/// How a snapshot came among the candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The user named the file, or standard input.
    Named,
    /// A `fsm-snap/` or a `group-<n>/`: all files in there are one group's.
    GroupDirectory,
    /// Another directory that holds snapshots.
    Directory(PathBuf),
}

/// A snapshot that is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The file, as it was named or below the directory that was named.
    pub path: PathBuf,
    /// Raft group, when the path tells it.
    pub group: Option<u64>,
    /// Raft index that the name tells (`format/container.md#where-the-files-live`).
    pub index: Option<u64>,
    pub(super) origin: Origin,
    /// The next older snapshot in the same directory.
    pub(super) before: Option<PathBuf>,
}

impl Candidate {
    /// Whether the user named the file itself.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.origin == Origin::Named
    }

    /// Returns the directory that holds it.
    pub(super) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

/// Something in a directory that looks like a snapshot and is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The file or link.
    pub path: PathBuf,
    /// Why, in words.
    pub reason: String,
}
