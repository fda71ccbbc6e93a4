//! What is left over in a bucket, for the warnings at its end (`s3.md` 6.1, D18).

use super::problem::text;
use crate::adapter::Context;
use crate::report::Warning;

/// Objects of one bucket that are named one by one; more are summed up.
const NAMED: usize = 100;

/// Counts leftovers of one bucket.
#[derive(Debug, Default)]
pub struct Tally {
    named: Vec<(Vec<u8>, u64)>,
    objects: u64,
    chunks: u64,
    stale: u64,
}

impl Tally {
    /// Counts an object that has chunks and no manifest.
    pub fn orphan(&mut self, object: &[u8], chunks: u64) {
        self.objects += 1;
        self.chunks += chunks;
        if self.named.len() < NAMED {
            self.named.push((object.to_vec(), chunks));
        }
    }

    /// Counts an object of another generation than the live one.
    pub fn stale(&mut self) {
        self.stale += 1;
    }

    /// Warns, and starts from zero.
    pub fn report(&mut self, context: &mut Context<'_, '_>, bucket: &[u8], generation: Option<u64>) {
        let tally = std::mem::take(self);
        let orphans = || Warning::new("s3_orphan_chunks").with("bucket", text(bucket));
        if tally.objects > u64::try_from(tally.named.len()).unwrap_or(u64::MAX) {
            context.report.warn(orphans().with("objects", tally.objects).with("chunks", tally.chunks));
        } else {
            for (object, chunks) in tally.named {
                let warning = orphans().with("object", text(&object)).with("chunks", chunks);
                context.report.warn(warning.with("hint", "chunks without a manifest; see --include-orphans"));
            }
        }
        if let (Some(generation), 1..) = (generation, tally.stale) {
            context.report.warn(
                Warning::new("s3_stale_generation_objects")
                    .with("bucket", text(bucket))
                    .with("active_generation", generation)
                    .with("stale_count", tally.stale)
                    .with("hint", "left over from deleted buckets of this name"),
            );
        }
    }
}
