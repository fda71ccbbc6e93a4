//! Which messages belong to a queue, and what is odd about them (`reading/sqs.md#which-messages-belong-to-a-queue`, `reading/sqs.md#procedure`, `compat.md#which-generation-is-compared`, `compat.md#queue-attributes-that-are-lost`, `compat.md#messages-that-no-server-reaches`, `compat.md#expired-messages`, `compat.md#which-message-id-counts`).
//!
//! In: what a queue's rows say, then each of its messages. Out: whether the message is written, and in the
//! end the queue's warnings.

use super::partition::Partitions;
use super::record::MessageHeader;
use crate::event::{Event, Warning};
use crate::excerpt;
use crate::model::sqs::Queue;
use crate::time::UnixMs;

/// Tells the messages of one queue that an API could return from those that it could not.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    meta_generation: u64,
    counter: u64,
    sequence_counter: Option<u64>,
    highest_sequence: u64,
    partitions: Partitions,
    retention_seconds: i64,
    now_ms: UnixMs,
    stale: u64,
    wrong_family: u64,
    partition_out_of_range: u64,
    hash_mismatch: u64,
    key_mismatch: u64,
    expired: u64,
    preserved: bool,
    zeroed: u64,
}

impl Filter {
    /// Returns a filter for a queue. `counter` is the value of its gen row, 0 when there is none;
    /// `sequence_counter` that of its seq row.
    #[must_use]
    pub(super) fn new(
        queue: &Queue<'_>,
        counter: u64,
        sequence_counter: Option<u64>,
        now_ms: UnixMs,
    ) -> Self {
        Self {
            meta_generation: queue.generation,
            counter,
            sequence_counter,
            partitions: Partitions::of_queue(queue),
            retention_seconds: queue.message_retention,
            now_ms,
            ..Self::default()
        }
    }

    /// Keeps what receivers did, as `--preserve-sqs-visibility` asks; else messages that lose it are counted.
    #[must_use]
    pub(super) fn preserving(self, preserved: bool) -> Self {
        Self { preserved, ..self }
    }

    /// Whether the message is to be written. Counts it either way.
    pub(super) fn keeps(&mut self, sent: &MessageHeader) -> bool {
        if self.active_generation().is_some_and(|active| active != sent.generation) {
            self.stale += 1;
            return false;
        }
        if sent.partition.is_some() != self.partitions.partitioned() {
            self.wrong_family += 1;
            return false;
        }
        if let Some(partition) = sent.partition {
            if !self.partitions.scans(partition) {
                self.partition_out_of_range += 1;
                return false;
            }
            self.hash_mismatch += u64::from(partition != self.partitions.of(sent.group));
        }
        self.key_mismatch += u64::from(sent.mismatch);
        self.highest_sequence = self.highest_sequence.max(sent.sequence);
        self.expired += u64::from(self.is_expired(sent.send_timestamp));
        self.zeroed += u64::from(sent.received && !self.preserved);
        true
    }

    /// Returns the last sequence number that was issued, as far as the queue counts them; else 0.
    #[must_use]
    pub(super) fn last_sequence(&self) -> u64 {
        // The counter's part of a transaction over several groups can be lost (`format/keys.md#records-of-transactions`).
        self.sequence_counter.map_or(0, |counter| counter.max(self.highest_sequence))
    }

    /// Returns the generation that counts; `None` when neither the queue nor its counter names one.
    fn active_generation(&self) -> Option<u64> {
        [self.meta_generation, self.counter].into_iter().find(|&generation| generation != 0)
    }

    fn is_expired(&self, send_timestamp: i64) -> bool {
        let age = i128::from(self.now_ms.0) - i128::from(send_timestamp);
        self.retention_seconds > 0 && age > i128::from(self.retention_seconds) * 1000
    }

    /// Returns the warnings for the queue of this name.
    #[must_use]
    pub(super) fn warnings(&self, queue: &str) -> Vec<Warning> {
        let warning = |event| Warning::new(event).with("queue", excerpt::name(queue.as_bytes()));
        let mut warnings = Vec::new();
        if self.meta_generation != 0 && self.counter != 0 && self.meta_generation != self.counter {
            warnings.push(
                warning(Event::SQS_GENERATION_MISMATCH)
                    .with("meta_generation", self.meta_generation)
                    .with("gen_counter", self.counter),
            );
        }
        if let Some(counter) = self.sequence_counter
            && counter < self.highest_sequence
        {
            warnings.push(
                warning(Event::SQS_SEQUENCE_MISMATCH)
                    .with("seq_counter", counter)
                    .with("highest", self.highest_sequence),
            );
        }
        if self.stale > 0 {
            warnings.push(
                warning(Event::SQS_STALE_GENERATION_MESSAGES_DROPPED)
                    .with("active_gen", self.active_generation().unwrap_or_default())
                    .with("dropped", self.stale)
                    .with("hint", "purged or deleted, and not yet reaped when the snapshot was cut"),
            );
        }
        if self.wrong_family + self.partition_out_of_range > 0 {
            warnings.push(
                warning(Event::SQS_UNREACHABLE_MESSAGES_DROPPED)
                    .with("partition_count", self.partitions.count)
                    .with("wrong_family", self.wrong_family)
                    .with("partition_out_of_range", self.partition_out_of_range),
            );
        }
        if self.hash_mismatch > 0 {
            warnings.push(warning(Event::SQS_PARTITION_HASH_MISMATCH).with("count", self.hash_mismatch));
        }
        if self.key_mismatch > 0 {
            warnings.push(warning(Event::SQS_MESSAGE_KEY_MISMATCH).with("count", self.key_mismatch));
        }
        if self.expired > 0 {
            warnings.push(
                warning(Event::SQS_RETENTION_EXPIRED_MESSAGES)
                    .with("count", self.expired)
                    .with("now_ms", self.now_ms),
            );
        }
        if self.zeroed > 0 {
            warnings.push(warning(Event::SQS_VISIBILITY_ZEROED).with("count", self.zeroed).with(
                "hint",
                "receive counts, receipts and the time until which messages are hidden were written as 0; \
                 --preserve-sqs-visibility keeps them",
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::sqs::record::MessageSource;

    const CLASSIC: MessageHeader = MessageHeader {
        partition: None,
        generation: 2,
        send_timestamp: 0,
        sequence: 8,
        group: None,
        mismatch: false,
        received: false,
        held: MessageSource::Inline,
    };

    fn filter(generation: u64, counter: u64, count: u32, limit: &'static str) -> Filter {
        let queue = Queue {
            generation,
            partition_count: count,
            fifo_throughput_limit: limit.into(),
            message_retention: 60,
            ..Queue::default()
        };
        Filter::new(&queue, counter, None, UnixMs(60_000))
    }

    fn texts(filter: &Filter) -> Vec<String> {
        filter.warnings("q").iter().map(|warning| serde_json::to_string(warning).unwrap()).collect()
    }

    fn events(filter: &Filter) -> Vec<&'static str> {
        filter.warnings("q").iter().map(|warning| warning.event.name()).collect()
    }

    #[test]
    fn messages_that_lose_what_receivers_did_are_counted_unless_it_is_preserved() {
        for (preserved, events) in [(false, &["sqs_visibility_zeroed"][..]), (true, &[])] {
            let mut filter = Filter::new(&Queue::default(), 0, None, UnixMs(0)).preserving(preserved);
            assert!(filter.keeps(&MessageHeader { received: true, ..CLASSIC }));
            assert!(filter.keeps(&CLASSIC));
            let warnings = filter.warnings("q");
            assert_eq!(warnings.iter().map(|warning| warning.event.name()).collect::<Vec<_>>(), events);
            assert!(warnings.iter().all(|warning| warning.fields[1] == ("count", 1.into())));
        }
    }

    #[test]
    fn the_generation_of_the_queue_counts_then_the_counter() {
        assert!(filter(2, 0, 0, "").keeps(&CLASSIC));
        assert!(!filter(1, 0, 0, "").keeps(&CLASSIC));
        assert!(filter(2, 3, 0, "").keeps(&CLASSIC));
        assert!(!filter(3, 2, 0, "").keeps(&CLASSIC));
        assert!(filter(0, 2, 0, "").keeps(&CLASSIC));
        assert!(!filter(0, 1, 0, "").keeps(&CLASSIC));
        assert!(filter(0, 0, 0, "").keeps(&CLASSIC));
    }

    #[test]
    fn only_the_key_family_of_the_queue_is_reachable() {
        let partitioned = MessageHeader { partition: Some(0), ..CLASSIC };
        assert!(!filter(2, 2, 1, "").keeps(&partitioned));
        assert!(!filter(2, 2, 2, "").keeps(&CLASSIC));
        assert!(filter(2, 2, 2, "").keeps(&partitioned));
    }

    #[test]
    fn only_scanned_partitions_are_reachable() {
        let mut four = filter(2, 2, 4, "perMessageGroupId");
        let mut per_queue = filter(2, 2, 4, "perQueue");
        for (partition, in_four, in_one) in [(0, true, true), (3, true, false), (4, false, false)] {
            let sent = MessageHeader { partition: Some(partition), ..CLASSIC };
            assert_eq!((four.keeps(&sent), per_queue.keeps(&sent)), (in_four, in_one));
        }
        let expected = r#"{"event":"sqs_unreachable_messages_dropped","fields":{"queue":"q","partition_count":4,"wrong_family":0,"partition_out_of_range":1}}"#;
        assert!(texts(&four).contains(&expected.to_owned()));
    }

    #[test]
    fn a_partition_against_the_hash_is_kept_and_counted() {
        let mut filter = filter(2, 2, 2, "perMessageGroupId");
        for partition in [0, 1] {
            assert!(filter.keeps(&MessageHeader {
                partition: Some(partition),
                group: Some(0x101),
                ..CLASSIC
            }));
        }
        let expected = r#"{"event":"sqs_partition_hash_mismatch","fields":{"queue":"q","count":1}}"#;
        assert_eq!(texts(&filter), [expected]);
    }

    #[test]
    fn messages_past_their_retention_are_kept_and_counted() {
        let mut filter = filter(2, 2, 0, "");
        for send_timestamp in [0, -1, i64::MIN] {
            assert!(filter.keeps(&MessageHeader { send_timestamp, ..CLASSIC }));
        }
        let expected =
            r#"{"event":"sqs_retention_expired_messages","fields":{"queue":"q","count":2,"now_ms":60000}}"#;
        assert_eq!(texts(&filter), [expected]);
        filter.retention_seconds = 0;
        assert!(!filter.is_expired(i64::MIN));
    }

    #[test]
    fn a_message_overtakes_a_sequence_counter_that_lags_behind() {
        for (counter, last, mismatches) in [(None, 0, 0), (Some(7), 8, 1), (Some(8), 8, 0), (Some(9), 9, 0)] {
            let mut filter = Filter { sequence_counter: counter, ..filter(2, 2, 0, "") };
            assert!(!filter.keeps(&MessageHeader { generation: 1, sequence: 10, ..CLASSIC }));
            assert!(filter.keeps(&CLASSIC));
            assert_eq!(filter.last_sequence(), last);
            let found = events(&filter).iter().filter(|event| **event == "sqs_sequence_mismatch").count();
            assert_eq!(found, mismatches);
        }
    }

    #[test]
    fn dropped_messages_cause_no_other_warning() {
        let mut filter = filter(3, 2, 0, "");
        assert!(!filter.keeps(&MessageHeader { mismatch: true, send_timestamp: -1, ..CLASSIC }));
        assert_eq!(events(&filter), ["sqs_generation_mismatch", "sqs_stale_generation_messages_dropped"]);
    }

    #[test]
    fn a_sound_queue_causes_no_warning() {
        let mut filter = filter(2, 2, 0, "");
        assert!(filter.keeps(&CLASSIC));
        assert_eq!(events(&filter), [""; 0]);
        assert!(filter.keeps(&MessageHeader { mismatch: true, ..CLASSIC }));
        assert_eq!(events(&filter), ["sqs_message_key_mismatch"]);
    }
}
