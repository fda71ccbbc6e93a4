//! Which names of a bucket the include options take, where an object has such a name (`decisions.md` 4).

use super::manifest::Manifest;
use super::path::{INCOMPLETE_UPLOADS, ORPHANS, Rules};
use crate::adapter::Context;
use crate::error::Result;
use crate::keyspace::Family;
use crate::keyspace::s3::{ObjectKey, Segment, UploadKey};
use crate::store::EntryBuf;

/// Returns the rules for one generation of a bucket, whose directory has a path of that length. A directory of an
/// include option is reserved only where it will be made: else the object keeps its name, like `KEYMAP.jsonl` in a
/// bucket without records (D8).
pub fn rules(
    context: &Context<'_, '_>,
    (bucket, directory): (&[u8], usize),
    generation: u64,
) -> Result<Rules> {
    let options = context.options;
    let exists = |object| exists(context, bucket, generation, object);
    Ok(Rules {
        rename: options.rename_collisions,
        orphans: options.include_orphans && exists(ORPHANS)? && has_orphans(context, bucket, generation)?,
        incomplete_uploads: options.include_incomplete_uploads
            && exists(INCOMPLETE_UPLOADS)?
            && has_uploads(context, bucket, generation)?,
        tracker: false,
        directory,
    })
}

fn exists(context: &Context<'_, '_>, bucket: &[u8], generation: u64, object: &[u8]) -> Result<bool> {
    let mut key = ObjectKey::generation_prefix(Family::S3ObjectHead, bucket, generation);
    Segment::write(&mut key, object);
    Ok(context.store.get(&key, &mut EntryBuf::default())?)
}

/// Whether an upload is in progress: parts alone are not listed (`decisions.md` 4).
fn has_uploads(context: &Context<'_, '_>, bucket: &[u8], generation: u64) -> Result<bool> {
    let prefix = ObjectKey::generation_prefix(Family::S3UploadMeta, bucket, generation);
    let mut uploads = context.store.scan_prefix(&prefix, None);
    while let Some(upload) = uploads.next()? {
        if UploadKey::parse(upload.key).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether there are other rows than live objects declare, as far as their number tells.
fn has_orphans(context: &Context<'_, '_>, bucket: &[u8], generation: u64) -> Result<bool> {
    let mut rows = 0_u64;
    for family in [Family::S3Blob, Family::S3ChunkRef] {
        let mut entries = context.store.scan_prefix(&ObjectKey::bucket_prefix(family, bucket), None);
        while entries.next()?.is_some() {
            rows += 1;
        }
    }
    let mut declared = 0_u64;
    let prefix = ObjectKey::generation_prefix(Family::S3ObjectHead, bucket, generation);
    let mut heads = context.store.scan_prefix(&prefix, None);
    while let Some(head) = heads.next()? {
        // One that does not parse declares no rows: its object fails when it is opened.
        let Ok(manifest) = Manifest::parse(head.body) else { continue };
        declared = manifest.parts.iter().fold(declared, |sum, part| sum.saturating_add(part.chunks()));
    }
    Ok(rows != declared)
}
