//! What names in SHA form stand for: all KEYMAPs of a dump.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;

use super::MEMORY;
use crate::error::Result;
use crate::name::file::{from_root, is_keymap};
use crate::sort::{Scratch, Sorter, Table, TableWriter};
use crate::tree::{Dump, keymap};

/// What the names of S3 sidecars end in.
pub(crate) const SIDECAR: &[u8] = b".elastickv-meta.json";

/// Lists the KEYMAPs with their digests, but for those of buckets that are objects: they have a sidecar.
pub(crate) fn keymaps(dump: &mut Dump) -> Result<BTreeMap<Vec<u8>, [u8; 32]>> {
    let (mut keymaps, mut objects) = (BTreeMap::new(), BTreeSet::new());
    dump.each_row(|_, path, digest| {
        if is_keymap(path) {
            keymaps.insert(path.to_vec(), *digest);
        } else if let Some(keymap) = path.strip_suffix(SIDECAR).filter(|keymap| is_keymap(keymap)) {
            objects.insert(keymap.to_vec());
        }
        Ok(())
    })?;
    keymaps.retain(|path, _| !objects.contains(path));
    Ok(keymaps)
}

/// Makes a table of what KEYMAPs say, by the path that it is about: of several records of one the last counts.
pub(crate) fn read(
    dump: &mut Dump,
    keymaps: &BTreeMap<Vec<u8>, [u8; 32]>,
    scratch: &Scratch,
) -> Result<Table> {
    let mut records = Sorter::new(scratch, MEMORY);
    for (path, digest) in keymaps {
        let mut reader = keymap::Reader::new(BufReader::new(dump.proved(path, digest)?));
        while let Some(record) = reader.read().map_err(|error| dump.unsound(path, &error.to_string()))? {
            records.push(&from_root(path, record.encoded.as_bytes()), &record.original)?;
        }
    }
    table(records, scratch)
}

/// Looks whether each file is there that the KEYMAP of a bucket names.
///
/// # Errors
///
/// A name of no file, and whatever else is wrong with a KEYMAP.
pub(crate) fn check(dump: &mut Dump) -> Result<()> {
    for (path, digest) in keymaps(dump)?.iter().filter(|(path, _)| path.starts_with(b"s3/")) {
        let mut reader = keymap::Reader::new(BufReader::new(dump.proved(path, digest)?));
        while let Some(record) = reader.read().map_err(|error| dump.unsound(path, &error.to_string()))? {
            dump.length(&from_root(path, record.encoded.as_bytes()))?;
        }
    }
    Ok(())
}

/// Makes a table of records: of several of one key the last counts.
pub(super) fn table(mut records: Sorter, scratch: &Scratch) -> Result<Table> {
    let mut table = TableWriter::new(scratch)?;
    let mut last: Option<(Vec<u8>, Vec<u8>)> = None;
    let mut sorted = records.sort()?;
    while let Some((path, original)) = sorted.next()? {
        if let Some((known, value)) = last.replace((path.to_vec(), original.to_vec()))
            && known != path
        {
            table.push(&known, &value)?;
        }
    }
    if let Some((path, original)) = last {
        table.push(&path, &original)?;
    }
    Ok(table.finish()?)
}
