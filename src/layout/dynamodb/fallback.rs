//! Names in SHA form: their records in `extra/KEYMAP.jsonl` and their warnings (`compat.md#two-items-of-one-file-name`, `compat.md#dot-segments`, `compat.md#fallback-names-without-a-record`, `compat.md#tables-named-dot`, `compat.md#empty-hash-keys`).
//!
//! A path has one record however many items stand below it. Items of one hash need not come one after the other,
//! so the records of a table are sorted before they are passed on.

use crate::bug::Bug;
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::excerpt;
use crate::layout::ExtraKeymap;
use crate::report::Report;
use crate::tree::{Scratch, Sorter};

/// Memory of the records of one table, bytes.
const MEMORY: usize = 1 << 20;

/// Bytes of an item's number, and of what parts it from the path.
const NUMBER: usize = 9;
/// A record of the sorter is not as it was written.
const RECORD: Bug = Bug::new("a record of a DynamoDB name does not read back");

/// Why a name is in SHA form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Reason {
    /// `tree/names.md#segments` asks for it: no warning.
    Encoding,
    /// A directory cannot be named `.` or `..`.
    Dot,
    /// The plain name is taken by another item.
    Taken,
    /// A table cannot be named `.` or `..` in the tree.
    DotTable,
}

/// The names in SHA form of one table.
#[derive(Debug)]
pub(super) struct Fallbacks {
    records: Sorter,
    last: Vec<u8>,
    key: Vec<u8>,
    record: Vec<u8>,
}

impl Fallbacks {
    /// Returns an empty collection.
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { records: Sorter::new(scratch, MEMORY), last: Vec::new(), key: Vec::new(), record: Vec::new() }
    }

    /// Notes that the last component of `path`, counted from the dump root, stands for `original` in the name of the
    /// table's item of this number. What the least number says of a path counts.
    pub(super) fn push(&mut self, path: &[u8], original: &[u8], reason: Reason, number: u64) -> Result<()> {
        self.key.clear();
        self.key.extend_from_slice(path);
        self.key.push(0);
        self.key.extend_from_slice(&number.to_be_bytes());
        if self.last.starts_with(path) && self.last.len() == self.key.len() && self.last <= self.key {
            return Ok(());
        }
        self.record.clear();
        self.record.push(reason as u8);
        self.record.extend_from_slice(original);
        self.records.push(&self.key, &self.record)?;
        std::mem::swap(&mut self.last, &mut self.key);
        Ok(())
    }

    /// Passes the records on, sorted by path, each once; to no keymap with `--no-extra`.
    pub(super) fn finish(
        mut self,
        mut keymap: Option<&mut ExtraKeymap>,
        report: &mut Report<'_>,
        table: &str,
    ) -> Result<()> {
        let mut last = Vec::new();
        let mut records = self.records.sort()?;
        while let Some((key, record)) = records.next()? {
            let Some(path) = key.split_last_chunk().map(|(path, _): (_, &[u8; NUMBER])| path) else {
                return Err(RECORD.at((key, record)).into());
            };
            let Some((&reason @ 0..=3, original)) = record.split_first() else {
                return Err(RECORD.at((key, record)).into());
            };
            if path == last {
                continue;
            }
            last.clear();
            last.extend_from_slice(path);
            if let Some(keymap) = &mut keymap {
                keymap.push(path, original)?;
            }
            let reason = match reason {
                0 => continue,
                1 => "a directory cannot be named `.` or `..`",
                2 => "the plain name is taken by another item",
                _ => {
                    "a directory cannot be named `.` or `..`; the reference encoder refuses the whole tree for it"
                }
            };
            report.warn(
                Warning::new(Event::DDB_NAME_FALLBACK)
                    .with("table", table)
                    .with("path", excerpt::name(path))
                    .with("reason", reason),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_record_is_a_fault_of_the_program() {
        let key = b"path\0\0\0\0\0\0\0\0\x01";
        for (key, record) in [(&b"short"[..], &b"\0"[..]), (key, b""), (key, b"\x04original")] {
            let scratch = Scratch::default();
            let mut fallbacks = Fallbacks::new(&scratch);
            fallbacks.records.push(key, record).unwrap();
            let finished = fallbacks.finish(None, &mut Report::new(&scratch, |_| {}), "t");
            assert!(
                matches!(finished, Err(crate::Error::Internal(bug)) if bug.place().is_some()),
                "{record:?}"
            );
        }
    }

    #[test]
    fn a_path_has_one_record_and_one_warning_however_often_it_comes_up() {
        let directory = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(directory.path().to_owned());
        let mut fallbacks = Fallbacks::new(&scratch);
        for (path, original, reason) in [
            (&b"d/b"[..], &b"b"[..], Reason::Dot),
            (b"d/b", b"b", Reason::Dot),
            (b"d/a", b"a", Reason::Encoding),
            (b"d/b", b"b", Reason::Dot),
            (b"d/c", b"", Reason::Taken),
        ] {
            fallbacks.push(path, original, reason, 1).unwrap();
        }
        let mut keymap = ExtraKeymap::new(&scratch);
        let mut report = Report::new(&scratch, |_| {});
        fallbacks.finish(Some(&mut keymap), &mut report, "t").unwrap();
        let mut lines = String::new();
        let mut records = keymap.records().sort().unwrap();
        while let Some((_, line)) = records.next().unwrap() {
            lines.push_str(std::str::from_utf8(line).unwrap());
        }
        assert_eq!(
            lines,
            "{\"encoded\":\"d/a\",\"original\":\"YQ\",\"kind\":\"sha-fallback\"}\n\
             {\"encoded\":\"d/b\",\"original\":\"Yg\",\"kind\":\"sha-fallback\"}\n\
             {\"encoded\":\"d/c\",\"original\":\"\",\"kind\":\"sha-fallback\"}\n"
        );
        let paths: Vec<_> = report.warnings().iter().map(|warning| warning.fields[1].1.clone()).collect();
        assert_eq!(paths, ["d/b", "d/c"]);
    }
}
