//! Rows of `EKVMVCC2`, which ascend by user key, in the order of encoded keys: the one order of all scans.
//!
//! A row must wait only for rows of keys that extend its own: for no other key does the timestamp decide. So the
//! rows that wait belong to nested prefixes of one key, and what is remembered of each is where it stands.

use std::cmp::Ordering;

use crate::container::{Position, RowHeader};

/// A row that waits, without its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldRow {
    /// Length of its user key, bytes.
    len: usize,
    pub(super) head: RowHeader,
    /// Where the row is in its input.
    pub(super) position: Position,
    /// Length of the value, bytes.
    pub(super) value_len: usize,
}

/// The rows that wait for their place.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    /// User key of the row that came last; those of the others are prefixes of it.
    user: Vec<u8>,
    /// Descending by encoded key.
    rows: Vec<HeldRow>,
    /// Encoded key of the row that was let go last.
    key: Vec<u8>,
    current: Option<HeldRow>,
    /// Whether the row that comes next was read already, or the end was.
    pub(super) upcoming: Option<bool>,
}

impl Reorder {
    /// Takes a row whose user key is not less than that of the row before.
    pub(super) fn push(&mut self, user_key: &[u8], head: RowHeader, position: Position, value_len: usize) {
        self.user.clear();
        self.user.extend_from_slice(user_key);
        let row = HeldRow { len: user_key.len(), head, position, value_len };
        let at = self.rows.partition_point(|held| self.encoded(held).gt(self.encoded(&row)));
        self.rows.insert(at, row);
    }

    /// Lets the first row go if none that is still to come belongs before it: the next user key, or the end.
    pub(super) fn pop(&mut self, next_user_key: Option<&[u8]>) -> bool {
        let Some(first) = self.rows.last() else { return false };
        let waits = |next: &[u8]| self.encoded(first).cmp(next.iter().copied()) == Ordering::Greater;
        if next_user_key.is_some_and(waits) {
            return false;
        }
        self.key.clear();
        self.key.extend_from_slice(self.user.get(..first.len).unwrap_or_default());
        self.key.extend_from_slice(&first.head.commit_ts.suffix());
        self.current = self.rows.pop();
        true
    }

    /// Returns the row that was let go last, and its encoded key.
    pub(super) fn current(&self) -> (&[u8], Option<&HeldRow>) {
        (&self.key, self.current.as_ref())
    }

    fn encoded(&self, row: &HeldRow) -> impl Iterator<Item = u8> {
        let user = self.user.get(..row.len).unwrap_or_default();
        user.iter().copied().chain(row.head.commit_ts.suffix())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::container::fixture::encoded;
    use crate::time::Hlc;

    proptest! {
        #[test]
        fn rows_leave_in_the_order_of_encoded_keys(
            rows in btree_set((vec(prop_oneof![Just(0), Just(0xfe), Just(0xff)], 0..10), prop_oneof![0..3_u64, any::<u64>()]), 0..40),
        ) {
            let mut reorder = Reorder::default();
            let mut left = Vec::new();
            let mut leave = |reorder: &mut Reorder, next: Option<&[u8]>| {
                while reorder.pop(next) {
                    left.push(reorder.current().0.to_vec());
                }
            };
            for (user, commit_ts) in &rows {
                leave(&mut reorder, Some(user));
                let head = RowHeader { commit_ts: Hlc(*commit_ts), tombstone: false, encrypted: false, expire_at: Hlc::ZERO };
                reorder.push(user, head, Position::at(0), 0);
            }
            leave(&mut reorder, None);
            let mut sorted: Vec<_> = rows.iter().map(|(user, ts)| encoded(user, *ts)).collect();
            sorted.sort();
            prop_assert_eq!(left, sorted);
        }
    }
}
