//! JSON exactly as Go's `encoding/json` writes it, through one `serde_json` formatter (`tree/json.md#json`).
//!
//! In: `Serialize` values (members in the order listed; maps must be sorted by their type, `BTreeMap`).
//! Out: bytes without a trailing newline.

use std::io::{self, Write};

use base64::display::Base64Display;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use super::{escape, float};

/// Whether `<`, `>` and `&` are escaped, as the adapters' documents say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Html {
    /// `\u003c`, `\u003e`, `\u0026`.
    Escaped,
    /// As they are.
    Raw,
}

/// Appends the compact form of `value`: no spaces, no newline.
pub fn compact<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T, html: Html) {
    serialize(out, value, Go { layout: CompactFormatter, html });
}

/// Appends the indented form of `value`: two spaces, `": "`, no trailing newline.
pub fn indented<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T, html: Html) {
    serialize(out, value, Go { layout: PrettyFormatter::new(), html });
}

/// Appends one JSON string, quotes included: for adapters that put elements together themselves.
pub fn string(out: &mut Vec<u8>, text: &str, html: Html) {
    out.push(b'"');
    piece(out, text, html);
    out.push(b'"');
}

/// Appends what stands between the quotes of a JSON string: for a text that is written piece by piece.
pub fn piece(out: &mut Vec<u8>, text: &str, html: Html) {
    let written = escape::text(out, text.as_bytes(), html);
    debug_assert!(written.is_ok(), "a Vec takes every write");
}

/// Most bytes of a long value that are rendered at once: whole groups of base64.
pub const PIECE: usize = 48 << 10;

/// Splits a long text into pieces of at most [`PIECE`] bytes, between two characters.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, behind) =
            (1..=rest.len().min(PIECE)).rev().find_map(|length| rest.split_at_checked(length))?;
        rest = behind;
        Some(piece)
    })
}

fn serialize<T: Serialize + ?Sized, F: Formatter>(out: &mut Vec<u8>, value: &T, formatter: F) {
    let result = value.serialize(&mut serde_json::Serializer::with_formatter(out, formatter));
    debug_assert!(result.is_ok(), "a value of the dump that JSON has no form for: {result:?}");
}

/// A byte string as a JSON string: valid UTF-8 as it is, each byte that is not becomes the six characters
/// `\ufffd` (`tree/json.md#json`). For [`compact`] and [`indented`] only: other formatters write an array of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Lossy<'a>(pub &'a [u8]);

/// A byte string as a JSON string when it is valid UTF-8, else as `{"base64":"<base64url without padding>"}`
/// (`tree/redis.md#json-of-keys`, `tree/sqs.md#lines-of-messages`).
#[derive(Clone, Copy, Debug)]
pub struct Binary<'a>(pub &'a [u8]);

impl Serialize for Lossy<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl Serialize for Binary<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = std::str::from_utf8(self.0) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("base64", &Base64(self.0))?;
        map.end()
    }
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &URL_SAFE_NO_PAD))
    }
}

/// Go's rules for scalars over a layout of `serde_json`, whose layouts are Go's.
struct Go<L> {
    layout: L,
    html: Html,
}

impl<L: Formatter> Formatter for Go<L> {
    fn write_f32<W: Write + ?Sized>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        float::write(writer, value, value.abs() < 1e-6 && value != 0.0 || value.abs() >= 1e21)
    }

    fn write_f64<W: Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        float::write(writer, value, value.abs() < 1e-6 && value != 0.0 || value.abs() >= 1e21)
    }

    // `serde_json` has found the quotes, backslashes and control characters; the rest is the same scan again.
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        escape::text(writer, fragment.as_bytes(), self.html)
    }

    fn write_byte_array<W: Write + ?Sized>(&mut self, writer: &mut W, value: &[u8]) -> io::Result<()> {
        writer.write_all(b"\"")?;
        escape::lossy(writer, value, self.html)?;
        writer.write_all(b"\"")
    }

    fn begin_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.begin_array(writer)
    }

    fn end_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_array(writer)
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.layout.begin_array_value(writer, first)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_array_value(writer)
    }

    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.begin_object(writer)
    }

    fn end_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_object(writer)
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.layout.begin_object_key(writer, first)
    }

    fn end_object_key<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_object_key(writer)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.begin_object_value(writer)
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    type Map = BTreeMap<String, Vec<(String, i64)>>;

    fn text(value: &(impl Serialize + ?Sized), html: Html) -> String {
        let mut out = Vec::new();
        compact(&mut out, value, html);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_go_does() {
        let input = "\"\\/\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}<>&\u{2027}\u{2028}\u{2029}\u{202a}é\u{fffd}";
        let raw = concat!(
            r#""\"\\/\b\f\n\r\t\u0000\u001f"#,
            "\u{7f}<>&\u{2027}",
            r"\u2028\u2029",
            "\u{202a}é\u{fffd}\""
        );
        assert_eq!(text(input, Html::Raw), raw);
        assert_eq!(text(input, Html::Escaped), raw.replace("<>&", r"\u003c\u003e\u0026"));
    }

    #[test]
    fn floats_have_the_form_of_ecmascript() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e20, "100000000000000000000"),
            (999_999_999_999_999_900_000.0, "999999999999999900000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            (1e-6, "0.000001"),
            (9.999e-7, "9.999e-7"),
            (1e-7, "1e-7"),
            (-5e-324, "-5e-324"),
            (-2.225_073_858_507_201_4e-308, "-2.2250738585072014e-308"),
        ] {
            assert_eq!(text(&value, Html::Raw), expected);
        }
        assert_eq!(text(&0.1_f32, Html::Raw), "0.1");
        assert_eq!(text(&1e21_f32, Html::Raw), "1e+21");
    }

    #[test]
    fn integers_stand_in_full() {
        assert_eq!(text(&u64::MAX, Html::Raw), "18446744073709551615");
        assert_eq!(text(&i64::MIN, Html::Raw), "-9223372036854775808");
    }

    #[test]
    fn the_indented_form_keeps_empty_values_on_one_line() {
        let mut out = Vec::new();
        indented(&mut out, &json!({"a": [], "b": {}, "c": [1, {"d": "<"}]}), Html::Escaped);
        let expected = "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": \"\\u003c\"\n    }\n  ]\n}";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn each_invalid_byte_becomes_one_escape() {
        assert_eq!(
            text(&Lossy(b"a\xff<\xe2\x80b\xe2\x80\xa8\""), Html::Raw),
            r#""a\ufffd<\ufffd\ufffdb\u2028\"""#
        );
        assert_eq!(text(&Lossy(b"\xed\xa0\x80"), Html::Raw), r#""\ufffd\ufffd\ufffd""#);
        assert_eq!(text(&Lossy("<\u{fffd}".as_bytes()), Html::Escaped), "\"\\u003c\u{fffd}\"");
    }

    #[test]
    fn bytes_that_are_no_text_become_base64url() {
        assert_eq!(text(&Binary(b"a\0"), Html::Raw), r#""a\u0000""#);
        assert_eq!(text(&Binary(&[0xff, 0xfe]), Html::Raw), r#"{"base64":"__4"}"#);
        let mut out = Vec::new();
        indented(&mut out, &[Binary(&[0xff])], Html::Raw);
        assert_eq!(out, b"[\n  {\n    \"base64\": \"_w\"\n  }\n]");
    }

    #[test]
    fn stored_json_text_stays_as_it_is() {
        let raw = serde_json::value::RawValue::from_string(r#"{"a":1.50,"b":"\u003c"}"#.to_owned()).unwrap();
        assert_eq!(text(&raw, Html::Escaped), raw.get());
    }

    proptest! {
        #[test]
        fn values_read_back(
            map in proptest::collection::btree_map(".{0,8}", proptest::collection::vec((".{0,20}", any::<i64>()), 0..3), 0..4),
        ) {
            for html in [Html::Raw, Html::Escaped] {
                let mut out = Vec::new();
                compact(&mut out, &map, html);
                prop_assert_eq!(&serde_json::from_slice::<Map>(&out).unwrap(), &map);
                let mut spaced = Vec::new();
                indented(&mut spaced, &map, html);
                let value: serde_json::Value = serde_json::from_slice(&spaced).unwrap();
                prop_assert_eq!(value, serde_json::from_slice::<serde_json::Value>(&out).unwrap());
            }
        }

        #[test]
        fn floats_read_back(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
            let text = text(&value, Html::Raw);
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
            prop_assert_eq!(text.contains('e'), value != 0.0 && !(1e-6..1e21).contains(&value.abs()));
        }

        #[test]
        fn all_ways_to_write_a_string_agree(input: String, html in prop_oneof![Just(Html::Raw), Just(Html::Escaped)]) {
            let mut out = Vec::new();
            string(&mut out, &input, html);
            prop_assert_eq!(&text(&input, html).into_bytes(), &out);
            prop_assert_eq!(&text(&Lossy(input.as_bytes()), html).into_bytes(), &out);
            prop_assert_eq!(&text(&Binary(input.as_bytes()), html).into_bytes(), &out);
        }
    }
}
