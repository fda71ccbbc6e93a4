//! JSON strings: escapes resolved, what is not Unicode replaced.

use std::borrow::Cow;

use super::{Invalid, Reader, Result};

impl<'a> Reader<'a> {
    /// Reads a string that begins right here; borrowed when it has no escape and is valid UTF-8.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>> {
        if !self.eat(b'"') {
            return Err(self.expected("string"));
        }
        let mut owned = String::new();
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let plain = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            self.at += plain.len();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    if let (true, Ok(text)) = (owned.is_empty(), std::str::from_utf8(plain)) {
                        return Ok(Cow::Borrowed(text));
                    }
                    push_repaired(&mut owned, plain);
                    return Ok(Cow::Owned(owned));
                }
                Some(b'\\') => {
                    self.at += 1;
                    push_repaired(&mut owned, plain);
                    owned.push(self.escape()?);
                }
                _ => return Err(self.expected("character of a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let character = match self.peek() {
            Some(same @ (b'"' | b'\\' | b'/')) => char::from(same),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.expected("escape")),
        };
        self.at += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char> {
        let at = self.at;
        let unit = self.code_unit().ok_or(Invalid { expected: "four hex digits", at })?;
        if !(0xd800..0xdc00).contains(&unit) {
            return Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        // A high surrogate counts only with a low one right behind it; else what follows stands for itself.
        let after = self.at;
        if self.eat(b'\\')
            && let Some(low @ 0xdc00..0xe000) = self.code_unit()
        {
            let scalar = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            return Ok(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.at = after;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    /// Reads `uXXXX`.
    fn code_unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        let digits = self.bytes.get(self.at..)?.strip_prefix(b"u")?.get(..4)?;
        for &digit in digits {
            unit = unit << 4 | char::from(digit).to_digit(16)?;
        }
        self.at += 5;
        Some(unit)
    }
}

/// Appends text, each byte that is not UTF-8 as one U+FFFD.
fn push_repaired(text: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(std::iter::repeat_n(char::REPLACEMENT_CHARACTER, chunk.invalid().len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &[u8]) -> Result<String> {
        let mut reader = Reader { bytes: json, at: 0 };
        let text = reader.text()?.into_owned();
        assert_eq!(reader.at, json.len());
        Ok(text)
    }

    #[test]
    fn escapes_stand_for_their_characters() {
        assert_eq!(text(br#""\"\\\/\b\f\n\r\t\u0041\u00e9""#), Ok("\"\\/\u{8}\u{c}\n\r\tA\u{e9}".into()));
        assert_eq!(text(br#""x\ud83d\uDE00y""#), Ok("x\u{1f600}y".into()));
        assert_eq!(text(b"\"\""), Ok(String::new()));
    }

    #[test]
    fn lone_surrogates_and_bad_bytes_become_replacement_characters() {
        assert_eq!(text(br#""\ud83d""#), Ok("\u{fffd}".into()));
        assert_eq!(text(br#""\ude00x""#), Ok("\u{fffd}x".into()));
        assert_eq!(text(br#""\ud83d\n""#), Ok("\u{fffd}\n".into()));
        assert_eq!(text(br#""\ud83d\u0041""#), Ok("\u{fffd}A".into()));
        assert_eq!(text(b"\"a\xff\xe2\x82b\""), Ok("a\u{fffd}\u{fffd}\u{fffd}b".into()));
    }

    #[test]
    fn control_characters_unknown_escapes_and_open_strings_are_invalid() {
        for json in
            [&b"\"a\nb\""[..], b"\"\\x\"", b"\"\\u12\"", b"\"\\u12g4\"", b"\"a", b"\"\\", b"a", b"", b"\"\\u"]
        {
            assert!(text(json).is_err(), "{json:?}");
        }
    }

    #[test]
    fn plain_text_is_borrowed() {
        let mut reader = Reader { bytes: "\"h\u{e9}\"".as_bytes(), at: 0 };
        assert!(matches!(reader.text(), Ok(Cow::Borrowed("h\u{e9}"))));
    }
}
