//! What was decided about a collection, kept until its elements come by once more.

use super::collection::Collection;
use crate::cursor::{take_array, take_u8, take_u64_be};
use crate::keyspace::redis::StreamId;
use crate::time::{Hlc, UnixMs};

/// How a collection is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WritePlan {
    pub(super) collection: Collection,
    /// Unix ms.
    pub(super) expiry: Option<UnixMs>,
    /// Whether it exists without elements, too: it has a base meta or a blob.
    pub(super) stands_empty: bool,
    /// Number of elements by base meta and deltas, where there is either.
    pub(super) declared: Option<u64>,
    /// Commit time of the newest row besides the elements, HLC; 0 where there is none.
    pub(super) commit_ts: Hlc,
    pub(super) bounds: Bounds,
}

/// Which elements of a collection are reachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bounds {
    /// All of them.
    All,
    /// List items from the first position up to, not including, the second.
    Window(i128, i128),
    /// Stream entries above the trim cursor, 0-0 being none.
    Above { cursor: StreamId, last: StreamId },
}

impl WritePlan {
    /// Appends the record of the plan.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let flags = [(self.stands_empty, 1), (self.expiry.is_some(), 2), (self.declared.is_some(), 4)];
        let flags = flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag).sum::<u8>();
        out.extend([self.collection as u8, flags]);
        for number in [self.expiry.map_or(0, |ms| ms.0), self.declared.unwrap_or(0), self.commit_ts.0] {
            out.extend(number.to_be_bytes());
        }
        match self.bounds {
            Bounds::All => {}
            Bounds::Window(from, to) => {
                out.extend(from.to_be_bytes());
                out.extend(to.to_be_bytes());
            }
            Bounds::Above { cursor, last } => {
                out.extend(cursor.to_bytes());
                out.extend(last.to_bytes());
            }
        }
    }

    /// Takes a record off the front of `rest`.
    pub(super) fn take(rest: &mut &[u8]) -> Option<Self> {
        let tag = take_u8(rest)?;
        let collection = Collection::ALL.into_iter().find(|&collection| collection as u8 == tag)?;
        let flags = take_u8(rest)?;
        let [expiry, declared, commit_ts] = [take_u64_be(rest)?, take_u64_be(rest)?, take_u64_be(rest)?];
        let bounds = match collection {
            Collection::List => {
                Bounds::Window(i128::from_be_bytes(take_array(rest)?), i128::from_be_bytes(take_array(rest)?))
            }
            Collection::Stream => {
                Bounds::Above { cursor: StreamId::take(rest)?, last: StreamId::take(rest)? }
            }
            Collection::Hash | Collection::Set | Collection::Zset => Bounds::All,
        };
        Some(Self {
            collection,
            expiry: (flags & 2 != 0).then_some(UnixMs(expiry)),
            stands_empty: flags & 1 != 0,
            declared: (flags & 4 != 0).then_some(declared),
            commit_ts: Hlc(commit_ts),
            bounds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_read_back_as_it_was_written() {
        let id = |ms| StreamId { ms, seq: 3 };
        for (collection, bounds) in [
            (Collection::List, Bounds::Window(i128::MIN, -1)),
            (Collection::Hash, Bounds::All),
            (Collection::Set, Bounds::All),
            (Collection::Zset, Bounds::All),
            (Collection::Stream, Bounds::Above { cursor: id(1), last: id(u64::MAX) }),
        ] {
            for (expiry, declared, stands_empty) in [(None, Some(0), true), (Some(UnixMs(5)), None, false)] {
                let plan =
                    WritePlan { collection, expiry, stands_empty, declared, commit_ts: Hlc(9), bounds };
                let mut record = Vec::new();
                plan.write(&mut record);
                record.extend(b"key");
                let mut rest = &record[..];
                assert_eq!(WritePlan::take(&mut rest), Some(plan));
                assert_eq!(rest, b"key");
                for cut in 0..record.len() - 3 {
                    assert_eq!(WritePlan::take(&mut &record[..cut]), None);
                }
            }
        }
    }
}
