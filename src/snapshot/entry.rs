//! What a scan lends: a visible entry, or one version of a key.

use crate::bug::Place;
use crate::container::{Position, Row};
use crate::cursor;
use crate::time::Hlc;

/// Where a row is: which input, and its location in there. Locations of one input order as its rows do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowLocation {
    /// Index of the input among the store's sources.
    pub(super) input: u16,
    /// Where the row is in there.
    pub(super) position: Position,
    /// Tells the row from another that stands there at a second reading; 0 where that is not known.
    fingerprint: u32,
}

/// The version of a user key that counts at the read timestamp; it is no tombstone and not expired.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// User key, without the timestamp suffix.
    pub key: &'a [u8],
    /// When it was committed, an HLC timestamp.
    pub commit_ts: Hlc,
    /// Store-level expiry, an HLC timestamp; 0 is never.
    pub expire_at: Hlc,
    /// Value, without header and envelope.
    pub body: &'a [u8],
    /// Where the row stands.
    pub place: RowLocation,
}

/// One version of a user key, visible or not.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// User key, without the timestamp suffix.
    pub key: &'a [u8],
    /// When it was committed, an HLC timestamp.
    pub commit_ts: Hlc,
    /// Whether it deletes the key.
    pub tombstone: bool,
    /// Whether the body is an envelope that could not be opened.
    pub encrypted: bool,
    /// Store-level expiry, an HLC timestamp; 0 is never.
    pub expire_at: Hlc,
    /// Value, without header and envelope; empty for a tombstone.
    pub body: &'a [u8],
    /// Where the row stands.
    pub place: RowLocation,
}

/// An owned entry, reused from one read to the next.
#[derive(Clone, Debug, Default)]
pub struct EntryBuf {
    /// User key.
    pub key: Vec<u8>,
    /// When it was committed, an HLC timestamp.
    pub commit_ts: Hlc,
    /// Store-level expiry, an HLC timestamp; 0 is never.
    pub expire_at: Hlc,
    /// Value, without header and envelope.
    pub body: Vec<u8>,
    /// Where the row stands.
    pub place: Option<RowLocation>,
}

impl RowLocation {
    /// Location of a row by the index of its input and its offset there.
    #[must_use]
    pub(crate) const fn new(input: u16, offset: u64) -> Self {
        Self::at(input, Position::at(offset))
    }

    /// Location of a row by the index of its input and its position there; what the row says is not known.
    pub(super) const fn at(input: u16, position: Position) -> Self {
        Self { input, position, fingerprint: 0 }
    }

    /// Location of a row that was read.
    pub(super) fn of(input: u16, row: &Row<'_>) -> Self {
        Self::with(input, row.position, row.fingerprint())
    }

    /// Location of a row of this fingerprint.
    pub(super) fn with(input: u16, position: Position, fingerprint: u64) -> Self {
        Self { input, position, fingerprint: short(fingerprint) }
    }

    /// Whether this is, as far as is known, the row that stood at the location.
    pub(super) fn is_of(self, row: &Row<'_>) -> bool {
        self.fingerprint == 0 || self.fingerprint == short(row.fingerprint())
    }

    /// Offset in its (decompressed) input, bytes: of the row, or of the block of a table that it is in.
    #[must_use]
    pub fn offset(self) -> u64 {
        self.position.offset()
    }

    /// Index of the input among the store's inputs.
    #[must_use]
    pub fn input(self) -> usize {
        usize::from(self.index())
    }

    /// Marks the input of an intent that stands for the write that it holds.
    const WRITE: u16 = 1 << 15;

    /// Returns the same as a number of the store's.
    pub(super) const fn index(self) -> u16 {
        self.input & !Self::WRITE
    }

    /// Returns the location of an intent as that of the committed write that it holds.
    #[must_use]
    pub(super) const fn of_write(self) -> Self {
        Self { input: self.input | Self::WRITE, ..self }
    }

    /// Whether the entry at this location is the write that an intent holds, not the intent.
    pub(super) const fn is_write(self) -> bool {
        self.input & Self::WRITE != 0
    }

    /// Length of [`RowLocation::to_bytes`].
    pub const LEN: usize = 2 + Position::LEN + 4;

    /// Returns the bytes that stand for the place in a sorted record; they order as places do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (input, rest) = bytes.split_at_mut(2);
        let (position, fingerprint) = rest.split_at_mut(Position::LEN);
        input.copy_from_slice(&self.input.to_be_bytes());
        position.copy_from_slice(&self.position.to_bytes());
        fingerprint.copy_from_slice(&self.fingerprint.to_be_bytes());
        bytes
    }

    /// Takes a place off the front of `bytes`.
    pub fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (input, position) = (cursor::take_u16_be(bytes)?, Position::take(bytes)?);
        Some(Self { input, position, fingerprint: cursor::take_u32_be(bytes)? })
    }

    /// Reads a place back that is all there is.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let place = Self::take(&mut bytes)?;
        bytes.is_empty().then_some(place)
    }
}

impl From<RowLocation> for Place {
    fn from(row: RowLocation) -> Self {
        Self::Row { input: row.input(), offset: row.offset() }
    }
}

/// Returns the upper half of a row's fingerprint; never 0.
fn short(fingerprint: u64) -> u32 {
    u32::try_from(fingerprint >> 32).unwrap_or(u32::MAX).max(1)
}

impl EntryBuf {
    /// Lends what was read last.
    pub(super) fn entry(&self) -> Option<Entry<'_>> {
        let place = self.place?;
        let (commit_ts, expire_at) = (self.commit_ts, self.expire_at);
        Some(Entry { key: &self.key, commit_ts, expire_at, body: &self.body, place })
    }

    /// Copies a row of an input.
    pub(super) fn set(&mut self, input: u16, row: &Row<'_>) {
        self.key.clear();
        self.key.extend_from_slice(row.key);
        self.body.clear();
        self.body.extend_from_slice(row.body);
        (self.commit_ts, self.expire_at) = (row.head.commit_ts, row.head.expire_at);
        self.place = Some(RowLocation::of(input, row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_as_bytes() {
        for position in [Position::at(u64::MAX >> 1), Position::in_block(7, 90, 5)] {
            let place = RowLocation { fingerprint: 0x0304_0506, ..RowLocation::at(0x0102, position) };
            assert_eq!(RowLocation::from_bytes(&place.to_bytes()), Some(place));
            let bytes = place.to_bytes();
            assert_eq!(RowLocation::from_bytes(&bytes[..bytes.len() - 1]), None);
            assert_eq!(RowLocation::from_bytes(&[&bytes[..], &[0]].concat()), None);
            assert!(bytes < RowLocation::new(0x0103, 0).to_bytes());
        }
    }
}
