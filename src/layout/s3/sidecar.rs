//! The file beside each body that holds the object's headers (`tree/s3.md#sidecar`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::time;
use crate::model::s3::Headers;
use crate::tree::json::{self, Html};

/// What a body's path and this suffix make is the path of its sidecar.
pub(super) const SUFFIX: &[u8] = b".elastickv-meta.json";

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
pub(crate) fn write(out: &mut Vec<u8>, headers: &Headers<'_>) {
    let sidecar = Sidecar {
        format_version: 1,
        etag: &headers.etag,
        size_bytes: headers.size,
        last_modified: time::iso(headers.last_modified),
        content_type: &headers.content_type,
        content_encoding: &headers.content_encoding,
        cache_control: &headers.cache_control,
        content_disposition: &headers.content_disposition,
        user_metadata: &headers.user_metadata,
    };
    json::indented(out, &sidecar, Html::Escaped);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Hlc;

    fn sidecar(headers: &Headers<'_>) -> String {
        let mut out = Vec::new();
        write(&mut out, headers);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_worked_example() {
        let headers = Headers {
            etag: "2095312189753de6ad47dfe20cbe97ec".into(),
            size: 11,
            last_modified: Hlc(112_354_918_400_000_001),
            content_type: "text/plain".into(),
            user_metadata: [("who".into(), "a<b".into())].into(),
            ..Headers::default()
        };
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
        assert_eq!(sidecar(&headers), expected);
        assert_eq!(expected.len(), 214);
    }

    #[test]
    fn empty_members_are_left_out_but_for_the_size() {
        assert_eq!(sidecar(&Headers::default()), "{\n  \"format_version\": 1,\n  \"size_bytes\": 0\n}");
    }
}
