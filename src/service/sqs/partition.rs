//! Which keys a queue uses, and where a message of a group belongs (`reading/sqs.md#key-family-and-partition`).
//!
//! In: what the queue's record says. Out: which partitions its receives scan, and the partition of a group.

use crate::model::sqs::Queue;

/// How the messages of a queue are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Partitions {
    /// As stored: 0 and 1 are classic.
    pub(crate) count: u32,
    /// `perQueue` throughput: partitioned keys, but every message on partition 0.
    pub(crate) per_queue: bool,
}

impl Partitions {
    /// Returns how the messages of a queue are spread.
    #[must_use]
    pub(crate) fn of_queue(queue: &Queue<'_>) -> Self {
        Self { count: queue.partition_count, per_queue: queue.fifo_throughput_limit == "perQueue" }
    }

    /// Whether the queue uses partitioned keys, and those only.
    #[must_use]
    pub(crate) fn partitioned(self) -> bool {
        self.count > 1
    }

    /// Whether a receive scans this partition of a partitioned queue.
    #[must_use]
    pub(crate) fn scans(self, partition: u32) -> bool {
        partition < if self.per_queue { 1 } else { self.count }
    }

    /// Returns the partition of a group, given its hash; `None` is the empty group.
    #[must_use]
    pub(crate) fn of(self, group: Option<u32>) -> u32 {
        match group {
            Some(hash) if self.partitioned() && !self.per_queue => hash & (self.count - 1),
            _ => 0,
        }
    }
}

/// Returns the hash of a group id; `None` for the empty one.
#[must_use]
pub(crate) fn group_hash(group_id: &[u8]) -> Option<u32> {
    (!group_id.is_empty()).then(|| fnv1a32(group_id))
}

fn fnv1a32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(2_166_136_261, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_document() {
        assert_eq!(fnv1a32(b"g0"), 0x0f20_2702);
        assert_eq!(fnv1a32(b"g1"), 0x1020_2895);
        assert_eq!(fnv1a32(b"customer-42"), 0xfe68_adbe);
    }

    #[test]
    fn a_group_belongs_to_the_partition_of_its_hash() {
        let two = Partitions { count: 2, per_queue: false };
        assert_eq!((two.of(group_hash(b"g0")), two.of(group_hash(b"g1"))), (0, 1));
        let four = Partitions { count: 4, per_queue: false };
        assert_eq!(four.of(group_hash(b"customer-42")), 2);
        assert_eq!(four.of(group_hash(b"")), 0);
    }

    #[test]
    fn per_queue_throughput_and_classic_queues_use_partition_0_only() {
        for partitions in [
            Partitions { count: 4, per_queue: true },
            Partitions { count: 1, per_queue: false },
            Partitions { count: 0, per_queue: false },
        ] {
            assert_eq!(partitions.of(group_hash(b"g1")), 0);
        }
        assert!(Partitions { count: 4, per_queue: true }.partitioned());
        assert!(!Partitions { count: 1, per_queue: false }.partitioned());
    }

    #[test]
    fn receives_scan_every_partition_below_the_count() {
        let four = Partitions { count: 4, per_queue: false };
        assert!(four.scans(0) && four.scans(3) && !four.scans(4));
        let per_queue = Partitions { count: 4, per_queue: true };
        assert!(per_queue.scans(0) && !per_queue.scans(1));
    }
}
