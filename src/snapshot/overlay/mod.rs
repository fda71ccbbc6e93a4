//! What differs between the stored rows and the state of the cluster: rows that do not count though they are the
//! visible ones of their inputs, and committed writes that stand in intents only.
//!
//! In: edits in any order. Out: a file of edits in the order of encoded keys, that of all scans. So a scan goes
//! through the edits beside the rows and looks nothing up; there may be millions of them. Most stores have none.

mod cursor;
mod file;

use super::entry::RowLocation;
use super::index::{Index, IndexShape};
use crate::container::{KEY_SUFFIX, Position};
use crate::cursor as bytes;
use crate::limits;
use crate::snapshot::Result;
use crate::sort::{Scratch, Sorter};

use crate::time::Hlc;
pub(super) use cursor::Edits;
use file::EditFile;

/// What is to be done at an encoded key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// The row of this input is not part of the state.
    Hide(u16),
    /// A write was committed and is not applied yet; its intent is at this place.
    Put(RowLocation),
}

/// What the overlay says about one user key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyEdits {
    /// When it was committed, an HLC timestamp, and where its intent is.
    pub(super) put: Option<(Hlc, RowLocation)>,
    /// Inputs whose visible row does not count.
    pub(super) hidden: Vec<u16>,
}

/// The edits of a store.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    file: EditFile,
    index: Option<Index>,
}

impl Edit {
    /// Length of an edit in the file, bytes.
    const LEN: usize = 1 + RowLocation::LEN;

    fn to_bytes(self) -> [u8; Self::LEN] {
        let (kind, place) = match self {
            Self::Hide(input) => (0, RowLocation::new(input, 0)),
            Self::Put(intent) => (1, intent),
        };
        let mut all = [kind; Self::LEN];
        if let Some((_, rest)) = all.split_first_mut() {
            rest.copy_from_slice(&place.to_bytes());
        }
        all
    }

    fn from_bytes(mut all: &[u8]) -> Option<Self> {
        let kind = bytes::take_u8(&mut all)?;
        let place = RowLocation::from_bytes(all)?;
        match kind {
            0 => Some(Self::Hide(place.index())),
            1 => Some(Self::Put(place)),
            _ => None,
        }
    }
}

/// Collects edits.
#[derive(Debug)]
pub(super) struct OverlayBuilder {
    edits: Sorter,
    scratch: Scratch,
}

impl OverlayBuilder {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { edits: Sorter::new(scratch, limits::STORE_SORT), scratch: scratch.clone() }
    }

    /// Adds an edit at the encoded key of a row.
    pub(super) fn push(&mut self, user_key: &[u8], commit_ts: Hlc, edit: Edit) -> Result<()> {
        let encoded = [user_key, &commit_ts.suffix()].concat();
        Ok(self.edits.push(&encoded, &edit.to_bytes())?)
    }

    /// Sorts them.
    pub(super) fn finish(mut self) -> Result<Overlay> {
        if self.edits.is_empty() {
            return Ok(Overlay::default());
        }
        let mut index = Index::new(IndexShape::default());
        let mut writer = file::Writer::new(&self.scratch);
        let mut previous = None;
        let mut sorted = self.edits.sort()?;
        while let Some((key, edit)) = sorted.next()? {
            // A walk must begin at the first edit of a key.
            if previous.as_deref() != Some(key) {
                index.offer(Position::at(writer.offset()), key, false);
                let previous: &mut Vec<u8> = previous.get_or_insert_default();
                previous.clear();
                previous.extend_from_slice(key);
            }
            writer.push(key, edit)?;
        }
        Ok(Overlay { file: writer.finish()?, index: Some(index) })
    }
}

impl Overlay {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.index.is_none()
    }

    /// Goes through the edits from the encoded key `from` on, or a beginning of one.
    pub(super) fn edits(&self, from: &[u8]) -> Edits<'_> {
        let start = self.index.as_ref().and_then(|index| index.at_or_before(from)).unwrap_or_default();
        Edits::new(&self.file, start.offset(), from)
    }

    /// Collects the edits of one user key; `newest` is the timestamp that none exceeds, an HLC.
    pub(super) fn of_key(&self, user_key: &[u8], newest: Hlc) -> Result<KeyEdits> {
        let mut found = KeyEdits::default();
        if self.is_empty() {
            return Ok(found);
        }
        let mut edits = self.edits(&[user_key, &newest.suffix()].concat());
        while let Some(rest) = edits.next()?.and_then(|key| key.strip_prefix(user_key)) {
            if let Some((commit_ts, [])) = rest.split_first_chunk::<KEY_SUFFIX>() {
                let commit_ts = !u64::from_be_bytes(*commit_ts);
                for edit in edits.group() {
                    match *edit {
                        Edit::Hide(input) => found.hidden.push(input),
                        Edit::Put(intent) => found.put = Some((Hlc(commit_ts), intent)),
                    }
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
