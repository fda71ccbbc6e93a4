//! The file of a collection, written from its sorted elements, and what has to be said about it
//! (`redis.md` 4.3, 6, 10).

use super::blob;
use super::collection::Collection;
use super::database::Database;
use super::distinct::Distinct;
use super::document::Document;
use super::draft::{Draft, Findings, parse_score};
use super::sidecar::Object;
use super::stream;
use super::verdict::Bounds;
use crate::dump::Sorter;
use crate::dump::layout::file_writer::FileWriter;
use crate::error::{Error, Result};
use crate::keyspace::redis::StreamId;
use crate::report::Warning;

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    elements: u64,
    /// Elements of a blob that a later one of the same name replaced.
    repeated: u64,
}

impl Draft {
    /// Writes the file of the collection where there is to be one, and reports what came up.
    pub(super) fn write(mut self, database: &mut Database<'_, '_, '_>) -> Result<()> {
        let verdict = self.verdict;
        let object = Object::Collection(verdict.collection);
        let segment = database.turn_to(object, &self.key);
        if database.lacks_keymap_line(&segment, &self.key)? {
            // The sorter is for the next collection too.
            drop(database.elements.sort()?);
            return Ok(());
        }
        let (elements, mut page) = database.page();
        let written = match verdict.bounds {
            Bounds::Above { last, .. } => write_stream(elements, &mut page, last, verdict.expiry)?,
            _ => write_document(elements, &mut page, verdict.collection, verdict.expiry, &mut self.findings)?,
        };
        let is_written = written.elements > 0 || (verdict.stands_empty && self.findings.refused == 0);
        if is_written || verdict.collection == Collection::Stream {
            page.finish()?;
            database.enter(object, &self.key, &segment, verdict.expiry)?;
        } else {
            page.buffer.discard();
            if self.findings.refused == 0 {
                database.counts.delta_only.count(&self.key);
            }
        }
        self.report(database, written)
    }

    fn report(self, database: &mut Database<'_, '_, '_>, written: Written) -> Result<()> {
        let Draft { key, verdict, findings, .. } = self;
        let observed = written.elements + findings.refused;
        if let Some(declared) = verdict.declared
            && declared != observed
        {
            let (event, field) = length_mismatch(verdict.collection);
            database.warn(
                Warning::new(event)
                    .with("user_key_len", key.len())
                    .with("declared_len", declared)
                    .with(field, observed)
                    .with("hint", "base meta and deltas disagree with the elements, which count")
                    .with_key(&key),
            );
        }
        for (event, count, hint) in [
            (
                "redis_unreachable_elements",
                findings.unreachable,
                "no command reaches these rows: not written",
            ),
            ("redis_blob_duplicates", written.repeated, "of elements with one name the last one was written"),
            (
                "redis_stream_id_mismatch",
                findings.misnamed,
                "the stored ID is not that of the row key, which counts",
            ),
        ] {
            if count > 0 {
                database.warn(
                    Warning::new(event)
                        .with("user_key_len", key.len())
                        .with("type", verdict.collection.name())
                        .with("count", count)
                        .with("hint", hint)
                        .with_key(&key),
                );
            }
        }
        if let Some((first, place)) = findings.first {
            let message = format!("{} elements left out, of the first: {first}", findings.refused);
            database.problem(&key, verdict.collection.invalid_element(), message, place)?;
        }
        if let Some(message) = findings.discarded {
            database.problem(&key, "discarded_stream_blob", message, findings.blob)?;
        }
        Ok(())
    }
}

fn write_document(
    elements: &mut Sorter,
    page: &mut FileWriter<'_>,
    collection: Collection,
    expiry: Option<u64>,
    findings: &mut Findings,
) -> Result<Written> {
    let mut written = Written::default();
    let mut document = Document::begin(collection, page);
    let mut elements = Distinct::new(elements.sort()?, findings.blob.is_some())?;
    while let Some((name, value)) = elements.next()? {
        match collection {
            Collection::Hash => document.field(page, name, value)?,
            Collection::Set => document.plain(page, name)?,
            Collection::Zset => match parse_score(value) {
                Ok(score) => document.scored(page, name, score)?,
                Err(error) => {
                    findings.refuse(&error, findings.blob);
                    continue;
                }
            },
            Collection::List | Collection::Stream => document.plain(page, value)?,
        }
        written.elements += 1;
    }
    written.repeated = elements.repeated();
    document.end(page, expiry);
    Ok(written)
}

fn write_stream(
    elements: &mut Sorter,
    page: &mut FileWriter<'_>,
    last: StreamId,
    expiry: Option<u64>,
) -> Result<Written> {
    let mut written = Written::default();
    let mut last = last;
    let mut entries = elements.sort()?;
    while let Some((mut id, message)) = entries.next()? {
        let id = StreamId::take(&mut id);
        let id = id.ok_or(Error::Internal { what: "the ID of a Redis stream entry does not read back" })?;
        // The encoder rejects a stream whose last ID is below an entry's.
        last = last.max(id);
        stream::write_entry(page, id, blob::texts(message))?;
        written.elements += 1;
    }
    stream::write_meta(page, written.elements, last, expiry);
    Ok(written)
}

/// Returns the event and the name of the field that holds the number of elements found.
fn length_mismatch(collection: Collection) -> (&'static str, &'static str) {
    match collection {
        Collection::List => ("redis_list_length_mismatch", "observed_items"),
        Collection::Hash => ("redis_hash_length_mismatch", "observed_fields"),
        Collection::Set => ("redis_set_length_mismatch", "observed_members"),
        Collection::Zset => ("redis_zset_length_mismatch", "observed_members"),
        Collection::Stream => ("redis_stream_length_mismatch", "observed_entries"),
    }
}
