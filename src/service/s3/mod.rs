//! S3 rows to buckets and objects (`format/s3.md`).
//!
//! ```text
//! bucket rows, manifests ─census─▶ buckets, generations ─announce─▶ keys
//! chunk references, chunks ─reference─▶ references in row order ┐
//! manifests, stored chunks ─────────────────────────────────────┴─join─▶ objects, bodies, orphans
//! ```
//!
//! Stored chunks are read once, in row order, which is body order: each goes straight to the sink.

mod allowance;
mod announce;
mod body;
mod bucket;
mod buckets;
mod chunk_ref;
mod counters;
mod join;
mod live;
pub(crate) mod manifest;
mod orphan;
mod part;
mod peek;
mod problem;
mod reference;
mod upload;

use super::{Context, Scope};
use crate::error::Result;
use crate::keyspace::{Family, Namespace};
use crate::snapshot::{EntryBuf, Focus, Snapshot};
use join::Join;
use reference::References;

/// Passes on buckets, objects and what is kept beside them; returns the names of the buckets that have a place.
pub(crate) fn dump(context: &mut Context<'_, '_>) -> Result<Scope> {
    let mut scope = Scope::new();
    let buckets = buckets::take(context, &mut scope)?;
    announce::announce(context, &buckets)?;
    let mut references = References::collect(context)?;
    Join::new(context, &mut scope, &buckets, references.walks()?)?.run()?;
    if context.options.include_incomplete_uploads {
        upload::write(context, &mut scope, &buckets)?;
    }
    context.sink.end_service(context.report, Namespace::S3)?;
    Ok(scope)
}

/// Returns the generation that a bucket's row names; `None` without such a row.
pub(super) fn generation(snapshot: &Snapshot, bucket: &[u8]) -> Result<Option<u64>> {
    let mut row = EntryBuf::default();
    if !snapshot.get(bucket, &mut row)? {
        return Ok(None);
    }
    let meta = bucket::BucketMeta::parse(&row.body).ok();
    Ok(meta.map(|meta| meta.generation).filter(|generation| *generation > 0))
}

/// Most chunks that are looked up one by one.
const CHUNKS: usize = 1 << 14;

/// Lists the keys of the chunks that the references in `focus` name; `None` where they are too many.
pub(super) fn digests(snapshot: &mut Snapshot, focus: &Focus) -> Result<Option<Vec<Vec<u8>>>> {
    let mut keys = Vec::new();
    snapshot.set_focus(focus.clone());
    let mut references = snapshot.scan(Family::S3ChunkRef);
    while let Some(reference) = references.next()? {
        if keys.len() >= CHUNKS {
            return Ok(None);
        }
        let digest =
            chunk_ref::ChunkRef::parse(reference.body).map(|reference| hex::encode(reference.digest));
        keys.extend(digest.map(|digest| [Family::S3ChunkBlob.prefix(), digest.as_bytes()].concat()));
    }
    Ok(Some(keys))
}

#[cfg(test)]
mod tests;
