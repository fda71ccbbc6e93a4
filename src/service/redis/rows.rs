//! The rows of one type of collection under one Redis key, and what they amount to (`reading/redis.md#type-of-a-key`, `reading/redis.md#contents-of-each-type`).

use super::collection::Collection;
use super::key_record::Deltas;
use super::meta::Meta;
use crate::snapshot::RowLocation;
use crate::time::Hlc;

/// The rows of one type of collection under a key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rows {
    pub(super) meta: Option<BaseMeta>,
    pub(super) elements: u64,
    pub(super) deltas: Option<Deltas>,
    pub(super) blob: Option<RowLocation>,
}

/// A base meta, parsed where it can be.
#[derive(Clone, Copy, Debug)]
pub(super) struct BaseMeta {
    pub(super) place: RowLocation,
    /// HLC.
    pub(super) commit_ts: Hlc,
    pub(super) meta: Option<Meta>,
}

impl Rows {
    fn delta_rows(&self) -> u64 {
        self.deltas.map_or(0, |deltas| deltas.rows)
    }

    /// Whether these rows, the blob aside, make a collection of this type.
    pub(super) fn make(&self, collection: Collection) -> bool {
        let elements_count = match collection {
            Collection::List | Collection::Stream => false,
            Collection::Hash | Collection::Set | Collection::Zset => true,
        };
        self.meta.is_some() || self.deltas.is_some() || (elements_count && self.elements > 0)
    }

    /// Number of elements that belong to nothing: a server never reads them.
    pub(super) fn orphans(&self, collection: Collection) -> u64 {
        if self.make(collection) { 0 } else { self.elements }
    }

    /// Number of rows that hold user data and are not read, because another type has the key.
    pub(super) fn hidden(&self, collection: Collection) -> u64 {
        if !self.make(collection) || (self.meta.is_none() && self.elements == 0) {
            return 0;
        }
        self.elements + u64::from(self.meta.is_some()) + self.delta_rows()
    }

    /// Whether the blob is ignored in favour of rows of the same type (`reading/redis.md#contents-of-each-type`).
    pub(super) fn blob_is_superseded(&self, collection: Collection) -> bool {
        match collection {
            Collection::Stream => self.meta.is_some(),
            _ => self.elements > 0,
        }
    }
}
