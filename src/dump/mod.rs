//! Logical objects to files, and back (`dump.md`).
//!
//! In: paths made of segments, bytes, JSON values. Out: a tree with MANIFEST.json and CHECKSUMS. Nothing here
//! knows where the data came from.

mod batch;
mod checksums;
mod directory;
mod error;
mod escape;
mod file;
pub mod json;
pub mod keymap;
mod lines;
pub mod manifest;
mod remove;
mod run;
pub mod segment;
mod sort;
mod staging;
mod tree;
mod volume;

pub use error::{Error, ErrorKind, Full, Size};
pub use file::TreeFile;
pub use sort::{Scratch, Sorted, Sorter};
pub use tree::{Tree, TreeOptions};

/// Result of this stage.
pub type Result<T, E = Error> = std::result::Result<T, E>;
