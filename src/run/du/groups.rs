//! Sums by label, of a bounded number of labels.

use std::collections::BTreeMap;

use super::Usage;
use super::label;
use crate::limits;

/// Sums by [label](super::label).
#[derive(Debug, Default)]
pub(super) struct Groups {
    sums: BTreeMap<Vec<u8>, Usage>,
    /// The label that was added to last, and what is not in the sums yet: mostly the next one is the same.
    last: (Vec<u8>, Usage),
}

impl Groups {
    /// Adds to the sums of a label.
    #[inline]
    pub(super) fn add(&mut self, label: &[u8], add: impl FnOnce(&mut Usage)) {
        if self.last.0 != label {
            self.keep_last();
            self.last.0.extend_from_slice(label);
        }
        add(&mut self.last.1);
    }

    /// Adds what was added last to the sums.
    fn keep_last(&mut self) {
        let usage = std::mem::take(&mut self.last.1);
        if let Some(sum) = self.sums.get_mut(&self.last.0) {
            sum.add(&usage);
        } else if !self.last.0.is_empty() {
            if self.sums.len() >= limits::DU_PREFIXES {
                self.fold();
            }
            self.sums.entry(self.last.0.clone()).or_default().add(&usage);
        }
        self.last.0.clear();
    }

    /// Adds the sums of others.
    pub(super) fn absorb(&mut self, mut other: Self) {
        other.keep_last();
        for (label, usage) in other.sums {
            self.add(&label, |sum| sum.add(&usage));
        }
    }

    /// Counts the smaller half as one group of each table, bucket, queue or service.
    fn fold(&mut self) {
        let mut sizes: Vec<_> = self.sums.values().map(|usage| (usage.total(), usage.objects)).collect();
        sizes.sort_unstable();
        let middle = sizes.get(sizes.len() / 2).copied().unwrap_or_default();
        let (mut kept, mut folded) = (BTreeMap::new(), BTreeMap::<Vec<u8>, Usage>::new());
        for (label, usage) in std::mem::take(&mut self.sums) {
            if (usage.total(), usage.objects) > middle {
                kept.insert(label, usage);
            } else {
                folded.entry(label::rest(&label)).or_default().add(&usage);
            }
        }
        for (label, usage) in folded {
            kept.entry(label).or_default().add(&usage);
        }
        self.sums = kept;
    }

    /// Returns the sums, the largest first, equal ones by name.
    pub(super) fn finish(mut self) -> Vec<Usage> {
        self.keep_last();
        let named = |(label, usage): (Vec<u8>, Usage)| Usage { name: label::name(&label), ..usage };
        let mut all: Vec<_> = self.sums.into_iter().map(named).collect();
        all.sort_by(|one, other| other.total().cmp(&one.total()).then_with(|| one.name.cmp(&other.name)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Summary;
    use crate::run::du::label::Labels;

    #[test]
    fn too_many_groups_are_folded_and_nothing_is_lost() {
        let labels = Labels::new(1);
        let mut groups = Groups::default();
        let count = u64::try_from(3 * limits::DU_PREFIXES).unwrap();
        for number in 0..count {
            let key = format!("k{number}:x").into_bytes();
            let mut label = Vec::new();
            let object = Summary { service: "redis", name: key.into(), ..Summary::default() };
            labels.object(&object, &mut label).unwrap();
            groups.add(&label, |usage| {
                usage.bytes += 1 + 1_000_000 * u64::from(number == 5);
                usage.objects += 1;
            });
        }
        let all = groups.finish();
        assert!(all.len() <= limits::DU_PREFIXES, "{}", all.len());
        assert_eq!(all[0].name, "redis/k5:");
        assert_eq!(all.iter().map(|usage| usage.objects).sum::<u64>(), count);
        assert!(all.iter().any(|usage| usage.name == "redis/…" && usage.objects > count / 3));
    }
}
