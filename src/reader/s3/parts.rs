//! The parts of objects, from `extra/s3/parts.jsonl` (`tree/extra.md#parts-of-objects`).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::super::{ROW, Reader};
use super::{Found, PARTS, prefix};
use crate::codec::gojson::read::replace_invalid;
use crate::error::Result;
use crate::limits;
use crate::model::s3::Part;
use crate::sort::Sorter;

/// The file's path.
pub(super) const PATH: &[u8] = b"extra/s3/parts.jsonl";
/// Bytes of a part in a record: its length and MD5.
const LENGTH: usize = 24;

#[derive(Deserialize)]
struct Line {
    bucket: String,
    key: String,
    parts: Vec<PartLine>,
}

#[derive(Deserialize)]
struct PartLine {
    size: u64,
    etag: String,
}

/// Adds the parts of objects of these buckets, by bucket and key.
pub(super) fn collect(
    reader: &mut Reader<'_, '_>,
    buckets: &BTreeMap<&Vec<u8>, &Found>,
    files: &mut Sorter,
) -> Result<()> {
    if reader.options.no_extra || reader.files.find(PATH)?.is_none() {
        return Ok(());
    }
    let names: BTreeMap<_, _> =
        buckets.keys().map(|name| (replace_invalid(name).into_owned(), name.as_slice())).collect();
    let file = reader.file(PATH)?;
    let mut lines = reader.lines(&file)?;
    while let Some(line) = lines.next()? {
        let Line { bucket, key, parts } = line.parse()?;
        let Some(bucket) = names.get(&bucket) else { continue };
        let Ok(key) = URL_SAFE_NO_PAD.decode(key) else {
            return Err(line.unsound(&"key is not base64url without padding"));
        };
        if parts.is_empty() || parts.len() > limits::S3_PARTS {
            return Err(line.unsound(&format!("has {} parts", parts.len())));
        }
        let mut record = vec![PARTS];
        for PartLine { size, etag } in parts {
            let mut md5 = [0; 16];
            hex::decode_to_slice(etag, &mut md5).map_err(|_| line.unsound(&"etag of a part is no MD5"))?;
            record.extend(size.to_be_bytes());
            record.extend(md5);
        }
        files.push(&[&*prefix(bucket), &*key].concat(), &record)?;
    }
    Ok(())
}

/// Reads the parts of a record.
pub(super) fn read(record: &[u8]) -> Result<Vec<Part>> {
    let (parts, rest) = record.as_chunks::<LENGTH>();
    let part = |part: &[u8; LENGTH]| {
        let (size, md5) = part.split_first_chunk().ok_or(ROW)?;
        Ok(Part { size: u64::from_be_bytes(*size), md5: md5.try_into().map_err(|_| ROW)? })
    };
    if rest.is_empty() { parts.iter().map(part).collect() } else { Err(ROW.into()) }
}
