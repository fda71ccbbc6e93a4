//! S3 rows to buckets and objects (`s3.md`).
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
mod manifest;
mod orphan;
mod part;
mod peek;
mod problem;
mod reference;
mod upload;

use super::{Context, Scope};
use crate::error::Result;
use crate::keyspace::Namespace;
use join::Join;
use reference::References;

/// Passes on buckets, objects and what is kept beside them; returns the names of the buckets that have a place.
pub fn dump(context: &mut Context<'_, '_>) -> Result<Scope> {
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

#[cfg(test)]
mod tests;
