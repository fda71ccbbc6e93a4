//! Scans as callers see them: they lend entries or versions.

use std::vec::IntoIter;

use super::Store;
use super::entry::{Entry, EntryBuf, Version};
use super::merge::Merge;
use super::scan::Wanted;
use super::survey::user_key;
use super::txn::Replacement;
use crate::error::Result;

/// A scan that lends visible entries; after the first error or the end it yields nothing more.
#[derive(Debug)]
pub struct Entries<'s> {
    store: &'s Store,
    rows: Merge<'s>,
    overlaid: Option<Overlaid<'s>>,
}

/// Committed writes that are lent between the stored rows, and instead of them.
#[derive(Debug)]
struct Overlaid<'s> {
    /// In row order.
    puts: IntoIter<&'s Replacement>,
    /// The part of the stored row that is next.
    held: Option<usize>,
    record: EntryBuf,
}

/// What comes next.
enum Next<'s> {
    Stored(usize),
    Put(&'s Replacement),
}

impl<'s> Entries<'s> {
    pub(super) fn new(store: &'s Store, rows: Merge<'s>, wanted: &Wanted) -> Self {
        let overlaid = (!store.overlay.is_empty()).then(|| Overlaid {
            puts: store.overlay.puts(wanted, true).into_iter(),
            held: None,
            record: EntryBuf::default(),
        });
        Self { store, rows, overlaid }
    }

    /// Lends the next entry, valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>> {
        if self.overlaid.is_some() {
            return self.next_overlaid();
        }
        match self.rows.advance()? {
            Some(part) => self.stored(part),
            None => Ok(None),
        }
    }

    fn next_overlaid(&mut self) -> Result<Option<Entry<'_>>> {
        match self.choose()? {
            Some(Next::Stored(part)) => self.stored(part),
            Some(Next::Put(put)) => {
                let Some(overlaid) = &mut self.overlaid else { return Ok(None) };
                self.store.put(put, &mut overlaid.record)?;
                Ok(overlaid.record.entry())
            }
            None => Ok(None),
        }
    }

    /// Decides between the next stored row and the next put; passes stored rows that a put or a deletion replaces.
    fn choose(&mut self) -> Result<Option<Next<'s>>> {
        let Some(overlaid) = &mut self.overlaid else { return Ok(None) };
        loop {
            if overlaid.held.is_none() {
                overlaid.held = self.rows.advance()?;
            }
            let stored = overlaid.held.and_then(|part| self.rows.key(part));
            if stored.is_some_and(|key| self.store.overlay.of_key(user_key(key)).is_some()) {
                overlaid.held = None;
                continue;
            }
            let put_is_next = match (overlaid.puts.as_slice().first(), stored) {
                (Some(put), Some(key)) => put.is_before(key, true),
                (put, _) => put.is_some(),
            };
            return Ok(if put_is_next {
                overlaid.puts.next().map(Next::Put)
            } else {
                overlaid.held.take().map(Next::Stored)
            });
        }
    }

    #[inline]
    fn stored(&mut self, part: usize) -> Result<Option<Entry<'_>>> {
        let Some((place, row)) = self.rows.row(part)? else { return Ok(None) };
        self.store.refuse_encrypted(row.head.encrypted)?;
        let (commit_ts, expire_at) = (row.head.commit_ts, row.head.expire_at);
        Ok(Some(Entry { key: row.key, commit_ts, expire_at, body: row.body, place }))
    }
}

/// A scan that lends all versions; after the first error or the end it yields nothing more.
#[derive(Debug)]
pub struct Versions<'s> {
    rows: Merge<'s>,
}

impl<'s> Versions<'s> {
    pub(super) fn new(rows: Merge<'s>) -> Self {
        Self { rows }
    }

    /// Lends the next version, valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    pub fn next(&mut self) -> Result<Option<Version<'_>>> {
        let Some((place, row)) = self.rows.next()? else { return Ok(None) };
        Ok(Some(Version {
            key: row.key,
            commit_ts: row.head.commit_ts,
            tombstone: row.head.tombstone,
            encrypted: row.head.encrypted,
            expire_at: row.head.expire_at,
            body: row.body,
            place,
        }))
    }
}
