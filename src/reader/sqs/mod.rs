//! `sqs/<queue>/` and `extra/sqs/queues.jsonl` (`tree/sqs.md#files-of-sqs`, `encoding.md#rows-of-sqs`).

mod message;
mod queue;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::{File, MEMORY, Reader};
use crate::error::Result;
use crate::keyspace::{Family, Namespace};
use crate::limits;
use crate::model::sqs::{self, NamedQueue, ORPHAN, Object, SideRecord, orphan_name};
use crate::model::{self, ScopeEnd};
use crate::service::Scope;
use crate::sort::{Sorter, Table};
use crate::time::Hlc;
use crate::tree::segment;

const DIRECTORY: &[u8] = b"sqs/";
const QUEUE: &[u8] = b"_queue.json";
const MESSAGES: &[u8] = b"messages.jsonl";
const SIDE_RECORDS: &[u8] = b"_internals/side_records.jsonl";
const EXTRA: &[u8] = b"extra/sqs/queues.jsonl";

/// Names and files of queues, by their segments.
type Queues = BTreeMap<String, (Vec<u8>, File)>;

/// Passes the queues on, in the order of their segments.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Result<Scope> {
    let mut queues = Queues::new();
    let mut gone = Vec::new();
    for directory in reader.directories(DIRECTORY)? {
        let path = [&*directory, QUEUE].concat();
        if reader.files.find(&path)?.is_none() && directory.ends_with(&[ORPHAN.as_bytes(), b"/"].concat()) {
            gone.push(directory);
            continue;
        }
        let file = reader.file(&path)?;
        let text = queue::name(reader, &file)?;
        let name = reader.scope_name(&directory, DIRECTORY, &text, &file)?;
        if !reader.options.in_scope(Namespace::Sqs, &name) {
            continue;
        }
        if let Some((_, other)) = queues.get(&URL_SAFE_NO_PAD.encode(&name)) {
            return Err(reader.twice(&path, &other.path));
        }
        queues.insert(URL_SAFE_NO_PAD.encode(&name), (name, file));
    }
    let mut extra = extra(reader)?;
    let mut scope = Scope::new();
    for (encoded, (name, file)) in &queues {
        if let Some(messages) = read_queue(reader, (name, encoded), file, &mut extra)? {
            scope.insert(name.clone(), messages);
        }
    }
    if reader.options.include_sqs_side_records {
        for directory in gone {
            let file = reader.file(&[&*directory, SIDE_RECORDS].concat())?;
            side_records(reader, &file, None, &queues)?;
            reader.sink.end_scope(reader.report, ScopeEnd::Queue { last_sequence: 0 })?;
        }
    }
    reader.sink.end_service(reader.report, Namespace::Sqs)?;
    Ok(scope)
}

/// Passes a queue on, with what is in it; returns the number of its messages, `None` where the queue was refused.
fn read_queue(
    reader: &mut Reader<'_, '_>,
    (name, encoded): (&[u8], &str),
    file: &File,
    extra: &mut Table,
) -> Result<Option<u64>> {
    let mut text = Vec::new();
    reader.whole(file, limits::LENGTH, &mut text)?;
    let line = extra.find(encoded.as_bytes())?;
    let place = reader.place(&file.path);
    let (queue, sequence) = queue::parse(&text, line.as_deref(), &place)?;
    let lossy = crate::codec::gojson::read::replace_invalid(name);
    let object = NamedQueue { name, text: &lossy, encoded, queue: &queue, commit_ts: Hlc::ZERO };
    if !reader.put(model::Object::Sqs(Object::Queue(&object)), file)? {
        return Ok(None);
    }
    let directory = file.path.strip_suffix(QUEUE).unwrap_or_default();
    let (mut messages, mut side) = (None, None);
    let mut at = 0;
    while let Some(file) = reader.next_file(directory, &mut at)? {
        match file.path.strip_prefix(directory) {
            Some(QUEUE) => {}
            Some(MESSAGES) => messages = Some(file),
            Some(SIDE_RECORDS) => side = Some(file),
            _ => return Err(reader.unsound(&file.path, &"is no file of a queue")),
        }
    }
    let (mut count, mut last_sequence) = (0, sequence);
    if let Some(file) = messages {
        (count, last_sequence) = message::read(reader, name, &file, sequence)?;
    }
    if let Some(file) = side.filter(|_| reader.options.include_sqs_side_records) {
        side_records(reader, &file, Some(name), &Queues::new())?;
    }
    reader.sink.end_scope(reader.report, ScopeEnd::Queue { last_sequence })?;
    Ok(Some(count))
}

/// Makes a table of the lines of [`EXTRA`], by the segments of their queues: the last line of a queue counts.
fn extra(reader: &mut Reader<'_, '_>) -> Result<Table> {
    #[derive(Deserialize)]
    struct Line {
        encoded: String,
    }
    let mut lines = Sorter::new(reader.scratch, MEMORY);
    if !reader.options.no_extra && reader.files.find(EXTRA)?.is_some() {
        let file = reader.file(EXTRA)?;
        let mut all = reader.lines(&file)?;
        while let Some(line) = all.next()? {
            lines.push(line.parse::<Line>()?.encoded.as_bytes(), line.text)?;
        }
    }
    super::originals::table(lines, reader.scratch)
}

/// Passes on the records beside the messages of a queue, or of one that is gone.
fn side_records(
    reader: &mut Reader<'_, '_>,
    file: &File,
    queue: Option<&[u8]>,
    queues: &Queues,
) -> Result<()> {
    #[derive(Deserialize)]
    struct Line {
        key_hex: String,
        value_b64: String,
    }
    let directory = file.path.strip_suffix(SIDE_RECORDS).and_then(|path| path.strip_suffix(b"/"));
    let directory = directory.unwrap_or_default();
    let segment = directory.strip_prefix(DIRECTORY).and_then(|name| name.strip_suffix(ORPHAN.as_bytes()));
    let mut segment = segment.unwrap_or_default().to_vec();
    if segment::looks_like_fallback(&segment) {
        match reader.originals.find(directory)? {
            Some(original) => segment = original,
            None => return reader.nameless(Namespace::Sqs.name(), b"", file),
        }
    }
    let gone = URL_SAFE_NO_PAD.decode(&segment).unwrap_or_else(|_| segment.clone());
    let taken = queue.is_none() && queues.contains_key(&URL_SAFE_NO_PAD.encode(orphan_name(&segment)));
    let mut lines = reader.lines(file)?;
    while let Some(line) = lines.next()? {
        let Line { key_hex, value_b64 } = line.parse()?;
        let key = hex::decode(key_hex).map_err(|error| line.unsound(&error))?;
        let value = URL_SAFE_NO_PAD.decode(value_b64).map_err(|error| line.unsound(&error))?;
        let (queue, of) = match queue {
            Some(queue) => (queue, sqs::Namespace::Queue),
            None => (&*gone, sqs::Namespace::Gone { segment: &segment, taken }),
        };
        let record = SideRecord { queue, of, family: Family::of(&key), key: &key, value: &value };
        reader.put(model::Object::Sqs(Object::SideRecord(&record)), file)?;
    }
    Ok(())
}
