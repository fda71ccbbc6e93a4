//! The parts of objects, in `extra/s3/parts.jsonl` (`tree/extra.md#parts-of-objects`).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::model::s3::ObjectHead;
use crate::tree::json::{self, Html, Lossy};

/// The file's path.
pub(super) const PATH: &[u8] = b"extra/s3/parts.jsonl";

#[derive(Serialize)]
struct Line<'a> {
    bucket: Lossy<'a>,
    key: String,
    parts: Vec<PartLine>,
}

#[derive(Serialize)]
struct PartLine {
    size: u64,
    etag: String,
}

/// Appends the line of an object, if it has one: what an empty body is made of needs none.
pub(crate) fn write(out: &mut Vec<u8>, head: &ObjectHead<'_>) {
    if head.parts.is_empty() || head.headers.size == 0 {
        return;
    }
    let parts = head.parts.iter().map(|part| PartLine { size: part.size, etag: part.etag() }).collect();
    let line = Line { bucket: Lossy(head.bucket), key: URL_SAFE_NO_PAD.encode(head.key), parts };
    json::compact(out, &line, Html::Raw);
    out.push(b'\n');
}
