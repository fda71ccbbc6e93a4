//! Tells a row from another that stands in its place at a second reading (`tree/outcome.md#outcome`).
//!
//! Not cryptographic, and the same in every payload form. It costs a few nanoseconds: the user key counts as a whole,
//! of a long body its edges and its length do. What changes in between alone, the state of the file tells.

use super::RowHeader;
use super::row::Row;

/// Bytes that count at each end of a body.
pub(super) const EDGE: usize = 16;
/// Longest body of which both ends count where it is not read as a whole, bytes; of a longer one the beginning does.
pub(crate) const NEAR: usize = 4096;

/// Odd constants without a pattern: digits of pi.
const SEEDS: [u64; 3] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345, 0xa409_3822_299f_31d1];

impl Row<'_> {
    /// Returns a hash of key, timestamp, flags, expiry, and the body's length and edges.
    #[inline]
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        fingerprint(self.key, &self.head, self.body, self.body.len())
    }
}

/// Returns the fingerprint of a row whose body is `body`, or begins with it: it has `len` bytes.
#[inline]
pub(super) fn fingerprint(user_key: &[u8], head: &RowHeader, body: &[u8], len: usize) -> u64 {
    let [one, two, three] = SEEDS;
    let start = body.first_chunk().map_or_else(|| words(body, two), |start| edge(*start, two));
    let end = body.last_chunk().filter(|_| body.len() == len && len > EDGE);
    let end = end.map_or(three, |end| edge(*end, three));
    let flags = u64::from(head.tombstone) | u64::from(head.encrypted) << 1;
    let parts = words(user_key, one) ^ start.rotate_left(21) ^ end.rotate_left(42);
    let head = mix(head.commit_ts.0 ^ one, head.expire_at.0 ^ two) ^ mix(len as u64 ^ three, flags ^ one);
    mix(parts ^ two, head ^ three)
}

/// Hashes one end of a body.
#[inline]
fn edge(bytes: [u8; EDGE], seed: u64) -> u64 {
    let both = u128::from_le_bytes(bytes);
    mix(low(both) ^ seed, low(both >> 64) ^ seed.rotate_left(32))
}

/// Hashes bytes 8 at a time.
#[inline]
fn words(bytes: &[u8], seed: u64) -> u64 {
    let step = |sum: u64, word: [u8; 8]| (sum.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(seed);
    let (whole, rest) = bytes.as_chunks::<8>();
    let sum = whole.iter().fold(seed ^ bytes.len() as u64, |sum, word| step(sum, *word));
    if rest.is_empty() {
        return sum;
    }
    // The last 8 bytes, which overlap the word before; of fewer all.
    match bytes.last_chunk::<8>() {
        Some(last) => step(sum, *last),
        None => step(sum, rest.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte)).to_le_bytes()),
    }
}

/// Folds the product of two numbers.
#[inline]
fn mix(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    low(product) ^ low(product >> 64)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn low(number: u128) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::container::Position;
    use crate::time::Hlc;

    const HEAD: RowHeader =
        RowHeader { commit_ts: Hlc(5), tombstone: false, encrypted: false, expire_at: Hlc::ZERO };

    fn of(key: &[u8], head: RowHeader, body: &[u8]) -> u64 {
        Row { position: Position::at(7), key, head, body }.fingerprint()
    }

    #[test]
    fn each_part_of_a_row_counts() {
        let body = [7; 200];
        let mut seen = BTreeMap::new();
        let mut add = |what: String, hash: u64| assert_eq!(seen.insert(hash, what.clone()), None, "{what}");
        add("as it is".into(), of(b"key", HEAD, &body));
        add("timestamp".into(), of(b"key", RowHeader { commit_ts: Hlc(6), ..HEAD }, &body));
        add("tombstone".into(), of(b"key", RowHeader { tombstone: true, ..HEAD }, &body));
        add("encrypted".into(), of(b"key", RowHeader { encrypted: true, ..HEAD }, &body));
        add("expiry".into(), of(b"key", RowHeader { expire_at: Hlc(1), ..HEAD }, &body));
        for at in (0..EDGE).chain(200 - EDGE..200) {
            let mut changed = body;
            changed[at] ^= 1;
            add(format!("byte {at}"), of(b"key", HEAD, &changed));
        }
        for len in 0..200 {
            add(format!("{len} bytes"), of(b"key", HEAD, &body[..len]));
            add(format!("key of {len} zeros"), of(&[0; 200][..len], HEAD, &body));
        }
    }

    #[test]
    fn a_beginning_counts_by_itself() {
        let body = [7; 200];
        let beginning = fingerprint(b"key", &HEAD, &body[..64], 200);
        assert_ne!(beginning, fingerprint(b"key", &HEAD, &body[..64], 201));
        assert_ne!(beginning, fingerprint(b"key", &HEAD, &[8; 64], 200));
        assert_eq!(beginning, fingerprint(b"key", &HEAD, &body[..100], 200));
    }

    proptest! {
        #[test]
        fn a_changed_byte_of_a_key_changes_both_halves(
            key in proptest::collection::vec(any::<u8>(), 1..100),
            at in any::<prop::sample::Index>(),
            other in 1..=u8::MAX,
        ) {
            let mut changed = key.clone();
            changed[at.index(key.len())] ^= other;
            let (one, two) = (of(&key, HEAD, b""), of(&changed, HEAD, b""));
            prop_assert_ne!(one >> 32, two >> 32);
            prop_assert_ne!(one << 32, two << 32);
        }
    }
}
