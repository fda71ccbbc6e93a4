//! Committed writes that stand in intents only, laid over the stored rows.

use std::cmp::Ordering;

use crate::keyspace::Family;
use crate::store::entry::RowLocation;
use crate::store::scan::Wanted;
use crate::store::survey::user_key;

/// A committed write that was not applied to its key yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Replacement {
    /// User key.
    pub(in crate::store) key: Box<[u8]>,
    /// When the transaction was committed, an HLC timestamp.
    pub(in crate::store) commit_ts: u64,
    /// Where the intent stands.
    pub(in crate::store) intent: RowLocation,
    /// Whether the key is deleted.
    pub(in crate::store) deleted: bool,
}

impl Replacement {
    /// Whether the write, as a row of its key, stands before the row with this encoded key. `native`: rows are
    /// in the order of encoded keys, else of user keys.
    pub(in crate::store) fn is_before(&self, encoded_key: &[u8], native: bool) -> bool {
        if native {
            self.encoded_key().lt(encoded_key.iter().copied())
        } else {
            *self.key < *user_key(encoded_key)
        }
    }

    fn encoded_key(&self) -> impl Iterator<Item = u8> {
        self.key.iter().copied().chain((!self.commit_ts).to_be_bytes())
    }

    fn row_order(&self, other: &Self) -> Ordering {
        self.encoded_key().cmp(other.encoded_key())
    }
}

/// The committed writes of a store.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Overlay {
    /// Ascending by user key.
    writes: Vec<Replacement>,
    /// Place of each intent and index of its write, ascending: a scan lends that place.
    places: Vec<(RowLocation, usize)>,
}

impl Overlay {
    pub(in crate::store) fn new(mut writes: Vec<Replacement>) -> Self {
        writes.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let mut places: Vec<_> = writes.iter().enumerate().map(|(at, write)| (write.intent, at)).collect();
        places.sort_unstable();
        Self { writes, places }
    }

    #[inline]
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Lists the writes, ascending by user key.
    pub(in crate::store) fn writes(&self) -> &[Replacement] {
        &self.writes
    }

    pub(in crate::store) fn of_key(&self, user_key: &[u8]) -> Option<&Replacement> {
        let at = self.writes.binary_search_by(|write| (*write.key).cmp(user_key)).ok()?;
        self.writes.get(at)
    }

    /// Returns the write whose intent stands at this place.
    pub(in crate::store) fn of_place(&self, place: RowLocation) -> Option<&Replacement> {
        let at = self.places.binary_search_by_key(&place, |(intent, _)| *intent).ok()?;
        self.writes.get(self.places.get(at)?.1)
    }

    /// Lists the puts that a scan wants, in the order of its rows: of encoded keys, or of user keys.
    pub(in crate::store) fn puts(&self, wanted: &Wanted, native: bool) -> Vec<&Replacement> {
        let (prefix, family) = match wanted {
            Wanted::Family(family) => (family.prefix(), Some(*family)),
            Wanted::Prefix(prefix) => (prefix.as_slice(), None),
        };
        let start = self.writes.partition_point(|write| *write.key < *prefix);
        let mut puts: Vec<_> = self
            .writes
            .iter()
            .skip(start)
            .take_while(|write| write.key.starts_with(prefix))
            .filter(|write| !write.deleted && family.is_none_or(|family| Family::of(&write.key) == family))
            .collect();
        if native {
            puts.sort_unstable_by(|one, other| one.row_order(other));
        }
        puts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(keys: &[(&str, bool)]) -> Overlay {
        let write = |(offset, (key, deleted)): (u64, &(&str, bool))| Replacement {
            key: key.as_bytes().into(),
            commit_ts: 1 << 56,
            intent: RowLocation::new(0, offset),
            deleted: *deleted,
        };
        Overlay::new((0..).zip(keys).map(write).collect())
    }

    fn names(puts: &[&Replacement]) -> Vec<String> {
        puts.iter().map(|put| put.key.escape_ascii().to_string()).collect()
    }

    #[test]
    fn puts_stand_in_row_order_and_deletes_do_not_stand_at_all() {
        let overlay = overlay(&[("a", false), ("ab", false), ("b", true)]);
        let order = |native| names(&overlay.puts(&Wanted::Family(Family::Bare), native));
        assert_eq!(order(true), ["ab", "a"], "the extension of a key comes before it");
        assert_eq!(order(false), ["a", "ab"]);
        assert!(overlay.of_key(b"b").unwrap().deleted);
        assert_eq!(*overlay.of_place(RowLocation::new(0, 1)).unwrap().key, *b"ab");
        assert_eq!(overlay.of_place(RowLocation::new(0, 3)), None);
    }

    #[test]
    fn a_scan_gets_its_own_puts_only() {
        let keys = ["b", "!hs|meta|k", "!hs|meta|d|k", "!hs|mez", "!zs|meta|k", "ab", "a"];
        let overlay = overlay(&keys.map(|key| (key, false)));
        let of = |wanted| names(&overlay.puts(&wanted, false));
        assert_eq!(of(Wanted::Family(Family::HashMeta)), ["!hs|meta|k"]);
        assert_eq!(of(Wanted::Family(Family::HashDelta)), ["!hs|meta|d|k"]);
        assert_eq!(of(Wanted::Family(Family::Unknown)), ["!hs|mez"]);
        assert_eq!(of(Wanted::Family(Family::Bare)), ["a", "ab", "b"]);
        assert_eq!(of(Wanted::Prefix(b"!hs|m".to_vec())), ["!hs|meta|d|k", "!hs|meta|k", "!hs|mez"]);
        assert_eq!(of(Wanted::Prefix(b"c".to_vec())), [""; 0]);
    }

    #[test]
    fn a_put_stands_among_stored_rows_by_its_own_timestamp() {
        let overlay = overlay(&[("a", false)]);
        let put = overlay.of_key(b"a").unwrap();
        let row = |key: &[u8], ts: u64| [key, &(!ts).to_be_bytes()].concat();
        assert!(put.is_before(&row(b"a", (1 << 56) - 1), true));
        assert!(!put.is_before(&row(b"a", 1 << 56), true));
        assert!(!put.is_before(&row(b"ab", 5), true));
        assert!(put.is_before(&row(b"ab", 5), false));
        assert!(!put.is_before(&row(b"a", 5), false));
    }
}
