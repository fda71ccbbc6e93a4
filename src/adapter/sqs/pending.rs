//! Rows that were prepared by a transaction whose outcome is not in the input (`sqs.md` S10).
//!
//! In: what the store found when it resolved transactions. Out: one warning with the number of SQS keys among
//! the locks that it names.

use crate::keyspace::{Family, Owner};
use crate::report::Warning;

/// Returns the warning, when there is such a key.
#[must_use]
pub fn warning(found: &[Warning]) -> Option<Warning> {
    let count = found.iter().filter(|warning| is_pending(warning) && is_sqs(warning)).count();
    (count > 0).then(|| Warning::new("sqs_pending_txn_intents").with("count", count))
}

fn is_pending(warning: &Warning) -> bool {
    matches!(warning.event, "txn_pending" | "txn_unresolved")
}

/// Whether the warning names a key of this adapter.
fn is_sqs(warning: &Warning) -> bool {
    let named = warning.fields.iter().find(|(name, _)| *name == "key_hex");
    let key = named.and_then(|(_, key)| hex::decode(key.as_str()?).ok()).unwrap_or_default();
    Family::of(&key).owner() == Owner::Sqs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(event: &'static str, key: &str) -> Warning {
        Warning::new(event).with("key_hex", hex::encode(key)).with("primary_hex", "6b").with("start_ts", 1)
    }

    #[test]
    fn only_sqs_keys_under_a_pending_lock_are_counted() {
        let found = [
            locked("txn_unresolved", "!sqs|msg|data|cQ"),
            locked("txn_pending", "!sqs|queue|seq|cQ"),
            locked("txn_pending", "!redis|str|k"),
            locked("txn_hidden_commit", "!sqs|msg|data|cQ"),
            Warning::new("txn_unresolved").with("count", 250),
        ];
        assert_eq!(warning(&found), Some(Warning::new("sqs_pending_txn_intents").with("count", 2)));
        assert_eq!(warning(&found[2..]), None);
    }
}
