//! Which buckets there are, and what is said of them: `_bucket.json`, `extra/s3/buckets.jsonl` (`tree/s3.md#bucket-file`).

use std::collections::BTreeMap;
use std::io::BufReader;

use serde::Deserialize;

use super::super::{File, Reader};
use super::headers::hlc;
use super::{BUCKET_FILE, DIRECTORY, Found};
use crate::error::Result;
use crate::keyspace::Namespace;
use crate::limits;
use crate::model::s3::BucketMeta;
use crate::time::Hlc;
use crate::tree::keymap;

const LINES: &[u8] = b"extra/s3/buckets.jsonl";

#[derive(Deserialize)]
struct BucketFile {
    format_version: u64,
    name: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    region: String,
    #[serde(default)]
    acl: String,
}

#[derive(Deserialize)]
struct Line {
    bucket: String,
    creation_time_iso: Option<String>,
}

/// Finds the buckets in scope, by name.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Result<BTreeMap<Vec<u8>, Found>> {
    let created = created(reader)?;
    let mut buckets = BTreeMap::<_, Found>::new();
    for directory in reader.directories(DIRECTORY)? {
        let path = [&*directory, BUCKET_FILE].concat();
        let (name, meta) = if reader.files.find(&path)?.is_some() {
            let file = reader.file(&path)?;
            let bucket: BucketFile = reader.json(&file, limits::LENGTH)?;
            if bucket.format_version != 1 {
                return Err(reader.unsound(&path, &"format_version is not 1"));
            }
            let name = reader.scope_name(&directory, DIRECTORY, &bucket.name, &file)?;
            let meta = BucketMeta {
                generation: super::GENERATION,
                created_at: created.get(&bucket.name).copied().unwrap_or_default(),
                owner: bucket.owner,
                region: bucket.region,
                acl: bucket.acl,
            };
            (name, Some(meta))
        } else {
            let file = File { path: directory.clone(), digest: [0; 32] };
            let segment = directory.get(DIRECTORY.len()..directory.len() - 1).unwrap_or_default();
            let Some(name) = reader.name(DIRECTORY, segment, &directory)? else {
                reader.nameless(Namespace::S3.name(), segment, &file)?;
                continue;
            };
            (name, None)
        };
        if !reader.options.in_scope(Namespace::S3, &name) {
            continue;
        }
        if let Some(other) = buckets.get(&name) {
            return Err(reader.twice(&directory, &other.directory));
        }
        buckets.insert(name, Found { directory, meta });
    }
    Ok(buckets)
}

/// Reads when buckets were created, HLC timestamps by their names as texts. The last line of a name counts.
fn created(reader: &mut Reader<'_, '_>) -> Result<BTreeMap<String, Hlc>> {
    let mut created = BTreeMap::new();
    if reader.options.no_extra || reader.files.find(LINES)?.is_none() {
        return Ok(created);
    }
    let file = reader.file(LINES)?;
    let mut lines = reader.lines(&file)?;
    while let Some(line) = lines.next()? {
        let Line { bucket, creation_time_iso } = line.parse()?;
        created.insert(bucket, creation_time_iso.as_deref().map(hlc).unwrap_or_default());
    }
    Ok(created)
}

/// Fails where the KEYMAP of a bucket has a record of no file.
pub(super) fn check_tracker(reader: &mut Reader<'_, '_>, path: &[u8], directory: &[u8]) -> Result<()> {
    let file = reader.file(path)?;
    let place = reader.place(path);
    let mut records = keymap::Reader::new(BufReader::new(reader.dump.file(path, &file.digest)?));
    while let Some(record) = records.read().map_err(|error| place.unsound(&error))? {
        // Bytes that are no UTF-8 are replaced in a record.
        let is_exact = !record.encoded.contains(char::REPLACEMENT_CHARACTER);
        if is_exact && reader.files.find(&[directory, record.encoded.as_bytes()].concat())?.is_none() {
            return Err(
                place.unsound(&format!("has a record of {:?}, and there is no such file", record.encoded))
            );
        }
    }
    Ok(())
}
