//! A walk over the rows of all tables.

use super::audit::Audit;
use super::block::Block;
use super::bundle::Bundle;
use super::corrupt;
use super::digest::Digests;
use super::entries::Entries;
use super::handle::Handle;
use super::index::Index;
use super::table::Table;
use crate::container::ahead::Ahead;
use crate::container::footer::Checksum;
use crate::container::window::Window;
use crate::container::{Error, ErrorKind, Position, Source};
use crate::limits;

/// Trailer of every key: sequence number 0, kind 1 (`Set`).
const SET: u64 = 1;

/// A walk over rows in file order. Each block is read, checked and decompressed as a whole.
#[derive(Debug)]
pub(in crate::container) struct Rows<'s> {
    source: &'s Source,
    bundle: &'s Bundle,
    window: Window<'s>,
    /// What is to be done before the next row.
    pending: Option<Seek>,
    /// Index of the current table.
    table: usize,
    index: Option<Index>,
    block: Block,
    entries: Entries,
    /// Offset of the current block in the input, and its length without trailer; 0 before a table's first.
    offset: u64,
    stored: u32,
    /// Entries before this one are passed over.
    skip: usize,
    end: Position,
    audit: Option<Audit>,
}

/// Where a walk begins.
#[derive(Debug)]
enum Seek {
    /// At a row, or at the first byte of a table.
    To(Position),
    /// At the first block that can hold a key or a greater one.
    Key(Vec<u8>),
}

impl<'s> Rows<'s> {
    /// Walks the rows between two positions that a walk gave.
    pub(in crate::container) fn between(
        source: &'s Source,
        bundle: &'s Bundle,
        start: Position,
        end: Position,
    ) -> Self {
        let window = Window::new(source, limit(end));
        Self::new(source, bundle, window, Seek::To(start), end)
    }

    /// Walks all rows for the first time, checks what is to be checked, and hashes the file on the way.
    pub(in crate::container) fn first(source: &'s Source, bundle: &'s Bundle, ahead: Option<Ahead>) -> Self {
        let window = Window::hashing_ahead(source, ahead).with_digests(Digests::new(bundle));
        let (start, end) = (Position::at(bundle.start()), Position::at(bundle.end()));
        Self { audit: Some(Audit::default()), ..Self::new(source, bundle, window, Seek::To(start), end) }
    }

    fn new(source: &'s Source, bundle: &'s Bundle, window: Window<'s>, seek: Seek, end: Position) -> Self {
        Self {
            source,
            bundle,
            window,
            pending: Some(seek),
            table: 0,
            index: None,
            block: Block::default(),
            entries: Entries::default(),
            offset: 0,
            stored: 0,
            skip: 0,
            end,
            audit: None,
        }
    }

    /// Goes on at another stretch.
    pub(in crate::container) fn seek(&mut self, start: Position, end: Position) {
        self.window.set_limit(limit(end));
        (self.pending, self.end) = (Some(Seek::To(start)), end);
    }

    /// Goes on at the first block that can hold an encoded key or a greater one.
    pub(in crate::container) fn seek_key(&mut self, target: &[u8], end: Position) {
        self.window.set_limit(limit(end));
        (self.pending, self.end) = (Some(Seek::Key(target.to_vec())), end);
    }

    /// Makes the next row current; `false` at the end.
    #[inline]
    pub(in crate::container) fn advance(&mut self) -> Result<bool, Error> {
        if let Some(seek) = self.pending.take() {
            self.begin(seek)?;
        }
        loop {
            match self.entries.advance(&self.block) {
                Ok(true) if self.entries.at() < self.skip => {}
                Ok(true) => return self.row(),
                Ok(false) => {
                    if !self.next_block()? {
                        return Ok(false);
                    }
                }
                Err(kind) => return Err(self.block_error(kind)),
            }
        }
    }

    /// Checks the current entry; `false` when it is behind the end.
    #[inline]
    fn row(&mut self) -> Result<bool, Error> {
        if self.position() >= self.end {
            // It stays behind the end however often one asks.
            self.pending = Some(Seek::To(self.position()));
            return Ok(false);
        }
        let value = self.entries.value(&self.block);
        let Some(((key, SET), (0x00..=0x3f, value))) =
            self.entries.split_key().zip(value.split_first().map(|(prefix, value)| (*prefix, value)))
        else {
            return Err(self.error(self.refused()));
        };
        if let (Some(audit), Some(table)) = (&mut self.audit, self.bundle.tables().get(self.table)) {
            let checked = audit.row(table, self.index.as_ref(), key, value.len());
            checked.map_err(|kind| self.error(kind))?;
        }
        Ok(true)
    }

    /// Says why the current entry is no row.
    #[cold]
    fn refused(&self) -> ErrorKind {
        let Some((_, trailer)) = self.entries.split_key() else {
            return corrupt("a key without its trailer");
        };
        let (kind, sequence) = (trailer & 0xff, trailer >> 8);
        let unsupported = |what, expected, found| ErrorKind::UnsupportedFormat { what, expected, found };
        match self.entries.value(&self.block).first() {
            _ if kind != SET => unsupported("entry kind", "1 (set)", kind),
            _ if sequence != 0 => unsupported("sequence number", "0", sequence),
            Some(prefix) => unsupported("value prefix", "00 (in place)", (prefix >> 6).into()),
            None => corrupt("a value without its prefix"),
        }
    }

    /// Finds where a walk begins.
    fn begin(&mut self, seek: Seek) -> Result<(), Error> {
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

    /// Goes to the beginning of a table, before its first block.
    fn enter(&mut self, table: usize) {
        self.table = table;
        self.index = None;
        self.stored = 0;
        self.offset = self.bundle.tables().get(table).map_or(self.bundle.end(), |table| table.start);
        self.block.clear();
        self.entries.restart();
    }

    /// Loads the next block; `false` at the end.
    fn next_block(&mut self) -> Result<bool, Error> {
        self.skip = 0;
        loop {
            let Some(table) = self.bundle.tables().get(self.table) else { return self.all_ended() };
            // Blocks follow each other, so the offset of the next one is known.
            let next = if self.stored == 0 { self.offset } else { after(self.offset, self.stored) };
            if self.audit.is_none() && Position::at(next) >= self.end {
                return Ok(false);
            }
            let mut index = match self.index.take() {
                Some(index) => index,
                None => self.index_here(table)?,
            };
            let loaded = self.follow(table, &mut index, next);
            self.index = Some(index);
            if loaded? {
                return Ok(true);
            }
            self.table_ended(table, next)?;
        }
    }

    /// Returns the index of the table, at the current block.
    fn index_here(&self, table: &Table) -> Result<Index, Error> {
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

    /// Goes on in the index and loads that block; `false` at the end of the table.
    fn follow(&mut self, table: &Table, index: &mut Index, next: u64) -> Result<bool, Error> {
        if self.stored != 0
            && let Some(audit) = &self.audit
        {
            let last = self.entries.split_key().map_or(&[][..], |(key, _)| key);
            audit.block_ends(index, last).map_err(|kind| self.block_error(kind))?;
        }
        let Some(handle) = index.next(self.source, table)? else { return Ok(false) };
        if handle.offset.checked_add(table.start) != Some(next) {
            let (found, expected) = (handle.offset, next - table.start);
            let kind = corrupt(format!("a block at {found:#x}, where the one before ends at {expected:#x}"));
            return Err(table.error(self.source, found, kind));
        }
        self.load(table, handle)?;
        if let Some(audit) = &mut self.audit {
            audit.block();
        }
        Ok(true)
    }

    /// Loads a block of the current table and goes to its beginning.
    fn load(&mut self, table: &Table, handle: Handle) -> Result<(), Error> {
        let error = |kind| table.error(self.source, handle.offset, kind);
        self.entries.restart();
        self.block.clear();
        let len = table.stored_len(handle, limits::TABLE_BLOCK).map_err(error)?;
        self.offset = table.start.saturating_add(handle.offset);
        self.stored = u32::try_from(handle.len).unwrap_or(u32::MAX);
        if self.stored == 0 {
            return Err(error(corrupt("a block of length 0")));
        }
        let stored = self.window.bytes(self.offset, len)?;
        self.block.load(stored).map_err(error)
    }

    /// Ends a table and goes on to the next one.
    fn table_ended(&mut self, table: &Table, data_end: u64) -> Result<(), Error> {
        if let (Some(audit), Some(index)) = (&mut self.audit, &self.index) {
            let last = self.entries.split_key().map_or(&[][..], |(key, _)| key);
            let ended = audit.table_ends(table, index, last, data_end - table.start);
            ended.map_err(|kind| table.error(self.source, 0, kind))?;
            self.window.bytes(table.end, 0)?;
            self.check_digest(table)?;
        }
        self.enter(self.table + 1);
        Ok(())
    }

    fn check_digest(&self, table: &Table) -> Result<(), Error> {
        match self.window.digests().map(Digests::outcome) {
            Some((hashed, None)) if hashed > table.number => Ok(()),
            Some((_, Some((_, found)))) => {
                let (expected, found) = (hex::encode(table.sha256), hex::encode(found));
                let kind = ErrorKind::DigestMismatch { what: "the table", expected, found };
                Err(table.error(self.source, 0, kind))
            }
            _ => Err(table.error(self.source, 0, corrupt("a table that was not hashed"))),
        }
    }

    /// Ends the walk after the last table.
    fn all_ended(&mut self) -> Result<bool, Error> {
        if let Some(audit) = &self.audit {
            audit.ends(self.bundle).map_err(|kind| self.source.error(self.bundle.start(), kind))?;
        }
        Ok(false)
    }

    /// A first walk found index and rows to agree.
    #[cold]
    fn disagrees(&self, table: &Table) -> Error {
        table.error(self.source, table.index.offset, corrupt("the index does not lead to a key of the table"))
    }

    #[cold]
    fn block_error(&self, kind: ErrorKind) -> Error {
        match self.bundle.tables().get(self.table) {
            Some(table) => table.error(self.source, self.offset.saturating_sub(table.start), kind),
            None => self.source.error(self.offset, kind),
        }
    }

    /// Returns the error that the current row is.
    #[cold]
    pub(in crate::container) fn error(&self, kind: ErrorKind) -> Error {
        self.bundle.error(self.source, self.position(), kind)
    }

    fn in_block(&self, entry: usize) -> Position {
        Position::in_block(self.offset, self.stored, u32::try_from(entry).unwrap_or(u32::MAX))
    }

    /// Returns the position of the current row.
    #[inline]
    pub(in crate::container) fn position(&self) -> Position {
        self.in_block(self.entries.at())
    }

    /// Returns the position of the current row, and the one after it.
    #[inline]
    pub(in crate::container) fn span(&self) -> (Position, Position) {
        (self.position(), self.in_block(self.entries.next()))
    }

    /// Returns the encoded key of the current row.
    #[inline]
    pub(in crate::container) fn key(&self) -> &[u8] {
        self.entries.split_key().map_or(&[], |(key, _)| key)
    }

    /// Returns the encoded value of the current row.
    #[inline]
    pub(in crate::container) fn value(&self) -> &[u8] {
        self.entries.value(&self.block).get(1..).unwrap_or_default()
    }

    /// Hashes some more of what is left of the file; `false` when nothing is left.
    pub(in crate::container) fn pass_on(&mut self) -> Result<bool, Error> {
        self.window.pass_on()
    }

    /// Reads what is left of the file; returns the offset after the last table and the checksum.
    pub(in crate::container) fn finish(&mut self) -> Result<(u64, Option<Checksum>), Error> {
        Ok((self.bundle.end(), self.window.finish()?))
    }
}

/// Returns the offset after a block and its trailer.
fn after(offset: u64, stored: u32) -> u64 {
    offset.saturating_add(Block::stored_len(stored.into()))
}

/// Returns the offset up to which a walk that ends there reads.
fn limit(end: Position) -> u64 {
    if end.block() == 0 { end.offset() } else { after(end.offset(), end.block()) }
}
