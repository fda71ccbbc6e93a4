//! Sorted records on the disk, found by their keys.
//!
//! In: records in ascending order of their keys. Out: the record of any key. Memory does not grow with their number: one
//! unlinked file has the records, another where each of them begins.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

use super::{Result, Scratch};

/// Bytes of a place: start of the record, length of its key.
const PLACE: usize = 16;

/// Records that can be found.
#[derive(Debug)]
pub struct Table {
    scratch: Scratch,
    records: File,
    /// A place a record, and one behind the last.
    places: File,
    count: u64,
    /// The record behind the one that was found last: most keys are asked for in their order.
    next: u64,
}

/// Writes a table.
#[derive(Debug)]
pub struct TableWriter {
    scratch: Scratch,
    records: BufWriter<File>,
    places: BufWriter<File>,
    end: u64,
    count: u64,
}

impl TableWriter {
    /// Begins a table in `scratch`.
    pub fn new(scratch: &Scratch) -> Result<Self> {
        let file = || tempfile::tempfile_in(scratch.directory()).map_err(|error| scratch.error(error));
        let (records, places) = (BufWriter::new(file()?), BufWriter::new(file()?));
        Ok(Self { scratch: scratch.clone(), records, places, end: 0, count: 0 })
    }

    /// Appends a record, whose key is not below the last one.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.scratch.check()?;
        self.write(key, value).map_err(|error| self.scratch.error(error))
    }

    fn write(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.place(length(key))?;
        self.records.write_all(key)?;
        self.records.write_all(value)?;
        self.end += length(key) + length(value);
        self.count += 1;
        Ok(())
    }

    fn place(&mut self, key: u64) -> io::Result<()> {
        self.places.write_all(&self.end.to_be_bytes())?;
        self.places.write_all(&key.to_be_bytes())
    }

    /// Ends the table.
    pub fn finish(mut self) -> Result<Table> {
        let place = self.place(0);
        let files = || Ok((self.records.into_inner()?, self.places.into_inner()?));
        let (records, places) = place.and_then(|()| files()).map_err(|error| self.scratch.error(error))?;
        Ok(Table { scratch: self.scratch, records, places, count: self.count, next: 0 })
    }
}

impl Table {
    /// Returns the number of records.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the value of a key.
    pub fn find(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.search(key).map_err(|error| self.scratch.error(error))
    }

    /// Returns the number of the first record whose key is not below `key`; that of all records where there is none.
    pub fn lower_bound(&mut self, key: &[u8]) -> Result<u64> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let at = low + (high - low) / 2;
            let (found, _) = self.record(at).map_err(|error| self.scratch.error(error))?;
            if found.as_slice() < key { low = at + 1 } else { high = at }
        }
        Ok(low)
    }

    /// Returns the record of a number, counted from 0 in the order of their keys; `None` behind the last one.
    pub fn get(&mut self, number: u64) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        if number >= self.count {
            return Ok(None);
        }
        self.scratch.check()?;
        self.next = number + 1;
        self.record(number).map(Some).map_err(|error| self.scratch.error(error))
    }

    fn search(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let (mut low, mut high) = (0, self.count);
        let mut at = self.next;
        while low < high {
            if !(low..high).contains(&at) {
                at = low + (high - low) / 2;
            }
            let (found, value) = self.record(at)?;
            match found.as_slice().cmp(key) {
                std::cmp::Ordering::Equal => {
                    self.next = at + 1;
                    return Ok(Some(value));
                }
                std::cmp::Ordering::Less => low = at + 1,
                std::cmp::Ordering::Greater => high = at,
            }
            at = low + (high - low) / 2;
        }
        Ok(None)
    }

    /// Reads a record: its key and its value.
    fn record(&self, number: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let mut places = [0; PLACE + PLACE];
        self.places.read_exact_at(&mut places, number * length(&[0; PLACE]))?;
        let [start, key, end, _] = [0, 8, 16, 24].map(|at| {
            let bytes = places.get(at..).and_then(|bytes| bytes.first_chunk());
            bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes))
        });
        let mut record = vec![0; usize::try_from(end.saturating_sub(start)).map_err(io::Error::other)?];
        self.records.read_exact_at(&mut record, start)?;
        let value = record.split_off(usize::try_from(key).map_err(io::Error::other)?.min(record.len()));
        Ok((record, value))
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_pushed_is_found_in_any_order(
            records: BTreeMap<Vec<u8>, Vec<u8>>,
            others: Vec<Vec<u8>>,
        ) {
            let directory = tempfile::tempdir().unwrap();
            let mut writer = TableWriter::new(&Scratch::new(directory.path().to_owned())).unwrap();
            for (key, value) in &records {
                writer.push(key, value).unwrap();
            }
            let mut table = writer.finish().unwrap();
            prop_assert_eq!(table.len(), records.len() as u64);
            for key in records.keys().chain(records.keys().rev()).chain(&others) {
                let found = table.find(key).unwrap();
                prop_assert_eq!(found.as_ref(), records.get(key));
            }
        }
    }
}
