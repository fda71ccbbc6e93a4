//! Single rows: by user key, or by the place that a scan gave.

use std::path::PathBuf;

use super::Result;
use super::entry::{EntryBuf, RowLocation};
use super::read_view::ReadView;
use super::txn::Intent;
use super::{Error, Snapshot};
use crate::bug::Bug;
use crate::container::{self, ErrorKind};
use crate::keyspace::Family;
use crate::time::Hlc;

impl Snapshot {
    /// Reads the visible entry of one user key into `entry`; `false` when there is none. Searches the sparse
    /// index and reads up to one interval of it: meant for the exceptional key, not for a loop over millions.
    pub fn get(&self, user_key: &[u8], entry: &mut EntryBuf) -> Result<bool> {
        let edits = self.overlay.of_key(user_key, self.view.newest)?;
        match edits.put {
            Some((commit_ts, intent)) => self.read_write(intent, user_key, commit_ts, entry).map(|()| true),
            None => self.find(user_key, self.view, &edits.hidden, entry),
        }
    }

    /// Reads again the row at a place that a scan gave.
    pub fn read(&self, place: RowLocation, entry: &mut EntryBuf) -> Result<()> {
        self.stored(place, entry)?;
        if !place.is_write() {
            return Ok(());
        }
        let key = entry.key.strip_prefix(Family::TxnIntent.prefix()).ok_or(Error::NoRow(place))?.to_vec();
        let edits = self.overlay.of_key(&key, self.view.newest)?;
        let (commit_ts, _) = edits.put.filter(|(_, intent)| *intent == place).ok_or(Error::NoRow(place))?;
        self.unwrap_write(place, &key, commit_ts, entry)
    }

    /// Reads the stored entry of a user key that is visible on a clock: the newest of those inputs that are not
    /// `hidden`, of equal ones that of the lowest group.
    pub(super) fn find(
        &self,
        user_key: &[u8],
        view: ReadView,
        hidden: &[u16],
        entry: &mut EntryBuf,
    ) -> Result<bool> {
        let view = view.of(Family::of(user_key));
        let mut newest = None;
        let mut found = false;
        for (at, input) in self.numbered().filter(|(at, _)| !hidden.contains(at)) {
            let Some((mut rows, head)) = input.find(user_key, view, &self.interrupt)? else {
                continue;
            };
            if view.is_visible(&head) && newest.is_none_or(|newest| newest < head.commit_ts) {
                newest = Some(head.commit_ts);
                found = true;
                self.copy_plain(at, &input.again(rows.row(head))?, entry)?;
            }
        }
        Ok(found)
    }

    /// Reads a committed write from its intent, as the entry that it is going to be.
    pub(super) fn read_write(
        &self,
        intent: RowLocation,
        user_key: &[u8],
        commit_ts: Hlc,
        entry: &mut EntryBuf,
    ) -> Result<()> {
        self.stored(intent, entry)?;
        self.unwrap_write(intent, user_key, commit_ts, entry)
    }

    /// Turns an intent that was read into the entry that it is going to be.
    fn unwrap_write(
        &self,
        place: RowLocation,
        user_key: &[u8],
        commit_ts: Hlc,
        entry: &mut EntryBuf,
    ) -> Result<()> {
        let intent = Intent::parse(&entry.key, &entry.body).map_err(|kind| self.error(place, kind))?;
        // The value is the end of the body but for bytes that the format ignores.
        let put = intent.value.ok_or_else(|| Bug::new("a deletion is due as a write").at(place))?;
        let length = put.len();
        entry.body.drain(..Intent::HEAD.min(entry.body.len()));
        entry.body.truncate(length);
        entry.key.clear();
        entry.key.extend_from_slice(user_key);
        (entry.commit_ts, entry.expire_at, entry.place) = (commit_ts, Hlc::ZERO, Some(place));
        Ok(())
    }

    /// Returns the error that the input is when the row at `place` does not say any more what it said in an earlier
    /// pass; `what` in words.
    #[must_use]
    pub fn differs(&self, place: RowLocation, what: &str) -> Error {
        self.error(place, ErrorKind::Changed { what: what.to_owned() }).into()
    }

    fn stored(&self, place: RowLocation, entry: &mut EntryBuf) -> Result<()> {
        let input = self.inputs.get(place.input()).ok_or(Error::NoRow(place))?;
        let (mut rows, head) = input.row_at(place.position)?;
        let row = input.again(rows.row(head))?;
        if !place.is_of(&row) {
            return Err(self.differs(place, "a row does not say what it said"));
        }
        self.copy_plain(place.index(), &row, entry)
    }

    /// Says which table of an SST-ingest bundle a row is in, and where in its block; `None` in other payloads.
    #[must_use]
    pub fn locate(&self, place: RowLocation) -> Option<String> {
        self.inputs.get(place.input())?.catalog.contents.locate(place.position)
    }

    /// Returns the error that a row at this place is.
    pub(super) fn error(&self, place: RowLocation, kind: ErrorKind) -> container::Error {
        match self.inputs.get(place.input()) {
            Some(input) => input.error(place.position, kind),
            None => container::Error { path: PathBuf::new(), offset: place.offset(), kind },
        }
    }
}
