//! Where the rows of one family stand, every so many numbers: the walk looks up millions of them, and the index
//! of the store lie far apart where chunks take most of the input.

use crate::snapshot::RowLocation;

/// Most index, 32 bytes each.
const MOST: usize = 1 << 16;

/// Places of rows by the number in their key, ascending.
#[derive(Debug)]
pub(super) struct SparseIndex {
    most: usize,
    /// One offer of this many becomes a mark.
    spacing: u64,
    offers: u64,
    places: Vec<(u64, RowLocation)>,
}

impl Default for SparseIndex {
    fn default() -> Self {
        Self { most: MOST, spacing: 1, offers: 0, places: Vec::new() }
    }
}

impl SparseIndex {
    /// Offers the first row of the next greater number.
    pub(super) fn offer(&mut self, number: u64, place: RowLocation) {
        if self.offers.is_multiple_of(self.spacing) {
            if self.places.len() >= self.most {
                self.thin_out();
            }
            self.places.push((number, place));
        }
        self.offers += 1;
    }

    /// Returns a place from which a scan meets all rows of `number`.
    #[must_use]
    pub(super) fn at_or_before(&self, number: u64) -> Option<RowLocation> {
        let behind = self.places.partition_point(|(marked, _)| *marked <= number);
        self.places.get(behind.checked_sub(1)?).map(|(_, place)| *place)
    }

    /// Drops every other mark.
    fn thin_out(&mut self) {
        let mut kept = false;
        self.places.retain(|_| {
            kept = !kept;
            kept
        });
        self.spacing = self.spacing.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(offset: u64) -> RowLocation {
        RowLocation::new(0, offset)
    }

    #[test]
    fn a_mark_is_never_behind_the_number_that_is_looked_up() {
        for count in [0, 1, 7, 8, 9, 100, 1000] {
            let mut index = SparseIndex { most: 8, ..SparseIndex::default() };
            for number in 1..=count {
                index.offer(number * 10, place(number));
                assert!(index.places.len() <= 8);
            }
            assert!(count < 8 || index.places.len() >= 4);
            for number in 1..=count {
                for near in [number * 10, number * 10 + 9] {
                    assert!(index.at_or_before(near).is_some_and(|found| found.offset() <= number));
                }
            }
            assert_eq!(index.at_or_before(9), None);
        }
    }

    #[test]
    fn few_rows_are_all_marked() {
        let mut index = SparseIndex::default();
        for number in [0, 5, u64::MAX] {
            index.offer(number, place(number));
        }
        assert_eq!(index.at_or_before(4), Some(place(0)));
        assert_eq!(index.at_or_before(5), Some(place(5)));
        assert_eq!(index.at_or_before(u64::MAX), Some(place(u64::MAX)));
    }
}
