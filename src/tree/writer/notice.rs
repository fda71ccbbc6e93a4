//! What is to be said about the target's surroundings, beside the tree, which it does not harm.

use std::path::PathBuf;

use crate::tree::Error;

/// Something that the user should know of.
#[derive(Debug)]
pub enum Notice {
    /// A staging directory, or an archive's staging file, of an earlier run for this target, which no process holds.
    StalePartial {
        /// The directory or file.
        path: PathBuf,
        /// Whether it has a CHECKSUMS: then it is a complete dump that was not renamed or not removed.
        complete: bool,
    },
    /// An old dump that an earlier run had set aside and did not remove.
    StaleReplaced {
        /// The directory.
        path: PathBuf,
    },
    /// An old dump that an earlier run had set aside when it was ended, and that was moved back to the target.
    Restored {
        /// Where it was.
        path: PathBuf,
    },
    /// The tree took the place of an empty directory, but not all of its owner, group, mode and ACL.
    AccessChanged {
        /// The target.
        path: PathBuf,
        /// What could not be set, and why.
        what: String,
    },
    /// Something could not be removed or flushed after the tree was in place. The path of the error stays.
    Left(Error),
}
