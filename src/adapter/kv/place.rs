//! Places as values of a sorter.

use crate::cursor;
use crate::store::Place;

/// Returns the ten bytes that stand for a place.
#[must_use]
pub fn to_bytes(place: Place) -> [u8; 10] {
    let mut bytes = [0; 10];
    let (input, offset) = bytes.split_at_mut(2);
    input.copy_from_slice(&place.input.to_be_bytes());
    offset.copy_from_slice(&place.offset.to_be_bytes());
    bytes
}

/// Reads a place back; `None` when `bytes` are not exactly ten.
#[must_use]
pub fn from_bytes(mut bytes: &[u8]) -> Option<Place> {
    let place = Place { input: cursor::take_u16_be(&mut bytes)?, offset: cursor::take_u64_be(&mut bytes)? };
    bytes.is_empty().then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_as_bytes() {
        let place = Place { input: u16::MAX, offset: u64::MAX - 1 };
        assert_eq!(from_bytes(&to_bytes(place)), Some(place));
        assert_eq!(from_bytes(&to_bytes(place)[..9]), None);
        assert_eq!(from_bytes(b""), None);
        assert_eq!(from_bytes(&[0; 11]), None);
    }
}
