//! Reads every SQS row once and turns it into a record of its queue.
//!
//! In: the families of `format/sqs.md#families`. Out: records in a sorter, and a problem for each row that cannot be read.
//! Messages arrive before their queues' metadata (`format/sqs.md#order-of-arrival`), so nothing is judged here.

use super::message::Buffers;
use super::partition::group_hash;
use super::record::{self, Kind, MessageHeader, MessageSource};
use super::stored;
use crate::codec::gojson::read::replace_invalid;
use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::excerpt;
use crate::keyspace::sqs::{self, BadKey, DataKey, Segment};
use crate::keyspace::{Family, Namespace};
use crate::model::sqs::Message;
use crate::report::{Problem, Report};
use crate::service::{Context, Options};
use crate::snapshot::{Entry, Snapshot};
use crate::tree::Sorter;

/// Side families that nothing but side records needs, in the order of the document.
const SIDE_ONLY: [Family; 4] = [Family::SqsByAge, Family::SqsDedup, Family::SqsGroup, Family::SqsVisibility];

/// Longest value of a message that goes through the sorter, bytes. Memory would hold a longer one several
/// times over.
const LONGEST_INLINE: usize = 1 << 20;

/// Adds a record for each row to `records`.
pub(super) fn collect(context: &mut Context<'_, '_>, records: &mut Sorter) -> Result<()> {
    let mut collector = Collector {
        snapshot: context.snapshot,
        options: context.options,
        report: context.report,
        records,
        queue: NamedQueue { segment: Vec::new(), name: Vec::new(), in_scope: true },
        key: Vec::new(),
        value: Vec::new(),
    };
    collector.counters()?;
    collector.metas()?;
    collector.messages()?;
    if context.options.include_sqs_side_records {
        for family in SIDE_ONLY {
            collector.side_rows(family)?;
        }
    }
    collector.side_rows(Family::SqsQueueSequence)?;
    collector.side_rows(Family::SqsQueueTombstone)
}

struct Collector<'c, 'r> {
    snapshot: &'c Snapshot,
    options: &'c Options,
    report: &'c mut Report<'r>,
    records: &'c mut Sorter,
    queue: NamedQueue,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// The queue of the last row: most rows belong to the same queue as the one before. Empty when its key does not
/// tell the queue; such a row may belong to any.
struct NamedQueue {
    segment: Vec<u8>,
    name: Vec<u8>,
    in_scope: bool,
}

impl Collector<'_, '_> {
    fn counters(&mut self) -> Result<()> {
        let family = Family::SqsQueueGeneration;
        let mut entries = self.snapshot.scan(family);
        while let Some(entry) = entries.next()? {
            let Some(segment) = self.select(&entry, sqs::queue(family, entry.key))? else { continue };
            let counter = decimal(entry.body);
            if counter.is_none() {
                self.problem(
                    &entry,
                    Class::SQS_MALFORMED_KEY,
                    "the generation counter is no decimal number".to_owned(),
                )?;
            }
            // A row that cannot be read still tells that there was a queue.
            self.push(segment, Kind::Counter, &counter.unwrap_or_default().to_be_bytes())?;
        }
        Ok(())
    }

    fn metas(&mut self) -> Result<()> {
        let family = Family::SqsQueueMeta;
        let mut entries = self.snapshot.scan(family);
        while let Some(entry) = entries.next()? {
            let Some(segment) = self.select(&entry, sqs::queue(family, entry.key))? else { continue };
            self.value.clear();
            self.value.extend(entry.place.to_bytes());
            self.value.extend(entry.commit_ts.0.to_be_bytes());
            self.value.extend_from_slice(entry.body);
            record::set_key(&mut self.key, segment.text(), Kind::Meta);
            self.records.push(&self.key, &self.value)?;
        }
        Ok(())
    }

    fn messages(&mut self) -> Result<()> {
        let mut buffers = Buffers::default();
        let mut id = Vec::new();
        let mut entries = self.snapshot.scan(Family::SqsData);
        while let Some(entry) = entries.next()? {
            let key = DataKey::parse(entry.key);
            let Some(queue) = self.select(&entry, key.map(|key| key.queue))? else { continue };
            let Ok(DataKey { partition, generation, message_id, .. }) = key else { continue };
            let message = match Message::parse(entry.body, self.snapshot.interrupt(), &mut buffers) {
                Ok(message) => Message { commit_ts: entry.commit_ts, ..message },
                Err(invalid) => {
                    self.problem(&entry, Class::SQS_INVALID_MESSAGE, invalid.message()?)?;
                    continue;
                }
            };
            message_id.decode(&mut id);
            let held = if entry.body.len() > LONGEST_INLINE {
                MessageSource::At(entry.place)
            } else {
                MessageSource::Inline
            };
            let sent = MessageHeader {
                partition,
                generation,
                send_timestamp: message.send_timestamp,
                sequence: message.sequence_number,
                group: group_hash(message.group_id.as_bytes()),
                mismatch: generation != message.queue_generation || replace_invalid(&id) != message.id,
                received: message.is_received(),
                held,
            };
            self.value.clear();
            sent.push(&mut self.value);
            if held == MessageSource::Inline {
                stored::push(&mut self.value, &message);
            }
            record::set_message_key(
                &mut self.key,
                queue.text(),
                message.send_timestamp,
                message.sequence_number,
                message.id.as_bytes(),
            );
            self.records.push(&self.key, &self.value)?;
        }
        Ok(())
    }

    /// Reads a side family. Its keys are checked only when side records are wanted (`reading/sqs.md#errors`).
    fn side_rows(&mut self, family: Family) -> Result<()> {
        let wanted = self.options.include_sqs_side_records;
        let mut entries = self.snapshot.scan(family);
        while let Some(entry) = entries.next()? {
            let key = sqs::side(family, entry.key);
            if key.is_err() && !wanted {
                continue;
            }
            let Some(segment) = self.select(&entry, key)? else { continue };
            match family {
                Family::SqsQueueSequence => self.sequence(segment, &entry)?,
                Family::SqsQueueTombstone => self.push(segment, Kind::Tombstone, &[])?,
                _ => {}
            }
            if wanted {
                record::set_side(&mut self.value, family, entry.key, entry.body)
                    .map_err(|bug| bug.at(entry.place))?;
                record::set_key(&mut self.key, segment.text(), Kind::Side);
                self.records.push(&self.key, &self.value)?;
            }
        }
        Ok(())
    }

    fn sequence(&mut self, segment: Segment<'_>, entry: &Entry<'_>) -> Result<()> {
        if let Some(sequence) = decimal(entry.body) {
            return self.push(segment, Kind::Sequence, &sequence.to_be_bytes());
        }
        let queue = excerpt::name(replace_invalid(&self.queue.name).as_bytes());
        self.report.warn(Warning::new(Event::SQS_INVALID_SEQUENCE_COUNTER).with("queue", queue));
        Ok(())
    }

    /// Returns the queue of a row that is to be read. A malformed key is a problem, unless it tells that its
    /// queue is not wanted.
    fn select<'a>(
        &mut self,
        entry: &Entry<'_>,
        key: std::result::Result<Segment<'a>, BadKey<'a>>,
    ) -> Result<Option<Segment<'a>>> {
        let queue = key.map_or_else(|bad| bad.queue, Some);
        let text = queue.map(Segment::text).unwrap_or_default();
        if self.queue.segment != text {
            self.queue.segment.clear();
            self.queue.segment.extend_from_slice(text);
            self.queue.name.clear();
            if let Some(segment) = queue {
                segment.decode(&mut self.queue.name);
            }
            self.queue.in_scope = queue.is_none() || self.options.in_scope(Namespace::Sqs, &self.queue.name);
        }
        if !self.queue.in_scope {
            return Ok(None);
        }
        if let Err(bad) = key {
            self.problem(entry, Class::SQS_MALFORMED_KEY, bad.malformed.to_string())?;
        }
        Ok(key.ok())
    }

    /// Reports a row of the selected queue.
    fn problem(&mut self, entry: &Entry<'_>, class: Class, message: String) -> Result<()> {
        self.report.problem(&Problem {
            adapter: Namespace::Sqs.name(),
            scope: &self.queue.name,
            key: entry.key,
            class,
            message,
            place: Some(entry.place),
        })
    }

    fn push(&mut self, segment: Segment<'_>, kind: Kind, value: &[u8]) -> Result<()> {
        record::set_key(&mut self.key, segment.text(), kind);
        self.records.push(&self.key, value)?;
        Ok(())
    }
}

/// Reads a decimal number as leniently as the reference: white space around it does not matter (`compat.md#white-space-in-counters`).
fn decimal(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_a_decimal_number_with_white_space_around_it() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b" \t18446744073709551615\n"), Some(u64::MAX));
        for value in [&b""[..], b" ", b"-1", b"+1", b"1 2", b"0x1", b"1.0", b"18446744073709551616", b"\xff"]
        {
            assert_eq!(decimal(value), None, "{}", value.escape_ascii());
        }
    }
}
