//! Scans as callers see them: they lend entries or versions.

use super::Store;
use super::encrypted::Plaintext;
use super::entry::{Entry, EntryBuf, RowLocation, Version};
use super::merge::{Merge, Next};
use super::scan::Wanted;
use super::{Error, Result};
use crate::cursor;

/// A scan that lends visible entries; after the first error or the end it yields nothing more.
#[derive(Debug)]
pub struct Entries<'s> {
    store: &'s Store,
    rows: Merge<'s>,
    /// A committed write that was not applied to its key yet.
    write: EntryBuf,
    plaintext: Plaintext,
}

const EDITED: Error = Error::Internal { what: "the key of a write that is due does not read back" };

impl<'s> Entries<'s> {
    pub(super) fn new(store: &'s Store, rows: Merge<'s>, wanted: Wanted) -> Self {
        let rows = if store.overlay.is_empty() {
            rows
        } else {
            let prefix = match &wanted {
                Wanted::Family(family) => family.prefix(),
                Wanted::Prefix(prefix) => prefix,
            };
            rows.with_edits(store.overlay.edits(prefix), wanted)
        };
        Self { store, rows, write: EntryBuf::default(), plaintext: Plaintext::default() }
    }

    /// Lends the next entry, valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>> {
        match self.rows.advance()? {
            Some(Next::Row(part)) => self.stored(part),
            Some(Next::Write(intent)) => self.written(intent),
            None => Ok(None),
        }
    }

    #[cold]
    fn written(&mut self, intent: RowLocation) -> Result<Option<Entry<'_>>> {
        let (key, commit_ts) = cursor::split_last_u64_be(self.rows.edited_key()?).ok_or(EDITED)?;
        self.store.read_write(intent, key, !commit_ts, &mut self.write)?;
        Ok(self.write.entry())
    }

    #[inline]
    fn stored(&mut self, part: usize) -> Result<Option<Entry<'_>>> {
        let (place, row) = self.rows.row(part)?;
        let (commit_ts, expire_at) = (row.head.commit_ts, row.head.expire_at);
        let body = self.store.plain(self.store.path(place.index()), &row, &mut self.plaintext)?;
        Ok(Some(Entry { key: row.key, commit_ts, expire_at, body, place }))
    }
}

/// A scan that lends all versions; after the first error or the end it yields nothing more.
#[derive(Debug)]
pub struct Versions<'s> {
    store: &'s Store,
    rows: Merge<'s>,
    plaintext: Plaintext,
}

impl<'s> Versions<'s> {
    pub(super) fn new(store: &'s Store, rows: Merge<'s>) -> Self {
        Self { store, rows, plaintext: Plaintext::default() }
    }

    /// Lends the next version, valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    pub fn next(&mut self) -> Result<Option<Version<'_>>> {
        let Some((place, row)) = self.rows.next()? else { return Ok(None) };
        let opened = if row.head.encrypted {
            self.store.plain_if_possible(&row, &mut self.plaintext)
        } else {
            Some(row.body)
        };
        Ok(Some(Version {
            key: row.key,
            commit_ts: row.head.commit_ts,
            tombstone: row.head.tombstone,
            encrypted: opened.is_none(),
            expire_at: row.head.expire_at,
            body: opened.unwrap_or(row.body),
            place,
        }))
    }
}
