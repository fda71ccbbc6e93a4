//! CHECKSUMS against the files that are there: two sorted lists, merged.
//!
//! In: sorted paths of files, sorted rows. Out: jobs for files to read; findings for the rest.

use std::cmp::Ordering;
use std::io::BufReader;

use super::walk::REGULAR;
use super::{FindingKind, Result, Shared, checksums};
use crate::dump::lines::{Line, Lines};
use crate::dump::{Sorted, Sorter};
use crate::limits;

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
        Ok(file) => file,
        Err(errno) => {
            shared.unreadable(name, errno);
            return Ok(());
        }
    };
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, file), limits::CHECKSUMS_LINE);
    let mut last = Vec::new();
    let mut sorted = true;
    for number in 1_u64.. {
        shared.check_interrupt()?;
        let row = match lines.next() {
            Ok(Some(Line::Text(line))) => checksums::parse(line).map_err(|error| error.to_string()),
            Ok(Some(Line::TooLong)) => Err("line too long".to_owned()),
            Ok(None) => break,
            Err(error) => {
                shared.unreadable(name, error);
                break;
            }
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
    Ok(())
}

/// The merge; threads take turns.
#[derive(Debug)]
pub(super) struct Join<'s> {
    files: Sorted<'s>,
    rows: Sorted<'s>,
    /// The next file, and whether it is regular.
    file: Option<(Vec<u8>, bool)>,
    row: Option<(Vec<u8>, [u8; 32])>,
}

impl<'s> Join<'s> {
    pub(super) fn new(files: Sorted<'s>, rows: Sorted<'s>) -> Result<Self> {
        let mut join = Self { files, rows, file: None, row: None };
        join.next_file()?;
        join.row = join.next_row()?;
        Ok(join)
    }

    /// Puts the next jobs into `jobs`, which is empty; leaves it so at the end.
    pub(super) fn take(&mut self, shared: &Shared, jobs: &mut Vec<Job>) -> Result<()> {
        while jobs.len() < BATCH {
            let order = match (&self.file, &self.row) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((file, _)), Some((row, _))) => file.cmp(row),
            };
            let row = if order.is_lt() { None } else { self.distinct_row(shared)? };
            let file = if order.is_gt() { None } else { self.next_file()? };
            match (file, row) {
                (Some((path, true)), row) => {
                    if row.is_none() && path != checksums::NAME.as_bytes() {
                        shared.add(FindingKind::Unlisted, &path, 0, "");
                    }
                    jobs.push(Job { path, digest: row.map(|(_, digest)| digest) });
                }
                (None, Some((path, _))) => shared.add(FindingKind::Missing, &path, 0, ""),
                // The walk has recorded what is no regular file.
                (Some((_, false)) | None, _) => {}
            }
        }
        Ok(())
    }

    /// Takes the current row and skips further ones of its path.
    fn distinct_row(&mut self, shared: &Shared) -> Result<Option<(Vec<u8>, [u8; 32])>> {
        let current = self.row.take();
        loop {
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
    fn next_file(&mut self) -> Result<Option<(Vec<u8>, bool)>> {
        let next = self.files.next()?.map(|(path, kind)| (path.to_vec(), kind == REGULAR));
        Ok(std::mem::replace(&mut self.file, next))
    }

    fn next_row(&mut self) -> Result<Option<(Vec<u8>, [u8; 32])>> {
        let row = self.rows.next()?;
        Ok(row.and_then(|(path, digest)| Some((path.to_vec(), digest.try_into().ok()?))))
    }
}
