//! The manifest of an object: its headers, and the parts that hold its body (`format/s3.md#manifest`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::part::Part;
use super::problem::{Class, Fault};
use crate::codec::gojson::read::{self as json, Reader};
use crate::codec::gojson::{self, Html};
use crate::limits;
use crate::model::s3::{Headers, Part as UploadedPart};
use crate::time::Hlc;

/// What each of the user's headers counts besides its name and value, bytes.
const METADATA_ENTRY: usize = 16;

/// A manifest as it is written: parts of chunks of [`CHUNK`] bytes.
#[derive(Serialize)]
struct Row<'a> {
    upload_id: &'a str,
    etag: &'a str,
    size_bytes: u64,
    last_modified_hlc: Hlc,
    content_type: &'a str,
    content_encoding: &'a str,
    cache_control: &'a str,
    content_disposition: &'a str,
    user_metadata: Option<&'a BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
    parts: Option<Vec<PartRow<'a>>>,
}

#[derive(Serialize)]
struct PartRow<'a> {
    part_no: u64,
    etag: Cow<'a, str>,
    size_bytes: u64,
    chunk_count: u64,
    #[serde(serialize_with = "sizes")]
    chunk_sizes: u64,
    part_version: u64,
    chunk_ref_version: u64,
    offloaded: bool,
}

/// Bytes of a chunk that is written.
pub(crate) const CHUNK: u64 = 1 << 20;
/// Number of the first part.
pub(crate) const PART: u64 = 1;

/// Lists the lengths of the chunks of a body.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "what `serde` calls")]
fn sizes<S: Serializer>(size: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    let chunks = (0..size.div_ceil(CHUNK)).map(|chunk| CHUNK.min(size - chunk * CHUNK));
    serializer.collect_seq(chunks)
}

/// Appends the value of the manifest's row for a body of `size` bytes; without `parts` it is one.
pub(crate) fn write(
    out: &mut Vec<u8>,
    upload_id: &str,
    headers: &Headers<'_>,
    size: u64,
    parts: &[UploadedPart],
) {
    let row = |part_no, etag, size: u64| PartRow {
        part_no,
        etag,
        size_bytes: size,
        chunk_count: size.div_ceil(CHUNK),
        chunk_sizes: size,
        part_version: 0,
        chunk_ref_version: 0,
        offloaded: false,
    };
    let parts = match parts {
        [] => vec![row(PART, (&*headers.etag).into(), size)],
        parts => {
            (PART..).zip(parts).map(|(number, part)| row(number, part.etag().into(), part.size)).collect()
        }
    };
    let row = Row {
        upload_id,
        etag: &headers.etag,
        size_bytes: size,
        last_modified_hlc: headers.last_modified,
        content_type: &headers.content_type,
        content_encoding: &headers.content_encoding,
        cache_control: &headers.cache_control,
        content_disposition: &headers.content_disposition,
        user_metadata: Some(&headers.user_metadata).filter(|metadata| !metadata.is_empty()),
        parts: (size > 0).then_some(parts),
    };
    gojson::compact(out, &row, Html::Escaped);
}

/// Returns the upload of whose chunks an object is made; `None` where its record does not parse.
pub(crate) fn upload_id(value: &[u8]) -> Option<Cow<'_, str>> {
    Manifest::read(value).ok().map(|manifest| manifest.upload_id)
}

/// A manifest. Texts borrow from the row where they can.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest<'a> {
    /// Selects the rows of the body.
    pub upload_id: Cow<'a, str>,
    /// What is told of the object.
    pub headers: Headers<'a>,
    /// In body order.
    pub parts: Vec<Part>,
    /// Bytes of the user's headers, those that were not kept included.
    metadata_bytes: usize,
    /// The number of the first part that is out of order; no further ones are kept.
    out_of_order: Option<u64>,
}

impl<'a> Manifest<'a> {
    /// Parses the value of a manifest row and checks what it says about itself.
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Fault> {
        let manifest =
            Self::read(value).map_err(|error| Fault::unreadable(Class::S3_INVALID_MANIFEST, value, error))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn read(value: &'a [u8]) -> Result<Self, json::Error> {
        let mut manifest = Self::default();
        let mut reader = Reader::new(value);
        reader.members(|name, value| {
            match name {
                "upload_id" => manifest.upload_id = value.string()?,
                "etag" => manifest.headers.etag = value.string()?,
                "size_bytes" => manifest.headers.size = value.integer()?,
                "last_modified_hlc" => manifest.headers.last_modified = value.integer()?,
                "content_type" => manifest.headers.content_type = value.string()?,
                "content_encoding" => manifest.headers.content_encoding = value.string()?,
                "cache_control" => manifest.headers.cache_control = value.string()?,
                "content_disposition" => manifest.headers.content_disposition = value.string()?,
                "user_metadata" => {
                    manifest.headers.user_metadata.clear();
                    manifest.metadata_bytes = 0;
                    value.object(|name, value| {
                        let text = value.string()?;
                        let bytes = name.len().saturating_add(text.len()).saturating_add(METADATA_ENTRY);
                        manifest.metadata_bytes = manifest.metadata_bytes.saturating_add(bytes);
                        if manifest.metadata_bytes <= limits::S3_HEADERS {
                            manifest.headers.user_metadata.insert(name, text);
                        }
                        Ok::<_, json::Error>(())
                    })?;
                }
                "parts" => {
                    manifest.parts.clear();
                    manifest.out_of_order = None;
                    value.array(|part| Part::read(part).map(|part| manifest.push(part)))?;
                }
                _ => _ = value.value()?,
            }
            Ok::<_, json::Error>(())
        })?;
        reader.end()?;
        Ok(manifest)
    }

    /// Keeps a part that follows those before it.
    fn push(&mut self, part: Part) {
        if self.out_of_order.is_none() {
            if self.parts.last().is_some_and(|last| last.number >= part.number) {
                self.out_of_order = Some(part.number);
            } else {
                self.parts.push(part);
            }
        }
    }

    fn check(&self) -> Result<(), Fault> {
        let invalid = |message| Err(Fault::new(Class::S3_INVALID_MANIFEST, message));
        let lengthless =
            self.parts.iter().find(|part| part.offloaded && part.chunk_sizes.len() != part.chunk_count);
        if let Some(Part { number, chunk_sizes, chunk_count, .. }) = lengthless {
            let sizes = chunk_sizes.len();
            return invalid(format!(
                "offloaded part {number} declares {chunk_count} chunks and {sizes} lengths"
            ));
        }
        if let Some(number) = self.out_of_order {
            return invalid(format!("part {number} is out of order"));
        }
        if self.header_bytes() > limits::S3_HEADERS {
            return invalid(format!("its headers take more than {} bytes", limits::S3_HEADERS));
        }
        Ok(())
    }

    fn header_bytes(&self) -> usize {
        let texts = [
            &self.upload_id,
            &self.headers.etag,
            &self.headers.content_type,
            &self.headers.content_encoding,
            &self.headers.cache_control,
            &self.headers.content_disposition,
        ];
        texts.iter().fold(self.metadata_bytes, |sum, text| sum.saturating_add(text.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::gojson::read::in_capitals;

    fn class(json: &str) -> Option<Class> {
        Manifest::parse(json.as_bytes()).err().map(|fault| fault.class)
    }

    #[test]
    fn every_member_is_read() {
        let json = r#"{"upload_id":"u","etag":"e-1","size_bytes":5,"last_modified_hlc":65536,"content_type":"a/b",
                "content_encoding":"gzip","cache_control":"no","content_disposition":"inline","new":[1],
                "user_metadata":{"b":"2","a":"1","":null},
                "parts":[{"part_no":1,"size_bytes":5,"chunk_count":2,"chunk_sizes":[3,2]}]}"#;
        let manifest = Manifest::parse(json.as_bytes()).unwrap();
        assert_eq!((&*manifest.upload_id, &*manifest.headers.etag, manifest.headers.size), ("u", "e-1", 5));
        assert_eq!((manifest.headers.last_modified, &*manifest.headers.content_type), (Hlc(65536), "a/b"));
        assert_eq!((&*manifest.headers.content_encoding, &*manifest.headers.cache_control), ("gzip", "no"));
        assert_eq!(&*manifest.headers.content_disposition, "inline");
        assert_eq!(manifest.headers.user_metadata.keys().collect::<Vec<_>>(), ["", "a", "b"]);
        assert_eq!(manifest.parts.len(), 1);
        assert_eq!(Manifest::parse(in_capitals(json).as_bytes()), Ok(manifest));
    }

    #[test]
    fn null_members_are_read_as_go_reads_them() {
        let manifest =
            Manifest::parse(br#"{"etag":"e","etag":null,"parts":null,"user_metadata":null}"#).unwrap();
        assert_eq!(manifest, Manifest::default());
        assert_eq!(Manifest::parse(b"null"), Ok(Manifest::default()));
    }

    #[test]
    fn what_is_no_manifest_is_invalid() {
        for json in ["", "x", "[]", "{}{}", r#"{"size_bytes":1e1}"#, r#"{"parts":{}}"#, r#"{"parts":[1]}"#] {
            assert_eq!(class(json), Some(Class::S3_INVALID_MANIFEST), "{json}");
        }
    }

    #[test]
    fn parts_must_ascend() {
        for (parts, fault) in [
            (r#"{"part_no":1},{"part_no":2}"#, None),
            (r#"{"part_no":2},{"part_no":1}"#, Some(Class::S3_INVALID_MANIFEST)),
            (r#"{"part_no":1},{"part_no":1}"#, Some(Class::S3_INVALID_MANIFEST)),
        ] {
            assert_eq!(class(&format!(r#"{{"parts":[{parts}]}}"#)), fault);
        }
    }

    #[test]
    fn headers_are_limited_as_a_whole() {
        let json = |etag: usize, value: usize, more: &str| {
            let (etag, value) = ("e".repeat(etag), "v".repeat(value));
            format!(r#"{{"etag":"{etag}","user_metadata":{{"name":"{value}"{more}}}}}"#)
        };
        let value = limits::S3_HEADERS - 4 - METADATA_ENTRY - 10;
        assert_eq!(class(&json(10, value, "")), None);
        let over = Some(Class::S3_INVALID_MANIFEST);
        for json in [json(11, value, ""), json(10, value + 1, ""), json(10, value, r#","":"x""#)] {
            assert_eq!(class(&json), over);
        }
        // The last member of a name counts, as in Go.
        let again = json(10, value + 1, "").replacen('{', r#"{"user_metadata":{"":"x"},"#, 1);
        assert_eq!(class(&again), over);
        assert_eq!(class(&again.replace("}}", r#"},"user_metadata":null}"#)), None);
    }

    #[test]
    fn parts_behind_one_out_of_order_are_not_kept() {
        let json = br#"{"parts":[{"part_no":3},{"part_no":3},{"part_no":4},{"part_no":5}]}"#;
        let manifest = Manifest::read(json).unwrap();
        assert_eq!((manifest.parts.len(), manifest.out_of_order), (1, Some(3)));
        assert_eq!(class(r#"{"parts":[{},{}],"parts":[{"part_no":1},{"part_no":2}]}"#), None);
    }

    #[test]
    fn an_offloaded_part_needs_the_length_of_each_chunk() {
        for part in [r#""chunk_count":1"#, r#""chunk_count":2,"chunk_sizes":[5]"#] {
            let json = format!(r#"{{"size_bytes":5,"parts":[{{"offloaded":true,{part}}}]}}"#);
            assert_eq!(class(&json), Some(Class::S3_INVALID_MANIFEST), "{json}");
        }
        assert_eq!(class(r#"{"parts":[{"offloaded":true}]}"#), None);
    }
}
