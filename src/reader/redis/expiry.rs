//! `strings_ttl.jsonl` and `hll_ttl.jsonl`: when keys expire (`compat.md#redis-in-which-order-the-decoder-writes`). The last line of a key counts.

use serde::Deserialize;

use super::super::{File, ROW, Reader};
use super::DIRECTORY;
use crate::cursor;
use crate::error::Result;
use crate::sort::Sorter;
use crate::time::UnixMs;

/// How the records of expiries begin, behind the numbers of kinds: of strings, of HLLs.
const RECORDS: [u8; 2] = [0x80, 0x81];

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    key: std::borrow::Cow<'l, str>,
    expire_at_ms: Option<UnixMs>,
}

/// Adds the lines of a file to `keys`, by the keys that they are of.
pub(super) fn read(reader: &mut Reader<'_, '_>, file: &File, is_hll: bool, keys: &mut Sorter) -> Result<()> {
    let [string, hll] = RECORDS;
    let record = if is_hll { hll } else { string };
    let mut lines = reader.lines(file)?;
    while let Some(text) = lines.next()? {
        let line: Line<'_> = text.parse()?;
        // The file of a name that stands nowhere says so itself.
        let Some(key) = reader.name(DIRECTORY, line.key.as_bytes(), &file.path)? else { continue };
        let expiry = line.expire_at_ms.unwrap_or_default().0.to_be_bytes();
        keys.push(&key, &[&[record], &expiry[..]].concat())?;
    }
    Ok(())
}

/// Returns whether a record's expiry is that of an HLL; `None` for a record that is of none.
pub(super) fn kind(record: u8) -> Option<bool> {
    RECORDS.iter().position(|kind| *kind == record).map(|at| at == 1)
}

/// Reads the expiry of a record, Unix ms; 0 is none.
pub(super) fn take(mut record: &[u8]) -> Result<Option<UnixMs>> {
    let expiry = cursor::take_u64_be(&mut record).ok_or(ROW)?;
    Ok(Some(UnixMs(expiry)).filter(|expiry| expiry.0 != 0))
}
