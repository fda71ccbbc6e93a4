//! The filesystem: files and directories that a name reaches (`format/filesystem.md#records-of-the-filesystem`).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Summary;
use crate::error::Result;
use crate::time::Hlc;

/// A file or a directory under one of its names; a file's content follows as bytes and zeros, exactly its size.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// Names joined with `/`, no leading slash; empty for the root.
    pub path: &'a [u8],
    /// Its inode, which the key tells.
    pub inode: u64,
    /// What is stored of the inode.
    pub record: &'a InodeRecord,
    /// The other names of its directory.
    pub siblings: Siblings<'a>,
    /// Commit time of the inode's row, HLC.
    pub commit_ts: Hlc,
}

/// Tells whether a name is in a directory.
#[derive(Clone, Copy)]
pub struct Siblings<'a>(pub &'a dyn Fn(&[u8]) -> Result<bool>);

impl fmt::Debug for Siblings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Siblings")
    }
}

/// What an inode is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeType {
    /// Has content.
    File,
    /// Has names.
    Directory,
    /// None of the two: only in damaged records.
    #[default]
    #[serde(other)]
    Other,
}

/// An inode record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct InodeRecord {
    /// The inode; the key counts where they differ.
    pub inode: u64,
    /// File or directory.
    #[serde(rename = "type")]
    pub node_type: NodeType,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length of the content, bytes: a claim.
    pub size: u64,
    /// Last access, Unix ns.
    pub atime_nsec: i64,
    /// Last change of the content, Unix ns.
    pub mtime_nsec: i64,
    /// Last change of the inode, Unix ns.
    pub ctime_nsec: i64,
    /// Bytes a chunk; 0 is 4 MiB.
    pub chunk_size: u64,
    /// Where the content lives.
    pub home_slot: u64,
    /// Number of names; 0 while the inode is being reclaimed.
    pub nlink: u32,
    /// How often the number was used.
    pub generation: u64,
    /// Unlinked while open.
    pub orphaned: bool,
}

impl Node<'_> {
    pub(super) fn summary(&self) -> Summary<'_> {
        let is_file = self.record.node_type == NodeType::File;
        Summary {
            service: "fs",
            name: self.path.into(),
            kind: if is_file { "file" } else { "directory" },
            bytes: is_file.then_some(self.record.size),
            commit_ts: self.commit_ts.known(),
            ..Summary::default()
        }
    }
}
