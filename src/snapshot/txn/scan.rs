//! The visible locks of one input, and which of them a live server never finds (`reading/transactions.md#what-a-server-does-with-a-lock`).

use crate::container::KEY_SUFFIX;
use crate::keyspace::Family;
use crate::snapshot::Result;
use crate::snapshot::Snapshot;
use crate::snapshot::encrypted::Plaintext;
use crate::snapshot::entry::RowLocation;
use crate::snapshot::extents::Extents;
use crate::snapshot::first_pass::user_key;
use crate::snapshot::input::Input;
use crate::snapshot::scan::{Scan, VersionMode};
use crate::snapshot::version::{VersionFilter, Visibility};

/// A walk over the rows of the lock family.
pub(super) struct Locks<'s> {
    snapshot: &'s Snapshot,
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
    pub(super) fn new(snapshot: &'s Snapshot, at: u16, input: &'s Input) -> Self {
        let extents = input.catalog.extents.get(Family::TxnLock.index()).map(Extents::to_vec);
        let scan = snapshot.over(input, extents.unwrap_or_default(), Family::TxnLock, true);
        Self {
            snapshot,
            at,
            scan,
            filter: VersionFilter::default(),
            open: Vec::new(),
            plaintext: Plaintext::default(),
        }
    }

    /// Lends the next visible lock.
    pub(super) fn next(&mut self) -> Result<Option<Found<'_>>> {
        while self.scan.advance_to(VersionMode::All)? {
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
            let (head, view) = (self.scan.head(), self.snapshot.view);
            let choice = self.filter.decide(key.len(), view.is_too_new(&head));
            if choice == Visibility::Counts && view.is_visible(&head) {
                let row = self.scan.row()?;
                let body = self.snapshot.plain(self.snapshot.path(self.at), &row, &mut self.plaintext)?;
                return Ok(Some((RowLocation::of(self.at, &row), row.key, body, hidden)));
            }
        }
        Ok(None)
    }
}
