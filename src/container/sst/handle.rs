//! Where a block is in its table, and the numbers that tables are made of.

use crate::codec::protobuf;

/// Length of what follows the data of a block: type and checksum, bytes.
pub(super) const BLOCK_TRAILER: u64 = 5;

/// A block by its place in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handle {
    /// Offset from the table's first byte.
    pub(super) offset: u64,
    /// Length of the data as stored, without the block's trailer, bytes.
    pub(super) len: u64,
}

impl Handle {
    /// Takes a handle off the front of `bytes`.
    pub(super) fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self { offset: take_uvarint(bytes)?, len: take_uvarint(bytes)? })
    }

    /// Returns the offset after the block and its trailer, from the table's first byte.
    pub(super) fn end(self) -> Option<u64> {
        self.offset.checked_add(self.len)?.checked_add(BLOCK_TRAILER)
    }
}

/// Takes an unsigned LEB128 number of at most 64 bits off the front of `bytes`.
#[inline]
pub(super) fn take_uvarint(bytes: &mut &[u8]) -> Option<u64> {
    protobuf::take_varint(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_64_bits_at_most() {
        for (bytes, number) in [
            (&[0_u8][..], Some(0)),
            (&[0x7f], Some(127)),
            (&[0x80, 1], Some(128)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], Some(u64::MAX)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], None),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1], None),
            (&[0x80], None),
            (&[], None),
        ] {
            let mut rest = bytes;
            assert_eq!(take_uvarint(&mut rest), number, "{bytes:x?}");
        }
    }

    #[test]
    fn a_handle_ends_after_its_trailer_or_nowhere() {
        let handle = Handle::take(&mut &[0x80, 1, 10, 99][..]).unwrap();
        assert_eq!((handle, handle.end()), (Handle { offset: 128, len: 10 }, Some(143)));
        assert_eq!(Handle { offset: u64::MAX - 3, len: 1 }.end(), None);
        assert_eq!(Handle::take(&mut &[1][..]), None);
    }
}
