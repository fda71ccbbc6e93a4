//! Second pass: the elements of the collections that are passed on, each family scanned once more.
//!
//! Plans come in the order of the runs that they are about, so a scan meets them one by one: nothing is
//! searched for, whatever the number of collections. Items of a list that stand in several runs, because the names of
//! other lists imitate its positions, are brought together by a sorter.

use super::builder::CollectionBuilder;
use super::collection::{Collection, Slot};
use super::database::Database;
use super::run::Runs;
use super::write_plan::WritePlan;
use crate::bug::Bug;
use crate::cursor;
use crate::error::Result;
use crate::keyspace::redis::sortable_seq;
use crate::snapshot::{Entry, RowLocation};
use crate::time::Hlc;
use crate::tree::{Scratch, Sorted, Sorter};

/// Memory for each of the sorters of plans and of scattered items, bytes.
const MEMORY: usize = 4 << 20;

/// What became of the collections that have element rows.
#[derive(Debug)]
pub(super) struct WritePlans {
    /// By type and run: a [`Part`].
    by_run: Sorter,
    /// Plan and Redis key of each list whose items do not stand together, by its number.
    scattered: Sorter,
}

/// What a run is about.
#[derive(Debug)]
enum Part {
    /// All elements of a collection.
    Whole(Box<CollectionBuilder>),
    /// Items of the scattered list of this number.
    Scattered(u64),
}

/// First byte of the record of a [`Part`].
const WHOLE: u8 = 0;
const SCATTERED: u8 = 1;

impl WritePlans {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { by_run: Sorter::new(scratch, MEMORY), scattered: Sorter::new(scratch, MEMORY) }
    }

    /// Notes the plan about a key whose elements stand in these runs of their family.
    pub(super) fn push(&mut self, key: &[u8], plan: WritePlan, runs: &[u64]) -> Result<()> {
        let order = |run: u64| {
            let mut order = vec![plan.collection as u8];
            order.extend(run.to_be_bytes());
            order
        };
        let mut record = Vec::new();
        plan.write(&mut record);
        record.extend_from_slice(key);
        if let [run] = runs {
            record.insert(0, WHOLE);
            return Ok(self.by_run.push(&order(*run), &record)?);
        }
        let number = self.scattered.len().to_be_bytes();
        self.scattered.push(&number, &record)?;
        let mut part = vec![SCATTERED];
        part.extend(number);
        for &run in runs {
            self.by_run.push(&order(run), &part)?;
        }
        Ok(())
    }
}

/// A record of such a list, or a row of it, is not as it was.
const LIST: Bug = Bug::new("a scattered Redis list does not read back");

/// The parts, with the next one read ahead.
struct Parts<'s> {
    sorted: Sorted<'s>,
    next: Option<(u64, Part)>,
    collection: u8,
}

impl<'s> Parts<'s> {
    fn new(sorted: Sorted<'s>) -> Result<Self> {
        let mut parts = Self { sorted, next: None, collection: 0 };
        parts.read_ahead()?;
        Ok(parts)
    }

    fn read_ahead(&mut self) -> Result<()> {
        self.next = None;
        let Some(lent) = self.sorted.next()? else { return Ok(()) };
        let (mut order, mut record) = lent;
        let (collection, run) = (cursor::take_u8(&mut order), cursor::take_u64_be(&mut order));
        let part = match cursor::take_u8(&mut record) {
            Some(WHOLE) => WritePlan::take(&mut record)
                .map(|plan| Part::Whole(Box::new(CollectionBuilder::new(record, plan)))),
            Some(SCATTERED) => cursor::take_u64_be(&mut record).map(Part::Scattered),
            _ => None,
        };
        let (Some(collection), Some(run), Some(part)) = (collection, run, part) else {
            return Err(Bug::new("a plan about a Redis key does not read back").at(lent).into());
        };
        self.collection = collection;
        self.next = Some((run, part));
        Ok(())
    }

    fn are_for(&self, collection: Collection) -> bool {
        self.next.is_some() && self.collection == collection as u8
    }

    /// Takes the part that a run is when the next plan is about it.
    fn take(&mut self, collection: Collection, run: u64) -> Result<Option<Part>> {
        if !self.are_for(collection) || self.next.as_ref().is_none_or(|(next, _)| *next != run) {
            return Ok(None);
        }
        let part = self.next.take().map(|(_, part)| part);
        self.read_ahead()?;
        Ok(part)
    }
}

/// Items of scattered lists, by list and position.
struct Items {
    sorter: Sorter,
    record: Vec<u8>,
}

impl Items {
    fn push(&mut self, list: u64, seq: i64, entry: &Entry<'_>) -> Result<()> {
        let mut order = list.to_be_bytes().to_vec();
        order.extend(sortable_seq(seq));
        self.record.clear();
        self.record.extend(entry.place.to_bytes());
        self.record.extend(entry.commit_ts.0.to_be_bytes());
        self.record.extend_from_slice(entry.body);
        Ok(self.sorter.push(&order, &self.record)?)
    }
}

impl Database<'_, '_, '_> {
    /// Writes the collections that there are plans about.
    pub(super) fn write_collections(&mut self, plans: &mut WritePlans) -> Result<()> {
        let mut parts = Parts::new(plans.by_run.sort()?)?;
        let mut items = Items { sorter: Sorter::new(self.scratch(), MEMORY), record: Vec::new() };
        for collection in Collection::ALL {
            if parts.are_for(collection) {
                self.write_family(collection, &mut parts, &mut items)?;
            }
        }
        if parts.next.is_some() {
            return Err(Bug::new("a run of a Redis key was not met again").into());
        }
        self.write_scattered(&mut plans.scattered, &mut items.sorter)
    }

    fn write_family(
        &mut self,
        collection: Collection,
        parts: &mut Parts<'_>,
        items: &mut Items,
    ) -> Result<()> {
        let mut runs = Runs::default();
        let mut part: Option<Part> = None;
        let mut entries = self.snapshot().scan(collection.elements());
        while let Some(entry) = entries.next()? {
            let Some((key, slot)) = collection.parse_element(entry.key) else { continue };
            if !runs.continues(key) {
                if let Some(Part::Whole(builder)) = part.take() {
                    builder.write(self)?;
                }
                if !parts.are_for(collection) {
                    return Ok(());
                }
                runs.begin(key);
                part = parts.take(collection, runs.number())?;
            }
            match (&mut part, slot) {
                (Some(Part::Whole(builder)), slot) => {
                    builder.add(self.kept_elements(), slot, entry.body, entry.place, entry.commit_ts)?;
                }
                (Some(Part::Scattered(list)), Slot::Seq(seq)) => items.push(*list, seq, &entry)?,
                (Some(Part::Scattered(_)), _) => return Err(LIST.at(entry.place).into()),
                // No plan is about them: their key was left out, or its rows were warned of.
                (None, _) => {}
            }
        }
        match part {
            Some(Part::Whole(builder)) => builder.write(self),
            _ => Ok(()),
        }
    }

    /// Writes the lists whose items do not stand together.
    fn write_scattered(&mut self, plans: &mut Sorter, items: &mut Sorter) -> Result<()> {
        let mut lists = plans.sort()?;
        let mut items = items.sort()?;
        let mut item = items.next()?;
        while let Some((number, mut key)) = lists.next()? {
            let plan = WritePlan::take(&mut key).ok_or_else(|| LIST.at((number, key)))?;
            let mut builder = CollectionBuilder::new(key, plan);
            while let Some((order, record)) = item
                && let Some(mut seq) = order.strip_prefix(number)
            {
                let (mut body, broken) = (record, || LIST.at((order, record)));
                let seq = cursor::take_array(&mut seq).ok_or_else(broken)?;
                let seq = i64::from_be_bytes(seq) ^ i64::MIN;
                let place = RowLocation::take(&mut body).ok_or_else(broken)?;
                let commit_ts = cursor::take_u64_be(&mut body).map(Hlc).ok_or_else(broken)?;
                builder.add(self.kept_elements(), Slot::Seq(seq), body, place, commit_ts)?;
                item = items.next()?;
            }
            builder.write(self)?;
        }
        match item {
            None => Ok(()),
            Some(item) => Err(LIST.at(item).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::write_plan::Bounds;
    use super::*;
    use crate::Error;
    use crate::bug::Place;

    const LIST: WritePlan = WritePlan {
        collection: Collection::List,
        expiry: None,
        stands_empty: true,
        declared: Some(2),
        commit_ts: Hlc::ZERO,
        bounds: Bounds::Window(0, 2),
    };

    /// Reads all parts; lists run and what it is about.
    fn read(plans: &mut WritePlans) -> Result<Vec<(u64, String)>> {
        let mut parts = Parts::new(plans.by_run.sort()?)?;
        let mut all = Vec::new();
        while let Some((run, part)) = parts.next.take() {
            let what = match part {
                Part::Whole(builder) => format!("whole {}", builder.key.escape_ascii()),
                Part::Scattered(list) => format!("scattered {list}"),
            };
            all.push((run, what));
            parts.read_ahead()?;
        }
        Ok(all)
    }

    #[test]
    fn each_run_of_a_scattered_list_leads_to_it() {
        let mut plans = WritePlans::new(&Scratch::default());
        plans.push(b"a", LIST, &[2, 7]).unwrap();
        plans.push(b"b", LIST, &[3]).unwrap();
        plans.push(b"c", LIST, &[1, 4]).unwrap();
        let want =
            [(1, "scattered 1"), (2, "scattered 0"), (3, "whole b"), (4, "scattered 1"), (7, "scattered 0")];
        assert_eq!(read(&mut plans).unwrap(), want.map(|(run, what)| (run, what.to_owned())));
        assert_eq!(plans.scattered.len(), 2);
    }

    #[test]
    fn a_record_of_our_own_that_is_damaged_is_a_fault_of_the_program() {
        for (order, record) in [
            (&b"\0\0\0\0\0\0\0\0\x01"[..], &b""[..]),
            (b"\0\0\0\0\0\0\0\0\x01", &[WHOLE, 0, 0]),
            (b"\0\0\0\0\0\0\0\0\x01", &[SCATTERED, 0]),
            (b"\0\0\0\0\0\0\0\0\x01", &[9, 0, 0, 0, 0, 0, 0, 0, 0]),
            (b"\0\0", &[SCATTERED, 0, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            let mut plans = WritePlans::new(&Scratch::default());
            plans.by_run.push(order, record).unwrap();
            let error = read(&mut plans).unwrap_err();
            assert!(
                matches!(&error, Error::Internal(bug) if matches!(bug.place(), Some(Place::Record { .. }))),
                "{error}"
            );
            assert!(error.to_string().contains("please report"), "{error}");
        }
    }
}
