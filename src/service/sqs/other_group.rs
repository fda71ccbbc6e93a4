//! Partitions of which the messages are in another Raft group (`reading/sqs.md#queues-across-groups`, `compat.md#partitions-in-another-group`).
//!
//! In: the history of locks. Out: a warning a queue. A send to a partition in another group locks the queue's
//! counter in this one, with a row of the partition as the primary key; what became of the transaction stands
//! beside that row. Nothing else here tells that messages are missing.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::bug::Bug;
use crate::codec::gojson::read::replace_invalid;
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::excerpt;
use crate::keyspace::Family;
use crate::keyspace::sqs::{self, Segment};
use crate::snapshot::{EntryBuf, Lock, Snapshot};

/// A scan lends keys that begin with the prefix of their family.
const LOCK: Bug = Bug::new("the key of a lock does not begin as its family does");

/// Returns the warnings about partitioned queues with these segments, in their order.
pub(super) fn warnings(snapshot: &Snapshot, queues: &BTreeSet<Vec<u8>>) -> Result<Vec<Warning>> {
    if queues.is_empty() {
        return Ok(Vec::new());
    }
    let mut here: BTreeMap<Vec<u8>, BTreeMap<u32, bool>> = BTreeMap::new();
    let mut locks = snapshot.versions(Family::TxnLock);
    while let Some(version) = locks.next()? {
        let counter = version.key.strip_prefix(Family::TxnLock.prefix());
        let counter = counter.ok_or_else(|| LOCK.at(version.place))?;
        let Ok(queue) = sqs::queue(Family::SqsQueueSequence, counter) else { continue };
        if version.tombstone || version.encrypted || !queues.contains(queue.text()) {
            continue;
        }
        let Ok(lock) = Lock::parse(version.key, version.body) else { continue };
        let partition = sqs::partition(lock.primary).filter(|(primary, _)| *primary == queue);
        let Some((_, partition)) = partition else { continue };
        // One lock tells where the partition is; a queue can have millions in its history.
        let partitions = here.entry(queue.text().to_vec()).or_default();
        if let Entry::Vacant(unknown) = partitions.entry(partition) {
            unknown.insert(is_here(snapshot, &lock)?);
        }
    }
    Ok(here.iter().filter_map(|(queue, partitions)| warning(queue, partitions)).collect())
}

/// Whether the input tells what became of the transaction that the lock belongs to (`reading/transactions.md#deciding-without-a-server`).
fn is_here(snapshot: &Snapshot, lock: &Lock<'_>) -> Result<bool> {
    let start = lock.start_ts.0.to_be_bytes();
    let mut entry = EntryBuf::default();
    for key in [
        [Family::TxnCommit.prefix(), lock.primary, &start].concat(),
        [Family::TxnRollback.prefix(), lock.primary, &start].concat(),
        [Family::TxnLock.prefix(), lock.primary].concat(),
    ] {
        if snapshot.get(&key, &mut entry)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn warning(queue: &[u8], partitions: &BTreeMap<u32, bool>) -> Option<Warning> {
    let other_group: Vec<u32> =
        partitions.iter().filter(|(_, here)| !**here).map(|(partition, _)| *partition).collect();
    let mut name = Vec::new();
    Segment::new(queue)?.decode(&mut name);
    (!other_group.is_empty()).then(|| {
        Warning::new(Event::SQS_PARTITIONS_ELSEWHERE)
            .with("queue", excerpt::name(replace_invalid(&name).as_bytes()))
            .with("partitions", other_group)
            .with("hint", "their messages are in the snapshot of another group")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::fixture::Native;
    use crate::snapshot::SnapshotOptions;
    use crate::time::Hlc;

    const QUEUE: &str = "Zi5maWZv";

    /// A row of a partition of the queue with this segment.
    fn row(segment: &str, partition: u32) -> Vec<u8> {
        let head = format!("!sqs|msg|byage|p|{segment}|");
        [head.as_bytes(), &partition.to_be_bytes(), &[0; 16], b"bTE"].concat()
    }

    /// A lock on the queue's counter, which was released.
    fn lock(native: Native, primary: &[u8], start_ts: Hlc) -> Native {
        let key = format!("!txn|lock|!sqs|queue|seq|{QUEUE}").into_bytes();
        let length = (primary.len() as u64).to_be_bytes();
        let body = [&[1][..], &start_ts.0.to_be_bytes(), &[0; 9], &length, primary].concat();
        native.put(&key, start_ts.0, &body).delete(&key, start_ts.0 + 1)
    }

    fn found(native: &Native, queues: &[&str]) -> Vec<String> {
        let snapshot = Snapshot::open(vec![native.source()], &SnapshotOptions::default()).unwrap();
        let queues = queues.iter().map(|queue| queue.as_bytes().to_vec()).collect();
        let warnings = warnings(&snapshot, &queues).unwrap();
        warnings.iter().map(|warning| serde_json::to_string(warning).unwrap()).collect()
    }

    #[test]
    fn a_partition_whose_transactions_are_not_here_is_elsewhere() {
        let mut native = Native::new(100);
        for (partition, start_ts) in [(3, 10), (1, 20), (3, 30), (0, 40), (2, 50)] {
            native = lock(native, &row(QUEUE, partition), Hlc(start_ts));
        }
        let record = |prefix: &str, partition, start_ts: Hlc| {
            [prefix.as_bytes(), &row(QUEUE, partition), &start_ts.0.to_be_bytes()].concat()
        };
        let native = native
            .put(&record("!txn|cmt|", 0, Hlc(40)), 41, &[&[1][..], &41_u64.to_be_bytes()].concat())
            .put(&record("!txn|rb|", 2, Hlc(50)), 51, &[1]);
        let expected = r#"{"event":"sqs_partitions_elsewhere","fields":{"queue":"f.fifo","partitions":[1,3],"hint":"their messages are in the snapshot of another group"}}"#;
        assert_eq!(found(&native, &[QUEUE, "Zy5maWZv"]), [expected]);
        assert_eq!(found(&native, &["Zy5maWZv"]), [""; 0]);
    }

    #[test]
    fn a_lock_of_another_queues_transaction_tells_nothing() {
        let mut native = Native::new(100);
        let others = [row("Zy5maWZv", 1), b"!sqs|msg|data|Zi5maWZv\0\0\0\0\0\0\0\x01bTE".to_vec()];
        for (primary, start_ts) in others.iter().zip([10, 20]) {
            native = lock(native, primary, Hlc(start_ts));
        }
        assert_eq!(found(&native, &[QUEUE]), [""; 0]);
    }
}
