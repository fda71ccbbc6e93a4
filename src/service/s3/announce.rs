//! What sinks may ask of a bucket before its objects come: its keys, and whether more than objects will come of it.

use super::buckets::{Bucket, Buckets};
use super::manifest::Manifest;
use crate::error::Result;
use crate::keyspace::Family;
use crate::keyspace::s3::{ObjectKey, Segment, UploadKey};
use crate::model::s3::Announced;
use crate::service::Context;
use crate::snapshot::{EntryBuf, Snapshot};

/// Announces the objects that will come (`tree/s3.md#names-that-cannot-be-used-as-they-are`).
pub(super) fn announce(context: &mut Context<'_, '_>, buckets: &Buckets) -> Result<()> {
    let options = context.options;
    for (bucket, Bucket { generation, objects, refusal, .. }) in buckets {
        let Some(generation) = generation.filter(|_| *objects > 0 && refusal.is_none()) else { continue };
        let mut announced = Ahead {
            snapshot: context.snapshot,
            bucket,
            generation,
            orphans: options.include_orphans,
            uploads: options.include_incomplete_uploads,
        };
        context.sink.announce((bucket, generation), &mut announced)?;
    }
    Ok(())
}

/// What will come of a generation of a bucket.
struct Ahead<'a> {
    snapshot: &'a Snapshot,
    bucket: &'a [u8],
    generation: u64,
    /// Whether orphans are asked for.
    orphans: bool,
    /// Whether uploads are.
    uploads: bool,
}

impl Announced for Ahead<'_> {
    fn keys(&mut self, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let prefix = ObjectKey::generation_prefix(Family::S3ObjectHead, self.bucket, self.generation);
        let mut heads = self.snapshot.scan_prefix(&prefix, None);
        while let Some(head) = heads.next()? {
            if let Some(key) = ObjectKey::parse(head.key)
                && !head.body.is_empty()
                && Manifest::parse(head.body).is_ok()
            {
                each(&key.object.raw())?;
            }
        }
        Ok(())
    }

    fn has(&mut self, object: &[u8]) -> Result<bool> {
        let mut key = ObjectKey::generation_prefix(Family::S3ObjectHead, self.bucket, self.generation);
        Segment::write(&mut key, object);
        Ok(self.snapshot.get(&key, &mut EntryBuf::default())?)
    }

    fn has_orphans(&mut self) -> Result<bool> {
        Ok(self.orphans && has_orphans(self.snapshot, self.bucket, self.generation)?)
    }

    fn has_uploads(&mut self) -> Result<bool> {
        Ok(self.uploads && has_uploads(self.snapshot, self.bucket, self.generation)?)
    }
}

/// Whether an upload is in progress: parts alone are not listed (`reading/s3.md#decided-cases`).
fn has_uploads(snapshot: &Snapshot, bucket: &[u8], generation: u64) -> Result<bool> {
    let prefix = ObjectKey::generation_prefix(Family::S3UploadMeta, bucket, generation);
    let mut uploads = snapshot.scan_prefix(&prefix, None);
    while let Some(upload) = uploads.next()? {
        if UploadKey::parse(upload.key).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether there are other rows than live objects declare, as far as their number tells.
fn has_orphans(snapshot: &Snapshot, bucket: &[u8], generation: u64) -> Result<bool> {
    let mut rows = 0_u64;
    for family in [Family::S3Blob, Family::S3ChunkRef] {
        let mut entries = snapshot.scan_prefix(&ObjectKey::bucket_prefix(family, bucket), None);
        while entries.next()?.is_some() {
            rows += 1;
        }
    }
    let mut declared = 0_u64;
    let prefix = ObjectKey::generation_prefix(Family::S3ObjectHead, bucket, generation);
    let mut heads = snapshot.scan_prefix(&prefix, None);
    while let Some(head) = heads.next()? {
        // One that does not parse declares no rows: its object fails when it is opened.
        let Ok(manifest) = Manifest::parse(head.body) else { continue };
        declared = manifest.parts.iter().fold(declared, |sum, part| sum.saturating_add(part.chunks()));
    }
    Ok(rows != declared)
}
