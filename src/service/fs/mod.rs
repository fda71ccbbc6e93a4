//! The filesystem: `extra/fs/tree/…` and `extra/fs/inodes.jsonl` (`format/filesystem.md#records-of-the-filesystem`).
//!
//! In: inode, name and chunk rows. Out: every file and directory that a name reaches from the root, content
//! sparse; a list of their inodes; warnings about what does not fit together.
//!
//! The walk goes down level by level: a level's directories wait in a sorter, so memory depends neither on the
//! number of files nor on the depth of the tree.

mod allowance;
mod check;
mod content;
mod plan;
mod problem;
pub(crate) mod record;
mod shared;
mod sparse_index;
#[cfg(test)]
mod tests;
mod walk;

use super::{Context, Scope};
use crate::bug::Bug;
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::keyspace::{Family, Namespace};
use crate::sink::Wants;

use plan::Plan;

pub(crate) use record::NameRecord;

/// A record of the adapter's sorters is not as it was written.
const RECORD: Bug = Bug::new("a record of the filesystem's tree does not read back");

/// Writes the filesystem. The scope is empty: the manifest does not list it.
pub(crate) fn dump(context: &mut Context<'_, '_>) -> Result<Scope> {
    if context.options.excluded.contains(&Namespace::Fs) {
        return Ok(Scope::new());
    }
    if context.options.no_extra {
        present(context)?;
        return Ok(Scope::new());
    }
    let mut plan = Plan::new(context)?;
    let mut walked = walk::tree(context, &mut plan)?;
    context.sink.end_service(context.report, Namespace::Fs)?;
    // Content that was not read cannot be compared with the usage rows; of several workers one says what there is to say.
    let is_told = context.options.shard().is_none_or(|shard| shard.owns(Namespace::Fs.name()));
    if context.sink.wants() != Wants::Heads && is_told {
        check::check(context, &plan, &mut walked)?;
    }
    Ok(Scope::new())
}

/// Says that a filesystem was left out: its inodes and stored bytes, counted as usage rows count them.
fn present(context: &mut Context<'_, '_>) -> Result<()> {
    let files = context.snapshot.stats(Family::FsInode).visible;
    if files != 0 {
        let bytes = check::stored(context.snapshot, |_| Ok(()))?.bytes;
        context.report.warn(Warning::new(Event::FS_PRESENT).with("files", files).with("bytes", bytes));
    }
    Ok(())
}
