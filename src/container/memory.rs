//! `EKVMVCC2`: the in-memory store's stream, all versions of a key in one entry (`format/container.md#in-memory-store-stream`).
//!
//! Rows come out as from a native stream, each with an encoded key, newest version first for each key; the keys
//! stand in the order of user keys.

use super::row::{KEY_SUFFIX, RowHeader};
use super::window::Window;
use super::{Error, ErrorKind, Excerpt, Layout, Source};
use crate::bug::Bug;
use crate::time::Hlc;
use crate::{cursor, limits};

/// Length of magic, version, checksum, `last_commit_ts` and `min_retained_ts`, bytes.
pub(super) const START: usize = 32;
/// Length of a version without its value, bytes.
const VERSION: usize = 25;

/// What stands in front of the entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryHeader {
    /// Checksum of everything behind it.
    pub(super) crc32: u32,
    /// HLC timestamp.
    pub last_commit_ts: Hlc,
    /// HLC timestamp; 0 when nothing was compacted.
    pub min_retained_ts: Hlc,
}

impl MemoryHeader {
    /// Reads it from the payload of a source.
    pub(crate) fn read(source: &Source, layout: &Layout) -> Result<Self, Error> {
        let mut bytes = [0; START];
        let found = source.read_at(&mut bytes, layout.payload_offset)?;
        let found = (layout.payload_end - layout.payload_offset).min(found as u64);
        let mut rest = bytes.get(8..).filter(|_| found == START as u64).unwrap_or_default();
        Self::parse(&mut rest, found).map_err(|kind| source.error(layout.payload_offset, kind))
    }

    fn parse(rest: &mut &[u8], found: u64) -> Result<Self, ErrorKind> {
        let short = || ErrorKind::Truncated { what: "payload header", needed: START as u64, found };
        let version = u32::from_le_bytes(cursor::take_array(rest).ok_or_else(short)?);
        if version != 1 {
            let (what, found) = ("EKVMVCC2 version", version.into());
            return Err(ErrorKind::UnsupportedFormat { what, expected: "1", found });
        }
        let crc32 = u32::from_le_bytes(cursor::take_array(rest).ok_or_else(short)?);
        let last_commit_ts = cursor::take_u64_le(rest).ok_or_else(short)?;
        let min_retained_ts = cursor::take_u64_le(rest).ok_or_else(short)?;
        Ok(Self { crc32, last_commit_ts: Hlc(last_commit_ts), min_retained_ts: Hlc(min_retained_ts) })
    }
}

/// A walk over the versions of all entries.
#[derive(Debug)]
pub(super) struct Rows<'s> {
    window: Window<'s>,
    /// Offset of the current entry, and of the one behind it.
    entry: u64,
    next: u64,
    end: u64,
    /// Encoded key of the current version; its user key is also the one that the next must exceed.
    key: Vec<u8>,
    /// Offsets of the current entry's versions that were not lent yet, oldest first.
    versions: Vec<u64>,
    offset: u64,
    head: RowHeader,
    value_len: usize,
}

impl<'s> Rows<'s> {
    /// Walks the entries between two entry boundaries.
    pub(super) fn between(source: &'s Source, start: u64, end: u64) -> Self {
        Self {
            window: Window::new(source, end),
            entry: start,
            next: start,
            end,
            key: Vec::new(),
            versions: Vec::new(),
            offset: start,
            head: RowHeader {
                commit_ts: Hlc::ZERO,
                tombstone: false,
                encrypted: false,
                expire_at: Hlc::ZERO,
            },
            value_len: 0,
        }
    }

    /// Goes on at another entry boundary.
    pub(super) fn seek(&mut self, start: u64, end: u64) {
        self.window.set_limit(end);
        self.key.clear();
        self.versions.clear();
        (self.next, self.end) = (start, end);
    }

    /// Makes the next version current; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Error> {
        while self.versions.is_empty() {
            if self.next >= self.end {
                return Ok(false);
            }
            self.read_entry()?;
        }
        self.offset = self.versions.pop().unwrap_or(self.entry);
        let (head, value_len) = self.version(self.offset)?;
        (self.head, self.value_len) = (head, value_len);
        let suffix = self.key.len().saturating_sub(KEY_SUFFIX);
        self.key.truncate(suffix);
        self.key.extend_from_slice(&head.commit_ts.suffix());
        Ok(true)
    }

    /// Reads the entry at `next`: its key, and where each version stands.
    fn read_entry(&mut self) -> Result<(), Error> {
        self.entry = self.next;
        let mut at = self.entry;
        let key_len = self.length("key length", "key", &mut at, limits::MEMORY_KEY)?;
        self.need("key", key_len, at)?;
        let key_size = usize::try_from(key_len).unwrap_or(usize::MAX);
        let key = self.window.bytes(at, key_size)?;
        let previous = self.key.split_last_chunk::<KEY_SUFFIX>().map(|(previous, _)| previous);
        if let Some(previous) = previous.filter(|previous| *previous >= key) {
            let (previous, found) = (Excerpt::of(previous), Excerpt::of(key));
            return Err(self.error(ErrorKind::OutOfOrder { what: "key", previous, found }));
        }
        self.key.clear();
        self.key.extend_from_slice(key);
        self.key.extend_from_slice(&[0; KEY_SUFFIX]);
        at += key_len;
        let count = self.length("version count", "versions", &mut at, limits::MEMORY_VERSIONS)?;
        self.need("versions", count.saturating_mul(VERSION as u64), at)?;
        let mut newest = None;
        for _ in 0..count {
            let (head, value_len) = self.version(at)?;
            if let Some(newest) = newest.filter(|newest| *newest >= head.commit_ts) {
                let (previous, found) = (excerpt(newest), excerpt(head.commit_ts));
                return Err(self.error(ErrorKind::OutOfOrder { what: "version", previous, found }));
            }
            newest = Some(head.commit_ts);
            self.versions.push(at);
            at += VERSION as u64 + value_len as u64;
        }
        self.next = at;
        Ok(())
    }

    /// Reads the length at `at` and steps over it.
    fn length(
        &mut self,
        field: &'static str,
        what: &'static str,
        at: &mut u64,
        limit: u64,
    ) -> Result<u64, Error> {
        self.need(field, 8, *at)?;
        let mut bytes = self.window.bytes(*at, 8)?;
        let found = cursor::take_u64_le(&mut bytes).unwrap_or(u64::MAX);
        if found > limit {
            return Err(self.error(ErrorKind::LengthOverLimit { what, found, limit }));
        }
        *at += 8;
        Ok(found)
    }

    /// Reads the version at `at`: what it says, and the length of its value.
    fn version(&mut self, at: u64) -> Result<(RowHeader, usize), Error> {
        self.need("version", VERSION as u64, at)?;
        let mut rest = self.window.bytes(at, VERSION)?;
        let fields = (
            cursor::take_u64_le(&mut rest),
            cursor::take_u8(&mut rest),
            cursor::take_u64_le(&mut rest),
            cursor::take_u64_le(&mut rest),
        );
        let (Some(commit_ts), Some(tombstone), Some(expire_at), Some(value_len)) = fields else {
            return Err(self.error(Bug::new("a version is shorter than was read").into()));
        };
        if tombstone > 1 {
            let (what, found) = ("tombstone", tombstone.into());
            return Err(self.error(ErrorKind::UnsupportedFormat { what, expected: "0 or 1", found }));
        }
        if value_len > limits::MEMORY_VALUE {
            let (what, limit) = ("value", limits::MEMORY_VALUE);
            return Err(self.error(ErrorKind::LengthOverLimit { what, found: value_len, limit }));
        }
        self.need("value", value_len, at + VERSION as u64)?;
        let head = RowHeader {
            commit_ts: Hlc(commit_ts),
            tombstone: tombstone == 1,
            encrypted: false,
            expire_at: Hlc(expire_at),
        };
        Ok((head, usize::try_from(value_len).unwrap_or(usize::MAX)))
    }

    fn need(&self, what: &'static str, needed: u64, at: u64) -> Result<(), Error> {
        let found = self.end.saturating_sub(at);
        if needed <= found { Ok(()) } else { Err(self.error(ErrorKind::Truncated { what, needed, found })) }
    }

    #[cold]
    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        self.window.source().error(self.entry, kind)
    }

    /// Returns the offset of the current version.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the offset of the current entry and the one behind it.
    pub(super) fn span(&self) -> (u64, u64) {
        (self.entry, self.next)
    }

    /// Returns what the current version says.
    pub(super) fn head(&self) -> RowHeader {
        self.head
    }

    /// Returns the encoded key that the current version would have in a native stream.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Returns the length of the value, bytes.
    pub(super) fn value_len(&self) -> usize {
        self.value_len
    }

    /// Returns the value of a version that was current before.
    pub(super) fn value_at(&mut self, offset: u64, value_len: usize) -> Result<&[u8], Error> {
        self.window.bytes(offset + VERSION as u64, value_len)
    }

    /// Returns the encoded key and at most the first `most` bytes of the value.
    pub(super) fn key_and_beginning(&mut self, most: usize) -> Result<(&[u8], &[u8]), Error> {
        let value = self.window.bytes(self.offset + VERSION as u64, self.value_len.min(most))?;
        Ok((&self.key, value))
    }

    /// Returns the encoded key and the value.
    pub(super) fn key_and_value(&mut self) -> Result<(&[u8], &[u8]), Error> {
        let value = self.window.bytes(self.offset + VERSION as u64, self.value_len)?;
        Ok((&self.key, value))
    }
}

fn excerpt(commit_ts: Hlc) -> Excerpt {
    Excerpt::of(commit_ts.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, MemoryVersion};
    use super::*;

    type Read = (Vec<u8>, u64, bool, u64, Vec<u8>);

    fn walk(bytes: &[u8]) -> Result<Vec<Read>, ErrorKind> {
        let source = fixture::source(bytes);
        read(&source).map_err(|error| error.kind)
    }

    fn read(source: &Source) -> Result<Vec<Read>, Error> {
        let layout = Layout::of(source)?;
        MemoryHeader::read(source, &layout)?;
        let mut rows = Rows::between(source, layout.payload_offset + START as u64, layout.payload_end);
        let mut all = Vec::new();
        while rows.advance()? {
            let head = rows.head();
            let (key, value) = rows.key_and_value()?;
            let (user, suffix) = key.split_at(key.len() - KEY_SUFFIX);
            assert_eq!(suffix, head.commit_ts.suffix());
            all.push((user.to_vec(), head.commit_ts.0, head.tombstone, head.expire_at.0, value.to_vec()));
        }
        Ok(all)
    }

    const A: &[MemoryVersion<'_>] = &[(1, 0, 0, b"old"), (2, 1, 0, b""), (9, 0, 40, b"new")];
    const B: &[MemoryVersion<'_>] = &[(5, 0, 0, b"")];

    #[test]
    fn versions_come_newest_first_and_keys_in_order() {
        let payload = fixture::memory(9, &[(b"", B), (b"a", A), (b"aa", &[]), (b"b", B)]);
        let expected = vec![
            (b"".to_vec(), 5, false, 0, b"".to_vec()),
            (b"a".to_vec(), 9, false, 40, b"new".to_vec()),
            (b"a".to_vec(), 2, true, 0, b"".to_vec()),
            (b"a".to_vec(), 1, false, 0, b"old".to_vec()),
            (b"b".to_vec(), 5, false, 0, b"".to_vec()),
        ];
        assert_eq!(walk(&payload).unwrap(), expected);
        assert_eq!(walk(&fixture::headed(&payload)).unwrap(), expected);
        assert_eq!(walk(&fixture::memory(0, &[])).unwrap(), []);
    }

    #[test]
    fn every_truncation_but_one_at_an_entry_is_truncated() {
        let payload = fixture::memory(9, &[(b"a", A), (b"b", B)]);
        let first = fixture::memory(9, &[(b"a", A)]).len();
        for len in 8..payload.len() {
            let result = walk(&payload[..len]);
            if [START, first].contains(&len) {
                assert!(result.is_ok());
            } else {
                assert!(matches!(result, Err(ErrorKind::Truncated { .. })), "{len}: {result:?}");
            }
        }
    }

    #[test]
    fn keys_and_versions_must_ascend() {
        for entries in [[(&b"b"[..], B), (&b"a"[..], B)], [(b"a", B), (b"a", B)]] {
            let error = walk(&fixture::memory(9, &entries)).unwrap_err();
            assert!(matches!(error, ErrorKind::OutOfOrder { what: "key", .. }));
        }
        for versions in [&[(2, 0, 0, &b""[..]), (1, 0, 0, b"")][..], &[(2, 0, 0, b""), (2, 0, 0, b"")]] {
            let error = walk(&fixture::memory(9, &[(b"a", versions)])).unwrap_err();
            assert!(matches!(error, ErrorKind::OutOfOrder { what: "version", .. }));
        }
    }

    #[test]
    fn counts_and_lengths_are_limited_before_anything_is_allocated() {
        let payload = fixture::memory(9, &[(b"a", B)]);
        for (at, length, over) in [
            (32, limits::MEMORY_KEY + 1, true),
            (32, limits::MEMORY_KEY, false),
            (41, limits::MEMORY_VERSIONS + 1, true),
            (41, limits::MEMORY_VERSIONS, false),
            (66, limits::MEMORY_VALUE + 1, true),
            (66, limits::MEMORY_VALUE, false),
            (66, u64::MAX, true),
        ] {
            let mut damaged = payload.clone();
            damaged[at..at + 8].copy_from_slice(&length.to_le_bytes());
            match walk(&damaged).unwrap_err() {
                ErrorKind::LengthOverLimit { found, .. } => assert!(over && found == length),
                ErrorKind::Truncated { .. } => assert!(!over),
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn other_versions_and_tombstone_bytes_are_unsupported() {
        let mut payload = fixture::memory(9, &[(b"a", B)]);
        payload[57] = 2;
        assert!(matches!(walk(&payload), Err(ErrorKind::UnsupportedFormat { what: "tombstone", .. })));
        payload[8] = 2;
        assert!(matches!(walk(&payload), Err(ErrorKind::UnsupportedFormat { found: 2, .. })));
    }
}
