//! One input after the first pass, and single rows of it.

use std::sync::Arc;

use super::Result;
use super::first_pass::Catalog;
use super::probe::Probe;
use super::read_view::ReadView;
use super::scan::Met;
use crate::container::{self, ErrorKind, Payload, Position, RowHeader, Rows, Source};
use crate::interrupt::Interrupt;

/// A source and what the first pass learnt about it.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) source: Arc<Source>,
    pub(super) catalog: Catalog,
}

impl Input {
    /// Whether rows stand in the order of encoded keys; else in that of user keys.
    #[inline]
    pub(super) fn is_native(&self) -> bool {
        self.catalog.contents.payload() != Payload::Memory
    }

    /// Begins a walk that meets every row from the key `target` on: an encoded key, or a beginning of one; in
    /// `EKVMVCC2` a user key.
    pub(super) fn walk_from(&self, target: &[u8]) -> Rows<'_> {
        let end = self.catalog.end;
        let mut rows = self.between(end, end);
        self.go_to(&mut rows, target);
        rows
    }

    /// Lets a walk go on as one that begins at this key.
    pub(super) fn go_to(&self, rows: &mut Rows<'_>, target: &[u8]) {
        if !rows.seek_key(target, self.catalog.end) {
            rows.seek(self.near(target), self.catalog.end);
        }
    }

    /// Returns a position that the sparse index has at or before the key `target`.
    pub(super) fn near(&self, target: &[u8]) -> Position {
        self.catalog.index.at_or_before(target).unwrap_or(self.catalog.start)
    }

    /// Begins a walk between two positions.
    pub(super) fn between(&self, start: Position, end: Position) -> Rows<'_> {
        Rows::between(&self.source, &self.catalog.contents, start, end)
    }

    /// Returns the error that the row at this position is.
    pub(super) fn error(&self, position: Position, kind: ErrorKind) -> container::Error {
        self.catalog.contents.error(&self.source, position, kind)
    }

    /// Returns the error that the input is when it reads otherwise than in the first pass.
    #[cold]
    pub(super) fn differs(&self, offset: u64, what: &str) -> container::Error {
        self.source.error(offset, ErrorKind::Changed { what: what.to_owned() })
    }

    /// Fails where a scan met other rows than the first pass.
    pub(super) fn check_met(&self, expected: Met, met: Met, at: Position) -> Result<()> {
        if expected == met {
            return Ok(());
        }
        let what = if expected.rows == met.rows {
            "rows of a family do not say what they said".to_owned()
        } else {
            format!("{} rows of a family were read, {} before", met.rows, expected.rows)
        };
        Err(self.differs(at.offset(), &what).into())
    }

    /// Takes the result of a second reading: bytes that cannot be rows were rows in the first pass.
    #[inline]
    pub(super) fn again<T>(&self, result: Result<T, container::Error>) -> Result<T, container::Error> {
        match result {
            Ok(read) => Ok(read),
            Err(error) => Err(self.read_otherwise(error)),
        }
    }

    #[cold]
    fn read_otherwise(&self, error: container::Error) -> container::Error {
        if error.kind.is_structure() { self.differs(error.offset, &error.kind.to_string()) } else { error }
    }

    /// Makes the row at `position` current, where the first pass or a scan saw one begin.
    pub(super) fn row_at(&self, position: Position) -> Result<(Rows<'_>, RowHeader)> {
        let end = self.catalog.end;
        let start = if self.is_native() { Some(position) } else { self.catalog.index.mark_before(position) };
        let gone = || self.differs(position.offset(), "a row is not where it was");
        let start = start.filter(|_| position < end).ok_or_else(gone)?;
        let mut rows = self.between(start, end);
        while self.again(rows.advance())? && rows.span().0 <= position {
            if rows.position() == position {
                let head = self.again(rows.head())?;
                return Ok((rows, head));
            }
        }
        Err(gone().into())
    }

    /// Finds the version of a user key that counts; a tombstone too, and one that has expired.
    pub(super) fn find(
        &self,
        key: &[u8],
        view: ReadView,
        interrupt: &Interrupt,
    ) -> Result<Option<(Rows<'_>, RowHeader)>> {
        let mut probe = Probe::new(self);
        let head = probe.find(key, view, interrupt)?;
        Ok(head.map(|head| (probe.rows, head)))
    }
}
