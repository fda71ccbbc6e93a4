//! The entries of a block one after the other: keys share their beginnings (`format/container.md#tables-of-a-bundle`).

use std::ops::Range;

use super::handle::take_uvarint;
use super::{TRAILER, corrupt};
use crate::container::ErrorKind;

/// A walk over the entries of a block, whose bytes the caller holds.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// Where the current entry begins, and the next one.
    at: usize,
    next: usize,
    key: Vec<u8>,
    value: Range<usize>,
}

impl Entries {
    /// Goes back to the beginning of a block.
    pub(super) fn restart(&mut self) {
        (self.at, self.next, self.value) = (0, 0, 0..0);
        self.key.clear();
        self.key.shrink_to(1 << 20);
    }

    /// Makes the next entry current; `false` at the end of the block, where the last one stays current.
    #[inline]
    pub(super) fn advance(&mut self, entries: &[u8]) -> Result<bool, ErrorKind> {
        let mut rest = entries.get(self.next..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(false);
        }
        let lengths = (take_uvarint(&mut rest), take_uvarint(&mut rest), take_uvarint(&mut rest));
        let (Some(shared), Some(unshared), Some(value_len)) = lengths else { return Err(self.broken()) };
        let lengths = (usize::try_from(shared), usize::try_from(unshared), usize::try_from(value_len));
        let (Ok(shared), Ok(unshared), Ok(value_len)) = lengths else { return Err(self.broken()) };
        let split = rest.split_at_checked(unshared).filter(|_| shared <= self.key.len());
        let (tail, rest) = split.ok_or_else(|| self.broken())?;
        let start = entries.len() - rest.len();
        if value_len > rest.len() {
            return Err(self.broken());
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(tail);
        self.value = start..start + value_len;
        (self.at, self.next) = (self.next, self.value.end);
        Ok(true)
    }

    #[cold]
    fn broken(&self) -> ErrorKind {
        corrupt(format!("an entry that its block cannot hold, at byte {} of the block", self.next))
    }

    /// Returns where in the block the current entry begins.
    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Returns where in the block the next entry would begin.
    #[inline]
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// Returns the current key, trailer included.
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Returns the current key and its trailer, little endian: sequence number and kind.
    #[inline]
    pub(super) fn split_key(&self) -> Option<(&[u8], u64)> {
        let (key, trailer) = self.key.split_last_chunk::<TRAILER>()?;
        Some((key, u64::from_le_bytes(*trailer)))
    }

    /// Returns the current value.
    #[inline]
    pub(super) fn value<'b>(&self, entries: &'b [u8]) -> &'b [u8] {
        entries.get(self.value.clone()).unwrap_or_default()
    }
}
