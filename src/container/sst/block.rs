//! A block of a table: checksum, compression, and where its entries end (`format/container.md#tables-of-a-bundle`).

use super::corrupt;
use super::handle::BLOCK_TRAILER;
use crate::container::ErrorKind;
use crate::limits;

/// Most bytes that Snappy makes of three: a copy of 64.
const SNAPPY_COPY: (u64, u64) = (64, 3);
/// Memory that a block keeps for the next one, bytes.
const KEPT: usize = 1 << 20;

/// The decompressed data of a block; its memory is used again.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Longer than the data of this block, maybe.
    buffer: Vec<u8>,
    rows_end: usize,
}

impl Block {
    /// Loads a block from its bytes in the file, trailer included.
    pub(super) fn load(&mut self, stored: &[u8]) -> Result<(), ErrorKind> {
        if let Some(rows_end) = self.load_or_lend(stored)? {
            let entries = stored.get(..rows_end).unwrap_or_default();
            self.room(rows_end)?.copy_from_slice(entries);
            self.rows_end = rows_end;
        }
        Ok(())
    }

    /// Checks a block and loads it, unless it is stored as it is: returns where in its bytes the entries end then.
    pub(super) fn load_or_lend(&mut self, stored: &[u8]) -> Result<Option<usize>, ErrorKind> {
        self.rows_end = 0;
        let short = || corrupt("a block without its trailer");
        let (checked, crc) = stored.split_last_chunk::<4>().ok_or_else(short)?;
        let (&kind, data) = checked.split_last().ok_or_else(short)?;
        let (expected, found) = (unmask(u32::from_le_bytes(*crc)), crc32c::crc32c(checked));
        if expected != found {
            return Err(ErrorKind::BlockChecksum { expected, found });
        }
        match kind {
            0 => rows_end(data).map(Some),
            1 => {
                let len = self.decompress(data)?;
                self.rows_end = rows_end(self.buffer.get(..len).unwrap_or_default())?;
                Ok(None)
            }
            _ => {
                let (what, expected) = ("block compression type", "0 (none) or 1 (Snappy)");
                Err(ErrorKind::UnsupportedFormat { what, expected, found: kind.into() })
            }
        }
    }

    /// Forgets the entries.
    pub(super) fn clear(&mut self) {
        self.rows_end = 0;
    }

    fn decompress(&mut self, data: &[u8]) -> Result<usize, ErrorKind> {
        let broken = |error| corrupt(format!("a block that Snappy cannot decompress: {error}"));
        let len = snap::raw::decompress_len(data).map_err(broken)?;
        let (most, of) = SNAPPY_COPY;
        if len as u64 > data.len() as u64 * most / of {
            let stored = data.len();
            return Err(corrupt(format!("a block of {stored} bytes claims {len} when decompressed")));
        }
        let room = self.room(len)?;
        snap::raw::Decoder::new().decompress(data, room).map_err(broken)
    }

    /// Returns room for `len` bytes.
    fn room(&mut self, len: usize) -> Result<&mut [u8], ErrorKind> {
        if len as u64 > limits::TABLE_BLOCK {
            let (what, found, limit) = ("block", len as u64, limits::TABLE_BLOCK);
            return Err(ErrorKind::LengthOverLimit { what, found, limit });
        }
        if self.buffer.len() > KEPT && len < KEPT {
            // One row of hundreds of MiB must not hold its memory for the rest of the walk.
            self.buffer.truncate(len);
            self.buffer.shrink_to_fit();
        }
        if self.buffer.len() < len {
            self.buffer.reserve_exact(len - self.buffer.len());
            self.buffer.resize(len, 0);
        }
        Ok(self.buffer.get_mut(..len).unwrap_or_default())
    }

    /// Returns the entries, without the restart array.
    #[inline]
    pub(super) fn entries(&self) -> &[u8] {
        self.buffer.get(..self.rows_end).unwrap_or_default()
    }

    /// Returns how long a block of this trailer is in the file.
    pub(super) fn stored_len(len: u64) -> u64 {
        len.saturating_add(BLOCK_TRAILER)
    }
}

/// Finds the end of the entries: an array of restarts follows, and their number.
fn rows_end(data: &[u8]) -> Result<usize, ErrorKind> {
    let short = || corrupt(format!("a block of {} bytes, too short for its restarts", data.len()));
    let (rest, count) = data.split_last_chunk::<4>().ok_or_else(short)?;
    let restarts = usize::try_from(u32::from_le_bytes(*count)).ok().and_then(|count| count.checked_mul(4));
    restarts.and_then(|restarts| rest.len().checked_sub(restarts)).ok_or_else(short)
}

/// Undoes the masking of a stored checksum.
fn unmask(stored: u32) -> u32 {
    stored.wrapping_sub(0xa282_ead8).rotate_right(17)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(data: &[u8], kind: u8) -> Vec<u8> {
        let mut bytes = [data, &[kind]].concat();
        let crc = crc32c::crc32c(&bytes);
        bytes.extend(crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes());
        bytes
    }

    fn load(data: &[u8], kind: u8) -> Result<Vec<u8>, ErrorKind> {
        let mut block = Block::default();
        block.load(&stored(data, kind)).map(|()| block.entries().to_vec())
    }

    fn rows(entries: &[u8], restarts: u32) -> Vec<u8> {
        let array = vec![0; restarts as usize * 4];
        [entries, &array, &restarts.to_le_bytes()].concat()
    }

    #[test]
    fn stored_and_snappy_blocks_are_the_same_entries() {
        for entries in [b"some entries".to_vec(), vec![7; 100_000], Vec::new()] {
            let data = rows(&entries, 3);
            assert_eq!(load(&data, 0).unwrap(), entries);
            let compressed = snap::raw::Encoder::new().compress_vec(&data).unwrap();
            assert_eq!(load(&compressed, 1).unwrap(), entries);
        }
    }

    #[test]
    fn other_compression_is_unsupported() {
        for kind in 2..=u8::MAX {
            let error = load(&rows(b"x", 1), kind).unwrap_err();
            assert!(matches!(error, ErrorKind::UnsupportedFormat { found, .. } if found == u64::from(kind)));
        }
    }

    #[test]
    fn every_flipped_bit_is_a_checksum_mismatch() {
        let whole = stored(&rows(b"abc", 1), 0);
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let result = Block::default().load(&damaged);
            assert!(matches!(result, Err(ErrorKind::BlockChecksum { .. })), "{bit}");
        }
        for len in 0..5 {
            assert!(Block::default().load(&whole[..len]).is_err());
        }
    }

    #[test]
    fn restarts_beyond_the_block_are_corrupt() {
        for data in [&b""[..], b"abc", &1_u32.to_le_bytes(), &[0xff; 20]] {
            assert!(matches!(load(data, 0), Err(ErrorKind::CorruptTable { .. })));
        }
        assert_eq!(load(&rows(b"", 0), 0).unwrap(), b"");
    }

    #[test]
    fn no_room_is_made_for_what_snappy_cannot_hold() {
        // uvarint of 2^32 - 1, then nothing like it.
        let error = load(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, b'x'], 1).unwrap_err();
        assert!(error.to_string().contains("claims 4294967295"), "{error}");
        for data in [&b""[..], &[0x80], &[5, 0xff, 1], &[9, 0, b'x']] {
            assert!(matches!(load(data, 1), Err(ErrorKind::CorruptTable { .. })));
        }
    }

    #[test]
    fn a_large_block_does_not_keep_its_memory() {
        let mut block = Block::default();
        block.load(&stored(&rows(&vec![1; 9 << 20], 1), 0)).unwrap();
        block.load(&stored(&rows(b"small", 1), 0)).unwrap();
        assert!(block.buffer.capacity() < KEPT);
        assert_eq!(block.entries(), b"small");
    }
}
