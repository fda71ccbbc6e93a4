//! Rows of SQS queues and messages (`encoding.md#rows-of-sqs`).

use serde_json::value::RawValue;

use super::rows::Rows;
use super::{NOT_OPEN, Options};
use crate::bug::Bug;
use crate::codec::gojson::escape;
use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::keyspace::Family;
use crate::keyspace::sqs as keys;
use crate::layout::sqs::members::{Members, tag};
use crate::layout::sqs::pieces::Pieces;
use crate::model::sqs::{Message, NamedQueue, Object, Queue, Throttle};
use crate::model::{Answer, Refusal};
use crate::report::Report;
use crate::service::sqs::delivery::{deduplication_id, write_lock, write_window};
use crate::service::sqs::partition::{Partitions, group_hash};
use crate::sort::Scratch;
use crate::time::Hlc;

/// Bytes of the longest body that servers take.
const LONGEST_BODY: usize = 256 << 10;
/// Hex digits of the ids that servers give, and find again.
const ID: usize = 32;

const NO_TEXT: Bug = Bug::new("an object of a queue or a message is written as what is no JSON");

/// The queue at hand, and what is said of it.
#[derive(Debug)]
pub(super) struct Sqs {
    queue: Option<Open>,
    members: Members,
    buffer: Vec<u8>,
    text: Vec<u8>,
    body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Open {
    name: Vec<u8>,
    generation: u64,
    fifo: bool,
    content_based: bool,
    retention_ms: i64,
    partitions: Partitions,
    last_sequence: u64,
    /// Messages whose retention is over.
    expired: u64,
    /// Messages of which servers do not find the id again.
    foreign_ids: u64,
    /// Messages longer than servers take.
    long: u64,
    /// Messages in another partition than that of their group.
    misplaced: u64,
    side_records: u64,
}

impl Sqs {
    pub(super) fn new(scratch: &Scratch) -> Self {
        let (buffer, text, body) = (Vec::new(), Vec::new(), Vec::new());
        Self { queue: None, members: Members::new(scratch), buffer, text, body }
    }

    /// Adds the rows of a queue or a message.
    pub(super) fn object(
        &mut self,
        rows: &mut Rows,
        options: &Options,
        object: Object<'_>,
    ) -> Result<Answer> {
        match object {
            Object::Queue(queue) => self.queue(rows, queue),
            Object::Message(message) => self.message(rows, options, message),
            Object::SideRecord(_) => {
                self.queue.get_or_insert_default().side_records += 1;
                Ok(Answer::Left)
            }
        }
    }

    fn queue(&mut self, rows: &mut Rows, queue: &NamedQueue<'_>) -> Result<Answer> {
        let stored = queue.queue;
        let texts = (&mut self.buffer, &mut self.text);
        let tags = compact(&mut self.members, texts, (Kind::Tags, stored.tags))?;
        let key = |family| move |out: &mut Vec<u8>| keys::write_queue(out, family, queue.name);
        rows.row(key(Family::SqsQueueMeta), |out| stored.write(out, queue.text, tags))?;
        rows.row(key(Family::SqsQueueGeneration), |out| {
            out.extend_from_slice(stored.generation.to_string().as_bytes());
        })?;
        self.queue = Some(Open {
            name: queue.name.to_vec(),
            generation: stored.generation,
            fifo: stored.fifo,
            content_based: stored.content_based_deduplication,
            retention_ms: stored.message_retention.saturating_mul(1000),
            partitions: Partitions::of_queue(stored),
            ..Open::default()
        });
        Ok(Answer::Taken)
    }

    /// Returns a message as it is restored.
    pub(super) fn restored<'m>(&self, message: &Message<'m>, options: &Options) -> Message<'m> {
        let mut stored = message.clone();
        stored.queue_generation = self.queue.as_ref().map_or(1, |queue| queue.generation);
        for time in [
            &mut stored.send_timestamp,
            &mut stored.available_at,
            &mut stored.visible_at,
            &mut stored.first_receive,
        ] {
            if *time != 0 {
                *time = time.saturating_add(options.sqs_shift_ms);
            }
        }
        if !options.preserve_sqs_visibility {
            (stored.receive_count, stored.first_receive, stored.receipt_token) = (0, 0, b"");
            stored.visible_at = if options.reference_rows { 0 } else { stored.available_at };
        }
        stored
    }

    fn message(&mut self, rows: &mut Rows, options: &Options, message: &Message<'_>) -> Result<Answer> {
        let Some(queue) = &mut self.queue else { return Err(NOT_OPEN.into()) };
        let partition = match queue.partition(message) {
            Ok(partition) => partition,
            Err(what) => return Ok(Answer::Refused(Refusal::new(Class::SQS_INVALID_MESSAGE, what))),
        };
        let stored = message;
        if stored.id.is_empty() {
            return Ok(Answer::Refused(Refusal::new(Class::SQS_INVALID_MESSAGE, "it has no id")));
        }
        queue.count(stored, partition, options);
        let (name, generation, id) = (&queue.name, queue.generation, stored.id.as_bytes());
        let texts = (&mut self.buffer, &mut self.text);
        let attributes = compact(&mut self.members, texts, (Kind::Attributes, stored.attributes))?;
        self.body.clear();
        stored.write(&mut self.body, attributes);
        let row = |key: Vec<u8>| move |out: &mut Vec<u8>| out.extend_from_slice(&key);
        let data = keys::data_key(name, partition, generation, id);
        rows.row(row(data), |out| out.extend_from_slice(&self.body))?;
        let visible = if stored.visible_at == 0 { stored.available_at } else { stored.visible_at };
        for (family, ms) in [(Family::SqsVisibility, visible), (Family::SqsByAge, stored.send_timestamp)] {
            let ms = u64::try_from(ms).unwrap_or_default();
            let key = keys::time_key(family, name, partition, generation, (ms, id));
            rows.row(row(key), |out| out.extend_from_slice(id))?;
        }
        if !queue.fifo {
            return Ok(Answer::Taken);
        }
        let group = stored.group_id.as_bytes();
        if queue.content_based || !stored.deduplication_id.is_empty() {
            let window = deduplication_id(stored);
            let key = keys::dedup_key(name, partition, generation, (group, window.as_bytes()));
            rows.ranked(Some(stored.send_timestamp), row(key), |out| write_window(out, stored))?;
        }
        if stored.receive_count > 0 && !group.is_empty() {
            let key = keys::group_key(name, partition, generation, group);
            rows.ranked(Some(stored.visible_at), row(key), |out| write_lock(out, stored))?;
        }
        Ok(Answer::Taken)
    }

    /// Adds the row that goes on counting, and says what there is to say of the queue; returns its name and the number.
    pub(super) fn end_queue(
        &mut self,
        rows: &mut Rows,
        report: &mut Report<'_>,
        last_sequence: u64,
    ) -> Result<Option<(Vec<u8>, u64)>> {
        let Some(queue) = self.queue.take() else { return Ok(None) };
        let sequence = queue.last_sequence.max(last_sequence);
        if queue.fifo && sequence > 0 {
            rows.resume_object(0);
            rows.row(
                |out| keys::write_queue(out, Family::SqsQueueSequence, &queue.name),
                |out| out.extend_from_slice(sequence.to_string().as_bytes()),
            )?;
        }
        let name = String::from_utf8_lossy(&queue.name);
        for (event, count) in [
            (Event::ENCODE_SQS_RETENTION_OVER, queue.expired),
            (Event::ENCODE_SQS_FOREIGN_IDS, queue.foreign_ids),
            (Event::ENCODE_SQS_LONG_MESSAGES, queue.long),
            (Event::ENCODE_SQS_PARTITION_HASH, queue.misplaced),
            (Event::ENCODE_SQS_SIDE_RECORDS, queue.side_records),
        ] {
            if count > 0 {
                report.warn(Warning::new(event).with("queue", &*name).with("count", count));
            }
        }
        let sequence = if queue.fifo { sequence } else { 0 };
        Ok(Some((queue.name, sequence)))
    }
}

impl Open {
    /// Returns the partition in the keys of a message.
    fn partition(&self, message: &Message<'_>) -> Result<Option<u32>, String> {
        match message.partition {
            None if self.partitions.partitioned() => {
                Err("no partition, and its queue has several".to_owned())
            }
            Some(partition) if self.partitions.partitioned() && !self.partitions.scans(partition) => {
                Err(format!("partition {partition} is none of its queue"))
            }
            // The first one of a queue without is what it has.
            Some(0) if !self.partitions.partitioned() => Ok(None),
            Some(partition) if !self.partitions.partitioned() => {
                Err(format!("partition {partition}, and its queue has none"))
            }
            partition => Ok(partition),
        }
    }

    fn count(&mut self, message: &Message<'_>, partition: Option<u32>, options: &Options) {
        self.last_sequence = self.last_sequence.max(message.sequence_number);
        let now = options.now_ms.signed();
        let age = now.saturating_sub(message.send_timestamp);
        self.expired += u64::from(self.retention_ms > 0 && age > self.retention_ms);
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        self.foreign_ids += u64::from(message.id.len() != ID || !message.id.bytes().all(is_hex));
        self.long += u64::from(message.body.len() > LONGEST_BODY);
        let own = self.partitions.of(group_hash(message.group_id.as_bytes()));
        self.misplaced += u64::from(partition.is_some_and(|partition| partition != own));
    }
}

/// Returns a queue's record as it is restored.
pub(super) fn restored<'q>(queue: &Queue<'q>, options: &Options) -> Queue<'q> {
    if !options.reference_rows {
        return Queue { generation: queue.generation.max(1), ..queue.clone() };
    }
    Queue {
        generation: 1,
        incarnation: 0,
        created_at_hlc: Hlc::ZERO,
        tags: b"",
        last_purged_at: 0,
        created_at: 0,
        last_modified_at: 0,
        throttle: Throttle::default(),
        ..queue.clone()
    }
}

/// What an object of strings or values is.
#[derive(Clone, Copy)]
enum Kind {
    Tags,
    Attributes,
}

/// Returns the text of an object with its members sorted, as rows have it; `None` where it has none.
fn compact<'t>(
    members: &mut Members,
    (buffer, text): (&mut Vec<u8>, &'t mut Vec<u8>),
    (kind, object): (Kind, &[u8]),
) -> Result<Option<&'t RawValue>> {
    text.clear();
    let Some(object) = members.read(object)? else { return Ok(None) };
    let mut out = Pieces::new(buffer, |piece: &[u8]| {
        escape::html(text, piece);
        Ok(())
    });
    object.write(&mut out, |out, value| match kind {
        Kind::Tags => tag(out, value),
        Kind::Attributes => out.dense(value),
    })?;
    out.finish()?;
    let text = std::str::from_utf8(text).map_err(|_| NO_TEXT)?;
    Ok(Some(serde_json::from_str(text).map_err(|_| NO_TEXT)?))
}
