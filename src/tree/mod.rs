//! Logical objects to files, and back (`tree/README.md`).
//!
//! In: paths made of segments, bytes, JSON values. Out: a tree with MANIFEST.json and CHECKSUMS. Nothing here
//! knows where the data came from.

pub mod archive;
mod checksums;
mod digests;
mod directory;
mod dump;
mod error;
mod files;
mod hashing;
mod kept;
pub(crate) mod keymap;
pub(crate) mod lines;
mod long_file;
pub mod manifest;
pub(crate) mod part;
mod pick;
mod proofs;
mod rows;
pub mod segment;
pub mod verify;
mod writer;

pub use crate::codec::gojson as json;
pub use crate::sort::{OwnedSorted, Scratch, Sorted, Sorter};
pub(crate) use archive::Staging as StagedFile;
pub(crate) use digests::DigestFile;
pub use digests::{Digested, Digests};
pub use dump::{Changed, Dump, DumpFile};
pub use error::{Error, ErrorKind, Full, Size};
pub use files::{Tree, TreeFile};
pub(crate) use hashing::{FileHash, Hashed, Hashing};
pub use kept::{Extent, ExtentReader, Keep, Wanted};
pub use pick::{Output, Pick, PickFile};
pub(crate) use rows::{Holder, MergedRows};
pub use writer::{Disk, Finished, Notice, TreeOptions};
pub(crate) use writer::{EXPORT, Sources, survey};

/// Result of this stage.
pub type Result<T, E = Error> = std::result::Result<T, E>;
