//! What the first pass found worth a warning, in bounded memory.

use serde_json::Value;

use crate::event::{Event, Warning};
use crate::excerpt;
use crate::keyspace::{Family, Role};
use crate::limits;

use super::stats::FamilyStats;

/// Warnings of one input, in row order: the first of each event, the rest counted.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstPassWarnings {
    malformed: Capped,
    over_limit: Capped,
    malformed_keys: std::collections::BTreeMap<Family, u64>,
    above_watermark: u64,
}

/// Warnings of one event: the first ones, and the number of all.
#[derive(Clone, Debug, Default)]
pub(super) struct Capped {
    kept: Vec<Warning>,
    total: u64,
}

impl Capped {
    pub(super) fn push(&mut self, warning: impl FnOnce() -> Warning) {
        self.total += 1;
        if self.total <= limits::WARNINGS_PER_EVENT {
            self.kept.push(warning());
        }
    }

    /// Lists what was kept, and one more warning with the number of all when some were not.
    pub(super) fn list(&self, event: Event, into: &mut Vec<Warning>) {
        into.extend(self.kept.iter().cloned());
        if self.total > limits::WARNINGS_PER_EVENT {
            into.push(Warning::new(event).with("count", self.total));
        }
    }
}

impl FirstPassWarnings {
    #[cold]
    pub(super) fn malformed_operational(&mut self, key: &[u8], length: usize) {
        let key = key.escape_ascii().to_string();
        self.malformed
            .push(|| Warning::new(Event::META_ROW_MALFORMED).with("key", key).with("length", length));
    }

    #[cold]
    pub(super) fn over_limit(&mut self, key: &[u8], key_len: usize, value_len: usize, offset: u64) {
        self.over_limit.push(|| {
            Warning::new(Event::OVER_RESTORE_LIMIT)
                .with("key", shown(key))
                .with("key_len", key_len)
                .with("value_len", value_len)
                .with("offset", offset)
        });
    }

    #[cold]
    pub(super) fn malformed_key(&mut self, family: Family) {
        *self.malformed_keys.entry(family).or_default() += 1;
    }

    #[inline]
    pub(super) fn above_watermark(&mut self) {
        self.above_watermark += 1;
    }

    /// Lists the warnings in the order of their events.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let mut all = Vec::new();
        self.malformed.list(Event::META_ROW_MALFORMED, &mut all);
        if self.above_watermark > 0 {
            all.push(Warning::new(Event::VERSION_ABOVE_WATERMARK).with("count", self.above_watermark));
        }
        self.over_limit.list(Event::OVER_RESTORE_LIMIT, &mut all);
        for (family, count) in &self.malformed_keys {
            all.push(
                Warning::new(Event::INTERNAL_KEY_MALFORMED)
                    .with("prefix", family.name())
                    .with("count", *count),
            );
        }
        all
    }
}

/// Lists the warnings that follow from the counts: families set aside by published designs.
pub(super) fn reserved(stats: &[FamilyStats]) -> impl Iterator<Item = Warning> {
    Family::all()
        .filter(|family| family.kind() == Role::Reserved)
        .filter(|family| stats.get(family.index()).is_some_and(|stats| stats.rows > 0))
        .map(|family| Warning::new(Event::RESERVED_FAMILY_PRESENT).with("prefix", family.name()))
}

/// Returns the first bytes of a key in hex.
pub(super) fn shown(key: &[u8]) -> Value {
    excerpt::hex(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_first_hundred_only_the_number_is_kept() {
        let mut warnings = FirstPassWarnings::default();
        for offset in 0..100 {
            warnings.over_limit(b"k", 1, 2, offset);
        }
        assert_eq!(warnings.warnings().len(), 100);
        for offset in 100..250 {
            warnings.over_limit(&[0xab; 5000], 5000, 2, offset);
        }
        let warnings = warnings.warnings();
        assert_eq!(warnings.len(), 101);
        assert_eq!(warnings[100], Warning::new(Event::OVER_RESTORE_LIMIT).with("count", 250));
        let names: Vec<_> = warnings[0].fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["key", "key_len", "value_len", "offset"]);
    }

    #[test]
    fn reserved_families_are_named_once() {
        let mut stats = vec![FamilyStats::default(); Family::COUNT];
        stats[Family::Migfence.index()].rows = 7;
        stats[Family::DistRoute.index()].rows = 7;
        let warnings: Vec<_> = reserved(&stats).collect();
        assert_eq!(warnings, [Warning::new(Event::RESERVED_FAMILY_PRESENT).with("prefix", "!migfence|")]);
    }
}
