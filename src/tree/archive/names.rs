//! Which names of an archive are taken, as a file system would know it: digests of paths, in memory while they are few,
//! then in a table in an unlinked file.
//!
//! In: paths. Out: what stands there. Memory does not grow with the number of names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use crate::tree::Scratch;

/// Names that stay in memory.
const IN_MEMORY: usize = 1 << 17;
/// Bytes of a slot of the table: a digest whose last byte says what stands there.
const SLOT: usize = 16;
/// Slots that are read at once.
const GROUP: usize = 16;
const GROUP_BYTES: usize = SLOT * GROUP;
/// Slots of the first table.
const FIRST: u64 = 1 << 19;

/// What has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Taken {
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
pub(super) struct Names {
    scratch: Scratch,
    memory: BTreeMap<Key, Taken>,
    in_memory: usize,
    table: Option<Table>,
    /// Slots of the first table.
    first: u64,
}

#[derive(Debug)]
struct Table {
    file: File,
    slots: u64,
    used: u64,
}

impl Names {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self {
            scratch: scratch.clone(),
            memory: BTreeMap::new(),
            in_memory: IN_MEMORY,
            table: None,
            first: FIRST,
        }
    }

    /// Tells about how many names there will be.
    pub(super) fn expect(&mut self, names: u64) {
        // A wrong estimate only costs a hole in a file, or another table.
        self.first = names.saturating_mul(3).clamp(FIRST, 1 << 32).next_power_of_two();
    }

    /// Returns what has this path.
    pub(super) fn get(&self, path: &[u8]) -> io::Result<Option<Taken>> {
        let key = key(path);
        let found = match &self.table {
            None => self.memory.get(&key).copied(),
            Some(table) => table.find(&key)?.1,
        };
        Ok(found.filter(|taken| *taken != Taken::Free))
    }

    /// Says what has this path.
    pub(super) fn set(&mut self, path: &[u8], taken: Taken) -> io::Result<()> {
        let key = key(path);
        if self.table.is_none() {
            if taken == Taken::Free {
                self.memory.remove(&key);
                return Ok(());
            }
            self.memory.insert(key, taken);
            if self.memory.len() < self.in_memory {
                return Ok(());
            }
            let mut table = Table::new(&self.scratch, self.first)?;
            for (key, taken) in std::mem::take(&mut self.memory) {
                table.set(&key, taken)?;
            }
            self.table = Some(table);
            return Ok(());
        }
        let Some(table) = &mut self.table else { return Ok(()) };
        table.set(&key, taken)?;
        if table.used > table.slots / 2 {
            let larger = table.grow(&self.scratch)?;
            self.table = Some(larger);
        }
        Ok(())
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
        Ok(Self { file, slots, used: 0 })
    }

    /// Returns the offset of a key's slot, or of the empty one where it would stand, and what is there.
    fn find(&self, key: &Key) -> io::Result<(u64, Option<Taken>)> {
        let groups = self.slots / 16;
        let (first, _) = key.split_first_chunk::<8>().ok_or(io::ErrorKind::InvalidData)?;
        let mut group = u64::from_le_bytes(*first) % groups;
        let mut bytes = [0; GROUP_BYTES];
        loop {
            let offset = group * 256;
            self.file.read_exact_at(&mut bytes, offset)?;
            for (slot, at) in bytes.chunks_exact(SLOT).zip((offset..).step_by(SLOT)) {
                let (digest, last) = slot.split_at_checked(SLOT - 1).unwrap_or_default();
                match last.first().copied().and_then(Taken::of) {
                    None => return Ok((at, None)),
                    taken if key.starts_with(digest) => return Ok((at, taken)),
                    Some(_) => {}
                }
            }
            group = (group + 1) % groups;
        }
    }

    fn set(&mut self, key: &Key, taken: Taken) -> io::Result<()> {
        let (offset, found) = self.find(key)?;
        self.used += u64::from(found.is_none());
        let mut slot = *key;
        if let Some(last) = slot.last_mut() {
            *last = taken as u8;
        }
        self.file.write_all_at(&slot, offset)
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
        Ok(larger)
    }
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
        let mut names = Names { in_memory: 10, first: 4096, ..Names::new(&scratch) };
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
