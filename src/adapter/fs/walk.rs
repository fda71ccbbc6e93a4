//! Down the tree from the root, level by level (`keyspaces.md` 8, rules 1-6).
//!
//! In: name and inode rows. Out: directories, files, lines of the listing; names that lead nowhere or to the
//! wrong thing, as warnings; nodes that cannot be written, as problems.

use super::RECORD;
use super::allowance::Allowance;
use super::content::{self, Stored};
use super::listing::Listing;
use super::path::NodePath;
use super::record::{InodeRecord, NameRecord, NodeType};
use super::shared::Meeting;
use super::survey::Survey;
use super::trouble;
use crate::adapter::Context;
use crate::cursor;
use crate::dump::{Scratch, Sorter};
use crate::error::Result;
use crate::keyspace::{Family, fs};
use crate::limits;
use crate::store::{Entry, EntryBuf, RowLocation};

const MEMORY: usize = 8 << 20;
const INODES_MEMORY: usize = 4 << 20;

/// What the walk met.
#[derive(Debug)]
pub struct Walked {
    /// Inodes that a name led to, each once, and the root.
    pub reached: u64,
    /// Their numbers, big-endian.
    pub inodes: Sorter,
    /// Chunk rows that were read.
    pub chunks: Stored,
}

impl Walked {
    fn new(scratch: &Scratch) -> Self {
        Self { reached: 0, inodes: Sorter::new(scratch, INODES_MEMORY), chunks: Stored::default() }
    }

    fn reach(&mut self, inode: u64) -> Result<()> {
        self.reached += 1;
        Ok(self.inodes.push(&inode.to_be_bytes(), b"")?)
    }
}

/// Writes everything that the root leads to; nothing when there is no root.
pub fn tree(context: &mut Context<'_, '_>, survey: &mut Survey) -> Result<Walked> {
    let nothing = Walked::new(context.tree.scratch());
    let mut root = EntryBuf::default();
    if !context.store.get(&fs::inode_key(fs::ROOT), &mut root)? {
        return Ok(nothing);
    }
    // A root whose record does not parse was reported by the survey.
    let Some(record) = InodeRecord::parse(&root.body) else { return Ok(nothing) };
    if record.node_type != NodeType::Directory {
        let message = "the root is no directory";
        trouble::problem(context.report, &root.key, "fs_invalid_inode", message, root.place)?;
        return Ok(nothing);
    }
    let mut walk = Walk::new(context, survey);
    walk.root(&record)?;
    let mut level = Sorter::new(walk.context.tree.scratch(), MEMORY);
    while !walk.next_level.is_empty() {
        std::mem::swap(&mut level, &mut walk.next_level);
        let mut directories = level.sort()?;
        while let Some((original, mut value)) = directories.next()? {
            let inode = cursor::take_u64_be(&mut value).ok_or(RECORD)?;
            walk.directory.assign(original, value);
            walk.names(inode)?;
        }
    }
    let Walk { context, listing, walked, .. } = walk;
    listing.write(context.tree)?;
    Ok(walked)
}

struct Walk<'w, 'a, 'r> {
    context: &'w mut Context<'a, 'r>,
    survey: &'w mut Survey,
    listing: Listing,
    walked: Walked,
    allowance: Allowance,
    /// Directories of the level below: path in the filesystem -> inode, path in the dump.
    next_level: Sorter,
    directory: NodePath,
    node: NodePath,
    pending: Vec<u8>,
}

impl<'w, 'a, 'r> Walk<'w, 'a, 'r> {
    fn new(context: &'w mut Context<'a, 'r>, survey: &'w mut Survey) -> Self {
        let scratch = context.tree.scratch();
        Self {
            listing: Listing::new(scratch),
            next_level: Sorter::new(scratch, MEMORY),
            walked: Walked::new(scratch),
            allowance: Allowance::new(context.store.stats(Family::FsChunk).bytes),
            directory: NodePath::default(),
            node: NodePath::default(),
            pending: Vec::new(),
            context,
            survey,
        }
    }

    fn root(&mut self, record: &InodeRecord) -> Result<()> {
        self.node.assign_root();
        self.check_number(fs::ROOT, record);
        self.survey.shared.meet(fs::ROOT);
        self.walked.reach(fs::ROOT)?;
        self.listing.push(b"", fs::ROOT, record)?;
        self.enter(fs::ROOT)
    }

    /// Writes what stands in `self.directory`.
    fn names(&mut self, directory: u64) -> Result<()> {
        let hint = self.survey.names.at_or_before(directory);
        let mut names = self.context.store.scan_prefix(&fs::names_prefix(directory), hint);
        while let Some(row) = names.next()? {
            // Rows that do not parse were reported when all names were scanned.
            let (Some((_, name)), Some(record)) = (fs::name(row.key), NameRecord::parse(row.body)) else {
                continue;
            };
            self.name(directory, name, record, &row)?;
        }
        Ok(())
    }

    fn name(&mut self, directory: u64, name: &[u8], named: NameRecord, row: &Entry<'_>) -> Result<()> {
        let fallback = self.node.assign_child(&self.directory, name);
        let Some(record) = self.inode(named.inode)? else {
            let dangling = trouble::warning("fs_dangling_entry", named.inode, &self.node.original);
            self.context.report.warn(dangling);
            return Ok(());
        };
        self.check_number(named.inode, &record);
        if named.node_type != record.node_type {
            let mismatch = trouble::warning("fs_type_mismatch", named.inode, &self.node.original);
            self.context.report.warn(mismatch);
        }
        if !self.node.fits() {
            return self.lost("fs_path_too_long", "the path is too long for CHECKSUMS or KEYMAP", row.place);
        }
        let meeting = self.survey.shared.meet(named.inode);
        if meeting == Meeting::First {
            self.walked.reach(named.inode)?;
        }
        if record.node_type == NodeType::Directory && meeting != Meeting::First {
            return self.lost(
                "fs_directory_reached_twice",
                "another name leads to this directory",
                row.place,
            );
        }
        self.listing.push(&self.node.original, named.inode, &record)?;
        if let Some(name) = &fallback
            && self.is_named(directory, name.as_bytes())?
        {
            let message = format!("the name is too long, and another one is called {name}");
            return self.lost("fs_name_taken", message, row.place);
        }
        if record.node_type != NodeType::Directory
            && let Some(message) = self.over_limit(named.inode, &record, meeting)?
        {
            return self.lost("fs_size_over_limit", message, row.place);
        }
        if let Some((class, message)) = trouble::refused_name(self.write(named.inode, &record, meeting))? {
            return self.lost(class, message, row.place);
        }
        if fallback.is_some() {
            self.context.tree.keymap().push(&self.node.disk, &self.node.original)?;
        }
        Ok(())
    }

    /// Says what is wrong when the file is much longer than what is stored of it: holes are sparse on disk, but all
    /// who read the tree read them.
    fn over_limit(&mut self, inode: u64, record: &InodeRecord, meeting: Meeting) -> Result<Option<String>> {
        let size = record.size;
        let file = format!("inode {inode}: size {size}");
        if size > limits::FILESYSTEM_FILE {
            return Ok(Some(format!("{file} is over the limit of {}", limits::FILESYSTEM_FILE)));
        }
        if meeting != Meeting::First
            && let Err(left) = self.allowance.take_copy(size)
        {
            return Ok(Some(format!(
                "{file}, written under another name already; {left} bytes are left for copies"
            )));
        }
        // Only a file that may exceed the bound is read ahead; what others lack is counted as they are written.
        if self.allowance.covers(size) {
            return Ok(None);
        }
        let holes = content::holes(self.context.store, inode, record)?;
        let left = self.allowance.left();
        let message = format!("{file}, of which {holes} bytes are not stored; {left} are left for holes");
        Ok((holes > left).then_some(message))
    }

    fn write(&mut self, inode: u64, record: &InodeRecord, meeting: Meeting) -> Result<()> {
        if record.node_type == NodeType::Directory {
            return self.enter(inode);
        }
        let Context { store, tree, .. } = &mut *self.context;
        let mut read = Stored::default();
        let all = meeting == Meeting::First;
        let holes = content::write(store, tree, &self.node.disk, inode, record, (&mut read, all))?;
        self.allowance.take_holes(holes);
        if all {
            self.walked.chunks.add(read);
        } else {
            // The size was taken before; rows may be longer than what counts of them.
            self.allowance.take_read(read.bytes.saturating_sub(record.size));
        }
        Ok(())
    }

    /// Creates the directory of `self.node`, and puts it down for the next level.
    fn enter(&mut self, inode: u64) -> Result<()> {
        self.context.tree.directory(&self.node.disk)?;
        self.pending.clear();
        self.pending.extend_from_slice(&inode.to_be_bytes());
        self.pending.extend_from_slice(&self.node.disk);
        self.next_level.push(&self.node.original, &self.pending)?;
        Ok(())
    }

    /// Finds the record of an inode that can have a name.
    fn inode(&self, inode: u64) -> Result<Option<InodeRecord>> {
        let key = fs::inode_key(inode);
        let mut rows = self.context.store.scan_prefix(&key, self.survey.inodes.at_or_before(inode));
        while let Some(row) = rows.next()? {
            // A malformed key may begin like this one.
            if row.key == key {
                return Ok(InodeRecord::parse(row.body).filter(InodeRecord::is_live));
            }
        }
        Ok(None)
    }

    fn is_named(&self, directory: u64, name: &[u8]) -> Result<bool> {
        Ok(self.context.store.get(&fs::name_key(directory, name), &mut EntryBuf::default())?)
    }

    fn check_number(&mut self, inode: u64, record: &InodeRecord) {
        if record.inode != inode {
            let mismatch = trouble::warning("fs_inode_mismatch", inode, &self.node.original);
            self.context.report.warn(mismatch);
        }
    }

    fn lost(&mut self, class: &'static str, message: impl Into<String>, place: RowLocation) -> Result<()> {
        trouble::problem(self.context.report, &self.node.original, class, message, place)
    }
}
