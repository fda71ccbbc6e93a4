//! A collection passed on with its sorted elements, and what has to be said about it (`tree/redis.md#shapes`, `reading/redis.md#warnings-and-errors`, `reading/redis.md#procedure`).

use super::builder::{CollectionBuilder, length, parse_score};
use super::collection::Collection;
use super::database::Database;
use super::distinct::Distinct;
use super::write_plan::Bounds;
use crate::bug::Bug;
use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::keyspace::redis::StreamId;
use crate::model::redis::{Element, EntryFields, Key, Value};
use crate::model::{Answer, Piece};

/// What was passed on.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    elements: u64,
    /// Elements of a blob that a later one of the same name replaced.
    repeated: u64,
}

impl CollectionBuilder {
    /// Passes the collection on where it exists, and reports what came up.
    pub(super) fn write(mut self, database: &mut Database<'_, '_, '_>) -> Result<()> {
        let contents = database.wants_contents();
        let mut written = Written { elements: self.rows, repeated: 0 };
        // How many elements a blob has shows when they are sorted.
        let is_blob = self.findings.blob.is_some();
        if is_blob && !contents && !self.pass_on(database, &mut false, &mut written)? {
            return Ok(());
        }
        let known = !is_blob || !contents;
        if !known || self.exists(written.elements) {
            let Some(mut open) = database.open(&self.head(known.then_some(written.elements)))? else {
                // The sorter is for the next collection too.
                drop(database.elements.sort()?);
                return Ok(());
            };
            if contents && !self.pass_on(database, &mut open, &mut written)? {
                return Ok(());
            }
            let exists = self.exists(written.elements);
            if open {
                database.close(&self.head(None), exists)?;
            }
            if exists {
                database.count(&self.head(None));
            }
        } else if self.findings.refused == 0 {
            database.counts.delta_only.count(&self.key);
        }
        self.report(database, written)
    }

    /// Whether the key exists with so many elements.
    fn exists(&self, elements: u64) -> bool {
        elements > 0
            || self.plan.collection == Collection::Stream
            || (self.plan.stands_empty && self.findings.refused == 0)
    }

    fn head(&self, elements: Option<u64>) -> Key<'_> {
        let collection = self.plan.collection;
        let last = match self.plan.bounds {
            Bounds::Above { last, .. } => last,
            Bounds::All | Bounds::Window(..) => StreamId::default(),
        };
        Key {
            key: &self.key,
            value: Value::Collection { collection, elements, bytes: elements.map(|_| self.bytes), last },
            expiry_ms: self.plan.expiry,
            commit_ts: self.commit_ts,
            shares_name: false,
        }
    }

    /// Empties the sorter of elements: counts them, and passes them on as long as the sink is open for them. Returns
    /// whether none was refused.
    fn pass_on(
        &mut self,
        database: &mut Database<'_, '_, '_>,
        open: &mut bool,
        written: &mut Written,
    ) -> Result<bool> {
        *written = Written::default();
        let (elements, sink) = database.elements();
        let mut elements = Distinct::new(elements.sort()?, self.findings.blob.is_some())?;
        while let Some((mut name, value)) = elements.next()? {
            let record = (name, value);
            if self.findings.blob.is_some() {
                self.bytes = self.bytes.saturating_add(length(name.len() + value.len()));
            }
            let element = match self.plan.collection {
                Collection::Hash => Element::Field { name, value },
                Collection::List => Element::Item(value),
                Collection::Set => Element::Member(name),
                Collection::Zset => match parse_score(value) {
                    Ok(score) => Element::Scored { member: name, score },
                    Err(error) => {
                        self.findings.refuse(&error, self.findings.blob);
                        continue;
                    }
                },
                Collection::Stream => {
                    const ID: Bug = Bug::new("the ID of a Redis stream entry does not read back");
                    let id = StreamId::take(&mut name).ok_or_else(|| ID.at(record))?;
                    Element::Entry { id, fields: EntryFields::new(value) }
                }
            };
            written.elements += 1;
            if *open {
                match sink.piece(Piece::Element(element))? {
                    Answer::Open => {}
                    Answer::Taken | Answer::Left => *open = false,
                    Answer::Refused(refusal) => {
                        drop(elements);
                        database.refused(&self.key, refusal)?;
                        return Ok(false);
                    }
                }
            }
        }
        written.repeated = elements.repeated();
        Ok(true)
    }

    fn report(self, database: &mut Database<'_, '_, '_>, written: Written) -> Result<()> {
        let CollectionBuilder { key, plan, findings, .. } = self;
        let observed = written.elements + findings.refused;
        if let Some(declared) = plan.declared
            && declared != observed
        {
            let (event, field) = length_mismatch(plan.collection);
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
                Event::REDIS_UNREACHABLE_ELEMENTS,
                findings.unreachable,
                "no command reaches these rows: not written",
            ),
            (
                Event::REDIS_BLOB_DUPLICATES,
                written.repeated,
                "of elements with one name the last one was written",
            ),
            (
                Event::REDIS_STREAM_ID_MISMATCH,
                findings.misnamed,
                "the stored ID is not that of the row key, which counts",
            ),
        ] {
            if count > 0 {
                database.warn(
                    Warning::new(event)
                        .with("user_key_len", key.len())
                        .with("type", plan.collection.name())
                        .with("count", count)
                        .with("hint", hint)
                        .with_key(&key),
                );
            }
        }
        if let Some((first, place)) = findings.first {
            let message = format!("{} elements left out, of the first: {first}", findings.refused);
            database.problem(&key, plan.collection.invalid_element(), message, place)?;
        }
        if let Some(message) = findings.discarded {
            database.problem(&key, Class::DISCARDED_STREAM_BLOB, message, findings.blob)?;
        }
        Ok(())
    }
}

/// Returns the event and the name of the field that holds the number of elements found.
fn length_mismatch(collection: Collection) -> (Event, &'static str) {
    match collection {
        Collection::List => (Event::REDIS_LIST_LENGTH_MISMATCH, "observed_items"),
        Collection::Hash => (Event::REDIS_HASH_LENGTH_MISMATCH, "observed_fields"),
        Collection::Set => (Event::REDIS_SET_LENGTH_MISMATCH, "observed_members"),
        Collection::Zset => (Event::REDIS_ZSET_LENGTH_MISMATCH, "observed_members"),
        Collection::Stream => (Event::REDIS_STREAM_LENGTH_MISMATCH, "observed_entries"),
    }
}
