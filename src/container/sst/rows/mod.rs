//! A walk over the rows of all tables.

mod seek;

use std::thread::Scope;

use super::audit::Audit;
use super::block::Block;
use super::bundle::Bundle;
use super::corrupt;
use super::digest::Digests;
use super::entries::Entries;
use super::handle::Handle;
use super::index::Index;
use super::table::Table;
use seek::Seek;

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
    /// The current block, or where its entries stand in the window: place in its buffer and length.
    block: Block,
    lent: Option<(usize, usize)>,
    entries: Entries,
    /// Offset of the current block in the input, and its length without trailer; 0 before a table's first.
    offset: u64,
    stored: u32,
    /// Entries before this one are passed over.
    skip: usize,
    end: Position,
    /// Of a first walk.
    audit: Option<Audit>,
    digests: Option<Digests<'s>>,
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

    /// Walks all rows for the first time, checks what is to be checked, and hashes the file on the way, with threads
    /// of `scope`.
    pub(in crate::container) fn first<'scope>(
        source: &'s Source,
        bundle: &'s Bundle,
        scope: Option<&'scope Scope<'scope, 's>>,
    ) -> Self {
        let ahead = scope.and_then(|scope| Ahead::start(source, scope));
        let window = Window::hashing_ahead(source, ahead);
        let (start, end) = (Position::at(bundle.start()), Position::at(bundle.end()));
        let rows = Self::new(source, bundle, window, Seek::To(start), end);
        let digests = Some(Digests::start(source, bundle, scope));
        Self { audit: Some(Audit::default()), digests, ..rows }
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
            lent: None,
            entries: Entries::default(),
            offset: 0,
            stored: 0,
            skip: 0,
            end,
            audit: None,
            digests: None,
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
        self.step().map_err(|error| self.first_of(error))
    }

    #[inline]
    fn step(&mut self) -> Result<bool, Error> {
        if let Some(seek) = self.pending.take() {
            self.begin(seek)?;
        }
        loop {
            match self.entries.advance(entries(&self.window, &self.block, self.lent)) {
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

    /// Returns the current entry's value, with its prefix.
    #[inline]
    fn prefixed_value(&self) -> &[u8] {
        self.entries.value(entries(&self.window, &self.block, self.lent))
    }

    /// Checks the current entry; `false` when it is behind the end.
    #[inline]
    fn row(&mut self) -> Result<bool, Error> {
        if self.position() >= self.end {
            // It stays behind the end however often one asks.
            self.pending = Some(Seek::To(self.position()));
            return Ok(false);
        }
        let value = self.entries.value(entries(&self.window, &self.block, self.lent));
        let Some(((key, SET), (0x00..=0x3f, value))) =
            self.entries.split_key().zip(value.split_first().map(|(prefix, value)| (*prefix, value)))
        else {
            return Err(self.row_error(self.refused()));
        };
        if let (Some(audit), Some(table)) = (&mut self.audit, self.bundle.tables().get(self.table)) {
            let checked = audit.row(table, self.index.as_ref(), key, value.len());
            checked.map_err(|kind| self.row_error(kind))?;
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
        match self.prefixed_value().first() {
            _ if kind != SET => unsupported("entry kind", "1 (set)", kind),
            _ if sequence != 0 => unsupported("sequence number", "0", sequence),
            Some(prefix) => unsupported("value prefix", "00 (in place)", (prefix >> 6).into()),
            None => corrupt("a value without its prefix"),
        }
    }

    /// Goes to the beginning of a table, before its first block.
    fn enter(&mut self, table: usize) {
        self.table = table;
        self.index = None;
        self.stored = 0;
        self.offset = self.bundle.tables().get(table).map_or(self.bundle.end(), |table| table.start);
        self.clear();
    }

    /// Forgets the current block.
    fn clear(&mut self) {
        self.entries.restart();
        self.block.clear();
        self.lent = None;
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
        self.clear();
        let len = table.stored_len(handle, limits::TABLE_BLOCK).map_err(error)?;
        self.offset = table.start.saturating_add(handle.offset);
        self.stored = u32::try_from(handle.len).unwrap_or(u32::MAX);
        if self.stored == 0 {
            return Err(error(corrupt("a block of length 0")));
        }
        let stored = self.window.bytes(self.offset, len)?;
        let lent = self.block.load_or_lend(stored).map_err(error)?;
        let at = self.window.place(self.offset)?;
        self.lent = lent.map(|rows_end| (at, rows_end));
        Ok(())
    }

    /// Ends a table and goes on to the next one.
    fn table_ended(&mut self, table: &Table, data_end: u64) -> Result<(), Error> {
        if let (Some(audit), Some(index)) = (&mut self.audit, &self.index) {
            let last = self.entries.split_key().map_or(&[][..], |(key, _)| key);
            let ended = audit.table_ends(table, index, last, data_end - table.start);
            ended.map_err(|kind| table.error(self.source, 0, kind))?;
        }
        if let Some(digests) = &self.digests {
            digests.walked(self.table)?;
        }
        self.enter(self.table + 1);
        Ok(())
    }

    /// Ends the walk after the last table.
    fn all_ended(&mut self) -> Result<bool, Error> {
        if let Some(digests) = &self.digests {
            digests.settle(self.table)?;
        }
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

    #[cold]
    fn row_error(&self, kind: ErrorKind) -> Error {
        self.bundle.error(self.source, self.position(), kind)
    }

    /// Returns the error that the current row is, or that a table before it is.
    #[cold]
    pub(in crate::container) fn error(&self, kind: ErrorKind) -> Error {
        self.first_of(self.row_error(kind))
    }

    /// Returns the first error of the file: digests of earlier tables may not be known yet.
    #[cold]
    fn first_of(&self, error: Error) -> Error {
        match &self.digests {
            Some(digests) if !matches!(error.kind, ErrorKind::Interrupted(_)) => {
                digests.settle(self.table).err().unwrap_or(error)
            }
            _ => error,
        }
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
        self.prefixed_value().get(1..).unwrap_or_default()
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

/// Returns the entries of the current block.
#[inline]
fn entries<'b>(window: &'b Window<'_>, block: &'b Block, lent: Option<(usize, usize)>) -> &'b [u8] {
    lent.map_or_else(|| block.entries(), |(at, len)| window.at(at, len))
}

/// Returns the offset after a block and its trailer.
fn after(offset: u64, stored: u32) -> u64 {
    offset.saturating_add(Block::stored_len(stored.into()))
}

/// Returns the offset up to which a walk that ends there reads.
fn limit(end: Position) -> u64 {
    if end.block() == 0 { end.offset() } else { after(end.offset(), end.block()) }
}
