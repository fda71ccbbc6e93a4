//! Sorted runs in an unlinked file, and their merge.
//!
//! In: records in key order. Out: the records of several runs in key order, equal keys from older runs first.
//! A record stands as the lengths of key and value (u32, little-endian), then both.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::batch::order;

/// Bytes of the two lengths.
const FRAME: usize = 8;
/// Bytes that are collected before a run is written.
const WRITE: usize = 128 << 10;

/// A run: its bytes in the file, and the memory that its longest record takes.
#[derive(Clone, Debug)]
pub(super) struct Run {
    range: Range<u64>,
    pub(super) longest: usize,
}

/// Runs of about one size, oldest first, in one file.
#[derive(Debug)]
pub(super) struct Runs {
    file: File,
    end: u64,
    pub(super) all: Vec<Run>,
}

impl Runs {
    pub(super) fn new(file: File) -> Self {
        Self { file, end: 0, all: Vec::new() }
    }

    /// Appends one run.
    pub(super) fn writer(&mut self) -> RunWriter<'_> {
        RunWriter { start: self.end, runs: self, buffer: Vec::new(), longest: 0 }
    }

    /// Writes bytes behind all others.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.end)?;
        self.end += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Forgets all runs and gives their space back.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.all.clear();
        self.end = 0;
        self.file.set_len(0)
    }
}

/// Writes one run; it counts once it is finished.
pub(super) struct RunWriter<'r> {
    runs: &'r mut Runs,
    start: u64,
    buffer: Vec<u8>,
    longest: usize,
}

impl RunWriter<'_> {
    /// Appends a record. Lengths over 32 bits are refused.
    pub(super) fn write(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(&length(key)?.to_le_bytes());
        self.buffer.extend_from_slice(&length(value)?.to_le_bytes());
        self.longest = self.longest.max(FRAME + key.len() + value.len());
        self.append(key)?;
        self.append(value)
    }

    /// Appends bytes; long ones are not held a second time.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > WRITE {
            self.flush()?;
        }
        if bytes.len() > WRITE {
            return self.runs.append(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Enters the run behind the others.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.runs.all.push(Run { range: self.start..self.runs.end, longest: self.longest });
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.runs.append(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// Returns the length of a key or value as runs store it.
pub(super) fn length(bytes: &[u8]) -> io::Result<u32> {
    u32::try_from(bytes.len()).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, "a record of 4 GiB or more cannot be sorted")
    })
}

/// Merges runs: a heap of readers, the least record on top.
#[derive(Debug)]
pub(super) struct Merge {
    heap: Vec<Reader>,
    /// Whether the record on top was lent, and the reader has to go on before the next.
    lent: bool,
}

impl Merge {
    /// Opens all runs of these levels, the oldest level first, with `buffer` bytes for each.
    pub(super) fn open<'r>(
        levels: impl Iterator<Item = (usize, &'r Runs)>,
        buffer: usize,
    ) -> io::Result<Self> {
        let mut heap = Vec::new();
        for (level, runs) in levels {
            for run in &runs.all {
                let age = u32::try_from(heap.len()).unwrap_or(u32::MAX);
                let mut reader = Reader::new(level, run.range.clone(), age);
                if reader.advance(&runs.file, buffer)? {
                    heap.push(reader);
                }
            }
        }
        let mut merge = Self { heap, lent: false };
        for place in (0..merge.heap.len() / 2).rev() {
            merge.sift_down(place);
        }
        Ok(merge)
    }

    /// Lends the next record. `levels` are the files that the runs were opened from.
    pub(super) fn next(&mut self, levels: &[Runs], buffer: usize) -> io::Result<Option<(&[u8], &[u8])>> {
        if self.lent
            && let Some(top) = self.heap.first_mut()
        {
            let runs = levels.get(top.level).ok_or(io::ErrorKind::NotFound)?;
            if !top.advance(&runs.file, buffer)? {
                self.heap.swap_remove(0);
            }
            self.sift_down(0);
        }
        self.lent = true;
        Ok(self.heap.first().map(|top| (top.key(), top.value())))
    }

    fn sift_down(&mut self, mut place: usize) {
        loop {
            let least = [2 * place + 1, 2 * place + 2]
                .into_iter()
                .fold(place, |least, child| if self.before(child, least) { child } else { least });
            if least == place {
                return;
            }
            self.heap.swap(place, least);
            place = least;
        }
    }

    fn before(&self, one: usize, other: usize) -> bool {
        match (self.heap.get(one), self.heap.get(other)) {
            (Some(one), Some(other)) => order((one.key(), one.age), (other.key(), other.age)).is_lt(),
            _ => false,
        }
    }
}

/// Reads one run through a buffer that holds at least the current record.
#[derive(Debug)]
struct Reader {
    level: usize,
    /// What the buffer does not hold yet.
    rest: Range<u64>,
    buffer: Vec<u8>,
    key: Range<usize>,
    /// End of the current record in the buffer.
    end: usize,
    /// Place among the runs, oldest first.
    age: u32,
}

impl Reader {
    fn new(level: usize, rest: Range<u64>, age: u32) -> Self {
        Self { level, rest, buffer: Vec::new(), key: 0..0, end: 0, age }
    }

    fn key(&self) -> &[u8] {
        self.buffer.get(self.key.clone()).unwrap_or_default()
    }

    fn value(&self) -> &[u8] {
        self.buffer.get(self.key.end..self.end).unwrap_or_default()
    }

    /// Goes to the next record; `false` at the end.
    fn advance(&mut self, file: &File, buffer: usize) -> io::Result<bool> {
        if self.end == self.buffer.len() && self.rest.is_empty() {
            return Ok(false);
        }
        let frame = self.fill(file, FRAME, buffer)?;
        let (key, value) = lengths(frame).ok_or(io::ErrorKind::InvalidData)?;
        let record = FRAME.saturating_add(key).saturating_add(value);
        self.fill(file, record, buffer)?;
        self.key = self.end + FRAME..self.end + FRAME + key;
        self.end += record;
        Ok(true)
    }

    /// Has the next `needed` bytes behind the current record in the buffer, and lends them.
    fn fill(&mut self, file: &File, needed: usize, buffer: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.end < needed {
            self.buffer.drain(..self.end);
            self.end = 0;
            let held = self.buffer.len();
            let left = usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX);
            let more = (needed.max(buffer) - held).min(left);
            if held + more < needed {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.buffer.reserve_exact(more);
            self.buffer.resize(held + more, 0);
            file.read_exact_at(self.buffer.get_mut(held..).unwrap_or_default(), self.rest.start)?;
            self.rest.start += u64::try_from(more).unwrap_or(u64::MAX);
        }
        self.buffer.get(self.end..self.end + needed).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

fn lengths(frame: &[u8]) -> Option<(usize, usize)> {
    let (key, rest) = frame.split_first_chunk::<4>()?;
    let value = rest.first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*key)).ok()?, usize::try_from(u32::from_le_bytes(*value)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(records: &[&[(&str, &str)]]) -> Runs {
        let mut runs = Runs::new(tempfile::tempfile().unwrap());
        for run in records {
            let mut writer = runs.writer();
            for (key, value) in *run {
                writer.write(key.as_bytes(), value.as_bytes()).unwrap();
            }
            writer.finish().unwrap();
        }
        runs
    }

    #[test]
    fn runs_merge_by_key_and_then_by_age() {
        let levels = [
            runs(&[&[("b", "new"), ("d", "")]]),
            runs(&[&[("a", "1"), ("b", "old")], &[("b", "mid"), ("c", "")]]),
        ];
        for buffer in [1, 9, 4096] {
            let mut merge = Merge::open(levels.iter().enumerate().rev(), buffer).unwrap();
            let mut merged = Vec::new();
            while let Some((key, value)) = merge.next(&levels, buffer).unwrap() {
                merged.push([key, value].concat());
            }
            assert_eq!(merged, [&b"a1"[..], b"bold", b"bmid", b"bnew", b"c", b"d"]);
        }
    }

    #[test]
    fn a_writer_does_not_hold_a_long_record() {
        let mut runs = Runs::new(tempfile::tempfile().unwrap());
        let mut writer = runs.writer();
        let long = vec![7; 3 * WRITE];
        for value in [&b"short"[..], &long, b"short"] {
            writer.write(b"key", value).unwrap();
            assert!(writer.buffer.capacity() <= 2 * WRITE);
        }
        writer.finish().unwrap();
        let levels = [runs];
        let mut merge = Merge::open(levels.iter().enumerate(), 4096).unwrap();
        for value in [&b"short"[..], &long, b"short"] {
            assert!(merge.next(&levels, 4096).unwrap() == Some((b"key", value)));
        }
    }

    #[test]
    fn a_file_that_was_cut_is_an_error() {
        let runs = runs(&[&[("key", "value")]]);
        runs.file.set_len(10).unwrap();
        assert!(Merge::open([(0, &runs)].into_iter(), 4096).is_err());
    }
}
