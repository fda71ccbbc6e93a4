//! What the walk did not see: inodes that no name reaches, bookkeeping that does not add up
//! (`format/filesystem.md#records-of-the-filesystem`, rule 8).
//!
//! In: what the walk met, chunk and bookkeeping rows. Out: warnings; chunk rows that do not parse, as problems.

use super::RECORD;
use super::content::Stored;
use super::plan::Plan;
use super::problem;
use super::record::UsageRecord;
use super::walk::Walked;
use crate::cursor;
use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::excerpt;
use crate::keyspace::{Family, fs};
use crate::model::fs::InodeRecord;
use crate::service::Context;
use crate::snapshot::{Entry, Snapshot};
use crate::tree::Sorter;

const BOOKKEEPING: [Family; 7] = [
    Family::FsNameVersion,
    Family::FsHome,
    Family::FsRef,
    Family::FsRefFence,
    Family::FsIntent,
    Family::FsMoveJob,
    Family::FsUsageRoute,
];

/// Compares all rows with what the walk met.
pub(super) fn check(context: &mut Context<'_, '_>, plan: &Plan, walked: &mut Walked) -> Result<()> {
    let unreachable = plan.live.saturating_sub(walked.reached);
    if unreachable != 0 {
        let warning = Warning::new(Event::FS_UNREACHABLE).with("count", unreachable);
        let first = first_unreachable(context.snapshot, &mut walked.inodes)?;
        context.report.warn(match first {
            Some(inode) => warning.with("first_inode", inode),
            None => warning,
        });
    }
    let stored = chunks(context, walked.chunks)?;
    bookkeeping_keys(context)?;
    usage(context, plan.inode_rows, stored)
}

/// Finds the lowest inode that can have a name, and that the walk did not reach; none where nobody could say which
/// inodes it reached before.
fn first_unreachable(snapshot: &Snapshot, reached: &mut Sorter) -> Result<Option<u64>> {
    let mut reached = reached.sort()?;
    let mut last = None;
    let mut ended = false;
    let mut rows = snapshot.scan(Family::FsInode);
    while let Some(row) = rows.next()? {
        // The survey reports the rows that do not parse.
        let Some(inode) = fs::inode(row.key) else { continue };
        if !InodeRecord::parse(row.body).is_some_and(|record| record.is_live()) {
            continue;
        }
        while !ended && last < Some(inode) {
            match reached.next()? {
                Some((record, value)) => {
                    let mut key = record;
                    let inode = cursor::take_u64_be(&mut key);
                    last = Some(inode.ok_or_else(|| RECORD.at((record, value)))?);
                }
                None => ended = true,
            }
        }
        if last != Some(inode) {
            return Ok(Some(inode));
        }
    }
    Ok(None)
}

/// Counts the chunk rows and their bytes; `malformed` gets the rows whose key does not parse.
pub(super) fn stored(
    snapshot: &Snapshot,
    mut malformed: impl FnMut(&Entry<'_>) -> Result<()>,
) -> Result<Stored> {
    let mut stored = Stored::default();
    let mut chunks = snapshot.scan(Family::FsChunk);
    while let Some(row) = chunks.next()? {
        if fs::chunk(row.key).is_some() {
            stored.count(row.body);
        } else {
            malformed(&row)?;
        }
    }
    Ok(stored)
}

/// Counts all chunk rows. The walk read every one of them, unless some are left over or malformed: only then
/// they are read again.
fn chunks(context: &mut Context<'_, '_>, seen: Stored) -> Result<Stored> {
    if seen.rows == context.snapshot.stats(Family::FsChunk).visible {
        return Ok(seen);
    }
    let report = &mut *context.report;
    stored(context.snapshot, |row| {
        let message = "no home slot, inode and index behind the prefix";
        problem::report(report, row.key, Class::FS_MALFORMED_KEY, message, row.place)
    })
}

fn bookkeeping_keys(context: &mut Context<'_, '_>) -> Result<()> {
    for family in BOOKKEEPING {
        let mut rows = context.snapshot.scan(family);
        while let Some(row) = rows.next()? {
            if !fs::is_sound(family, row.key) {
                context.report.warn(problem::row_warning(Event::FS_MALFORMED_KEY, row.key));
            }
        }
    }
    Ok(())
}

/// Compares the usage rows, if there are any, with the rows that they count.
fn usage(context: &mut Context<'_, '_>, inodes: u64, stored: Stored) -> Result<()> {
    let mut total: Option<(i128, i128)> = None;
    let mut usage_rows = 0_u64;
    let mut first = Vec::new();
    for family in [Family::FsUsage, Family::FsUsageRoute] {
        let mut rows = context.snapshot.scan(family);
        while let Some(row) = rows.next()? {
            let Some(record) = UsageRecord::parse(row.body) else {
                context.report.warn(problem::row_warning(Event::FS_MALFORMED_USAGE, row.key));
                return Ok(());
            };
            if usage_rows == 0 {
                first.extend_from_slice(row.key.get(..excerpt::NAME).unwrap_or(row.key));
            }
            usage_rows += 1;
            let (files, bytes) = record.share();
            let (files_before, bytes_before) = total.unwrap_or_default();
            total = Some((files_before.saturating_add(files), bytes_before.saturating_add(bytes)));
        }
    }
    let counted = (i128::from(inodes), i128::from(stored.bytes));
    if let Some((files, bytes)) = total.filter(|total| *total != counted) {
        let mismatch = Warning::new(Event::FS_USAGE_MISMATCH)
            .with("files", files.to_string())
            .with("bytes", bytes.to_string())
            .with("inodes", inodes)
            .with("stored_bytes", stored.bytes)
            .with("usage_rows", usage_rows);
        context.report.warn(mismatch.with_key(&first));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::fixture::Rows;
    use crate::tree::Scratch;

    #[test]
    fn a_damaged_number_of_an_inode_is_a_fault_of_the_program() {
        let mut rows = Rows::default();
        rows.put(&fs::inode_key(1), br#"{"type":"directory","nlink":1}"#);
        let (_directory, snapshot) = rows.open().unwrap();
        let mut reached = Sorter::new(&Scratch::default(), 1 << 16);
        reached.push(b"short", b"").unwrap();
        let found = first_unreachable(&snapshot, &mut reached);
        assert!(matches!(found, Err(crate::Error::Internal(bug)) if bug.place().is_some()));
    }
}
