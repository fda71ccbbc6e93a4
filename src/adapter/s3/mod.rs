//! S3 rows to buckets, objects and their sidecars (`s3.md`).
//!
//! ```text
//! bucket rows, manifests ─census─▶ buckets, generations ─path─▶ placements ┐
//! chunk references, chunks ─reference─▶ references in row order            ├─join─▶ bodies, sidecars
//! manifests, stored chunks ────────────────────────────────────────────────┘
//! ```
//!
//! Stored chunks are read once, in row order, which is body order: each goes straight into its file.

mod allowance;
mod body;
mod bucket;
mod census;
mod chunk_ref;
mod join;
mod json;
mod live;
mod manifest;
mod orphan;
mod part;
mod path;
mod peek;
mod problem;
mod reference;
mod reserve;
mod sidecar;
mod tally;
mod time;
mod upload;

use super::{Context, Scope};
use crate::error::Result;
use crate::keyspace::Family;
use crate::keyspace::s3::ObjectKey;
use census::Buckets;
use join::Join;
use manifest::Manifest;
use path::{PlacementsSorter, Planner};
use reference::References;

/// Memory for the objects that do not stand at their keys, bytes.
const PLACEMENTS_MEMORY: usize = 4 << 20;

/// Writes `s3/` and `extra/s3/`; returns the names of the buckets that have a directory.
pub fn dump(context: &mut Context<'_, '_>) -> Result<Scope> {
    let mut scope = Scope::new();
    let buckets = census::take(context, &mut scope)?;
    let mut placements = PlacementsSorter::new(context.tree.scratch(), PLACEMENTS_MEMORY);
    plan(context, &buckets, &mut placements)?;
    let mut references = References::collect(context)?;
    Join::new(context, &mut scope, &buckets, placements.sort()?, references.walks()?)?.run()?;
    if context.options.include_incomplete_uploads {
        upload::write(context, &mut scope, &buckets)?;
    }
    Ok(scope)
}

/// Plans the paths of all objects that have a sound manifest (REQ-7).
fn plan(context: &Context<'_, '_>, buckets: &Buckets, placements: &mut PlacementsSorter) -> Result<()> {
    let mut planner = Planner::new(context.tree.scratch());
    for (name, bucket) in buckets {
        let Some((directory, _)) = &bucket.directory else { continue };
        let Some(generation) = bucket.generation.filter(|_| bucket.objects > 0) else { continue };
        let rules = reserve::rules(context, (name, directory.len()), generation)?;
        let prefix = ObjectKey::generation_prefix(Family::S3ObjectHead, name, generation);
        let mut keys = |each: &mut dyn FnMut(&[u8]) -> Result<()>| {
            let mut heads = context.store.scan_prefix(&prefix, None);
            while let Some(head) = heads.next()? {
                if let Some(key) = ObjectKey::parse(head.key)
                    && !head.body.is_empty()
                    && Manifest::parse(head.body).is_ok()
                {
                    each(&key.object.raw())?;
                }
            }
            Ok(())
        };
        planner.plan((name, generation), rules, &mut keys, placements)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
