//! Digests: path and SHA-256 of everything that a tree would hold, and no file made.
//!
//! In: objects. Out: the rows of CHECKSUMS. The layout is the one of the files: only the bytes go nowhere.

use std::sync::Arc;

use super::{Answer, LayoutOptions, Refusal, Sink, TreeSink, Wants};
use crate::bug::Bug;
use crate::error::Result;
use crate::keyspace::Namespace;
use crate::model::{Object, Piece, ScopeEnd, s3};
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
    fn wants(&self) -> Wants {
        self.files.wants()
    }

    fn begin(&mut self, last_commit_ts: u64) {
        self.files.begin(last_commit_ts);
    }

    fn refusal(&self, object: Object<'_>) -> Option<Refusal> {
        self.files.refusal(object)
    }

    fn announce(&mut self, generation: (&[u8], u64), announced: &mut dyn s3::Announced) -> Result<()> {
        self.files.announce(generation, announced)
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        self.files.object(report, object)
    }

    fn piece(&mut self, piece: Piece<'_>) -> Result<Answer> {
        self.files.piece(piece)
    }

    fn end(&mut self, report: &mut Report<'_>) -> Result<Answer> {
        self.files.end(report)
    }

    fn abandon(&mut self) -> Result<()> {
        self.files.abandon()
    }

    fn end_scope(&mut self, report: &mut Report<'_>, end: ScopeEnd) -> Result<()> {
        self.files.end_scope(report, end)
    }

    fn end_service(&mut self, report: &mut Report<'_>, owner: Namespace) -> Result<()> {
        self.files.end_service(report, owner)
    }

    fn place(&self) -> &[u8] {
        self.files.place()
    }
}
