//! What the walk did not see: inodes that no name reaches, bookkeeping that does not add up
//! (`keyspaces.md` 8, rule 8).
//!
//! In: what the walk met, chunk and bookkeeping rows. Out: warnings; chunk rows that do not parse, as problems.

use super::content::Stored;
use super::record::UsageRecord;
use super::survey::Survey;
use super::trouble;
use super::walk::Walked;
use crate::adapter::Context;
use crate::error::Result;
use crate::keyspace::{Family, fs};
use crate::report::Warning;
use crate::store::{Entry, Store};

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
pub fn check(context: &mut Context<'_, '_>, survey: &Survey, walked: &Walked) -> Result<()> {
    let unreachable = survey.live.saturating_sub(walked.reached);
    if unreachable != 0 {
        context.report.warn(Warning::new("fs_unreachable").with("count", unreachable));
    }
    let stored = chunks(context, walked.chunks)?;
    bookkeeping_keys(context)?;
    usage(context, survey.inode_rows, stored)
}

/// Counts the chunk rows and their bytes; `malformed` gets the rows whose key does not parse.
pub fn stored(store: &Store, mut malformed: impl FnMut(&Entry<'_>) -> Result<()>) -> Result<Stored> {
    let mut stored = Stored::default();
    let mut chunks = store.scan(Family::FsChunk);
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
    if seen.rows == context.store.stats(Family::FsChunk).visible {
        return Ok(seen);
    }
    let report = &mut *context.report;
    stored(context.store, |row| {
        let message = "no home slot, inode and index behind the prefix";
        trouble::problem(report, row.key, "fs_malformed_key", message, row.place)
    })
}

fn bookkeeping_keys(context: &mut Context<'_, '_>) -> Result<()> {
    for family in BOOKKEEPING {
        let mut rows = context.store.scan(family);
        while let Some(row) = rows.next()? {
            if !fs::is_sound(family, row.key) {
                context.report.warn(trouble::row_warning("fs_malformed_key", row.key));
            }
        }
    }
    Ok(())
}

/// Compares the usage rows, if there are any, with the rows that they count.
fn usage(context: &mut Context<'_, '_>, inodes: u64, stored: Stored) -> Result<()> {
    let mut total: Option<(i128, i128)> = None;
    for family in [Family::FsUsage, Family::FsUsageRoute] {
        let mut rows = context.store.scan(family);
        while let Some(row) = rows.next()? {
            let Some(record) = UsageRecord::parse(row.body) else {
                context.report.warn(trouble::row_warning("fs_malformed_usage", row.key));
                return Ok(());
            };
            let (files, bytes) = record.share();
            let (files_before, bytes_before) = total.unwrap_or_default();
            total = Some((files_before.saturating_add(files), bytes_before.saturating_add(bytes)));
        }
    }
    let counted = (i128::from(inodes), i128::from(stored.bytes));
    if let Some((files, bytes)) = total.filter(|total| *total != counted) {
        let mismatch = Warning::new("fs_usage_mismatch")
            .with("files", files.to_string())
            .with("bytes", bytes.to_string())
            .with("inodes", inodes)
            .with("stored_bytes", stored.bytes);
        context.report.warn(mismatch);
    }
    Ok(())
}
