//! The base64url segments that carry names and ids in keys (`format/sqs.md#parsing-keys`).
//!
//! In: the bytes of a segment. Out: a [`Segment`] that is known to be canonical, which a live server always
//! writes; two segments can then never decode to one name.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A non-empty canonical base64url segment: no padding, no line breaks, unused trailing bits zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a>(&'a [u8]);

impl<'a> Segment<'a> {
    /// Checks the bytes of a segment; `None` when they are empty or not canonical.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Option<Self> {
        let (&last, head) = text.split_last()?;
        if !head.iter().all(|&byte| is_symbol(byte)) {
            return None;
        }
        // A last group of two symbols carries 4 unused bits, one of three symbols carries 2.
        let unused = match text.len() % 4 {
            0 => 0,
            2 => 0b1111,
            3 => 0b11,
            _ => return None,
        };
        (value(last)? & unused == 0).then_some(Self(text))
    }

    /// Returns the segment as it stands in the key: ASCII.
    #[must_use]
    pub fn text(self) -> &'a [u8] {
        self.0
    }

    /// Replaces the content of `out` by the decoded bytes.
    pub fn decode(self, out: &mut Vec<u8>) {
        out.clear();
        let decoded = URL_SAFE_NO_PAD.decode_vec(self.0, out);
        debug_assert!(decoded.is_ok(), "a canonical segment decodes");
    }

    /// Returns the decoded bytes; `None` when they are no text.
    #[must_use]
    pub fn name(self) -> Option<String> {
        let mut name = Vec::new();
        self.decode(&mut name);
        String::from_utf8(name).ok()
    }
}

/// Appends the segment of a name or id.
pub(super) fn push(key: &mut Vec<u8>, raw: &[u8]) {
    key.extend_from_slice(URL_SAFE_NO_PAD.encode(raw).as_bytes());
}

/// Whether the byte belongs to the base64url alphabet.
pub(super) fn is_symbol(byte: u8) -> bool {
    value(byte).is_some()
}

fn value(symbol: u8) -> Option<u8> {
    match symbol {
        b'A'..=b'Z' => Some(symbol - b'A'),
        b'a'..=b'z' => Some(symbol - b'a' + 26),
        b'0'..=b'9' => Some(symbol - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(text: &[u8]) -> Option<Vec<u8>> {
        let mut out = b"stale".to_vec();
        Segment::new(text)?.decode(&mut out);
        Some(out)
    }

    #[test]
    fn canonical_segments_decode() {
        assert_eq!(decoded(b"cQ").unwrap(), b"q");
        assert_eq!(decoded(b"b3JkZXJz").unwrap(), b"orders");
        assert_eq!(decoded(b"_wD-").unwrap(), [0xff, 0, 0xfe]);
    }

    #[test]
    fn what_a_live_server_never_writes_is_refused() {
        for text in [&b""[..], b"c", b"cQ==", b"cR", b"bTF", b"Y\nQ", b"cQ\n", b"a/bc", b"YWJjZ"] {
            assert_eq!(Segment::new(text), None, "{}", text.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn a_segment_is_canonical_exactly_when_it_encodes_what_it_decodes_to(text in "[A-Za-z0-9_=/-]{0,9}") {
            let model = URL_SAFE_NO_PAD.decode(&text).ok().filter(|_| !text.is_empty());
            prop_assert_eq!(decoded(text.as_bytes()), model);
        }
    }
}
