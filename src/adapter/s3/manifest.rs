//! The manifest of an object: its headers, and the parts that hold its body (`s3.md` 2.3).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::json::{Invalid, Reader, fold};
use super::part::Part;
use super::problem::{Class, Fault};

/// A manifest. Texts borrow from the row where they can.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Manifest<'a> {
    /// Selects the rows of the body.
    pub upload_id: Cow<'a, str>,
    /// Unquoted.
    pub etag: Cow<'a, str>,
    /// Length of the body, bytes.
    pub size: i64,
    /// When the object was written, an HLC timestamp; 0 is unknown.
    pub last_modified: u64,
    /// Empty like the three that follow: the header was not given.
    pub content_type: Cow<'a, str>,
    /// `Content-Encoding`.
    pub content_encoding: Cow<'a, str>,
    /// `Cache-Control`.
    pub cache_control: Cow<'a, str>,
    /// `Content-Disposition`.
    pub content_disposition: Cow<'a, str>,
    /// Names without `x-amz-meta-`.
    pub user_metadata: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// In body order.
    pub parts: Vec<Part>,
}

impl<'a> Manifest<'a> {
    /// Parses the value of a manifest row and checks what it says about itself.
    pub fn parse(value: &'a [u8]) -> Result<Self, Fault> {
        let manifest =
            Self::read(value).map_err(|invalid| Fault::new(Class::InvalidManifest, invalid.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn read(value: &'a [u8]) -> Result<Self, Invalid> {
        let mut manifest = Self::default();
        Reader::whole(value, |name, value| {
            match &*fold(name) {
                "upload_id" => manifest.upload_id = value.string()?,
                "etag" => manifest.etag = value.string()?,
                "size_bytes" => manifest.size = value.signed()?,
                "last_modified_hlc" => manifest.last_modified = value.unsigned()?,
                "content_type" => manifest.content_type = value.string()?,
                "content_encoding" => manifest.content_encoding = value.string()?,
                "cache_control" => manifest.cache_control = value.string()?,
                "content_disposition" => manifest.content_disposition = value.string()?,
                "user_metadata" => {
                    manifest.user_metadata.clear();
                    value.object(|name, value| {
                        manifest.user_metadata.insert(Cow::Owned(name.to_owned()), value.string()?);
                        Ok(())
                    })?;
                }
                "parts" => {
                    manifest.parts.clear();
                    value.array(|part| {
                        manifest.parts.push(Part::read(part)?);
                        Ok(())
                    })?;
                }
                _ => value.skip()?,
            }
            Ok(())
        })?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), Fault> {
        let mut total = Some(0_u64);
        let mut known = true;
        let mut last = None;
        for part in &self.parts {
            let number = part.number;
            if last.replace(number).is_some_and(|last| last >= number) {
                let message = format!("part {number} is out of order");
                return Err(Fault::new(Class::InvalidManifest, message));
            }
            if part.chunks() == 0 {
                continue;
            }
            if part.offloaded && part.chunk_sizes.len() != part.chunk_count {
                let (sizes, count) = (part.chunk_sizes.len(), part.chunk_count);
                let message = format!("offloaded part {number} declares {count} chunks and {sizes} lengths");
                return Err(Fault::new(Class::InvalidManifest, message));
            }
            if part.chunk_sizes.is_empty() {
                known = false;
                continue;
            }
            let sum = part.chunk_sizes.total();
            if part.size != 0 && sum != u64::try_from(part.size).ok() {
                let message = format!("the chunks of part {number} do not add up to its {} bytes", part.size);
                return Err(Fault::new(Class::CorruptObject, message));
            }
            total = total.zip(sum).and_then(|(total, sum)| total.checked_add(sum));
        }
        if known && total != u64::try_from(self.size).ok() {
            let message = format!("the parts do not add up to the {} bytes of the object", self.size);
            return Err(Fault::new(Class::CorruptObject, message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(json: &str) -> Option<Class> {
        Manifest::parse(json.as_bytes()).err().map(|fault| fault.class)
    }

    #[test]
    fn every_member_is_read() {
        let manifest = Manifest::parse(
            br#"{"upload_id":"u","etag":"e-1","size_bytes":5,"last_modified_hlc":65536,"content_type":"a/b",
                "content_encoding":"gzip","cache_control":"no","content_disposition":"inline","new":[1],
                "user_metadata":{"b":"2","a":"1","":null},
                "parts":[{"part_no":1,"size_bytes":5,"chunk_count":2,"chunk_sizes":[3,2]}]}"#,
        )
        .unwrap();
        assert_eq!((&*manifest.upload_id, &*manifest.etag, manifest.size), ("u", "e-1", 5));
        assert_eq!((manifest.last_modified, &*manifest.content_type), (65536, "a/b"));
        assert_eq!((&*manifest.content_encoding, &*manifest.cache_control), ("gzip", "no"));
        assert_eq!(&*manifest.content_disposition, "inline");
        assert_eq!(manifest.user_metadata.keys().collect::<Vec<_>>(), ["", "a", "b"]);
        assert_eq!(manifest.parts.len(), 1);
    }

    #[test]
    fn null_members_and_names_in_another_case_are_read_as_go_reads_them() {
        let manifest = Manifest::parse(br#"{"Upload_ID":"u","parts":null,"user_metadata":null}"#).unwrap();
        assert_eq!(&*manifest.upload_id, "u");
        assert!(manifest.parts.is_empty() && manifest.user_metadata.is_empty());
    }

    #[test]
    fn what_is_no_manifest_is_invalid() {
        for json in ["", "x", "[]", "{}{}", r#"{"size_bytes":1e1}"#, r#"{"parts":{}}"#, r#"{"parts":[1]}"#] {
            assert_eq!(class(json), Some(Class::InvalidManifest), "{json}");
        }
    }

    #[test]
    fn sizes_that_do_not_add_up_are_corrupt() {
        for json in [
            r#"{"size_bytes":1}"#,
            r#"{"size_bytes":-1}"#,
            r#"{"size_bytes":5,"parts":[{"size_bytes":4,"chunk_sizes":[5]}]}"#,
            r#"{"size_bytes":5,"parts":[{"size_bytes":4,"chunk_sizes":[4]}]}"#,
            r#"{"size_bytes":5,"parts":[{"chunk_sizes":[18446744073709551615,6]}]}"#,
        ] {
            assert_eq!(class(json), Some(Class::CorruptObject), "{json}");
        }
        assert_eq!(class(r#"{"size_bytes":5,"parts":[{"chunk_sizes":[5]}]}"#), None);
        assert_eq!(class(r#"{"size_bytes":5,"parts":[{"chunk_count":1}]}"#), None);
    }

    #[test]
    fn parts_must_ascend() {
        for (parts, fault) in [
            (r#"{"part_no":1},{"part_no":2}"#, None),
            (r#"{"part_no":2},{"part_no":1}"#, Some(Class::InvalidManifest)),
            (r#"{"part_no":1},{"part_no":1}"#, Some(Class::InvalidManifest)),
        ] {
            assert_eq!(class(&format!(r#"{{"parts":[{parts}]}}"#)), fault);
        }
    }

    #[test]
    fn an_offloaded_part_needs_the_length_of_each_chunk() {
        for part in [r#""chunk_count":1"#, r#""chunk_count":2,"chunk_sizes":[5]"#] {
            let json = format!(r#"{{"size_bytes":5,"parts":[{{"offloaded":true,{part}}}]}}"#);
            assert_eq!(class(&json), Some(Class::InvalidManifest), "{json}");
        }
        assert_eq!(class(r#"{"parts":[{"offloaded":true}]}"#), None);
    }
}
