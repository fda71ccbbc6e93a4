//! The index of a table: which block holds which keys, on one level or two (`format/container.md#tables-of-a-bundle`).

use super::block::Block;
use super::corrupt;
use super::entries::Entries;
use super::handle::Handle;
use super::table::Table;
use crate::container::{Error, ErrorKind, Source};
use crate::limits;

/// A walk over the data blocks of a table, in order. Separators are given without their trailers.
#[derive(Debug)]
pub(super) struct Index {
    top: Option<Level>,
    leaf: Level,
    /// What every key of the current block must exceed, unless it is the table's first.
    passed: Option<Vec<u8>>,
    /// Offset in the table of the lowest index block, and after the one read last.
    lowest: u64,
    read_up_to: u64,
}

/// A block of the index and where a walk is in it.
#[derive(Debug, Default)]
struct Level {
    handle: Option<Handle>,
    block: Block,
    entries: Entries,
}

impl Level {
    fn read(&mut self, source: &Source, table: &Table, handle: Handle) -> Result<(), Error> {
        self.handle = Some(handle);
        self.entries.restart();
        table.read(source, handle, limits::TABLE_BLOCK, &mut self.block)
    }

    /// Makes the next entry current and returns its handle; block properties may follow it.
    fn next(&mut self) -> Result<Option<Handle>, ErrorKind> {
        if !self.entries.advance(self.block.entries())? {
            return Ok(None);
        }
        let handle = Handle::take(&mut self.entries.value(self.block.entries()));
        let broken = || corrupt("an index entry without a handle or a key");
        self.entries.split_key().ok_or_else(broken)?;
        handle.map(Some).ok_or_else(broken)
    }

    fn separator(&self) -> &[u8] {
        self.entries.split_key().map_or(&[], |(key, _)| key)
    }

    fn error(&self, source: &Source, table: &Table, kind: ErrorKind) -> Error {
        table.error(source, self.handle.map_or(0, |handle| handle.offset), kind)
    }
}

impl Index {
    /// Reads the index of a table, of two levels the upper one; the walk is before the first block.
    pub(super) fn open(source: &Source, table: &Table) -> Result<Self, Error> {
        let mut first = Level::default();
        first.read(source, table, table.index)?;
        let (top, leaf) = if table.two_levels { (Some(first), Level::default()) } else { (None, first) };
        let lowest = table.index.offset;
        Ok(Self { top, leaf, passed: None, lowest, read_up_to: 0 })
    }

    /// Goes on to the first block from here that can hold the key `target` or a greater one; `None` when there is
    /// none.
    pub(super) fn find(
        &mut self,
        source: &Source,
        table: &Table,
        target: &[u8],
    ) -> Result<Option<Handle>, Error> {
        if let Some(top) = &mut self.top {
            loop {
                let next = top.next().map_err(|kind| top.error(source, table, kind))?;
                let Some(handle) = next else { return Ok(None) };
                if top.separator() >= target {
                    self.leaf.read(source, table, handle)?;
                    break;
                }
            }
        }
        while let Some(handle) = self.next(source, table)? {
            if self.leaf.separator() >= target {
                return Ok(Some(handle));
            }
        }
        Ok(None)
    }

    /// Goes on to the next block; `None` at the end of the table.
    pub(super) fn next(&mut self, source: &Source, table: &Table) -> Result<Option<Handle>, Error> {
        if self.leaf.handle.is_some() && !self.leaf.separator().is_empty() {
            self.passed.get_or_insert_default().clear();
            self.passed.get_or_insert_default().extend_from_slice(self.leaf.separator());
        }
        let next = self.leaf.next().map_err(|kind| self.leaf.error(source, table, kind))?;
        match (next, &self.top) {
            (Some(handle), _) => Ok(Some(handle)),
            (None, Some(_)) => self.next_leaf(source, table),
            (None, None) => Ok(None),
        }
    }

    /// Goes on to the first data block of the next block of the lower level.
    fn next_leaf(&mut self, source: &Source, table: &Table) -> Result<Option<Handle>, Error> {
        let Some(top) = &mut self.top else { return Ok(None) };
        if self.leaf.handle.is_some() {
            if self.leaf.separator() > top.separator() {
                let kind = corrupt("the upper level of the index ends before the lower one");
                return Err(top.error(source, table, kind));
            }
            self.passed = Some(top.separator().to_vec());
        }
        let Some(handle) = top.next().map_err(|kind| top.error(source, table, kind))? else {
            return Ok(None);
        };
        // In order, so that no walk reads a block twice.
        if handle.offset < self.read_up_to {
            let kind =
                corrupt(format!("an index block at {:#x} overlaps with the one before", handle.offset));
            return Err(top.error(source, table, kind));
        }
        self.lowest = self.lowest.min(handle.offset);
        self.read_up_to = handle.end().unwrap_or(u64::MAX);
        self.leaf.read(source, table, handle)?;
        match self.leaf.next().map_err(|kind| self.leaf.error(source, table, kind))? {
            Some(handle) => Ok(Some(handle)),
            None => Err(self.leaf.error(source, table, corrupt("an index block without entries"))),
        }
    }

    /// Returns the key that no key of the current block exceeds.
    pub(super) fn separator(&self) -> &[u8] {
        self.leaf.separator()
    }

    /// Returns the key that every key of the current block must exceed; `None` in a table's first block.
    pub(super) fn passed(&self) -> Option<&[u8]> {
        self.passed.as_deref()
    }

    /// Returns the offset in the table of the lowest index block that was read.
    pub(super) fn lowest(&self) -> u64 {
        self.lowest
    }
}
