//! The envelope of string and HLL values: expiry and body (`format/redis.md#strings`, `format/redis.md#hyperloglogs`).

use super::expiry;
use crate::cursor;
use crate::time::UnixMs;

/// First byte of a value in current form; the second tells strings from HLLs.
const MARK: u8 = 0xff;
/// Flag: an expiry follows.
const HAS_EXPIRY: u8 = 1;

/// Whose envelope: the second byte of the current form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    String = 1,
    Hll = 2,
}

/// A value without its envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    /// The expiry (Unix ms; 0 is expired) counts whatever the index says, also when there is none.
    Current { expiry: Option<UnixMs>, body: &'a [u8] },
    /// The whole value is the body; the expiry stands in the index.
    Legacy(&'a [u8]),
}

/// Appends the envelope of a value; an expiry, Unix ms, of strings and HLLs is in it.
pub(crate) fn write(out: &mut Vec<u8>, version: Version, expiry: Option<UnixMs>) {
    out.extend_from_slice(&[MARK, version as u8, u8::from(expiry.is_some())]);
    out.extend(expiry.into_iter().flat_map(|ms| ms.0.to_be_bytes()));
}

/// Whether a legacy value would be read as one with an envelope.
pub(crate) fn is_ambiguous(version: Version, body: &[u8]) -> bool {
    body.starts_with(&[MARK, version as u8])
}

/// Parses a value; `None` when the current form ends too early.
pub(super) fn parse(version: Version, value: &[u8]) -> Option<Form<'_>> {
    let Some(mut rest) = value.strip_prefix(&[MARK, version as u8]) else {
        return Some(Form::Legacy(value));
    };
    let flags = cursor::take_u8(&mut rest)?;
    let expiry = if flags & HAS_EXPIRY == 0 {
        None
    } else {
        Some(expiry::clamp(UnixMs(cursor::take_u64_be(&mut rest)?)))
    };
    Some(Form::Current { expiry, body: rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn current_values_carry_their_expiry() {
        assert_eq!(
            parse(Version::String, b"\xff\x01\x01\0\0\x01\xa0\x88\x9d\x38\0v"),
            Some(Form::Current { expiry: Some(UnixMs(1_788_998_400_000)), body: b"v" })
        );
        assert_eq!(parse(Version::Hll, b"\xff\x02\0v"), Some(Form::Current { expiry: None, body: b"v" }));
        assert_eq!(parse(Version::String, b"\xff\x01\xfe"), Some(Form::Current { expiry: None, body: b"" }));
        assert_eq!(
            parse(Version::String, b"\xff\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff"),
            Some(Form::Current { expiry: Some(UnixMs((1 << 63) - 1)), body: b"" })
        );
    }

    #[test]
    fn anything_else_is_its_own_body() {
        for value in [&b""[..], b"\xff", b"\xff\x02\0", b"\0\xff\x01raw"] {
            assert_eq!(parse(Version::String, value), Some(Form::Legacy(value)));
        }
        assert_eq!(parse(Version::Hll, b"\xff\x01"), Some(Form::Legacy(b"\xff\x01")));
    }

    #[test]
    fn a_truncated_envelope_is_refused() {
        let whole = b"\xff\x01\x01\0\0\0\0\0\0\0\x05";
        for cut in 2..whole.len() {
            assert_eq!(parse(Version::String, &whole[..cut]), None, "{cut}");
        }
        assert!(parse(Version::String, whole).is_some());
    }
}
