//! One table of a bundle: where it is, and what its footer, metaindex and properties say (`format/container.md#tables-of-a-bundle`).

use super::block::Block;
use super::corrupt;
use super::entries::Entries;
use super::handle::{Handle, take_uvarint};
use super::manifest::{self, File};
use crate::container::{Error, ErrorKind, Source};
use crate::{cursor, limits};

/// Length of the footer, bytes.
const FOOTER: usize = 53;
/// Bytes of the footer before the version: checksum type, two handles, zeros.
const FOOTER_HANDLES: usize = 41;
const MAGIC: u64 = u64::from_be_bytes([0xf0, 0x9f, 0xaa, 0xb3, 0xf0, 0x9f, 0xaa, 0xb3]);
const COMPARATOR: &[u8] = b"leveldb.BytewiseComparator";

/// A table whose end was read.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) number: usize,
    /// Offset of the first byte in the input, and after the last.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) sha256: [u8; 32],
    pub(super) smallest: Vec<u8>,
    pub(super) largest: Vec<u8>,
    /// The index, or its top level.
    pub(super) index: Handle,
    pub(super) two_levels: bool,
    /// Number of entries.
    pub(super) entries: u64,
}

impl Table {
    /// Reads what is at the end of a table that begins at the offset `start`.
    pub(super) fn open(source: &Source, number: usize, start: u64, file: File) -> Result<Self, Error> {
        let File { size, sha256, smallest, largest, .. } = file;
        let index = Handle { offset: 0, len: 0 };
        let mut table = Self {
            number,
            start,
            end: start.saturating_add(size),
            sha256,
            smallest,
            largest,
            index,
            two_levels: false,
            entries: 0,
        };
        let (metaindex, index) = table.footer(source, size)?;
        table.index = index;
        let (mut block, mut entries) = (Block::default(), Entries::default());
        table.read(source, metaindex, limits::TABLE_PROPERTIES, &mut block)?;
        let properties = find_properties(&block, &mut entries);
        let properties = properties.map_err(|kind| table.error(source, metaindex.offset, kind))?;
        table.read(source, properties, limits::TABLE_PROPERTIES, &mut block)?;
        let read = table.take_properties(&block, &mut entries);
        read.map_err(|kind| table.error(source, properties.offset, kind))?;
        Ok(table)
    }

    /// Reads the footer: the handles of metaindex and index.
    fn footer(&self, source: &Source, size: u64) -> Result<(Handle, Handle), Error> {
        let at = size.saturating_sub(FOOTER as u64);
        let error = |kind| self.error(source, at, kind);
        if size < FOOTER as u64 {
            return Err(error(ErrorKind::Truncated { what: "table", needed: FOOTER as u64, found: size }));
        }
        let mut bytes = [0; FOOTER];
        let found = source.read_at(&mut bytes, self.start.saturating_add(at))?;
        if found < FOOTER {
            let (needed, found) = (FOOTER as u64, found as u64);
            return Err(error(ErrorKind::Truncated { what: "table footer", needed, found }));
        }
        parse_footer(&bytes).map_err(error)
    }

    /// Returns the offset of the footer from the table's first byte: no block reaches beyond.
    fn footer_offset(&self) -> u64 {
        (self.end - self.start).saturating_sub(FOOTER as u64)
    }

    /// Checks that a handle is within the table; returns the block's length with its trailer.
    pub(super) fn stored_len(&self, handle: Handle, limit: u64) -> Result<usize, ErrorKind> {
        if handle.len > limit {
            return Err(ErrorKind::LengthOverLimit { what: "block", found: handle.len, limit });
        }
        if handle.end().is_none_or(|end| end > self.footer_offset()) {
            let Handle { offset, len } = handle;
            return Err(corrupt(format!("a block at {offset:#x} of {len} bytes is not within the table")));
        }
        Ok(usize::try_from(Block::stored_len(handle.len)).unwrap_or(usize::MAX))
    }

    /// Reads a block apart from any walk.
    pub(super) fn read(
        &self,
        source: &Source,
        handle: Handle,
        limit: u64,
        block: &mut Block,
    ) -> Result<(), Error> {
        let error = |kind| self.error(source, handle.offset, kind);
        let len = self.stored_len(handle, limit).map_err(error)?;
        let mut stored = vec![0; len];
        let found = source.read_at(&mut stored, self.start + handle.offset)?;
        if found < len {
            let (needed, found) = (len as u64, found as u64);
            return Err(error(ErrorKind::Truncated { what: "block", needed, found }));
        }
        block.load(&stored).map_err(error)
    }

    fn take_properties(&mut self, block: &Block, entries: &mut Entries) -> Result<(), ErrorKind> {
        let (mut comparator, mut count, mut index_type) = (false, None, None);
        entries.restart();
        while entries.advance(block.entries())? {
            let mut value = entries.value(block.entries());
            match entries.key() {
                b"rocksdb.comparator" if value == COMPARATOR => comparator = true,
                b"rocksdb.comparator" => {
                    let found = value.escape_ascii();
                    return Err(unsupported(format!("a table ordered by \"{found}\"")));
                }
                b"rocksdb.num.entries" => count = take_uvarint(&mut value).filter(|_| value.is_empty()),
                b"rocksdb.block.based.table.index.type" => {
                    index_type = cursor::take_array(&mut value).map(u32::from_le_bytes);
                }
                _ => {}
            }
        }
        let missing = |name: &str| corrupt(format!("no valid property {name}"));
        if !comparator {
            return Err(missing("rocksdb.comparator"));
        }
        self.entries = count.ok_or_else(|| missing("rocksdb.num.entries"))?;
        self.two_levels = match index_type {
            Some(0) => false,
            Some(2) => true,
            Some(found) => {
                let (what, expected) = ("table index type", "0 or 2");
                return Err(ErrorKind::UnsupportedFormat { what, expected, found: found.into() });
            }
            None => return Err(missing("rocksdb.block.based.table.index.type")),
        };
        Ok(())
    }

    /// Returns an error of this table; `offset` counts from its first byte.
    #[cold]
    pub(super) fn error(&self, source: &Source, offset: u64, kind: ErrorKind) -> Error {
        let kind = ErrorKind::InTable { place: manifest::name(self.number), kind: Box::new(kind) };
        source.error(self.start.saturating_add(offset), kind)
    }
}

fn parse_footer(footer: &[u8; FOOTER]) -> Result<(Handle, Handle), ErrorKind> {
    let broken = || corrupt("a footer whose handles cannot be read");
    let (handles, mut rest) = footer.split_at_checked(FOOTER_HANDLES).ok_or_else(broken)?;
    let version = cursor::take_array(&mut rest).map(u32::from_le_bytes).ok_or_else(broken)?;
    let magic = cursor::take_u64_be(&mut rest).ok_or_else(broken)?;
    if magic != MAGIC {
        return Err(unsupported(format!("a table that ends in {magic:016x}, expected {MAGIC:016x}")));
    }
    if version != 4 {
        let (what, found) = ("table version", version.into());
        return Err(ErrorKind::UnsupportedFormat { what, expected: "4", found });
    }
    let mut rest = handles;
    match cursor::take_u8(&mut rest).ok_or_else(broken)? {
        1 => {}
        found => {
            let (what, expected) = ("table checksum type", "1 (CRC32C)");
            return Err(ErrorKind::UnsupportedFormat { what, expected, found: found.into() });
        }
    }
    let metaindex = Handle::take(&mut rest).ok_or_else(broken)?;
    let index = Handle::take(&mut rest).ok_or_else(broken)?;
    if rest.iter().any(|byte| *byte != 0) {
        return Err(corrupt("a footer with more than two handles"));
    }
    Ok((metaindex, index))
}

/// Finds the properties in a metaindex, which has nothing else but filters.
fn find_properties(block: &Block, entries: &mut Entries) -> Result<Handle, ErrorKind> {
    let mut found = None;
    entries.restart();
    while entries.advance(block.entries())? {
        match entries.key() {
            b"rocksdb.properties" => {
                let mut value = entries.value(block.entries());
                let handle = Handle::take(&mut value).filter(|_| value.is_empty());
                found = Some(handle.ok_or_else(|| corrupt("a broken handle of the properties"))?);
            }
            name if name.starts_with(b"fullfilter.") => {}
            name => return Err(unsupported(format!("a table with \"{}\"", name.escape_ascii()))),
        }
    }
    found.ok_or_else(|| corrupt("no properties in the metaindex"))
}

fn unsupported(what: String) -> ErrorKind {
    ErrorKind::UnsupportedTable { what }
}
