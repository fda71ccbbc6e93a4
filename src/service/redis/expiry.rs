//! What becomes of a key because of its expiry (`reading/redis.md#expiry`, `reading/redis.md#decided-cases`).

use super::key_state::Index;
use crate::time::UnixMs;

/// Clamps an expiry, Unix ms, as the live server does.
pub(super) fn clamp(UnixMs(ms): UnixMs) -> UnixMs {
    UnixMs(ms.min(i64::MAX.cast_unsigned()))
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpiryOutcome {
    /// It is written, with this expiry, Unix ms.
    Written(Option<UnixMs>),
    /// It is left out, as `--drop-expired` asks.
    Dropped,
    /// Expired since 1970: the tree has no way to say so.
    Unrepresentable,
    /// It depends on an index row of the wrong length: the server refuses to read it.
    BadIndex,
}

/// When keys are expired, and what is done with them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Lower bound of the wall clock when the snapshot was cut, Unix ms.
    pub(super) now: UnixMs,
    /// `--drop-expired`.
    pub(super) drop_expired: bool,
}

impl Clock {
    /// Whether a key with this expiry is expired.
    pub(super) fn is_expired(&self, expiry: Option<UnixMs>) -> bool {
        expiry.is_some_and(|ms| ms <= self.now)
    }

    /// Decides about a key with this expiry.
    pub(super) fn outcome(&self, expiry: Option<UnixMs>) -> ExpiryOutcome {
        match expiry {
            Some(_) if self.drop_expired && self.is_expired(expiry) => ExpiryOutcome::Dropped,
            Some(UnixMs(0)) => ExpiryOutcome::Unrepresentable,
            _ => ExpiryOutcome::Written(expiry),
        }
    }

    /// Decides about a key whose expiry stands in the index.
    pub(super) fn outcome_by_index(&self, index: Option<Index>) -> ExpiryOutcome {
        match index {
            None => ExpiryOutcome::Written(None),
            Some(Index { expiry: Some(ms), .. }) => self.outcome(Some(ms)),
            Some(Index { expiry: None, .. }) => ExpiryOutcome::BadIndex,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::RowLocation;
    use crate::time::Hlc;

    fn clock(drop_expired: bool) -> Clock {
        Clock { now: UnixMs(1000), drop_expired }
    }

    #[test]
    fn expired_keys_stay_unless_they_are_to_be_dropped() {
        assert_eq!(clock(false).outcome(Some(UnixMs(1000))), ExpiryOutcome::Written(Some(UnixMs(1000))));
        assert_eq!(clock(true).outcome(Some(UnixMs(1000))), ExpiryOutcome::Dropped);
        assert_eq!(clock(true).outcome(Some(UnixMs(1001))), ExpiryOutcome::Written(Some(UnixMs(1001))));
        assert_eq!(clock(true).outcome(None), ExpiryOutcome::Written(None));
    }

    #[test]
    fn zero_is_expired_and_cannot_be_written() {
        assert_eq!(clock(false).outcome(Some(UnixMs(0))), ExpiryOutcome::Unrepresentable);
        assert_eq!(clock(true).outcome(Some(UnixMs(0))), ExpiryOutcome::Dropped);
    }

    #[test]
    fn an_index_row_of_the_wrong_length_spoils_what_depends_on_it() {
        let place = RowLocation::new(0, 0);
        let index = |expiry| Some(Index { expiry, commit_ts: Hlc(1), place });
        assert_eq!(clock(false).outcome_by_index(None), ExpiryOutcome::Written(None));
        assert_eq!(
            clock(false).outcome_by_index(index(Some(UnixMs(5)))),
            ExpiryOutcome::Written(Some(UnixMs(5)))
        );
        assert_eq!(clock(true).outcome_by_index(index(Some(UnixMs(5)))), ExpiryOutcome::Dropped);
        assert_eq!(clock(false).outcome_by_index(index(None)), ExpiryOutcome::BadIndex);
    }

    #[test]
    fn what_does_not_fit_a_signed_number_is_clamped() {
        assert_eq!(clamp(UnixMs(u64::MAX)), UnixMs((1 << 63) - 1));
        assert_eq!(clamp(UnixMs((1 << 63) - 1)), UnixMs((1 << 63) - 1));
        assert_eq!(clamp(UnixMs(7)), UnixMs(7));
    }
}
