//! Rows of files and directories of the filesystem.

use sha2::{Digest, Sha256};

use super::schema::{self, Cell};
use super::{Open, Tables};
use crate::error::Result;
use crate::model::Answer;
use crate::model::fs::{InodeRecord, Node, NodeType};
use crate::time::Hlc;

/// The file whose contents come.
pub(super) struct OpenNode {
    path: Vec<u8>,
    inode: u64,
    record: InodeRecord,
    commit_ts: Hlc,
    pub(super) hash: Sha256,
}

impl Tables {
    pub(super) fn node(&mut self, node: &Node<'_>) -> Result<Answer> {
        let &Node { path, inode, record, commit_ts, .. } = node;
        let open = OpenNode { path: path.to_vec(), inode, record: *record, commit_ts, hash: Sha256::new() };
        if record.node_type == NodeType::File {
            self.open = Some(Open::Node(open));
            return Ok(Answer::Open);
        }
        self.end_node(open)?;
        Ok(Answer::Taken)
    }

    pub(super) fn end_node(&mut self, open: OpenNode) -> Result<()> {
        let OpenNode { path, inode, record, commit_ts, hash } = open;
        let [path, path_base64] = Cell::pair(&path);
        let is_file = record.node_type == NodeType::File;
        let digest = hex::encode(hash.finalize());
        let cells = [
            path,
            path_base64,
            Cell::UInt(inode),
            Cell::Text(if is_file { "file" } else { "directory" }),
            Cell::UInt(record.size),
            if is_file { Cell::Text(&digest) } else { Cell::Null },
            Cell::UInt(record.mode.into()),
            Cell::UInt(record.uid.into()),
            Cell::UInt(record.gid.into()),
            Cell::UInt(record.nlink.into()),
            Cell::UInt(record.generation),
            Cell::Int(record.atime_nsec),
            Cell::Int(record.mtime_nsec),
            Cell::Int(record.ctime_nsec),
            Cell::known(commit_ts.0),
        ];
        self.store.row(&schema::INODES, &cells)
    }
}
