//! Sorted elements, of equal names the last one: a legacy blob may repeat a name (`format/redis.md#messages`).

use crate::error::Result;
use crate::tree::Sorted;

/// Lends sorted elements, each name once.
#[derive(Debug)]
pub(super) struct Distinct<'s> {
    sorted: Sorted<'s>,
    /// Whether a name may come twice. Rows never repeat one, and need no copy.
    may_repeat: bool,
    /// The element that is lent, and the one behind it, which was read ahead.
    current: (Vec<u8>, Vec<u8>),
    ahead: (Vec<u8>, Vec<u8>),
    has_ahead: bool,
    repeated: u64,
}

impl<'s> Distinct<'s> {
    pub(super) fn new(sorted: Sorted<'s>, may_repeat: bool) -> Result<Self> {
        let mut distinct = Self {
            sorted,
            may_repeat,
            current: Default::default(),
            ahead: Default::default(),
            has_ahead: false,
            repeated: 0,
        };
        if may_repeat {
            distinct.read_ahead()?;
        }
        Ok(distinct)
    }

    /// Lends the next name and value.
    pub(super) fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        if !self.may_repeat {
            return Ok(self.sorted.next()?);
        }
        if !self.has_ahead {
            return Ok(None);
        }
        std::mem::swap(&mut self.current, &mut self.ahead);
        self.read_ahead()?;
        while self.has_ahead && self.ahead.0 == self.current.0 {
            std::mem::swap(&mut self.current, &mut self.ahead);
            self.repeated += 1;
            self.read_ahead()?;
        }
        Ok(Some((&self.current.0, &self.current.1)))
    }

    /// Returns how many elements were replaced so far.
    pub(super) fn repeated(&self) -> u64 {
        self.repeated
    }

    fn read_ahead(&mut self) -> Result<()> {
        let next = self.sorted.next()?;
        self.has_ahead = next.is_some();
        if let Some((name, value)) = next {
            self.ahead.0.clear();
            self.ahead.0.extend_from_slice(name);
            self.ahead.1.clear();
            self.ahead.1.extend_from_slice(value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Scratch, Sorter};

    fn distinct(elements: &[(&str, &str)], may_repeat: bool) -> (Vec<(String, String)>, u64) {
        let directory = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(&Scratch::new(directory.path().to_owned()), 1 << 16);
        for (name, value) in elements {
            sorter.push(name.as_bytes(), value.as_bytes()).unwrap();
        }
        let mut distinct = Distinct::new(sorter.sort().unwrap(), may_repeat).unwrap();
        let mut found = Vec::new();
        while let Some((name, value)) = distinct.next().unwrap() {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            found.push((text(name), text(value)));
        }
        assert!(distinct.next().unwrap().is_none());
        (found, distinct.repeated())
    }

    #[test]
    fn of_equal_names_the_last_one_counts() {
        assert_eq!(distinct(&[], true), (vec![], 0));
        let want = [("", "1"), ("a", "5"), ("b", "2")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let stored = [("a", "3"), ("", "1"), ("a", "4"), ("b", "2"), ("a", "5")];
        assert_eq!(distinct(&stored, true), (want.to_vec(), 2));
        assert_eq!(distinct(&[("b", "2"), ("a", "5"), ("", "1")], false), (want.to_vec(), 0));
    }
}
