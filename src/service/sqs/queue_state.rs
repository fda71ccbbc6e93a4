//! The rows of one queue segment, as far as they have been read.
//!
//! In: records in the order of [`super::record`]. Out: what [`super::write`] has to remember of the segment
//! until the next one begins, and what there is to say when the segment has no queue (`reading/sqs.md#warnings-of-the-reference-decoder`, `compat.md#orphans-of-deleted-queues`, `compat.md#partitions-in-another-group`).

use super::filter::Filter;
use crate::codec::gojson::read::replace_invalid;
use crate::event::{Event, Warning};
use crate::excerpt;
use crate::keyspace::Family;
use crate::keyspace::sqs::Segment;

/// What is known of a segment.
#[derive(Default)]
pub(super) struct QueueState {
    /// The segment as it stands in the keys.
    pub segment: Vec<u8>,
    /// The queue name that it encodes.
    pub name: Vec<u8>,
    /// Value of the gen row; 0 when it cannot be read.
    pub counter: Option<u64>,
    /// Value of the seq row, when it can be read.
    pub sequence: Option<u64>,
    /// Whether there is a tombstone row.
    pub tombstone: bool,
    /// Whether there is a meta row, readable or not.
    pub meta: bool,
    /// The queue, when its meta row can be read.
    pub queue: Option<OpenQueue>,
    /// Messages without a queue.
    pub orphans: u64,
    /// Those of them in partitioned keys.
    pub partitioned_orphans: u64,
    /// Side records.
    pub side_records: u64,
    /// Of a queue that is gone: whether there is a queue that has the name of its directory.
    pub taken: Option<bool>,
}

/// A queue whose messages are being read.
pub(super) struct OpenQueue {
    /// Name, as text.
    pub name: String,
    /// Which messages count.
    pub filter: Filter,
}

impl QueueState {
    /// Returns a group without rows; `None` when this is no segment.
    #[must_use]
    pub(super) fn new(segment: &[u8]) -> Option<Self> {
        let mut group = Self { segment: segment.to_vec(), ..Self::default() };
        Segment::new(segment)?.decode(&mut group.name);
        Some(group)
    }

    /// Returns the segment as text.
    #[must_use]
    pub(super) fn encoded(&self) -> String {
        replace_invalid(&self.segment).into_owned()
    }

    /// Returns the key of the meta row, whether there is one or not.
    #[must_use]
    pub(super) fn meta_key(&self) -> Vec<u8> {
        [Family::SqsQueueMeta.prefix(), &self.segment].concat()
    }

    /// Whether there are messages and no row that tells of their queue: it is in the snapshot of another Raft
    /// group. A deleted queue would have left its counter or a tombstone.
    #[must_use]
    pub(super) fn is_elsewhere(&self) -> bool {
        self.orphans > 0 && self.counter.is_none() && !self.tombstone && !self.meta
    }

    /// Returns the warnings about rows that were dropped or diverted for want of a queue.
    #[must_use]
    pub(super) fn orphan_warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.orphans + self.side_records > 0 {
            let hint = if self.is_elsewhere() {
                "no meta, gen or tombstone row: the queue is in the snapshot of another group"
            } else {
                "no readable meta row: usually the queue was deleted"
            };
            warnings.push(
                Warning::new(Event::SQS_ORPHAN_MESSAGES)
                    .with("encoded_queue", excerpt::name(self.encoded().as_bytes()))
                    .with("buffered_messages", self.orphans)
                    .with("buffered_side_records", self.side_records)
                    .with("hint", hint),
            );
        }
        if self.is_elsewhere() && self.partitioned_orphans > 0 {
            warnings.push(
                Warning::new(Event::SQS_ORPHAN_PARTITIONED_MESSAGES)
                    .with("encoded_queue", excerpt::name(self.encoded().as_bytes()))
                    .with("buffered_messages", self.partitioned_orphans),
            );
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(group: &QueueState) -> Vec<&'static str> {
        group.orphan_warnings().iter().map(|warning| warning.event.name()).collect()
    }

    fn hint(group: &QueueState) -> String {
        let warnings = group.orphan_warnings();
        let (_, hint) = warnings[0].fields.iter().find(|(name, _)| *name == "hint").unwrap();
        hint.as_str().unwrap().to_owned()
    }

    #[test]
    fn a_deleted_queue_without_rows_is_not_worth_a_warning() {
        let group = QueueState { counter: Some(3), tombstone: true, ..QueueState::new(b"cQ").unwrap() };
        assert_eq!(events(&group), [""; 0]);
        assert_eq!((group.name.as_slice(), group.encoded()), (&b"q"[..], "cQ".to_owned()));
        assert_eq!(group.meta_key(), b"!sqs|queue|meta|cQ");
    }

    #[test]
    fn dropped_messages_and_diverted_side_records_are() {
        for (orphans, side_records) in [(1, 0), (0, 1)] {
            let group =
                QueueState { counter: Some(0), orphans, side_records, ..QueueState::new(b"cQ").unwrap() };
            assert_eq!(events(&group), ["sqs_orphan_messages"]);
            assert!(!group.is_elsewhere());
            assert!(hint(&group).ends_with("was deleted"));
        }
    }

    #[test]
    fn messages_of_a_queue_that_nothing_tells_of_belong_to_another_group() {
        let group = QueueState { orphans: 2, partitioned_orphans: 2, ..QueueState::new(b"cQ").unwrap() };
        assert_eq!(events(&group), ["sqs_orphan_messages", "sqs_orphan_partitioned_messages"]);
        assert!(group.is_elsewhere());
        assert!(hint(&group).ends_with("of another group"));
        assert!(QueueState { orphans: 2, ..QueueState::new(b"cQ").unwrap() }.is_elsewhere());
        for known in [
            QueueState { counter: Some(0), ..QueueState::new(b"cQ").unwrap() },
            QueueState { tombstone: true, ..QueueState::new(b"cQ").unwrap() },
            QueueState { meta: true, ..QueueState::new(b"cQ").unwrap() },
        ] {
            let group = QueueState { orphans: 2, partitioned_orphans: 2, ..known };
            assert_eq!(events(&group), ["sqs_orphan_messages"]);
        }
    }
}
