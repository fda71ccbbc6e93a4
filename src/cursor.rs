//! Reading fixed-width fields off the front of a slice. Nothing here allocates or panics.
//!
//! In: bytes that a row lent. Out: fields, or `None` when the bytes end too early; the caller knows which
//! error that is.

/// Takes `N` bytes off the front of `bytes`.
pub(crate) fn take_array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

/// Takes `length` bytes off the front of `bytes`.
pub(crate) fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(head)
}

/// Takes one byte.
pub(crate) fn take_u8(bytes: &mut &[u8]) -> Option<u8> {
    take_array(bytes).map(u8::from_be_bytes)
}

/// Takes a big-endian `u16`.
pub(crate) fn take_u16_be(bytes: &mut &[u8]) -> Option<u16> {
    take_array(bytes).map(u16::from_be_bytes)
}

/// Takes a big-endian `u32`.
pub(crate) fn take_u32_be(bytes: &mut &[u8]) -> Option<u32> {
    take_array(bytes).map(u32::from_be_bytes)
}

/// Takes a big-endian `u64`.
pub(crate) fn take_u64_be(bytes: &mut &[u8]) -> Option<u64> {
    take_array(bytes).map(u64::from_be_bytes)
}

/// Takes a little-endian `u64`.
pub(crate) fn take_u64_le(bytes: &mut &[u8]) -> Option<u64> {
    take_array(bytes).map(u64::from_le_bytes)
}

/// Splits the last 8 bytes off and reads them as a big-endian `u64`.
#[must_use]
pub(crate) fn split_last_u64_be(bytes: &[u8]) -> Option<(&[u8], u64)> {
    let (head, tail) = bytes.split_last_chunk::<8>()?;
    Some((head, u64::from_be_bytes(*tail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_off_in_order_until_the_bytes_end() {
        let mut bytes: &[u8] = &[1, 0, 2, 0, 0, 0, 3, 9];
        assert_eq!(take_u8(&mut bytes), Some(1));
        assert_eq!(take_u16_be(&mut bytes), Some(2));
        assert_eq!(take_u32_be(&mut bytes), Some(3));
        assert_eq!(take_u64_be(&mut bytes), None);
        assert_eq!(take(&mut bytes, 2), None);
        assert_eq!(take(&mut bytes, 1), Some(&[9][..]));
    }

    #[test]
    fn the_last_eight_bytes_split_off() {
        assert_eq!(split_last_u64_be(&[7, 0, 0, 0, 0, 0, 0, 0, 1]), Some((&[7][..], 1)));
        assert_eq!(split_last_u64_be(&[0; 7]), None);
    }
}
