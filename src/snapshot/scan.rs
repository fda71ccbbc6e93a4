//! A walk over the rows of one input that belong to one family or begin with one prefix.

use std::vec::IntoIter;

use super::Result;
use super::classify::Classifier;
use super::entry::RowLocation;
use super::first_pass::user_key;
use super::input::Input;
use super::operational::Operational;
use super::read_view::ReadView;
use super::reorder::{HeldRow, Reorder};
use super::version::{VersionFilter, Visibility};
use crate::container::fingerprint::NEAR;
use crate::container::{Position, Row, RowHeader, Rows, VALUE_HEADER};
use crate::interrupt::Interrupt;
use crate::keyspace::Family;
use crate::time::Hlc;

/// What a scan is to find.
#[derive(Clone, Debug)]
pub(super) enum KeyFilter {
    /// Keys of one family.
    Family(Family),
    /// Keys that begin with these bytes, of any family.
    Prefix(Vec<u8>),
}

/// Which rows of each key are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionMode {
    /// The visible version.
    Visible,
    /// The version that counts, be it visible or not.
    Counting,
    /// All.
    All,
}

/// Whether a key is wanted.
enum Match {
    Yes,
    No,
    /// No key behind it is wanted.
    End,
}

/// Rows of a family, or of a run of it, in whatever order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) rows: u64,
    /// Sum of their fingerprints, where it is compared.
    pub(super) fingerprints: Option<u64>,
}

impl Met {
    /// Adds a row.
    #[inline]
    pub(super) fn add(&mut self, fingerprint: Option<u64>) {
        self.rows += 1;
        if let (Some(sum), Some(fingerprint)) = (&mut self.fingerprints, fingerprint) {
            *sum = sum.wrapping_add(fingerprint);
        }
    }

    /// Adds what was met elsewhere.
    pub(super) fn join(&mut self, other: Self) {
        self.rows += other.rows;
        if let (Some(sum), Some(fingerprints)) = (&mut self.fingerprints, other.fingerprints) {
            *sum = sum.wrapping_add(fingerprints);
        }
    }

    /// Returns what is to be added up to be compared with this.
    pub(super) fn zero(self) -> Self {
        Self { rows: 0, fingerprints: self.fingerprints.map(|_| 0) }
    }
}

/// A walk with its own buffer. `advance_*` makes a row current, which is then lent.
#[derive(Debug)]
pub(super) struct Scan<'s> {
    input: &'s Input,
    interrupt: &'s Interrupt,
    rows: Rows<'s>,
    /// Stretches that are still to be read.
    extents: IntoIter<(Position, Position)>,
    wanted: KeyFilter,
    /// The caller's hint at which the walk is to begin.
    hinted: Option<RowLocation>,
    /// The encoded key at which it did.
    hint: Option<Vec<u8>>,
    view: ReadView,
    classifier: Classifier,
    filter: VersionFilter,
    head: RowHeader,
    /// Wanted rows so far.
    met: Met,
    /// Fingerprint of the current row, where rows are counted.
    fingerprint: Option<u64>,
    /// What the first pass met, of a scan that is to meet it all.
    expected: Option<Met>,
    /// Whether rows are counted for somebody who compares.
    in_stretches: bool,
    /// Whether a key was met behind which none is wanted.
    is_behind: bool,
    /// Puts the rows in order where the input does not have them so.
    reorder: Option<Box<Reorder>>,
    /// Whether rows stand in the order of encoded keys.
    is_native: bool,
}

impl<'s> Scan<'s> {
    /// Walks some stretches of an input; `whole`: all of its family.
    pub(super) fn over(
        input: &'s Input,
        extents: Vec<(Position, Position)>,
        wanted: KeyFilter,
        whole: bool,
        view: ReadView,
        interrupt: &'s Interrupt,
    ) -> Self {
        let expected = match &wanted {
            KeyFilter::Family(family) if whole => {
                let rows = input.catalog.stats.get(family.index()).map_or(0, |stats| stats.rows);
                let fingerprints = input.catalog.fingerprints.get(family.index()).copied().flatten();
                Some(Met { rows, fingerprints })
            }
            _ => None,
        };
        let rows = input.between(input.catalog.end, input.catalog.end);
        let met = expected.map_or_else(Met::default, Met::zero);
        Self {
            expected,
            met,
            extents: extents.into_iter(),
            ..Self::new(input, rows, wanted, view, interrupt)
        }
    }

    /// Walks an input from the first key with a prefix on; `hint` is the location of a row at or before it.
    pub(super) fn prefix(
        input: &'s Input,
        prefix: &[u8],
        hint: Option<RowLocation>,
        view: ReadView,
        interrupt: &'s Interrupt,
    ) -> Self {
        let rows = match hint {
            Some(hint) => input.between(hint.position, input.catalog.end),
            None => input.walk_from(prefix),
        };
        let wanted = KeyFilter::Prefix(prefix.to_vec());
        let expected = input.catalog.items.of_prefix(prefix).filter(|_| hint.is_none());
        let met = expected.map_or_else(Met::default, Met::zero);
        Self { hinted: hint, expected, met, ..Self::new(input, rows, wanted, view, interrupt) }
    }

    /// Goes on with a walk.
    pub(super) fn new(
        input: &'s Input,
        rows: Rows<'s>,
        wanted: KeyFilter,
        view: ReadView,
        interrupt: &'s Interrupt,
    ) -> Self {
        Self {
            input,
            interrupt,
            rows,
            extents: Vec::new().into_iter(),
            wanted,
            hinted: None,
            hint: None,
            view,
            classifier: Classifier::default(),
            filter: VersionFilter::default(),
            head: RowHeader { commit_ts: Hlc::ZERO, tombstone: true, encrypted: false, expire_at: Hlc::ZERO },
            met: Met::default(),
            fingerprint: None,
            expected: None,
            in_stretches: false,
            is_behind: false,
            reorder: (!input.is_native()).then(Box::default),
            is_native: input.is_native(),
        }
    }

    /// Walks some stretches of a scan that others share; `zero`: where to add up what is met.
    pub(super) fn in_stretches(
        input: &'s Input,
        wanted: KeyFilter,
        zero: Met,
        view: ReadView,
        interrupt: &'s Interrupt,
    ) -> Self {
        let rows = input.between(input.catalog.end, input.catalog.end);
        let expected = Some(zero);
        Self { expected, met: zero, in_stretches: true, ..Self::new(input, rows, wanted, view, interrupt) }
    }

    /// Goes on at a stretch before which no key has rows that it has behind it.
    pub(super) fn enter(&mut self, extents: Vec<(Position, Position)>) {
        let end = self.input.catalog.end;
        self.rows.seek(end, end);
        self.extents = extents.into_iter();
        self.filter = VersionFilter::default();
        self.met = self.met.zero();
    }

    /// Returns what was met in a stretch that ended, and whether no key behind it is wanted.
    pub(super) fn leave(&self) -> (Met, bool) {
        (self.met, self.is_behind)
    }

    /// Ends the walk: a family has the rows that it had in the first pass.
    #[cold]
    fn end(&mut self) -> Result<bool> {
        if let Some(expected) = self.expected.take_if(|_| !self.in_stretches) {
            self.input.check_met(expected, self.met, self.rows.position())?;
        }
        Ok(false)
    }

    /// Makes the next row current, in the order of encoded keys; `false` at the end.
    #[inline]
    pub(super) fn advance_to(&mut self, mode: VersionMode) -> Result<bool> {
        match self.reorder.take() {
            None => self.advance_in_file(mode),
            Some(mut reorder) => {
                let found = self.advance_in_order(&mut reorder, mode);
                self.reorder = Some(reorder);
                found
            }
        }
    }

    #[cold]
    fn advance_in_order(&mut self, reorder: &mut Reorder, mode: VersionMode) -> Result<bool> {
        loop {
            let found = match reorder.upcoming {
                Some(found) => found,
                None => self.advance_in_file(mode)?,
            };
            reorder.upcoming = Some(found);
            let next = found.then(|| user_key(self.rows.key()));
            if reorder.pop(next) {
                return Ok(true);
            }
            let Some(next) = next else { return Ok(false) };
            let value_len = self.rows.value_len().saturating_sub(VALUE_HEADER);
            reorder.push(next, self.head, self.rows.position(), value_len);
            reorder.upcoming = None;
        }
    }

    /// Makes the next row current, in the order of the input.
    #[inline]
    fn advance_in_file(&mut self, mode: VersionMode) -> Result<bool> {
        match mode {
            VersionMode::Visible => self.advance_visible(true),
            VersionMode::Counting => self.advance_visible(false),
            VersionMode::All => self.advance(),
        }
    }

    /// Makes the next wanted row current, whatever its version.
    #[inline]
    fn advance(&mut self) -> Result<bool> {
        loop {
            self.interrupt.check()?;
            if !self.input.again(self.rows.advance())? {
                let Some((start, end)) = self.extents.next() else { return self.end() };
                self.rows.seek(start, end);
                continue;
            }
            if self.hinted.is_some() {
                self.begin_at_hint()?;
            }
            match self.matches() {
                Match::Yes => {
                    self.head = self.input.again(self.rows.head())?;
                    self.meet()?;
                    return Ok(true);
                }
                Match::No => {}
                Match::End => {
                    self.rows.seek(self.input.catalog.end, self.input.catalog.end);
                    self.extents = Vec::new().into_iter();
                    self.is_behind = true;
                    return self.end();
                }
            }
        }
    }

    /// Checks that the first row is the one that the hint was given for.
    #[cold]
    fn begin_at_hint(&mut self) -> Result<()> {
        let Some(hint) = self.hinted.take() else { return Ok(()) };
        self.hint = Some(self.rows.key().to_vec());
        let head = self.input.again(self.rows.head())?;
        if hint.is_of(&self.input.again(self.rows.row(head))?) {
            return Ok(());
        }
        Err(self.input.differs(hint.offset(), "a row does not say what it said").into())
    }

    /// Counts the current row, where a count is compared at the end.
    #[inline]
    fn meet(&mut self) -> Result<()> {
        if self.expected.is_some() {
            if self.met.fingerprints.is_some() {
                self.fingerprint = Some(self.input.again(self.rows.fingerprint(&self.head))?);
            }
            self.met.add(self.fingerprint);
        }
        Ok(())
    }

    /// Whether the current row is the version of its key that counts, though the walk began at a hint.
    ///
    /// A key that ends where the hint's encoded key goes on like a timestamp can have newer versions before the
    /// hint, and this is an older one (see [`VersionFilter`]).
    fn is_proven(&self, view: ReadView) -> Result<bool> {
        let Some(hint) = &self.hint else { return Ok(true) };
        let user = user_key(self.rows.key());
        let newest = view.newest.suffix();
        let rest = hint.strip_prefix(user).filter(|_| user != user_key(hint));
        if rest.is_none_or(|rest| rest < &newest[..]) {
            return Ok(true);
        }
        let found = self.input.find(user, self.view, self.interrupt)?;
        Ok(found.is_some_and(|(rows, _)| rows.position() == self.rows.position()))
    }

    #[inline]
    fn matches(&mut self) -> Match {
        let encoded = self.rows.key();
        if self.is_native && Operational::of(encoded).is_some() {
            return Match::No;
        }
        let user = user_key(encoded);
        match &self.wanted {
            KeyFilter::Family(family) if self.classifier.of(user) == *family => Match::Yes,
            KeyFilter::Family(_) => Match::No,
            KeyFilter::Prefix(prefix) if user.starts_with(prefix) => Match::Yes,
            KeyFilter::Prefix(prefix) => {
                let sorted_by = if self.is_native { encoded } else { user };
                // A shorter key whose timestamp goes on like the prefix stands among the wanted ones.
                if sorted_by < prefix.as_slice() || sorted_by.starts_with(prefix) {
                    Match::No
                } else {
                    Match::End
                }
            }
        }
    }

    /// Makes the next version current that counts, or of these the next that is visible.
    #[inline]
    fn advance_visible(&mut self, visible: bool) -> Result<bool> {
        while self.advance()? {
            let encoded = self.rows.key();
            let step = self.filter.step(encoded);
            self.filter.follow(encoded, step);
            let user = user_key(encoded);
            let view = match self.wanted {
                KeyFilter::Family(family) => self.view.of(family),
                KeyFilter::Prefix(_) => self.view.of(self.classifier.of(user)),
            };
            let choice = self.filter.decide(user.len(), view.is_too_new(&self.head));
            let wanted = choice == Visibility::Counts && (!visible || view.is_visible(&self.head));
            if wanted && self.is_proven(view)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the encoded key of the current row.
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        match &self.reorder {
            None => self.rows.key(),
            Some(reorder) => reorder.current().0,
        }
    }

    /// Returns what the current row says besides its body.
    pub(super) fn head(&self) -> RowHeader {
        self.held().map_or(self.head, |held| held.head)
    }

    /// Returns the position of the current row.
    pub(super) fn position(&self) -> Position {
        self.held().map_or_else(|| self.rows.position(), |held| held.position)
    }

    /// Returns the length of the current row's body, bytes.
    pub(super) fn body_len(&self) -> usize {
        self.held().map_or_else(|| self.rows.value_len().saturating_sub(VALUE_HEADER), |held| held.value_len)
    }

    fn held(&self) -> Option<&HeldRow> {
        self.reorder.as_ref().and_then(|reorder| reorder.current().1)
    }

    /// Lends the current row with its location.
    #[inline]
    pub(super) fn located(&mut self, input: u16) -> Result<(RowLocation, Row<'_>)> {
        let known = self.fingerprint.filter(|_| self.reorder.is_none());
        let row = self.row()?;
        let place = match known {
            // What was counted is the beginning of a longer body.
            Some(fingerprint) if row.body.len() <= NEAR => {
                RowLocation::with(input, row.position, fingerprint)
            }
            _ => RowLocation::of(input, &row),
        };
        Ok((place, row))
    }

    /// Lends the current row.
    #[inline]
    pub(super) fn row(&mut self) -> Result<Row<'_>> {
        match &self.reorder {
            None => Ok(self.input.again(self.rows.row(self.head))?),
            Some(reorder) => match reorder.current() {
                (key, Some(held)) => {
                    let body = self.input.again(self.rows.body_at(held.position, held.value_len))?;
                    Ok(Row { position: held.position, key: user_key(key), head: held.head, body })
                }
                (_, None) => Ok(self.input.again(self.rows.row(self.head))?),
            },
        }
    }
}
