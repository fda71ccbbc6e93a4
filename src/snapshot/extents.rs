//! Where the rows of a family stand: a few stretches of the input, so that a scan reads little else.

use crate::container::Position;

/// Stretches that stand closer together become one, bytes.
const GAP: u64 = 64 << 10;
/// Most stretches of one family; further rows extend the last one.
const MOST: usize = 256;

/// Stretches of one input, ascending, each from a row's first byte to the one behind a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extents(Vec<(Position, Position)>);

impl Extents {
    /// Adds a run of rows behind all others.
    pub(super) fn add(&mut self, start: Position, end: Position) {
        let full = self.0.len() >= MOST;
        match self.0.last_mut() {
            Some(last) if full || last.1.bytes_to(start) <= GAP => last.1 = end,
            _ => self.0.push((start, end)),
        }
    }

    /// Lists (start, end).
    pub(super) fn to_vec(&self) -> Vec<(Position, Position)> {
        self.0.clone()
    }

    /// Returns the stretches from a row boundary on.
    pub(super) fn from(&self, start: Position) -> Self {
        let behind = self.0.iter().filter(|(_, end)| *end > start);
        Self(behind.map(|(begin, end)| (start.max(*begin), *end)).collect())
    }

    /// Returns the length of all stretches, bytes.
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|(start, end)| start.bytes_to(*end)).sum()
    }

    /// Cuts the stretches into at most `parts` lists of about equal length, at some of `places` (ascending).
    pub(super) fn cut(
        &self,
        places: impl Iterator<Item = Position>,
        parts: usize,
    ) -> Vec<Vec<(Position, Position)>> {
        let share = (self.len() / u64::try_from(parts).unwrap_or(u64::MAX).max(1)).max(1);
        let mut places = places.peekable();
        let (mut lists, mut list, mut length) = (Vec::new(), Vec::new(), 0);
        for &(mut start, end) in &self.0 {
            while let Some(place) = places.next_if(|place| *place < end) {
                if place > start && length + start.bytes_to(place) >= share && lists.len() + 1 < parts {
                    list.push((start, place));
                    lists.push(std::mem::take(&mut list));
                    (start, length) = (place, 0);
                }
            }
            list.push((start, end));
            length += start.bytes_to(end);
        }
        lists.push(list);
        lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(list: &[(u64, u64)]) -> Vec<(Position, Position)> {
        list.iter().map(|(start, end)| (Position::at(*start), Position::at(*end))).collect()
    }

    fn add(extents: &mut Extents, start: u64, end: u64) {
        extents.add(Position::at(start), Position::at(end));
    }

    #[test]
    fn close_runs_become_one() {
        let mut extents = Extents::default();
        add(&mut extents, 10, 20);
        add(&mut extents, 20, 30);
        add(&mut extents, 30 + GAP, 40 + GAP);
        add(&mut extents, 41 + 2 * GAP, 50 + 2 * GAP);
        assert_eq!(extents.0, at(&[(10, 40 + GAP), (41 + 2 * GAP, 50 + 2 * GAP)]));
    }

    #[test]
    fn stretches_are_cut_into_equal_parts_at_the_places_given() {
        let extents = Extents(at(&[(0, 100), (200, 400)]));
        let cut = |places: &[u64], parts| extents.cut(places.iter().copied().map(Position::at), parts);
        let whole = at(&[(0, 100), (200, 400)]);
        assert_eq!(cut(&[50], 1), std::slice::from_ref(&whole));
        assert_eq!(cut(&[], 3), std::slice::from_ref(&whole));
        let lists = cut(&[20, 150, 250, 270, 390], 3);
        assert_eq!(lists, [at(&[(0, 100), (200, 250)]), at(&[(250, 390)]), at(&[(390, 400)])]);
        let lists = cut(&(0..400).collect::<Vec<_>>(), 3);
        assert_eq!(lists, [at(&[(0, 100), (200, 201)]), at(&[(201, 301)]), at(&[(301, 400)])]);
    }

    #[test]
    fn their_number_is_bounded_and_nothing_is_left_out() {
        let mut extents = Extents::default();
        for run in 0..10_000_u64 {
            add(&mut extents, run * 2 * GAP, run * 2 * GAP + 5);
        }
        assert_eq!(extents.0.len(), MOST);
        assert_eq!(extents.0.last().unwrap().1.offset(), 9999 * 2 * GAP + 5);
    }
}
