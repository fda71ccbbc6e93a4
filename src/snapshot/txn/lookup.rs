//! Looks keys up in all inputs, best in ascending order.

use crate::container::{self, ErrorKind, Position, RowHeader};
use crate::snapshot::Result;
use crate::snapshot::Snapshot;
use crate::snapshot::encrypted::Plaintext;
use crate::snapshot::entry::RowLocation;
use crate::snapshot::input::Input;
use crate::snapshot::probe::Probe;
use crate::snapshot::read_view::ReadView;

/// A place in each input.
pub(super) struct Lookup<'s> {
    snapshot: &'s Snapshot,
    probes: Vec<(Option<u16>, &'s Input, Probe<'s>)>,
    plaintext: Plaintext,
}

/// A visible row that was found.
pub(super) struct Found<'a> {
    /// Of a row outside the store's inputs, that of no row.
    pub(super) place: RowLocation,
    pub(super) body: &'a [u8],
    input: &'a Input,
    position: Position,
}

impl Found<'_> {
    /// Returns the error that the row is.
    pub(super) fn error(&self, kind: ErrorKind) -> container::Error {
        self.input.error(self.position, kind)
    }
}

impl<'s> Lookup<'s> {
    /// Looks into the inputs of a store and then into `more`.
    pub(super) fn new(snapshot: &'s Snapshot, more: &'s [Input]) -> Self {
        let own = snapshot.numbered().map(|(at, input)| (Some(at), &**input, Probe::new(input)));
        let more = more.iter().map(|input| (None, input, Probe::new(input)));
        Self { snapshot, probes: own.chain(more).collect(), plaintext: Plaintext::default() }
    }

    /// Lends the visible version of a user key of each input that has one.
    pub(super) fn each(
        &mut self,
        key: &[u8],
        view: ReadView,
        mut take: impl FnMut(&Found<'_>) -> Result<()>,
    ) -> Result<()> {
        for (at, input, probe) in &mut self.probes {
            let Some(head) = probe.find(key, view, &self.snapshot.interrupt)? else { continue };
            if !view.is_visible(&head) {
                continue;
            }
            let row = probe.rows.row(head)?;
            let body = self.snapshot.plain(input.source.path(), &row, &mut self.plaintext)?;
            let place = RowLocation::of(at.unwrap_or_default(), &row);
            take(&Found { place, body, input, position: row.position })?;
        }
        Ok(())
    }

    /// Lends what each input says about the version of a user key that counts, a tombstone too.
    pub(super) fn each_version(
        &mut self,
        key: &[u8],
        view: ReadView,
        mut take: impl FnMut(RowLocation, RowHeader),
    ) -> Result<()> {
        for (at, _, probe) in &mut self.probes {
            if let Some(head) = probe.find(key, view, &self.snapshot.interrupt)? {
                take(RowLocation::at(at.unwrap_or_default(), probe.rows.position()), head);
            }
        }
        Ok(())
    }
}
