//! A file's content from its chunks (`format/filesystem.md#records-of-the-filesystem`, rule 4).
//!
//! In: the inode record, chunk rows under its home slot. Out: its bytes; what no chunk covers is a hole.

use crate::error::Result;
use crate::keyspace::fs;
use crate::model::fs::InodeRecord;
use crate::model::{Answer, Piece, Refusal};
use crate::service::Context;
use crate::snapshot::Snapshot;

const DEFAULT_CHUNK_SIZE: u64 = 4 << 20;

/// Chunk rows and the bytes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// Well-formed chunk rows.
    pub rows: u64,
    /// Length of their values, bytes.
    pub bytes: u64,
}

impl Stored {
    /// Counts one chunk row.
    pub(super) fn count(&mut self, body: &[u8]) {
        self.rows += 1;
        self.bytes = self.bytes.saturating_add(length(body));
    }

    /// Adds rows that were counted apart.
    pub(super) fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Passes the content of a file on, exactly `size` bytes; `seen` counts the chunk rows that were read: with `all` also
/// those after the end, which no other name has to read again. Returns how many bytes are holes.
pub(super) fn pass(
    context: &mut Context<'_, '_>,
    inode: u64,
    record: &InodeRecord,
    (seen, all): (&mut Stored, bool),
) -> Result<Result<u64, Refusal>> {
    let (mut holes, mut at) = (0_u64, 0_u64);
    if record.size > 0 {
        let mut chunks = context.snapshot.scan_prefix(&fs::chunks_prefix(record.home_slot, inode), None);
        while let Some(row) = chunks.next()? {
            // The census reports the rows that do not parse.
            let Some(key) = fs::chunk(row.key) else { continue };
            seen.count(row.body);
            let Some((start, piece)) = piece(record, key.index, row.body) else {
                // All that follow are after the end, too: chunk keys have one length, so their rows ascend by index.
                if all {
                    continue;
                }
                break;
            };
            if let Some(hole) = start.checked_sub(at) {
                holes = holes.saturating_add(hole);
                let pieces = [(hole > 0).then_some(Piece::Zeros(hole)), Some(Piece::Bytes(piece))];
                for piece in pieces.into_iter().flatten() {
                    if let Answer::Refused(refusal) = context.sink.piece(piece)? {
                        return Ok(Err(refusal));
                    }
                }
                at = start.saturating_add(length(piece));
            }
        }
    }
    let hole = record.size.saturating_sub(at);
    if hole > 0
        && let Answer::Refused(refusal) = context.sink.piece(Piece::Zeros(hole))?
    {
        return Ok(Err(refusal));
    }
    match context.sink.end(context.report)? {
        Answer::Refused(refusal) => Ok(Err(refusal)),
        Answer::Taken | Answer::Open | Answer::Left => Ok(Ok(holes.saturating_add(hole))),
    }
}

/// Returns how many bytes of the file no chunk covers, and what was read to know it: a look at its chunks ahead of the write.
pub(super) fn holes(snapshot: &Snapshot, inode: u64, record: &InodeRecord) -> Result<(u64, Stored)> {
    let (mut left, mut seen) = (record.size, Stored::default());
    if left == 0 {
        return Ok((left, seen));
    }
    let mut chunks = snapshot.scan_prefix(&fs::chunks_prefix(record.home_slot, inode), None);
    while let Some(row) = chunks.next()? {
        let Some(key) = fs::chunk(row.key) else { continue };
        seen.count(row.body);
        let Some((_, piece)) = piece(record, key.index, row.body) else { break };
        left = left.saturating_sub(length(piece));
    }
    Ok((left, seen))
}

/// Returns where chunk `index` begins in the file, and what of it counts; `None` at or beyond the end.
fn piece<'b>(record: &InodeRecord, index: u64, body: &'b [u8]) -> Option<(u64, &'b [u8])> {
    let chunk_size = if record.chunk_size == 0 { DEFAULT_CHUNK_SIZE } else { record.chunk_size };
    let start = index.checked_mul(chunk_size)?;
    let room = record.size.checked_sub(start).filter(|room| *room > 0)?.min(chunk_size);
    let counts = usize::try_from(room).ok().and_then(|room| body.get(..room)).unwrap_or(body);
    Some((start, counts))
}

fn length(body: &[u8]) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(size: u64, chunk_size: u64) -> InodeRecord {
        InodeRecord { size, chunk_size, ..InodeRecord::default() }
    }

    #[test]
    fn a_piece_ends_at_the_chunk_size_and_at_the_end_of_the_file() {
        assert_eq!(piece(&record(10, 4), 0, b"abcdef"), Some((0, &b"abcd"[..])));
        assert_eq!(piece(&record(10, 4), 1, b"ab"), Some((4, &b"ab"[..])));
        assert_eq!(piece(&record(10, 4), 2, b"abcd"), Some((8, &b"ab"[..])));
        assert_eq!(piece(&record(8, 4), 1, b"abcd"), Some((4, &b"abcd"[..])));
    }

    #[test]
    fn chunks_at_or_beyond_the_end_do_not_count() {
        assert_eq!(piece(&record(8, 4), 2, b"a"), None);
        assert_eq!(piece(&record(8, 4), u64::MAX, b"a"), None);
        assert_eq!(piece(&record(u64::MAX, u64::MAX), 1, b"a"), None);
    }

    #[test]
    fn a_chunk_size_of_zero_is_four_mebibytes() {
        assert_eq!(piece(&record(u64::MAX, 0), 1, b"a"), Some((4 << 20, &b"a"[..])));
    }
}
