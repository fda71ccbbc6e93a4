//! Looks single keys up in one input. Keys that are asked for in ascending order cost one walk over the input.

use super::Result;
use super::first_pass::user_key;
use super::input::Input;
use super::operational::Operational;
use super::read_view::ReadView;
use crate::container::{KEY_SUFFIX, RowHeader, Rows};
use crate::interrupt::Interrupt;
use crate::keyspace::Family;

/// A reader that stays where the last key was found, or would have been.
#[derive(Debug)]
pub(super) struct Probe<'s> {
    input: &'s Input,
    pub(super) rows: Rows<'s>,
    /// Whether a row is current; else the end was reached, or nothing was read.
    placed: bool,
    /// What the row before the current one, or before the end, is sorted by: nothing stands in between.
    before: Option<Vec<u8>>,
    /// The buffer of `before` while that is not known.
    spare: Vec<u8>,
}

impl<'s> Probe<'s> {
    pub(super) fn new(input: &'s Input) -> Self {
        let end = input.catalog.end;
        let rows = input.between(end, end);
        Self { input, rows, placed: false, before: None, spare: Vec::new() }
    }

    /// Finds the version of a user key that counts, a tombstone and one that has expired too, and makes it the
    /// current row.
    pub(super) fn find(
        &mut self,
        key: &[u8],
        view: ReadView,
        interrupt: &Interrupt,
    ) -> Result<Option<RowHeader>> {
        let view = view.of(Family::of(key));
        let native = self.input.is_native();
        let mut target = key.to_vec();
        if native {
            target.extend_from_slice(&view.newest.suffix());
        }
        if !self.seek(&target, interrupt)? {
            return Ok(None);
        }
        loop {
            let encoded = self.rows.key();
            if user_key(encoded) == key && !(native && Operational::of(encoded).is_some()) {
                let head = self.input.again(self.rows.head())?;
                if !view.is_too_new(&head) {
                    return Ok(Some(head));
                }
            } else if is_past(encoded, key, native) {
                return Ok(None);
            }
            if !self.advance()? {
                return Ok(None);
            }
            interrupt.check()?;
        }
    }

    /// Makes the first row current that is sorted by `target` or more; `false` when there is none.
    fn seek(&mut self, target: &[u8], interrupt: &Interrupt) -> Result<bool> {
        let native = self.input.is_native();
        let passed = self.before.as_ref().is_some_and(|before| before.as_slice() < target);
        if passed && (!self.placed || sorted_by(&self.rows, native) >= target) {
            return Ok(self.placed);
        }
        let ahead = self.placed && sorted_by(&self.rows, native) < target;
        if !ahead || self.input.near(target) > self.rows.span().0 {
            self.input.go_to(&mut self.rows, target);
            self.placed = false;
            if let Some(before) = self.before.take() {
                self.spare = before;
            }
            if !self.advance()? {
                return Ok(false);
            }
        }
        while sorted_by(&self.rows, native) < target {
            if !self.advance()? {
                return Ok(false);
            }
            interrupt.check()?;
        }
        Ok(true)
    }

    /// Goes on to the next row; `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        if self.placed {
            let before = self.before.get_or_insert_with(|| std::mem::take(&mut self.spare));
            before.clear();
            before.extend_from_slice(sorted_by(&self.rows, self.input.is_native()));
        }
        self.placed = self.input.again(self.rows.advance())?;
        Ok(self.placed)
    }
}

fn sorted_by<'r>(rows: &'r Rows<'_>, native: bool) -> &'r [u8] {
    if native { rows.key() } else { user_key(rows.key()) }
}

/// Whether a row stands behind the oldest version that a key can have.
fn is_past(encoded: &[u8], key: &[u8], native: bool) -> bool {
    match encoded.strip_prefix(key) {
        Some(rest) => !native || rest.get(..KEY_SUFFIX).is_some_and(|rest| rest == [0xff; KEY_SUFFIX]),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::super::index::IndexShape;
    use super::super::{Snapshot, SnapshotOptions, open};
    use super::*;
    use crate::container::Payload;
    use crate::container::fixture::{self, MemoryVersion, Native};
    use crate::time::Hlc;

    fn opened(rows: &std::collections::BTreeSet<(Vec<u8>, u64)>, payload: Payload) -> Snapshot {
        let native = rows.iter().fold(Native::new(1), |snapshot, (key, ts)| snapshot.put(key, *ts, b""));
        let source = if payload == Payload::Native {
            native.source()
        } else if payload == Payload::Sst {
            native.tables()
        } else {
            let mut entries: Vec<(&[u8], Vec<MemoryVersion<'_>>)> = Vec::new();
            for (key, ts) in rows {
                match entries.last_mut().filter(|entry| entry.0 == key.as_slice()) {
                    Some(entry) => entry.1.push((*ts, 0, 0, b"")),
                    None => entries.push((key, vec![(*ts, 0, 0, b"")])),
                }
            }
            let entries: Vec<_> = entries.iter().map(|(key, versions)| (*key, versions.as_slice())).collect();
            fixture::source(&fixture::memory(1, &entries))
        };
        let shape = IndexShape { spacing: 100, marks: 8, key: 2 };
        open::open(vec![source], &SnapshotOptions::default(), shape).unwrap()
    }

    proptest! {
        #[test]
        fn keys_are_found_in_whatever_order_they_are_asked_for(
            rows in btree_set((vec(prop_oneof![Just(0), Just(b'a'), Just(0xfe), Just(0xff)], 0..10), 1..4_u64), 0..40),
            order in vec(any::<prop::sample::Index>(), 0..60),
            newest in prop_oneof![Just(u64::MAX), 1..4_u64],
            payload in prop_oneof![Just(Payload::Native), Just(Payload::Sst), Just(Payload::Memory)],
        ) {
            let snapshot = opened(&rows, payload);
            let mut probe = Probe::new(&snapshot.inputs[0]);
            let mut keys: Vec<Vec<u8>> = rows.iter().map(|(key, _)| key.clone()).collect();
            keys.extend(rows.iter().map(|(key, _)| [key.as_slice(), b"b"].concat()));
            keys.sort();
            let random: Vec<_> = order.iter().filter(|_| !keys.is_empty()).map(|at| at.get(&keys).clone()).collect();
            for key in keys.iter().chain(&random) {
                let found = probe.find(key, ReadView { newest: Hlc(newest), now: Hlc::ZERO }, &Interrupt::default()).unwrap();
                let all = rows.iter().filter(|(other, ts)| other == key && *ts <= newest);
                prop_assert_eq!(found.map(|head| head.commit_ts.0), all.map(|(_, ts)| *ts).max());
            }
        }
    }
}
