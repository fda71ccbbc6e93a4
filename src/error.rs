//! The crate's error: one variant a stage, so that an exit code follows from the variant.

use crate::bug::{Bug, Place};
use crate::{container, crypto, inputs, snapshot, tree};

/// Result of every stage above `container`.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A row was asked for by a location that no scan gave.
const NO_ROW: Bug = Bug::new("no row stands where one was read");

/// Why a run ended without a tree (`tree/outcome.md#outcome`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is no snapshot, corrupt or not supported.
    #[error(transparent)]
    Container(container::Error),
    /// A KEK file or a key file cannot be used.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// The snapshot cannot be read as asked: encrypted rows, a timestamp below the floor.
    #[error(transparent)]
    Snapshot(snapshot::Error),
    /// The inputs cannot be found or read together.
    #[error(transparent)]
    Inputs(Box<inputs::Error>),
    /// A file of the tree could not be written or read.
    #[error(transparent)]
    Dump(tree::Error),
    /// `--strict`, and at least one problem or undecided lock.
    #[error("{}, and --strict was given", strict_reasons(*.problems, *.undecided))]
    Strict {
        /// Number of lines that `PROBLEMS.jsonl` would have had.
        problems: u64,
        /// Number of locks that no input decides.
        undecided: u64,
        /// The first problems.
        listed: Vec<crate::problem::ListedProblem>,
    },
    /// `--strict`, and snapshots of Raft groups are not among the inputs.
    #[error("{0}, and --strict was given")]
    MissingGroups(snapshot::MissingGroups),
    /// `--strict`, and an input that nothing proves to be whole (`tree/commands.md#command-line`).
    #[error(
        "{}: nothing proves that the file is whole, a payload without footer and checksum, and --strict was given",
        .path.display()
    )]
    Unchecked {
        /// The input.
        path: std::path::PathBuf,
    },
    /// A name that was asked for is not in the snapshot.
    #[error("{0}")]
    NotThere(crate::not_there::NotThere),
    /// Patterns match nothing in the snapshot.
    #[error(transparent)]
    Unmatched(#[from] crate::not_there::Unmatched),
    /// Two objects of a dump have one row: what would be restored of them is chance.
    #[error("two objects have the row {}{}", crate::excerpt::key(.key), named(.names))]
    Duplicate {
        /// The user key.
        key: Vec<u8>,
        /// The objects, by the number of their calls of [`Sink::object`](crate::sink::Sink::object), from 1.
        objects: [u64; 2],
        /// What they are called, where that was found out.
        names: Vec<String>,
    },
    /// A commit timestamp that no snapshot of the dump can have.
    #[error(
        "--last-commit-ts {given} is not between the dump's own, {least}, and {most}: a cluster's clock may only rise"
    )]
    CommitTs {
        /// The timestamp.
        given: u64,
        /// That of the dump.
        least: u64,
        /// The greatest that leaves time after it.
        most: u64,
    },
    /// Routes by which the rows cannot be split.
    #[error("--routes: {0}")]
    Routes(String),
    /// A snapshot that was made does not hold what it was made of.
    #[error("the snapshot does not hold what the dump does, and was removed: {count} objects differ: {}", names.join(", "))]
    SelfTest {
        /// The first objects that differ.
        names: Vec<String>,
        /// Number of objects that differ.
        count: u64,
    },
    /// Two inputs cannot be compared as asked.
    #[error("{0}")]
    Incomparable(String),
    /// What was typed is no name of an object.
    #[error("{0}")]
    Name(String),
    /// What was typed is no key of an item.
    #[error("not the key of an item: {0}")]
    ItemKey(String),
    /// What cannot happen did: the program is to blame, not the input.
    #[error(
        "fault of this program: {0}; please report it to the maintainers of ekv-backup with this line, the version \
         (ekv-backup --version), the command line and what `ekv-backup inspect --json` prints of the input"
    )]
    Internal(#[from] Bug),
    /// A file of a dump cannot be read to its end.
    #[error("cannot be read to its end: {0}")]
    Read(std::io::Error),
    /// What a sink writes to does not take it.
    #[error("output: {0}")]
    Output(std::io::Error),
    /// A signal asked the run to stop.
    #[error(transparent)]
    Interrupted(#[from] crate::interrupt::Interrupted),
}

impl From<inputs::Error> for Error {
    fn from(error: inputs::Error) -> Self {
        match error {
            inputs::Error::Container(error) => error.into(),
            inputs::Error::Snapshot(error) => error.into(),
            inputs::Error::Interrupted(interrupted) => interrupted.into(),
            _ => Self::Inputs(Box::new(error)),
        }
    }
}

impl From<snapshot::Error> for Error {
    fn from(error: snapshot::Error) -> Self {
        match error {
            snapshot::Error::Container(error) => Self::Container(error),
            snapshot::Error::Crypto(error) => error.into(),
            snapshot::Error::Sort(error) => error.into(),
            snapshot::Error::Internal(bug) => bug.into(),
            snapshot::Error::NoRow(place) => NO_ROW.at(place).into(),
            snapshot::Error::Interrupted(interrupted) => interrupted.into(),
            _ => Self::Snapshot(error),
        }
    }
}

impl From<container::Error> for Error {
    fn from(error: container::Error) -> Self {
        Self::from(snapshot::Error::from(error))
    }
}

impl From<tree::Error> for Error {
    fn from(error: tree::Error) -> Self {
        match error.kind {
            // The stage polls the flag itself; a request to stop is no failure of a file.
            tree::ErrorKind::Interrupted(interrupted) => Self::Interrupted(interrupted),
            tree::ErrorKind::Internal(bug) => bug.or_at(Place::Path(error.path)).into(),
            _ => Self::Dump(error),
        }
    }
}

impl From<crate::sort::Error> for Error {
    fn from(error: crate::sort::Error) -> Self {
        Self::from(tree::Error::from(error))
    }
}

fn named(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(": {}", names.join(" and ")) }
}

fn strict_reasons(problems: u64, undecided: u64) -> String {
    let problems = (problems > 0).then(|| format!("{problems} objects could not be decoded or represented"));
    let undecided =
        (undecided > 0).then(|| format!("{undecided} locks are of transactions that nothing decides"));
    [problems, undecided].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
