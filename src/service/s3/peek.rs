//! A scan of small rows that can be looked at before they are taken: the sides of a merge.

use super::problem::RECORD;
use crate::error::Result;
use crate::keyspace::Family;
use crate::snapshot::{Entries, EntryBuf, Snapshot};

/// A scan of one family and a copy of its current entry.
pub(super) struct Peek<'s> {
    entries: Entries<'s>,
    family: Family,
    current: EntryBuf,
    ended: bool,
}

impl<'s> Peek<'s> {
    /// Starts a scan at its first entry.
    pub(super) fn new(snapshot: &'s Snapshot, family: Family) -> Result<Self> {
        let mut peek =
            Self { entries: snapshot.scan(family), family, current: EntryBuf::default(), ended: false };
        peek.advance()?;
        Ok(peek)
    }

    /// Moves to the next entry.
    pub(super) fn advance(&mut self) -> Result<()> {
        match self.entries.next()? {
            None => self.ended = true,
            Some(entry) => {
                if !entry.key.starts_with(self.family.prefix()) {
                    return Err(RECORD.at(entry.place).into());
                }
                self.current.key.clear();
                self.current.key.extend_from_slice(entry.key);
                self.current.body.clear();
                self.current.body.extend_from_slice(entry.body);
                self.current.commit_ts = entry.commit_ts;
                self.current.expire_at = entry.expire_at;
                self.current.place = Some(entry.place);
            }
        }
        Ok(())
    }

    /// Returns the current entry; `None` at the end.
    pub(super) fn entry(&self) -> Option<&EntryBuf> {
        (!self.ended).then_some(&self.current)
    }

    /// Returns the current key without its family's prefix; `None` at the end.
    pub(super) fn key(&self) -> Option<&[u8]> {
        self.entry().and_then(|entry| entry.key.strip_prefix(self.family.prefix()))
    }

    /// Moves to the first key that is not below `key`, and tells whether it is that key. Keys must be asked for
    /// in ascending order.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<bool> {
        while self.key().is_some_and(|current| current < key) {
            self.advance()?;
        }
        Ok(self.key() == Some(key))
    }
}
