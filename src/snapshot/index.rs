//! A sparse index over one input: a key and a position every so many KiB, few enough to stay small.

use crate::container::Position;

/// How large an index gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexShape {
    /// Bytes of the input between two marks, at first; doubles when there are too many marks.
    pub spacing: u64,
    /// Most marks.
    pub marks: usize,
    /// Bytes of a key that are kept.
    pub key: usize,
}

impl Default for IndexShape {
    fn default() -> Self {
        Self { spacing: 16 << 10, marks: 16 << 10, key: 192 }
    }
}

/// The marks of one input, ascending.
#[derive(Clone, Debug)]
pub(super) struct Index {
    shape: IndexShape,
    due: u64,
    marks: Vec<Mark>,
    /// All kept keys, one behind the other.
    keys: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    position: Position,
    key_start: usize,
    key_len: usize,
    truncated: bool,
    clear: bool,
}

impl Index {
    /// Returns an empty index.
    pub(super) fn new(shape: IndexShape) -> Self {
        Self { shape, due: 0, marks: Vec::new(), keys: Vec::new() }
    }

    /// Offers the next row for a mark. `clear`: no key before it can get rows behind it.
    #[inline]
    pub(super) fn offer(&mut self, position: Position, key: &[u8], clear: bool) {
        if position.offset() >= self.due {
            self.mark(position, key, clear);
        }
    }

    #[cold]
    fn mark(&mut self, position: Position, key: &[u8], clear: bool) {
        if self.marks.len() >= self.shape.marks {
            self.thin_out();
        }
        let kept = key.get(..self.shape.key).unwrap_or(key);
        let (key_start, key_len) = (self.keys.len(), kept.len());
        self.keys.extend_from_slice(kept);
        self.marks.push(Mark { position, key_start, key_len, truncated: kept.len() < key.len(), clear });
        self.due = position.offset().saturating_add(self.shape.spacing);
    }

    /// Drops every other mark.
    fn thin_out(&mut self) {
        self.shape.spacing = self.shape.spacing.saturating_mul(2);
        let keys = std::mem::take(&mut self.keys);
        let marks = std::mem::take(&mut self.marks);
        for mark in marks.into_iter().step_by(2) {
            let key_start = self.keys.len();
            self.keys.extend_from_slice(
                keys.get(mark.key_start..).and_then(|key| key.get(..mark.key_len)).unwrap_or_default(),
            );
            self.marks.push(Mark { key_start, ..mark });
        }
    }

    fn key(&self, mark: &Mark) -> &[u8] {
        self.keys.get(mark.key_start..mark.key_start + mark.key_len).unwrap_or_default()
    }

    /// Returns the position of the last mark whose key is `target` or less for certain: a walk from there meets
    /// every key from `target` on.
    pub(super) fn at_or_before(&self, target: &[u8]) -> Option<Position> {
        // Of a truncated key only the beginning is known: where `target` begins with it, the mark may stand
        // behind `target`. The marks for which that is so are adjacent, hence the partition.
        let behind = self.marks.partition_point(|mark| {
            let key = self.key(mark);
            key <= target && !(mark.truncated && target.starts_with(key))
        });
        Some(self.marks.get(behind.checked_sub(1)?)?.position)
    }

    /// Returns the position of the last mark at `position` or before it.
    pub(super) fn mark_before(&self, position: Position) -> Option<Position> {
        let behind = self.marks.partition_point(|mark| mark.position <= position);
        Some(self.marks.get(behind.checked_sub(1)?)?.position)
    }

    /// Lists the positions at which a scan can be split.
    pub(super) fn splits(&self) -> impl Iterator<Item = Position> {
        self.marks.iter().filter(|mark| mark.clear).map(|mark| mark.position)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: IndexShape = IndexShape { spacing: 10, marks: 8, key: 3 };

    #[test]
    fn marks_are_thinned_out_to_stay_few() {
        let mut index = Index::new(SMALL);
        for row in 0..1000_u64 {
            index.offer(Position::at(row * 5), &row.to_be_bytes(), row % 2 == 0);
            assert!(index.marks.len() <= 8);
            assert!(index.keys.len() <= 24);
        }
        assert_eq!(index.marks[0].position, Position::at(0));
        assert!(index.marks.len() >= 4);
        assert!(index.marks.windows(2).all(|pair| pair[0].position < pair[1].position));
        assert!(index.marks.iter().all(|mark| mark.truncated));
    }

    #[test]
    fn a_truncated_key_is_never_taken_for_less_than_it_is() {
        let mut index = Index::new(IndexShape { spacing: 1, ..SMALL });
        for (at, key) in [&b"aa"[..], b"abc", b"abcd", b"abcz", b"b"].into_iter().enumerate() {
            index.offer(Position::at(at as u64), key, true);
        }
        assert_eq!(index.at_or_before(b""), None);
        assert_eq!(index.at_or_before(b"a"), None);
        assert_eq!(index.at_or_before(b"aa"), Some(Position::at(0)));
        assert_eq!(index.at_or_before(b"abc"), Some(Position::at(1)));
        assert_eq!(
            index.at_or_before(b"abce"),
            Some(Position::at(1)),
            "abcz begins like it and may be greater"
        );
        assert_eq!(index.at_or_before(b"abd"), Some(Position::at(3)));
        assert_eq!(index.at_or_before(b"b"), Some(Position::at(4)));
        assert_eq!(index.at_or_before(b"zzzz"), Some(Position::at(4)));
    }

    #[test]
    fn marks_are_found_by_offset() {
        let mut index = Index::new(SMALL);
        for row in 0..4_u64 {
            index.offer(Position::at(100 + row * 10), &[1], row != 2);
        }
        assert_eq!(index.mark_before(Position::at(99)), None);
        assert_eq!(index.mark_before(Position::at(100)), Some(Position::at(100)));
        assert_eq!(index.mark_before(Position::at(119)), Some(Position::at(110)));
        assert_eq!(index.mark_before(Position::at(u64::MAX)), Some(Position::at(130)));
        assert_eq!(index.splits().collect::<Vec<_>>(), [100, 110, 130].map(Position::at));
    }

    proptest! {
        #[test]
        fn a_seek_never_lands_behind_its_target(
            keys in proptest::collection::btree_set(proptest::collection::vec(0..3_u8, 0..7), 1..80),
            target in proptest::collection::vec(0..3_u8, 0..7),
        ) {
            let keys: Vec<_> = keys.into_iter().collect();
            let mut index = Index::new(IndexShape { spacing: 1, marks: 16, key: 3 });
            for (at, key) in keys.iter().enumerate() {
                index.offer(Position::at(at as u64), key, true);
            }
            if let Some(at) = index.at_or_before(&target) {
                prop_assert!(keys[usize::try_from(at.offset()).unwrap()] <= target);
            }
        }
    }
}
