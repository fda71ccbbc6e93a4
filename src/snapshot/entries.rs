//! Scans as callers see them: they lend entries or versions.

use std::collections::VecDeque;

use super::Result;
use super::Snapshot;
use super::encrypted::Plaintext;
use super::entry::{Entry, EntryBuf, RowLocation, Version};
use super::focus::RowFilter;
use super::merge::{Merge, Next};
use super::scan::{KeyFilter, VersionMode};
use crate::bug::Bug;
use crate::cursor;
use crate::keyspace::Family;
use crate::time::Hlc;

/// A scan that lends visible entries; after the first error or the end it yields nothing more.
#[derive(Debug)]
pub struct Entries<'s> {
    snapshot: &'s Snapshot,
    rows: Merge<'s>,
    /// A committed write that was not applied to its key yet.
    write: EntryBuf,
    plaintext: Plaintext,
    /// Prefixes that are scanned when the rows end.
    rest: VecDeque<Vec<u8>>,
    /// What the rows have to pass, and the family that they are of.
    filter: Option<(&'s dyn RowFilter, Family)>,
}

const EDITED: Bug = Bug::new("the key of a write that is due does not read back");

impl<'s> Entries<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, rows: Merge<'s>, wanted: KeyFilter) -> Self {
        let family = match &wanted {
            KeyFilter::Family(family) => *family,
            KeyFilter::Prefix(prefix) => Family::of(prefix),
        };
        let filter = snapshot.focus.filter().map(|filter| (filter, family));
        let rows = Self::edited(snapshot, rows, wanted);
        let (write, plaintext) = (EntryBuf::default(), Plaintext::default());
        Self { snapshot, rows, write, plaintext, rest: VecDeque::new(), filter }
    }

    /// Scans one prefix after the other, the first one from a hint on.
    pub(super) fn chain(
        snapshot: &'s Snapshot,
        mut rest: VecDeque<Vec<u8>>,
        hint: Option<RowLocation>,
    ) -> Self {
        let first = rest.pop_front();
        let family = first.as_deref().map(Family::of);
        let filter = snapshot.focus.filter().zip(family);
        let rows = first.map_or_else(Merge::default, |prefix| Self::of_prefix(snapshot, prefix, hint));
        let (write, plaintext) = (EntryBuf::default(), Plaintext::default());
        Self { snapshot, rows, write, plaintext, rest, filter }
    }

    fn of_prefix(snapshot: &'s Snapshot, prefix: Vec<u8>, hint: Option<RowLocation>) -> Merge<'s> {
        let rows = snapshot.with_prefix(&prefix, hint, VersionMode::Visible);
        Self::edited(snapshot, rows, KeyFilter::Prefix(prefix))
    }

    fn edited(snapshot: &'s Snapshot, rows: Merge<'s>, wanted: KeyFilter) -> Merge<'s> {
        if snapshot.overlay.is_empty() {
            rows
        } else {
            let prefix = match &wanted {
                KeyFilter::Family(family) => family.prefix(),
                KeyFilter::Prefix(prefix) => prefix,
            };
            rows.with_edits(snapshot.overlay.edits(prefix), wanted)
        }
    }

    /// Lends the next entry, valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>> {
        loop {
            match self.rows.advance()? {
                Some(Next::Row(part)) => {
                    if let Some((filter, family)) = self.filter
                        && !filter.passes(family, self.rows.row(part)?.1.key)
                    {
                        continue;
                    }
                    return self.stored(part);
                }
                Some(Next::Write(intent)) => return self.written(intent),
                None => {}
            }
            let Some(prefix) = self.rest.pop_front() else { return Ok(None) };
            self.rows = Self::of_prefix(self.snapshot, prefix, None);
        }
    }

    #[cold]
    fn written(&mut self, intent: RowLocation) -> Result<Option<Entry<'_>>> {
        let (key, commit_ts) =
            cursor::split_last_u64_be(self.rows.edited_key()?).ok_or_else(|| EDITED.at(intent))?;
        self.snapshot.read_write(intent, key, Hlc(!commit_ts), &mut self.write)?;
        Ok(self.write.entry())
    }

    #[inline]
    fn stored(&mut self, part: usize) -> Result<Option<Entry<'_>>> {
        let (place, row) = self.rows.row(part)?;
        let (commit_ts, expire_at) = (row.head.commit_ts, row.head.expire_at);
        let body = if row.head.encrypted {
            self.snapshot.plain(self.snapshot.path(place.index()), &row, &mut self.plaintext)?
        } else {
            row.body
        };
        Ok(Some(Entry { key: row.key, commit_ts, expire_at, body, place }))
    }
}

/// A scan that lends all versions; after the first error or the end it yields nothing more.
#[derive(Debug)]
pub struct Versions<'s> {
    snapshot: &'s Snapshot,
    rows: Merge<'s>,
    plaintext: Plaintext,
    /// Prefixes that are scanned when the rows end.
    rest: VecDeque<Vec<u8>>,
}

impl<'s> Versions<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, rows: Merge<'s>) -> Self {
        Self { snapshot, rows, plaintext: Plaintext::default(), rest: VecDeque::new() }
    }

    /// Scans one prefix after the other.
    pub(super) fn chain(snapshot: &'s Snapshot, rest: VecDeque<Vec<u8>>) -> Self {
        Self { rest, ..Self::new(snapshot, Merge::default()) }
    }

    /// Lends the next version, valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    pub fn next(&mut self) -> Result<Option<Version<'_>>> {
        let part = loop {
            match self.rows.advance()? {
                Some(Next::Row(part)) => break part,
                Some(Next::Write(_)) => {
                    return Err(Bug::new("a write is due in a scan without edits").into());
                }
                None => {}
            }
            let Some(prefix) = self.rest.pop_front() else { return Ok(None) };
            self.rows = self.snapshot.with_prefix(&prefix, None, VersionMode::All);
        };
        let (place, row) = self.rows.row(part)?;
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
