//! The tables of a bundle, one after the other.

use super::manifest::{self, Manifest};
use super::table::Table;
use crate::container::{Error, ErrorKind, Layout, Position, Source, footer};

/// A manifest and the tables that it lists.
#[derive(Debug)]
pub(in crate::container) struct Bundle {
    manifest: Manifest,
    start: u64,
    end: u64,
    tables: Vec<Table>,
}

impl Bundle {
    /// Reads the manifest, and of each table what is at its end.
    pub(in crate::container) fn open(source: &Source, layout: &Layout) -> Result<Self, Error> {
        let (mut manifest, start) = Manifest::read(source, layout)?;
        let end = end(&manifest, start, layout).map_err(|kind| source.error(start, kind))?;
        let mut at = start;
        let mut tables = Vec::new();
        for (number, file) in std::mem::take(&mut manifest.files).into_iter().enumerate() {
            let table = Table::open(source, number, at, file)?;
            at = table.end;
            tables.push(table);
        }
        Ok(Self { manifest, start, end, tables })
    }

    pub(in crate::container) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the offset of the first table.
    pub(in crate::container) fn start(&self) -> u64 {
        self.start
    }

    /// Returns the offset after the last table.
    pub(in crate::container) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Returns the index of the table that has the byte at `offset`; their number when there is none.
    pub(super) fn table_at(&self, offset: u64) -> usize {
        let at = self.tables.partition_point(|table| table.end <= offset);
        if offset < self.start { self.tables.len() } else { at }
    }

    /// Says which table a row is in, and where in its block.
    pub(in crate::container) fn locate(&self, position: Position) -> String {
        let name = manifest::name(self.table_at(position.offset()));
        format!("{name}, byte {} of the block", position.entry())
    }

    /// Returns the error that the row at a position is.
    #[cold]
    pub(in crate::container) fn error(&self, source: &Source, position: Position, kind: ErrorKind) -> Error {
        let kind = ErrorKind::InTable { place: self.locate(position), kind: Box::new(kind) };
        source.error(position.offset(), kind)
    }
}

/// Returns where the tables end: nothing but a footer follows.
fn end(manifest: &Manifest, start: u64, layout: &Layout) -> Result<u64, ErrorKind> {
    let (needed, found) = (manifest.total_file_bytes, layout.payload_end.saturating_sub(start));
    if layout.footer && needed == found.saturating_add(footer::LEN) {
        return Err(ErrorKind::NoFooter);
    }
    if needed > found {
        return Err(ErrorKind::Truncated { what: "tables", needed, found });
    }
    let behind = found - needed;
    if behind != 0 && (layout.footer || behind != footer::LEN) {
        let what = format!("{behind} bytes follow the last table");
        return Err(ErrorKind::CorruptBundle { what });
    }
    Ok(start + needed)
}
