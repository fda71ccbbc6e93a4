//! Rows of DynamoDB items by table and generation, as the first pass meets them: a scan of all items, to know which
//! generations have any, can be saved where this is known.

use super::scan::Met;
use crate::keyspace::dynamodb::ItemKey;
use crate::limits;

/// The rows of one generation of a table.
#[derive(Clone, Debug)]
pub(super) struct ItemRun {
    /// What their keys begin with.
    prefix: Vec<u8>,
    generation: u64,
    visible: u64,
    met: Met,
}

/// All runs of one input, in the order of their rows.
#[derive(Clone, Debug, Default)]
pub(super) struct ItemRuns {
    runs: Vec<ItemRun>,
    /// A key is malformed, or there are too many runs.
    incomplete: bool,
}

impl ItemRuns {
    /// Takes the next row of the family; its fingerprint where rows are compared.
    #[inline]
    pub(super) fn add(&mut self, key: &[u8], fingerprint: Option<u64>) {
        match self.runs.last_mut() {
            Some(run) if key.len() > run.prefix.len() && key.starts_with(&run.prefix) => {
                run.met.add(fingerprint);
            }
            _ => self.begin(key, fingerprint),
        }
    }

    /// The row that was taken last is visible.
    #[inline]
    pub(super) fn count_visible(&mut self) {
        if let Some(run) = self.runs.last_mut() {
            run.visible += 1;
        }
    }

    #[cold]
    fn begin(&mut self, key: &[u8], fingerprint: Option<u64>) {
        let run = ItemKey::parse(key).ok().and_then(|item| {
            let prefix = key.strip_suffix(item.primary)?;
            Some((prefix, item.generation)).filter(|(prefix, _)| prefix.len() <= limits::ITEM_RUN)
        });
        self.incomplete |= run.is_none() || self.runs.len() >= limits::ITEM_RUNS;
        let Some((prefix, generation)) = run.filter(|_| !self.incomplete) else {
            self.runs.clear();
            return;
        };
        let met = Met { rows: 1, fingerprints: fingerprint };
        self.runs.push(ItemRun { prefix: prefix.to_vec(), generation, visible: 0, met });
    }

    /// Lists table segment, generation and number of visible rows; `None` where not all are known.
    pub(super) fn list(&self) -> Option<impl Iterator<Item = (&[u8], u64, u64)>> {
        (!self.incomplete).then(|| {
            self.runs.iter().filter(|run| run.visible > 0).map(|run| {
                let segment = ItemKey::split_table(&run.prefix).map_or(&[][..], |(segment, _)| segment);
                (segment, run.generation, run.visible)
            })
        })
    }

    /// Returns what there is of the rows whose keys begin with this prefix, where that is a run.
    pub(super) fn of_prefix(&self, prefix: &[u8]) -> Option<Met> {
        let mut found = self.runs.iter().filter(|run| !self.incomplete && run.prefix == prefix);
        Some(found.next()?.met).filter(|_| found.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(keys: &[&[u8]]) -> ItemRuns {
        let mut runs = ItemRuns::default();
        for key in keys {
            runs.add(key, Some(3));
            runs.count_visible();
        }
        runs
    }

    #[test]
    fn rows_are_counted_by_table_and_generation() {
        let mut runs =
            runs(&[b"!ddb|item|dA|1|a", b"!ddb|item|dA|1|a|b", b"!ddb|item|dA|12|a", b"!ddb|item|dB|1|a"]);
        runs.add(b"!ddb|item|dC|1|a", Some(5));
        let list: Vec<_> = runs.list().unwrap().collect();
        assert_eq!(list, [(&b"dA"[..], 1, 2), (b"dA", 12, 1), (b"dB", 1, 1)]);
        assert_eq!(runs.of_prefix(b"!ddb|item|dA|1|"), Some(Met { rows: 2, fingerprints: Some(6) }));
        assert_eq!(runs.of_prefix(b"!ddb|item|dC|1|"), Some(Met { rows: 1, fingerprints: Some(5) }));
        assert_eq!(runs.of_prefix(b"!ddb|item|dA|"), None);
    }

    #[test]
    fn a_malformed_key_or_too_many_runs_tell_nothing() {
        for bad in [&b"!ddb|item|dA|1|"[..], b"!ddb|item|dA|01|a", b"!ddb|item|dA"] {
            let runs = runs(&[b"!ddb|item|dA|1|a", bad, b"!ddb|item|dB|1|a"]);
            assert!(runs.list().is_none(), "{}", bad.escape_ascii());
            assert_eq!(runs.of_prefix(b"!ddb|item|dA|1|"), None);
        }
        let keys: Vec<_> = (0..=limits::ITEM_RUNS).map(|number| format!("!ddb|item|dA|{number}|a")).collect();
        let keys: Vec<_> = keys.iter().map(String::as_bytes).collect();
        assert!(runs(&keys[1..]).list().is_some() && runs(&keys).list().is_none());
    }
}
