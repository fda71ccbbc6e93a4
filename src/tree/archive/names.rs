//! Which names of an archive, or of a tree whose files are created later, are taken, as a file system would know it: digests
//! of paths, in memory while they are few, then in a table in an unlinked file.
//!
//! In: paths. Out: what stands there. Memory does not grow with the number of names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use crate::tree::Scratch;

/// Names that are collected in memory before they go to the table, in its order.
const IN_MEMORY: usize = 1 << 16;
/// Words of the filter that says of most names that the table does not have them.
const FILTER: usize = 1 << 19;
/// Bytes of a slot of the table: a digest whose last byte says what stands there.
const SLOT: usize = 16;
/// Slots that are read at once.
const GROUP: usize = 16;
const GROUP_BYTES: usize = SLOT * GROUP;
/// Bytes of a table that are read and written at once while many keys go there.
const WINDOW: usize = 64 << 10;
/// Slots of the first table.
const FIRST: u64 = 1 << 19;

/// What has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::tree) enum Taken {
    /// Nothing any more.
    Free = 1,
    File = 2,
    /// A directory that has no entry in the archive yet.
    Directory = 3,
    /// A directory that has one.
    Entered = 4,
}

/// A path's digest, its last byte 0.
type Key = [u8; SLOT];

/// The names.
#[derive(Debug)]
pub(crate) struct Names {
    scratch: Scratch,
    /// Those that were set last.
    memory: BTreeMap<Key, Taken>,
    in_memory: usize,
    /// The others.
    table: Option<Table>,
    filter: Filter,
    /// Slots of the first table.
    first: u64,
}

/// Bits that all keys of the table have set; others have them seldom.
#[derive(Debug, Default)]
struct Filter(Vec<u64>);

#[derive(Debug)]
struct Table {
    file: File,
    slots: u64,
    used: u64,
    /// Slots around the key that was set last, which the file may not have yet.
    window: Vec<u8>,
    /// Offset of the window; `None` where it holds nothing.
    window_at: Option<u64>,
}

impl Names {
    /// Returns a table without names, which keeps what is too much for memory in `scratch`.
    pub(crate) fn new(scratch: &Scratch) -> Self {
        Self {
            scratch: scratch.clone(),
            memory: BTreeMap::new(),
            in_memory: IN_MEMORY,
            table: None,
            filter: Filter::default(),
            first: FIRST,
        }
    }

    /// Tells about how many names there will be.
    pub(super) fn expect(&mut self, names: u64) {
        // A wrong estimate only costs a hole in a file, or another table.
        self.first = names.saturating_mul(3).clamp(FIRST, 1 << 32).next_power_of_two();
    }

    /// Takes the name of a file, and those of its directories up to the one that `entered` says is there; `false` where
    /// something else has one of them.
    pub(crate) fn claim(&mut self, path: &[u8], entered: &[u8]) -> io::Result<bool> {
        if self.get(path)?.is_some() || !self.claim_directories(path, entered)? {
            return Ok(false);
        }
        self.set(path, Taken::File)?;
        Ok(true)
    }

    /// Takes a free name; else returns what has it.
    pub(in crate::tree) fn take(&mut self, path: &[u8], by: Taken) -> io::Result<Option<Taken>> {
        let found = self.get(path)?;
        if found.is_none() {
            self.set(path, by)?;
        }
        Ok(found)
    }

    /// Takes the names of the directories of a path.
    pub(super) fn claim_directories(&mut self, path: &[u8], entered: &[u8]) -> io::Result<bool> {
        let mut missing = Vec::new();
        for directory in parents(path) {
            if directory == entered {
                break;
            }
            match self.get(directory)? {
                Some(Taken::File) => return Ok(false),
                Some(_) => break,
                None => missing.push(directory),
            }
        }
        missing.into_iter().try_for_each(|directory| self.set(directory, Taken::Directory))?;
        Ok(true)
    }

    /// Returns what has this path.
    pub(in crate::tree) fn get(&self, path: &[u8]) -> io::Result<Option<Taken>> {
        let key = key(path);
        let found = match (self.memory.get(&key), &self.table) {
            (Some(taken), _) => Some(*taken),
            (None, Some(table)) if self.filter.may_hold(&key) => table.find(&key)?,
            (None, _) => None,
        };
        Ok(found.filter(|taken| *taken != Taken::Free))
    }

    /// Says what has this path.
    pub(in crate::tree) fn set(&mut self, path: &[u8], taken: Taken) -> io::Result<()> {
        self.memory.insert(key(path), taken);
        if self.memory.len() < self.in_memory {
            return Ok(());
        }
        let mut table = match self.table.take() {
            Some(table) => table,
            None => Table::new(&self.scratch, self.first)?,
        };
        let more = u64::try_from(self.memory.len()).unwrap_or(u64::MAX);
        while table.used.saturating_add(more) > table.slots / 2 {
            table = table.grow(&self.scratch)?;
        }
        for (key, taken) in std::mem::take(&mut self.memory) {
            table.set(&key, taken)?;
            self.filter.add(&key);
        }
        table.flush()?;
        self.table = Some(table);
        Ok(())
    }
}

/// Lists the directories of a path, the innermost first.
pub(super) fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    memchr::memrchr_iter(b'/', path).filter_map(|slash| path.get(..slash))
}

impl Filter {
    fn add(&mut self, key: &Key) {
        self.0.resize(FILTER, 0);
        for (word, bit) in Self::bits(key) {
            if let Some(word) = self.0.get_mut(word) {
                *word |= bit;
            }
        }
    }

    fn may_hold(&self, key: &Key) -> bool {
        Self::bits(key).all(|(word, bit)| self.0.get(word).is_some_and(|word| word & bit != 0))
    }

    /// Returns the bits of a key, each with the place of its word.
    fn bits(key: &Key) -> impl Iterator<Item = (usize, u64)> {
        let (parts, _) = key.as_chunks::<4>();
        parts.iter().take(3).map(|part| {
            let hash = u32::from_le_bytes(*part);
            (usize::try_from(hash >> 6).unwrap_or(0) % FILTER, 1 << (hash & 63))
        })
    }
}

/// Two paths of one digest are nothing that can be made.
fn key(path: &[u8]) -> Key {
    let digest: [u8; 32] = Sha256::digest(path).into();
    let mut key = [0; SLOT];
    key.iter_mut().zip(digest).take(SLOT - 1).for_each(|(byte, digest)| *byte = digest);
    key
}

impl Table {
    fn new(scratch: &Scratch, slots: u64) -> io::Result<Self> {
        let file = tempfile::tempfile_in(scratch.directory())?;
        file.set_len(slots * 16)?;
        // Keys come in the order of the table, so many at a time: where some of them stand close together, they are
        // read and written together.
        let is_dense = slots * 16 / IN_MEMORY as u64 <= WINDOW as u64 / 16;
        let window = vec![0; if is_dense { WINDOW } else { GROUP_BYTES }];
        Ok(Self { file, slots, used: 0, window, window_at: None })
    }

    /// Returns the number of the group in which a key's slot is, if there is room.
    fn first_group(&self, key: &Key) -> io::Result<u64> {
        let (first, _) = key.split_first_chunk::<8>().ok_or(io::ErrorKind::InvalidData)?;
        // Keys that ascend go through the table from front to back.
        Ok(u64::from_be_bytes(*first) >> ((self.slots / 16).leading_zeros() + 1))
    }

    /// Returns what is in a key's slot, of a table that was flushed.
    fn find(&self, key: &Key) -> io::Result<Option<Taken>> {
        let mut group = self.first_group(key)?;
        let mut bytes = [0; GROUP_BYTES];
        loop {
            self.file.read_exact_at(&mut bytes, group * 256)?;
            if let Some((_, taken)) = slot_of(&bytes, key) {
                return Ok(taken);
            }
            group = (group + 1) % (self.slots / 16);
        }
    }

    fn set(&mut self, key: &Key, taken: Taken) -> io::Result<()> {
        let mut group = self.first_group(key)?;
        loop {
            let bytes = self.group(group)?;
            if let Some((at, found)) = slot_of(bytes, key) {
                if let Some(slot) = bytes.get_mut(at..at + SLOT) {
                    slot.copy_from_slice(key);
                    slot.iter_mut().skip(SLOT - 1).for_each(|last| *last = taken as u8);
                }
                self.used += u64::from(found.is_none());
                return Ok(());
            }
            group = (group + 1) % (self.slots / 16);
        }
    }

    /// Returns a group of slots in the window, moving it there.
    fn group(&mut self, group: u64) -> io::Result<&mut [u8]> {
        let length = self.window.len() as u64;
        let start = group * 256 / length * length;
        if self.window_at != Some(start) {
            self.flush()?;
            self.file.read_exact_at(&mut self.window, start)?;
            self.window_at = Some(start);
        }
        let at = usize::try_from(group * 256 - start).unwrap_or(usize::MAX);
        Ok(self.window.get_mut(at..).and_then(|slots| slots.get_mut(..GROUP_BYTES)).unwrap_or_default())
    }

    /// Writes the window to the file.
    fn flush(&mut self) -> io::Result<()> {
        self.window_at.take().map_or(Ok(()), |start| self.file.write_all_at(&self.window, start))
    }

    /// Moves everything into a table of twice the size.
    fn grow(&self, scratch: &Scratch) -> io::Result<Self> {
        let mut larger = Self::new(scratch, self.slots * 2)?;
        let mut bytes = vec![0; 256 * GROUP_BYTES];
        let mut offset = 0;
        while offset < self.slots * 16 {
            self.file.read_exact_at(&mut bytes, offset)?;
            for slot in bytes.chunks_exact(SLOT) {
                let Some((last, digest)) = slot.split_last() else { continue };
                let Some(taken) = Taken::of(*last).filter(|taken| *taken != Taken::Free) else { continue };
                let mut key = [0; SLOT];
                key.iter_mut().zip(digest).for_each(|(byte, digest)| *byte = *digest);
                larger.set(&key, taken)?;
            }
            offset += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        }
        larger.flush()?;
        Ok(larger)
    }
}

/// Finds a key's slot in a group, or the empty one where it would stand: where it begins, and what is there. `None`:
/// in a group behind.
fn slot_of(group: &[u8], key: &Key) -> Option<(usize, Option<Taken>)> {
    for (slot, at) in group.chunks_exact(SLOT).zip((0..).step_by(SLOT)) {
        let (digest, last) = slot.split_at_checked(SLOT - 1).unwrap_or_default();
        match last.first().copied().and_then(Taken::of) {
            None => return Some((at, None)),
            taken if key.starts_with(digest) => return Some((at, taken)),
            Some(_) => {}
        }
    }
    None
}

impl Taken {
    fn of(byte: u8) -> Option<Self> {
        [Self::Free, Self::File, Self::Directory, Self::Entered]
            .into_iter()
            .find(|taken| *taken as u8 == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_memory_and_in_tables_of_any_size() {
        let directory = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(directory.path().to_owned());
        let mut names = Names { in_memory: 100, first: 4096, ..Names::new(&scratch) };
        let kinds = [Taken::File, Taken::Directory, Taken::Entered, Taken::Free];
        for number in 0..20_000_usize {
            let path = number.to_string();
            assert_eq!(names.get(path.as_bytes()).unwrap(), None);
            names.set(path.as_bytes(), Taken::Directory).unwrap();
            names.set(path.as_bytes(), kinds[number % 4]).unwrap();
        }
        assert!(names.table.as_ref().is_some_and(|table| table.slots >= 1 << 16));
        for number in 0..20_000_usize {
            let found = names.get(number.to_string().as_bytes()).unwrap();
            assert_eq!(found, Some(kinds[number % 4]).filter(|kind| *kind != Taken::Free), "{number}");
        }
        assert_eq!(names.get(b"20000").unwrap(), None);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
