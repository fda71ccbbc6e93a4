//! The file beside each body that holds the object's headers (`s3.md` 4.4).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::manifest::Manifest;
use super::time;
use crate::dump::json::{self, Html};

/// What a body's path and this suffix make is the path of its sidecar.
pub const SUFFIX: &[u8] = b".elastickv-meta.json";

#[derive(Serialize)]
struct Sidecar<'a> {
    format_version: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    etag: &'a str,
    size_bytes: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    content_type: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    content_encoding: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cache_control: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    content_disposition: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    user_metadata: &'a BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

/// Appends the sidecar of an object.
pub fn write(out: &mut Vec<u8>, manifest: &Manifest<'_>) {
    let sidecar = Sidecar {
        format_version: 1,
        etag: &manifest.etag,
        size_bytes: manifest.size,
        last_modified: time::iso(manifest.last_modified),
        content_type: &manifest.content_type,
        content_encoding: &manifest.content_encoding,
        cache_control: &manifest.cache_control,
        content_disposition: &manifest.content_disposition,
        user_metadata: &manifest.user_metadata,
    };
    json::indented(out, &sidecar, Html::Escaped);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sidecar(manifest: &str) -> String {
        let mut out = Vec::new();
        write(&mut out, &Manifest::parse(manifest.as_bytes()).unwrap());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_worked_example() {
        let manifest = r#"{"upload_id":"u1","etag":"2095312189753de6ad47dfe20cbe97ec","size_bytes":11,
            "last_modified_hlc":112354918400000001,"content_type":"text/plain","user_metadata":{"who":"a<b"},
            "parts":[{"part_no":1,"size_bytes":11,"chunk_count":1,"chunk_sizes":[11]}]}"#;
        let expected = r#"{
  "format_version": 1,
  "etag": "2095312189753de6ad47dfe20cbe97ec",
  "size_bytes": 11,
  "last_modified": "2024-04-29T14:13:20Z",
  "content_type": "text/plain",
  "user_metadata": {
    "who": "a\u003cb"
  }
}"#;
        assert_eq!(sidecar(manifest), expected);
        assert_eq!(expected.len(), 214);
    }

    #[test]
    fn empty_members_are_left_out_but_for_the_size() {
        assert_eq!(sidecar("{}"), "{\n  \"format_version\": 1,\n  \"size_bytes\": 0\n}");
    }
}
