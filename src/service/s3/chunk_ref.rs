//! The value of a chunk reference: which content-addressed chunk holds the bytes (`format/s3.md#chunk-references`).

use crate::cursor;

/// A chunk reference. Peers and replicas, hints for fetching, are checked and left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkRef {
    /// SHA-256 of the chunk.
    pub digest: [u8; 32],
    /// Length of the chunk, bytes.
    pub size: u64,
}

impl ChunkRef {
    /// Parses a value of version 1 or 2; `None` when it is invalid.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let mut rest = value;
        let version = cursor::take_u8(&mut rest)?;
        let digest = cursor::take_array(&mut rest)?;
        let size = cursor::take_u64_be(&mut rest)?;
        take_text(&mut rest)?;
        match version {
            1 => {}
            2 => {
                for _ in 0..cursor::take_u16_be(&mut rest)? {
                    take_text(&mut rest)?;
                    take_text(&mut rest)?;
                }
            }
            _ => return None,
        }
        rest.is_empty().then_some(Self { digest, size })
    }
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = cursor::take_u16_be(bytes)?;
    cursor::take(bytes, usize::from(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(version: u8, tail: &[u8]) -> Vec<u8> {
        [&[version][..], &[7; 32], &6_u64.to_be_bytes(), b"\0\x02n1", tail].concat()
    }

    #[test]
    fn both_versions_parse() {
        let expected = Some(ChunkRef { digest: [7; 32], size: 6 });
        assert_eq!(ChunkRef::parse(&value(1, b"")), expected);
        assert_eq!(ChunkRef::parse(&value(2, b"\0\0")), expected);
        assert_eq!(ChunkRef::parse(&value(2, b"\0\x01\0\x02n1\0\x03a:1")), expected);
        assert_eq!(ChunkRef::parse(&value(2, b"\0\x02\0\0\0\0\0\0\0\0")), expected);
    }

    #[test]
    fn every_truncation_extra_bytes_and_unknown_versions_are_invalid() {
        for sound in [value(1, b""), value(2, b"\0\x01\0\x02n1\0\x03a:1")] {
            for length in 0..sound.len() {
                assert_eq!(ChunkRef::parse(&sound[..length]), None, "{length}");
            }
            assert_eq!(ChunkRef::parse(&[&sound[..], b"x"].concat()), None);
        }
        assert_eq!(ChunkRef::parse(&value(0, b"")), None);
        assert_eq!(ChunkRef::parse(&value(3, b"\0\0")), None);
        assert_eq!(ChunkRef::parse(&value(2, b"\xff\xff\0\0\0\0")), None);
    }
}
