//! Down the tree from the root, level by level (`format/filesystem.md#records-of-the-filesystem`, rules 1-6).
//!
//! In: name and inode rows. Out: directories, files, lines of the listing; names that lead nowhere or to the
//! wrong thing, as warnings; nodes that cannot be written, as problems.

use super::RECORD;
use super::allowance::Allowance;
use super::content::{self, Stored};
use super::plan::Plan;
use super::problem;
use super::record::NameRecord;
use super::shared::Meeting;
use crate::cursor;
use crate::error::Result;
use crate::event::{Class, Event};
use crate::keyspace::{Family, fs};
use crate::limits;
use crate::model::fs::{InodeRecord, Node, NodeType, Siblings};
use crate::model::{Answer, Object};
use crate::service::Context;
use crate::snapshot::{Entry, EntryBuf, RowLocation};
use crate::time::Hlc;
use crate::tree::{Scratch, Sorter};

const MEMORY: usize = 8 << 20;
const INODES_MEMORY: usize = 4 << 20;

/// What the walk met.
#[derive(Debug)]
pub(super) struct Walked {
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
pub(super) fn tree(context: &mut Context<'_, '_>, plan: &mut Plan) -> Result<Walked> {
    let nothing = Walked::new(context.scratch);
    let mut root = EntryBuf::default();
    if !context.snapshot.get(&fs::inode_key(fs::ROOT), &mut root)? {
        return Ok(nothing);
    }
    // A root whose record does not parse was reported by the survey.
    let Some(record) = InodeRecord::parse(&root.body) else { return Ok(nothing) };
    if record.node_type != NodeType::Directory {
        let message = "the root is no directory";
        problem::report(context.report, &root.key, Class::FS_INVALID_INODE, message, root.place)?;
        return Ok(nothing);
    }
    let mut walk = Walk::new(context, plan);
    walk.root((&record, root.commit_ts))?;
    let mut level = Sorter::new(walk.context.scratch, MEMORY);
    while !walk.next_level.is_empty() {
        std::mem::swap(&mut level, &mut walk.next_level);
        let mut directories = level.sort()?;
        while let Some((original, value)) = directories.next()? {
            let inode = cursor::take_u64_be(&mut &*value).ok_or_else(|| RECORD.at((original, value)))?;
            walk.names(inode, original)?;
        }
    }
    Ok(walk.walked)
}

struct Walk<'w, 'a, 'r> {
    context: &'w mut Context<'a, 'r>,
    plan: &'w mut Plan,
    walked: Walked,
    allowance: Allowance,
    /// Directories of the level below: path -> inode.
    next_level: Sorter,
    /// Path of the node at hand: names joined with `/`, no leading slash; empty for the root.
    path: Vec<u8>,
}

impl<'w, 'a, 'r> Walk<'w, 'a, 'r> {
    fn new(context: &'w mut Context<'a, 'r>, plan: &'w mut Plan) -> Self {
        let scratch = context.scratch;
        Self {
            next_level: Sorter::new(scratch, MEMORY),
            walked: Walked::new(scratch),
            allowance: Allowance::new(context.snapshot.stats(Family::FsChunk).bytes),
            path: Vec::new(),
            context,
            plan,
        }
    }

    fn root(&mut self, (record, commit_ts): (&InodeRecord, Hlc)) -> Result<()> {
        self.check_number(fs::ROOT, record);
        self.plan.shared.meet(fs::ROOT);
        self.walked.reach(fs::ROOT)?;
        let siblings = Siblings(&|_| Ok(false));
        let root = Node { path: b"", inode: fs::ROOT, record, siblings, commit_ts };
        match self.context.sink.object(self.context.report, Object::Fs(&root))? {
            Answer::Refused(refusal) => self.lost(refusal.class, refusal.message, None),
            Answer::Taken | Answer::Open | Answer::Left => self.enter(fs::ROOT),
        }
    }

    /// Passes on what is in a directory.
    fn names(&mut self, directory: u64, path: &[u8]) -> Result<()> {
        let hint = self.plan.names.at_or_before(directory);
        let mut names = self.context.snapshot.scan_prefix(&fs::names_prefix(directory), hint);
        while let Some(row) = names.next()? {
            // Rows that do not parse were reported when all names were scanned.
            let (Some((_, name)), Some(record)) = (fs::name(row.key), NameRecord::parse(row.body)) else {
                continue;
            };
            self.path.clear();
            self.path.extend_from_slice(path);
            if !path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name);
            self.name(directory, record, &row)?;
        }
        Ok(())
    }

    fn name(&mut self, directory: u64, named: NameRecord, row: &Entry<'_>) -> Result<()> {
        let Some((record, commit_ts)) = self.inode(named.inode)? else {
            let dangling = problem::warning(Event::FS_DANGLING_ENTRY, named.inode, &self.path);
            self.context.report.warn(dangling);
            return Ok(());
        };
        self.check_number(named.inode, &record);
        if named.node_type != record.node_type {
            let mismatch = problem::warning(Event::FS_TYPE_MISMATCH, named.inode, &self.path);
            self.context.report.warn(mismatch);
        }
        let snapshot = self.context.snapshot;
        let siblings =
            |name: &[u8]| Ok(snapshot.get(&fs::name_key(directory, name), &mut EntryBuf::default())?);
        let (inode, siblings) = (named.inode, Siblings(&siblings));
        let path = std::mem::take(&mut self.path);
        let node = Node { path: &path, inode, record: &record, siblings, commit_ts };
        let lost = self.node(&node)?;
        self.path = path;
        match lost {
            Some((class, message)) => self.lost(class, message, Some(row.place)),
            None => Ok(()),
        }
    }

    /// Passes on a node; returns why it is missing.
    fn node(&mut self, node: &Node<'_>) -> Result<Option<(Class, String)>> {
        if let Some(refusal) = self.context.sink.refusal(Object::Fs(node)) {
            return Ok(Some((refusal.class, refusal.message)));
        }
        let is_directory = node.record.node_type == NodeType::Directory;
        let meeting = self.plan.shared.meet(node.inode);
        if meeting == Meeting::First {
            self.walked.reach(node.inode)?;
        }
        if is_directory && meeting != Meeting::First {
            let message = "another name leads to this directory".to_owned();
            return Ok(Some((Class::FS_DIRECTORY_REACHED_TWICE, message)));
        }
        match self.context.sink.object(self.context.report, Object::Fs(node))? {
            Answer::Refused(refusal) => return Ok(Some((refusal.class, refusal.message))),
            Answer::Open if !is_directory => return self.content(node, meeting),
            Answer::Left if !is_directory && self.context.options.is_others(Object::Fs(node)) => {
                self.pass_over(node, meeting)?;
            }
            Answer::Taken | Answer::Open | Answer::Left => {}
        }
        if is_directory {
            self.next_level.push(node.path, &node.inode.to_be_bytes())?;
        }
        Ok(None)
    }

    fn content(&mut self, node: &Node<'_>, meeting: Meeting) -> Result<Option<(Class, String)>> {
        if let Some(message) = self.over_limit(node.inode, node.record, meeting)? {
            self.context.sink.abandon()?;
            return Ok(Some((Class::FS_SIZE_OVER_LIMIT, message)));
        }
        let mut read = Stored::default();
        let all = meeting == Meeting::First;
        let holes = match content::pass(self.context, node.inode, node.record, (&mut read, all))? {
            Ok(holes) => holes,
            Err(refusal) => return Ok(Some((refusal.class, refusal.message))),
        };
        self.allowance.take_holes(holes);
        if all {
            self.walked.chunks.add(read);
        } else {
            // The size was taken before; rows may be longer than what counts of them.
            self.allowance.take_read(read.bytes.saturating_sub(node.record.size));
        }
        Ok(None)
    }

    /// Takes from the allowance what a file of another share takes. How much that is its chunks tell: they are looked at only
    /// where the allowance can come to an end.
    fn pass_over(&mut self, node: &Node<'_>, meeting: Meeting) -> Result<()> {
        let is_ample = meeting == Meeting::First && self.allowance.covers_all(self.plan.sizes);
        if is_ample || self.over_limit(node.inode, node.record, meeting)?.is_some() {
            return Ok(());
        }
        let (holes, read) = content::holes(self.context.snapshot, node.inode, node.record)?;
        self.allowance.take_holes(holes);
        if meeting != Meeting::First {
            self.allowance.take_read(read.bytes.saturating_sub(node.record.size));
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
        let (holes, _) = content::holes(self.context.snapshot, inode, record)?;
        let left = self.allowance.left();
        let message = format!("{file}, of which {holes} bytes are not stored; {left} are left for holes");
        Ok((holes > left).then_some(message))
    }

    /// Puts a directory down for the next level.
    fn enter(&mut self, inode: u64) -> Result<()> {
        Ok(self.next_level.push(&self.path, &inode.to_be_bytes())?)
    }

    /// Finds the record of an inode that can have a name, and its commit time.
    fn inode(&self, inode: u64) -> Result<Option<(InodeRecord, Hlc)>> {
        let key = fs::inode_key(inode);
        let mut rows = self.context.snapshot.scan_prefix(&key, self.plan.inodes.at_or_before(inode));
        while let Some(row) = rows.next()? {
            // A malformed key may begin like this one.
            if row.key == key {
                let record = InodeRecord::parse(row.body).filter(InodeRecord::is_live);
                return Ok(record.map(|record| (record, row.commit_ts)));
            }
        }
        Ok(None)
    }

    fn check_number(&mut self, inode: u64, record: &InodeRecord) {
        if record.inode != inode {
            let mismatch = problem::warning(Event::FS_INODE_MISMATCH, inode, &self.path);
            self.context.report.warn(mismatch);
        }
    }

    fn lost(&mut self, class: Class, message: String, place: Option<RowLocation>) -> Result<()> {
        problem::report(self.context.report, &self.path, class, message, place)
    }
}
