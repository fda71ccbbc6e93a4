//! What is worth a warning about the items of one table, counted while they are written (`reading/dynamodb.md#warnings`).

use std::collections::BTreeMap;

use crate::event::{Event, Warning};
use crate::excerpt;
use crate::model::dynamodb::Unservable;
use crate::report::Report;

/// Counts of one table.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Items that were written.
    pub items: u64,
    /// Protobuf fields that were skipped.
    pub unknown_fields: u64,
    unservable: BTreeMap<Unservable, (u64, String)>,
    mismatches: u64,
    first_mismatch: String,
    shadowed: BTreeMap<u64, u64>,
}

impl Counters {
    /// Counts an item that a server would fail on.
    pub(super) fn unservable(&mut self, reason: Unservable, path: &[u8]) {
        let path = || (0, excerpt::name(path));
        self.unservable.entry(reason).or_insert_with(path).0 += 1;
    }

    /// Counts an item whose row key is not that of its attributes.
    pub(super) fn mismatch(&mut self, key: &[u8]) {
        if self.mismatches == 0 {
            self.first_mismatch = excerpt::hex(key);
        }
        self.mismatches += 1;
    }

    /// Counts a row that lost to another row of its own generation.
    pub(super) fn shadowed(&mut self, generation: u64) {
        *self.shadowed.entry(generation).or_default() += 1;
    }

    /// Says what was counted.
    pub(super) fn warn(self, report: &mut Report<'_>, table: &str) {
        for (generation, count) in self.shadowed {
            let warning = Warning::new(Event::DDB_SHADOWED_ITEMS).with("table", table);
            report.warn(warning.with("generation", generation).with("count", count));
        }
        for (reason, (count, path)) in self.unservable {
            let warning = Warning::new(Event::DDB_UNSERVABLE_ITEMS).with("table", table).with("count", count);
            report.warn(warning.with("first_path", path).with("reason", reason.to_string()));
        }
        if self.unknown_fields > 0 {
            let warning = Warning::new(Event::DDB_UNKNOWN_FIELDS).with("table", table);
            report.warn(warning.with("count", self.unknown_fields));
        }
        if self.mismatches > 0 {
            let warning =
                Warning::new(Event::DDB_KEY_MISMATCH).with("table", table).with("count", self.mismatches);
            report.warn(warning.with("first_key", self.first_mismatch));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Scratch;

    fn events(counters: Counters) -> Vec<(&'static str, Vec<(&'static str, serde_json::Value)>)> {
        let directory = tempfile::tempdir().unwrap();
        let mut report = Report::new(&Scratch::new(directory.path().to_owned()), |_| {});
        counters.warn(&mut report, "t");
        report.warnings().iter().map(|warning| (warning.event.name(), warning.fields.clone())).collect()
    }

    #[test]
    fn each_reason_has_its_count_and_the_first_path() {
        let mut counters = Counters::default();
        counters.unservable(Unservable::EmptySet, b"first");
        counters.unservable(Unservable::Depth, b"deep");
        counters.unservable(Unservable::EmptySet, b"second");
        let fields = |count: u64, path: &str, reason: Unservable| {
            let reason = reason.to_string();
            let event = "ddb_unservable_items";
            let table = ("table", "t".into());
            (
                event,
                vec![table, ("count", count.into()), ("first_path", path.into()), ("reason", reason.into())],
            )
        };
        let want = [fields(1, "deep", Unservable::Depth), fields(2, "first", Unservable::EmptySet)];
        assert_eq!(events(counters), want);
    }

    #[test]
    fn the_first_mismatch_is_named() {
        let mut counters = Counters { unknown_fields: 3, ..Counters::default() };
        counters.mismatch(b"\x01a");
        counters.mismatch(b"\x02");
        counters.shadowed(7);
        let events = events(counters);
        let names: Vec<_> = events.iter().map(|(event, _)| *event).collect();
        assert_eq!(names, ["ddb_shadowed_items", "ddb_unknown_fields", "ddb_key_mismatch"]);
        assert_eq!(events[2].1[1..], [("count", 2.into()), ("first_key", "0161".into())]);
    }
}
