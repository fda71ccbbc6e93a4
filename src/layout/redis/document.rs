//! The indented JSON file of a hash, list, set or zset, element by element (`tree/redis.md#json-of-keys`, `tree/redis.md#shapes`).
//!
//! A collection can be larger than memory: the frame is written by hand, what is in it by `dump::json`.

use super::super::output::Output;
use super::binary::binary;
use crate::error::Result;
use crate::model::redis::Collection;
use crate::time::UnixMs;
use crate::tree::json::{self, Html};

/// Writes the parts of one file.
#[derive(Debug)]
pub(super) struct Document {
    empty: bool,
}

impl Document {
    /// Begins the file of a collection that is no stream.
    pub(super) fn begin(collection: Collection, out: &mut impl Output) -> Self {
        let member: &[u8] = match collection {
            Collection::Hash => b"fields",
            Collection::List => b"items",
            Collection::Set | Collection::Zset | Collection::Stream => b"members",
        };
        for part in [b"{\n  \"format_version\": 1,\n  \"", member, b"\": ["] {
            out.buffer().extend_from_slice(part);
        }
        Self { empty: true }
    }

    /// Appends a hash field.
    pub(super) fn field(&mut self, out: &mut impl Output, name: &[u8], value: &[u8]) -> Result<()> {
        self.separate(out);
        out.buffer().extend_from_slice(b"{\n      \"name\": ");
        binary(out, name, b"      ")?;
        out.buffer().extend_from_slice(b",\n      \"value\": ");
        binary(out, value, b"      ")?;
        out.buffer().extend_from_slice(b"\n    }");
        out.flush_if_full()
    }

    /// Appends a list item or a set member.
    pub(super) fn plain(&mut self, out: &mut impl Output, value: &[u8]) -> Result<()> {
        self.separate(out);
        binary(out, value, b"    ")?;
        out.flush_if_full()
    }

    /// Appends a zset member. The score is no NaN.
    pub(super) fn scored(&mut self, out: &mut impl Output, member: &[u8], score: f64) -> Result<()> {
        self.separate(out);
        out.buffer().extend_from_slice(b"{\n      \"member\": ");
        binary(out, member, b"      ")?;
        out.buffer().extend_from_slice(b",\n      \"score\": ");
        if score.is_infinite() {
            out.buffer().extend_from_slice(if score > 0.0 { b"\"+inf\"" } else { b"\"-inf\"" });
        } else {
            json::compact(out.buffer(), &score, Html::Escaped);
        }
        out.buffer().extend_from_slice(b"\n    }");
        out.flush_if_full()
    }

    /// Ends the file; there is no newline behind it. The expiry is Unix ms.
    pub(super) fn end(self, out: &mut impl Output, expiry: Option<UnixMs>) {
        let out = out.buffer();
        out.extend_from_slice(if self.empty { b"]" } else { b"\n  ]" });
        out.extend_from_slice(b",\n  \"expire_at_ms\": ");
        json::compact(out, &expiry, Html::Escaped);
        out.extend_from_slice(b"\n}");
    }

    fn separate(&mut self, out: &mut impl Output) {
        out.buffer().extend_from_slice(if self.empty { b"\n    " } else { b",\n    " });
        self.empty = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(
        collection: Collection,
        expiry: Option<UnixMs>,
        fill: impl Fn(&mut Document, &mut Vec<u8>),
    ) -> String {
        let mut out = Vec::new();
        let mut document = Document::begin(collection, &mut out);
        fill(&mut document, &mut out);
        document.end(&mut out, expiry);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_empty_collection_keeps_its_brackets_together() {
        assert_eq!(
            document(Collection::List, None, |_, _| {}),
            "{\n  \"format_version\": 1,\n  \"items\": [],\n  \"expire_at_ms\": null\n}"
        );
    }

    #[test]
    fn fields_stand_as_the_layout_prescribes() {
        let text = document(Collection::Hash, Some(UnixMs(5)), |document, out| {
            document.field(out, b"a&b", b"\x80\xff\x01").unwrap();
            document.field(out, b"\xff", b"tab\t").unwrap();
        });
        assert_eq!(
            text,
            r#"{
  "format_version": 1,
  "fields": [
    {
      "name": "a\u0026b",
      "value": {
        "base64": "gP8B"
      }
    },
    {
      "name": {
        "base64": "_w"
      },
      "value": "tab\t"
    }
  ],
  "expire_at_ms": 5
}"#
        );
    }

    #[test]
    fn members_stand_one_a_line() {
        let text = document(Collection::Set, None, |document, out| {
            document.plain(out, b"a").unwrap();
            document.plain(out, b"\xfe").unwrap();
        });
        assert_eq!(
            text,
            "{\n  \"format_version\": 1,\n  \"members\": [\n    \"a\",\n    {\n      \"base64\": \"_g\"\n    }\n  \
             ],\n  \"expire_at_ms\": null\n}"
        );
    }

    #[test]
    fn scores_are_written_as_ecmascript_writes_numbers() {
        for (score, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (1e-6, "0.000001"),
            (1.5e-6, "0.0000015"),
            (9.99e-7, "9.99e-7"),
            (1e-7, "1e-7"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (f64::INFINITY, "\"+inf\""),
            (f64::NEG_INFINITY, "\"-inf\""),
        ] {
            let written =
                document(Collection::Zset, None, |document, out| document.scored(out, b"m", score).unwrap());
            let want = format!("\"score\": {text}\n");
            assert!(written.contains(&want), "{score:e}: {written}");
        }
    }
}
