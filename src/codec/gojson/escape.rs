//! The escapes of JSON strings, as Go chooses them (`tree/json.md#json`).
//!
//! In: the bytes of a string. Out: its text between the quotes.

use std::io::{self, Write};

use super::Html;

/// First byte of U+2028 and U+2029 (and of other characters, which stay).
const SEPARATOR_LEAD: u8 = 0xe2;
/// Bytes that are looked at together. The compiler turns the test of a block into vector instructions.
const BLOCK: usize = 32;

/// Writes bytes that are valid UTF-8.
pub(crate) fn text<W: Write + ?Sized>(writer: &mut W, mut bytes: &[u8], html: Html) -> io::Result<()> {
    let mut plain = 0;
    loop {
        plain += plain_prefix(bytes.get(plain..).unwrap_or_default(), html);
        let (head, rest) = bytes.split_at_checked(plain).unwrap_or((bytes, &[]));
        let (escape, tail) = match rest {
            [] => return writer.write_all(bytes),
            [SEPARATOR_LEAD, 0x80, 0xa8, tail @ ..] => (&br"\u2028"[..], tail),
            [SEPARATOR_LEAD, 0x80, 0xa9, tail @ ..] => (&br"\u2029"[..], tail),
            [SEPARATOR_LEAD, ..] => {
                plain += 1;
                continue;
            }
            [byte, tail @ ..] => (escape(*byte), tail),
        };
        writer.write_all(head)?;
        writer.write_all(escape)?;
        (bytes, plain) = (tail, 0);
    }
}

/// Appends JSON text with what is special in HTML escaped: outside of strings none of it stands.
pub(crate) fn html(out: &mut Vec<u8>, mut json: &[u8]) {
    let special = |byte| matches!(byte, b'<' | b'>' | b'&' | SEPARATOR_LEAD);
    loop {
        let (plain, rest) = json.split_at(prefix(json, special));
        out.extend_from_slice(plain);
        let (escaped, tail) = match rest {
            [] => return,
            [SEPARATOR_LEAD, 0x80, 0xa8, tail @ ..] => (&br"\u2028"[..], tail),
            [SEPARATOR_LEAD, 0x80, 0xa9, tail @ ..] => (&br"\u2029"[..], tail),
            [SEPARATOR_LEAD, tail @ ..] => (&[SEPARATOR_LEAD][..], tail),
            [byte, tail @ ..] => (escape(*byte), tail),
        };
        out.extend_from_slice(escaped);
        json = tail;
    }
}

/// Writes any bytes: each byte that is not part of valid UTF-8 becomes `\ufffd`.
pub(crate) fn lossy<W: Write + ?Sized>(writer: &mut W, bytes: &[u8], html: Html) -> io::Result<()> {
    if std::str::from_utf8(bytes).is_ok() {
        return text(writer, bytes, html);
    }
    for chunk in bytes.utf8_chunks() {
        text(writer, chunk.valid().as_bytes(), html)?;
        for _ in chunk.invalid() {
            writer.write_all(br"\ufffd")?;
        }
    }
    Ok(())
}

/// Returns what stands for a byte that has to be escaped.
fn escape(byte: u8) -> &'static [u8] {
    match byte {
        b'"' => br#"\""#,
        b'\\' => br"\\",
        0x08 => br"\b",
        0x09 => br"\t",
        0x0a => br"\n",
        0x0c => br"\f",
        0x0d => br"\r",
        _ => LONG.get(usize::from(byte)).map_or(&[], <[u8; 6]>::as_slice),
    }
}

/// The long escapes of ASCII characters.
static LONG: [[u8; 6]; 128] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut table = [*br"\u0000"; 128];
    let mut byte = 0;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "byte < 128; the compiler runs this")]
        {
            table[byte][4] = DIGITS[byte >> 4];
            table[byte][5] = DIGITS[byte & 15];
        }
        byte += 1;
    }
    table
};

/// Returns how many bytes at the front need no look.
fn plain_prefix(bytes: &[u8], html: Html) -> usize {
    // Each call is its own copy of the loop, so that the blocks are tested without a branch on `html`.
    match html {
        Html::Escaped => prefix(bytes, html_special),
        Html::Raw => prefix(bytes, raw_special),
    }
}

#[expect(clippy::needless_bitwise_bool, reason = "without branches the test of a block is vector code")]
fn html_special(byte: u8) -> bool {
    raw_special(byte) | (byte == b'<') | (byte == b'>') | (byte == b'&')
}

#[expect(clippy::needless_bitwise_bool, reason = "without branches the test of a block is vector code")]
fn raw_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte == SEPARATOR_LEAD)
}

/// Returns how many bytes at the front are not special.
pub(crate) fn prefix(bytes: &[u8], special: impl Fn(u8) -> bool) -> usize {
    // Where special bytes are close together, looking at whole blocks is work for nothing.
    let (first, rest) = bytes.split_at(bytes.len().min(BLOCK / 2));
    if let Some(found) = first.iter().position(|&byte| special(byte)) {
        return found;
    }
    let (blocks, _) = rest.as_chunks::<BLOCK>();
    let plain = blocks
        .iter()
        .take_while(|block| !block.iter().fold(false, |found, &byte| found | special(byte)))
        .count();
    let start = plain * BLOCK;
    let rest = rest.get(start..).unwrap_or_default();
    first.len() + start + rest.iter().position(|&byte| special(byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rules of `tree/json.md#json`, one character at a time.
    fn model(input: &[u8], html: Html) -> Vec<u8> {
        let mut out = String::new();
        let mut rest = input;
        while !rest.is_empty() {
            let width = (1..=rest.len().min(4)).find(|&width| std::str::from_utf8(&rest[..width]).is_ok());
            let Some(width) = width else {
                out.push_str("\\ufffd");
                rest = &rest[1..];
                continue;
            };
            let character = std::str::from_utf8(&rest[..width]).unwrap().chars().next().unwrap();
            rest = &rest[width..];
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '<' | '>' | '&' if html == Html::Raw => out.push(character),
                '<' => out.push_str("\\u003c"),
                '>' => out.push_str("\\u003e"),
                '&' => out.push_str("\\u0026"),
                '\u{2028}' => out.push_str("\\u2028"),
                '\u{2029}' => out.push_str("\\u2029"),
                '\0'..'\u{20}' => out.extend(["\\u00".to_owned(), hex::encode([character as u8])]),
                _ => out.push(character),
            }
        }
        out.into_bytes()
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop_oneof![
            5 => "[ -~]{0,40}".prop_map(String::into_bytes),
            2 => any::<char>().prop_map(|character| character.to_string().into_bytes()),
            2 => prop::sample::select(vec!["\u{2027}", "\u{2028}", "\u{2029}", "“", "<", "&", "\"", "\\", "\n", "\0"])
                .prop_map(|text| text.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..4),
        ];
        proptest::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn the_fast_scan_agrees_with_the_rules(input in bytes(), html in prop_oneof![Just(Html::Raw), Just(Html::Escaped)]) {
            let mut out = Vec::new();
            lossy(&mut out, &input, html).unwrap();
            prop_assert_eq!(String::from_utf8(out).unwrap(), String::from_utf8(model(&input, html)).unwrap());
        }
    }
}
