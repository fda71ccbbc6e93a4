//! What stands beside the objects of a bucket: `_orphans/`, and the records of uploads (`tree/s3.md#uploads-in-progress`, `tree/s3.md#orphans`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::super::{File, Reader};
use super::{BODY, Found};
use crate::error::Result;
use crate::keyspace::s3::{PartKey, UploadKey};
use crate::keyspace::{Family, Namespace};
use crate::limits;
use crate::model;
use crate::model::s3::{Object, Orphan, UploadRecord};
use crate::time::Hlc;
use crate::tree::segment;

/// Directories that are of no object, unless a sidecar is in them.
pub(super) const ORPHANS: &[u8] = b"_orphans/";
/// See [`ORPHANS`].
pub(super) const UPLOADS: &[u8] = b"_incomplete_uploads/";
const RECORDS: &[u8] = b"_incomplete_uploads/records.jsonl";

/// Where an orphan stands, apart from its object.
struct Place {
    upload: Vec<u8>,
    generation: u64,
    numbers: [u64; 3],
    offloaded: bool,
}

/// Passes on the chunks that no object uses; returns their number.
pub(super) fn orphans(reader: &mut Reader<'_, '_>, bucket: &[u8], found: &Found) -> Result<u64> {
    let directory = [&*found.directory, ORPHANS].concat();
    let (mut at, mut count, mut body) = (0, 0, Vec::with_capacity(BODY));
    while let Some(file) = reader.next_file(&directory, &mut at)? {
        let name = file.path.get(directory.len()..).unwrap_or_default();
        let parts: Vec<&[u8]> = name.split(|&byte| byte == b'/').collect();
        let [object, generation, chunk] = parts.as_slice() else {
            return Err(reader.unsound(&file.path, &"is no chunk of an object"));
        };
        // Of the renamed ones those are known that no directory can be called as.
        let renamed =
            [&b""[..], b".", b".."].into_iter().find(|key| segment::fallback(key).as_bytes() == *object);
        let key = match renamed {
            Some(key) => Some(key.to_vec()),
            None => reader.name(&directory, object, &file.path)?,
        };
        let place = place(reader, generation, chunk, &file)?;
        let (Some(key), Some(place)) = (key, place) else {
            reader.nameless(Namespace::S3.name(), bucket, &file)?;
            continue;
        };
        reader.whole(&file, limits::LENGTH, &mut body)?;
        let Place { upload, generation, numbers: [part, chunk, version], offloaded } = place;
        let orphan = Orphan {
            bucket,
            generation,
            key: &key,
            upload: &upload,
            part,
            chunk,
            version,
            offloaded,
            body: &body,
        };
        count += u64::from(reader.put(model::Object::S3(Object::Orphan(&orphan)), &file)?);
    }
    Ok(count)
}

/// Reads the names of a generation and a chunk; `None` where that of the upload is in SHA form.
fn place(reader: &mut Reader<'_, '_>, generation: &[u8], chunk: &[u8], file: &File) -> Result<Option<Place>> {
    let wrong = |reader: &Reader<'_, '_>| reader.unsound(&file.path, &"is no chunk of an object");
    let offloaded = chunk.ends_with(b".ref.bin");
    let chunk = chunk.strip_suffix(b".bin").ok_or_else(|| wrong(reader))?;
    let chunk = chunk.strip_suffix(b".ref").unwrap_or(chunk);
    let mut parts: Vec<&[u8]> = chunk.rsplitn(4, |&byte| byte == b'_').collect();
    let upload = parts.pop().unwrap_or_default();
    let number =
        |digits: &[u8], radix: u32| u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok();
    let numbers: Option<Vec<u64>> = parts.iter().rev().map(|digits| number(digits, 16)).collect();
    let numbers = numbers.and_then(|numbers| <[u64; 3]>::try_from(numbers).ok());
    let generation = generation.strip_prefix(b"gen-").and_then(|digits| number(digits, 10));
    let (Some(numbers), Some(generation)) = (numbers, generation) else { return Err(wrong(reader)) };
    let upload = reader.name(b"", upload, &file.path)?;
    Ok(upload.map(|upload| Place { upload, generation, numbers, offloaded }))
}

/// Passes on the records of uploads; returns their number.
pub(super) fn uploads(reader: &mut Reader<'_, '_>, bucket: &[u8], found: &Found) -> Result<u64> {
    #[derive(Deserialize)]
    struct Line {
        key: String,
        value: String,
    }
    let path = [&*found.directory, RECORDS].concat();
    if reader.files.find(&path)?.is_none() {
        return Ok(0);
    }
    let file = reader.file(&path)?;
    let mut lines = reader.lines(&file)?;
    let mut count = 0;
    while let Some(line) = lines.next()? {
        let Line { key, value } = line.parse()?;
        let base64 =
            |text: String| STANDARD.decode(text).map_err(|_| line.unsound(&"expected base64 with padding"));
        let (row_key, value) = (base64(key)?, base64(value)?);
        let family = Family::of(&row_key);
        let upload = match family {
            Family::S3UploadMeta => UploadKey::parse(&row_key),
            _ => PartKey::parse(&row_key).map(|key| key.upload),
        };
        let upload = upload.ok_or_else(|| line.unsound(&"key is that of no upload"))?;
        let key = upload.object.object.raw();
        let record = UploadRecord {
            bucket,
            family,
            row_key: &row_key,
            value: &value,
            key: &key,
            commit_ts: Hlc::ZERO,
        };
        count += u64::from(reader.put(model::Object::S3(Object::Upload(&record)), &file)?);
    }
    Ok(count)
}
