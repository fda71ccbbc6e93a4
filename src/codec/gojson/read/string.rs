//! The content of a JSON string as text.
//!
//! In: the bytes between the quotes, already checked by the reader. Out: text in which each lone surrogate
//! escape and each single byte that is not UTF-8 is U+FFFD.

use std::borrow::Cow;

/// Reads bytes as UTF-8; each byte that is not becomes one U+FFFD.
#[must_use]
pub fn replace_invalid(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    push_lossy(&mut out, bytes);
    Cow::Owned(out)
}

/// Resolves the escapes of a checked string.
pub(super) fn unescape(mut raw: &[u8]) -> String {
    let mut out = String::new();
    while let Some(at) = memchr::memchr(b'\\', raw) {
        let (plain, escape) = raw.split_at_checked(at).unwrap_or_default();
        push_lossy(&mut out, plain);
        let (text, length) = match escape.get(1) {
            Some(b'u') => unicode_escape(escape),
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(&byte) => (char::from(byte), 2),
            None => break,
        };
        out.push(text);
        raw = escape.get(length..).unwrap_or_default();
    }
    push_lossy(&mut out, raw);
    out
}

/// Returns the value of the four hex digits of an escape `\uXXXX` at the front of `bytes`.
pub(super) fn code_unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

/// Returns the character at the front of `escape`, and the length of its spelling: 12 for a surrogate pair.
fn unicode_escape(escape: &[u8]) -> (char, usize) {
    let Some(first) = code_unit(escape) else {
        return (char::REPLACEMENT_CHARACTER, 6);
    };
    if let (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) = (first, escape.get(6..).and_then(code_unit)) {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

fn push_lossy(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_invalid_byte_is_one_replacement_character() {
        assert_eq!(replace_invalid(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(replace_invalid(b"\xe2\x82"), "\u{fffd}\u{fffd}");
        assert_eq!(replace_invalid(b"\xf0\x9f\x98x"), "\u{fffd}\u{fffd}\u{fffd}x");
        assert_eq!(replace_invalid(b"\xed\xa0\x80"), "\u{fffd}\u{fffd}\u{fffd}");
        assert!(matches!(replace_invalid("é".as_bytes()), Cow::Borrowed("é")));
    }

    #[test]
    fn escapes_resolve() {
        assert_eq!(unescape(br#"a\"\\\/\b\f\n\r\tz"#), "a\"\\/\u{8}\u{c}\n\r\tz");
        assert_eq!(unescape(br"\u0041\u00e9\u2028"), "Aé\u{2028}");
        assert_eq!(unescape(br"\ud83d\ude00"), "😀");
    }

    #[test]
    fn each_lone_surrogate_is_one_replacement_character() {
        assert_eq!(unescape(br"\ud800x\udc00"), "\u{fffd}x\u{fffd}");
        assert_eq!(unescape(br"\ud800\ud83d\ude00"), "\u{fffd}😀");
        assert_eq!(unescape(br"\ude00\ud83d"), "\u{fffd}\u{fffd}");
        assert_eq!(unescape(br"\ud83d\u0041"), "\u{fffd}A");
        assert_eq!(unescape(b"\\ud83d\xff\\n"), "\u{fffd}\u{fffd}\n");
    }
}
