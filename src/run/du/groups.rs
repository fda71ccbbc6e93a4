//! Sums by label, of a bounded number of labels.

use std::collections::BTreeMap;

use super::Usage;
use super::label;
use crate::limits;

/// Sums by [label](super::label).
#[derive(Debug, Default)]
pub(super) struct Groups {
    sums: BTreeMap<Vec<u8>, Usage>,
}

impl Groups {
    /// Adds to the sums of a label.
    pub(super) fn add(&mut self, label: &[u8], add: impl FnOnce(&mut Usage)) {
        if let Some(usage) = self.sums.get_mut(label) {
            return add(usage);
        }
        if self.sums.len() >= limits::DU_PREFIXES {
            self.fold();
        }
        add(self.sums.entry(label.to_vec()).or_default());
    }

    /// Adds the sums of others.
    pub(super) fn absorb(&mut self, other: Self) {
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
    pub(super) fn finish(self) -> Vec<Usage> {
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
            let label =
                labels.object(&Summary { service: "redis", name: key.into(), ..Summary::default() }).unwrap();
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
