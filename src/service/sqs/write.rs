//! Writes the queues, one after the other.
//!
//! In: the sorted records. Out: the files of `tree/sqs.md#paths`, the warnings of section 6 in ascending order of the
//! segments, and the names of the queues.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::filter::Filter;
use super::message::Buffers;
use super::partition::Partitions;
use super::queue_state::{OpenQueue, QueueState};
use super::record::{self, Kind, MessageHeader, MessageSource};
use super::{other_group, stored};
use crate::bug::Bug;
use crate::codec::gojson::read::replace_invalid;
use crate::cursor;
use crate::error::{Error, Result};
use crate::event::{Class, Event, Warning};
use crate::excerpt;
use crate::keyspace::{Family, Namespace};
use crate::model::sqs::{self, Message, NamedQueue, Queue, SideRecord};
use crate::model::{Object, Refusal, ScopeEnd};
use crate::report::Problem;
use crate::service::{Context, Scope};
use crate::snapshot::{EntryBuf, RowLocation};
use crate::time::Hlc;
use crate::tree::Sorter;

/// A record of the sorter is not as it was written.
const RECORD: Bug = Bug::new("a record of an SQS queue does not read back");

/// Writes what `records` hold and returns the names of the queues.
pub(super) fn write(context: &mut Context<'_, '_>, records: &mut Sorter) -> Result<Scope> {
    let mut writer =
        Writer { context, scope: Scope::new(), partitioned: BTreeSet::new(), group: QueueState::default() };
    let mut sorted = records.sort()?;
    while let Some((key, value)) = sorted.next()? {
        let (segment, kind) = record::split_key(key).ok_or_else(|| RECORD.at((key, value)))?;
        if writer.group.segment != segment {
            writer.finish_group()?;
            writer.group = QueueState::new(segment).ok_or_else(|| RECORD.at((key, value)))?;
        }
        writer.record(kind, value).map_err(|error| in_record(error, key, value))?;
    }
    writer.finish_group()?;
    writer.finish()
}

struct Writer<'c, 'a, 'r> {
    context: &'c mut Context<'a, 'r>,
    scope: Scope,
    /// Segments of the partitioned queues.
    partitioned: BTreeSet<Vec<u8>>,
    group: QueueState,
}

impl Writer<'_, '_, '_> {
    fn record(&mut self, kind: Kind, value: &[u8]) -> Result<()> {
        match kind {
            Kind::Counter => self.group.counter = Some(number(value)?),
            Kind::Sequence => self.group.sequence = Some(number(value)?),
            Kind::Tombstone => self.group.tombstone = true,
            Kind::Meta => self.meta(value)?,
            Kind::Message => self.message(value)?,
            Kind::Side => self.side_record(value)?,
        }
        Ok(())
    }

    fn meta(&mut self, mut value: &[u8]) -> Result<()> {
        let group = &mut self.group;
        group.meta = true;
        let place = RowLocation::take(&mut value);
        let commit_ts = cursor::take_u64_be(&mut value).ok_or(RECORD)?;
        let queue = match Queue::parse(value, self.context.snapshot.interrupt()) {
            Ok(queue) => queue,
            Err(invalid) => {
                return self.context.report.problem(&Problem {
                    adapter: Namespace::Sqs.name(),
                    scope: &group.name,
                    key: &group.meta_key(),
                    class: Class::SQS_INVALID_QUEUE_META,
                    message: invalid.message()?,
                    place,
                });
            }
        };
        let name = replace_invalid(&group.name).into_owned();
        if !queue.name.is_empty() && queue.name != name {
            self.context.report.warn(
                Warning::new(Event::SQS_QUEUE_NAME_MISMATCH)
                    .with("encoded_queue", excerpt::name(group.encoded().as_bytes()))
                    .with("key_name", excerpt::name(name.as_bytes()))
                    .with("meta_name", excerpt::name(queue.name.as_bytes())),
            );
        }
        let (encoded, named) = (group.encoded(), &group.name);
        let object = NamedQueue {
            name: named,
            text: &name,
            encoded: &encoded,
            queue: &queue,
            commit_ts: Hlc(commit_ts),
        };
        let context = &mut *self.context;
        if let Some(refusal) = context.put(Object::Sqs(sqs::Object::Queue(&object)))? {
            return refused(context, named, &group.meta_key(), refusal, place);
        }
        self.scope.insert(named.clone(), 0);
        if Partitions::of_queue(&queue).partitioned() {
            self.partitioned.insert(group.segment.clone());
        }
        let counter = group.counter.unwrap_or_default();
        let filter = Filter::new(&queue, counter, group.sequence, context.snapshot.now_ms())
            .preserving(context.options.preserve_sqs_visibility);
        group.queue = Some(OpenQueue { name, filter });
        Ok(())
    }

    fn message(&mut self, mut value: &[u8]) -> Result<()> {
        let sent = MessageHeader::take(&mut value).ok_or(RECORD)?;
        let group = &mut self.group;
        let Some(queue) = &mut group.queue else {
            group.orphans += 1;
            group.partitioned_orphans += u64::from(sent.partition.is_some());
            return Ok(());
        };
        if !queue.filter.keeps(&sent) {
            return Ok(());
        }
        match sent.held {
            MessageSource::Inline => {
                let message = stored::take(&mut value).ok_or(RECORD)?;
                put(self.context, &Message { queue: &group.name, partition: sent.partition, ..message })?;
            }
            MessageSource::At(place) => reread(self.context, place, &group.name, &sent)?,
        }
        if let Some(count) = self.scope.get_mut(&group.name) {
            *count += 1;
        }
        Ok(())
    }

    fn side_record(&mut self, value: &[u8]) -> Result<()> {
        let (family, key, value) = record::side(value).ok_or(RECORD)?;
        let group = &mut self.group;
        group.side_records += 1;
        let of = if group.queue.is_some() {
            sqs::Namespace::Queue
        } else {
            let taken = match group.taken {
                Some(taken) => taken,
                None => has_queue(self.context, &sqs::orphan_name(&group.segment))?,
            };
            group.taken = Some(taken);
            sqs::Namespace::Gone { segment: &group.segment, taken }
        };
        let record = SideRecord { queue: &group.name, of, family, key, value };
        let context = &mut *self.context;
        match context.put(Object::Sqs(sqs::Object::SideRecord(&record)))? {
            Some(refusal) => refused(context, record.queue, key, refusal, None),
            None => Ok(()),
        }
    }

    fn finish_group(&mut self) -> Result<()> {
        let group = std::mem::take(&mut self.group);
        let last_sequence = group.queue.as_ref().map_or(0, |queue| queue.filter.last_sequence());
        self.context.sink.end_scope(self.context.report, ScopeEnd::Queue { last_sequence })?;
        let Some(queue) = group.queue else {
            return self.finish_orphans(&group);
        };
        for warning in queue.filter.warnings(&queue.name) {
            self.context.report.warn(warning);
        }
        Ok(())
    }

    /// Says what became of rows without a queue.
    fn finish_orphans(&mut self, group: &QueueState) -> Result<()> {
        for warning in group.orphan_warnings() {
            self.context.report.warn(warning);
        }
        if !group.is_elsewhere() {
            return Ok(());
        }
        let message = format!(
            "{} messages and no meta, gen or tombstone row: the queue is in the snapshot of another group",
            group.orphans
        );
        self.context.report.problem(&Problem {
            adapter: Namespace::Sqs.name(),
            scope: &group.name,
            key: &group.meta_key(),
            class: Class::SQS_ORPHAN_MESSAGES,
            message,
            place: None,
        })
    }

    fn finish(self) -> Result<Scope> {
        self.context.sink.end_service(self.context.report, Namespace::Sqs)?;
        for warning in other_group::warnings(self.context.snapshot, &self.partitioned)? {
            self.context.report.warn(warning);
        }
        Ok(self.scope)
    }
}

/// Says of a fault in a record which one that is.
fn in_record(error: Error, key: &[u8], value: &[u8]) -> Error {
    match error {
        Error::Internal(bug) => bug.or_at((key, value)).into(),
        error => error,
    }
}

/// Reads a record that is one number.
fn number(value: &[u8]) -> Result<u64> {
    Ok(u64::from_be_bytes(value.try_into().map_err(|_| RECORD)?))
}

/// Whether a queue of this name may be written.
fn has_queue(context: &Context<'_, '_>, name: &[u8]) -> Result<bool> {
    let segment = URL_SAFE_NO_PAD.encode(name);
    let key = [Family::SqsQueueMeta.prefix(), segment.as_bytes()].concat();
    Ok(context.options.in_scope(Namespace::Sqs, name)
        && context.snapshot.get(&key, &mut EntryBuf::default())?)
}

/// Passes a message on.
fn put(context: &mut Context<'_, '_>, message: &Message<'_>) -> Result<()> {
    match context.put(Object::Sqs(sqs::Object::Message(message)))? {
        Some(refusal) => refused(context, message.queue, message.id.as_bytes(), refusal, None),
        None => Ok(()),
    }
}

/// Reports what the sink has no place for.
fn refused(
    context: &mut Context<'_, '_>,
    queue: &[u8],
    key: &[u8],
    Refusal { class, message }: Refusal,
    place: Option<RowLocation>,
) -> Result<()> {
    let adapter = Namespace::Sqs.name();
    context.report.problem(&Problem { adapter, scope: queue, key, class, message, place })
}

/// Reads a large message again, and passes it on.
fn reread(
    context: &mut Context<'_, '_>,
    place: RowLocation,
    queue: &[u8],
    sent: &MessageHeader,
) -> Result<()> {
    let (mut entry, mut buffers) = (EntryBuf::default(), Buffers::default());
    context.snapshot.read(place, &mut entry)?;
    let message = match Message::parse(&entry.body, context.snapshot.interrupt(), &mut buffers) {
        Ok(message) => message,
        Err(invalid) => {
            invalid.message()?;
            return Err(context.snapshot.differs(place, "a message cannot be parsed any more").into());
        }
    };
    // These decided on the place among the queue's messages.
    if (message.send_timestamp, message.sequence_number) != (sent.send_timestamp, sent.sequence) {
        return Err(context.snapshot.differs(place, "another message stands in the place of one").into());
    }
    put(context, &Message { queue, partition: sent.partition, commit_ts: entry.commit_ts, ..message })
}
