//! Rows that were prepared by a transaction whose outcome is not in the input (`compat.md#prepared-messages`).
//!
//! In: the locks that the store could not resolve. Out: one warning with the number of SQS keys among them, of the
//! queues in scope, and the first of them.

use crate::event::{Event, Warning};
use crate::excerpt;
use crate::keyspace::{Family, Namespace, sqs};
use crate::service::Options;
use crate::snapshot::InDoubt;

/// Returns the warning, when there is such a key. A key that does not tell its queue may belong to any, so it counts.
#[must_use]
pub(super) fn warning(undecided: &[InDoubt], options: &Options) -> Option<Warning> {
    let mut name = Vec::new();
    let mut keys = undecided.iter().map(|lock| lock.key.as_slice()).filter(|key| {
        if Family::of(key).owner() != Namespace::Sqs {
            return false;
        }
        let Some(queue) = sqs::any_queue(key) else { return true };
        queue.decode(&mut name);
        options.in_scope(Namespace::Sqs, &name)
    });
    let first = keys.next()?;
    let warning = Warning::new(Event::SQS_PENDING_TXN_INTENTS).with("count", 1 + keys.count());
    Some(warning.with("first_key", excerpt::key(first)))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::time::Hlc;

    fn locks(keys: &[&[u8]]) -> Vec<InDoubt> {
        let undecided = |key: &&[u8]| InDoubt {
            key: key.to_vec(),
            primary: b"k".to_vec(),
            start_ts: Hlc(1),
            pending: false,
        };
        keys.iter().map(undecided).collect()
    }

    fn expected(count: u64, first_key: &str) -> Warning {
        Warning::new(Event::SQS_PENDING_TXN_INTENTS).with("count", count).with("first_key", first_key)
    }

    #[test]
    fn only_locked_sqs_keys_are_counted() {
        let locks = locks(&[b"!redis|str|k", b"!sqs|msg|data|cQ", b"!sqs|queue|seq|cQ"]);
        assert_eq!(warning(&locks, &Options::default()), Some(expected(2, "!sqs|msg|data|cQ")));
        assert_eq!(warning(&locks[..1], &Options::default()), None);
    }

    #[test]
    fn queues_out_of_scope_are_not_counted() {
        let scopes = BTreeMap::from([(Namespace::Sqs, BTreeSet::from([b"q".to_vec()]))]);
        let options = Options { scopes, ..Options::default() };
        let others: [&[u8]; 4] = [
            b"!sqs|queue|meta|cg",
            b"!sqs|msg|data|cg\0\0\0\0\0\0\0\x01bTE",
            b"!sqs|msg|data|p|cg|\0\0\0\0",
            b"!sqs|queue|tombstone|cg\0",
        ];
        assert_eq!(warning(&locks(&others), &options), None);
        let ours: [&[u8]; 4] = [
            b"!sqs|msg|vis|p|cQ|\0\0\0\0",
            b"!sqs|queue|gen|cQ",
            b"!sqs|queue|tombstone|cQ\0",
            // Tells no queue.
            b"!sqs|msg|data|",
        ];
        assert_eq!(
            warning(&locks(&[others, ours].concat()), &options),
            Some(expected(4, "!sqs|msg|vis|p|cQ|\0\0\0\0"))
        );
    }

    #[test]
    fn a_long_key_is_cut() {
        let key = [b"!sqs|queue|meta|", &[b'A'; 1000][..]].concat();
        let first = format!("!sqs|queue|meta|{}…", "A".repeat(excerpt::KEY - 16));
        assert_eq!(warning(&locks(&[&key]), &Options::default()), Some(expected(1, &first)));
    }
}
