//! Writes the queues, one after the other.
//!
//! In: the sorted records. Out: the files of `sqs.md` 4.1, the warnings of section 6 in ascending order of the
//! segments, and the names of the queues.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::directory::{Directory, orphan_name};
use super::filter::Filter;
use super::group::{Group, OpenQueue};
use super::json::replace_invalid;
use super::line;
use super::message::{Buffers, Message};
use super::queue::Queue;
use super::record::{self, Held, Kind, Sent};
use super::{INVALID_QUEUE_META, ORPHAN_MESSAGES, elsewhere, queue_file};
use crate::adapter::{Context, Scope};
use crate::dump::{Sorter, TreeFile, keymap};
use crate::error::{Error, Result};
use crate::excerpt;
use crate::keyspace::{Family, Owner};
use crate::report::{Problem, Warning};
use crate::store::{EntryBuf, RowLocation};

const SIDE_RECORDS: &str = "_internals/side_records.jsonl";

/// A record of the sorter is not as it was written.
const RECORD: Error = Error::Internal { what: "a record of an SQS queue does not read back" };

/// Writes what `records` hold and returns the names of the queues.
pub fn write(context: &mut Context<'_, '_>, records: &mut Sorter) -> Result<Scope> {
    let extra = Sorter::new(context.tree.scratch(), 1 << 20);
    let mut writer = Writer {
        context,
        extra,
        scope: Scope::new(),
        partitioned: BTreeSet::new(),
        group: Group::default(),
        text: Vec::new(),
    };
    let mut sorted = records.sort()?;
    while let Some((key, value)) = sorted.next()? {
        let (segment, kind) = record::split_key(key).ok_or(RECORD)?;
        if writer.group.segment != segment {
            writer.finish_group()?;
            writer.group = Group::new(segment);
        }
        writer.record(kind, value)?;
    }
    writer.finish_group()?;
    writer.finish()
}

struct Writer<'c, 'a, 'r> {
    context: &'c mut Context<'a, 'r>,
    /// Lines of [`queue_file::EXTRA`] by queue name.
    extra: Sorter,
    scope: Scope,
    /// Segments of the partitioned queues.
    partitioned: BTreeSet<Vec<u8>>,
    group: Group,
    text: Vec<u8>,
}

impl Writer<'_, '_, '_> {
    fn record(&mut self, kind: Kind, value: &[u8]) -> Result<()> {
        let number = || value.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        match kind {
            Kind::Counter => self.group.counter = number(),
            Kind::Sequence => self.group.sequence = number(),
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
        let queue = match Queue::parse(value) {
            Ok(queue) => queue,
            Err(invalid) => {
                return self.context.report.problem(&Problem {
                    adapter: Owner::Sqs.name(),
                    scope: &group.name,
                    key: &group.meta_key(),
                    class: INVALID_QUEUE_META,
                    message: invalid.to_string(),
                    place,
                });
            }
        };
        let name = replace_invalid(&group.name).into_owned();
        if !queue.name.is_empty() && queue.name != name {
            self.context.report.warn(
                Warning::new("sqs_queue_name_mismatch")
                    .with("encoded_queue", excerpt::name(group.encoded().as_bytes()))
                    .with("key_name", excerpt::name(name.as_bytes()))
                    .with("meta_name", excerpt::name(queue.name.as_bytes())),
            );
        }
        let directory = Directory::of(&group.name);
        if directory.fallback {
            if let Some(message) = keymap::too_long(directory.path.as_bytes(), &group.name) {
                return self.context.report.problem(&Problem {
                    adapter: Owner::Sqs.name(),
                    scope: &group.name,
                    key: &group.meta_key(),
                    class: keymap::LINE_TOO_LONG,
                    message,
                    place,
                });
            }
            self.context.tree.keymap().push(directory.path.as_bytes(), &group.name)?;
        }
        queue_file::set(&mut self.text, &name, &queue);
        self.context.tree.write(&directory.file("_queue.json"), &self.text)?;
        self.scope.insert(group.name.clone(), 0);
        if queue.partitions().partitioned() {
            self.partitioned.insert(group.segment.clone());
        }
        let extra = queue_file::open_extra(&name, &group.encoded(), &queue);
        let counter = group.counter.unwrap_or_default();
        let filter = Filter::new(&queue, counter, group.sequence, self.context.store.now_ms())
            .preserving(self.context.options.preserve_sqs_visibility);
        group.queue = Some(OpenQueue { name, directory, extra, filter, messages: None });
        Ok(())
    }

    fn message(&mut self, mut value: &[u8]) -> Result<()> {
        let sent = Sent::take(&mut value).ok_or(RECORD)?;
        let Some(queue) = &mut self.group.queue else {
            self.group.orphans += 1;
            self.group.partitioned_orphans += u64::from(sent.partition.is_some());
            return Ok(());
        };
        if queue.filter.keeps(&sent) {
            if queue.messages.is_none() {
                let path = queue.directory.file("messages.jsonl");
                queue.messages = Some(self.context.tree.file(&path)?);
            }
            if let Some(messages) = &mut queue.messages {
                match sent.held {
                    Held::AsLine => messages.write(value)?,
                    Held::At(place) => copy_message(self.context, place, sent.partition, messages)?,
                }
                if let Some(count) = self.scope.get_mut(&self.group.name) {
                    *count += 1;
                }
            }
        }
        Ok(())
    }

    fn side_record(&mut self, line: &[u8]) -> Result<()> {
        let group = &mut self.group;
        group.side_records += 1;
        if group.side_file.is_none() {
            let path = if let Some(queue) = &group.queue {
                queue.directory.file(SIDE_RECORDS)
            } else {
                let taken = has_queue(self.context, &orphan_name(&group.segment))?;
                let directory = Directory::of_orphan(&group.segment, taken);
                if directory.fallback {
                    self.context.tree.keymap().push(directory.path.as_bytes(), &group.segment)?;
                }
                directory.file(SIDE_RECORDS)
            };
            group.side_file = Some(self.context.tree.file(&path)?);
        }
        if let Some(file) = &mut group.side_file {
            file.write(line)?;
        }
        Ok(())
    }

    fn finish_group(&mut self) -> Result<()> {
        let mut group = std::mem::take(&mut self.group);
        if let Some(file) = group.side_file.take() {
            file.finish(self.context.tree)?;
        }
        let Some(mut queue) = group.queue else {
            return self.finish_orphans(&group);
        };
        if !self.context.options.no_extra {
            queue_file::close_extra(&mut queue.extra, queue.filter.last_sequence());
            self.extra.push(&group.name, &queue.extra)?;
        }
        if let Some(messages) = queue.messages {
            messages.finish(self.context.tree)?;
        }
        for warning in queue.filter.warnings(&queue.name) {
            self.context.report.warn(warning);
        }
        Ok(())
    }

    /// Says what became of rows without a queue.
    fn finish_orphans(&mut self, group: &Group) -> Result<()> {
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
            adapter: Owner::Sqs.name(),
            scope: &group.name,
            key: &group.meta_key(),
            class: ORPHAN_MESSAGES,
            message,
            place: None,
        })
    }

    fn finish(mut self) -> Result<Scope> {
        if !self.extra.is_empty() {
            let mut file = self.context.tree.file(queue_file::EXTRA)?;
            let mut lines = self.extra.sort()?;
            while let Some((_, line)) = lines.next()? {
                file.write(line)?;
            }
            file.finish(self.context.tree)?;
        }
        for warning in elsewhere::warnings(self.context.store, &self.partitioned)? {
            self.context.report.warn(warning);
        }
        Ok(self.scope)
    }
}

/// Whether a queue of this name may be written.
fn has_queue(context: &Context<'_, '_>, name: &[u8]) -> Result<bool> {
    let segment = URL_SAFE_NO_PAD.encode(name);
    let key = [Family::SqsQueueMeta.prefix(), segment.as_bytes()].concat();
    Ok(context.options.in_scope(Owner::Sqs, name) && context.store.get(&key, &mut EntryBuf::default())?)
}

/// Reads a message again and writes its line, piece by piece.
fn copy_message(
    context: &Context<'_, '_>,
    place: RowLocation,
    partition: Option<u32>,
    messages: &mut TreeFile,
) -> Result<()> {
    let (mut entry, mut buffers) = (EntryBuf::default(), Buffers::default());
    context.store.read(place, &mut entry)?;
    let message = Message::parse(&entry.body, &mut buffers)
        .map_err(|_| context.store.differs(place, "a message cannot be parsed any more"))?;
    let preserve = context.options.preserve_sqs_visibility;
    line::write(&message, partition, preserve, |piece| messages.write(piece))?;
    Ok(())
}
