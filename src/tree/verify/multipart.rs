//! The parts of objects in `extra/s3/parts.jsonl`: each line is of another object, and its parts make up a body
//! (`tree/extra.md#parts-of-objects`).

use std::io;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::check::Read;
use super::parts::records;
use super::{FindingKind, Result, Shared};
use crate::limits;
use crate::tree::segment;

/// The file's path.
pub(super) const PATH: &[u8] = b"extra/s3/parts.jsonl";

#[derive(Deserialize)]
struct Record {
    bucket: String,
    key: String,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    size: u64,
    etag: String,
}

/// Reads the file and checks its lines; `length_of` tells the length of a file, if there is one of that path.
pub(super) fn read(
    shared: &Shared,
    file: &mut dyn io::Read,
    length_of: &mut dyn FnMut(&[u8]) -> Option<u64>,
) -> Result<io::Result<Read>> {
    let mut last = None;
    records(shared, file, PATH, |number, line| {
        let add = |kind, detail: &str| shared.add(kind, PATH, number, detail);
        let Record { bucket, key, parts } = match serde_json::from_slice(line) {
            Ok(record) => record,
            Err(error) => {
                add(FindingKind::BadLine, &error.to_string());
                return Ok(());
            }
        };
        let Ok(key) = URL_SAFE_NO_PAD.decode(key) else {
            add(FindingKind::BadLine, "key is not base64url without padding");
            return Ok(());
        };
        if parts.is_empty() || parts.len() > limits::S3_PARTS {
            add(FindingKind::BadLine, &format!("{} parts", parts.len()));
        }
        if parts.iter().any(|part| hex::decode_to_slice(&part.etag, &mut [0; 16]).is_err()) {
            add(FindingKind::BadLine, "etag of a part is no MD5");
        }
        // A body that does not stand at its key is compared when it is read.
        let path = [b"s3/", segment::encode(bucket.as_bytes()).text.as_bytes(), b"/", &*key].concat();
        let size = parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.size));
        if let Some(length) = length_of(&path)
            && size != Some(length)
        {
            add(FindingKind::BadLine, &format!("its parts do not make up the {length} bytes of its body"));
        }
        let name = Some((bucket, key));
        if last >= name {
            add(FindingKind::UnsortedLines, "");
        }
        last = name;
        Ok(())
    })
}
