//! Where a walk begins: at a position, or at a key through the tables' own indexes.

use super::Rows;
use crate::container::sst::handle::Handle;
use crate::container::sst::index::Index;
use crate::container::sst::table::Table;
use crate::container::{Error, Position};

/// Where a walk begins.
#[derive(Debug)]
pub(super) enum Seek {
    /// At a row, or at the first byte of a table.
    To(Position),
    /// At the first block that can hold a key or a greater one.
    Key(Vec<u8>),
}

impl Rows<'_> {
    /// Finds where a walk begins.
    pub(super) fn begin(&mut self, seek: Seek) -> Result<(), Error> {
        match seek {
            Seek::To(start) => self.begin_at(start),
            Seek::Key(target) => self.begin_with(&target),
        }
    }

    fn begin_at(&mut self, start: Position) -> Result<(), Error> {
        let loaded = self.stored != 0 && (self.offset, self.stored) == (start.offset(), start.block());
        self.skip = usize::try_from(start.entry()).unwrap_or(usize::MAX);
        if loaded {
            self.entries.restart();
            return Ok(());
        }
        self.enter(self.bundle.table_at(start.offset()));
        let Some(table) = self.bundle.tables().get(self.table) else { return Ok(()) };
        if start.block() == 0 {
            return Ok(());
        }
        let handle = Handle { offset: start.offset() - table.start, len: start.block().into() };
        self.load(table, handle)
    }

    fn begin_with(&mut self, target: &[u8]) -> Result<(), Error> {
        let tables = self.bundle.tables();
        self.enter(tables.partition_point(|table| table.largest.as_slice() < target));
        self.skip = 0;
        let Some(table) = tables.get(self.table) else { return Ok(()) };
        let mut index = Index::open(self.source, table)?;
        let found = index.find(self.source, table, target)?;
        self.index = Some(index);
        match found {
            Some(handle) => self.load(table, handle),
            None => Err(self.disagrees(table)),
        }
    }

    /// Returns the index of the table, at the current block.
    pub(super) fn index_here(&self, table: &Table) -> Result<Index, Error> {
        let mut index = Index::open(self.source, table)?;
        if self.stored != 0 {
            let here = Handle { offset: self.offset - table.start, len: self.stored.into() };
            let last = self.entries.split_key().map_or(&[][..], |(key, _)| key);
            if index.find(self.source, table, last)? != Some(here) {
                return Err(self.disagrees(table));
            }
        }
        Ok(index)
    }
}
