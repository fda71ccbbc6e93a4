//! Lines of `_incomplete_uploads/records.jsonl` (`tree/s3.md#uploads-in-progress`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::model::s3::UploadRecord;
use crate::tree::json::{self, Html};

/// The file's path in its bucket.
pub(super) const PATH: &[u8] = b"_incomplete_uploads/records.jsonl";

#[derive(Serialize)]
struct Line<'a> {
    prefix: &'a str,
    key: String,
    value: String,
}

/// Appends the line of a record.
pub(super) fn write(out: &mut Vec<u8>, record: &UploadRecord<'_>) {
    let (key, value) = (STANDARD.encode(record.row_key), STANDARD.encode(record.value));
    json::compact(out, &Line { prefix: record.family.name(), key, value }, Html::Raw);
    out.push(b'\n');
}
