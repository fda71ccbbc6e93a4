//! Which layers a file has: header, payload, footer (`format/container.md#the-layers-of-a-file`).

use super::header::Header;
use super::spool::not_a_snapshot;
use super::{Error, ErrorKind, Source, footer};
use crate::time::UnixMs;
use crate::{cursor, limits};

/// Which payload a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// `EKVPBBL1`, the native stream.
    Native,
    /// `EKVMVCC2`, the in-memory store's stream.
    Memory,
    /// `EKVSSTI1`, an SST-ingest bundle.
    Sst,
    /// None: the 4-byte snapshot of an empty state machine.
    Empty,
    /// None: a dedicated timestamp oracle's snapshot.
    Oracle {
        /// The oracle's ceiling, Unix ms.
        ceiling_ms: UnixMs,
    },
}

impl Payload {
    /// Returns the magic, or what stands for it in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Payload::Native => "EKVPBBL1",
            Payload::Memory => "EKVMVCC2",
            Payload::Sst => "EKVSSTI1",
            Payload::Empty => "empty",
            Payload::Oracle { .. } => "timestamp oracle snapshot, no data",
        }
    }
}

/// The layers of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The FSM header, if there is one.
    pub header: Option<Header>,
    /// The payload.
    pub payload: Payload,
    /// Offset of the payload's magic.
    pub payload_offset: u64,
    /// Offset behind the payload, as far as it is known: of a file without FSM header only reading the payload
    /// tells whether a footer follows.
    pub payload_end: u64,
    /// Whether the file ends in a footer for certain.
    pub footer: bool,
}

impl Layout {
    /// Detects the layers of a source by its first bytes and its length.
    pub fn of(source: &Source) -> Result<Self, Error> {
        let mut head = [0; Header::MAX + 8];
        let found = source.read_at(&mut head, 0)?;
        let head = head.get(..found).unwrap_or_default();
        let mut layout =
            Self::detect(head, source.len()).map_err(|(offset, kind)| source.error(offset, kind))?;
        if source.proof().is_some() && layout.header.is_some() {
            // An offloaded payload: the footer was cut off (`format/container.md#offloaded-payloads`).
            (layout.payload_end, layout.footer) = (source.len(), false);
        }
        Ok(layout)
    }

    /// `head`: the first [`Header::MAX`] + 8 bytes, or all there are.
    pub(super) fn detect(head: &[u8], len: u64) -> Result<Self, (u64, ErrorKind)> {
        if head.is_empty() {
            return Err((0, ErrorKind::Empty));
        }
        if let Ok(footer) = <[u8; 4]>::try_from(head) {
            return match footer {
                [0, 0, 0, 0] => Ok(Self::without_payload(Payload::Empty, 0)),
                _ => Err((0, not_a_snapshot(head))),
            };
        }
        let Some(header) = Header::parse(head).map_err(|kind| (0, kind))? else {
            return match payload(head) {
                Ok(payload) => {
                    Ok(Self { header: None, payload, payload_offset: 0, payload_end: len, footer: false })
                }
                Err(kind) => match oracle(head) {
                    Some(oracle) => Ok(Self::without_payload(oracle.map_err(|kind| (0, kind))?, 8)),
                    None => Err((0, kind)),
                },
            };
        };
        let end = len.saturating_sub(footer::LEN);
        let rest = usize::try_from(header.len).ok().and_then(|at| head.get(at..)).unwrap_or_default();
        if end < header.len + 8 {
            let found = end.saturating_sub(header.len);
            return Err((header.len, ErrorKind::Truncated { what: "payload magic", needed: 8, found }));
        }
        let payload = payload(rest).map_err(|kind| (header.len, kind))?;
        let (header, payload_offset) = (Some(header), header.len);
        Ok(Self { header, payload, payload_offset, payload_end: end, footer: true })
    }

    fn without_payload(payload: Payload, end: u64) -> Self {
        Self { header: None, payload, payload_offset: end, payload_end: end, footer: true }
    }
}

/// Names the payload that `bytes` begin with.
fn payload(bytes: &[u8]) -> Result<Payload, ErrorKind> {
    match bytes.first_chunk::<8>() {
        Some(b"EKVPBBL1") => Ok(Payload::Native),
        Some(b"EKVMVCC2") => Ok(Payload::Memory),
        Some(b"EKVSSTI1") => Ok(Payload::Sst),
        _ => Err(not_a_snapshot(bytes)),
    }
}

/// Recognises the 12 bytes of a dedicated timestamp oracle: ceiling and footer. A ceiling that no HLC can hold is
/// refused, as by the server (`format/container.md#the-layers-of-a-file`).
fn oracle(mut file: &[u8]) -> Option<Result<Payload, ErrorKind>> {
    let bytes: [u8; 12] = file.try_into().ok()?;
    let ceiling_ms = cursor::take_u64_be(&mut file)?;
    let footer = cursor::take_u32_be(&mut file)?;
    if crc32c::crc32c(bytes.first_chunk::<8>()?) != footer {
        return None;
    }
    Some(if ceiling_ms < limits::CEILING_MS {
        Ok(Payload::Oracle { ceiling_ms: UnixMs(ceiling_ms) })
    } else {
        let (what, expected) = ("timestamp oracle ceiling in ms", "less than 2^48");
        Err(ErrorKind::UnsupportedFormat { what, expected, found: ceiling_ms })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(bytes: &[u8]) -> Result<Layout, ErrorKind> {
        Layout::detect(&bytes[..bytes.len().min(Header::MAX + 8)], bytes.len() as u64)
            .map_err(|(_, kind)| kind)
    }

    fn headed(payload: &[u8]) -> Vec<u8> {
        let mut bytes = [b"EKVTHLC1", &9_u64.to_be_bytes()[..], payload].concat();
        let footer = crc32c::crc32c(&bytes).to_be_bytes();
        bytes.extend(footer);
        bytes
    }

    #[test]
    fn a_header_means_a_footer() {
        let layout = detect(&headed(b"EKVPBBL1\0\0\0\0\0\0\0\0")).unwrap();
        assert_eq!((layout.payload, layout.payload_offset, layout.payload_end), (Payload::Native, 16, 32));
        assert!(layout.footer);
        let layout = detect(b"EKVMVCC2xyz").unwrap();
        assert_eq!((layout.payload, layout.payload_offset, layout.payload_end), (Payload::Memory, 0, 11));
        assert!(!layout.footer);
    }

    #[test]
    fn a_header_without_a_payload_is_truncated() {
        for payload in [&b""[..], b"EKVPBBL"] {
            assert!(matches!(detect(&headed(payload)), Err(ErrorKind::Truncated { .. })));
        }
        assert!(matches!(detect(&headed(b"")[..16]), Err(ErrorKind::Truncated { .. })));
    }

    #[test]
    fn other_payloads_and_a_second_header_are_no_snapshot() {
        for payload in [&b"EKVPBBL2........"[..], b"EKVTHLC1........"] {
            assert!(matches!(detect(&headed(payload)), Err(ErrorKind::NotASnapshot { .. })));
        }
        for bytes in
            [&b"EKVPBBL"[..], b"some text", b"x", b"EKVPBBL2", b"\0\0\0", b"\0\0\0\0\0", b"\0\0\0\x01"]
        {
            assert!(matches!(detect(bytes), Err(ErrorKind::NotASnapshot { .. })));
        }
        assert_eq!(detect(&headed(b"EKVSSTI1")).unwrap().payload, Payload::Sst);
    }

    #[test]
    fn four_zero_bytes_are_an_empty_snapshot_and_none_are_truncated() {
        assert_eq!(detect(&[0; 4]).unwrap().payload, Payload::Empty);
        assert!(matches!(detect(b""), Err(ErrorKind::Empty)));
    }

    #[test]
    fn twelve_bytes_with_a_valid_footer_are_an_oracle() {
        let mut bytes = hex::decode("0000018f2a3403b8fdbefded").unwrap();
        let oracle = Payload::Oracle { ceiling_ms: UnixMs(1_714_400_003_000) };
        assert_eq!(detect(&bytes).unwrap().payload, oracle);
        bytes[11] ^= 1;
        assert!(matches!(detect(&bytes), Err(ErrorKind::NotASnapshot { .. })));
    }

    #[test]
    fn an_oracle_has_a_ceiling_that_an_hlc_can_hold() {
        let file = |ceiling: u64| super::super::fixture::with_footer(ceiling.to_be_bytes().to_vec());
        let most = Payload::Oracle { ceiling_ms: UnixMs((1 << 48) - 1) };
        assert_eq!(detect(&file((1 << 48) - 1)).unwrap().payload, most);
        for ceiling in [1 << 48, u64::MAX] {
            let error = detect(&file(ceiling)).unwrap_err();
            assert!(matches!(error, ErrorKind::UnsupportedFormat { found, .. } if found == ceiling));
        }
    }
}
