//! A part of the families: scans of a snapshot that is asked for one object pass by the rows of all others.
//!
//! In: families, each with what the keys of the wanted rows begin with. Out: for each scan the prefixes that are left.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::keyspace::Family;

/// Says which rows are lent.
pub trait RowFilter: std::fmt::Debug + Send + Sync {
    /// Whether the rows of a key of a family are.
    fn passes(&self, family: Family, key: &[u8]) -> bool;
}

/// What the keys that are wanted begin with, by family; families without an entry are whole. Scans of visible entries
/// lend only rows that pass the filter, if there is one.
#[derive(Clone, Debug, Default)]
pub struct Focus {
    prefixes: BTreeMap<Family, Vec<Vec<u8>>>,
    filter: Option<Arc<dyn RowFilter>>,
}

impl Focus {
    /// Passes by all rows but those that pass a filter.
    #[must_use]
    pub fn passing(filter: Arc<dyn RowFilter>) -> Self {
        Self { filter: Some(filter), ..Self::default() }
    }

    /// Whether nothing is passed by.
    pub(super) fn is_everything(&self) -> bool {
        self.prefixes.is_empty() && self.filter.is_none()
    }

    /// Returns the filter of rows.
    pub(super) fn filter(&self) -> Option<&dyn RowFilter> {
        self.filter.as_deref()
    }

    /// Narrows a family to keys with one of these prefixes, which begin with that of the family; without prefixes to
    /// none. No key with one of them may belong to another family.
    pub fn narrow(&mut self, family: Family, mut prefixes: Vec<Vec<u8>>) {
        prefixes.sort_unstable();
        // What begins with another one's bytes comes right behind it.
        prefixes.dedup_by(|next, first| next.starts_with(first));
        self.prefixes.insert(family, prefixes);
    }

    /// Returns the prefixes of a family in their order; `None` where it is whole.
    pub(super) fn of_family(&self, family: Family) -> Option<VecDeque<Vec<u8>>> {
        self.prefixes.get(&family).map(|prefixes| prefixes.iter().cloned().collect())
    }

    /// Returns what is left of the keys with a prefix.
    pub(super) fn of_prefix(&self, prefix: &[u8]) -> VecDeque<Vec<u8>> {
        match self.prefixes.get(&Family::of(prefix)) {
            None => VecDeque::from([prefix.to_vec()]),
            Some(prefixes) if prefixes.iter().any(|wanted| prefix.starts_with(wanted)) => {
                VecDeque::from([prefix.to_vec()])
            }
            Some(prefixes) => prefixes.iter().filter(|wanted| wanted.starts_with(prefix)).cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_are_narrowed_to_what_both_want() {
        let mut focus = Focus::default();
        let bytes = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
        focus.narrow(
            Family::RedisString,
            bytes(&["!redis|str|b", "!redis|str|a", "!redis|str|ab", "!redis|str|b"]),
        );
        focus.narrow(Family::RedisHll, Vec::new());
        assert_eq!(focus.of_family(Family::RedisString).unwrap(), bytes(&["!redis|str|a", "!redis|str|b"]));
        assert_eq!(focus.of_family(Family::RedisHll).unwrap(), bytes(&[]));
        assert_eq!(focus.of_family(Family::RedisTtl), None);
        for (prefix, left) in [
            ("!redis|str|", &["!redis|str|a", "!redis|str|b"][..]),
            ("!redis|str|abc", &["!redis|str|abc"]),
            ("!redis|str|c", &[]),
            ("!redis|hll|a", &[]),
            ("!redis|ttl|a", &["!redis|ttl|a"]),
            ("a", &["a"]),
        ] {
            assert_eq!(focus.of_prefix(prefix.as_bytes()), bytes(left), "{prefix}");
        }
    }
}
