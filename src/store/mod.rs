//! Rows to visible entries: the snapshot as a read-only store (`keyspaces.md` 2-5).
//!
//! In: [`Source`]s, one a snapshot. Out: [`Entry`]s, the one version of each user key that counts at the read
//! timestamp, by family, by prefix or one at a time. Adapters never see two versions of a key, a tombstone or
//! an expired version, unless they ask for [`Store::versions`].

mod entry;
mod error;
mod stats;

use crate::container::Source;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::keyspace::Family;

pub use entry::{Entry, EntryBuf, Place, Version};
pub use error::Error;
pub use stats::{FamilyStats, InputInfo};

/// How a store is opened.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// Read at this HLC timestamp instead of T; above T it is T (`decisions.md` 4).
    pub at: Option<u64>,
    /// Polled while rows are read.
    pub interrupt: Interrupt,
}

/// One or more snapshots, read at one timestamp. Reading needs only `&self`: each scan has its own buffer.
#[derive(Debug)]
pub struct Store {}

impl Store {
    /// Makes the first pass over all sources: checksums, order, operational rows, counts and ranges by family,
    /// sparse index. Nothing can be read before the footer of each was checked.
    pub fn open(sources: Vec<Source>, options: &StoreOptions) -> Result<Self> {
        let _ = (sources, options);
        todo!()
    }

    /// Returns the read timestamp, an HLC (`keyspaces.md` 2): T, or the one asked for.
    #[must_use]
    pub fn read_ts(&self) -> u64 {
        todo!()
    }

    /// Returns the Unix time in ms for questions like "is this TTL past?": `max(T >> 16, ceiling_ms) - 10000`
    /// (`decisions.md` 4), a lower bound of the wall clock when the snapshot was cut.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        todo!()
    }

    /// Returns what the first pass counted for a family.
    #[must_use]
    pub fn stats(&self, family: Family) -> &FamilyStats {
        let _ = family;
        todo!()
    }

    /// Scans the visible entries of one family, in row order (`keyspaces.md` 4; in key order for `EKVMVCC2`).
    /// A key's extensions by bytes below `fe` come before it: `ab` before `a`. Sort where order matters.
    #[must_use]
    pub fn scan(&self, family: Family) -> Entries<'_> {
        let _ = family;
        todo!()
    }

    /// Scans the visible entries whose user key begins with `prefix`, whatever their families. `hint` is the
    /// place of an entry at or before the first of them, when the caller has one: it saves the search.
    #[must_use]
    pub fn scan_prefix(&self, prefix: &[u8], hint: Option<Place>) -> Entries<'_> {
        let _ = (prefix, hint);
        todo!()
    }

    /// Scans **all** versions of one family, also those newer than the read timestamp: tombstones, expired and
    /// shadowed ones; newest first for each key.
    #[must_use]
    pub fn versions(&self, family: Family) -> Versions<'_> {
        let _ = family;
        todo!()
    }

    /// Reads the visible entry of one user key into `entry`; `false` when there is none. Searches the sparse
    /// index and reads up to one interval of it: meant for the exceptional key, not for a loop over millions.
    pub fn get(&self, user_key: &[u8], entry: &mut EntryBuf) -> Result<bool> {
        let _ = (user_key, entry);
        todo!()
    }

    /// Reads again the row at a place that a scan gave.
    pub fn read(&self, place: Place, entry: &mut EntryBuf) -> Result<()> {
        let _ = (place, entry);
        todo!()
    }
}

/// A scan that lends visible entries; after the first error or the end it yields nothing more.
#[derive(Debug)]
pub struct Entries<'s> {
    store: &'s Store,
}

impl Entries<'_> {
    /// Lends the next entry, valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>> {
        let _ = self.store;
        todo!()
    }
}

/// A scan that lends all versions; after the first error or the end it yields nothing more.
#[derive(Debug)]
pub struct Versions<'s> {
    store: &'s Store,
}

impl Versions<'_> {
    /// Lends the next version, valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    pub fn next(&mut self) -> Result<Option<Version<'_>>> {
        let _ = self.store;
        todo!()
    }
}
