//! Where the rows of a family stand: a few stretches of the input, so that a scan reads little else.

/// Stretches that stand closer together become one, bytes.
const GAP: u64 = 64 << 10;
/// Most stretches of one family; further rows extend the last one.
const MOST: usize = 256;

/// Stretches of one input, ascending, each from a row's first byte to the one behind a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stretches(Vec<(u64, u64)>);

impl Stretches {
    /// Adds a run of rows behind all others.
    pub(super) fn add(&mut self, start: u64, end: u64) {
        let full = self.0.len() >= MOST;
        match self.0.last_mut() {
            Some(last) if full || start <= last.1.saturating_add(GAP) => last.1 = end,
            _ => self.0.push((start, end)),
        }
    }

    /// Lists (start, end), offsets in the input.
    pub(super) fn to_vec(&self) -> Vec<(u64, u64)> {
        self.0.clone()
    }

    /// Cuts the stretches into at most `parts` lists of about equal length, at some of `places` (ascending).
    pub(super) fn cut(&self, places: impl Iterator<Item = u64>, parts: usize) -> Vec<Vec<(u64, u64)>> {
        let total: u64 = self.0.iter().map(|(start, end)| end - start).sum();
        let share = (total / u64::try_from(parts).unwrap_or(u64::MAX).max(1)).max(1);
        let mut places = places.peekable();
        let (mut lists, mut list, mut length) = (Vec::new(), Vec::new(), 0);
        for &(mut start, end) in &self.0 {
            while let Some(place) = places.next_if(|place| *place < end) {
                if place > start && length + (place - start) >= share && lists.len() + 1 < parts {
                    list.push((start, place));
                    lists.push(std::mem::take(&mut list));
                    (start, length) = (place, 0);
                }
            }
            list.push((start, end));
            length += end - start;
        }
        lists.push(list);
        lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_runs_become_one() {
        let mut stretches = Stretches::default();
        stretches.add(10, 20);
        stretches.add(20, 30);
        stretches.add(30 + GAP, 40 + GAP);
        stretches.add(41 + 2 * GAP, 50 + 2 * GAP);
        assert_eq!(stretches.0, [(10, 40 + GAP), (41 + 2 * GAP, 50 + 2 * GAP)]);
    }

    #[test]
    fn stretches_are_cut_into_equal_parts_at_the_places_given() {
        let stretches = Stretches(vec![(0, 100), (200, 400)]);
        let whole = vec![(0, 100), (200, 400)];
        assert_eq!(stretches.cut([50].into_iter(), 1), std::slice::from_ref(&whole));
        assert_eq!(stretches.cut([].into_iter(), 3), std::slice::from_ref(&whole));
        let cut = stretches.cut([20, 150, 250, 270, 390].into_iter(), 3);
        assert_eq!(cut, [vec![(0, 100), (200, 250)], vec![(250, 390)], vec![(390, 400)]]);
        let cut = stretches.cut(0..400, 3);
        assert_eq!(cut, [vec![(0, 100), (200, 201)], vec![(201, 301)], vec![(301, 400)]]);
    }

    #[test]
    fn their_number_is_bounded_and_nothing_is_left_out() {
        let mut stretches = Stretches::default();
        for run in 0..10_000_u64 {
            stretches.add(run * 2 * GAP, run * 2 * GAP + 5);
        }
        assert_eq!(stretches.0.len(), MOST);
        assert_eq!(stretches.0.last().unwrap().1, 9999 * 2 * GAP + 5);
    }
}
