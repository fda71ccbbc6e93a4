//! First pass: one scan of every family but the strings, for the records about each Redis key.

use super::collection::Collection;
use super::database::Database;
use super::key_record::{Deltas, Elements, KeyRecord};
use super::meta::Delta;
use super::run::Runs;
use crate::bug::Bug;
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::keyspace::Family;
use crate::keyspace::redis::{Delta as DeltaKey, parse_delta, parse_meta, parse_plain};
use crate::snapshot::Entry;
use crate::tree::{Scratch, Sorted, Sorter};

/// Memory for records, bytes.
const MEMORY: usize = 8 << 20;

/// A scan of a family lends keys that begin with its prefix.
pub(super) const PREFIX: Bug = Bug::new("a key of a Redis family does not begin as its family does");

/// Records by Redis key.
#[derive(Debug)]
pub(super) struct KeyRecords {
    sorter: Sorter,
    record: Vec<u8>,
}

impl KeyRecords {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { sorter: Sorter::new(scratch, MEMORY), record: Vec::new() }
    }

    pub(super) fn push(&mut self, key: &[u8], fact: &KeyRecord<'_>) -> Result<()> {
        self.record.clear();
        fact.write(&mut self.record);
        self.sorter.push(key, &self.record)?;
        Ok(())
    }

    /// Adds a record as it is stored.
    #[cfg(test)]
    pub(super) fn push_raw(&mut self, key: &[u8], record: &[u8]) -> Result<()> {
        Ok(self.sorter.push(key, record)?)
    }

    /// Sorts the records by key.
    pub(super) fn sort(&mut self) -> Result<Sorted<'_>> {
        Ok(self.sorter.sort()?)
    }
}

/// Lists the families that are collected, with `bare` also the keys without a prefix.
fn families(bare: bool) -> impl Iterator<Item = Family> {
    let of_collections = Collection::ALL.into_iter().flat_map(|collection| {
        [Some(collection.elements()), Some(collection.meta()), collection.deltas(), collection.blob()]
    });
    [Some(Family::RedisHll), Some(Family::RedisTtl), bare.then_some(Family::Bare)]
        .into_iter()
        .chain(of_collections)
        .flatten()
}

impl Database<'_, '_, '_> {
    /// Whether there is anything that a string could have to do with.
    pub(super) fn has_more_than_strings(&self, bare: bool) -> bool {
        families(bare).any(|family| self.holds(family))
    }

    pub(super) fn holds(&self, family: Family) -> bool {
        self.snapshot().stats(family).visible > 0
    }

    /// Collects the records of every family but the strings.
    pub(super) fn collect(&mut self, records: &mut KeyRecords, bare: bool) -> Result<()> {
        self.collect_plain(records, Family::RedisHll, |entry| KeyRecord::Hll { place: entry.place })?;
        self.collect_plain(records, Family::RedisTtl, |entry| KeyRecord::Index {
            place: entry.place,
            commit_ts: entry.commit_ts,
            value: entry.body,
        })?;
        if bare {
            self.collect_plain(records, Family::Bare, |entry| KeyRecord::Bare { place: entry.place })?;
        }
        for collection in Collection::ALL {
            if let Some(family) = collection.blob() {
                self.collect_plain(records, family, |entry| KeyRecord::Blob {
                    collection,
                    place: entry.place,
                })?;
            }
            self.collect_elements(records, collection)?;
            if collection == Collection::List {
                self.collect_list_metas(records)?;
            } else {
                self.collect_metas(records, collection)?;
                self.collect_deltas(records, collection)?;
            }
        }
        Ok(())
    }

    fn collect_plain(
        &mut self,
        records: &mut KeyRecords,
        family: Family,
        fact: impl for<'e> Fn(&Entry<'e>) -> KeyRecord<'e>,
    ) -> Result<()> {
        let mut entries = self.snapshot().scan(family);
        while let Some(entry) = entries.next()? {
            let key = parse_plain(family, entry.key).ok_or_else(|| PREFIX.at(entry.place))?;
            records.push(key, &fact(&entry))?;
        }
        Ok(())
    }

    fn collect_elements(&mut self, records: &mut KeyRecords, collection: Collection) -> Result<()> {
        let mut runs = Runs::default();
        let mut rows = 0;
        let fact = |rows, run| KeyRecord::Elements(Elements { collection, rows, run });
        let mut entries = self.snapshot().scan(collection.elements());
        while let Some(entry) = entries.next()? {
            let Some((key, _)) = collection.parse_element(entry.key) else {
                self.malformed(collection, &entry)?;
                continue;
            };
            if !runs.continues(key) {
                if rows > 0 {
                    records.push(runs.key(), &fact(rows, runs.number()))?;
                }
                runs.begin(key);
                rows = 0;
            }
            rows += 1;
        }
        if rows > 0 {
            records.push(runs.key(), &fact(rows, runs.number()))?;
        }
        Ok(())
    }

    fn collect_metas(&mut self, records: &mut KeyRecords, collection: Collection) -> Result<()> {
        let mut entries = self.snapshot().scan(collection.meta());
        while let Some(entry) = entries.next()? {
            match parse_meta(collection.meta(), entry.key) {
                Some(key) => {
                    records.push(key, &meta(collection, &entry))?;
                }
                None => self.malformed(collection, &entry)?,
            }
        }
        Ok(())
    }

    /// List metas have no length prefix: `!lst|meta|d|x` is the base meta of `d|x` or a delta, as the length of
    /// its value says (`format/redis.md#parsing-keys`).
    fn collect_list_metas(&mut self, records: &mut KeyRecords) -> Result<()> {
        let collection = Collection::List;
        for family in [Family::ListMeta, Family::ListDelta] {
            let mut sum = Sum::default();
            let mut entries = self.snapshot().scan(family);
            while let Some(entry) = entries.next()? {
                let name = parse_plain(Family::ListMeta, entry.key).ok_or_else(|| PREFIX.at(entry.place))?;
                let delta = if family == Family::ListDelta { parse_delta(family, entry.key) } else { None };
                match (entry.body.len(), delta) {
                    (16, None) if family == Family::ListDelta => self.malformed(collection, &entry)?,
                    (24 | 32, _) | (_, None) => {
                        records.push(name, &meta(collection, &entry))?;
                    }
                    (_, Some(delta)) => {
                        sum.add(records, collection, delta, &entry)?;
                    }
                }
            }
            sum.push(records)?;
        }
        Ok(())
    }

    fn collect_deltas(&mut self, records: &mut KeyRecords, collection: Collection) -> Result<()> {
        let Some(family) = collection.deltas() else { return Ok(()) };
        let mut sum = Sum::default();
        let mut entries = self.snapshot().scan(family);
        while let Some(entry) = entries.next()? {
            let sound = match parse_delta(family, entry.key) {
                Some(delta) => sum.add(records, collection, delta, &entry)?,
                None => false,
            };
            if !sound {
                // No content depends on these, unlike those of lists.
                let warning = Warning::new(Event::REDIS_MALFORMED_DELTA)
                    .with("type", collection.name())
                    .with("row_key_len", entry.key.len())
                    .with("value_len", entry.body.len())
                    .with("offset", entry.place.offset())
                    .with_key(entry.key);
                self.warn(match self.snapshot().input_name(entry.place) {
                    Some(input) => warning.with("input", input),
                    None => warning,
                });
            }
        }
        sum.push(records)
    }

    fn malformed(&mut self, collection: Collection, entry: &Entry<'_>) -> Result<()> {
        let message = "the row key does not parse".to_owned();
        self.problem(entry.key, collection.malformed_key(), message, Some(entry.place))
    }
}

fn meta<'e>(collection: Collection, entry: &Entry<'e>) -> KeyRecord<'e> {
    KeyRecord::Meta { collection, place: entry.place, commit_ts: entry.commit_ts, value: entry.body }
}

/// Adds up the deltas of one collection while they come by.
#[derive(Debug, Default)]
struct Sum {
    runs: Runs,
    deltas: Option<Deltas>,
}

impl Sum {
    /// Adds a delta; returns whether its value parsed.
    fn add(
        &mut self,
        records: &mut KeyRecords,
        collection: Collection,
        delta: DeltaKey<'_>,
        entry: &Entry<'_>,
    ) -> Result<bool> {
        if !self.runs.continues(delta.key) {
            self.push(records)?;
            self.runs.begin(delta.key);
        }
        let value = Delta::parse(collection, entry.body);
        let one = Deltas {
            collection,
            rows: 1,
            length: value.map_or(0, |value| value.length.into()),
            head: value.map_or(0, |value| value.head.into()),
            oldest: delta.commit_ts,
            newest: entry.commit_ts,
            malformed: if value.is_none() { Some(entry.place) } else { None },
        };
        self.deltas = Some(self.deltas.map_or(one, |before| before.and(one)));
        Ok(value.is_some())
    }

    /// Pushes what was added up.
    fn push(&mut self, records: &mut KeyRecords) -> Result<()> {
        match self.deltas.take() {
            Some(deltas) => records.push(self.runs.key(), &KeyRecord::Deltas(deltas)),
            None => Ok(()),
        }
    }
}
