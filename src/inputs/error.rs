//! Why the inputs cannot be read together.

use std::io;
use std::path::PathBuf;

use crate::interrupt::Interrupted;
use crate::{container, limits, snapshot};

/// Result of this stage.
pub(super) type Result<T, E = Error> = std::result::Result<T, E>;

/// The inputs cannot be found or read together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An input is no snapshot, corrupt or not supported.
    #[error(transparent)]
    Container(container::Error),
    /// The snapshots cannot be read as asked.
    #[error(transparent)]
    Snapshot(snapshot::Error),
    /// A signal asked the run to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// Standard input is named more than once (exit 2).
    #[error("standard input (-) can be read only once")]
    StandardInput,
    /// More inputs than are read together (exit 2).
    #[error("{found} inputs, at most {} are read together", limits::INPUTS)]
    TooMany {
        /// Number of inputs.
        found: usize,
    },
    /// One snapshot is named twice (exit 2).
    #[error("{} and {} are the same snapshot: name one of them", one.display(), other.display())]
    SameSnapshot {
        /// A path.
        one: PathBuf,
        /// Another path.
        other: PathBuf,
    },
    /// Two files are of one group (exit 2).
    #[error(
        "{} and {} are both snapshots of Raft group {group}: name only the one to read, the newer has the higher \
         index; a file in a directory group-<n>/fsm-snap/ is of group n whatever it holds", one.display(),
        other.display()
    )]
    SameGroup {
        /// The group.
        group: u64,
        /// A path.
        one: PathBuf,
        /// Another path.
        other: PathBuf,
    },
    /// A directory holds no complete snapshot (exit 3).
    #[error("no snapshot in {}: looked for *.fsm there, in fsm-snap/ and in group-<n>/fsm-snap/, {} levels deep{}",
        directory.display(), limits::SEARCH_DEPTH,
        if *.passed_over > 0 { ", and passed over what was there" } else { "" })]
    NoSnapshot {
        /// The directory as it was named.
        directory: PathBuf,
        /// Files that were passed over.
        passed_over: u64,
    },
    /// A directory has more entries than are looked at (exit 2).
    #[error("{}: more than {limit} {what}: name the node's data directory, or the snapshots", directory.display())]
    TooLarge {
        /// The directory as it was named.
        directory: PathBuf,
        /// `entries` or `directories`.
        what: &'static str,
        /// The most that are looked at.
        limit: usize,
    },
    /// A directory cannot be listed (exit 4).
    #[error("cannot list {}: {source}", path.display())]
    List {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The snapshot that was chosen in a directory cannot be read (exit 3 or 4, as without a directory).
    #[error("{source}; {hint}")]
    Chosen {
        /// What is wrong with it.
        source: Box<container::Error>,
        /// How to take another one.
        hint: String,
    },
}

impl From<container::Error> for Error {
    fn from(error: container::Error) -> Self {
        match error.kind {
            container::ErrorKind::Interrupted(interrupted) => Self::Interrupted(interrupted),
            _ => Self::Container(error),
        }
    }
}

impl From<snapshot::Error> for Error {
    fn from(error: snapshot::Error) -> Self {
        match error {
            snapshot::Error::Container(error) => error.into(),
            snapshot::Error::Interrupted(interrupted) => interrupted.into(),
            _ => Self::Snapshot(error),
        }
    }
}

impl Error {
    /// Whether something could not be read at all: exit 4.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        match self {
            Self::List { .. } => true,
            Self::Chosen { source, .. } => source.kind.is_unreadable(),
            Self::Container(source) => source.kind.is_unreadable(),
            _ => false,
        }
    }

    /// Whether the user asked for what cannot be: exit 2.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::StandardInput
            | Self::TooMany { .. }
            | Self::SameSnapshot { .. }
            | Self::SameGroup { .. }
            | Self::TooLarge { .. }
            | Self::Snapshot(snapshot::Error::BelowFloor { .. } | snapshot::Error::NoHlc { .. }) => true,
            Self::Container(_)
            | Self::Snapshot(_)
            | Self::Interrupted(_)
            | Self::NoSnapshot { .. }
            | Self::List { .. }
            | Self::Chosen { .. } => false,
        }
    }
}
