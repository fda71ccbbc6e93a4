//! Scans of several inputs as one, in the order of encoded keys.

use super::entry::RowLocation;
use super::scan::{Rank, Scan};
use super::survey::user_key;
use super::version::{Choice, VersionFilter};
use crate::container::Row;
use crate::error::Result;

/// One scan an input.
#[derive(Debug)]
pub(super) struct Merge<'s> {
    parts: Vec<Part<'s>>,
    rank: Rank,
    /// Whether a key may be visible in more than one input.
    filter: Option<VersionFilter>,
    done: bool,
}

#[derive(Debug)]
struct Part<'s> {
    input: u16,
    scan: Scan<'s>,
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

impl<'s> Merge<'s> {
    /// Merges scans, each with the index of its input.
    pub(super) fn new(scans: impl Iterator<Item = (u16, Scan<'s>)>, rank: Rank) -> Self {
        let parts: Vec<_> = scans.map(|(input, scan)| Part { input, scan, state: State::Lent }).collect();
        let filter = (parts.len() > 1 && rank == Rank::Visible).then(VersionFilter::default);
        Self { parts, rank, filter, done: false }
    }

    /// Makes the next row current and returns the index of its part. After an error there is nothing more.
    pub(super) fn advance(&mut self) -> Result<Option<usize>> {
        if self.done {
            return Ok(None);
        }
        let result = match self.parts.as_mut_slice() {
            [part] => part.scan.advance_to(self.rank).map(|more| more.then_some(0)),
            _ => self.step(),
        };
        self.done = !matches!(result, Ok(Some(_)));
        result
    }

    fn step(&mut self) -> Result<Option<usize>> {
        loop {
            for part in self.parts.iter_mut().filter(|part| part.state == State::Lent) {
                let more = part.scan.advance_to(self.rank)?;
                part.state = if more { State::Ready } else { State::Ended };
            }
            let ready = self.parts.iter_mut().enumerate().filter(|(_, part)| part.state == State::Ready);
            let Some((at, part)) = ready.min_by(|(_, one), (_, other)| one.scan.key().cmp(other.scan.key()))
            else {
                return Ok(None);
            };
            part.state = State::Lent;
            if let Some(filter) = &mut self.filter {
                let key = part.scan.key();
                let step = filter.step(key);
                filter.follow(key, step);
                if filter.decide(user_key(key).len(), false) != Choice::Counts {
                    continue;
                }
            }
            return Ok(Some(at));
        }
    }

    /// Returns the encoded key of the row that is current in a part.
    pub(super) fn key(&self, part: usize) -> Option<&[u8]> {
        self.parts.get(part).map(|part| part.scan.key())
    }

    /// Lends the row that is current in a part.
    pub(super) fn row(&mut self, part: usize) -> Result<Option<(RowLocation, Row<'_>)>> {
        let Some(part) = self.parts.get_mut(part) else { return Ok(None) };
        let row = part.scan.row()?;
        Ok(Some((RowLocation::new(part.input, row.offset), row)))
    }

    /// Lends the next row.
    pub(super) fn next(&mut self) -> Result<Option<(RowLocation, Row<'_>)>> {
        match self.advance()? {
            Some(part) => self.row(part),
            None => Ok(None),
        }
    }
}
