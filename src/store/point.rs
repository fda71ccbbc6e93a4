//! Single rows: by user key, or by the place that a scan gave.

use super::clock::Clock;
use super::entry::{EntryBuf, RowLocation};
use super::txn::{Intent, Replacement};
use super::{Error, Store};
use crate::container::{self, ErrorKind};
use crate::error::Result;
use crate::keyspace::Family;

impl Store {
    /// Reads the visible entry of one user key into `entry`; `false` when there is none. Searches the sparse
    /// index and reads up to one interval of it: meant for the exceptional key, not for a loop over millions.
    pub fn get(&self, user_key: &[u8], entry: &mut EntryBuf) -> Result<bool> {
        match self.overlay.of_key(user_key) {
            Some(replacement) if replacement.deleted => Ok(false),
            Some(replacement) => self.put(replacement, entry).map(|()| true),
            None => self.find(user_key, self.clock, entry),
        }
    }

    /// Reads again the row at a place that a scan gave.
    pub fn read(&self, place: RowLocation, entry: &mut EntryBuf) -> Result<()> {
        match self.overlay.of_place(place) {
            Some(replacement) => self.put(replacement, entry),
            None => self.stored(place, entry),
        }
    }

    /// Reads the stored entry of a user key that is visible on a clock.
    pub(super) fn find(&self, user_key: &[u8], clock: Clock, entry: &mut EntryBuf) -> Result<bool> {
        let clock = clock.of(Family::of(user_key));
        let mut newest = None;
        let mut found = false;
        for (at, input) in self.numbered() {
            let Some((mut rows, head)) = input.find(user_key, clock, &self.interrupt)? else {
                continue;
            };
            if clock.is_visible(&head) && newest.is_none_or(|newest| newest < head.commit_ts) {
                newest = Some(head.commit_ts);
                found = true;
                self.refuse_encrypted(head.encrypted)?;
                entry.set(at, &input.again(rows.row(head))?);
            }
        }
        Ok(found)
    }

    /// Returns the timestamp of the version of a user key that counts, a tombstone's too.
    pub(super) fn newest(&self, user_key: &[u8]) -> Result<Option<u64>> {
        let mut newest = None;
        for (_, input) in self.numbered() {
            let found = input.find(user_key, self.clock, &self.interrupt)?;
            newest = newest.max(found.map(|(_, head)| head.commit_ts));
        }
        Ok(newest)
    }

    /// Reads a committed write from its intent, as the entry that it is going to be.
    pub(super) fn put(&self, replacement: &Replacement, entry: &mut EntryBuf) -> Result<()> {
        let place = replacement.intent;
        self.stored(place, entry)?;
        let intent = Intent::parse(&entry.key, &entry.body).map_err(|kind| self.error(place, kind))?;
        // The value is the end of the body but for bytes that the format ignores.
        let length = intent.value.unwrap_or_default().len();
        entry.body.drain(..Intent::HEAD.min(entry.body.len()));
        entry.body.truncate(length);
        entry.key.clear();
        entry.key.extend_from_slice(&replacement.key);
        (entry.commit_ts, entry.expire_at) = (replacement.commit_ts, 0);
        Ok(())
    }

    fn stored(&self, place: RowLocation, entry: &mut EntryBuf) -> Result<()> {
        let input = self.inputs.get(usize::from(place.input)).ok_or(Error::NoRow(place))?;
        let (mut rows, head) = input.row_at(place.offset)?;
        self.refuse_encrypted(head.encrypted)?;
        entry.set(place.input, &input.again(rows.row(head))?);
        Ok(())
    }

    /// Returns the error that a row at this place is.
    pub(super) fn error(&self, place: RowLocation, kind: ErrorKind) -> container::Error {
        let path = self.inputs.get(usize::from(place.input)).map(|input| input.source.path().to_owned());
        container::Error { path: path.unwrap_or_default(), offset: place.offset, kind }
    }
}
