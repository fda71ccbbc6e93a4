//! The visible locks of one input, and which of them a live server never finds (`keyspaces.md` 6.2).

use crate::container::KEY_SUFFIX;
use crate::keyspace::Family;
use crate::store::Result;
use crate::store::Store;
use crate::store::encrypted::Plaintext;
use crate::store::entry::RowLocation;
use crate::store::input::Input;
use crate::store::scan::{Rank, Scan};
use crate::store::stretch::Stretches;
use crate::store::survey::user_key;
use crate::store::version::{Choice, VersionFilter};

/// A walk over the rows of the lock family.
pub(super) struct Locks<'s> {
    store: &'s Store,
    at: u16,
    scan: Scan<'s>,
    filter: VersionFilter,
    /// Keys that can still get rows: length, and whether they are hidden. Ascending; all are prefixes of the current
    /// encoded key.
    open: Vec<(usize, bool)>,
    plaintext: Plaintext,
}

/// A lock: its row, its user key, its body, and whether it is hidden.
type Found<'a> = (RowLocation, &'a [u8], &'a [u8], bool);

impl<'s> Locks<'s> {
    pub(super) fn new(store: &'s Store, at: u16, input: &'s Input) -> Self {
        let stretches = input.survey.stretches.get(Family::TxnLock.index()).map(Stretches::to_vec);
        let scan = store.over(input, stretches.unwrap_or_default(), Family::TxnLock, true);
        Self {
            store,
            at,
            scan,
            filter: VersionFilter::default(),
            open: Vec::new(),
            plaintext: Plaintext::default(),
        }
    }

    /// Lends the next visible lock.
    pub(super) fn next(&mut self) -> Result<Option<Found<'_>>> {
        while self.scan.advance_to(Rank::All)? {
            let encoded = self.scan.key();
            let key = user_key(encoded);
            // A live server looks at the first row from the key with eight zeros on. Where another key's row stands
            // between that and the key's newest row, it is the one before that: an extension's, or that of a shorter
            // key whose timestamp goes on like this one.
            let previous = self.filter.previous().strip_prefix(key);
            let extends = previous.is_some_and(|rest| rest >= &[0; KEY_SUFFIX][..]);
            let step = self.filter.step(encoded);
            while self.open.pop_if(|(len, _)| *len > step.common).is_some() {}
            let place = self.open.partition_point(|(len, _)| *len < key.len());
            let hidden = match self.open.get(place) {
                Some((len, hidden)) if *len == key.len() => *hidden,
                _ => {
                    self.open.insert(place, (key.len(), extends));
                    extends
                }
            };
            self.filter.follow(encoded, step);
            let (head, clock) = (self.scan.head(), self.store.clock);
            let choice = self.filter.decide(key.len(), clock.is_too_new(&head));
            if choice == Choice::Counts && clock.is_visible(&head) {
                let row = self.scan.row()?;
                let body = self.store.plain(self.store.path(self.at), &row, &mut self.plaintext)?;
                return Ok(Some((RowLocation::of(self.at, &row), row.key, body, hidden)));
            }
        }
        Ok(None)
    }
}
