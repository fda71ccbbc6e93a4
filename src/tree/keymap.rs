//! KEYMAP.jsonl: encoded names back to the user's bytes (`tree/names.md#keymap`). Writer and reader.
//!
//! In: names, originals and kinds. Out: lines, and records again.

use std::io::BufRead;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::json::Html;
use super::lines::{Line, Lines};
use crate::codec::gojson::escape;
use crate::limits;

/// Why a name is not the plain encoding of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The segment is a SHA fallback.
    ShaFallback,
    /// An S3 object whose name a longer key needs as a directory.
    S3LeafData,
    /// An S3 object whose key ends in the reserved sidecar suffix.
    MetaSuffixRename,
}

/// Bytes of a line around its name, original and kind.
const FRAME: usize = r#"{"encoded":"","original":"","kind":""}"#.len();
/// Most bytes of JSON that one byte of a name becomes.
const ESCAPE: usize = r"\ufffd".len();

impl Kind {
    const ALL: [Self; 3] = [Self::ShaFallback, Self::S3LeafData, Self::MetaSuffixRename];

    /// Returns the kind as it stands in the file.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::ShaFallback => "sha-fallback",
            Kind::S3LeafData => "s3-leaf-data",
            Kind::MetaSuffixRename => "meta-suffix-rename",
        }
    }

    /// Returns the kind of this name.
    #[must_use]
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Appends one line, newline included. `encoded` is the segment or path as it stands in the tree, `original`
/// the user's bytes.
pub(crate) fn line(out: &mut Vec<u8>, encoded: &[u8], original: &[u8], kind: Kind) {
    out.extend_from_slice(br#"{"encoded":""#);
    let written = escape::lossy(out, encoded, Html::Raw);
    debug_assert!(written.is_ok(), "a Vec takes every write");
    out.extend_from_slice(br#"","original":""#);
    push_base64(out, original);
    out.extend_from_slice(br#"","kind":""#);
    out.extend_from_slice(kind.name().as_bytes());
    out.extend_from_slice(b"\"}\n");
}

/// Says that a line would be longer than readers take: `None` where it is not. The limit is on the line without its
/// newline.
#[must_use]
pub(crate) fn too_long(encoded: &[u8], original: &[u8]) -> Option<String> {
    // The longest kind, and each byte of the name as an escape.
    let frame = FRAME + Kind::ALL.iter().map(|kind| kind.name().len()).max().unwrap_or_default();
    let digits = base64::encoded_len(original.len(), false).unwrap_or(usize::MAX);
    let most = digits.saturating_add(encoded.len().saturating_mul(ESCAPE)).saturating_add(frame);
    (most > limits::KEYMAP_LINE).then(|| {
        let length = original.len();
        format!("a key of {length} bytes makes a KEYMAP line of more than {} bytes", limits::KEYMAP_LINE)
    })
}

fn push_base64(out: &mut Vec<u8>, raw: &[u8]) {
    out.extend_from_slice(URL_SAFE_NO_PAD.encode(raw).as_bytes());
}

/// One record as it was read. The kind may be one that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The segment or path as it stands in the tree; not empty.
    pub encoded: String,
    /// The user's bytes.
    pub original: Vec<u8>,
    /// Name of the kind; not empty.
    pub kind: String,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub(crate) struct ReadError {
    /// Number of the line, from 1.
    pub line: u64,
    /// What was found.
    pub kind: ReadErrorKind,
}

/// The rules of `tree/names.md#keymap`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ReadErrorKind {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(String),
    /// The line has more bytes than any record.
    #[error("longer than {max} bytes", max = limits::KEYMAP_LINE)]
    TooLong,
    /// The line holds nothing.
    #[error("blank")]
    Blank,
    /// Not one JSON object with text members.
    #[error("not a record: {0}")]
    Json(String),
    /// A member is absent or `null`.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A member that must not be empty is.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// `original` is not base64url without padding.
    #[error("original is not base64url without padding")]
    Base64,
}

/// Reads records line by line; after the first error it keeps returning that error.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    lines: Lines<R>,
    line: u64,
    failed: Option<ReadErrorKind>,
}

impl<R: BufRead> Reader<R> {
    /// Returns a reader before the first line.
    pub(crate) fn new(input: R) -> Self {
        Self { lines: Lines::new(input, limits::KEYMAP_LINE), line: 0, failed: None }
    }

    /// Returns the next record, `None` at the end. The last line may lack its newline.
    pub(crate) fn read(&mut self) -> Result<Option<Record>, ReadError> {
        if self.failed.is_none() {
            self.line += 1;
        }
        let result = match self.failed.clone() {
            Some(kind) => Err(kind),
            None => self.read_line(),
        };
        result.map_err(|kind| {
            self.failed = Some(kind.clone());
            ReadError { line: self.line, kind }
        })
    }

    fn read_line(&mut self) -> Result<Option<Record>, ReadErrorKind> {
        match self.lines.next().map_err(|error| ReadErrorKind::Io(error.to_string()))? {
            Some(Line::Text(line)) => parse(line).map(Some),
            Some(Line::TooLong | Line::Endless) => Err(ReadErrorKind::TooLong),
            None => Ok(None),
        }
    }
}

#[derive(Deserialize)]
struct Members {
    encoded: Option<String>,
    original: Option<String>,
    kind: Option<String>,
}

/// Parses one line, without its newline.
pub(crate) fn parse(line: &[u8]) -> Result<Record, ReadErrorKind> {
    if line.trim_ascii().is_empty() {
        return Err(ReadErrorKind::Blank);
    }
    let members: Members =
        serde_json::from_slice(line).map_err(|error| ReadErrorKind::Json(error.to_string()))?;
    let encoded = members.encoded.ok_or(ReadErrorKind::Missing("encoded"))?;
    let original = members.original.ok_or(ReadErrorKind::Missing("original"))?;
    let kind = members.kind.ok_or(ReadErrorKind::Missing("kind"))?;
    for (name, text) in [("encoded", &encoded), ("kind", &kind)] {
        if text.is_empty() {
            return Err(ReadErrorKind::Empty(name));
        }
    }
    let original = URL_SAFE_NO_PAD.decode(original).map_err(|_| ReadErrorKind::Base64)?;
    Ok(Record { encoded, original, kind })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Reads all records by their encoded name; of several records of one name the last counts.
    fn load(input: &[u8]) -> Result<BTreeMap<String, Record>, ReadError> {
        let mut reader = Reader::new(input);
        let mut records = BTreeMap::new();
        while let Some(record) = reader.read()? {
            records.insert(record.encoded.clone(), record);
        }
        Ok(records)
    }

    fn kind_of(line: &[u8]) -> ReadErrorKind {
        parse(line).unwrap_err()
    }

    #[test]
    fn a_line_has_the_three_members_in_order() {
        let mut out = Vec::new();
        line(&mut out, b"a<\"b", b"\xff\xfe?", Kind::S3LeafData);
        line(&mut out, b"n\xff", b"", Kind::MetaSuffixRename);
        let expected = concat!(
            r#"{"encoded":"a<\"b","original":"__4_","kind":"s3-leaf-data"}"#,
            "\n",
            r#"{"encoded":"n\ufffd","original":"","kind":"meta-suffix-rename"}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn every_member_must_be_there_and_be_text() {
        for name in ["encoded", "original", "kind"] {
            let whole = r#"{"encoded":"e","original":"","kind":"k"}"#;
            assert!(parse(whole.as_bytes()).is_ok());
            let renamed = whole.replace(&format!("{name:?}"), "\"other\"");
            assert_eq!(kind_of(renamed.as_bytes()), ReadErrorKind::Missing(name));
            let mut value: serde_json::Value = serde_json::from_str(whole).unwrap();
            value[name] = serde_json::Value::Null;
            assert_eq!(kind_of(value.to_string().as_bytes()), ReadErrorKind::Missing(name));
            value[name] = 1.into();
            assert!(matches!(kind_of(value.to_string().as_bytes()), ReadErrorKind::Json(_)));
        }
        assert_eq!(kind_of(br#"{"encoded":"","original":"","kind":"k"}"#), ReadErrorKind::Empty("encoded"));
        assert_eq!(kind_of(br#"{"encoded":"e","original":"","kind":""}"#), ReadErrorKind::Empty("kind"));
        for original in ["A", "AA==", "A+", "A/", "A A"] {
            let text = format!(r#"{{"encoded":"e","original":"{original}","kind":"k"}}"#);
            assert_eq!(kind_of(text.as_bytes()), ReadErrorKind::Base64, "{original}");
        }
        assert!(matches!(kind_of(br#"{"encoded":"e","original":"","kind":"k"} x"#), ReadErrorKind::Json(_)));
        assert_eq!(kind_of(b" \t"), ReadErrorKind::Blank);
    }

    #[test]
    fn an_error_stays() {
        let text = b"{\"encoded\":\"e\",\"original\":\"\",\"kind\":\"k\"}\n\n{\"encoded\":\"f\",\"original\":\"\",\"kind\":\"k\"}\n";
        let mut reader = Reader::new(&text[..]);
        assert_eq!(reader.read().unwrap().unwrap().encoded, "e");
        let error = ReadError { line: 2, kind: ReadErrorKind::Blank };
        assert_eq!(reader.read(), Err(error.clone()));
        assert_eq!(reader.read(), Err(error));
    }

    #[test]
    fn a_line_may_have_4_mib_and_not_one_byte_more() {
        let frame = r#"{"encoded":"","original":"","kind":"k"}"#.len();
        let text = |length: usize| {
            format!("{{\"encoded\":\"{}\",\"original\":\"\",\"kind\":\"k\"}}", "e".repeat(length - frame))
        };
        let longest = text(limits::KEYMAP_LINE);
        for end in ["", "\n"] {
            assert!(Reader::new(format!("{longest}{end}").as_bytes()).read().is_ok());
            let longer = text(limits::KEYMAP_LINE + 1) + end;
            let error = Reader::new(longer.as_bytes()).read().unwrap_err();
            assert_eq!(error, ReadError { line: 1, kind: ReadErrorKind::TooLong });
        }
    }

    #[test]
    fn what_is_not_too_long_to_write_is_read() {
        // One that fits to the byte if all of the name were escapes: 3 bytes are 4 digits.
        let name = [0xff; 10];
        let room = limits::KEYMAP_LINE - FRAME - "meta-suffix-rename".len() - 60;
        let longest = vec![7; room / 4 * 3];
        assert_eq!(too_long(&name, &longest), None);
        assert!(too_long(&name, &vec![7; room / 4 * 3 + 3]).is_some());
        let mut text = Vec::new();
        line(&mut text, &name, &longest, Kind::MetaSuffixRename);
        assert!(text.len() - 1 > limits::KEYMAP_LINE - 4 && Reader::new(&text[..]).read().is_ok());
    }

    #[test]
    fn the_last_record_of_a_name_counts() {
        let mut out = Vec::new();
        line(&mut out, b"e", b"one", Kind::ShaFallback);
        line(&mut out, b"e", b"two", Kind::ShaFallback);
        let records = load(&out[..]).unwrap();
        assert_eq!(records["e"].original, b"two");
        assert_eq!(Kind::from_name(&records["e"].kind), Some(Kind::ShaFallback));
        assert_eq!(Kind::from_name("other"), None);
    }

    proptest! {
        #[test]
        fn lines_read_back(
            encoded in ".{1,20}",
            original in proptest::collection::vec(any::<u8>(), 0..40),
            kind in prop::sample::select(Kind::ALL.to_vec()),
        ) {
            let mut out = Vec::new();
            line(&mut out, encoded.as_bytes(), &original, kind);
            let mut reader = Reader::new(&out[..]);
            let record = Record { encoded, original, kind: kind.name().to_owned() };
            prop_assert_eq!(reader.read(), Ok(Some(record)));
            prop_assert_eq!(reader.read(), Ok(None));
        }

        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = load(&bytes[..]);
        }
    }
}
