//! Sidecars, and the times in them (`tree/s3.md#sidecar`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::Reader;
use super::pair::Pair;
use crate::error::Result;
use crate::limits;
use crate::model::s3::Headers;
use crate::time::{Hlc, UnixMs};

#[derive(Deserialize)]
struct Sidecar {
    format_version: u64,
    #[serde(default)]
    etag: String,
    size_bytes: i64,
    #[serde(default)]
    last_modified: Option<String>,
    #[serde(default)]
    content_type: String,
    #[serde(default)]
    content_encoding: String,
    #[serde(default)]
    cache_control: String,
    #[serde(default)]
    content_disposition: String,
    #[serde(default)]
    user_metadata: Option<BTreeMap<String, String>>,
}

/// Reads a sidecar.
pub(super) fn read(reader: &mut Reader<'_, '_>, pair: &Pair) -> Result<Headers<'static>> {
    let file = &pair.sidecar;
    let sidecar: Sidecar = match &pair.line {
        Some(line) => serde_json::from_slice(line).map_err(|error| reader.unsound(&file.path, &error))?,
        None => reader.json(file, limits::LENGTH)?,
    };
    if sidecar.format_version != 1 {
        return Err(reader.unsound(&file.path, &"format_version is not 1"));
    }
    let metadata = sidecar.user_metadata.unwrap_or_default().into_iter();
    Ok(Headers {
        etag: sidecar.etag.into(),
        size: sidecar.size_bytes,
        last_modified: sidecar.last_modified.as_deref().map(hlc).unwrap_or_default(),
        content_type: sidecar.content_type.into(),
        content_encoding: sidecar.content_encoding.into(),
        cache_control: sidecar.cache_control.into(),
        content_disposition: sidecar.content_disposition.into(),
        user_metadata: metadata.map(|(name, value)| (Cow::Owned(name), Cow::Owned(value))).collect(),
    })
}

/// Returns the first HLC timestamp of a time's ms; 0 for one that is none, or before 1970.
pub(super) fn hlc(text: &str) -> Hlc {
    UnixMs::parse(text).filter(|ms| ms.0 < limits::CEILING_MS).map(Hlc::first_of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_its_ms_and_what_is_none_is_unknown() {
        assert_eq!(hlc("2024-04-29T14:13:20Z"), Hlc(112_354_918_400_000_000 >> 16 << 16));
        assert_eq!(hlc("2024-04-29T14:13:20.12Z"), Hlc(112_354_918_407_864_320));
        assert_eq!(hlc("2024-04-29T16:13:20.1209999+02:00"), Hlc(112_354_918_407_864_320));
        for text in
            ["", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "yesterday", "0001-01-01T00:00:00Z"]
        {
            assert_eq!(hlc(text), Hlc::ZERO, "{text}");
        }
    }
}
