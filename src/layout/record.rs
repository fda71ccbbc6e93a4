//! One object as a line of the JSONL layout: `{"key":…,"value":…}`, and for some `"expire_at_ms":…` (`docs/tree/commands.md`).
//!
//! In: a key, and what its own file would hold. Out: the line. An object whose key or file is longer than [`LONGEST`] has its
//! file and no line, so that whoever reads lines can hold them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::file_writer::BUFFER;
use crate::codec::gojson::{self as json, Html};
use crate::time::UnixMs;
use crate::tree::part;

/// Longest key and longest file that a line is made of, bytes.
pub(crate) const LONGEST: usize = BUFFER;

/// Whether an object has a line.
pub(crate) fn fits(key: &[u8], file: &[u8]) -> bool {
    key.len() <= LONGEST && file.len() <= LONGEST
}

/// Appends the line of a file of any bytes: a text, or the base64url form of bytes that are none. The expiry is Unix ms.
pub(crate) fn of_bytes(out: &mut Vec<u8>, key: &[u8], value: &[u8], expiry_ms: Option<UnixMs>) {
    begin(out, key);
    binary(out, value);
    if let Some(expiry_ms) = expiry_ms {
        out.extend_from_slice(b",\"expire_at_ms\":");
        json::compact(out, &expiry_ms, Html::Raw);
    }
    out.extend_from_slice(b"}\n");
}

/// Appends the line of a file that is one JSON value.
pub(crate) fn of_json(out: &mut Vec<u8>, key: &[u8], document: &[u8]) {
    begin(out, key);
    without_spaces(out, document);
    out.extend_from_slice(b"}\n");
}

/// Appends the line of a file of JSON lines: their array.
pub(crate) fn of_lines(out: &mut Vec<u8>, key: &[u8], lines: &[u8]) {
    begin(out, key);
    let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
    let mut separator = b'[';
    for line in lines.split(|&byte| byte == b'\n') {
        out.push(separator);
        out.extend_from_slice(line);
        separator = b',';
    }
    out.extend_from_slice(b"]}\n");
}

fn begin(out: &mut Vec<u8>, key: &[u8]) {
    out.extend_from_slice(b"{\"key\":");
    binary(out, key);
    out.extend_from_slice(b",\"value\":");
}

/// Appends a text, or the object of bytes that are none (`tree/redis.md#json-of-keys`).
fn binary(out: &mut Vec<u8>, value: &[u8]) {
    if let Ok(text) = std::str::from_utf8(value) {
        json::string(out, text, Html::Escaped);
        return;
    }
    out.extend_from_slice(b"{\"base64\":\"");
    out.extend_from_slice(URL_SAFE_NO_PAD.encode(value).as_bytes());
    out.extend_from_slice(b"\"}");
}

/// Appends JSON of our own without the spaces around its tokens.
fn without_spaces(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = memchr::memchr3(b'"', b' ', b'\n', text) {
        let (before, rest) = text.split_at(at);
        out.extend_from_slice(before);
        let length = rest.strip_prefix(b"\"").map_or(0, |rest| 1 + part::string_length(rest));
        let (string, rest) = rest.split_at(length);
        out.extend_from_slice(string);
        text = if length == 0 { rest.get(1..).unwrap_or_default() } else { rest };
    }
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_has_key_and_value_of_any_bytes() {
        assert_eq!(
            line(|out| of_bytes(out, b"k", b"a\n<\"", None)),
            "{\"key\":\"k\",\"value\":\"a\\n\\u003c\\\"\"}\n"
        );
        assert_eq!(
            line(|out| of_bytes(out, b"\xff", b"\xfe\xff\xff", Some(UnixMs(5)))),
            "{\"key\":{\"base64\":\"_w\"},\"value\":{\"base64\":\"_v__\"},\"expire_at_ms\":5}\n"
        );
        assert_eq!(
            line(|out| of_bytes(out, b"", b"", Some(UnixMs(0)))),
            "{\"key\":\"\",\"value\":\"\",\"expire_at_ms\":0}\n"
        );
    }

    #[test]
    fn a_document_loses_its_spaces_and_keeps_those_of_its_strings() {
        let document = b"{\n  \"a b\": [\n    \"x \\\" y\\\\\",\n    -1.5e+300\n  ],\n  \"c\": {}\n}";
        assert_eq!(
            line(|out| of_json(out, b"k", document)),
            "{\"key\":\"k\",\"value\":{\"a b\":[\"x \\\" y\\\\\",-1.5e+300],\"c\":{}}}\n"
        );
    }

    #[test]
    fn lines_become_the_elements_of_an_array() {
        assert_eq!(
            line(|out| of_lines(out, b"k", b"{\"a\":1}\n{\"b\":2}\n")),
            "{\"key\":\"k\",\"value\":[{\"a\":1},{\"b\":2}]}\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn a_document_without_spaces_is_the_same_value(text in proptest::collection::vec("[ \"\\\\a\n\u{7f}é]{0,6}", 0..6)) {
            let mut indented = Vec::new();
            json::indented(&mut indented, &text, Html::Escaped);
            let mut compact = Vec::new();
            json::compact(&mut compact, &text, Html::Escaped);
            let mut out = Vec::new();
            without_spaces(&mut out, &indented);
            proptest::prop_assert_eq!(out, compact);
        }
    }
}
