//! CHECKSUMS against the files that are there: two sorted lists, merged.
//!
//! In: sorted paths of files, sorted rows. Out: jobs for files to read; findings for the rest.

use std::cmp::Ordering;
use std::io::{self, BufReader};

use rustix::io::Errno;

use super::check::ENDLESS;
use super::open::Opened;
use super::walk::{REGULAR, UNLISTED};
use super::{FindingKind, Result, Shared, checksums};
use crate::limits;
use crate::tree::lines::{Line, Lines};
use crate::tree::manifest;
use crate::tree::{Sorted, Sorter};

/// Jobs that a thread takes at once.
const BATCH: usize = 32;

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) path: Vec<u8>,
    /// What CHECKSUMS says; `None` when it says nothing.
    pub(super) digest: Option<[u8; 32]>,
}

/// Adds the rows of CHECKSUMS to `rows`.
pub(super) fn read_checksums(shared: &Shared, rows: &mut Sorter) -> Result<()> {
    let name = checksums::NAME.as_bytes();
    let file = match shared.open_file(None, name) {
        Ok(Opened::File(file, _)) => file,
        Ok(Opened::Other(kind)) => {
            shared.not_regular(name, kind);
            shared.give_up_rows();
            return Ok(());
        }
        // A tree without CHECKSUMS lists nothing; one whose CHECKSUMS cannot be read may list anything.
        Err(Errno::NOENT) => {
            shared.add(FindingKind::Missing, name, 0, "");
            return Ok(());
        }
        Err(errno) => {
            shared.give_up_rows();
            return shared.unreadable(name, errno);
        }
    };
    match read_rows(shared, file, rows)? {
        Ok(()) => Ok(()),
        Err(error) => {
            shared.give_up_rows();
            shared.unreadable(name, error)
        }
    }
}

/// Adds the rows of CHECKSUMS as it is read.
pub(super) fn read_rows(shared: &Shared, file: impl io::Read, rows: &mut Sorter) -> Result<io::Result<()>> {
    let name = checksums::NAME.as_bytes();
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, file), limits::CHECKSUMS_LINE);
    let mut last = Vec::new();
    let mut sorted = true;
    for number in 1_u64.. {
        shared.check_interrupt()?;
        let row = match lines.next() {
            Ok(Some(Line::Text(b"" | b"\r"))) => continue,
            Ok(Some(Line::Text(line))) => checksums::parse(line).map_err(|error| error.to_string()),
            Ok(Some(Line::TooLong)) => Err("line too long".to_owned()),
            Ok(Some(Line::Endless)) => {
                shared.give_up_rows();
                Err(ENDLESS.to_owned())
            }
            Ok(None) => break,
            Err(error) => return Ok(Err(error)),
        };
        match row {
            Ok(row) => {
                if sorted && *row.path < *last {
                    sorted = false;
                    shared.add(FindingKind::UnsortedChecksums, name, number, "");
                }
                rows.push(&row.path, &row.digest)?;
                last.clear();
                last.extend_from_slice(&row.path);
            }
            Err(detail) => shared.add(FindingKind::BadChecksumsLine, name, number, detail),
        }
    }
    Ok(Ok(()))
}

/// The merge; threads take turns.
#[derive(Debug)]
pub(super) struct Join<'s> {
    files: Sorted<'s>,
    rows: Sorted<'s>,
    /// The next file.
    file: Option<(Vec<u8>, Entry)>,
    row: Option<(Vec<u8>, [u8; 32])>,
    /// The directories around the next file or row that were not listed, the innermost last.
    unlisted: Vec<Unlisted>,
}

/// What the walk has found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Regular,
    Other,
    /// A directory that it could not list, and why.
    Unlisted(String),
}

/// A directory that was not listed.
#[derive(Debug)]
struct Unlisted {
    /// With the slash behind; empty for the root.
    path: Vec<u8>,
    why: String,
    /// Rows of files in it that were not seen.
    rows: u64,
}

impl<'s> Join<'s> {
    pub(super) fn new(files: Sorted<'s>, rows: Sorted<'s>) -> Result<Self> {
        let mut join = Self { files, rows, file: None, row: None, unlisted: Vec::new() };
        join.next_file()?;
        join.row = join.next_row()?;
        Ok(join)
    }

    /// Puts the next jobs into `jobs`, which is empty; leaves it so at the end.
    pub(super) fn take(&mut self, shared: &Shared, jobs: &mut Vec<Job>) -> Result<()> {
        while jobs.len() < BATCH {
            shared.check_interrupt()?;
            self.leave(shared);
            let order = match (&self.file, &self.row) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((file, _)), Some((row, _))) => file.cmp(row),
            };
            let row = if order.is_lt() { None } else { self.distinct_row(shared)? };
            let file = if order.is_gt() { None } else { self.next_file()? };
            match (file, row) {
                (Some((path, Entry::Unlisted(why))), _) => {
                    self.unlisted.push(Unlisted { path, why, rows: 0 });
                }
                (Some((path, Entry::Regular)), row) => {
                    let is_known = shared.rows_are_known();
                    if row.is_none() && is_known && path != checksums::NAME.as_bytes() {
                        shared.add(FindingKind::Unlisted, &path, 0, "");
                    }
                    jobs.push(Job { path, digest: row.map(|(_, digest)| digest) });
                }
                (None, Some((path, _))) => match self.unlisted.last_mut() {
                    Some(directory) => directory.rows += 1,
                    // Found before.
                    None if path == manifest::NAME.as_bytes() => {}
                    None => shared.add(FindingKind::Missing, &path, 0, ""),
                },
                // The walk has recorded what is no regular file.
                (Some((_, Entry::Other)) | None, _) => {}
            }
        }
        Ok(())
    }

    /// Leaves the directories that neither the next file nor the next row is in, and says what was not seen of them.
    fn leave(&mut self, shared: &Shared) {
        let file = self.file.as_ref().map(|(path, _)| path);
        let row = self.row.as_ref().map(|(path, _)| path);
        let next = [file, row].into_iter().flatten().min();
        while let Some(left) =
            self.unlisted.pop_if(|directory| next.is_none_or(|path| !path.starts_with(&directory.path)))
        {
            let path = left.path.strip_suffix(b"/").unwrap_or_default();
            let detail = match left.rows {
                0 => left.why,
                rows => format!("{}; {rows} files in it not looked at", left.why),
            };
            shared.add(FindingKind::Unreadable, path, 0, detail);
        }
    }

    /// Takes the current row and skips further ones of its path.
    fn distinct_row(&mut self, shared: &Shared) -> Result<Option<(Vec<u8>, [u8; 32])>> {
        let current = self.row.take();
        loop {
            shared.check_interrupt()?;
            self.row = self.next_row()?;
            match (&current, &self.row) {
                (Some((path, _)), Some((next, _))) if path == next => {
                    shared.add(FindingKind::DuplicateChecksumsRow, path, 0, "");
                }
                _ => return Ok(current),
            }
        }
    }

    /// Takes the current file and goes to the next.
    fn next_file(&mut self) -> Result<Option<(Vec<u8>, Entry)>> {
        let next = self.files.next()?.map(|(path, kind)| {
            let entry = match kind.strip_prefix(UNLISTED) {
                Some(why) => Entry::Unlisted(String::from_utf8_lossy(why).into_owned()),
                None if kind == REGULAR => Entry::Regular,
                None => Entry::Other,
            };
            (path.to_vec(), entry)
        });
        Ok(std::mem::replace(&mut self.file, next))
    }

    fn next_row(&mut self) -> Result<Option<(Vec<u8>, [u8; 32])>> {
        let row = self.rows.next()?;
        Ok(row.and_then(|(path, digest)| Some((path.to_vec(), digest.try_into().ok()?))))
    }
}
