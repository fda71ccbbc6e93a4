//! From the snapshots that were found to a store over one of each group.

use std::path::Path;

use super::candidate::{Candidate, Origin, PassedOver};
use super::choose::{Standing, choose};
use super::error::{Error, Result};
use super::{Found, Notice, order};
use crate::container::Source;
use crate::snapshot::{GroupOrigin, InputInfo, Snapshot, SnapshotOptions};

/// A store, and what was not read into it.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub snapshot: Snapshot,
    /// What was passed over in directories: the first [`crate::limits::PASSED_OVER`].
    pub passed_over: Vec<PassedOver>,
    /// Number of all that was passed over.
    pub passed_over_count: u64,
}

impl Found {
    /// Opens the snapshots, in an order that depends on their contents alone. What their rows tell of their groups may
    /// leave some out: `tell` hears of these. What can be read only once is spooled to `spool`.
    pub fn open(
        mut self,
        spool: &Path,
        options: &SnapshotOptions,
        tell: &mut dyn FnMut(Notice<'_>),
    ) -> Result<Opened> {
        let mut options = options.clone();
        let mut sources = Vec::new();
        for candidate in &self.candidates {
            let source = Source::open_showing(
                &candidate.path,
                spool,
                (&options.interrupt, &options.progress),
                &options.stdin_head,
            );
            sources.push(source.map_err(|error| self.explained(error.into()))?);
        }
        for (candidate, source) in self.candidates.iter_mut().zip(&sources) {
            // A manifest that was named stands for the payload that it tells of.
            source.path().clone_into(&mut candidate.path);
            options.groups.extend(candidate.group.map(|group| (candidate.path.clone(), group)));
        }
        let mut sources = order::sort(sources, &options.interrupt)?;
        loop {
            let snapshot = Snapshot::open(sources, &options).map_err(|error| self.explained(error.into()))?;
            let standings: Vec<_> =
                self.candidates.iter().map(|candidate| standing(candidate, snapshot.inputs())).collect();
            let reasons = choose(&self.candidates, &standings, true)?;
            if reasons.iter().all(Option::is_none) {
                return Ok(Opened {
                    snapshot,
                    passed_over: self.passed_over.named,
                    passed_over_count: self.passed_over.count,
                });
            }
            let said = self.passed_over.named.len();
            self.pass_over(reasons);
            for passed in self.passed_over.named.get(said..).unwrap_or_default() {
                tell(Notice::PassedOver(passed));
            }
            sources = snapshot.into_sources();
            sources.retain(|source| self.candidate(source.path()).is_some());
        }
    }

    fn candidate(&self, path: &Path) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.path == path)
    }

    /// Says how to take another snapshot than one that was chosen in a directory and cannot be read.
    fn explained(&self, error: Error) -> Error {
        let Error::Container(source) = error else { return error };
        let Some(candidate) = self.candidate(&source.path).filter(|candidate| !candidate.is_named()) else {
            return Error::Container(source);
        };
        let directory = candidate.directory().display();
        let hint = match &candidate.before {
            _ if candidate.origin != Origin::GroupDirectory => {
                format!("it was found in {directory}; name the snapshots to read instead of that directory")
            }
            Some(before) => format!(
                "it was chosen as the newest snapshot in {directory}; to take the one before it, name that file as well: \
                 {}",
                before.display()
            ),
            None => format!("it was found in {directory}, where no older snapshot is"),
        };
        Error::Chosen { source: Box::new(source), hint }
    }
}

/// Returns what is known of a candidate now that it was opened.
fn standing(candidate: &Candidate, infos: &[InputInfo]) -> Standing {
    let Some(info) = infos.iter().find(|info| info.path == candidate.path) else {
        return Standing::of(candidate);
    };
    // A group that has no rows yet looks like the timestamp oracle's: that two do is no reason to leave one out.
    let group = info.group.filter(|(_, origin)| *origin != GroupOrigin::Oracle).map(|(group, _)| group);
    Standing { group, index: info.snapshot_index, last_commit_ts: info.last_commit_ts }
}
