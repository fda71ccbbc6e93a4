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

/// Bytes that are read ahead.
const AHEAD: usize = 32 << 10;

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
    /// Bytes of both files around it.
    ahead: [Window; 2],
}

/// Bytes of a file that are read before they are asked for.
#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
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
        Ok(Table {
            scratch: self.scratch,
            records,
            places,
            count: self.count,
            next: 0,
            ahead: Default::default(),
        })
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
        let record = self.record(number).map(Some).map_err(|error| self.scratch.error(error));
        self.next = number + 1;
        record
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
    fn record(&mut self, number: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let is_next = number == self.next;
        let [places, records] = &mut self.ahead;
        let mut place = [0; PLACE + PLACE];
        places.read(&self.places, number * length(&[0; PLACE]), &mut place, is_next)?;
        let [start, key, end, _] = [0, 8, 16, 24].map(|at| {
            let bytes = place.get(at..).and_then(|bytes| bytes.first_chunk());
            bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes))
        });
        let mut record = vec![0; usize::try_from(end.saturating_sub(start)).map_err(io::Error::other)?];
        records.read(&self.records, start, &mut record, is_next)?;
        let value = record.split_off(usize::try_from(key).map_err(io::Error::other)?.min(record.len()));
        Ok((record, value))
    }
}

impl Window {
    /// Fills `out` from `offset` on; where more is asked for in this order, what follows is kept.
    fn read(&mut self, file: &File, offset: u64, out: &mut [u8], is_next: bool) -> io::Result<()> {
        let at = offset.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let kept = at.and_then(|at| self.bytes.get(at..)).and_then(|bytes| bytes.get(..out.len()));
        if let Some(bytes) = kept {
            out.copy_from_slice(bytes);
            return Ok(());
        }
        if !is_next || out.len() >= AHEAD {
            return file.read_exact_at(out, offset);
        }
        self.start = offset;
        self.bytes.resize(AHEAD, 0);
        let mut read = 0;
        while let Some(rest) = self.bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + u64::try_from(read).unwrap_or(u64::MAX)) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.truncate(read);
        let bytes = self.bytes.get(..out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
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

    #[test]
    fn records_that_are_longer_than_what_is_read_ahead_are_read_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = TableWriter::new(&Scratch::new(directory.path().to_owned())).unwrap();
        let record = |number: usize| {
            let value = vec![u8::try_from(number % 251).unwrap(); number * 7919 % (3 * AHEAD)];
            (format!("{number:05}").into_bytes(), value)
        };
        for number in 0..200 {
            let (key, value) = record(number);
            writer.push(&key, &value).unwrap();
        }
        let mut table = writer.finish().unwrap();
        for number in (0..200).chain([7, 8, 9, 150, 3, 4, 199]) {
            assert_eq!(table.get(number as u64).unwrap(), Some(record(number)), "{number}");
        }
    }

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
            for (at, (key, value)) in records.iter().enumerate() {
                let next = table.get(at as u64).unwrap();
                prop_assert_eq!(next, Some((key.clone(), value.clone())));
            }
            prop_assert_eq!(table.get(table.len()).unwrap(), None);
        }
    }
}
