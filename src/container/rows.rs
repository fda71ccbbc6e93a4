//! Rows of a payload of any form, through one interface.

use std::thread::Scope;

use super::ahead::Ahead;
use super::fingerprint::{self, fingerprint};
use super::row::{RowHeader, VALUE_HEADER};
use super::{
    Contents, Error, ErrorKind, Layout, Payload, Position, Row, Source, footer, memory, native, sst,
};
use crate::cursor;

/// A walk over the rows of one source. A row is current from one `advance` to the next.
#[derive(Debug)]
pub(crate) struct Rows<'s>(Form<'s>);

#[derive(Debug)]
enum Form<'s> {
    Native(native::Rows<'s>),
    Memory(memory::Rows<'s>),
    Sst(Box<sst::Rows<'s>>),
}

/// What the end of a first walk tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Offset behind the last row.
    pub rows_end: u64,
    /// The footer, verified.
    pub footer: Option<u32>,
}

impl<'s> Rows<'s> {
    /// Walks the rows between two boundaries that a walk gave ([`Rows::span`]).
    #[must_use]
    pub(crate) fn between(
        source: &'s Source,
        contents: &'s Contents,
        start: Position,
        end: Position,
    ) -> Self {
        Self(match (contents.payload(), contents.bundle()) {
            (_, Some(bundle)) => Form::Sst(Box::new(sst::Rows::between(source, bundle, start, end))),
            (Payload::Memory, _) => Form::Memory(memory::Rows::between(source, start.offset(), end.offset())),
            _ => Form::Native(native::Rows::between(source, start.offset(), end.offset())),
        })
    }

    /// Walks all rows for the first time, in the order of the file; but for `EKVMVCC2`, threads of `scope` help where
    /// it is worth it.
    #[must_use]
    pub(crate) fn first<'scope>(
        source: &'s Source,
        layout: &Layout,
        contents: &'s Contents,
        scope: Option<&'scope Scope<'scope, 's>>,
    ) -> Self {
        Self(match (layout.payload, contents.bundle()) {
            (_, Some(bundle)) => Form::Sst(Box::new(sst::Rows::first(source, bundle, scope))),
            (Payload::Native, _) => {
                let ahead = scope.and_then(|scope| Ahead::start(source, scope));
                Form::Native(native::Rows::first(source, layout, ahead))
            }
            _ => {
                let (start, end) = (contents.start(layout), Position::at(layout.payload_end));
                return Self::between(source, contents, start, end);
            }
        })
    }

    /// Walks no row of a payload that cannot be opened, but hashes the file like a first walk.
    #[must_use]
    pub(crate) fn none(source: &'s Source, layout: &Layout) -> Self {
        Self(Form::Native(native::Rows::first(source, layout, None)))
    }

    /// Goes on at another stretch between two boundaries.
    pub(crate) fn seek(&mut self, start: Position, end: Position) {
        match &mut self.0 {
            Form::Native(rows) => rows.seek(start.offset(), end.offset()),
            Form::Memory(rows) => rows.seek(start.offset(), end.offset()),
            Form::Sst(rows) => rows.seek(start, end),
        }
    }

    /// Goes on at the first block that can hold the encoded key `target` or a greater one; `false` where the payload
    /// has no index of its own.
    pub(crate) fn seek_key(&mut self, target: &[u8], end: Position) -> bool {
        match &mut self.0 {
            Form::Native(_) | Form::Memory(_) => false,
            Form::Sst(rows) => {
                rows.seek_key(target, end);
                true
            }
        }
    }

    /// Makes the next row current; `false` at the end.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<bool, Error> {
        match &mut self.0 {
            Form::Native(rows) => rows.advance(),
            Form::Memory(rows) => rows.advance(),
            Form::Sst(rows) => rows.advance(),
        }
    }

    /// Returns the position of the current row.
    #[must_use]
    pub(crate) fn position(&self) -> Position {
        match &self.0 {
            Form::Native(rows) => Position::at(rows.offset()),
            Form::Memory(rows) => Position::at(rows.offset()),
            Form::Sst(rows) => rows.position(),
        }
    }

    /// Returns the error that the current row is.
    #[cold]
    #[must_use]
    pub(crate) fn error(&self, kind: ErrorKind) -> Error {
        match &self.0 {
            Form::Native(rows) => rows.error(kind),
            Form::Memory(rows) => rows.error(kind),
            Form::Sst(rows) => rows.error(kind),
        }
    }

    /// Returns the boundaries around the current row: of all versions of its key in `EKVMVCC2`.
    #[must_use]
    pub(crate) fn span(&self) -> (Position, Position) {
        match &self.0 {
            Form::Native(rows) => (Position::at(rows.offset()), Position::at(rows.next_offset())),
            Form::Memory(rows) => {
                let (start, end) = rows.span();
                (Position::at(start), Position::at(end))
            }
            Form::Sst(rows) => rows.span(),
        }
    }

    /// Returns the encoded key of the current row.
    #[inline]
    #[must_use]
    pub(crate) fn key(&self) -> &[u8] {
        match &self.0 {
            Form::Native(rows) => rows.key(),
            Form::Memory(rows) => rows.key(),
            Form::Sst(rows) => rows.key(),
        }
    }

    /// Returns the length of the encoded value, bytes.
    #[must_use]
    pub(crate) fn value_len(&self) -> usize {
        match &self.0 {
            Form::Native(rows) => rows.value_len(),
            Form::Memory(rows) => VALUE_HEADER + rows.value_len(),
            Form::Sst(rows) => rows.value().len(),
        }
    }

    /// Splits the current row, which must be no operational row.
    #[inline]
    pub(crate) fn head(&self) -> Result<RowHeader, Error> {
        match &self.0 {
            Form::Native(rows) => {
                let (key, value) = (rows.key(), rows.value_head());
                RowHeader::read(key, value).map_or_else(|| self.no_head(key, value), Ok)
            }
            Form::Memory(rows) => Ok(rows.head()),
            Form::Sst(rows) => {
                let (key, value) = (rows.key(), rows.value());
                RowHeader::read(key, value).map_or_else(|| self.no_head(key, value), Ok)
            }
        }
    }

    #[cold]
    fn no_head(&self, key: &[u8], value: &[u8]) -> Result<RowHeader, Error> {
        RowHeader::parse(key, value).map_err(|kind| self.error(kind))
    }

    /// Returns the id of the data key that the current row's envelope names; 0 when it is cut.
    #[must_use]
    pub(crate) fn key_id(&self) -> u32 {
        let value = match &self.0 {
            Form::Native(rows) => rows.value_head(),
            Form::Sst(rows) => rows.value(),
            Form::Memory(_) => return 0,
        };
        let mut id = value.get(VALUE_HEADER + 2..).unwrap_or_default();
        cursor::take_u32_be(&mut id).unwrap_or_default()
    }

    /// Returns the current row's encoded key and raw value.
    pub(crate) fn key_and_value(&mut self) -> Result<(&[u8], &[u8]), Error> {
        match &mut self.0 {
            Form::Native(rows) => rows.key_and_value(),
            Form::Memory(rows) => rows.key_and_value(),
            Form::Sst(rows) => Ok((rows.key(), rows.value())),
        }
    }

    /// Lends the current row, of which `head` was split before.
    #[inline]
    pub(crate) fn row(&mut self, head: RowHeader) -> Result<Row<'_>, Error> {
        let position = self.position();
        let (key, body) = match &mut self.0 {
            Form::Native(rows) => {
                let (key, value) = rows.key_and_value()?;
                (key, value.get(VALUE_HEADER..).unwrap_or_default())
            }
            Form::Memory(rows) => rows.key_and_value()?,
            Form::Sst(rows) => (rows.key(), rows.value().get(VALUE_HEADER..).unwrap_or_default()),
        };
        let key = cursor::split_last_u64_be(key).map_or(key, |(key, _)| key);
        Ok(Row { position, key, head, body })
    }

    /// Returns the fingerprint of the current row, of which `head` was split before; of a long body only the beginning
    /// counts, so that no more is read than a walk reads anyway.
    #[inline]
    pub(crate) fn fingerprint(&mut self, head: &RowHeader) -> Result<u64, Error> {
        let len = self.value_len().saturating_sub(VALUE_HEADER);
        let (key, body) = match &mut self.0 {
            Form::Native(rows) if len <= fingerprint::NEAR => {
                let (key, value) = rows.key_and_value()?;
                (key, value.get(VALUE_HEADER..))
            }
            Form::Native(rows) => (rows.key(), rows.value_head().get(VALUE_HEADER..)),
            Form::Memory(rows) => {
                let (key, value) = rows.key_and_beginning(fingerprint::NEAR)?;
                (key, Some(value))
            }
            Form::Sst(rows) => (rows.key(), rows.value().get(VALUE_HEADER..)),
        };
        let key = cursor::split_last_u64_be(key).map_or(key, |(key, _)| key);
        let body = body.unwrap_or_default();
        let body =
            if len <= fingerprint::NEAR { body } else { body.get(..fingerprint::EDGE).unwrap_or(body) };
        Ok(fingerprint(key, head, body, len))
    }

    /// Returns the body of a row of `EKVMVCC2` that was current before; nothing for other payloads.
    pub(crate) fn body_at(&mut self, position: Position, value_len: usize) -> Result<&[u8], Error> {
        match &mut self.0 {
            Form::Memory(rows) => rows.value_at(position.offset(), value_len),
            Form::Native(_) | Form::Sst(_) => Ok(&[]),
        }
    }

    /// Hashes some more of what a first walk left unread; `false` when nothing is left.
    pub(crate) fn pass_on(&mut self) -> Result<bool, Error> {
        match &mut self.0 {
            Form::Native(rows) => rows.pass_on(),
            Form::Memory(_) => Ok(false),
            Form::Sst(rows) => rows.pass_on(),
        }
    }

    /// Ends a first walk: reads what is left of the file and compares the footer. That of an
    /// `EKVMVCC2` file is a matter of [`super::Checksums`].
    pub(crate) fn finish(&mut self, source: &Source, layout: &Layout) -> Result<End, Error> {
        let (rows_end, checksum) = match &mut self.0 {
            Form::Native(rows) => rows.finish()?,
            Form::Sst(rows) => rows.finish()?,
            Form::Memory(_) => return Ok(End { rows_end: layout.payload_end, footer: None }),
        };
        let Some(checksum) = checksum else { return Ok(End { rows_end, footer: None }) };
        let at = source.len().saturating_sub(footer::LEN);
        if !layout.footer && rows_end != at {
            return Ok(End { rows_end, footer: None });
        }
        let mut bytes = [0; 4];
        source.read_at(&mut bytes, at)?;
        match checksum.check(bytes) {
            Ok(footer) => Ok(End { rows_end, footer: Some(footer) }),
            Err(kind) => match &self.0 {
                Form::Native(rows) if native::ends_without_footer(source, rows.offset())? => {
                    Err(source.error(source.len(), ErrorKind::NoFooter))
                }
                _ => Err(source.error(at, kind)),
            },
        }
    }
}
