//! One user-supplied byte string to one file-name component, and back (`tree/names.md#segments`).
//!
//! In: raw bytes of any length. Out: ASCII text of at most [`limits::SEGMENT`] bytes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::limits;

const BINARY_PREFIX: &str = "b64.";
const SEPARATOR: &[u8] = b"__";
/// Hex digits of the digest in a SHA fallback.
const DIGEST_DIGITS: usize = 32;
/// Most raw bytes whose binary form fits: 4 + 236 base64 digits.
const BINARY_RAW: usize = (limits::SEGMENT - BINARY_PREFIX.len()) / 4 * 3;

/// Bytes that stand for themselves in a segment.
const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "byte < 256")]
        {
            let plain = byte as u8;
            table[byte] = plain.is_ascii_alphanumeric() || matches!(plain, b'.' | b'_' | b'-');
        }
        byte += 1;
    }
    table
};

/// An encoded segment, and whether it is a SHA fallback, which needs a KEYMAP record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The component: ASCII, at most 240 bytes. May be empty, `.` or `..`: harmless with a suffix only.
    pub text: String,
    /// Whether the original cannot be read back from `text`.
    pub fallback: bool,
}

impl Segment {
    fn plain(text: String) -> Self {
        Self { text, fallback: false }
    }

    fn fallback(raw: &[u8]) -> Self {
        Self { text: fallback(raw), fallback: true }
    }
}

/// Why a segment cannot be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than any segment.
    #[error("segment of {0} bytes, longer than {max}", max = limits::SEGMENT)]
    TooLong(usize),
    /// A SHA fallback: its KEYMAP record has the original.
    #[error("SHA fallback, its original stands in the KEYMAP only")]
    NeedsKeymap,
    /// Not strict base64url behind `b64.`.
    #[error("not base64url without padding behind b64.")]
    Base64,
    /// A byte that has to be escaped.
    #[error("byte {byte:#04x} at {at} is not escaped")]
    Reserved {
        /// The byte.
        byte: u8,
        /// Its place in the segment.
        at: usize,
    },
    /// `%` without two hex digits.
    #[error("bad escape at {at}")]
    Escape {
        /// Place of the `%` in the segment.
        at: usize,
    },
}

/// Encodes raw bytes: percent form, or the SHA fallback where `tree/names.md#segments` asks for it.
#[must_use]
pub fn encode(raw: &[u8]) -> Segment {
    match percent(raw) {
        Some(text) if !looks_like_fallback(text.as_bytes()) && !text.starts_with(BINARY_PREFIX) => {
            Segment::plain(text)
        }
        _ => Segment::fallback(raw),
    }
}

/// Encodes raw bytes as a *directory* name: as [`encode`], but `.` and `..` take the SHA fallback; `None` for
/// the empty string.
#[must_use]
pub fn encode_directory(raw: &[u8]) -> Option<Segment> {
    match raw {
        b"" => None,
        b"." | b".." => Some(Segment::fallback(raw)),
        _ => Some(encode(raw)),
    }
}

/// Encodes the bytes of a DynamoDB `B` key: `b64.` form, or the SHA fallback.
#[must_use]
pub fn encode_binary(raw: &[u8]) -> Segment {
    if raw.len() > BINARY_RAW {
        return Segment::fallback(raw);
    }
    let mut text = BINARY_PREFIX.to_owned();
    URL_SAFE_NO_PAD.encode_string(raw, &mut text);
    Segment::plain(text)
}

/// Returns the SHA fallback of raw bytes, whether they need it or not.
#[must_use]
pub fn fallback(raw: &[u8]) -> String {
    fallback_of(raw, raw)
}

/// Returns a SHA-fallback name whose digest covers other bytes than its readable tail: `compat.md#two-items-of-one-file-name`.
#[must_use]
pub fn fallback_of(hashed: &[u8], readable: &[u8]) -> String {
    fallback_of_digest(&Sha256::digest(hashed).into(), readable)
}

/// Returns the SHA-fallback name of bytes that were hashed piece by piece (`tree/dynamodb.md#canonical-text-of-a-number`): of `readable`
/// only the first 64 bytes count.
#[must_use]
pub fn fallback_of_digest(digest: &[u8; 32], readable: &[u8]) -> String {
    let tail = readable.get(..limits::FALLBACK_TAIL).unwrap_or(readable);
    let mut text = hex::encode(digest);
    text.truncate(DIGEST_DIGITS);
    text.push_str("__");
    for &byte in tail {
        push_percent(&mut text, byte);
    }
    text
}

/// Reads a segment back.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    if text.len() > limits::SEGMENT {
        return Err(DecodeError::TooLong(text.len()));
    }
    if looks_like_fallback(text) {
        return Err(DecodeError::NeedsKeymap);
    }
    if let Some(digits) = text.strip_prefix(BINARY_PREFIX.as_bytes()) {
        return URL_SAFE_NO_PAD.decode(digits).map_err(|_| DecodeError::Base64);
    }
    let mut raw = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().enumerate();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'%' {
            let high = bytes.next().and_then(|(_, digit)| hex_value(digit));
            let low = bytes.next().and_then(|(_, digit)| hex_value(digit));
            let (Some(high), Some(low)) = (high, low) else { return Err(DecodeError::Escape { at }) };
            raw.push(high << 4 | low);
        } else if unreserved(byte) {
            raw.push(byte);
        } else {
            return Err(DecodeError::Reserved { byte, at });
        }
    }
    Ok(raw)
}

/// Whether text has the shape of a SHA fallback: 32 hex digits of either case, then `__`.
#[must_use]
pub fn looks_like_fallback(text: &[u8]) -> bool {
    let Some((digits, rest)) = text.split_at_checked(DIGEST_DIGITS) else { return false };
    rest.starts_with(SEPARATOR) && digits.iter().all(u8::is_ascii_hexdigit)
}

/// Returns the percent form; `None` as soon as it would be longer than a segment, so that the threefold form
/// of a hostile key is never built.
fn percent(raw: &[u8]) -> Option<String> {
    if raw.len() > limits::SEGMENT {
        return None;
    }
    // Invariant: unreserved bytes are ASCII, so a key made of them is text as it stands.
    if raw.iter().all(|&byte| unreserved(byte)) {
        return std::str::from_utf8(raw).ok().map(str::to_owned);
    }
    let mut text = String::with_capacity(limits::SEGMENT);
    for &byte in raw {
        push_percent(&mut text, byte);
        if text.len() > limits::SEGMENT {
            return None;
        }
    }
    Some(text)
}

fn push_percent(text: &mut String, byte: u8) {
    if unreserved(byte) {
        text.push(char::from(byte));
    } else {
        text.push('%');
        for digit in [byte >> 4, byte & 0xf] {
            text.push(char::from_digit(digit.into(), 16).map_or('0', |digit| digit.to_ascii_uppercase()));
        }
    }
}

fn unreserved(byte: u8) -> bool {
    UNRESERVED.get(usize::from(byte)).copied().unwrap_or(false)
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str) -> Segment {
        Segment::plain(text.to_owned())
    }

    #[test]
    fn unreserved_bytes_stay_and_all_others_are_escaped_in_upper_case() {
        assert_eq!(encode(b"AZaz09._-"), plain("AZaz09._-"));
        assert_eq!(encode(b"session:abc"), plain("session%3Aabc"));
        assert_eq!(encode(b"~/\0\xff"), plain("%7E%2F%00%FF"));
        assert_eq!(encode(b""), plain(""));
        assert_eq!(encode(b".."), plain(".."));
    }

    #[test]
    fn the_fallback_starts_where_the_percent_form_passes_240_bytes() {
        assert_eq!(encode(&[b'a'; 240]), plain(&"a".repeat(240)));
        assert!(encode(&[b'a'; 241]).fallback);
        assert_eq!(encode(&[b':'; 80]), plain(&"%3A".repeat(80)));
        assert!(encode(&[b':'; 81]).fallback);
        let mut mixed = vec![b':'; 79];
        mixed.extend([b'a'; 3]);
        assert_eq!(encode(&mixed).text.len(), 240);
        mixed.push(b'a');
        assert!(encode(&mixed).fallback);
    }

    #[test]
    fn keys_that_look_like_another_form_take_the_fallback() {
        let looks = [&[b'a'; 32][..], b"__"].concat();
        assert!(encode(&looks).fallback);
        assert!(encode(&[&looks.to_ascii_uppercase()[..], b"tail"].concat()).fallback);
        assert!(!encode(&[&[b'a'; 32][..], b"_"].concat()).fallback);
        assert!(!encode(&[&[b'g'; 32][..], b"__"].concat()).fallback);
        assert!(!encode(&[&[b'a'; 31][..], b"__"].concat()).fallback);
        assert!(encode(b"b64.").fallback);
        assert!(!encode(b"b64").fallback);
        assert_eq!(encode(b"b64.data").text, "bb93dab57b15db5d63775dfa5ab9da7a__b64.data");
    }

    #[test]
    fn the_longest_fallback_has_226_bytes() {
        let segment = encode(&vec![0xff; 1 << 20]);
        assert_eq!(segment.text.len(), 226);
        assert!(segment.fallback);
    }

    #[test]
    fn dot_directories_take_the_fallback_and_the_empty_one_is_refused() {
        assert_eq!(encode_directory(b""), None);
        assert_eq!(encode_directory(b"..").unwrap().text, "5ec1f7e700f37c3d0b2981d04855fc34__..");
        assert!(encode_directory(b".").unwrap().fallback);
        assert_eq!(encode_directory(b"..."), Some(plain("...")));
    }

    #[test]
    fn binary_keys_are_base64url_up_to_177_bytes() {
        assert_eq!(encode_binary(&[0, 1, 2, 3]), plain("b64.AAECAw"));
        assert_eq!(encode_binary(b""), plain("b64."));
        assert_eq!(encode_binary(&[7; 177]).text.len(), 240);
        assert_eq!(encode_binary(&[7; 178]), Segment::fallback(&[7; 178]));
    }

    #[test]
    fn a_digest_over_other_bytes_keeps_the_readable_tail() {
        let other = fallback_of(b"N:1", b"1");
        assert!(other.ends_with("__1"));
        assert_ne!(other, fallback(b"1"));
        assert_eq!(other, fallback_of_digest(&Sha256::digest(b"N:1").into(), b"1"));
    }

    #[test]
    fn decoding_is_strict() {
        assert_eq!(decode(b"%3a%3A"), Ok(b"::".to_vec()));
        assert_eq!(decode(b"a b"), Err(DecodeError::Reserved { byte: b' ', at: 1 }));
        assert_eq!(decode(b"~"), Err(DecodeError::Reserved { byte: b'~', at: 0 }));
        for (text, at) in [(&b"%"[..], 0), (b"a%4", 1), (b"%G0", 0), (b"%0G", 0), (b"%%30", 0), (b"%+1", 0)] {
            assert_eq!(decode(text), Err(DecodeError::Escape { at }), "{text:?}");
        }
        assert_eq!(decode(&[b'a'; 241]), Err(DecodeError::TooLong(241)));
        assert_eq!(decode(fallback(b"x").as_bytes()), Err(DecodeError::NeedsKeymap));
        assert_eq!(decode(b"b64."), Ok(Vec::new()));
        for bad in [&b"b64.A"[..], b"b64.AA==", b"b64.A+", b"b64.AB"] {
            assert_eq!(decode(bad), Err(DecodeError::Base64), "{bad:?}");
        }
    }

    fn raw() -> impl Strategy<Value = Vec<u8>> {
        let looks = (
            proptest::collection::vec(prop::sample::select(b"0123456789abcdefABCDEF".to_vec()), 32),
            "_{1,3}.{0,4}",
        )
            .prop_map(|(digits, tail)| [digits, tail.into_bytes()].concat());
        prop_oneof![
            4 => proptest::collection::vec(any::<u8>(), 0..90),
            2 => proptest::collection::vec(prop::sample::select(b"aZ9._-:%".to_vec()), 0..260),
            1 => looks,
            1 => "b64\\.?[A-Za-z_-]{0,8}".prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn segments_are_safe_names_that_read_back(raw in raw()) {
            for segment in [encode(&raw), encode_binary(&raw)] {
                prop_assert!(segment.text.len() <= limits::SEGMENT);
                prop_assert!(segment.text.bytes().all(|byte| unreserved(byte) || byte == b'%'));
                if segment.fallback {
                    prop_assert_eq!(decode(segment.text.as_bytes()), Err(DecodeError::NeedsKeymap));
                } else {
                    prop_assert_eq!(decode(segment.text.as_bytes()), Ok(raw.clone()));
                }
            }
        }

        #[test]
        fn different_keys_have_different_segments(one in raw(), other in raw()) {
            prop_assume!(one != other);
            prop_assert_ne!(encode(&one).text, encode(&other).text);
            prop_assert_ne!(encode_binary(&one).text, encode_binary(&other).text);
        }

        #[test]
        fn decoding_never_panics(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&text);
        }
    }

    #[test]
    fn a_segment_is_as_long_as_the_limit_at_most() {
        let longest = vec![b'a'; limits::SEGMENT];
        assert_eq!(decode(&longest), Ok(longest.clone()));
        assert_eq!(decode(&[&longest[..], b"a"].concat()), Err(DecodeError::TooLong(limits::SEGMENT + 1)));
    }
}
