//! `EKVPBBL1`: the native stream, a dump of raw rows in ascending order of encoded keys (`format/container.md#native-stream`).

use super::ahead::Ahead;
use super::fingerprint;
use super::footer::{self, Checksum};
use super::row::VALUE_HEADER;
use super::window::Window;
use super::{Error, ErrorKind, Layout, Source};
use crate::limits;
use crate::time::Hlc;

/// Length of magic and `last_commit_ts`, bytes.
pub(super) const START: usize = 16;
/// Bytes of a value that are read with its key: the header, what tells the key of an envelope, and what counts in a
/// fingerprint.
const VALUE_HEAD: usize = VALUE_HEADER + fingerprint::EDGE;

/// Reads `last_commit_ts` of a native payload.
pub(super) fn last_commit_ts(source: &Source, layout: &Layout) -> Result<Hlc, Error> {
    let mut bytes = [0; START];
    let read = source.read_at(&mut bytes, layout.payload_offset)? as u64;
    let found = read.min(layout.payload_end - layout.payload_offset);
    if let Some(last) = bytes.last_chunk().filter(|_| found == START as u64) {
        return Ok(Hlc(u64::from_le_bytes(*last)));
    }
    let kind = ErrorKind::Truncated { what: "payload header", needed: START as u64, found };
    Err(source.error(layout.payload_offset, kind))
}

/// Whether the row at `offset`, which no footer leaves room for, is the last one and ends where the file ends
/// (`format/container.md#offloaded-payloads`).
pub(super) fn ends_without_footer(source: &Source, offset: u64) -> Result<bool, Error> {
    let mut rows = Rows::between(source, offset, source.len());
    match rows.advance() {
        Ok(more) => Ok(more && rows.next_offset() == source.len()),
        Err(error) if error.kind.is_unreadable() || matches!(error.kind, ErrorKind::Interrupted(_)) => {
            Err(error)
        }
        Err(_) => Ok(false),
    }
}

/// A walk over raw rows. `advance` makes a row current: its key and the head of its value are then here; the
/// whole value is read when it is asked for.
#[derive(Debug)]
pub(super) struct Rows<'s> {
    window: Window<'s>,
    offset: u64,
    next: u64,
    end: u64,
    /// Whether 4 bytes at a row boundary are a footer.
    footer_possible: bool,
    /// Where the current row stands in the window's buffer.
    at: usize,
    key_len: usize,
    value_len: usize,
    /// Whether all of the current row is in the window.
    is_whole: bool,
}

impl<'s> Rows<'s> {
    /// Walks the rows between two row boundaries.
    pub(super) fn between(source: &'s Source, start: u64, end: u64) -> Self {
        Self::new(Window::new(source, end), start, end)
    }

    /// Walks all rows for the first time and hashes the file on the way.
    pub(super) fn first(source: &'s Source, layout: &Layout, ahead: Option<Ahead>) -> Self {
        let start = layout.payload_offset + START as u64;
        let rows = Self::new(Window::hashing_ahead(source, ahead), start, layout.payload_end);
        Self { footer_possible: !layout.footer, ..rows }
    }

    fn new(window: Window<'s>, start: u64, end: u64) -> Self {
        let footer_possible = false;
        let (at, key_len, value_len, is_whole) = (0, 0, 0, false);
        Self { window, offset: start, next: start, end, footer_possible, at, key_len, value_len, is_whole }
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
        let here = self.lengths_here(offset, left);
        self.is_whole = here.is_some();
        (self.at, self.key_len, self.value_len) = match here {
            Some(lengths) => lengths,
            None => self.read_lengths(offset, left)?,
        };
        self.next = offset + (16 + self.key_len + self.value_len) as u64;
        Ok(true)
    }

    /// Finds a row that is in the window as a whole: its place in the buffer, length of key and of value.
    #[inline]
    fn lengths_here(&self, offset: u64, left: u64) -> Option<(usize, usize, usize)> {
        let (at, ahead) = self.window.ahead(offset)?;
        let (length, rest) = ahead.split_first_chunk::<8>()?;
        let key_len = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (length, rest) = rest.get(key_len..)?.split_first_chunk::<8>()?;
        let value_len = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let fits = value_len <= rest.len() && (16 + key_len + value_len) as u64 <= left;
        fits.then_some((at, key_len, value_len))
    }

    /// Reads key and head of the value of a row, whose lengths may be anything.
    #[cold]
    fn read_lengths(&mut self, offset: u64, left: u64) -> Result<(usize, usize, usize), Error> {
        let left = self.need("key length", 8, left)?;
        let key_len = self.length("key", offset, left)?;
        let left = self.need("value length", 8, left - key_len as u64)?;
        let value_len = self.length("value", offset + 8 + key_len as u64, left)?;
        self.window.bytes(offset, 16 + key_len + value_len.min(VALUE_HEAD))?;
        let at = self.window.place(offset)?;
        Ok((at, key_len, value_len))
    }

    /// Takes `needed` from the bytes `left` of the current row.
    fn need(&self, what: &'static str, needed: u64, left: u64) -> Result<u64, Error> {
        left.checked_sub(needed).ok_or_else(|| self.error(ErrorKind::Truncated { what, needed, found: left }))
    }

    /// Reads the length at `at`, of a field for which `left` bytes are left.
    fn length(&mut self, what: &'static str, at: u64, left: u64) -> Result<usize, Error> {
        // From the row's first byte on, which the window must not lose: it may not be able to go back.
        let before = usize::try_from(at - self.offset).unwrap_or(usize::MAX - 8);
        let bytes = self.window.bytes(self.offset, before + 8)?;
        let length = bytes.last_chunk().map_or(u64::MAX, |length| u64::from_le_bytes(*length));
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
    pub(super) fn error(&self, kind: ErrorKind) -> Error {
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
        self.window.at(self.at + 8, self.key_len)
    }

    /// Returns the length of the encoded value, bytes.
    pub(super) fn value_len(&self) -> usize {
        self.value_len
    }

    /// Returns the first bytes of the encoded value: value header and the head of an envelope.
    #[inline]
    pub(super) fn value_head(&self) -> &[u8] {
        self.window.at(self.at + 16 + self.key_len, self.value_len.min(VALUE_HEAD))
    }

    /// Returns the encoded key and the whole encoded value.
    #[inline]
    pub(super) fn key_and_value(&mut self) -> Result<(&[u8], &[u8]), Error> {
        if !self.is_whole {
            self.read_whole()?;
        }
        Ok((self.key(), self.window.at(self.at + 16 + self.key_len, self.value_len)))
    }

    #[cold]
    fn read_whole(&mut self) -> Result<(), Error> {
        self.window.bytes(self.offset, 16 + self.key_len + self.value_len)?;
        self.at = self.window.place(self.offset)?;
        self.is_whole = true;
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::super::Payload;
    use super::super::fixture::{self, Native};
    use super::*;

    type Raw = (u64, Vec<u8>, Vec<u8>);

    /// Walks a whole file.
    fn walk(bytes: &[u8]) -> Result<Vec<Raw>, ErrorKind> {
        let source = fixture::source(bytes);
        walk_source(&source).map_err(|error| error.kind)
    }

    fn walk_source(source: &Source) -> Result<Vec<Raw>, Error> {
        let layout = Layout::of(source)?;
        assert_eq!(layout.payload, Payload::Native);
        last_commit_ts(source, &layout)?;
        let ahead = std::thread::scope(|scope| {
            collect(Rows::first(source, &layout, Ahead::start(source, scope)))
                .map_err(|error| error.to_string())
        });
        let alone = collect(Rows::first(source, &layout, None));
        assert_eq!(ahead.as_ref().ok(), alone.as_ref().ok());
        assert_eq!(ahead.err(), alone.as_ref().err().map(ToString::to_string));
        alone
    }

    fn collect(mut rows: Rows<'_>) -> Result<Vec<Raw>, Error> {
        let mut all = Vec::new();
        while rows.advance()? {
            let head = rows.value_head().to_vec();
            let offset = rows.offset();
            let (key, value) = rows.key_and_value()?;
            assert!(value.starts_with(&head));
            all.push((offset, key.to_vec(), value.to_vec()));
            assert_eq!(rows.key(), all.last().unwrap().1);
        }
        rows.finish()?;
        Ok(all)
    }

    fn two_rows() -> Native {
        Native::new(7).raw(b"key-one.", b"value of one").raw(b"key-two..", b"")
    }

    fn lengths(key_len: u64, rest: &[u8]) -> Vec<u8> {
        [&Native::new(0).payload()[..], &key_len.to_le_bytes(), rest].concat()
    }

    #[test]
    fn rows_come_with_and_without_header_and_footer() {
        let payload = two_rows().payload();
        let rows = |start: u64| {
            vec![
                (start, b"key-one.".to_vec(), b"value of one".to_vec()),
                (start + 36, b"key-two..".to_vec(), Vec::new()),
            ]
        };
        assert_eq!(walk(&payload).unwrap(), rows(16));
        assert_eq!(walk(&fixture::with_footer(payload.clone())).unwrap(), rows(16));
        assert_eq!(walk(&fixture::headed(&payload)).unwrap(), rows(32));
    }

    #[test]
    fn a_bare_payload_may_end_at_a_row_boundary_or_4_bytes_behind_it_only() {
        let payload = two_rows().payload();
        for len in 8..payload.len() {
            let result = walk(&payload[..len]);
            if [16, 20, 52, 56].contains(&len) {
                assert!(result.is_ok(), "{len}");
            } else {
                assert!(matches!(result, Err(ErrorKind::Truncated { .. })), "{len}: {result:?}");
            }
        }
    }

    #[test]
    fn under_a_footer_the_payload_ends_at_a_row_boundary_only() {
        let payload = two_rows().payload();
        for len in 8..payload.len() {
            let result = walk(&fixture::headed(&payload[..len]));
            if [16, 52].contains(&len) {
                assert!(result.is_ok(), "{len}");
            } else {
                assert!(matches!(result, Err(ErrorKind::Truncated { .. })), "{len}: {result:?}");
            }
        }
    }

    #[test]
    fn a_truncated_row_is_reported_at_its_first_byte() {
        let source = fixture::source(&two_rows().payload()[..60]);
        assert_eq!(walk_source(&source).unwrap_err().offset, 52);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused_before_anything_is_read() {
        for length in [limits::LENGTH + 1, 1 << 63, u64::MAX] {
            for bytes in [
                lengths(length, &[0; 64]),
                lengths(8, &[&[0; 8], &length.to_le_bytes()[..], &[0; 64]].concat()),
            ] {
                assert!(matches!(walk(&bytes), Err(ErrorKind::LengthOverLimit { .. })));
            }
        }
        for length in [57, limits::LENGTH] {
            let error = walk(&lengths(length, &[0; 64])).unwrap_err();
            assert!(matches!(error, ErrorKind::Truncated { .. }), "{error}");
        }
    }

    #[test]
    fn rows_of_any_size_cross_the_edges_of_the_buffer() {
        let mut native = Native::new(0);
        let sizes = [0, 1, 100, 4000, 16 << 10, 300 << 10, 1 << 20, 3];
        for row in 0..200_u8 {
            native = native.raw(
                format!("{row:08}").as_bytes(),
                &vec![row; sizes[usize::from(row) % sizes.len()] + usize::from(row)],
            );
        }
        let rows = walk(&native.file()).unwrap();
        assert_eq!(rows.len(), 200);
        for ((_, key, value), (expected_key, expected)) in rows.iter().zip(&native.rows) {
            assert_eq!((key, value), (expected_key, expected));
        }
    }

    #[test]
    fn a_walk_goes_on_where_it_is_told_to() {
        let source = fixture::source(&two_rows().payload());
        let mut rows = Rows::between(&source, 52, 77);
        assert!(rows.advance().unwrap());
        assert_eq!((rows.key(), rows.next_offset()), (&b"key-two.."[..], 77));
        assert!(!rows.advance().unwrap());
        rows.seek(16, 52);
        assert!(rows.advance().unwrap());
        assert_eq!(rows.key(), b"key-one.");
        assert!(!rows.advance().unwrap());
    }
}
