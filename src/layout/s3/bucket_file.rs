//! The two places where a bucket is written (`tree/s3.md#bucket-file`).

use serde::Serialize;

use super::time;
use crate::model::s3::BucketMeta;
use crate::tree::json::{self, Html, Lossy};

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

/// Appends the content of `_bucket.json`.
pub(crate) fn write_file(out: &mut Vec<u8>, name: &[u8], meta: &BucketMeta) {
    let (owner, region, acl) = (&*meta.owner, &*meta.region, &*meta.acl);
    let file = BucketFile { format_version: 1, name: Lossy(name), owner, region, acl };
    json::indented(out, &file, Html::Escaped);
}

/// Appends the bucket's line of `extra/s3/buckets.jsonl` (`tree/extra.md#what-the-reference-layout-has-no-place-for`).
pub(crate) fn write_line(out: &mut Vec<u8>, name: &[u8], meta: &BucketMeta) {
    let line = Line { bucket: Lossy(name), creation_time_iso: time::iso(meta.created_at) };
    json::compact(out, &line, Html::Raw);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Hlc;

    fn written(meta: &BucketMeta) -> (String, String) {
        let (mut file, mut line) = (Vec::new(), Vec::new());
        write_file(&mut file, b"photos", meta);
        write_line(&mut line, b"photos", meta);
        (String::from_utf8(file).unwrap(), String::from_utf8(line).unwrap())
    }

    #[test]
    fn the_worked_example() {
        let (file, line) = written(&BucketMeta {
            generation: 7,
            created_at: Hlc(112_354_918_400_000_001),
            owner: String::new(),
            region: "us-east-1".into(),
            acl: "private".into(),
        });
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
        let (file, line) = written(&BucketMeta { owner: "<me>".into(), ..BucketMeta::default() });
        assert!(file.ends_with("\"owner\": \"\\u003cme\\u003e\"\n}"));
        assert_eq!(line, "{\"bucket\":\"photos\"}\n");
    }
}
