//! `extra/fs/inodes.jsonl`: one line a path, sorted bytewise by path.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::super::write_lines;
use crate::codec::gojson::{self as json, Html};
use crate::error::Result;
use crate::model::fs::{InodeRecord, NodeType};
use crate::tree::{Scratch, Sorter, Tree};

const PATH: &[u8] = b"extra/fs/inodes.jsonl";
const MEMORY: usize = 16 << 20;

/// The lines so far. Depth first in the order of names is not the order of paths (`a.b` < `a/x`), so they are
/// sorted.
#[derive(Debug)]
pub(super) struct Listing {
    lines: Sorter,
    line: Vec<u8>,
}

#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    inode: u64,
    #[serde(rename = "type")]
    node_type: NodeType,
    mode: u32,
    uid: u32,
    gid: u32,
    size: u64,
    atime_nsec: i64,
    mtime_nsec: i64,
    ctime_nsec: i64,
    nlink: u32,
    generation: u64,
}

impl Listing {
    /// Returns a list without lines.
    #[must_use]
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { lines: Sorter::new(scratch, MEMORY), line: Vec::new() }
    }

    /// Adds the line of one path. `inode` is the key's, which counts.
    pub(super) fn push(&mut self, path: &[u8], inode: u64, record: &InodeRecord) -> Result<()> {
        self.line.clear();
        append_line(&mut self.line, path, inode, record);
        self.lines.push(path, &self.line)?;
        Ok(())
    }

    /// Writes the file; none when there are no lines.
    pub(super) fn write(&mut self, tree: &mut Tree) -> Result<()> {
        write_lines(tree, PATH, &mut self.lines)
    }
}

pub(crate) fn append_line(out: &mut Vec<u8>, path: &[u8], inode: u64, record: &InodeRecord) {
    let line = Line {
        path: &URL_SAFE_NO_PAD.encode(path),
        inode,
        node_type: record.node_type,
        mode: record.mode,
        uid: record.uid,
        gid: record.gid,
        size: record.size,
        atime_nsec: record.atime_nsec,
        mtime_nsec: record.mtime_nsec,
        ctime_nsec: record.ctime_nsec,
        nlink: record.nlink,
        generation: record.generation,
    };
    json::compact(out, &line, Html::Raw);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_members_in_order_and_the_keys_inode() {
        let body = br#"{"inode":3,"type":"file","mode":2541,"uid":1000,"gid":4294967295,"size":9223372036854775809,"atime_nsec":-1,"nlink":1,"generation":18446744073709551615}"#;
        let mut line = Vec::new();
        append_line(&mut line, b"d/\xffodd", 4, &InodeRecord::parse(body).unwrap());
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "{\"path\":\"ZC__b2Rk\",\"inode\":4,\"type\":\"file\",\"mode\":2541,\"uid\":1000,\"gid\":4294967295,\
             \"size\":9223372036854775809,\"atime_nsec\":-1,\"mtime_nsec\":0,\"ctime_nsec\":0,\"nlink\":1,\
             \"generation\":18446744073709551615}\n"
        );
    }
}
