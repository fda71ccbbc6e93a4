//! Rows of the filesystem (`encoding.md#rows-from-extra`).

use std::collections::BTreeSet;

use super::NOT_OPEN;
use super::rows::Rows;
use crate::bug::Bug;
use crate::cursor;
use crate::error::Result;
use crate::event::Class;
use crate::keyspace::{Family, fs as keys};
use crate::model::fs::{InodeRecord, Node, NodeType};
use crate::model::{Answer, Piece, Refusal};
use crate::problem::Problem;
use crate::report::Report;
use crate::service::fs::record::{self, CHUNK};
use crate::sort::{Scratch, Sorter};

/// Memory of the names, bytes.
const MEMORY: usize = 8 << 20;
/// What parts the path of a directory from what is known of it; no path holds it.
const END: u8 = 0;
/// A directory's own inode comes before the names in it.
const OWN: u8 = 0;
const NAME: u8 = 1;

const RECORD: Bug = Bug::new("a name of the filesystem does not read back");

/// The names so far, and the file at hand.
#[derive(Debug)]
pub(super) struct Fs {
    /// By the path of the directory: its inode, then the nodes in it.
    names: Sorter,
    key: Vec<u8>,
    value: Vec<u8>,
    /// Files of several names. Servers make none.
    linked: BTreeSet<u64>,
    open: Option<Open>,
    /// Bytes of the chunk at hand, up to the last that is no zero.
    chunk: Vec<u8>,
    /// Inode rows, and bytes of chunks.
    usage: (u64, u64),
}

#[derive(Debug)]
struct Open {
    inode: u64,
    size: u64,
    /// Bytes of content that have come.
    offset: u64,
}

impl Fs {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self {
            names: Sorter::new(scratch, MEMORY),
            key: Vec::new(),
            value: Vec::new(),
            linked: BTreeSet::new(),
            open: None,
            chunk: Vec::new(),
            usage: (0, 0),
        }
    }

    /// Takes a node: its rows follow when all names are known.
    pub(super) fn node(&mut self, rows: &Rows, node: &Node<'_>) -> Result<Answer> {
        self.value.clear();
        self.value.extend_from_slice(&rows.object().to_be_bytes());
        let is_file = node.record.node_type == NodeType::File;
        let is_first = !(is_file && node.record.nlink > 1) || self.linked.insert(node.inode);
        self.value.push(is_first.into());
        record::write_inode(&mut self.value, (node.inode, 0), node.record);
        let split = memchr::memrchr(b'/', node.path);
        let name = node.path.get(split.map_or(0, |at| at + 1)..).unwrap_or_default();
        self.set_key(node.path.get(..split.unwrap_or_default()).unwrap_or_default(), NAME);
        if !node.path.is_empty() {
            self.key.extend_from_slice(name);
        }
        self.names.push(&self.key, &self.value)?;
        if !is_file {
            self.set_key(node.path, OWN);
            self.names.push(&self.key, &node.inode.to_be_bytes())?;
        }
        if !is_file || !is_first {
            return Ok(Answer::Taken);
        }
        self.chunk.clear();
        self.open = Some(Open { inode: node.inode, size: node.record.size, offset: 0 });
        Ok(Answer::Open)
    }

    fn set_key(&mut self, directory: &[u8], tag: u8) {
        self.key.clear();
        self.key.extend_from_slice(directory);
        self.key.extend_from_slice(&[END, tag]);
    }

    /// Takes a part of the content.
    pub(super) fn piece(&mut self, rows: &mut Rows, piece: Piece<'_>) -> Result<Answer> {
        match piece {
            Piece::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    let Some(open) = &mut self.open else { return Err(NOT_OPEN.into()) };
                    let at = usize::try_from(open.offset % CHUNK).unwrap_or_default();
                    let room = usize::try_from(CHUNK).unwrap_or(usize::MAX) - at;
                    let (head, rest) = bytes.split_at(room.min(bytes.len()));
                    self.chunk.resize(at, 0);
                    self.chunk.extend_from_slice(head);
                    self.pass(rows, u64::try_from(head.len()).unwrap_or(u64::MAX))?;
                    bytes = rest;
                }
            }
            Piece::Zeros(count) => self.pass(rows, count)?,
            Piece::File { .. } | Piece::Element(_) => return Err(NOT_OPEN.into()),
        }
        Ok(Answer::Open)
    }

    /// Goes on; a chunk that ends on the way becomes a row.
    fn pass(&mut self, rows: &mut Rows, count: u64) -> Result<()> {
        let Some(open) = &mut self.open else { return Err(NOT_OPEN.into()) };
        let before = open.offset;
        open.offset = open.offset.saturating_add(count);
        if open.offset / CHUNK == before / CHUNK { Ok(()) } else { self.flush(rows, before / CHUNK) }
    }

    /// Adds the row of a chunk, without the zeros at its end.
    fn flush(&mut self, rows: &mut Rows, index: u64) -> Result<()> {
        let Some(open) = &self.open else { return Err(NOT_OPEN.into()) };
        let length = self.chunk.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        self.chunk.truncate(length);
        if length > 0 {
            self.usage.1 += u64::try_from(length).unwrap_or(u64::MAX);
            let inode = open.inode;
            rows.row_spooled(|out| keys::write_chunk(out, inode, inode, index), &self.chunk)?;
            self.chunk.clear();
        }
        Ok(())
    }

    /// Ends the file at hand.
    pub(super) fn end(&mut self, rows: &mut Rows) -> Result<Answer> {
        let Some(&Open { offset, size, .. }) = self.open.as_ref() else { return Err(NOT_OPEN.into()) };
        self.flush(rows, offset / CHUNK)?;
        self.open = None;
        if offset != size {
            let message = format!("its record tells of {size} bytes, and there are {offset}");
            rows.refuse(Refusal::new(Class::FS_INVALID_INODE, message));
        }
        Ok(Answer::Taken)
    }

    /// Adds the rows of all names and inodes.
    pub(super) fn finish(&mut self, rows: &mut Rows, report: &mut Report<'_>) -> Result<()> {
        let mut directory: Option<(Vec<u8>, u64)> = None;
        let mut names = self.names.sort()?;
        while let Some((key, value)) = names.next()? {
            let bad = || RECORD.at((key, value));
            let end = memchr::memchr(END, key).ok_or_else(bad)?;
            let (path, rest) = key.split_at(end);
            let mut value = value;
            let (tag, name) = rest.get(1..).and_then(<[u8]>::split_first).ok_or_else(bad)?;
            let first = cursor::take_u64_be(&mut value).ok_or_else(bad)?;
            if *tag == OWN {
                directory = Some((path.to_vec(), first));
                continue;
            }
            let is_first = cursor::take_u8(&mut value).ok_or_else(bad)? != 0;
            let record = InodeRecord::parse(value).ok_or_else(bad)?;
            if rows.is_abandoned(first) {
                continue;
            }
            rows.resume_object(first);
            let is_root = path.is_empty() && name.is_empty();
            let parent = match &directory {
                _ if is_root => keys::ROOT,
                Some((known, inode)) if known == path => *inode,
                _ => {
                    let refusal = Refusal::new(Class::FS_INVALID_NAME, "nothing tells of its directory");
                    lost(report, (path, name), refusal)?;
                    continue;
                }
            };
            let inode = record.inode;
            if is_first {
                self.usage.0 += 1;
                rows.row(
                    |out| out.extend_from_slice(&keys::inode_key(inode)),
                    |out| record::write_inode(out, (inode, parent), &record),
                )?;
                rows.row(|out| keys::write_home(out, inode), |out| record::write_home(out, inode))?;
            }
            if !is_root {
                rows.row(
                    |out| out.extend_from_slice(&keys::name_key(parent, name)),
                    |out| record::write_name(out, inode, record.node_type),
                )?;
            }
            if let Answer::Refused(refusal) = rows.end_object() {
                lost(report, (path, name), refusal)?;
            }
        }
        let (files, bytes) = std::mem::take(&mut self.usage);
        if files > 0 {
            rows.resume_object(0);
            rows.row(
                |out| out.extend_from_slice(Family::FsUsage.prefix()),
                |out| record::write_usage(out, files, bytes),
            )?;
        }
        Ok(())
    }
}

/// Reports a node that is left out.
fn lost(report: &mut Report<'_>, (directory, name): (&[u8], &[u8]), refusal: Refusal) -> Result<()> {
    let key = if directory.is_empty() { name.to_vec() } else { [directory, name].join(&b'/') };
    let Refusal { class, message } = refusal;
    report.problem(&Problem { adapter: "fs", scope: b"", key: &key, class, message, place: None })
}
