//! Sorting in bounded memory, with runs in unlinked files.
//!
//! In: (key, value) records in any order. Out: the same, lent one by one in bytewise key order.

mod batch;
mod run;

use std::io;
use std::path::PathBuf;

use batch::Batch;
use run::{Merge, Runs};

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
    #[error("{0}")]
    Internal(&'static str),
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
}

impl Sorter {
    /// Returns an empty sorter that holds at most about `memory` bytes.
    #[must_use]
    pub fn new(scratch: &Scratch, memory: usize) -> Self {
        let memory = if scratch.is_none() { usize::MAX } else { memory };
        Self { scratch: scratch.clone(), memory, length: 0, batch: Batch::default(), levels: Vec::new() }
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
        if self.levels.is_empty() {
            self.batch.sort();
            Ok(Source::Batch { next: 0 })
        } else {
            Ok(Source::Merge(self.merge_all().map_err(|error| self.scratch.error(error))?))
        }
    }

    /// Moves the batch to disk, and merges runs where there are too many.
    fn spill(&mut self) -> Result<(), ErrorKind> {
        self.batch.sort();
        let runs = level(&mut self.levels, 0, &self.scratch)?;
        let mut writer = runs.writer();
        let mut place = 0;
        while let Some((key, value)) = self.batch.record(place) {
            writer.write(key, value)?;
            place += 1;
        }
        writer.finish()?;
        self.batch.clear(self.memory);
        let mut full = 0;
        while self.levels.get(full).is_some_and(|runs| self.too_many([runs])) {
            // Merging needs the room that the batch would keep.
            self.batch = Batch::default();
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
        self.batch = Batch::default();
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
            return Err(ErrorKind::Internal("no level takes merged runs"));
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
                let lost = ErrorKind::Internal("a sorter does not give back what it was given");
                return Err(scratch.error(lost));
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Records = Vec<(Vec<u8>, Vec<u8>)>;

    fn scratch() -> (tempfile::TempDir, Scratch) {
        let directory = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(directory.path().to_owned());
        (directory, scratch)
    }

    fn drain(sorter: &mut Sorter) -> Records {
        let mut lent = sorter.sort().unwrap();
        let mut records = Vec::new();
        while let Some((key, value)) = lent.next().unwrap() {
            records.push((key.to_vec(), value.to_vec()));
        }
        assert!(lent.next().unwrap().is_none());
        records
    }

    fn fill(sorter: &mut Sorter, records: &Records) {
        for (key, value) in records {
            sorter.push(key, value).unwrap();
        }
    }

    #[test]
    fn a_record_that_is_lost_on_the_way_is_an_error() {
        let (_directory, scratch) = scratch();
        for memory in [1 << 20, 1 << 10] {
            let mut sorter = Sorter::new(&scratch, memory);
            for number in 0..200_u32 {
                sorter.push(&number.to_be_bytes(), b"value").unwrap();
            }
            assert_eq!(sorter.levels.is_empty(), memory == 1 << 20);
            // As if one more had come and was dropped.
            sorter.length += 1;
            let mut lent = sorter.sort().unwrap();
            let error = loop {
                match lent.next() {
                    Ok(record) => assert!(record.is_some(), "the end came without a word"),
                    Err(error) => break error,
                }
            };
            assert!(matches!(error.kind, ErrorKind::Internal(_)));
            assert!(matches!(crate::Error::from(error), crate::Error::Internal { .. }));
        }
    }

    #[test]
    fn several_levels_of_runs_lose_nothing_and_keep_the_order_of_equal_keys() {
        let (directory, scratch) = scratch();
        let mut sorter = Sorter::new(&scratch, 1 << 10);
        let mut state = 1_u32;
        let mut records: Records = (0..5000_u32)
            .map(|number| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 20).to_be_bytes().to_vec(), number.to_be_bytes().to_vec())
            })
            .collect();
        fill(&mut sorter, &records);
        assert!(sorter.levels.len() > 3, "{} levels", sorter.levels.len());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "runs have no name");
        records.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(sorter.len(), 5000);
        assert_eq!(drain(&mut sorter), records);
        assert!(sorter.is_empty());
        assert_eq!(drain(&mut sorter), []);
    }

    #[test]
    fn a_record_longer_than_the_memory_is_kept() {
        let (_directory, scratch) = scratch();
        let mut sorter = Sorter::new(&scratch, 1 << 10);
        let records: Records =
            [9_u8, 3, 7, 1, 5].iter().map(|&byte| (vec![byte; 100_000], vec![byte; 70_000])).collect();
        fill(&mut sorter, &records);
        let keys: Vec<u8> = drain(&mut sorter).iter().map(|(key, _)| key[99_999]).collect();
        assert_eq!(keys, [1, 3, 5, 7, 9]);
    }

    #[test]
    fn a_scratch_directory_that_is_gone_is_an_error_with_its_path() {
        let (directory, scratch) = scratch();
        let path = directory.path().to_owned();
        drop(directory);
        let mut sorter = Sorter::new(&scratch, 100);
        let error = (0..100).find_map(|_| sorter.push(b"key", b"value").err()).unwrap();
        assert_eq!(error.path, path);
    }

    #[test]
    fn an_interrupt_ends_pushing_sorting_and_reading() {
        use std::sync::atomic::Ordering;

        let (_directory, scratch) = scratch();
        for memory in [300, 1 << 20] {
            let interrupt = Interrupt::default();
            let mut sorter = Sorter::new(&scratch.clone().polling(&interrupt), memory);
            let is_interrupted = |error: Error| matches!(error.kind, ErrorKind::Interrupted(interrupted) if interrupted.0 == 15);
            fill(&mut sorter, &vec![(b"k".to_vec(), b"v".to_vec()); 100]);
            let mut lent = sorter.sort().unwrap();
            assert!(lent.next().unwrap().is_some());
            interrupt.flag().store(15, Ordering::Relaxed);
            assert!(lent.next().is_err_and(is_interrupted));
            drop(lent);
            assert!(sorter.push(b"k", b"v").is_err_and(is_interrupted));
        }
    }

    #[test]
    fn a_result_that_is_not_read_to_its_end_empties_the_sorter() {
        let (_directory, scratch) = scratch();
        for memory in [300, 1 << 20] {
            let mut sorter = Sorter::new(&scratch, memory);
            fill(&mut sorter, &vec![(b"k".to_vec(), b"v".to_vec()); 100]);
            assert!(sorter.sort().unwrap().next().unwrap().is_some());
            sorter.push(b"one", b"").unwrap();
            assert_eq!(drain(&mut sorter), [(b"one".to_vec(), Vec::new())]);
        }
    }

    proptest! {
        #[test]
        fn sorting_agrees_with_a_stable_sort(
            lots in proptest::collection::vec(
                proptest::collection::vec(
                    (proptest::collection::vec(0_u8..3, 0..6), proptest::collection::vec(any::<u8>(), 0..40)),
                    0..300,
                ),
                1..3,
            ),
            memory in prop_oneof![Just(1_usize), Just(600), Just(5000), Just(1 << 20)],
        ) {
            let (_directory, scratch) = scratch();
            let mut sorter = Sorter::new(&scratch, memory);
            for mut records in lots {
                fill(&mut sorter, &records);
                records.sort_by(|one, other| one.0.cmp(&other.0));
                prop_assert_eq!(drain(&mut sorter), records);
            }
        }
    }
}
