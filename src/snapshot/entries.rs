//! Scans as callers see them: they lend entries or versions.

use super::Result;
use super::Snapshot;
use super::encrypted::Plaintext;
use super::entry::{Entry, EntryBuf, RowLocation, Version};
use super::merge::{Merge, Next};
use super::scan::KeyFilter;
use crate::bug::Bug;
use crate::cursor;

/// A scan that lends visible entries; after the first error or the end it yields nothing more.
#[derive(Debug)]
pub struct Entries<'s> {
    snapshot: &'s Snapshot,
    rows: Merge<'s>,
    /// A committed write that was not applied to its key yet.
    write: EntryBuf,
    plaintext: Plaintext,
}

const EDITED: Bug = Bug::new("the key of a write that is due does not read back");

impl<'s> Entries<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, rows: Merge<'s>, wanted: KeyFilter) -> Self {
        let rows = if snapshot.overlay.is_empty() {
            rows
        } else {
            let prefix = match &wanted {
                KeyFilter::Family(family) => family.prefix(),
                KeyFilter::Prefix(prefix) => prefix,
            };
            rows.with_edits(snapshot.overlay.edits(prefix), wanted)
        };
        Self { snapshot, rows, write: EntryBuf::default(), plaintext: Plaintext::default() }
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
        let (key, commit_ts) =
            cursor::split_last_u64_be(self.rows.edited_key()?).ok_or_else(|| EDITED.at(intent))?;
        self.snapshot.read_write(intent, key, !commit_ts, &mut self.write)?;
        Ok(self.write.entry())
    }

    #[inline]
    fn stored(&mut self, part: usize) -> Result<Option<Entry<'_>>> {
        let (place, row) = self.rows.row(part)?;
        let (commit_ts, expire_at) = (row.head.commit_ts, row.head.expire_at);
        let body = self.snapshot.plain(self.snapshot.path(place.index()), &row, &mut self.plaintext)?;
        Ok(Some(Entry { key: row.key, commit_ts, expire_at, body, place }))
    }
}

/// A scan that lends all versions; after the first error or the end it yields nothing more.
#[derive(Debug)]
pub struct Versions<'s> {
    snapshot: &'s Snapshot,
    rows: Merge<'s>,
    plaintext: Plaintext,
}

impl<'s> Versions<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, rows: Merge<'s>) -> Self {
        Self { snapshot, rows, plaintext: Plaintext::default() }
    }

    /// Lends the next version, valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    pub fn next(&mut self) -> Result<Option<Version<'_>>> {
        let Some((place, row)) = self.rows.next()? else { return Ok(None) };
        let opened = if row.head.encrypted {
            self.snapshot.plain_if_possible(&row, &mut self.plaintext)
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
