//! Why a snapshot cannot be read: it is damaged, or sound and not to be read as asked.

use std::path::PathBuf;

use super::RowLocation;
use crate::bug::{Bug, Place};
use crate::crypto::{self, Counters};
use crate::interrupt::Interrupted;
use crate::time::Hlc;
use crate::{container, sort};

/// Result of this stage.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is no snapshot, corrupt or not supported.
    #[error(transparent)]
    Container(container::Error),
    /// A KEK file or a key file cannot be used.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// Records could not be sorted.
    #[error(transparent)]
    Sort(sort::Error),
    /// What cannot happen did: the program is to blame.
    #[error(transparent)]
    Internal(#[from] Bug),
    /// A signal asked the run to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// Rows are encrypted and no keys were given (exit 3).
    #[error(
        "{}: {rows} rows are encrypted, under the data keys {key_ids:?}, and no keys were given (the first {}at offset \
         {offset:#x})",
        path.display(),
        place.as_ref().map(|place| format!("in {place}, ")).unwrap_or_default()
    )]
    Encrypted {
        /// The first input with such rows.
        path: PathBuf,
        /// Encrypted versions that count.
        rows: u64,
        /// Ids of the data keys that they name, ascending; at most 1024.
        key_ids: Vec<u32>,
        /// Offset of the first of them in that input, bytes.
        offset: u64,
        /// In a table: which one, and where in its block.
        place: Option<String>,
    },
    /// Rows that the keys given do not open, or that are not what they claim to be (exit 3).
    #[error(
        "{}: {} rows cannot be decrypted: {}{}",
        path.display(),
        counters.faulty,
        counters.in_words(),
        counters.first.as_ref().map(|first| format!("; the first: {first}")).unwrap_or_default()
    )]
    Undecryptable {
        /// The input.
        path: PathBuf,
        /// What is wrong, by kind.
        counters: Box<Counters>,
    },
    /// The timestamp asked for lies below the compaction floor (exit 2).
    #[error("{}: cannot read at {at}: versions below {floor} may have been compacted away", input.display())]
    BelowFloor {
        /// The input with the highest floor.
        input: PathBuf,
        /// What was asked for, an HLC timestamp.
        at: Hlc,
        /// Lowest timestamp that can be read, an HLC timestamp.
        floor: Hlc,
    },
    /// A number that cannot be meant as an HLC timestamp (exit 2).
    #[error(
        "cannot read at {at}: that is no HLC timestamp of this snapshot's time. An HLC is Unix milliseconds times \
         65536; {at} taken as Unix time is {as_ms}. Dates and times can be given as they are"
    )]
    NoHlc {
        /// What was asked for.
        at: u64,
        /// The HLC timestamp that the number would be as Unix seconds or ms.
        as_ms: Hlc,
    },
    /// A location that no scan of this store gave: a fault of the program.
    #[error("no row stands at offset {:#x} of input {}", .0.offset(), .0.input)]
    NoRow(RowLocation),
}

impl From<container::Error> for Error {
    fn from(error: container::Error) -> Self {
        match error.kind {
            container::ErrorKind::Interrupted(interrupted) => Self::Interrupted(interrupted),
            container::ErrorKind::Internal(bug) => bug.or_at(Place::Input(error.path, error.offset)).into(),
            _ => Self::Container(error),
        }
    }
}

impl From<sort::Error> for Error {
    fn from(error: sort::Error) -> Self {
        match error.kind {
            sort::ErrorKind::Interrupted(interrupted) => Self::Interrupted(interrupted),
            sort::ErrorKind::Internal(bug) => bug.or_at(Place::Path(error.path)).into(),
            sort::ErrorKind::Io(_) => Self::Sort(error),
        }
    }
}
