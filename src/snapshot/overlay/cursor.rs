//! A walk over the edits, all of one encoded key at a time.

use super::Edit;
use super::file::{EditFile, Reader};
use crate::bug::Bug;
use crate::snapshot::Result;

/// A record of the edits is not as it was written.
const RECORD: Bug = Bug::new("an edit of a key does not read back");

/// A walk; nothing is current before the first [`Edits::next`].
#[derive(Debug)]
pub(in crate::snapshot) struct Edits<'s> {
    reader: Reader<'s>,
    from: Vec<u8>,
    /// Whether the reader's record belongs to the next key.
    ahead: bool,
    key: Vec<u8>,
    group: Vec<Edit>,
}

impl<'s> Edits<'s> {
    pub(super) fn new(file: &'s EditFile, start: u64, from: &[u8]) -> Self {
        let reader = Reader::new(file, start);
        Self { reader, from: from.to_vec(), ahead: false, key: Vec::new(), group: Vec::new() }
    }

    /// Goes to the next encoded key that has edits and lends it.
    pub(in crate::snapshot) fn next(&mut self) -> Result<Option<&[u8]>> {
        self.group.clear();
        loop {
            if !self.ahead && !self.reader.advance()? {
                break;
            }
            self.ahead = true;
            let edit = self.reader.edit().ok_or_else(|| RECORD.at(self.reader.place()))?;
            let key = self.reader.key();
            if self.group.is_empty() && key >= self.from.as_slice() {
                self.key.clear();
                self.key.extend_from_slice(key);
            } else if !self.group.is_empty() && key != self.key {
                break;
            }
            if key >= self.from.as_slice() {
                self.group.push(edit);
            }
            self.ahead = false;
        }
        Ok((!self.group.is_empty()).then_some(&self.key))
    }

    /// Returns the current encoded key.
    pub(in crate::snapshot) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Lists the edits of the current key.
    pub(in crate::snapshot) fn group(&self) -> &[Edit] {
        &self.group
    }
}
