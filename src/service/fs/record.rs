//! Values of the fs families: JSON, integers at full width (`format/filesystem.md#records-of-the-filesystem`).
//!
//! In: the body of a row. Out: its record. Members that are missing count as zero, as the server reads them, and their
//! names in either case; unknown members are ignored.

use serde::Serialize;

use crate::codec::gojson::read::{Reader, Result};
use crate::codec::gojson::{Html, compact};
use crate::model::fs::{InodeRecord, NodeType};

/// Bytes of a chunk that is written.
pub(crate) const CHUNK: u64 = 4 << 20;

#[derive(Serialize)]
struct InodeRow {
    inode: u64,
    parent: u64,
    #[serde(rename = "type")]
    node_type: NodeType,
    mode: u32,
    uid: u32,
    gid: u32,
    size: u64,
    atime_nsec: i64,
    mtime_nsec: i64,
    ctime_nsec: i64,
    chunk_size: u64,
    home_slot: u64,
    epoch: u64,
    nlink: u32,
    generation: u64,
}

#[derive(Serialize)]
struct HomeRow {
    home_slot: u64,
    state: &'static str,
    epoch: u64,
}

#[derive(Serialize)]
struct NameRow {
    inode: u64,
    #[serde(rename = "type")]
    node_type: NodeType,
}

#[derive(Serialize)]
struct UsageRow {
    files: u64,
    bytes: u64,
}

/// Appends the body of an inode row: the content lives under the inode's own number.
pub(crate) fn write_inode(out: &mut Vec<u8>, (inode, parent): (u64, u64), record: &InodeRecord) {
    let InodeRecord { node_type, mode, uid, gid, size, nlink, generation, .. } = *record;
    let InodeRecord { atime_nsec, mtime_nsec, ctime_nsec, .. } = *record;
    let (chunk_size, home_slot, epoch) = (CHUNK, inode, 1);
    let row = InodeRow {
        inode,
        parent,
        node_type,
        mode,
        uid,
        gid,
        size,
        atime_nsec,
        mtime_nsec,
        ctime_nsec,
        chunk_size,
        home_slot,
        epoch,
        nlink,
        generation,
    };
    compact(out, &row, Html::Escaped);
}

/// Appends the body of a home row.
pub(crate) fn write_home(out: &mut Vec<u8>, home_slot: u64) {
    compact(out, &HomeRow { home_slot, state: "active", epoch: 1 }, Html::Escaped);
}

/// Appends the body of a name row.
pub(crate) fn write_name(out: &mut Vec<u8>, inode: u64, node_type: NodeType) {
    compact(out, &NameRow { inode, node_type }, Html::Escaped);
}

/// Appends the body of the usage row.
pub(crate) fn write_usage(out: &mut Vec<u8>, files: u64, bytes: u64) {
    compact(out, &UsageRow { files, bytes }, Html::Escaped);
}

/// Reads the members of a record one by one; `None` where it is none.
fn record<'b, T: Default>(
    body: &'b [u8],
    mut member: impl FnMut(&mut T, &str, &mut Reader<'b>) -> Result<()>,
) -> Option<T> {
    let (mut record, mut reader) = (T::default(), Reader::new(body));
    reader.members(|name, value| member(&mut record, name, value)).and_then(|()| reader.end()).ok()?;
    Some(record)
}

fn node_type(value: &mut Reader<'_>) -> Result<NodeType> {
    Ok(match &*value.string()? {
        "file" => NodeType::File,
        "directory" => NodeType::Directory,
        _ => NodeType::Other,
    })
}

impl InodeRecord {
    /// Parses the body of an inode row; `None` when it is no record of a file or directory.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let record: Self = record(body, |record: &mut Self, name, value| {
            match name {
                "inode" => record.inode = value.integer()?,
                "type" => record.node_type = node_type(value)?,
                "mode" => record.mode = value.integer()?,
                "uid" => record.uid = value.integer()?,
                "gid" => record.gid = value.integer()?,
                "size" => record.size = value.integer()?,
                "atime_nsec" => record.atime_nsec = value.integer()?,
                "mtime_nsec" => record.mtime_nsec = value.integer()?,
                "ctime_nsec" => record.ctime_nsec = value.integer()?,
                "chunk_size" => record.chunk_size = value.integer()?,
                "home_slot" => record.home_slot = value.integer()?,
                "nlink" => record.nlink = value.integer()?,
                "generation" => record.generation = value.integer()?,
                "orphaned" => record.orphaned = value.boolean()?,
                _ => _ = value.value()?,
            }
            Ok(())
        })?;
        (record.node_type != NodeType::Other).then_some(record)
    }

    /// Whether the inode can have a name (rule 6).
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.orphaned && self.nlink != 0
    }
}

/// The value of a name row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameRecord {
    /// The inode that has this name.
    pub inode: u64,
    /// A copy of the inode's type; the inode record counts where they differ.
    pub node_type: NodeType,
}

impl NameRecord {
    /// Parses the body of a name row.
    #[must_use]
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let (mut read, mut has_inode) = (Self::default(), false);
        record(body, |(): &mut (), name, value| {
            match name {
                "inode" => (read.inode, has_inode) = (value.integer()?, true),
                "type" => read.node_type = node_type(value)?,
                _ => _ = value.value()?,
            }
            Ok(())
        })?;
        has_inode.then_some(read)
    }
}

/// A usage row: the old total, or the counters of one routing key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct UsageRecord {
    files: u64,
    bytes: u64,
    files_add: u64,
    files_sub: u64,
    bytes_add: u64,
    bytes_sub: u64,
}

impl UsageRecord {
    /// Parses the body of a usage row.
    #[must_use]
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        record(body, |record: &mut Self, name, value| {
            match name {
                "files" => record.files = value.integer()?,
                "bytes" => record.bytes = value.integer()?,
                "files_add" => record.files_add = value.integer()?,
                "files_sub" => record.files_sub = value.integer()?,
                "bytes_add" => record.bytes_add = value.integer()?,
                "bytes_sub" => record.bytes_sub = value.integer()?,
                _ => _ = value.value()?,
            }
            Ok(())
        })
    }

    /// Returns what the row adds to the number of inodes and to the number of stored bytes.
    #[must_use]
    pub(super) fn share(&self) -> (i128, i128) {
        let sum = |total: u64, add: u64, sub: u64| i128::from(total) + i128::from(add) - i128::from(sub);
        (sum(self.files, self.files_add, self.files_sub), sum(self.bytes, self.bytes_add, self.bytes_sub))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::gojson::read::in_capitals;

    #[test]
    fn names_of_members_count_in_either_case() {
        let inode = r#"{"inode":5,"parent":1,"type":"file","mode":420,"uid":1,"gid":2,"size":3,"atime_nsec":4,"mtime_nsec":5,"ctime_nsec":6,"chunk_size":7,"home_slot":8,"nlink":9,"generation":10,"orphaned":true}"#;
        let read = InodeRecord::parse(inode.as_bytes()).unwrap();
        assert_eq!(InodeRecord::parse(in_capitals(inode).as_bytes()), Some(read));
        assert!(read.orphaned && read.generation == 10 && read.chunk_size == 7);
        let name = r#"{"inode":5,"type":"file"}"#;
        let read = NameRecord { inode: 5, node_type: NodeType::File };
        assert_eq!(NameRecord::parse(name.as_bytes()), Some(read));
        assert_eq!(NameRecord::parse(in_capitals(name).as_bytes()), Some(read));
        let usage = r#"{"files":1,"bytes":2,"files_add":3,"files_sub":4,"bytes_add":5,"bytes_sub":6}"#;
        let read = UsageRecord::parse(usage.as_bytes()).unwrap();
        assert_eq!(UsageRecord::parse(in_capitals(usage).as_bytes()), Some(read));
        assert_eq!(read.share(), (0, 1));
        // The last one counts, and `null` is zero.
        assert_eq!(NameRecord::parse(br#"{"inode":5,"INODE":6,"type":null}"#).unwrap().inode, 6);
    }

    #[test]
    fn integers_keep_all_their_bits() {
        let body = br#"{"inode":18446744073709551615,"parent":1,"type":"file","mode":420,"size":4611686018427387905,"mtime_nsec":-9223372036854775808,"home_slot":18446744073709551614,"nlink":1}"#;
        let record = InodeRecord::parse(body).unwrap();
        assert_eq!(record.inode, u64::MAX);
        assert_eq!(record.size, (1 << 62) + 1);
        assert_eq!(record.mtime_nsec, i64::MIN);
        assert_eq!(record.home_slot, u64::MAX - 1);
        assert!(record.is_live());
    }

    #[test]
    fn what_is_no_file_and_no_directory_is_no_record() {
        for body in [&b""[..], b"{", b"{}", b"[]", br#"{"type":"symlink"}"#, br#"{"type":"file","size":-1}"#]
        {
            assert_eq!(InodeRecord::parse(body), None, "{body:?}");
        }
        assert!(InodeRecord::parse(br#"{"type":"directory"}"#).is_some());
    }

    #[test]
    fn an_inode_without_a_link_or_orphaned_is_not_live() {
        assert!(!InodeRecord::parse(br#"{"type":"file","nlink":0}"#).unwrap().is_live());
        assert!(!InodeRecord::parse(br#"{"type":"file","nlink":1,"orphaned":true}"#).unwrap().is_live());
    }

    #[test]
    fn a_name_needs_its_inode_only() {
        let name = NameRecord::parse(br#"{"inode":5,"type":"socket"}"#).unwrap();
        assert_eq!((name.inode, name.node_type), (5, NodeType::Other));
        assert_eq!(NameRecord::parse(br#"{"inode":5}"#).unwrap().node_type, NodeType::Other);
        assert_eq!(NameRecord::parse(br#"{"type":"file"}"#), None);
    }

    #[test]
    fn usage_rows_add_and_subtract() {
        assert_eq!(UsageRecord::parse(br#"{"files":3,"bytes":9}"#).unwrap().share(), (3, 9));
        let counters = br#"{"files_add":1,"files_sub":2,"bytes_add":18446744073709551615,"bytes_sub":1}"#;
        assert_eq!(UsageRecord::parse(counters).unwrap().share(), (-1, i128::from(u64::MAX) - 1));
    }
}
