//! When a version counts and when it has expired (`reading/versions.md#time`).

use crate::container::RowHeader;
use crate::keyspace::Family;

/// The read timestamp, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadView {
    /// Newer versions do not count, an HLC timestamp.
    pub(super) newest: u64,
    /// What is not later has expired, an HLC timestamp.
    pub(super) now: u64,
}

impl ReadView {
    /// Reads whatever was committed last; nothing has expired.
    pub(super) const END_OF_TIME: Self = Self { newest: u64::MAX, now: 0 };

    /// Returns the clock of a read timestamp that is known.
    pub(super) fn at(read_ts: u64) -> Self {
        Self { newest: read_ts, now: read_ts }
    }

    /// Returns the clock for a family: node-local chunks are read at the end of time (`format/keys.md#families-of-s3`).
    #[inline]
    pub(super) fn of(self, family: Family) -> Self {
        if family == Family::S3ChunkBlob { Self::at(u64::MAX) } else { self }
    }

    /// Whether a version was committed after the read timestamp.
    #[inline]
    pub(super) fn is_too_new(self, head: &RowHeader) -> bool {
        head.commit_ts > self.newest
    }

    /// Whether a version that counts has expired.
    #[inline]
    pub(super) fn is_expired(self, head: &RowHeader) -> bool {
        head.expire_at != 0 && head.expire_at <= self.now
    }

    /// Whether a version that counts is part of the state.
    #[inline]
    pub(super) fn is_visible(self, head: &RowHeader) -> bool {
        !head.tombstone && !self.is_expired(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_expired_at_its_expiry() {
        let head = |expire_at| RowHeader { commit_ts: 15, tombstone: false, encrypted: false, expire_at };
        let view = ReadView::at(40);
        assert!(view.is_visible(&head(0)));
        assert!(view.is_visible(&head(41)));
        assert!(!view.is_visible(&head(40)));
        assert!(!view.is_visible(&RowHeader { tombstone: true, ..head(0) }));
        assert!(!ReadView::at(15).is_too_new(&head(0)));
        assert!(ReadView::at(14).is_too_new(&head(0)));
        assert!(!ReadView::at(14).of(Family::S3ChunkBlob).is_too_new(&head(0)));
    }
}
