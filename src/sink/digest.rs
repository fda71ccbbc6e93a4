//! Digests: path and SHA-256 of everything that a tree would hold, and no file made.
//!
//! In: objects. Out: the rows of CHECKSUMS. The layout is the one of the files: only the bytes go nowhere.

use std::sync::Arc;

use super::{Answer, LayoutOptions, Sink, TreeSink};
use crate::bug::Bug;
use crate::error::Result;
use crate::model::Object;
use crate::report::Report;
use crate::sort::{OwnedSorted, Scratch};
use crate::tree::{Digests, Keep, Tree};

/// Makes the digests of objects' files.
#[derive(Debug)]
pub struct Digest {
    files: TreeSink,
}

impl Digest {
    /// Returns an empty list that is sorted in `scratch`.
    #[must_use]
    pub fn new(scratch: &Scratch, options: LayoutOptions) -> Self {
        Self { files: TreeSink::new(Tree::digests(scratch), options) }
    }

    /// Returns an empty list of the files that `keep` wants.
    #[must_use]
    pub fn keeping(scratch: &Scratch, options: LayoutOptions, keep: Arc<Keep>) -> Self {
        Self { files: TreeSink::new(Tree::Digests(Digests::keeping(scratch, keep)), options) }
    }

    /// Calls `each` with the path and the digest of each file, sorted bytewise by path, when all services have ended.
    pub fn finish(self, mut each: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        let mut rows = self.into_rows()?;
        while let Some((path, digest)) = rows.next()? {
            each(path, digest)?;
        }
        Ok(())
    }

    /// Returns the path of each file and its digest, sorted bytewise by path, when all services have ended.
    pub fn into_rows(mut self) -> Result<OwnedSorted> {
        self.files.finish_names()?;
        let Tree::Digests(digests) = self.files.into_tree() else {
            return Err(Bug::new("a list of digests became a tree on the disk").into());
        };
        Ok(digests.into_sorted()?)
    }
}

impl Sink for Digest {
    fn behind(&self) -> Option<&dyn Sink> {
        Some(&self.files)
    }

    fn behind_mut(&mut self) -> Option<&mut dyn Sink> {
        Some(&mut self.files)
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        self.files.object(report, object)
    }
}
