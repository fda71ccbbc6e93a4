//! The first look at all names and inodes: what the walk has to know before it starts.
//!
//! In: all name and inode rows. Out: a [`Plan`] of bounded size; rows that do not parse, as problems.

use super::problem;
use super::record::NameRecord;
use super::shared::SharedInodes;
use super::sparse_index::SparseIndex;
use crate::error::Result;
use crate::event::Class;
use crate::keyspace::{Family, fs};
use crate::model::fs::InodeRecord;
use crate::service::Context;
use crate::tree::Sorter;

const MEMORY: usize = 8 << 20;

/// What is known about all names and inodes.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Inodes with more than one name.
    pub shared: SharedInodes,
    /// Where the name rows of directories begin.
    pub names: SparseIndex,
    /// Where inode rows stand.
    pub inodes: SparseIndex,
    /// Number of inode rows.
    pub inode_rows: u64,
    /// Number of inodes that can have a name.
    pub live: u64,
    /// Sum of their sizes, bytes.
    pub sizes: u64,
}

impl Plan {
    /// Scans all name and inode rows.
    pub(super) fn new(context: &mut Context<'_, '_>) -> Result<Self> {
        let mut plan = Self::default();
        plan.scan_names(context)?;
        plan.scan_inodes(context)?;
        Ok(plan)
    }

    fn scan_names(&mut self, context: &mut Context<'_, '_>) -> Result<()> {
        let mut children = Sorter::new(context.scratch, MEMORY);
        // The root is named once by itself.
        children.push(&fs::ROOT.to_be_bytes(), b"")?;
        let mut directory = None;
        let mut names = context.snapshot.scan(Family::FsName);
        while let Some(row) = names.next()? {
            let Some((parent, _)) = fs::name(row.key) else {
                let message = "no name that a directory can hold";
                problem::report(context.report, row.key, Class::FS_MALFORMED_KEY, message, row.place)?;
                continue;
            };
            if directory != Some(parent) {
                directory = Some(parent);
                self.names.offer(parent, row.place);
            }
            if let Some(record) = NameRecord::parse(row.body) {
                children.push(&record.inode.to_be_bytes(), b"")?;
            } else {
                let message = "the name does not say which inode it means";
                problem::report(context.report, row.key, Class::FS_INVALID_NAME, message, row.place)?;
            }
        }
        self.shared = SharedInodes::from_sorted(children.sort()?)?;
        Ok(())
    }

    fn scan_inodes(&mut self, context: &mut Context<'_, '_>) -> Result<()> {
        let mut rows = context.snapshot.scan(Family::FsInode);
        while let Some(row) = rows.next()? {
            let Some(inode) = fs::inode(row.key) else {
                let message = "no inode number behind the prefix";
                problem::report(context.report, row.key, Class::FS_MALFORMED_KEY, message, row.place)?;
                continue;
            };
            self.inodes.offer(inode, row.place);
            self.inode_rows += 1;
            if let Some(record) = InodeRecord::parse(row.body) {
                self.live += u64::from(record.is_live());
                self.sizes = self.sizes.saturating_add(record.size);
            } else {
                let message = "not the record of a file or directory";
                problem::report(context.report, row.key, Class::FS_INVALID_INODE, message, row.place)?;
            }
        }
        Ok(())
    }
}
