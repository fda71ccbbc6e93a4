//! The row of a bucket, and the two places where it is written (`s3.md` 2.1, 4.3).

use serde::Serialize;

use super::json::{Invalid, Reader, fold};
use super::time;
use crate::dump::json::{self, Html, Lossy};
use crate::limits;

/// A bucket row. The key names the bucket, not the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketMeta {
    /// Generation whose objects are live.
    pub generation: u64,
    /// Creation, an HLC timestamp; 0 is unknown.
    pub created_at: u64,
    /// Access key of the creator; empty when it was not stored.
    pub owner: String,
    /// Empty when it was not stored.
    pub region: String,
    /// `private` or `public-read`; empty in older rows.
    pub acl: String,
}

#[derive(Serialize)]
struct BucketFile<'a> {
    format_version: u32,
    name: Lossy<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    owner: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    region: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    acl: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    bucket: Lossy<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_time_iso: Option<String>,
}

impl BucketMeta {
    /// Parses the value of a bucket row.
    pub fn parse(value: &[u8]) -> Result<Self, Invalid> {
        let mut meta = Self::default();
        Reader::whole(value, |name, value| {
            match &*fold(name) {
                "bucket_name" => drop(value.string()?),
                "generation" => meta.generation = value.unsigned()?,
                "created_at_hlc" => meta.created_at = value.unsigned()?,
                "owner" => meta.owner = value.string()?.into_owned(),
                "region" => meta.region = value.string()?.into_owned(),
                "acl" => meta.acl = value.string()?.into_owned(),
                _ => value.skip()?,
            }
            Ok(())
        })?;
        if [&meta.owner, &meta.region, &meta.acl].iter().any(|text| text.len() > limits::S3_HEADERS) {
            return Err(Invalid { expected: "shorter text", at: value.len() });
        }
        Ok(meta)
    }

    /// Appends the content of `_bucket.json`.
    pub fn write_file(&self, out: &mut Vec<u8>, name: &[u8]) {
        let (owner, region, acl) = (&*self.owner, &*self.region, &*self.acl);
        let file = BucketFile { format_version: 1, name: Lossy(name), owner, region, acl };
        json::indented(out, &file, Html::Escaped);
    }

    /// Appends the bucket's line of `extra/s3/buckets.jsonl` (`decisions.md` 2).
    pub fn write_line(&self, out: &mut Vec<u8>, name: &[u8]) {
        let line = Line { bucket: Lossy(name), creation_time_iso: time::iso(self.created_at) };
        json::compact(out, &line, Html::Raw);
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> (String, String) {
        let meta = BucketMeta::parse(value.as_bytes()).unwrap();
        let (mut file, mut line) = (Vec::new(), Vec::new());
        meta.write_file(&mut file, b"photos");
        meta.write_line(&mut line, b"photos");
        (String::from_utf8(file).unwrap(), String::from_utf8(line).unwrap())
    }

    #[test]
    fn the_worked_example() {
        let (file, line) = written(
            r#"{"bucket_name":"other","generation":7,"created_at_hlc":112354918400000001,"region":"us-east-1",
                "acl":"private"}"#,
        );
        let expected = r#"{
  "format_version": 1,
  "name": "photos",
  "region": "us-east-1",
  "acl": "private"
}"#;
        assert_eq!(file, expected);
        assert_eq!(file.len(), 90);
        assert_eq!(line, "{\"bucket\":\"photos\",\"creation_time_iso\":\"2024-04-29T14:13:20Z\"}\n");
    }

    #[test]
    fn members_that_were_not_stored_are_left_out() {
        let (file, line) = written(r#"{"owner":"<me>","created_at_hlc":0,"region":null}"#);
        assert!(file.ends_with("\"owner\": \"\\u003cme\\u003e\"\n}"));
        assert_eq!(line, "{\"bucket\":\"photos\"}\n");
    }

    #[test]
    fn what_is_no_bucket_row_is_invalid() {
        for value in ["", "x", "{", "[]", r#"{"generation":-1}"#, r#"{"acl":1}"#, "{}{}"] {
            assert!(BucketMeta::parse(value.as_bytes()).is_err(), "{value}");
        }
        let owner = |length| format!(r#"{{"owner":"{}"}}"#, "o".repeat(length));
        assert!(BucketMeta::parse(owner(limits::S3_HEADERS).as_bytes()).is_ok());
        assert!(BucketMeta::parse(owner(limits::S3_HEADERS + 1).as_bytes()).is_err());
    }
}
