//! Which names the directories of the filesystem had, at any time that versions are held of.
//!
//! In: all versions of names. Out: the path of a directory at a time. Links of directories alone are kept, on the disk.

use std::collections::BTreeMap;

use super::MEMORY;
use crate::cursor;
use crate::error::Result;
use crate::keyspace::{Family, fs};
use crate::limits;
use crate::service::fs::NameRecord;
use crate::snapshot::Snapshot;
use crate::sort::{Scratch, Sorter, Table, TableWriter};
use crate::time::Hlc;

/// Names of one directory that are kept: the newest ones.
const NAMES: usize = 64;
/// Directories whose names are in memory.
const KNOWN: usize = 4096;

/// The names of directories.
pub(super) struct Directories {
    /// Inode -> names, the newest first: time, parent, length of the name, the name.
    names: Table,
    known: BTreeMap<u64, Vec<Name>>,
}

/// A name that a directory had from a time on.
#[derive(Clone)]
struct Name {
    since: Hlc,
    parent: u64,
    text: Vec<u8>,
}

impl Directories {
    /// Reads all names up to the read time.
    pub(super) fn read(snapshot: &Snapshot, scratch: &Scratch) -> Result<Self> {
        let (mut names, mut parents) = (Sorter::new(scratch, MEMORY), Sorter::new(scratch, MEMORY));
        let mut last = None;
        let mut push = |key: &[u8], since: Hlc, body: Option<&[u8]>| -> Result<()> {
            let Some((parent, name)) = fs::name(key) else { return Ok(()) };
            if last.replace(parent) != Some(parent) {
                parents.push(&parent.to_be_bytes(), b"")?;
            }
            let Some(record) = body.and_then(NameRecord::parse).filter(|_| since <= snapshot.read_ts())
            else {
                return Ok(());
            };
            let of_inode = [record.inode.to_be_bytes(), since.suffix()];
            Ok(names.push(of_inode.as_flattened(), &[&parent.to_be_bytes(), name].concat())?)
        };
        let mut versions = snapshot.versions(Family::FsName);
        while let Some(version) = versions.next()? {
            let body = Some(version.body).filter(|_| !version.tombstone && !version.encrypted);
            push(version.key, version.commit_ts, body)?;
        }
        let mut entries = snapshot.scan(Family::FsName);
        while let Some(entry) = entries.next()? {
            push(entry.key, entry.commit_ts, Some(entry.body))?;
        }
        let mut table = TableWriter::new(scratch)?;
        let (mut names, mut parents) = (names.sort()?, parents.sort()?);
        let mut name = names.next()?.map(|(key, value)| (key.to_vec(), value.to_vec()));
        let mut last = Vec::new();
        while let Some((parent, _)) = parents.next()? {
            if parent == last {
                continue;
            }
            last = parent.to_vec();
            let (mut own, mut count) = (Vec::new(), 0);
            while let Some((key, value)) = name.take_if(|(key, _)| key.get(..8) <= Some(parent)) {
                if key.starts_with(parent) && count < NAMES {
                    count += 1;
                    own.extend_from_slice(key.get(8..).unwrap_or_default());
                    let (parent, text) = value.split_at_checked(8).unwrap_or_default();
                    own.extend_from_slice(parent);
                    own.extend_from_slice(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
                    own.extend_from_slice(text);
                }
                name = names.next()?.map(|(key, value)| (key.to_vec(), value.to_vec()));
            }
            table.push(parent, &own)?;
        }
        Ok(Self { names: table.finish()?, known: BTreeMap::new() })
    }

    /// Returns the path of a directory at a time, with a slash behind where it is not the root's; `None` where no name of
    /// one on the way is held.
    pub(super) fn path(&mut self, mut inode: u64, at: Hlc) -> Result<Option<Vec<u8>>> {
        let (mut parts, mut length) = (Vec::new(), 0);
        while inode != fs::ROOT {
            let names = self.names_of(inode)?;
            // What a directory was called before its oldest name that is held, nobody knows.
            let Some(name) = names.iter().find(|name| name.since <= at).or(names.last()) else {
                return Ok(None);
            };
            inode = name.parent;
            length += name.text.len() + 1;
            parts.push([&*name.text, b"/"].concat());
            // Longer than any path, as a circle is.
            if length > limits::FILESYSTEM_PATH {
                return Ok(None);
            }
        }
        parts.reverse();
        Ok(Some(parts.concat()))
    }

    fn names_of(&mut self, inode: u64) -> Result<&[Name]> {
        if !self.known.contains_key(&inode) {
            if self.known.len() >= KNOWN {
                self.known.clear();
            }
            let found = self.names.find(&inode.to_be_bytes())?.unwrap_or_default();
            let (mut rest, mut names) = (found.as_slice(), Vec::new());
            while let Some(name) = Name::take(&mut rest) {
                names.push(name);
            }
            self.known.insert(inode, names);
        }
        Ok(self.known.get(&inode).map(Vec::as_slice).unwrap_or_default())
    }
}

impl Name {
    fn take(rest: &mut &[u8]) -> Option<Self> {
        let since = Hlc(!cursor::take_u64_be(rest)?);
        let parent = cursor::take_u64_be(rest)?;
        let length = usize::try_from(cursor::take_u64_be(rest)?).ok()?;
        Some(Self { since, parent, text: cursor::take(rest, length)?.to_vec() })
    }
}
