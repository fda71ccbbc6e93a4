//! What a scan lends: a visible entry, or one version of a key.

use crate::container::Row;

/// Where a row stands: which input, and the offset of its first byte in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index of the input among the store's sources.
    pub input: u16,
    /// Offset of the row in the (decompressed) input, bytes.
    pub offset: u64,
}

/// The version of a user key that counts at the read timestamp; it is no tombstone and not expired.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// User key, without the timestamp suffix.
    pub key: &'a [u8],
    /// When it was committed, an HLC timestamp.
    pub commit_ts: u64,
    /// Store-level expiry, an HLC timestamp; 0 is never.
    pub expire_at: u64,
    /// Value, without header and envelope.
    pub body: &'a [u8],
    /// Where the row stands.
    pub place: Place,
}

/// One version of a user key, visible or not.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// User key, without the timestamp suffix.
    pub key: &'a [u8],
    /// When it was committed, an HLC timestamp.
    pub commit_ts: u64,
    /// Whether it deletes the key.
    pub tombstone: bool,
    /// Whether the body is an envelope that could not be opened.
    pub encrypted: bool,
    /// Store-level expiry, an HLC timestamp; 0 is never.
    pub expire_at: u64,
    /// Value, without header and envelope; empty for a tombstone.
    pub body: &'a [u8],
    /// Where the row stands.
    pub place: Place,
}

/// An owned entry, reused from one read to the next.
#[derive(Clone, Debug, Default)]
pub struct EntryBuf {
    /// User key.
    pub key: Vec<u8>,
    /// When it was committed, an HLC timestamp.
    pub commit_ts: u64,
    /// Store-level expiry, an HLC timestamp; 0 is never.
    pub expire_at: u64,
    /// Value, without header and envelope.
    pub body: Vec<u8>,
    /// Where the row stands.
    pub place: Option<Place>,
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
        self.place = Some(Place { input, offset: row.offset });
    }
}
