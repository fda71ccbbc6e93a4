//! Committed writes that stand in intents only, laid over the stored rows.

use std::collections::BTreeMap;

use crate::keyspace::Family;
use crate::store::entry::Place;
use crate::store::scan::Wanted;

/// A committed write that was not applied to its key yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Replacement {
    /// When the transaction was committed, an HLC timestamp.
    pub(in crate::store) commit_ts: u64,
    /// Where the intent stands.
    pub(in crate::store) intent: Place,
    /// Whether the key is deleted.
    pub(in crate::store) deleted: bool,
}

/// The committed writes of a store, by user key.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Overlay {
    keys: BTreeMap<Vec<u8>, Replacement>,
    /// The same, by place of the intent: a scan lends that place.
    places: BTreeMap<Place, Vec<u8>>,
}

impl Overlay {
    pub(in crate::store) fn insert(&mut self, key: Vec<u8>, replacement: Replacement) {
        self.places.insert(replacement.intent, key.clone());
        self.keys.insert(key, replacement);
    }

    #[inline]
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Lists the keys, and whether each is deleted.
    pub(in crate::store) fn keys(&self) -> impl Iterator<Item = (&[u8], bool)> {
        self.keys.iter().map(|(key, replacement)| (key.as_slice(), replacement.deleted))
    }

    pub(in crate::store) fn of_key(&self, user_key: &[u8]) -> Option<&Replacement> {
        self.keys.get(user_key)
    }

    /// Returns what replaces a key through the intent at this place.
    pub(in crate::store) fn of_place(&self, place: Place) -> Option<(&[u8], &Replacement)> {
        let (key, replacement) = self.keys.get_key_value(self.places.get(&place)?)?;
        Some((key, replacement))
    }

    /// Lists the puts that a scan wants, in the order of its rows: of encoded keys, or of user keys.
    pub(in crate::store) fn puts(&self, wanted: &Wanted, native: bool) -> Vec<(Vec<u8>, Replacement)> {
        let mut puts: Vec<_> = self
            .keys
            .iter()
            .filter(|(_, replacement)| !replacement.deleted)
            .filter(|(key, _)| match wanted {
                Wanted::Family(family) => Family::of(key) == *family,
                Wanted::Prefix(prefix) => key.starts_with(prefix),
            })
            .map(|(key, replacement)| (sort_key(key, replacement.commit_ts, native), *replacement))
            .collect();
        puts.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        puts
    }
}

/// Returns the bytes that order a row among the others.
fn sort_key(user_key: &[u8], commit_ts: u64, native: bool) -> Vec<u8> {
    let mut key = user_key.to_vec();
    if native {
        key.extend_from_slice(&(!commit_ts).to_be_bytes());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_stand_in_row_order_and_deletes_do_not_stand_at_all() {
        let mut overlay = Overlay::default();
        for (offset, (key, deleted)) in [("a", false), ("ab", false), ("b", true)].into_iter().enumerate() {
            let intent = Place { input: 0, offset: offset as u64 };
            overlay.insert(key.into(), Replacement { commit_ts: 1 << 56, intent, deleted });
        }
        let order = |native| {
            let puts = overlay.puts(&Wanted::Family(Family::Bare), native);
            puts.iter().map(|(_, put)| put.intent.offset).collect::<Vec<_>>()
        };
        assert_eq!(order(true), [1, 0], "the extension of a key comes before it");
        assert_eq!(order(false), [0, 1]);
        assert_eq!(overlay.puts(&Wanted::Prefix(b"ab".to_vec()), true).len(), 1);
        assert!(overlay.of_key(b"b").unwrap().deleted);
        assert_eq!(overlay.of_place(Place { input: 0, offset: 1 }).unwrap().0, b"ab");
    }
}
