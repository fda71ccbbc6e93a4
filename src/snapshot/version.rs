//! One version per user key in one pass, though versions of a key need not be adjacent (`reading/versions.md#order-of-rows`).
//!
//! Rows ascend by `user_key · NOT commit_ts`. Between two versions of a key K there can be rows of keys that
//! begin with K: where the bytes behind K read like a timestamp between those of the two versions. But
//! everything between two strings that begin with K begins with K; so at the encoded key E, the keys that can
//! still get rows are prefixes of E, nested in each other. Their lengths are all there is to remember, one for
//! each byte of E at most. An entry of the length of E's user key *is* E's user key, and it need not be the
//! last one: K and an extension of K can alternate.

use std::cmp::Ordering;

/// What a row is among the versions of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visibility {
    /// The version that counts: the newest that is not too new.
    Counts,
    /// Older than the one that counts.
    Shadowed,
    /// Newer than the read timestamp.
    TooNew,
}

/// How a row's encoded key compares with that of the row before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) ordering: Ordering,
    /// Length of the common prefix, bytes.
    pub(super) common: usize,
}

/// The keys that can still get rows.
#[derive(Clone, Debug, Default)]
pub(super) struct VersionFilter {
    previous: Vec<u8>,
    /// Ascending by length; each is a prefix of `previous`.
    open: Vec<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    len: usize,
    decided: bool,
}

impl VersionFilter {
    /// Tells how the encoded key of the next row compares with the one before.
    #[inline]
    pub(super) fn step(&self, encoded_key: &[u8]) -> Step {
        let common = common_prefix(&self.previous, encoded_key);
        Step { ordering: encoded_key.get(common).cmp(&self.previous.get(common)), common }
    }

    /// Goes on to the next row, of which `step` was made.
    #[inline]
    pub(super) fn follow(&mut self, encoded_key: &[u8], step: Step) {
        while self.open.pop_if(|open| open.len > step.common).is_some() {}
        self.previous.truncate(step.common);
        self.previous.extend_from_slice(encoded_key.get(step.common..).unwrap_or_default());
    }

    /// Returns the encoded key that was followed last.
    pub(super) fn previous(&self) -> &[u8] {
        &self.previous
    }

    /// Whether no key can get further rows but the current one: a scan could be split here.
    pub(super) fn nothing_open(&self) -> bool {
        self.open.is_empty()
    }

    /// Decides about the current row, whose user key has `len` bytes. `too_new`: it was committed after the read
    /// timestamp.
    #[inline]
    pub(super) fn decide(&mut self, len: usize, too_new: bool) -> Visibility {
        let at = match self.open.last() {
            Some(last) if last.len == len => self.open.len() - 1,
            Some(last) if last.len > len => self.open.partition_point(|open| open.len < len),
            _ => self.open.len(),
        };
        match self.open.get_mut(at).filter(|open| open.len == len) {
            Some(open) if open.decided => Visibility::Shadowed,
            _ if too_new => {
                self.insert(at, len, false);
                Visibility::TooNew
            }
            Some(open) => {
                open.decided = true;
                Visibility::Counts
            }
            None => {
                self.open.insert(at, Open { len, decided: true });
                Visibility::Counts
            }
        }
    }

    fn insert(&mut self, at: usize, len: usize, decided: bool) {
        if self.open.get(at).is_none_or(|open| open.len != len) {
            self.open.insert(at, Open { len, decided });
        }
    }
}

/// Returns the length of the common prefix.
#[inline]
fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    let ((one_words, _), (other_words, _)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let mut common = 0;
    for (one, other) in one_words.iter().zip(other_words) {
        let difference = u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other);
        if difference != 0 {
            return common + difference.trailing_zeros() as usize / 8;
        }
        common += 8;
    }
    let (one, other) = (one.get(common..).unwrap_or_default(), other.get(common..).unwrap_or_default());
    common + one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::container::fixture::encoded;
    use crate::time::Hlc;

    #[test]
    fn the_common_prefix_ends_at_any_byte() {
        let one: Vec<u8> = (0..40).collect();
        for at in 0..40 {
            let mut other = one.clone();
            other[at] ^= 0x80;
            assert_eq!(common_prefix(&one, &other), at);
            assert_eq!(common_prefix(&one, &one[..at]), at);
        }
        assert_eq!(common_prefix(&one, &one), 40);
    }

    #[test]
    fn rows_are_compared_with_the_one_before() {
        let mut filter = VersionFilter::default();
        for (key, ordering) in [
            (&b"b"[..], Ordering::Greater),
            (b"b", Ordering::Equal),
            (b"bc", Ordering::Greater),
            (b"b", Ordering::Less),
            (b"c", Ordering::Greater),
            (b"bz", Ordering::Less),
            (b"", Ordering::Less),
        ] {
            let step = filter.step(key);
            assert_eq!(step.ordering, ordering);
            filter.follow(key, step);
            assert_eq!(filter.previous(), key);
        }
    }

    /// Chooses as a streaming reader does.
    fn streamed(rows: &[(Vec<u8>, u64)], read_ts: Hlc) -> BTreeMap<Vec<u8>, u64> {
        let mut sorted: Vec<_> = rows.iter().map(|(key, ts)| (encoded(key, *ts), key, *ts)).collect();
        sorted.sort();
        let mut filter = VersionFilter::default();
        let mut chosen = BTreeMap::new();
        for (encoded_key, key, ts) in sorted {
            let step = filter.step(&encoded_key);
            assert_eq!(step.ordering, Ordering::Greater);
            filter.follow(&encoded_key, step);
            if filter.decide(key.len(), ts > read_ts.0) == Visibility::Counts {
                assert_eq!(chosen.insert(key.clone(), ts), None, "chosen twice");
            }
            assert!(filter.open.len() <= encoded_key.len() + 1);
        }
        chosen
    }

    /// Chooses by grouping.
    fn grouped(rows: &[(Vec<u8>, u64)], read_ts: Hlc) -> BTreeMap<Vec<u8>, u64> {
        let mut chosen = BTreeMap::new();
        for (key, ts) in rows.iter().filter(|(_, ts)| *ts <= read_ts.0) {
            let newest: &mut u64 = chosen.entry(key.clone()).or_default();
            *newest = (*newest).max(*ts);
        }
        chosen
    }

    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![Just(0), Just(b'a'), Just(0xfe), Just(0xff)]
    }

    /// Timestamps whose suffixes are made of the bytes that keys are made of.
    fn ts() -> impl Strategy<Value = u64> {
        prop_oneof![
            vec(byte(), 8).prop_map(|bytes| !u64::from_be_bytes(bytes.try_into().unwrap())),
            0..3_u64,
            (0..3_u64).prop_map(|ts| u64::MAX - ts),
        ]
    }

    /// Keys that extend each other by bytes that imitate suffixes.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![vec(byte(), 0..4), vec(byte(), 0..20), vec(prop_oneof![Just(0xfe), Just(0xff)], 0..12)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn the_filter_chooses_like_grouping(
            rows in btree_set((key(), ts()), 0..60),
            read_ts in prop_oneof![Just(u64::MAX), ts()],
        ) {
            let rows: Vec<_> = rows.into_iter().collect();
            prop_assert_eq!(streamed(&rows, Hlc(read_ts)), grouped(&rows, Hlc(read_ts)));
        }
    }

    #[test]
    fn an_extension_may_stand_between_two_versions() {
        let key = b"!redis|str|a".to_vec();
        let between = [&key[..], &hex::decode("fe70d5cc07fffff5").unwrap()].concat();
        let ts = |low: u64| 0x018f_2a33_f800_0000 + low;
        let rows = [(key.clone(), ts(0x10)), (between.clone(), ts(5)), (key.clone(), ts(1))];
        let chosen = streamed(&rows, Hlc::MAX);
        assert_eq!(chosen, BTreeMap::from([(key.clone(), ts(0x10)), (between, ts(5))]));
        assert_eq!(streamed(&rows, Hlc(ts(1))), BTreeMap::from([(key, ts(1))]));
    }
}
