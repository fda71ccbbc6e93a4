//! When a version counts and when it has expired (`reading/versions.md#time`).

use crate::container::RowHeader;
use crate::keyspace::Family;
use crate::time::Hlc;

/// The read timestamp, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadView {
    /// Newer versions do not count, an HLC timestamp.
    pub(super) newest: Hlc,
    /// What is not later has expired, an HLC timestamp.
    pub(super) now: Hlc,
}

impl ReadView {
    /// Reads whatever was committed last; nothing has expired.
    pub(super) const END_OF_TIME: Self = Self { newest: Hlc::MAX, now: Hlc::ZERO };

    /// Returns the clock of a read timestamp that is known.
    pub(super) fn at(read_ts: Hlc) -> Self {
        Self { newest: read_ts, now: read_ts }
    }

    /// Returns the clock for a family: node-local chunks are read at the end of time (`format/keys.md#families-of-s3`).
    #[inline]
    pub(super) fn of(self, family: Family) -> Self {
        if family == Family::S3ChunkBlob { Self::at(Hlc::MAX) } else { self }
    }

    /// Whether a version was committed after the read timestamp.
    #[inline]
    pub(super) fn is_too_new(self, head: &RowHeader) -> bool {
        head.commit_ts > self.newest
    }

    /// Whether a version that counts has expired.
    #[inline]
    pub(super) fn is_expired(self, head: &RowHeader) -> bool {
        head.expire_at != Hlc::ZERO && head.expire_at <= self.now
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
        let head =
            |expire_at| RowHeader { commit_ts: Hlc(15), tombstone: false, encrypted: false, expire_at };
        let view = ReadView::at(Hlc(40));
        assert!(view.is_visible(&head(Hlc::ZERO)));
        assert!(view.is_visible(&head(Hlc(41))));
        assert!(!view.is_visible(&head(Hlc(40))));
        assert!(!view.is_visible(&RowHeader { tombstone: true, ..head(Hlc::ZERO) }));
        assert!(!ReadView::at(Hlc(15)).is_too_new(&head(Hlc::ZERO)));
        assert!(ReadView::at(Hlc(14)).is_too_new(&head(Hlc::ZERO)));
        assert!(!ReadView::at(Hlc(14)).of(Family::S3ChunkBlob).is_too_new(&head(Hlc::ZERO)));
    }
}
