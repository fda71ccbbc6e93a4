//! Logical objects to files, and back (`dump.md`).
//!
//! In: paths made of segments, bytes, JSON values. Out: a tree with MANIFEST.json and CHECKSUMS. Nothing here
//! knows where the data came from.

mod checksums;
mod directory;
mod error;
mod escape;
mod float;
pub mod json;
pub mod keymap;
mod lines;
pub mod manifest;
pub mod segment;
mod tree;
pub mod verify;

pub use crate::sort::{Scratch, Sorted, Sorter};
pub use error::{Error, ErrorKind, Full, Size};
pub use tree::{Finished, Notice, Tree, TreeFile, TreeOptions};

/// Result of this stage.
pub type Result<T, E = Error> = std::result::Result<T, E>;
