//! What is left over in a bucket, for the warnings at its end (`reading/s3.md#warnings-of-the-reference-decoder`, `compat.md#uploads-in-progress-look-like-damage`).

use crate::event::{Event, Warning};
use crate::excerpt::name_or_length;

/// Objects of one bucket that are named one by one; more are summed up.
const NAMED: usize = 100;

/// Counts leftovers of one bucket.
#[derive(Debug, Default)]
pub(super) struct Counters {
    named: Vec<(Vec<u8>, u64)>,
    objects: u64,
    chunks: u64,
    stale: u64,
    markers: u64,
}

impl Counters {
    /// Counts an object that has chunks and no manifest.
    pub(super) fn orphan(&mut self, object: &[u8], chunks: u64) {
        self.objects += 1;
        self.chunks += chunks;
        if self.named.len() < NAMED {
            self.named.push((object.to_vec(), chunks));
        }
    }

    /// Counts an object of another generation than the live one.
    pub(super) fn stale(&mut self) {
        self.stale += 1;
    }

    /// Counts an object that was written although its key ends in `/`.
    pub(super) fn folder_marker(&mut self) {
        self.markers += 1;
    }

    /// Returns the warnings at the end of a bucket.
    pub(super) fn warnings(&self, bucket: &[u8], generation: Option<u64>) -> Vec<Warning> {
        let orphans = || Warning::new(Event::S3_ORPHAN_CHUNKS).with("bucket", name_or_length(bucket));
        let mut warnings = Vec::new();
        if self.objects > u64::try_from(self.named.len()).unwrap_or(u64::MAX) {
            warnings.push(orphans().with("objects", self.objects).with("chunks", self.chunks));
        } else {
            warnings.extend(self.named.iter().map(|(object, chunks)| {
                let warning = orphans().with("object", name_or_length(object)).with("chunks", *chunks);
                warning.with("hint", "chunks without a manifest; see --include-orphans")
            }));
        }
        if self.markers > 0 {
            warnings.push(
                Warning::new(Event::S3_FOLDER_MARKERS)
                    .with("bucket", name_or_length(bucket))
                    .with("objects", self.markers)
                    .with(
                        "hint",
                        "keys that end in /: written to <key>.elastickv-leaf-data, see KEYMAP.jsonl",
                    ),
            );
        }
        if let (Some(generation), 1..) = (generation, self.stale) {
            warnings.push(
                Warning::new(Event::S3_STALE_GENERATION_OBJECTS)
                    .with("bucket", name_or_length(bucket))
                    .with("active_generation", generation)
                    .with("stale_count", self.stale)
                    .with("hint", "left over from deleted buckets of this name; --include-orphans writes their chunks to _orphans/"),
            );
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_up_to_a_limit_and_then_summed_up() {
        let mut counters = Counters::default();
        for number in 0..100_u64 {
            counters.orphan(format!("o{number}").as_bytes(), 2);
        }
        assert_eq!((counters.named.len(), counters.warnings(b"b", Some(1)).len()), (100, 100));
        counters.orphan(b"one more", 2);
        let warnings = counters.warnings(b"b", Some(1));
        let names: Vec<_> = warnings[0].fields.iter().map(|(name, _)| *name).collect();
        assert_eq!((warnings.len(), names), (1, vec!["bucket", "objects", "chunks"]));
        assert_eq!((&warnings[0].fields[1].1, &warnings[0].fields[2].1), (&101.into(), &202.into()));
    }

    #[test]
    fn folder_markers_are_told_once_a_bucket_with_their_number() {
        let mut counters = Counters::default();
        counters.folder_marker();
        counters.folder_marker();
        let warnings = counters.warnings(b"b", Some(1));
        assert_eq!((warnings.len(), warnings[0].event.name()), (1, "s3_folder_markers"));
        assert_eq!(warnings[0].fields[..2], [("bucket", "b".into()), ("objects", 2.into())]);
    }

    #[test]
    fn stale_objects_are_told_once_a_bucket() {
        let mut counters = Counters::default();
        assert!(counters.warnings(b"b", Some(7)).is_empty());
        counters.stale();
        counters.stale();
        let warnings = counters.warnings(b"b", Some(7));
        assert_eq!((warnings.len(), warnings[0].event.name()), (1, "s3_stale_generation_objects"));
        assert_eq!((&warnings[0].fields[1].1, &warnings[0].fields[2].1), (&7.into(), &2.into()));
    }
}
