//! From what the user named to the snapshots that are read.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::candidate::{Candidate, Origin};
use super::choose::{Standing, choose};
use super::error::{Error, Result};
use super::search::{Holder, Search};
use super::{Found, place, probe};
use crate::container;
use crate::interrupt::Interrupt;
use crate::limits;

impl Found {
    /// Finds the snapshots: a path is a file, `-` for standard input, or a directory that is searched. Of each group
    /// that paths tell, one is left.
    pub fn find(paths: &[PathBuf], interrupt: &Interrupt) -> Result<Self> {
        let mut found = Self::default();
        if paths.iter().filter(|path| is_standard_input(path)).count() > 1 {
            return Err(Error::StandardInput);
        }
        for path in paths {
            if is_searched(path) {
                found.search(path, interrupt)?;
            } else {
                found.name(path);
            }
            found.limit()?;
        }
        found.named_instead();
        let standings: Vec<_> = found.candidates.iter().map(Standing::of).collect();
        let reasons = choose(&found.candidates, &standings, false)?;
        found.pass_over(reasons);
        found.data_directories.sort();
        found.data_directories.dedup();
        Ok(found)
    }

    /// Takes a file that the user named.
    fn name(&mut self, path: &Path) {
        let mut group = None;
        if !is_standard_input(path)
            && let Ok(absolute) = std::path::absolute(path)
            && let Some(directory) = absolute.parent()
        {
            group = place::group_of_directory(directory);
            self.data_directories.extend(place::data_directories(directory));
        }
        let index = container::snapshot_index(path);
        let path = path.to_owned();
        self.candidates.push(Candidate { path, group, index, origin: Origin::Named, before: None });
    }

    /// Takes the snapshots of a directory.
    fn search(&mut self, root: &Path, interrupt: &Interrupt) -> Result<()> {
        let (before, passed_before) = (self.candidates.len(), self.passed_over.count);
        for holder in Search::run(root, &mut self.passed_over, interrupt)? {
            self.data_directories.extend(place::data_directories(&holder.absolute));
            self.take(holder, interrupt)?;
            self.limit()?;
        }
        if self.candidates.len() == before {
            let passed_over = self.passed_over.count - passed_before;
            if container::is_dump(root) {
                return Err(container::Error::dump(root).into());
            }
            return Err(Error::NoSnapshot { directory: root.to_owned(), passed_over });
        }
        Ok(())
    }

    /// Takes the newest complete snapshot of one group's directory; of another directory all that may be one, since
    /// only their contents tell which groups they are of.
    fn take(&mut self, listed: Holder, interrupt: &Interrupt) -> Result<()> {
        let one_groups = place::is_one_groups(&listed.absolute);
        let group = place::group_of_directory(&listed.absolute);
        let origin =
            if one_groups { Origin::GroupDirectory } else { Origin::Directory(listed.directory.clone()) };
        let (mut indexed, mut others) = (Vec::new(), Vec::new());
        for name in listed.names {
            match container::snapshot_index(Path::new(&name)) {
                Some(index) => indexed.push((index, name)),
                None => others.push(name),
            }
        }
        indexed.sort_by(|one, other| other.cmp(one));
        let mut newest: Option<PathBuf> = None;
        for (at, (index, name)) in indexed.iter().enumerate() {
            let path = listed.directory.join(name);
            if let Some(newest) = newest.as_ref().filter(|_| one_groups) {
                self.passed_over.push(&path, format!("older than {}", newest.display()));
            } else if self.may_be_complete(&path, interrupt)? {
                newest = Some(path.clone());
                let older = |(_, name): &(u64, OsString)| listed.directory.join(name);
                let before = indexed.get(at + 1).map(older);
                let (index, origin) = (Some(*index), origin.clone());
                self.candidates.push(Candidate { path, group, index, origin, before });
            }
        }
        for name in others {
            let path = listed.directory.join(name);
            if one_groups && newest.is_some() {
                self.passed_over.push(&path, "its name is no snapshot index (16 hex digits)");
            } else if self.may_be_complete(&path, interrupt)? {
                let origin = origin.clone();
                self.candidates.push(Candidate { path, group, index: None, origin, before: None });
            }
        }
        Ok(())
    }

    fn may_be_complete(&mut self, path: &Path, interrupt: &Interrupt) -> Result<bool> {
        let reason = probe::incomplete(path, interrupt)?;
        if let Some(reason) = &reason {
            self.passed_over.push(path, reason.as_str());
        }
        Ok(reason.is_none())
    }

    /// A file that the user named counts before what was found in its directory.
    fn named_instead(&mut self) {
        let real = |candidate: &Candidate| fs::canonicalize(&candidate.path).ok();
        let named: Vec<PathBuf> =
            self.candidates.iter().filter(|candidate| candidate.is_named()).filter_map(real).collect();
        if named.is_empty() {
            return;
        }
        let reason = |candidate: &Candidate| {
            if candidate.is_named() {
                return None;
            }
            let path = real(candidate)?;
            let one_groups = candidate.origin == Origin::GroupDirectory;
            let instead = named
                .iter()
                .find(|named| **named == path || (one_groups && named.parent() == path.parent()))?;
            Some(format!("{} is named", instead.display()))
        };
        let reasons = self.candidates.iter().map(reason).collect();
        self.pass_over(reasons);
    }

    /// Passes over the candidates that have a reason.
    pub(super) fn pass_over(&mut self, reasons: Vec<Option<String>>) {
        let candidates = std::mem::take(&mut self.candidates);
        for (candidate, reason) in candidates.into_iter().zip(reasons) {
            match reason {
                Some(reason) => self.passed_over.push(&candidate.path, reason),
                None => self.candidates.push(candidate),
            }
        }
    }

    fn limit(&self) -> Result<()> {
        match self.candidates.len() {
            found if found > limits::INPUTS => Err(Error::TooMany { found }),
            _ => Ok(()),
        }
    }
}

/// Whether a directory is a dump, which opening it as a file refuses by that name.
fn is_dump(path: &Path) -> bool {
    path.join("CHECKSUMS").exists() && path.join("MANIFEST.json").exists()
}

/// Whether a path is a directory that is searched for snapshots.
pub(super) fn is_searched(path: &Path) -> bool {
    let is_directory = fs::metadata(path).is_ok_and(|metadata| metadata.is_dir());
    is_directory && !is_standard_input(path) && !is_dump(path)
}

pub(super) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}
