//! A scan of all versions of a family that lends what each takes, and reads no bodies.

use super::Result;
use super::first_pass::user_key;
use super::merge::{Merge, Next};
use super::read_view::ReadView;
use super::version::{VersionFilter, Visibility};
use crate::bug::Bug;
use crate::container::VALUE_HEADER;

/// A version of a key, and what it takes.
#[derive(Clone, Copy, Debug)]
pub struct RowSize<'a> {
    /// User key, without the timestamp suffix.
    pub key: &'a [u8],
    /// Bytes of its row: key and value, encoded.
    pub bytes: u64,
    /// Whether it deletes the key.
    pub tombstone: bool,
    /// Whether it is what a [scan](super::Snapshot::scan) of its input would lend at the read timestamp.
    pub is_visible: bool,
}

/// Lends the sizes of all versions; after the first error or the end it yields nothing more.
#[derive(Debug)]
pub struct Sizes<'s> {
    rows: Merge<'s>,
    view: ReadView,
    filter: VersionFilter,
}

impl<'s> Sizes<'s> {
    pub(super) fn new(rows: Merge<'s>, view: ReadView) -> Self {
        Self { rows, view, filter: VersionFilter::default() }
    }

    /// Lends the next version, valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is no Iterator")]
    pub fn next(&mut self) -> Result<Option<RowSize<'_>>> {
        let part = match self.rows.advance()? {
            Some(Next::Row(part)) => part,
            Some(Next::Write(_)) => return Err(Bug::new("a write is due in a scan without edits").into()),
            None => return Ok(None),
        };
        let (encoded, head, body) = self.rows.size(part)?;
        let step = self.filter.step(encoded);
        self.filter.follow(encoded, step);
        let key = user_key(encoded);
        let choice = self.filter.decide(key.len(), self.view.is_too_new(&head));
        let bytes = encoded.len().saturating_add(VALUE_HEADER).saturating_add(body);
        Ok(Some(RowSize {
            key,
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            tombstone: head.tombstone,
            is_visible: choice == Visibility::Counts && self.view.is_visible(&head),
        }))
    }
}
