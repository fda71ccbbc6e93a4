//! The rows of several dumps' CHECKSUMS in one order.
//!
//! In: directories of dumps. Out: paths, sorted bytewise, each with those who have it and their digests. Nothing is kept
//! but a row of each: every CHECKSUMS is sorted already, and one that is not is an error.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::BufReader;

use super::dump::{Dump, DumpFile};
use super::lines::{Line, Lines};
use super::{Result, checksums};
use crate::limits;

/// Bytes that are read at once.
const BUFFER: usize = 64 << 10;

/// Number of a dump, and what its CHECKSUMS says of a file.
pub(crate) type Holder = (usize, [u8; 32]);

/// The rows of all dumps.
#[derive(Debug)]
pub(crate) struct MergedRows {
    rows: Vec<Rows>,
    next: BinaryHeap<Reverse<(Vec<u8>, Holder)>>,
}

/// The rows of one dump.
#[derive(Debug)]
struct Rows {
    dump: Dump,
    lines: Lines<BufReader<DumpFile>>,
    number: u64,
    last: Vec<u8>,
}

impl MergedRows {
    /// Returns the rows of no dump.
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new(), next: BinaryHeap::new() }
    }

    /// Adds a dump, whose number is that of those before.
    pub(crate) fn add(&mut self, mut dump: Dump) -> Result<()> {
        let file = dump.checksums()?;
        let lines = Lines::new(BufReader::with_capacity(BUFFER, file), limits::CHECKSUMS_LINE);
        self.rows.push(Rows { dump, lines, number: 0, last: Vec::new() });
        self.refill(self.rows.len() - 1)
    }

    /// Returns the number of rows of a dump so far.
    pub(crate) fn count(&self, dump: usize) -> u64 {
        self.rows.get(dump).map_or(0, |rows| rows.number)
    }

    /// Returns the next path, and sets those who have it.
    pub(crate) fn next(&mut self, holders: &mut Vec<Holder>) -> Result<Option<Vec<u8>>> {
        holders.clear();
        let Some(Reverse((path, first))) = self.next.pop() else { return Ok(None) };
        holders.push(first);
        self.refill(first.0)?;
        while let Some(Reverse((_, other))) = self.next.peek().filter(|Reverse((other, _))| *other == path) {
            let other = *other;
            holders.push(other);
            self.next.pop();
            self.refill(other.0)?;
        }
        Ok(Some(path))
    }

    fn refill(&mut self, dump: usize) -> Result<()> {
        let Some(rows) = self.rows.get_mut(dump) else { return Ok(()) };
        if let Some((path, digest)) = rows.read()? {
            self.next.push(Reverse((path, (dump, digest))));
        }
        Ok(())
    }
}

impl Rows {
    fn read(&mut self) -> Result<Option<(Vec<u8>, [u8; 32])>> {
        let name = checksums::NAME.as_bytes();
        let why = match self.lines.next() {
            Ok(None) => return Ok(None),
            Ok(Some(Line::Text(line))) => match checksums::parse(line) {
                Ok(row) if *row.path > *self.last => {
                    self.last.clear();
                    self.last.extend_from_slice(&row.path);
                    self.number += 1;
                    return Ok(Some((row.path.into_owned(), row.digest)));
                }
                Ok(_) => "not sorted by path".to_owned(),
                Err(error) => error.to_string(),
            },
            Ok(Some(Line::TooLong | Line::Endless)) => "line too long".to_owned(),
            Err(error) => return Err(self.dump.failed(name, error)),
        };
        Err(self.dump.unsound(name, &format!("line {}: {why}", self.number + 1)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::interrupt::Interrupt;
    use crate::progress::Progress;
    use crate::tree::Scratch;

    /// A path, and the number and a byte of the digest of each dump that has it.
    type Merged = Vec<(String, Vec<(usize, u8)>)>;

    fn merged(lists: &[&[(&str, u8)]]) -> Result<Merged> {
        let parent = tempfile::tempdir().unwrap();
        let mut rows = MergedRows::new();
        for (number, list) in lists.iter().enumerate() {
            let root = parent.path().join(number.to_string());
            fs::create_dir(&root).unwrap();
            let line = |(path, byte): &(&str, u8)| format!("{}  {path}\n", hex::encode([*byte; 32]));
            fs::write(root.join("CHECKSUMS"), list.iter().map(line).collect::<String>()).unwrap();
            let dump = Dump::open(&root, &Scratch::default(), (&Interrupt::default(), &Progress::default()))?;
            rows.add(dump.unwrap())?;
        }
        let (mut all, mut holders) = (Vec::new(), Vec::new());
        while let Some(path) = rows.next(&mut holders)? {
            let holders = holders.iter().map(|(dump, digest)| (*dump, digest[0])).collect();
            all.push((String::from_utf8(path).unwrap(), holders));
        }
        for (number, list) in lists.iter().enumerate() {
            assert_eq!(rows.count(number), list.len() as u64);
        }
        Ok(all)
    }

    #[test]
    fn rows_come_in_order_with_all_who_have_them() {
        let all =
            merged(&[&[("a", 1), ("b/x", 2), ("d", 3)], &[], &[("a", 4), ("b.x", 5), ("d", 6)]]).unwrap();
        let row = |path: &str, holders: &[(usize, u8)]| (path.to_owned(), holders.to_vec());
        assert_eq!(
            all,
            [
                row("a", &[(0, 1), (2, 4)]),
                row("b.x", &[(2, 5)]),
                row("b/x", &[(0, 2)]),
                row("d", &[(0, 3), (2, 6)])
            ]
        );
    }

    #[test]
    fn a_list_that_is_not_sorted_is_an_error() {
        for list in [[("b", 1), ("a", 1)], [("a", 1), ("a", 1)]] {
            let why = merged(&[&list]).unwrap_err().to_string();
            assert!(why.ends_with("CHECKSUMS: line 2: not sorted by path"), "{why}");
        }
        assert!(merged(&[&[("../a", 1)]]).unwrap_err().to_string().contains("line 1"));
    }
}
