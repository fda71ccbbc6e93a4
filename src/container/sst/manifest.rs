//! The manifest: which tables there are, and what they hold together (`format/container.md#sst-ingest-bundle`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, de};
use sha2::{Digest, Sha256};

use crate::codec::gojson::read::{Folded, folded};
use crate::container::{Error, ErrorKind, Layout, Source};
use crate::limits;
use crate::time::Hlc;

/// Length of magic, manifest length and digest, bytes.
const HEAD: usize = 48;

/// What the manifest says. Members that are not known, that come twice or that are missing are refused; names count in
/// either case, as the server reads them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(rename = "version")]
    _version: u64,
    /// Greatest of the `_meta_last_commit_ts` row and the timestamps of all rows, an HLC timestamp.
    pub last_commit_ts: Hlc,
    /// Compaction floor, an HLC timestamp; 0 when nothing was compacted.
    pub min_retained_ts: Hlc,
    /// Floor of a compaction that has begun, an HLC timestamp; 0 when there is none.
    pub pending_min_retained_ts: Hlc,
    /// Raft index of the last applied entry.
    #[serde(default, deserialize_with = "present")]
    pub applied_index: Option<u64>,
    /// Rows of all tables.
    pub(super) entry_count: u64,
    /// Bytes of their keys and values.
    pub(super) uncompressed_bytes: u64,
    /// Bytes of all tables.
    pub(super) total_file_bytes: u64,
    /// The tables, in order; `null` without rows.
    #[serde(deserialize_with = "nullable")]
    pub(super) files: Vec<File>,
}

/// A table, as the manifest describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) size: u64,
    #[serde(deserialize_with = "digest")]
    pub(super) sha256: [u8; 32],
    /// First and last encoded key.
    #[serde(deserialize_with = "bytes")]
    pub(super) smallest: Vec<u8>,
    #[serde(deserialize_with = "bytes")]
    pub(super) largest: Vec<u8>,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(from).map(Some)
}

fn nullable<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<File>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

fn digest<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(from)?;
    let mut bytes = [0; 32];
    let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
    if upper || hex::decode_to_slice(&text, &mut bytes).is_err() {
        return Err(de::Error::custom("a sha256 that is not 64 lowercase hex digits"));
    }
    Ok(bytes)
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(from)?).map_err(|_| de::Error::custom("a key that is not base64"))
}

/// Returns the name of the table with a number.
pub(super) fn name(number: usize) -> String {
    format!("{number:06}.sst")
}

impl Manifest {
    /// Reads it from the payload of a source, and checks it; returns it with the offset of the first table.
    pub fn read(source: &Source, layout: &Layout) -> Result<(Self, u64), Error> {
        let at = layout.payload_offset;
        let mut head = [0; HEAD];
        let left = layout.payload_end.saturating_sub(at);
        let read = source.read_at(&mut head, at)? as u64;
        let error = |kind| source.error(at, kind);
        let truncated = |what, needed, found| error(ErrorKind::Truncated { what, needed, found });
        if read.min(left) < HEAD as u64 {
            return Err(truncated("payload header", HEAD as u64, read.min(left)));
        }
        let (len, sha256) = fields(&head).ok_or_else(|| truncated("payload header", HEAD as u64, read))?;
        if len == 0 {
            return Err(error(corrupt("the manifest has length 0")));
        }
        if len > limits::BUNDLE_MANIFEST {
            let (what, limit) = ("SST manifest", limits::BUNDLE_MANIFEST);
            return Err(error(ErrorKind::LengthOverLimit { what, found: len, limit }));
        }
        let left = left - HEAD as u64;
        if len > left {
            return Err(truncated("SST manifest", len, left));
        }
        let mut json = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let json_at = at + HEAD as u64;
        let found = source.read_at(&mut json, json_at)? as u64;
        if found < len {
            return Err(truncated("SST manifest", len, found));
        }
        Self::parse(&json, sha256)
            .map(|manifest| (manifest, json_at + len))
            .map_err(|kind| source.error(json_at, kind))
    }

    fn parse(json: &[u8], sha256: [u8; 32]) -> Result<Self, ErrorKind> {
        let found: [u8; 32] = Sha256::digest(json).into();
        if found != sha256 {
            let (expected, found) = (hex::encode(sha256), hex::encode(found));
            return Err(ErrorKind::DigestMismatch { what: "the manifest", expected, found });
        }
        let unreadable =
            |error: &dyn std::fmt::Display| corrupt(format!("the manifest cannot be read: {error}"));
        let Folded { value, twice } = folded(json, &[]).map_err(|error| unreadable(&error))?;
        // A later version may have members that this one does not know.
        let version = Version::deserialize(&value).map_err(|error| unreadable(&error))?.version;
        if version != 1 {
            let (what, found) = ("EKVSSTI1 version", version);
            return Err(ErrorKind::UnsupportedFormat { what, expected: "1", found });
        }
        if let Some(name) = twice {
            return Err(unreadable(&format!("{name} comes twice")));
        }
        let manifest: Self = serde_json::from_value(value).map_err(|error| unreadable(&error))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Checks names, sizes and bounds.
    fn check(&self) -> Result<(), ErrorKind> {
        if self.files.len() > limits::BUNDLE_TABLES {
            let (what, found) = ("SST tables", self.files.len() as u64);
            return Err(ErrorKind::LengthOverLimit { what, found, limit: limits::BUNDLE_TABLES as u64 });
        }
        let mut sum: u64 = 0;
        let mut previous: Option<&File> = None;
        for (number, file) in self.files.iter().enumerate() {
            let expected = name(number);
            if file.name != expected {
                return Err(corrupt(format!("table {:?}, expected {expected:?}", file.name)));
            }
            if file.size == 0 {
                return Err(corrupt(format!("{expected} has size 0")));
            }
            sum = sum.saturating_add(file.size);
            if file.smallest > file.largest {
                return Err(corrupt(format!("the smallest key of {expected} is greater than its largest")));
            }
            if previous.is_some_and(|previous| previous.largest >= file.smallest) {
                return Err(corrupt(format!(
                    "the keys of {expected} overlap with those of the table before"
                )));
            }
            previous = Some(file);
        }
        if sum != self.total_file_bytes {
            let total = self.total_file_bytes;
            return Err(corrupt(format!("total_file_bytes is {total}, the sizes add up to {sum}")));
        }
        Ok(())
    }
}

/// Splits manifest length and digest off; a negative length is as long as can be.
fn fields(head: &[u8; HEAD]) -> Option<(u64, [u8; 32])> {
    let mut rest = head.get(8..)?;
    let len = crate::cursor::take_u64_be(&mut rest)?;
    Some((len, crate::cursor::take_array(&mut rest)?))
}

fn corrupt(what: impl Into<String>) -> ErrorKind {
    ErrorKind::CorruptBundle { what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = r#"{"version":1,"last_commit_ts":5,"min_retained_ts":0,"pending_min_retained_ts":0,"entry_count":0,"uncompressed_bytes":0,"total_file_bytes":0,"files":null}"#;

    fn parse(json: &str) -> Result<Manifest, ErrorKind> {
        Manifest::parse(json.as_bytes(), Sha256::digest(json).into())
    }

    fn file(name: &str, size: u64, smallest: &str, largest: &str) -> String {
        let sha256 = "ab".repeat(32);
        let [smallest, largest] = [smallest, largest].map(|key| STANDARD.encode(key));
        format!(
            r#"{{"name":"{name}","size":{size},"sha256":"{sha256}","smallest":"{smallest}","largest":"{largest}"}}"#
        )
    }

    fn with(total: u64, files: &[String]) -> String {
        EMPTY
            .replace("total_file_bytes\":0", &format!("total_file_bytes\":{total}"))
            .replace("null", &format!("[{}]", files.join(",")))
    }

    fn refused(json: &str) -> String {
        match parse(json).unwrap_err() {
            ErrorKind::CorruptBundle { what } => what,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn an_empty_store_has_no_files() {
        let manifest = parse(EMPTY).unwrap();
        assert_eq!(
            (manifest.last_commit_ts, manifest.applied_index, manifest.files.len()),
            (Hlc(5), None, 0)
        );
        let indexed = EMPTY.replace("\"entry_count", "\"applied_index\":7,\"entry_count");
        assert_eq!(parse(&indexed).unwrap().applied_index, Some(7));
        assert_eq!(parse(&EMPTY.replace("null", "[]")).unwrap().files.len(), 0);
    }

    #[test]
    fn files_come_with_their_bounds() {
        let files = [file("000000.sst", 3, "a", "b"), file("000001.sst", 4, "c", "c")];
        let manifest = parse(&with(7, &files)).unwrap();
        let [first, second] = &manifest.files[..] else { panic!() };
        assert_eq!(
            (&first.smallest[..], &first.largest[..], first.sha256),
            (&b"a"[..], &b"b"[..], [0xab; 32])
        );
        assert_eq!((&*second.name, second.size), ("000001.sst", 4));
    }

    #[test]
    fn names_sizes_sums_and_bounds_are_checked() {
        let one = || file("000000.sst", 3, "a", "b");
        for (total, files, expected) in [
            (3, vec![file("000001.sst", 3, "a", "b")], "expected \"000000.sst\""),
            (0, vec![file("000000.sst", 0, "a", "b")], "size 0"),
            (4, vec![one()], "add up to 3"),
            (3, vec![file("000000.sst", 3, "b", "a")], "greater than its largest"),
            (6, vec![one(), file("000001.sst", 3, "b", "c")], "overlap"),
            (u64::MAX - 1, vec![one(), file("000001.sst", u64::MAX, "c", "c")], "add up"),
        ] {
            let what = refused(&with(total, &files));
            assert!(what.contains(expected), "{what}");
        }
    }

    #[test]
    fn names_of_members_count_in_either_case() {
        let json = with(3, &[file("000000.sst", 3, "a", "b")]);
        let capitals = crate::codec::gojson::read::in_capitals(&json);
        assert_ne!(json, capitals);
        assert_eq!(format!("{:?}", parse(&capitals).unwrap()), format!("{:?}", parse(&json).unwrap()));
        refused(&EMPTY.replace("\"files\"", "\"Last_commit_ts\":5,\"files\""));
    }

    #[test]
    fn json_is_strict() {
        for (from, to) in [
            ("\"files\"", "\"more\":1,\"files\""),
            ("\"last_commit_ts\":5", "\"last_commit_ts\":5,\"last_commit_ts\":5"),
            ("\"last_commit_ts\":5,", ""),
            ("\"last_commit_ts\":5", "\"last_commit_ts\":-5"),
            ("\"last_commit_ts\":5", "\"last_commit_ts\":5.0"),
            ("\"last_commit_ts\":5", "\"last_commit_ts\":18446744073709551616"),
            ("\"files\":null", "\"files\":null,\"applied_index\":null"),
            (",\"files\":null", ""),
            ("\"files\":null", "\"files\":{}"),
            ("null}", "null} x"),
            ("null}", "null}{}"),
            ("null}", "null"),
        ] {
            let json = EMPTY.replace(from, to);
            assert_ne!(json, EMPTY);
            refused(&json);
        }
        let good = with(3, &[file("000000.sst", 3, "a", "b")]);
        parse(&good).unwrap();
        for (from, to) in
            [("abab", "ABAB"), ("abab", "ab"), ("YQ==", "YQ"), ("YQ==", "Y-=="), ("\"name\"", "\"n\"")]
        {
            refused(&good.replacen(from, to, 1));
        }
    }

    #[test]
    fn another_version_is_unsupported_whatever_else_it_has() {
        let json = EMPTY.replace("\"version\":1", "\"version\":2,\"new\":[]");
        assert!(matches!(parse(&json), Err(ErrorKind::UnsupportedFormat { found: 2, .. })));
    }

    #[test]
    fn another_digest_is_a_mismatch() {
        let result = Manifest::parse(EMPTY.as_bytes(), [0; 32]);
        assert!(matches!(result, Err(ErrorKind::DigestMismatch { what: "the manifest", .. })));
    }
}
