//! The self-delimiting encoding of arbitrary bytes in S3 keys (`format/s3.md#segments`).

use std::borrow::Cow;

const ESCAPE: u8 = 0x00;
const ZERO: u8 = 0xff;
const END: u8 = 0x01;

/// A segment as it stands in a key: escaped, without its terminator. Escaped bytes order like raw ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment<'a>(&'a [u8]);

impl<'a> Segment<'a> {
    /// Takes a segment and its terminator off the front of `bytes`; `None` when it is malformed, with `bytes`
    /// untouched.
    pub fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let mut at = 0;
        loop {
            at += memchr::memchr(ESCAPE, bytes.get(at..)?)?;
            match *bytes.get(at + 1)? {
                END => {
                    let (segment, rest) = (bytes.get(..at)?, bytes.get(at + 2..)?);
                    *bytes = rest;
                    return Some(Self(segment));
                }
                ZERO => at += 2,
                _ => return None,
            }
        }
    }

    /// Returns the raw bytes; they are borrowed unless one of them is zero.
    #[must_use]
    pub fn raw(self) -> Cow<'a, [u8]> {
        if memchr::memchr(ESCAPE, self.0).is_none() {
            return Cow::Borrowed(self.0);
        }
        let mut raw = Vec::with_capacity(self.0.len());
        let mut escaped = false;
        for &byte in self.0 {
            if !escaped {
                raw.push(byte);
            }
            escaped = byte == ESCAPE && !escaped;
        }
        Cow::Owned(raw)
    }

    /// Appends raw bytes as a segment, terminator included.
    pub fn write(out: &mut Vec<u8>, raw: &[u8]) {
        for &byte in raw {
            out.push(byte);
            if byte == ESCAPE {
                out.push(ZERO);
            }
        }
        out.extend_from_slice(&[ESCAPE, END]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn take(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
        let mut rest = bytes;
        let segment = Segment::take(&mut rest)?;
        Some((segment.raw().into_owned(), rest))
    }

    #[test]
    fn a_segment_ends_at_its_terminator() {
        assert_eq!(take(b"\0\x01"), Some((b"".to_vec(), &b""[..])));
        assert_eq!(take(b"ab\0\x01cd"), Some((b"ab".to_vec(), &b"cd"[..])));
        assert_eq!(take(b"o\0\xff/x\0\x01"), Some((b"o\0/x".to_vec(), &b""[..])));
        assert_eq!(take(b"\xff\x01\0\x01"), Some((b"\xff\x01".to_vec(), &b""[..])));
        assert_eq!(take(b"\0\xff\xff\0\x01"), Some((b"\0\xff".to_vec(), &b""[..])));
    }

    #[test]
    fn bad_escapes_and_missing_terminators_are_malformed() {
        for bytes in [&b""[..], b"a", b"a\0", b"a\0\x02", b"\0\0\x01", b"a\0\xff", b"a\0\xff\0"] {
            let mut rest = bytes;
            assert_eq!(Segment::take(&mut rest), None, "{bytes:?}");
            assert_eq!(rest, bytes);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back_and_keep_their_order(a in any::<Vec<u8>>(), b in any::<Vec<u8>>()) {
            let (mut x, mut y) = (Vec::new(), Vec::new());
            Segment::write(&mut x, &a);
            Segment::write(&mut y, &b);
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            x.extend_from_slice(&y);
            prop_assert_eq!(take(&x), Some((a, &y[..])));
        }
    }
}
