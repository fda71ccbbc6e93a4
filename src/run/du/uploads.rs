//! Which chunks of S3 an object is made of, or will be: those of the upload that its record names, and of open uploads.
//!
//! In: keys of chunks, in their order. Records of objects and uploads stand in the same one.

use crate::error::Result;
use crate::keyspace::s3::{ChunkKey, Segment};
use crate::keyspace::{Family, Namespace};
use crate::service::s3::manifest;
use crate::snapshot::{Entries, Snapshot};

/// The uploads of objects, and the open ones.
pub(super) struct Uploads<'s> {
    objects: Records<'s>,
    open: Records<'s>,
}

/// Records, of which one is at hand.
struct Records<'s> {
    family: Family,
    entries: Entries<'s>,
    /// What stands in front of the upload in the keys of its chunks; `None` behind the last.
    front: Option<Vec<u8>>,
    /// What the keys of its chunks have.
    upload: Vec<u8>,
}

impl<'s> Uploads<'s> {
    /// Begins with the first upload; `None` where rows of a family are no chunks of one.
    pub(super) fn of(snapshot: &'s Snapshot, family: Family) -> Option<Self> {
        let is_chunk =
            family.owner() == Namespace::S3 && matches!(family, Family::S3Blob | Family::S3ChunkRef);
        let records = |family: Family| Records {
            family,
            entries: snapshot.scan(family),
            front: Some(Vec::new()),
            upload: Vec::new(),
        };
        is_chunk.then(|| Self { objects: records(Family::S3ObjectHead), open: records(Family::S3UploadMeta) })
    }

    /// Whether a chunk is of one of them; a malformed key is of none that is known to be over.
    pub(super) fn has(&mut self, family: Family, key: &[u8]) -> Result<bool> {
        let Some(chunk) = ChunkKey::parse(family, key) else { return Ok(true) };
        let encoded = chunk.upload.encoded;
        Ok(self.objects.has(encoded)? || self.open.has(encoded)?)
    }
}

impl Records<'_> {
    fn has(&mut self, encoded: &[u8]) -> Result<bool> {
        while let Some(front) = self.front.as_ref().filter(|front| front.as_slice() < encoded) {
            if !front.is_empty() && encoded.starts_with(front) {
                break;
            }
            let Some(entry) = self.entries.next()? else {
                self.front = None;
                break;
            };
            let front = entry.key.get(self.family.prefix().len()..).unwrap_or_default();
            self.upload.clear();
            self.upload.extend_from_slice(front);
            if self.family == Family::S3ObjectHead {
                // A record that does not parse is a problem of its object, whose chunks count to it.
                if let Some(id) = manifest::upload_id(entry.body) {
                    Segment::write(&mut self.upload, id.as_bytes());
                }
            }
            self.front = Some(front.to_vec());
        }
        Ok(self.front.is_some() && encoded.starts_with(&self.upload) && !self.upload.is_empty())
    }
}
