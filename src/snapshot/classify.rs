//! The family of each key of a scan: like [`Family::of`], but neighbours are mostly of one family.

use crate::keyspace::{FAMILIES, Family, FamilyInfo};

/// Classifies keys, and remembers the last answer.
#[derive(Clone, Debug)]
pub(super) struct Classifier {
    family: Family,
    info: Option<&'static FamilyInfo>,
    /// Longer prefixes and exact keys that begin with this family's prefix.
    nested: Vec<&'static FamilyInfo>,
}

impl Default for Classifier {
    fn default() -> Self {
        Self { family: Family::Bare, info: None, nested: Vec::new() }
    }
}

impl Classifier {
    /// Classifies a user key.
    #[inline]
    pub(super) fn of(&mut self, user_key: &[u8]) -> Family {
        if user_key.first() != Some(&b'!') {
            return Family::Bare;
        }
        let same = self.info.is_some_and(|info| {
            user_key.starts_with(info.prefix)
                && (!info.exact || user_key.len() == info.prefix.len())
                && !self.nested.iter().any(|nested| user_key.starts_with(nested.prefix))
        });
        if same { self.family } else { self.look_up(user_key) }
    }

    #[cold]
    fn look_up(&mut self, user_key: &[u8]) -> Family {
        self.family = Family::of(user_key);
        self.info = self.family.info();
        self.nested.clear();
        if let Some(own) = self.info {
            let longer = |info: &&FamilyInfo| {
                info.prefix.len() > own.prefix.len() && info.prefix.starts_with(own.prefix)
            };
            self.nested.extend(FAMILIES.iter().filter(longer));
        }
        self.family
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = Vec<u8>> {
        let prefix = (0..FAMILIES.len()).prop_map(|at| FAMILIES[at].prefix.to_vec());
        let tail = proptest::collection::vec(prop_oneof![Just(b'|'), Just(b'd'), Just(b'p'), Just(0)], 0..4);
        (prefix, tail, 0..4_usize).prop_map(|(mut key, tail, cut)| {
            key.truncate(key.len() - cut);
            key.extend(tail);
            key
        })
    }

    proptest! {
        #[test]
        fn the_answer_never_depends_on_the_keys_before(keys in proptest::collection::vec(key(), 1..40)) {
            let mut classifier = Classifier::default();
            for key in &keys {
                prop_assert_eq!(classifier.of(key), Family::of(key));
            }
        }
    }

    #[test]
    fn nested_families_are_told_apart_within_a_run() {
        let mut classifier = Classifier::default();
        for (key, family) in [
            (&b"!hs|meta|\0\0\0\x01k"[..], Family::HashMeta),
            (b"!hs|meta|d|\0\0\0\x01k", Family::HashDelta),
            (b"!hs|meta|e", Family::HashMeta),
            (b"!fs|usage", Family::FsUsage),
            (b"!fs|usage|route|", Family::FsUsageRoute),
            (b"!fs|usag", Family::Unknown),
            (b"", Family::Bare),
        ] {
            assert_eq!(classifier.of(key), family);
        }
    }
}
