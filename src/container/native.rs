//! `EKVPBBL1`: the native stream, a dump of raw rows in ascending order of encoded keys (`container.md` 5).

use super::footer::{self, Checksum};
use super::row::VALUE_HEADER;
use super::window::Window;
use super::{Error, ErrorKind, Layout, Source};
use crate::{cursor, limits};

/// Length of magic and `last_commit_ts`, bytes.
pub(super) const START: usize = 16;
/// Bytes of a value that are read with its key: the header, and what tells the key of an envelope.
const VALUE_HEAD: usize = VALUE_HEADER + 6;

/// Reads `last_commit_ts` of a native payload.
pub(super) fn last_commit_ts(source: &Source, layout: &Layout) -> Result<u64, Error> {
    let mut bytes = [0; START];
    let read = source.read_at(&mut bytes, layout.payload_offset)? as u64;
    let found = read.min(layout.payload_end - layout.payload_offset);
    if let Some(last) = bytes.last_chunk().filter(|_| found == START as u64) {
        return Ok(u64::from_le_bytes(*last));
    }
    let kind = ErrorKind::Truncated { what: "payload header", needed: START as u64, found };
    Err(source.error(layout.payload_offset, kind))
}

/// A walk over raw rows. `advance` makes a row current: its key and the head of its value are then here; the
/// whole value is read when it is asked for.
#[derive(Debug)]
pub struct Rows<'s> {
    window: Window<'s>,
    offset: u64,
    next: u64,
    end: u64,
    /// Whether 4 bytes at a row boundary are a footer.
    footer_possible: bool,
    key_len: usize,
    value_len: usize,
}

impl<'s> Rows<'s> {
    /// Walks the rows between two row boundaries.
    pub(super) fn between(source: &'s Source, start: u64, end: u64) -> Self {
        Self::new(Window::new(source, end), start, end)
    }

    /// Walks all rows for the first time and hashes the file on the way.
    pub(super) fn first(source: &'s Source, layout: &Layout) -> Self {
        let start = layout.payload_offset + START as u64;
        let rows = Self::new(Window::hashing(source), start, layout.payload_end);
        Self { footer_possible: !layout.footer, ..rows }
    }

    fn new(window: Window<'s>, start: u64, end: u64) -> Self {
        let footer_possible = false;
        Self { window, offset: start, next: start, end, footer_possible, key_len: 0, value_len: 0 }
    }

    /// Goes on at another row boundary.
    pub(super) fn seek(&mut self, start: u64, end: u64) {
        self.window.set_limit(end);
        (self.next, self.end) = (start, end);
    }

    /// Makes the next row current; `false` at the end.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<bool, Error> {
        let offset = self.next;
        let left = self.end.saturating_sub(offset);
        if left == 0 {
            return Ok(false);
        }
        if left == footer::LEN && self.footer_possible {
            self.end = offset;
            return Ok(false);
        }
        self.offset = offset;
        let left = self.need("key length", 8, left)?;
        let key_len = self.length("key", offset, left)?;
        let left = self.need("value length", 8, left - key_len as u64)?;
        let value_len = self.length("value", offset + 8 + key_len as u64, left)?;
        let head = 16 + key_len + value_len.min(VALUE_HEAD);
        self.window.bytes(offset, head)?;
        (self.key_len, self.value_len) = (key_len, value_len);
        self.next = offset + 16 + key_len as u64 + value_len as u64;
        Ok(true)
    }

    /// Takes `needed` from the bytes `left` of the current row.
    #[inline]
    fn need(&self, what: &'static str, needed: u64, left: u64) -> Result<u64, Error> {
        left.checked_sub(needed).ok_or_else(|| self.error(ErrorKind::Truncated { what, needed, found: left }))
    }

    /// Reads the length at `at`, of a field for which `left` bytes are left.
    #[inline]
    fn length(&mut self, what: &'static str, at: u64, left: u64) -> Result<usize, Error> {
        let mut bytes = self.window.bytes(at, 8)?;
        let length = cursor::take_u64_le(&mut bytes).unwrap_or(u64::MAX);
        if length > limits::LENGTH {
            let limit = limits::LENGTH;
            return Err(self.error(ErrorKind::LengthOverLimit { what, found: length, limit }));
        }
        self.need(what, length, left)?;
        usize::try_from(length).map_err(|_| {
            self.error(ErrorKind::LengthOverLimit { what, found: length, limit: usize::MAX as u64 })
        })
    }

    #[cold]
    fn error(&self, kind: ErrorKind) -> Error {
        self.window.source().error(self.offset, kind)
    }

    /// Returns the offset of the current row.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the offset behind the current row.
    pub(super) fn next_offset(&self) -> u64 {
        self.next
    }

    /// Returns the encoded key of the current row.
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        self.window.here(self.offset + 8, self.key_len)
    }

    /// Returns the length of the encoded value, bytes.
    pub(super) fn value_len(&self) -> usize {
        self.value_len
    }

    /// Returns the first bytes of the encoded value: value header and the head of an envelope.
    #[inline]
    pub(super) fn value_head(&self) -> &[u8] {
        self.window.here(self.offset + 16 + self.key_len as u64, self.value_len.min(VALUE_HEAD))
    }

    /// Returns the encoded key and the whole encoded value.
    pub(super) fn key_and_value(&mut self) -> Result<(&[u8], &[u8]), Error> {
        let row = self.window.bytes(self.offset, 16 + self.key_len + self.value_len)?;
        let (lengths, value) = row.split_at_checked(16 + self.key_len).unwrap_or_default();
        Ok((lengths.get(8..8 + self.key_len).unwrap_or_default(), value))
    }

    /// Hashes some more of what is left of the file; `false` when nothing is left.
    pub(super) fn pass_on(&mut self) -> Result<bool, Error> {
        self.window.pass_on()
    }

    /// Reads what is left of the file; returns the offset behind the last row and the checksum.
    pub(super) fn finish(&mut self) -> Result<(u64, Option<Checksum>), Error> {
        Ok((self.end, self.window.finish()?))
    }
}
