//! Where a row is in its input: opaque to everyone who keeps or compares it.

use crate::cursor;

/// The position of a row, or the boundary after one. Positions of one input order as its rows do.
///
/// In a stream it is an offset. In a table, rows are in compressed blocks: it is the offset of the block, its
/// length, and where in the decompressed block the entry begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Offset of the row, or of its block, in the (decompressed) input, bytes.
    offset: u64,
    /// Length of the block as it is stored, bytes; 0 outside of blocks.
    block: u32,
    /// Offset of the entry in the decompressed block, bytes.
    entry: u32,
}

impl Position {
    /// Returns the position of a row by its own offset in the input.
    #[must_use]
    pub(crate) const fn at(offset: u64) -> Self {
        Self { offset, block: 0, entry: 0 }
    }

    /// Returns the position of an entry of a block.
    pub(crate) const fn in_block(offset: u64, block: u32, entry: u32) -> Self {
        Self { offset, block, entry }
    }

    /// Returns the offset in the (decompressed) input, bytes: of the row, in a table of the row's block.
    #[must_use]
    pub const fn offset(self) -> u64 {
        self.offset
    }

    /// Returns the length of the block as it is stored; 0 outside of blocks.
    pub(super) const fn block(self) -> u32 {
        self.block
    }

    /// Returns the offset of the entry in the decompressed block.
    pub(super) const fn entry(self) -> u32 {
        self.entry
    }

    /// Returns the bytes from one position to a later one, as far as offsets tell.
    #[must_use]
    pub const fn bytes_to(self, end: Self) -> u64 {
        end.offset.saturating_sub(self.offset)
    }

    /// Length of [`Position::to_bytes`].
    pub const LEN: usize = 16;

    /// Returns bytes that order as positions do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (offset, rest) = bytes.split_at_mut(8);
        let (block, entry) = rest.split_at_mut(4);
        offset.copy_from_slice(&self.offset.to_be_bytes());
        block.copy_from_slice(&self.block.to_be_bytes());
        entry.copy_from_slice(&self.entry.to_be_bytes());
        bytes
    }

    /// Takes a position off the front of `bytes`.
    pub fn take(bytes: &mut &[u8]) -> Option<Self> {
        let offset = cursor::take_u64_be(bytes)?;
        Some(Self { offset, block: cursor::take_u32_be(bytes)?, entry: cursor::take_u32_be(bytes)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_as_bytes_and_order_like_them() {
        let offset = (1 << 62) + 5;
        let all = [
            Position::in_block(7, 5000, 0),
            Position::in_block(7, 5000, 16),
            Position::in_block(8, 10, 9),
            Position::in_block(offset, u32::MAX, u32::MAX),
        ];
        for pair in all.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].to_bytes() < pair[1].to_bytes());
        }
        for position in all.into_iter().chain([Position::at(0), Position::at(offset)]) {
            let bytes = position.to_bytes();
            let mut rest = &bytes[..];
            assert_eq!(Position::take(&mut rest), Some(position));
            assert!(rest.is_empty());
            assert_eq!(Position::take(&mut &bytes[..15]), None);
        }
    }

    #[test]
    fn a_boundary_is_before_every_row_of_later_blocks() {
        let after = Position::in_block(100, 50, 40);
        assert!(Position::in_block(100, 50, 39) < after);
        assert!(Position::in_block(155, 1, 0) > after);
        assert_eq!(Position::at(100).bytes_to(Position::at(130)), 30);
    }
}
