//! Rows of a payload of any form, through one interface.

use super::row::{Head, VALUE_HEADER};
use super::{Ahead, Error, ErrorKind, Layout, Payload, Row, Source, footer, memory, native};
use crate::cursor;

/// A walk over the rows of one source. A row is current from one `advance` to the next.
#[derive(Debug)]
pub struct Rows<'s>(Form<'s>);

#[derive(Debug)]
enum Form<'s> {
    Native(native::Rows<'s>),
    Memory(memory::Rows<'s>),
}

/// What the end of a first walk tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Offset behind the last row.
    pub rows_end: u64,
    /// The footer, verified.
    pub footer: Option<u32>,
}

impl<'s> Rows<'s> {
    /// Walks the rows between two boundaries that a walk gave ([`Rows::span`]).
    #[must_use]
    pub fn between(source: &'s Source, payload: Payload, start: u64, end: u64) -> Self {
        Self(match payload {
            Payload::Memory => Form::Memory(memory::Rows::between(source, start, end)),
            _ => Form::Native(native::Rows::between(source, start, end)),
        })
    }

    /// Returns the offset of the first row.
    #[must_use]
    pub fn start(layout: &Layout) -> u64 {
        match layout.payload {
            Payload::Native => layout.payload_offset + native::START as u64,
            Payload::Memory => layout.payload_offset + memory::START as u64,
            Payload::Empty | Payload::Oracle { .. } => layout.payload_end,
        }
    }

    /// Walks all rows for the first time, in the order of the file; of a native payload, `ahead` reads.
    #[must_use]
    pub fn first(source: &'s Source, layout: &Layout, ahead: Option<Ahead>) -> Self {
        Self(match layout.payload {
            Payload::Native => Form::Native(native::Rows::first(source, layout, ahead)),
            other => return Self::between(source, other, Self::start(layout), layout.payload_end),
        })
    }

    /// Goes on at another stretch between two boundaries.
    pub fn seek(&mut self, start: u64, end: u64) {
        match &mut self.0 {
            Form::Native(rows) => rows.seek(start, end),
            Form::Memory(rows) => rows.seek(start, end),
        }
    }

    /// Makes the next row current; `false` at the end.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, Error> {
        match &mut self.0 {
            Form::Native(rows) => rows.advance(),
            Form::Memory(rows) => rows.advance(),
        }
    }

    /// Returns the offset of the current row.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match &self.0 {
            Form::Native(rows) => rows.offset(),
            Form::Memory(rows) => rows.offset(),
        }
    }

    /// Returns the boundaries around the current row: of all versions of its key in `EKVMVCC2`.
    #[must_use]
    pub fn span(&self) -> (u64, u64) {
        match &self.0 {
            Form::Native(rows) => (rows.offset(), rows.next_offset()),
            Form::Memory(rows) => rows.span(),
        }
    }

    /// Returns the encoded key of the current row.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &[u8] {
        match &self.0 {
            Form::Native(rows) => rows.key(),
            Form::Memory(rows) => rows.key(),
        }
    }

    /// Returns the length of the encoded value, bytes.
    #[must_use]
    pub fn value_len(&self) -> usize {
        match &self.0 {
            Form::Native(rows) => rows.value_len(),
            Form::Memory(rows) => VALUE_HEADER + rows.value_len(),
        }
    }

    /// Splits the current row, which must be no operational row.
    #[inline]
    pub fn head(&self, source: &Source) -> Result<Head, Error> {
        match &self.0 {
            Form::Native(rows) => {
                Head::parse(rows.key(), rows.value_head()).map_err(|kind| source.error(rows.offset(), kind))
            }
            Form::Memory(rows) => Ok(rows.head()),
        }
    }

    /// Returns the id of the data key that the current row's envelope names; 0 when it is cut.
    #[must_use]
    pub fn key_id(&self) -> u32 {
        let Form::Native(rows) = &self.0 else { return 0 };
        let mut id = rows.value_head().get(VALUE_HEADER + 2..).unwrap_or_default();
        cursor::take_u32_be(&mut id).unwrap_or_default()
    }

    /// Returns the current row's encoded key and raw value.
    pub fn key_and_value(&mut self) -> Result<(&[u8], &[u8]), Error> {
        match &mut self.0 {
            Form::Native(rows) => rows.key_and_value(),
            Form::Memory(rows) => rows.key_and_value(),
        }
    }

    /// Lends the current row, of which `head` was split before.
    #[inline]
    pub fn row(&mut self, head: Head) -> Result<Row<'_>, Error> {
        let offset = self.offset();
        let (key, body) = match &mut self.0 {
            Form::Native(rows) => {
                let (key, value) = rows.key_and_value()?;
                (key, value.get(VALUE_HEADER..).unwrap_or_default())
            }
            Form::Memory(rows) => rows.key_and_value()?,
        };
        let key = cursor::split_last_u64_be(key).map_or(key, |(key, _)| key);
        Ok(Row { offset, key, head, body })
    }

    /// Returns the body of a row of `EKVMVCC2` that was current before; nothing for other payloads.
    pub fn body_at(&mut self, offset: u64, value_len: usize) -> Result<&[u8], Error> {
        match &mut self.0 {
            Form::Memory(rows) => rows.value_at(offset, value_len),
            Form::Native(_) => Ok(&[]),
        }
    }

    /// Hashes some more of what a first walk left unread; `false` when nothing is left.
    pub fn pass_on(&mut self) -> Result<bool, Error> {
        match &mut self.0 {
            Form::Native(rows) => rows.pass_on(),
            Form::Memory(_) => Ok(false),
        }
    }

    /// Ends a first walk: reads what is left of a native payload's file and compares the footer. That of an
    /// `EKVMVCC2` file is a matter of [`super::Checksums`].
    pub fn finish(&mut self, source: &Source, layout: &Layout) -> Result<End, Error> {
        let Form::Native(rows) = &mut self.0 else {
            return Ok(End { rows_end: layout.payload_end, footer: None });
        };
        let (rows_end, checksum) = rows.finish()?;
        let Some(checksum) = checksum else { return Ok(End { rows_end, footer: None }) };
        let at = source.len().saturating_sub(footer::LEN);
        if !layout.footer && rows_end != at {
            return Ok(End { rows_end, footer: None });
        }
        let mut bytes = [0; 4];
        source.read_at(&mut bytes, at)?;
        match checksum.check(bytes) {
            Ok(footer) => Ok(End { rows_end, footer: Some(footer) }),
            Err(_) if native::ends_without_footer(source, rows.offset())? => {
                Err(source.error(source.len(), ErrorKind::NoFooter))
            }
            Err(kind) => Err(source.error(at, kind)),
        }
    }
}
