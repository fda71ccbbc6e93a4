//! Sorting in bounded memory, with runs in unlinked files.
//!
//! In: (key, value) records in any order. Out: the same, lent one by one in bytewise key order.

mod batch;
mod run;
mod spill;
mod table;

use std::io;
use std::path::PathBuf;

use batch::Batch;
use run::{Merge, Runs};
use spill::Spill;
pub use table::{Table, TableWriter};

use crate::bug::{Bug, Place};
use crate::interrupt::{Interrupt, Interrupted};

/// Most runs that are merged at once.
const FAN_IN: usize = 64;
/// Least and most bytes of the buffer of a run that is merged.
const BUFFER: (usize, usize) = (4 << 10, 128 << 10);

/// Records could not be sorted.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", path.display())]
pub struct Error {
    /// The directory that takes the runs.
    pub path: PathBuf,
    /// What went wrong there.
    pub kind: ErrorKind,
}

/// Why records could not be sorted.
#[derive(Debug, thiserror::Error)]
pub enum ErrorKind {
    /// A run could not be written or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The run of the program was asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// What cannot happen did: the program is to blame.
    #[error(transparent)]
    Internal(#[from] Bug),
}

/// Result of this stage.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where runs go: a directory on the file system of the dump. Cheap to clone. The default is none: everything stays
/// in memory.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    directory: std::sync::Arc<PathBuf>,
    /// Ends every sorter at its next record.
    interrupt: Interrupt,
}

impl Scratch {
    /// Uses `directory` for unlinked temporary files.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory: std::sync::Arc::new(directory), interrupt: Interrupt::default() }
    }

    /// Makes all sorters that use it end with an error once `interrupt` is set: one huge value can be millions of
    /// records.
    #[must_use]
    pub fn polling(self, interrupt: &Interrupt) -> Self {
        Self { interrupt: interrupt.clone(), ..self }
    }

    /// Returns the directory.
    #[must_use]
    pub fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    /// Whether nothing may go to disk.
    pub(crate) fn is_none(&self) -> bool {
        self.directory.as_os_str().is_empty()
    }

    pub(crate) fn error(&self, kind: impl Into<ErrorKind>) -> Error {
        Error { path: (*self.directory).clone(), kind: kind.into() }
    }

    fn check(&self) -> Result<()> {
        self.interrupt.check().map_err(|interrupted| self.error(interrupted))
    }
}

/// Collects (key, value) records and lends them back in bytewise key order; records of one key keep the order
/// in which they came. Holds at most about `memory` bytes and the longest record; more go to runs on disk.
#[derive(Debug)]
pub struct Sorter {
    scratch: Scratch,
    memory: usize,
    length: u64,
    batch: Batch,
    /// Runs on disk: a level holds merged runs of the one before it, which are older. One file a level, so that
    /// the number of open files is the logarithm of the number of runs.
    levels: Vec<Runs>,
    /// The thread that writes the first level; what it has is not in `levels`. Started with the first run.
    spill: Option<Box<Spill>>,
}

impl Sorter {
    /// Returns an empty sorter that holds at most about `memory` bytes.
    #[must_use]
    pub fn new(scratch: &Scratch, memory: usize) -> Self {
        let memory = if scratch.is_none() { usize::MAX } else { memory };
        Self {
            scratch: scratch.clone(),
            memory,
            length: 0,
            batch: Batch::default(),
            levels: Vec::new(),
            spill: None,
        }
    }

    /// Adds a record.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.scratch.check()?;
        let lengths = run::length(key)
            .and_then(|key| Ok((key, run::length(value)?)))
            .map_err(|error| self.scratch.error(error))?;
        let length = key.len().saturating_add(value.len());
        if !self.batch.reserve(length, self.memory) {
            self.spill().map_err(|error| self.scratch.error(error))?;
            self.batch.reserve(length, self.memory);
        }
        self.batch.push(key, value, lengths);
        self.length += 1;
        Ok(())
    }

    /// Returns the number of records.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sorts and lends the records. The sorter is empty and can be filled again once the result is dropped; its
    /// buffers are kept, so a sorter for many small lots costs nothing but the sorting.
    pub fn sort(&mut self) -> Result<Sorted<'_>> {
        let source = self.source()?;
        Ok(Sorted { sorter: self, source, lent: 0 })
    }

    /// Sorts the records and keeps them, for a reader that cannot borrow.
    pub fn into_sorted(mut self) -> Result<OwnedSorted> {
        let source = self.source()?;
        Ok(OwnedSorted { sorter: self, source, lent: 0 })
    }

    fn source(&mut self) -> Result<Source> {
        self.settle().map_err(|error| self.scratch.error(error))?;
        if self.levels.is_empty() {
            self.batch.sort();
            Ok(Source::Batch { next: 0 })
        } else {
            Ok(Source::Merge(self.merge_all().map_err(|error| self.scratch.error(error))?))
        }
    }

    /// Moves the batch to disk, and merges runs where there are too many.
    fn spill(&mut self) -> Result<(), ErrorKind> {
        self.settle()?;
        let runs = level(&mut self.levels, 0, &self.scratch)?;
        if self.spill.is_none() {
            self.spill = spill::start(self.memory);
        }
        if let Some(spill) = &mut self.spill {
            let batch = std::mem::replace(&mut self.batch, std::mem::take(&mut spill.spare));
            return Ok(spill.stage.send((batch, self.levels.remove(0)))?);
        }
        spill::write(&mut self.batch, runs)?;
        self.batch.clear(self.memory);
        self.merge_full()
    }

    /// Takes back what the other thread has.
    fn settle(&mut self) -> Result<(), ErrorKind> {
        let Some(spill) = &mut self.spill else { return Ok(()) };
        let Some((batch, runs, written)) = spill.stage.next()? else {
            return Ok(());
        };
        spill.spare = batch;
        self.levels.insert(0, runs);
        written?;
        self.merge_full()
    }

    /// Merges levels that have too many runs.
    fn merge_full(&mut self) -> Result<(), ErrorKind> {
        let mut full = 0;
        while self.levels.get(full).is_some_and(|runs| self.too_many([runs])) {
            // Merging needs the room that an empty batch would keep.
            if let Some(spill) = &mut self.spill {
                spill.spare = Batch::default();
            }
            if self.batch.is_empty() {
                self.batch = Batch::default();
            }
            self.collapse(full)?;
            full += 1;
        }
        Ok(())
    }

    /// Merges down to as many runs as can be read at once, and opens them.
    fn merge_all(&mut self) -> Result<Merge, ErrorKind> {
        if !self.batch.is_empty() {
            self.spill()?;
        }
        self.settle()?;
        (self.batch, self.spill) = (Batch::default(), None);
        while self.too_many(&self.levels) {
            let Some(lowest) = self.levels.iter().position(|runs| !runs.all.is_empty()) else { break };
            self.collapse(lowest)?;
        }
        Ok(Merge::open(self.levels.iter().enumerate().rev(), self.buffer())?)
    }

    /// Merges all runs of a level into one run of the next.
    fn collapse(&mut self, from: usize) -> Result<(), ErrorKind> {
        let buffer = self.buffer();
        level(&mut self.levels, from + 1, &self.scratch)?;
        let Some((levels, [next, ..])) = self.levels.split_at_mut_checked(from + 1) else {
            return Err(Bug::new("no level takes merged runs").into());
        };
        let mut merge = Merge::open(levels.iter().enumerate().skip(from), buffer)?;
        let mut writer = next.writer();
        while let Some((key, value)) = merge.next(levels, buffer)? {
            self.scratch.interrupt.check()?;
            writer.write(key, value)?;
        }
        writer.finish()?;
        Ok(levels.last_mut().map_or(Ok(()), Runs::clear)?)
    }

    /// Whether more than one run is there, and more than can be read at once.
    fn too_many<'r>(&self, levels: impl IntoIterator<Item = &'r Runs>) -> bool {
        let buffer = self.buffer();
        let (count, memory) =
            levels.into_iter().flat_map(|runs| &runs.all).fold((0, 0_usize), |(count, memory), run| {
                (count + 1, memory.saturating_add(run.longest.max(buffer)))
            });
        let most = (self.memory / buffer).clamp(2, FAN_IN);
        count >= most || count > 1 && memory > self.memory.max(2 * buffer)
    }

    fn buffer(&self) -> usize {
        (self.memory / FAN_IN).clamp(BUFFER.0, BUFFER.1)
    }

    fn clear(&mut self) {
        self.length = 0;
        self.batch.clear(self.memory);
        self.levels.clear();
        self.spill = None;
    }
}

fn level<'l>(levels: &'l mut Vec<Runs>, number: usize, scratch: &Scratch) -> io::Result<&'l mut Runs> {
    if number >= levels.len() {
        levels.push(Runs::new(tempfile::tempfile_in(scratch.directory())?));
    }
    levels.get_mut(number).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The sorted records, lent one by one.
#[derive(Debug)]
pub struct Sorted<'s> {
    sorter: &'s mut Sorter,
    source: Source,
    lent: u64,
}

/// Sorted records together with their sorter.
#[derive(Debug)]
pub struct OwnedSorted {
    sorter: Sorter,
    source: Source,
    lent: u64,
}

#[derive(Debug)]
enum Source {
    Batch { next: usize },
    Merge(Merge),
}

impl Source {
    /// Lends the next record; `lent` counts them.
    fn next<'s>(&'s mut self, sorter: &'s Sorter, lent: &mut u64) -> Result<Option<(&'s [u8], &'s [u8])>> {
        let scratch = &sorter.scratch;
        scratch.check()?;
        let record = match self {
            Self::Batch { next } => {
                let record = sorter.batch.record(*next);
                *next += usize::from(record.is_some());
                record
            }
            Self::Merge(merge) => {
                let buffer = sorter.buffer();
                merge.next(&sorter.levels, buffer).map_err(|error| scratch.error(error))?
            }
        };
        // Whatever would lose a record on its way through batches and runs is seen here.
        match record {
            Some(_) => *lent += 1,
            None if *lent == sorter.length => {}
            None => {
                let lost = Bug::new("a sorter does not give back what it was given");
                return Err(scratch.error(lost.at(Place::Lent(*lent, sorter.length))));
            }
        }
        Ok(record)
    }
}

impl Sorted<'_> {
    /// Lends the next (key, value), valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        self.source.next(self.sorter, &mut self.lent)
    }
}

impl OwnedSorted {
    /// Lends the next (key, value), valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        self.source.next(&self.sorter, &mut self.lent)
    }
}

impl Drop for Sorted<'_> {
    fn drop(&mut self) {
        self.sorter.clear();
    }
}

#[cfg(test)]
mod tests;
