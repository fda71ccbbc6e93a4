//! The FSM header in front of a live node's payload (`format/container.md#header`).

use super::ErrorKind;
use crate::time::UnixMs;
use crate::{cursor, limits};

/// An FSM header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// 1 or 2.
    pub version: u8,
    /// The cluster clock's agreed upper bound when the snapshot was cut, Unix ms.
    pub ceiling_ms: UnixMs,
    /// Raft index at which log entries began to be enveloped; version 2 only.
    pub cutover_index: Option<u64>,
    /// Length of the header, bytes.
    pub len: u64,
}

impl Header {
    const MAGIC: &[u8] = b"EKVTHLC";
    /// Longest header, bytes.
    pub(super) const MAX: usize = 10 + *limits::HEADER_PAYLOAD.end() as usize;

    /// Parses the header that `bytes` (the beginning of the file, all of it or at least `Header::MAX` bytes)
    /// begin with; `None` when there is no header.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, ErrorKind> {
        let Some(rest) = bytes.strip_prefix(Self::MAGIC) else { return Ok(None) };
        let Some((&version, mut rest)) = rest.split_first() else {
            return Err(truncated("header version", 1, rest));
        };
        match version {
            b'1' => {
                let ceiling_ms = take_u64(&mut rest, "header")?;
                Ok(Some(Self { version: 1, ceiling_ms: UnixMs(ceiling_ms), cutover_index: None, len: 16 }))
            }
            b'2' => {
                let Some(length) = cursor::take_u16_be(&mut rest) else {
                    return Err(truncated("header length", 2, rest));
                };
                if !limits::HEADER_PAYLOAD.contains(&length) {
                    return Err(ErrorKind::HeaderLength { found: length });
                }
                let Some(mut payload) = cursor::take(&mut rest, usize::from(length)) else {
                    return Err(truncated("header", u64::from(length), rest));
                };
                let ceiling_ms = take_u64(&mut payload, "header")?;
                let cutover_index = Some(take_u64(&mut payload, "header")?);
                Ok(Some(Self {
                    version: 2,
                    ceiling_ms: UnixMs(ceiling_ms),
                    cutover_index,
                    len: 10 + u64::from(length),
                }))
            }
            found => Err(ErrorKind::UnknownHeaderVersion { found }),
        }
    }
}

fn take_u64(bytes: &mut &[u8], what: &'static str) -> Result<u64, ErrorKind> {
    cursor::take_u64_be(bytes).ok_or_else(|| truncated(what, 8, bytes))
}

fn truncated(what: &'static str, needed: u64, rest: &[u8]) -> ErrorKind {
    ErrorKind::Truncated { what, needed, found: rest.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version_2(length: u16, extension: usize) -> Vec<u8> {
        let mut bytes = b"EKVTHLC2".to_vec();
        bytes.extend(length.to_be_bytes());
        bytes.extend(5_u64.to_be_bytes());
        bytes.extend(7_u64.to_be_bytes());
        bytes.resize(10 + extension, 0xaa);
        bytes
    }

    #[test]
    fn both_versions_are_read() {
        let mut one = b"EKVTHLC1".to_vec();
        one.extend(5_u64.to_be_bytes());
        let header = Header { version: 1, ceiling_ms: UnixMs(5), cutover_index: None, len: 16 };
        assert_eq!(Header::parse(&one).unwrap(), Some(header));
        for length in [16, 17, 1024] {
            let header = Header {
                version: 2,
                ceiling_ms: UnixMs(5),
                cutover_index: Some(7),
                len: 10 + u64::from(length),
            };
            assert_eq!(Header::parse(&version_2(length, usize::from(length))).unwrap(), Some(header));
        }
    }

    #[test]
    fn lengths_outside_16_to_1024_are_refused() {
        for length in [0, 15, 1025, u16::MAX] {
            let error = Header::parse(&version_2(length, 1024)).unwrap_err();
            assert!(matches!(error, ErrorKind::HeaderLength { found } if found == length));
        }
    }

    #[test]
    fn every_truncation_is_truncated() {
        let mut one = b"EKVTHLC1".to_vec();
        one.extend(5_u64.to_be_bytes());
        for whole in [one, version_2(20, 20)] {
            for length in 7..whole.len() {
                let error = Header::parse(&whole[..length]).unwrap_err();
                assert!(matches!(error, ErrorKind::Truncated { .. }), "{length}: {error}");
            }
        }
    }

    #[test]
    fn other_versions_are_never_guessed() {
        for version in [b'0', b'3', b'A', 0, 0xff] {
            let bytes = [b"EKVTHLC", &[version][..], &[0; 32]].concat();
            let error = Header::parse(&bytes).unwrap_err();
            assert!(matches!(error, ErrorKind::UnknownHeaderVersion { found } if found == version));
        }
    }

    #[test]
    fn other_bytes_are_no_header() {
        assert_eq!(Header::parse(b"EKVPBBL1").unwrap(), None);
        assert_eq!(Header::parse(b"EKVTHL").unwrap(), None);
        assert_eq!(Header::parse(b"").unwrap(), None);
    }
}
