//! Names in SHA form: their records in `extra/KEYMAP.jsonl` and their warnings (`dynamodb.md` 10: D6, L5-L8).
//!
//! A path has one record however many items stand below it. Items of one hash need not come one after the other,
//! so the records of a table are sorted before they are passed on.

use crate::adapter::Context;
use crate::dump::{Scratch, Sorter};
use crate::error::Result;
use crate::report::Warning;

/// Memory of the records of one table, bytes.
const MEMORY: usize = 1 << 20;

/// Why a name is in SHA form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Reason {
    /// `dump.md` 2 asks for it: no warning.
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
    record: Vec<u8>,
}

impl Fallbacks {
    /// Returns an empty collection.
    pub fn new(scratch: &Scratch) -> Self {
        Self { records: Sorter::new(scratch, MEMORY), last: Vec::new(), record: Vec::new() }
    }

    /// Notes that the last component of `path`, counted from the dump root, stands for `original`.
    pub fn push(&mut self, path: &[u8], original: &[u8], reason: Reason) -> Result<()> {
        if self.last == path {
            return Ok(());
        }
        self.last.clear();
        self.last.extend_from_slice(path);
        self.record.clear();
        self.record.push(reason as u8);
        self.record.extend_from_slice(original);
        self.records.push(path, &self.record)?;
        Ok(())
    }

    /// Passes the records on, sorted by path, each once.
    pub fn finish(mut self, context: &mut Context<'_, '_>, table: &str) -> Result<()> {
        let mut last = Vec::new();
        let mut records = self.records.sort()?;
        while let Some((path, record)) = records.next()? {
            let Some((&reason, original)) = record.split_first().filter(|_| path != last) else { continue };
            last.clear();
            last.extend_from_slice(path);
            if !context.options.no_extra {
                context.keymap.push(path, original)?;
            }
            let reason = match reason {
                1 => "a directory cannot be named `.` or `..`",
                2 => "the plain name is taken by another item",
                3 => {
                    "a directory cannot be named `.` or `..`; the reference encoder refuses the whole tree for it"
                }
                _ => continue,
            };
            context.report.warn(
                Warning::new("ddb_name_fallback")
                    .with("table", table)
                    .with("path", String::from_utf8_lossy(path))
                    .with("reason", reason),
            );
        }
        Ok(())
    }
}
