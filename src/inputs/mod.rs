//! Paths to snapshots: finds them in data directories, chooses one a Raft group, opens them (`format/container.md#where-the-files-live`,
//! `reading/groups.md#several-groups`, `docs/cluster.md`).
//!
//! In: what the user named, files and directories. Out: [`Found`], what is to be read and what was passed over, and
//! from it [`Opened`], a [`Snapshot`](crate::snapshot::Snapshot) over one snapshot of each group. Two steps, so that a caller can look for keys in
//! [`Found::data_directories`] before a row is read.

mod candidate;
mod choose;
mod error;
mod find;
mod open;
mod order;
mod place;
mod probe;
mod records;
mod search;

use std::path::{Path, PathBuf};

pub use candidate::{Candidate, PassedOver};
pub use error::Error;
pub use open::Opened;
pub use records::Records;

/// What the search says while it goes on: one line each for the user.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// A snapshot in a directory is read.
    Chosen(&'a Candidate),
    /// A snapshot in a directory is searched for records of transactions only.
    Searched(&'a Candidate),
    /// Something in a directory that looks like a snapshot is not read.
    PassedOver(&'a PassedOver),
}

/// The snapshots that are to be read, at most one of each group as far as paths tell the group.
#[derive(Debug, Default)]
pub struct Found {
    candidates: Vec<Candidate>,
    passed_over: PassedOverList,
    data_directories: Vec<PathBuf>,
}

/// What was passed over: the first [`crate::limits::PASSED_OVER`], and the number of all.
#[derive(Debug, Default)]
struct PassedOverList {
    named: Vec<PassedOver>,
    count: u64,
}

impl PassedOverList {
    fn push(&mut self, path: &Path, reason: impl Into<String>) {
        self.count += 1;
        if self.named.len() < crate::limits::PASSED_OVER {
            self.named.push(PassedOver { path: path.to_owned(), reason: reason.into() });
        }
    }
}

impl Found {
    /// Lists the snapshots, in the order in which they were named or found.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Lists the data directories of nodes around the snapshots, sorted: where `fsm-snap/` or `group-<n>/` is, and each
    /// `group-<n>/` itself. A node's key file lies in them by convention (`format/encryption.md#key-file`).
    #[must_use]
    pub fn data_directories(&self) -> &[PathBuf] {
        &self.data_directories
    }

    /// Lists the places near which a key file is looked for: each snapshot, then each data directory.
    pub fn places(&self) -> impl Iterator<Item = &Path> {
        let files = self.candidates.iter().map(|candidate| candidate.path.as_path());
        files.chain(self.data_directories.iter().map(PathBuf::as_path))
    }

    /// Calls `tell` for each choice that was made in a directory.
    pub fn say(&self, tell: &mut dyn FnMut(Notice<'_>)) {
        for passed in &self.passed_over.named {
            tell(Notice::PassedOver(passed));
        }
        for candidate in self.candidates.iter().filter(|candidate| !candidate.is_named()) {
            tell(Notice::Chosen(candidate));
        }
    }
}

#[cfg(test)]
mod tests;
