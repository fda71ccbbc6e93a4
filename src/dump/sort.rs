//! Sorting in bounded memory, with runs in unlinked files.

use std::path::PathBuf;

use super::Result;

/// Where runs go: a directory on the file system of the dump. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scratch(std::sync::Arc<PathBuf>);

impl Scratch {
    /// Uses `directory` for unlinked temporary files.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self(std::sync::Arc::new(directory))
    }
}

/// Collects (key, value) records and lends them back in bytewise key order; records of one key keep the order
/// in which they came. Holds at most about `memory` bytes; more go to runs on disk.
#[derive(Debug)]
pub struct Sorter {
    scratch: Scratch,
    memory: usize,
}

impl Sorter {
    /// Returns an empty sorter that holds at most about `memory` bytes.
    #[must_use]
    pub fn new(scratch: &Scratch, memory: usize) -> Self {
        Self { scratch: scratch.clone(), memory }
    }

    /// Adds a record.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let _ = (key, value, &self.scratch, self.memory);
        todo!()
    }

    /// Returns the number of records.
    #[must_use]
    pub fn len(&self) -> u64 {
        todo!()
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sorts and lends the records. The sorter is empty and can be filled again once the result is dropped; its
    /// buffers are kept, so a sorter for many small lots costs nothing but the sorting.
    pub fn sort(&mut self) -> Result<Sorted<'_>> {
        todo!()
    }
}

/// The sorted records, lent one by one.
#[derive(Debug)]
pub struct Sorted<'s> {
    sorter: &'s mut Sorter,
}

impl Sorted<'_> {
    /// Lends the next (key, value), valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        let _ = &self.sorter;
        todo!()
    }
}
