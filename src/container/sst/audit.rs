//! What a first walk compares with the manifest, the indexes and the properties (`format/container.md#sst-ingest-bundle`).

use super::bundle::Bundle;
use super::corrupt;
use super::index::Index;
use super::table::Table;
use crate::container::{ErrorKind, Excerpt};
use crate::limits;

/// Counts of a first walk.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// Rows of the current table, bytes of their keys and values, and of those before the last row.
    table_rows: u64,
    table_bytes: u64,
    before_last: u64,
    /// The same of the tables before it.
    rows: u64,
    bytes: u64,
    /// Whether the current block had no row yet.
    block_begins: bool,
}

impl Audit {
    /// A block begins.
    pub(super) fn block(&mut self) {
        self.block_begins = true;
    }

    /// Looks at a row.
    #[inline]
    pub(super) fn row(
        &mut self,
        table: &Table,
        index: Option<&Index>,
        key: &[u8],
        value_len: usize,
    ) -> Result<(), ErrorKind> {
        if self.block_begins {
            self.first_of_block(table, index, key)?;
        }
        self.table_rows += 1;
        self.before_last = self.table_bytes;
        self.table_bytes = self.table_bytes.saturating_add((key.len() + value_len) as u64);
        if self.before_last > limits::TABLE_ROWS {
            let (what, found, limit) = ("rows of a table", self.before_last, limits::TABLE_ROWS);
            return Err(ErrorKind::LengthOverLimit { what, found, limit });
        }
        Ok(())
    }

    fn first_of_block(&mut self, table: &Table, index: Option<&Index>, key: &[u8]) -> Result<(), ErrorKind> {
        self.block_begins = false;
        if self.table_rows == 0 && key != table.smallest {
            let (found, expected) = (Excerpt::of(key), Excerpt::of(&table.smallest));
            return Err(corrupt(format!("the first key is {found}, the manifest says {expected}")));
        }
        match index.and_then(Index::passed) {
            Some(passed) if key <= passed => {
                let (found, passed) = (Excerpt::of(key), Excerpt::of(passed));
                Err(corrupt(format!("key {found} is in a block of keys after {passed}, says the index")))
            }
            _ => Ok(()),
        }
    }

    /// Looks at the last key of a block.
    pub(super) fn block_ends(&self, index: &Index, last: &[u8]) -> Result<(), ErrorKind> {
        if self.block_begins {
            return Err(corrupt("a block without entries"));
        }
        if last > index.separator() {
            let (found, separator) = (Excerpt::of(last), Excerpt::of(index.separator()));
            return Err(corrupt(format!(
                "key {found} is in a block of keys up to {separator}, says the index"
            )));
        }
        Ok(())
    }

    /// Looks at a table of which all rows were walked; `data_end`: offset in the table after its last block.
    pub(super) fn table_ends(
        &mut self,
        table: &Table,
        index: &Index,
        last: &[u8],
        data_end: u64,
    ) -> Result<(), ErrorKind> {
        let rows = std::mem::take(&mut self.table_rows);
        if rows == 0 || last != table.largest {
            let (found, expected) = (Excerpt::of(last), Excerpt::of(&table.largest));
            return Err(corrupt(format!("the last key is {found}, the manifest says {expected}")));
        }
        if rows != table.entries {
            let expected = table.entries;
            return Err(corrupt(format!("{rows} entries, its properties say {expected}")));
        }
        if data_end > index.lowest() {
            let lowest = index.lowest();
            return Err(corrupt(format!("data up to {data_end:#x}, an index block at {lowest:#x}")));
        }
        self.rows = self.rows.saturating_add(rows);
        self.bytes = self.bytes.saturating_add(std::mem::take(&mut self.table_bytes));
        Ok(())
    }

    /// Looks at the bundle as a whole.
    pub(super) fn ends(&self, bundle: &Bundle) -> Result<(), ErrorKind> {
        let manifest = bundle.manifest();
        for (name, expected, found) in [
            ("entry_count", manifest.entry_count, self.rows),
            ("uncompressed_bytes", manifest.uncompressed_bytes, self.bytes),
        ] {
            if expected != found {
                let what = format!("{name} is {expected}, the tables hold {found}");
                return Err(ErrorKind::CorruptBundle { what });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::handle::Handle;
    use super::*;

    #[test]
    fn a_table_does_not_make_any_number_of_rows_out_of_shared_beginnings() {
        let table = Table {
            number: 0,
            start: 0,
            end: 100,
            sha256: [0; 32],
            smallest: Vec::new(),
            largest: Vec::new(),
            index: Handle { offset: 0, len: 0 },
            two_levels: false,
            entries: 3,
        };
        let mut audit = Audit::default();
        let half = usize::try_from(limits::TABLE_ROWS / 2).unwrap();
        audit.row(&table, None, b"", half).unwrap();
        audit.row(&table, None, b"", half).unwrap();
        // The last row may be of any size.
        audit.row(&table, None, b"", usize::try_from(limits::LENGTH).unwrap()).unwrap();
        let error = audit.row(&table, None, b"", 0).unwrap_err();
        assert!(matches!(error, ErrorKind::LengthOverLimit { what: "rows of a table", .. }));
    }
}
