//! Records in memory: one arena of bytes and an index that is sorted instead of them.
//!
//! In: (key, value) records. Out: the same in bytewise key order, equal keys in the order in which they came.

use std::cmp::Ordering;

/// Where a record lies in the arena: `key` bytes from `start`, then `value` bytes.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// The first bytes of the key behind the prefix that all keys share, as a number: decides most comparisons
    /// without a look into the arena.
    rank: u64,
    start: usize,
    key: u32,
    value: u32,
}

/// Room for the first index and the first arena, so that small lots don't grow step by step.
const FIRST_RECORDS: usize = 64;
const FIRST_BYTES: usize = 4 << 10;

/// Unsorted, later sorted records.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    records: Vec<Record>,
    /// Length of the prefix that all keys share.
    shared: usize,
}

impl Batch {
    /// Makes room for a record of these lengths within `memory` bytes. An empty batch takes any record that
    /// has lengths at all; `false` asks for the batch to be emptied first.
    pub(super) fn reserve(&mut self, length: usize, memory: usize) -> bool {
        let records = grown(self.records.capacity(), self.records.len(), 1, FIRST_RECORDS);
        let used = records.saturating_mul(size_of::<Record>());
        let bytes = grown(self.bytes.capacity(), self.bytes.len(), length, FIRST_BYTES);
        let room = memory.saturating_sub(used);
        let bytes = bytes.min(room.max(self.bytes.capacity()));
        let needed = self.bytes.len().saturating_add(length);
        let over = used.saturating_add(bytes) > memory || bytes < needed;
        if over && !self.records.is_empty() {
            return false;
        }
        self.records.reserve_exact(records - self.records.len());
        self.bytes.reserve_exact(bytes.max(needed) - self.bytes.len());
        true
    }

    /// Adds a record. The lengths must fit 32 bits.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8], lengths: (u32, u32)) {
        self.shared = match self.records.first() {
            None => key.len(),
            Some(first) => {
                let shared = self.key(first).get(..self.shared).unwrap_or_default();
                if key.starts_with(shared) {
                    self.shared
                } else {
                    shared.iter().zip(key).take_while(|(ours, theirs)| ours == theirs).count()
                }
            }
        };
        self.records.push(Record { rank: 0, start: self.bytes.len(), key: lengths.0, value: lengths.1 });
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Sorts the index.
    pub(super) fn sort(&mut self) {
        let mut records = std::mem::take(&mut self.records);
        for record in &mut records {
            record.rank = rank(self.key(record).get(self.shared..).unwrap_or_default());
        }
        records.sort_unstable_by(|one, other| {
            one.rank
                .cmp(&other.rank)
                .then_with(|| self.tail(one).cmp(self.tail(other)))
                // The arena is filled in order of arrival; only records of no bytes begin where the next one does.
                .then_with(|| (one.start, one.value).cmp(&(other.start, other.value)))
        });
        self.records = records;
    }

    /// Lends the record at this place of the index.
    pub(super) fn record(&self, place: usize) -> Option<(&[u8], &[u8])> {
        let record = self.records.get(place)?;
        let bytes = self.bytes.get(record.start..)?;
        let (key, rest) = bytes.split_at_checked(usize::try_from(record.key).ok()?)?;
        Some((key, rest.get(..usize::try_from(record.value).ok()?)?))
    }

    /// Forgets the records; keeps the room unless it is more than `memory`.
    pub(super) fn clear(&mut self, memory: usize) {
        self.bytes.clear();
        self.records.clear();
        let index = self.records.capacity().saturating_mul(size_of::<Record>());
        if self.bytes.capacity().saturating_add(index) > memory {
            *self = Self::default();
        }
    }

    fn key(&self, record: &Record) -> &[u8] {
        let length = usize::try_from(record.key).unwrap_or(usize::MAX);
        self.bytes.get(record.start..record.start.saturating_add(length)).unwrap_or_default()
    }

    /// The key behind the shared prefix.
    fn tail(&self, record: &Record) -> &[u8] {
        self.key(record).get(self.shared..).unwrap_or_default()
    }
}

/// The capacity that holds `more` elements: as it is, or doubled.
fn grown(capacity: usize, length: usize, more: usize, first: usize) -> usize {
    let needed = length.saturating_add(more);
    if needed <= capacity { capacity } else { needed.max(capacity.saturating_mul(2)).max(first) }
}

/// Orders like the first 8 bytes of `key`, an absent byte like a zero.
fn rank(key: &[u8]) -> u64 {
    match key.first_chunk::<8>() {
        Some(head) => u64::from_be_bytes(*head),
        None => {
            key.iter().chain(std::iter::repeat(&0)).take(8).fold(0, |rank, &byte| rank << 8 | u64::from(byte))
        }
    }
}

/// Compares keys and, where they are equal, which came first.
pub(super) fn order(one: (&[u8], u32), other: (&[u8], u32)) -> Ordering {
    one.0.cmp(other.0).then(one.1.cmp(&other.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(keys: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut batch = Batch::default();
        for (place, key) in (0_u8..).zip(keys) {
            assert!(batch.reserve(key.len() + 1, 1 << 20));
            batch.push(key, &[place], (u32::try_from(key.len()).unwrap(), 1));
        }
        batch.sort();
        (0..keys.len())
            .map(|place| batch.record(place).map(|(key, value)| [key, value].concat()).unwrap())
            .collect()
    }

    #[test]
    fn keys_that_differ_in_trailing_zeros_are_in_order() {
        assert_eq!(sorted(&[b"a\0\0", b"a", b"a\0"]), [&b"a\x01"[..], b"a\0\x02", b"a\0\0\x00"]);
        assert_eq!(sorted(&[b"\0", b""]), [&b"\x01"[..], b"\0\x00"]);
    }

    #[test]
    fn a_shared_prefix_that_gets_shorter_changes_no_order() {
        assert_eq!(
            sorted(&[b"pre/2", b"pre/1", b"pa", b"q"]),
            [&b"pa\x02"[..], b"pre/1\x01", b"pre/2\x00", b"q\x03"]
        );
    }

    #[test]
    fn equal_keys_keep_their_order() {
        assert_eq!(sorted(&[b"b", b"a", b"b", b"a"]), [&b"a\x01"[..], b"a\x03", b"b\x00", b"b\x02"]);
    }

    #[test]
    fn records_of_no_bytes_keep_their_order() {
        let mut batch = Batch::default();
        for value in [&b""[..], b"v", b"", b"w"].repeat(20) {
            batch.push(b"", value, (0, u32::try_from(value.len()).unwrap()));
        }
        batch.sort();
        let values: Vec<_> = (0..4).map(|place| batch.record(place).unwrap().1).collect();
        assert_eq!(values, [&b""[..], b"v", b"", b"w"]);
    }

    #[test]
    fn capacity_stays_within_the_memory() {
        let mut batch = Batch::default();
        while batch.reserve(100, 50_000) {
            batch.push(&[1; 50], &[2; 50], (50, 50));
        }
        let capacity = batch.bytes.capacity() + batch.records.capacity() * size_of::<Record>();
        assert!(capacity <= 50_000, "{capacity}");
        assert!(batch.records.len() * 124 > 30_000);
        let before = batch.bytes.capacity();
        batch.clear(50_000);
        assert_eq!(batch.bytes.capacity(), before);
        assert!(batch.reserve(60_000, 50_000), "an empty batch takes any record");
        batch.push(&vec![1; 60_000], b"", (60_000, 0));
        assert!(!batch.reserve(1, 50_000));
        batch.clear(50_000);
        assert_eq!(batch.bytes.capacity(), 0);
    }
}
