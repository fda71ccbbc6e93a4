//! Second pass: the elements of the collections that are written, each family scanned once more.
//!
//! Verdicts come in the order of the runs that they are about, so a scan meets them one by one: nothing is
//! searched for, whatever the number of collections.

use super::collection::Collection;
use super::database::Database;
use super::draft::Draft;
use super::run::Runs;
use super::verdict::Verdict;
use crate::cursor;
use crate::dump::{Sorted, Sorter};
use crate::error::Result;

/// The verdicts, with the next one read ahead.
struct Verdicts<'s> {
    sorted: Sorted<'s>,
    next: Option<(u64, Draft)>,
    collection: u8,
}

impl<'s> Verdicts<'s> {
    fn new(sorted: Sorted<'s>) -> Result<Self> {
        let mut verdicts = Self { sorted, next: None, collection: 0 };
        verdicts.read_ahead()?;
        Ok(verdicts)
    }

    fn read_ahead(&mut self) -> Result<()> {
        self.next = None;
        let Some((mut order, mut key)) = self.sorted.next()? else { return Ok(()) };
        if let (Some(collection), Some(run), Some(verdict)) =
            (cursor::take_u8(&mut order), cursor::take_u64_be(&mut order), Verdict::take(&mut key))
        {
            self.collection = collection;
            self.next = Some((run, Draft::new(key, verdict)));
        }
        Ok(())
    }

    fn are_for(&self, collection: Collection) -> bool {
        self.next.is_some() && self.collection == collection as u8
    }

    /// Takes the draft of a run when the next verdict is about it.
    fn take(&mut self, collection: Collection, run: u64) -> Result<Option<Draft>> {
        if !self.are_for(collection) || self.next.as_ref().is_none_or(|(next, _)| *next != run) {
            return Ok(None);
        }
        let draft = self.next.take().map(|(_, draft)| draft);
        self.read_ahead()?;
        Ok(draft)
    }
}

impl Database<'_, '_, '_> {
    /// Writes the collections that there are verdicts about.
    pub(super) fn write_collections(&mut self, verdicts: &mut Sorter) -> Result<()> {
        let mut verdicts = Verdicts::new(verdicts.sort()?)?;
        for collection in Collection::ALL {
            if verdicts.are_for(collection) {
                self.write_family(collection, &mut verdicts)?;
            }
        }
        Ok(())
    }

    fn write_family(&mut self, collection: Collection, verdicts: &mut Verdicts<'_>) -> Result<()> {
        let mut runs = Runs::default();
        let mut draft: Option<Draft> = None;
        let mut entries = self.store().scan(collection.elements());
        while let Some(entry) = entries.next()? {
            let Some((key, slot)) = collection.parse_element(entry.key) else { continue };
            if !runs.continues(key) {
                if let Some(draft) = draft.take() {
                    draft.write(self)?;
                }
                if !verdicts.are_for(collection) {
                    return Ok(());
                }
                runs.begin(key);
                draft = verdicts.take(collection, runs.number())?;
            }
            if let Some(draft) = &mut draft {
                draft.add(&mut self.elements, slot, entry.body, entry.place)?;
            }
        }
        match draft {
            Some(draft) => draft.write(self),
            None => Ok(()),
        }
    }

    /// Writes a list whose items do not stand together: the names of other lists imitate its positions.
    pub(super) fn write_scattered(&mut self, key: &[u8], verdict: Verdict) -> Result<()> {
        let prefix = [verdict.collection.elements().prefix(), key].concat();
        let mut draft = Draft::new(key, verdict);
        let mut entries = self.store().scan_prefix(&prefix, None);
        while let Some(entry) = entries.next()? {
            match verdict.collection.parse_element(entry.key) {
                Some((of, slot)) if of == key => {
                    draft.add(&mut self.elements, slot, entry.body, entry.place)?;
                }
                _ => {}
            }
        }
        draft.write(self)
    }
}
