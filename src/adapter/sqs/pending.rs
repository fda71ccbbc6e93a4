//! Rows that were prepared by a transaction whose outcome is not in the input (`sqs.md` S10).
//!
//! In: the locks that the store could not resolve. Out: one warning with the number of SQS keys among them.

use crate::keyspace::{Family, Owner};
use crate::report::Warning;
use crate::store::Undecided;

/// Returns the warning, when there is such a key.
#[must_use]
pub fn warning(undecided: &[Undecided]) -> Option<Warning> {
    let count = undecided.iter().filter(|lock| Family::of(&lock.key).owner() == Owner::Sqs).count();
    (count > 0).then(|| Warning::new("sqs_pending_txn_intents").with("count", count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_locked_sqs_keys_are_counted() {
        let locks = ["!sqs|msg|data|cQ", "!sqs|queue|seq|cQ", "!redis|str|k"].map(|key| Undecided {
            key: key.into(),
            primary: b"k".to_vec(),
            start_ts: 1,
            pending: false,
        });
        assert_eq!(warning(&locks), Some(Warning::new("sqs_pending_txn_intents").with("count", 2)));
        assert_eq!(warning(&locks[2..]), None);
    }
}
