//! Scans of several inputs as one, in the order of encoded keys, with the edits of the overlay.

use std::cmp::Ordering;

use super::Result;
use super::classify::Classifier;
use super::entry::RowLocation;
use super::first_pass::user_key;
use super::overlay::{Edit, Edits};
use super::scan::{KeyFilter, Scan, VersionMode};
use super::shared_scan::SharedScan;
use super::version::{VersionFilter, Visibility};
use crate::bug::Bug;
use crate::container::{Row, RowHeader};

/// One scan an input; the default has no rows.
#[derive(Debug)]
pub(super) struct Merge<'s> {
    parts: Vec<Part<'s>>,
    mode: VersionMode,
    /// Whether a key may be visible in more than one input.
    filter: Option<VersionFilter>,
    edits: Option<Box<Editor<'s>>>,
    done: bool,
}

/// What comes next in a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The row that is current in this part.
    Row(usize),
    /// The write that this intent holds; its key is [`Merge::edited_key`].
    Write(RowLocation),
}

/// Goes through the edits of the overlay beside the rows.
#[derive(Debug)]
struct Editor<'s> {
    edits: Edits<'s>,
    wanted: KeyFilter,
    classifier: Classifier,
    /// Whether the current edits are still to be dealt with, and the write among them that is to be lent.
    current: bool,
    write: Option<RowLocation>,
    ended: bool,
}

impl Editor<'_> {
    /// Goes on to the edits at the next encoded key, if the current ones are done; `false` at the end.
    fn load(&mut self) -> Result<bool> {
        if self.current || self.ended {
            return Ok(self.current);
        }
        let prefix = match &self.wanted {
            KeyFilter::Family(family) => family.prefix(),
            KeyFilter::Prefix(prefix) => prefix,
        };
        let Some(key) = self.edits.next()?.filter(|key| *key < prefix || key.starts_with(prefix)) else {
            self.ended = true;
            return Ok(false);
        };
        let key = user_key(key);
        let wanted = match &self.wanted {
            KeyFilter::Family(family) => self.classifier.of(key) == *family,
            KeyFilter::Prefix(prefix) => key.starts_with(prefix),
        };
        self.write = self.edits.group().iter().filter(|_| wanted).find_map(|edit| match edit {
            Edit::Put(intent) => Some(*intent),
            Edit::Hide(_) => None,
        });
        self.current = true;
        Ok(true)
    }
}

/// The rows of one input.
#[derive(Debug)]
pub(super) enum Walk<'s> {
    Alone(Box<Scan<'s>>),
    /// Of visible rows.
    Shared(Box<SharedScan>),
}

impl<'s> From<Scan<'s>> for Walk<'s> {
    fn from(scan: Scan<'s>) -> Self {
        Self::Alone(Box::new(scan))
    }
}

impl Walk<'_> {
    #[inline]
    fn advance_to(&mut self, mode: VersionMode) -> Result<bool> {
        match self {
            Self::Alone(scan) => scan.advance_to(mode),
            Self::Shared(scan) => scan.advance(),
        }
    }

    #[inline]
    fn key(&self) -> &[u8] {
        match self {
            Self::Alone(scan) => scan.key(),
            Self::Shared(scan) => scan.key(),
        }
    }
}

#[derive(Debug)]
struct Part<'s> {
    input: u16,
    scan: Walk<'s>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The current row was lent.
    Lent,
    /// The current row is to be lent.
    Ready,
    /// There are no more rows.
    Ended,
}

impl Default for Merge<'_> {
    fn default() -> Self {
        Self { parts: Vec::new(), mode: VersionMode::All, filter: None, edits: None, done: true }
    }
}

impl<'s> Merge<'s> {
    /// Merges scans, each with the index of its input.
    pub(super) fn new(scans: impl Iterator<Item = (u16, Walk<'s>)>, mode: VersionMode) -> Self {
        let parts: Vec<_> = scans.map(|(input, scan)| Part { input, scan, state: State::Lent }).collect();
        let filter = (parts.len() > 1 && mode == VersionMode::Visible).then(VersionFilter::default);
        Self { parts, mode, filter, edits: None, done: false }
    }

    /// Has the edits at and after the first key that is wanted.
    pub(super) fn with_edits(self, edits: Edits<'s>, wanted: KeyFilter) -> Self {
        let classifier = Classifier::default();
        let editor = Editor { edits, wanted, classifier, current: false, write: None, ended: false };
        Self { edits: Some(Box::new(editor)), ..self }
    }

    /// Makes the next row current. After an error there is nothing more.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<Option<Next>> {
        if self.done {
            return Ok(None);
        }
        let result = match self.parts.as_mut_slice() {
            [part] if self.edits.is_none() => {
                part.scan.advance_to(self.mode).map(|more| more.then_some(Next::Row(0)))
            }
            _ => self.step(),
        };
        self.done = !matches!(result, Ok(Some(_)));
        result
    }

    fn step(&mut self) -> Result<Option<Next>> {
        loop {
            for part in self.parts.iter_mut().filter(|part| part.state == State::Lent) {
                let more = part.scan.advance_to(self.mode)?;
                part.state = if more { State::Ready } else { State::Ended };
            }
            let ready = self.parts.iter().enumerate().filter(|(_, part)| part.state == State::Ready);
            let first = ready.min_by(|(_, one), (_, other)| one.scan.key().cmp(other.scan.key()));
            let first = first.map(|(at, _)| at);
            let hidden = match self.edit(first)? {
                Some(Edit::Put(intent)) => return Ok(Some(Next::Write(intent))),
                hidden => hidden.is_some(),
            };
            let Some((at, part)) = first.and_then(|at| Some((at, self.parts.get_mut(at)?))) else {
                return Ok(None);
            };
            part.state = State::Lent;
            if hidden {
                continue;
            }
            if let Some(filter) = &mut self.filter {
                let key = part.scan.key();
                let step = filter.step(key);
                filter.follow(key, step);
                if filter.decide(user_key(key).len(), false) != Visibility::Counts {
                    continue;
                }
            }
            return Ok(Some(Next::Row(at)));
        }
    }

    /// Returns the write that comes before the next row, or that the row is hidden.
    fn edit(&mut self, next: Option<usize>) -> Result<Option<Edit>> {
        let Some(editor) = &mut self.edits else { return Ok(None) };
        let part = next.and_then(|at| self.parts.get(at));
        while editor.load()? {
            let order = part.map_or(Ordering::Less, |part| editor.edits.key().cmp(part.scan.key()));
            if order.is_gt() {
                return Ok(None);
            }
            if let Some(intent) = editor.write.take() {
                return Ok(Some(Edit::Put(intent)));
            }
            if let Some(part) = part.filter(|_| order.is_eq()) {
                return Ok(editor
                    .edits
                    .group()
                    .contains(&Edit::Hide(part.input))
                    .then_some(Edit::Hide(part.input)));
            }
            editor.current = false;
        }
        Ok(None)
    }

    /// Returns the encoded key of the write that came last.
    pub(super) fn edited_key(&self) -> Result<&[u8]> {
        let editor = self.edits.as_ref().ok_or(Bug::new("a write is due in a scan without edits"))?;
        Ok(editor.edits.key())
    }

    /// Lends the row that is current in a part.
    #[inline]
    pub(super) fn row(&mut self, part: usize) -> Result<(RowLocation, Row<'_>)> {
        let part = self.parts.get_mut(part).ok_or(Bug::new("a scan has no part that it lends from"))?;
        match &mut part.scan {
            Walk::Alone(scan) => scan.located(part.input),
            Walk::Shared(scan) => scan.located(),
        }
    }

    /// Returns encoded key and header of the row that is current in a part, and the bytes of its body.
    pub(super) fn size(&self, part: usize) -> Result<(&[u8], RowHeader, usize)> {
        let part = self.parts.get(part).ok_or(Bug::new("a scan has no part that it lends from"))?;
        match &part.scan {
            Walk::Alone(scan) => Ok((scan.key(), scan.head(), scan.body_len())),
            Walk::Shared(scan) => {
                let (_, row) = scan.located()?;
                Ok((scan.key(), row.head, row.body.len()))
            }
        }
    }

    /// Lends the next row; for scans without edits.
    pub(super) fn next(&mut self) -> Result<Option<(RowLocation, Row<'_>)>> {
        match self.advance()? {
            Some(Next::Row(part)) => self.row(part).map(Some),
            Some(Next::Write(_)) => Err(Bug::new("a write is due in a scan without edits").into()),
            None => Ok(None),
        }
    }
}
