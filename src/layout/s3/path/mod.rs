//! Where each object of a bucket stands in the tree (`tree/s3.md#names-that-cannot-be-used-as-they-are`, `compat.md#reserved-names`, `compat.md#paths-that-clash`, `compat.md#keys-that-no-path-can-hold`, `compat.md#keys-that-are-not-utf-8`).
//!
//! In: the object keys of one generation, as often as needed. Out: a [`Placement`] for each object whose path
//! is not its key, sorted like the rows. Memory is bounded: keys that depend on each other (a file and a
//! directory of one name, a renamed object and the key that has its new name) meet by external sorting.
//!
//! Paths are sorted with `/` as the lowest byte, so that what lies below a path follows it at once.

mod conflict;
mod key_path;
mod length;
mod placement;
mod plan;
mod rename;

pub(super) use placement::{Placement, Placements, PlacementsSorter};
pub(super) use plan::Planner;

/// The first segments that the layout itself uses, when more follow (`compat.md#reserved-names`).
pub(super) const ORPHANS: &[u8] = b"_orphans";
/// See [`ORPHANS`].
pub(super) const INCOMPLETE_UPLOADS: &[u8] = b"_incomplete_uploads";
/// The bucket's own file.
pub(super) const BUCKET_FILE: &[u8] = b"_bucket.json";
/// The bucket's record of renamed objects.
pub(super) const TRACKER: &[u8] = b"KEYMAP.jsonl";

/// What decides about a path besides the keys.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "an option, and a flag for each name that the layout may take"
)]
pub(super) struct Rules {
    /// `--rename-collisions`.
    pub rename: bool,
    /// `--include-orphans`: `_orphans` is a directory.
    pub orphans: bool,
    /// `--include-incomplete-uploads`: `_incomplete_uploads` is a directory.
    pub incomplete_uploads: bool,
    /// Whether the bucket needs a KEYMAP record, and with it the tracker (`compat.md#reserved-names`).
    pub tracker: bool,
    /// Length of the bucket's directory as a path from the root of the dump, bytes.
    pub directory: usize,
}

/// Maps a path without NUL to sorting form and back.
fn swap_separator(path: &mut [u8], from: u8, to: u8) {
    for byte in path {
        if *byte == from {
            *byte = to;
        }
    }
}

/// Turns a path into its sorting form: `/` is the lowest byte.
fn to_sorting_form(path: &mut [u8]) {
    swap_separator(path, b'/', 0);
}

/// Turns a sorting form back into the path.
fn from_sorting_form(path: &mut [u8]) {
    swap_separator(path, 0, b'/');
}

/// Whether `path` lies below `directory`, both in sorting form.
fn is_below(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.first() == Some(&0))
}
