//! Scans as callers see them: they lend entries or versions.

use super::Store;
use super::entry::{Entry, Version};
use super::merge::Merge;
use crate::error::Result;

/// A scan that lends visible entries; after the first error or the end it yields nothing more.
#[derive(Debug)]
pub struct Entries<'s> {
    store: &'s Store,
    rows: Merge<'s>,
}

impl<'s> Entries<'s> {
    pub(super) fn new(store: &'s Store, rows: Merge<'s>) -> Self {
        Self { store, rows }
    }

    /// Lends the next entry, valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>> {
        let Some((place, row)) = self.rows.next()? else { return Ok(None) };
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
