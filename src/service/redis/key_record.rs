//! Records about one Redis key, collected family by family and brought together by a sorter.
//!
//! Elements arrive before the base meta, and the index after most of what it belongs to (`format/redis.md#order-of-arrival`): so
//! every family leaves a small record a key, and the records of one key are judged together.

use super::collection::Collection;
use super::meta;
use crate::cursor::{take_array, take_u8, take_u64_be};
use crate::snapshot::RowLocation;
use crate::time::{Hlc, UnixMs};

/// One record; the key stands beside it in the sorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyRecord<'a> {
    /// A string that needs no more attention, with its expiry, Unix ms.
    String { expiry: Option<UnixMs> },
    /// A string in legacy form that is yet to be written.
    LegacyString { place: RowLocation },
    /// A key without a prefix that may be a string.
    Bare { place: RowLocation },
    /// A HyperLogLog.
    Hll { place: RowLocation },
    /// An index row.
    Index { place: RowLocation, commit_ts: Hlc, value: &'a [u8] },
    /// A base meta.
    Meta { collection: Collection, place: RowLocation, commit_ts: Hlc, value: &'a [u8] },
    /// A run of delta rows.
    Deltas(Deltas),
    /// A run of element rows.
    Elements(Elements),
    /// A legacy blob.
    Blob { collection: Collection, place: RowLocation },
}

/// Delta rows of one collection, added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deltas {
    pub(super) collection: Collection,
    pub(super) rows: u64,
    /// Sums; no number of rows can make them overflow.
    pub(super) length: i128,
    pub(super) head: i128,
    /// Lowest commit timestamp in their keys.
    pub(super) oldest: Hlc,
    /// Highest commit time of the rows, HLC.
    pub(super) newest: Hlc,
    /// The first one that does not parse.
    pub(super) malformed: Option<RowLocation>,
}

impl Deltas {
    /// Adds the deltas of a later run.
    pub(super) fn and(self, later: Self) -> Self {
        Self {
            collection: self.collection,
            rows: self.rows + later.rows,
            length: self.length.saturating_add(later.length),
            head: self.head.saturating_add(later.head),
            oldest: self.oldest.min(later.oldest),
            newest: self.newest.max(later.newest),
            malformed: self.malformed.or(later.malformed),
        }
    }
}

/// Element rows of one collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Elements {
    pub(super) collection: Collection,
    pub(super) rows: u64,
    /// Number of the run among those of its family.
    pub(super) run: u64,
}

/// Longest value that a record keeps of a meta or an index row: one byte more than any that can be read.
const KEPT: usize = meta::LONGEST + 1;

impl<'a> KeyRecord<'a> {
    /// Appends the bytes of the record.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match *self {
            KeyRecord::String { expiry } => {
                out.push(0);
                out.extend(expiry.into_iter().flat_map(|ms| ms.0.to_be_bytes()));
            }
            KeyRecord::LegacyString { place } => {
                out.push(1);
                out.extend(place.to_bytes());
            }
            KeyRecord::Bare { place } => {
                out.push(2);
                out.extend(place.to_bytes());
            }
            KeyRecord::Hll { place } => {
                out.push(3);
                out.extend(place.to_bytes());
            }
            KeyRecord::Index { place, commit_ts, value } => {
                out.push(4);
                out.extend(place.to_bytes());
                out.extend(commit_ts.0.to_be_bytes());
                out.extend(value.iter().take(KEPT));
            }
            KeyRecord::Meta { collection, place, commit_ts, value } => {
                out.extend([5, collection as u8]);
                out.extend(place.to_bytes());
                out.extend(commit_ts.0.to_be_bytes());
                out.extend(value.iter().take(KEPT));
            }
            KeyRecord::Deltas(deltas) => {
                out.extend([6, deltas.collection as u8]);
                out.extend(deltas.rows.to_be_bytes());
                out.extend(deltas.length.to_be_bytes());
                out.extend(deltas.head.to_be_bytes());
                out.extend(deltas.oldest.0.to_be_bytes());
                out.extend(deltas.newest.0.to_be_bytes());
                if let Some(place) = deltas.malformed {
                    out.extend(place.to_bytes());
                }
            }
            KeyRecord::Elements(elements) => {
                out.extend([7, elements.collection as u8]);
                out.extend(elements.rows.to_be_bytes());
                out.extend(elements.run.to_be_bytes());
            }
            KeyRecord::Blob { collection, place } => {
                out.extend([8, collection as u8]);
                out.extend(place.to_bytes());
            }
        }
    }

    /// Reads a record back; `None` for what [`KeyRecord::write`] does not write.
    pub(super) fn parse(mut record: &'a [u8]) -> Option<Self> {
        let rest = &mut record;
        let fact = match take_u8(rest)? {
            0 => KeyRecord::String {
                expiry: if rest.is_empty() { None } else { Some(UnixMs(take_u64_be(rest)?)) },
            },
            1 => KeyRecord::LegacyString { place: RowLocation::take(rest)? },
            2 => KeyRecord::Bare { place: RowLocation::take(rest)? },
            3 => KeyRecord::Hll { place: RowLocation::take(rest)? },
            4 => KeyRecord::Index {
                place: RowLocation::take(rest)?,
                commit_ts: Hlc(take_u64_be(rest)?),
                value: std::mem::take(rest),
            },
            5 => KeyRecord::Meta {
                collection: take_collection(rest)?,
                place: RowLocation::take(rest)?,
                commit_ts: Hlc(take_u64_be(rest)?),
                value: std::mem::take(rest),
            },
            6 => KeyRecord::Deltas(Deltas {
                collection: take_collection(rest)?,
                rows: take_u64_be(rest)?,
                length: i128::from_be_bytes(take_array(rest)?),
                head: i128::from_be_bytes(take_array(rest)?),
                oldest: Hlc(take_u64_be(rest)?),
                newest: Hlc(take_u64_be(rest)?),
                malformed: if rest.is_empty() { None } else { Some(RowLocation::take(rest)?) },
            }),
            7 => KeyRecord::Elements(Elements {
                collection: take_collection(rest)?,
                rows: take_u64_be(rest)?,
                run: take_u64_be(rest)?,
            }),
            8 => KeyRecord::Blob { collection: take_collection(rest)?, place: RowLocation::take(rest)? },
            _ => return None,
        };
        record.is_empty().then_some(fact)
    }
}

fn take_collection(rest: &mut &[u8]) -> Option<Collection> {
    let tag = take_u8(rest)?;
    Collection::ALL.into_iter().find(|&collection| collection as u8 == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<KeyRecord<'static>> {
        let place = RowLocation::new(7, 1 << 40);
        let collection = Collection::Zset;
        let deltas = Deltas {
            collection,
            rows: 3,
            length: -5,
            head: i128::MAX,
            oldest: Hlc(9),
            newest: Hlc(11),
            malformed: Some(place),
        };
        vec![
            KeyRecord::String { expiry: None },
            KeyRecord::String { expiry: Some(UnixMs(0)) },
            KeyRecord::LegacyString { place },
            KeyRecord::Bare { place },
            KeyRecord::Hll { place },
            KeyRecord::Index { place, commit_ts: Hlc(5), value: b"12345678" },
            KeyRecord::Meta { collection, place, commit_ts: Hlc(5), value: b"" },
            KeyRecord::Deltas(deltas),
            KeyRecord::Deltas(Deltas { malformed: None, ..deltas }),
            KeyRecord::Elements(Elements { collection, rows: 1, run: u64::MAX }),
            KeyRecord::Blob { collection: Collection::Stream, place },
        ]
    }

    #[test]
    fn a_fact_is_read_back_as_it_was_written() {
        for fact in all() {
            let mut record = Vec::new();
            fact.write(&mut record);
            assert_eq!(KeyRecord::parse(&record), Some(fact));
        }
    }

    #[test]
    fn a_value_that_is_too_long_stays_too_long() {
        let value = [0; 1000];
        let mut record = Vec::new();
        let place = RowLocation::new(0, 0);
        KeyRecord::Meta { collection: Collection::Stream, place, commit_ts: Hlc(5), value: &value }
            .write(&mut record);
        let Some(KeyRecord::Meta { value, .. }) = KeyRecord::parse(&record) else { panic!("no meta") };
        assert_eq!(value.len(), KEPT);
    }

    #[test]
    fn a_record_of_no_fact_is_nothing() {
        assert_eq!(KeyRecord::parse(b""), None);
        assert_eq!(KeyRecord::parse(b"\x09"), None);
        assert_eq!(KeyRecord::parse(b"\x08\x05\0\0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(KeyRecord::parse(b"\x01\0\0\0\0\0\0\0\0\0"), None);
    }
}
