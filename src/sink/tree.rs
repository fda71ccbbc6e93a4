//! Files: the layout of a dump.
//!
//! In: objects. Out: their files, sidecars and KEYMAPs in a [`Tree`], by the layout of their service
//! ([`crate::layout`]).

use super::{Answer, Refusal, Sink, Wants};
use crate::bug::Bug;
use crate::error::Result;
use crate::keyspace::Namespace;
use crate::layout::{self, Root};
use crate::model::{Object, Piece, ScopeEnd, s3};
use crate::report::Report;
use crate::tree::Tree;

pub use crate::layout::LayoutOptions;
use crate::time::Hlc;

const NOT_OPEN: Bug = Bug::new("contents of an object that is not open");

/// Writes the files of objects.
#[derive(Debug)]
pub struct TreeSink {
    root: Root,
    dynamodb: layout::dynamodb::Layout,
    /// The service whose object is open.
    open: Option<Namespace>,
    fs: layout::fs::Layout,
    kv: layout::kv::Layout,
    redis: layout::redis::Layout,
    s3: layout::s3::Layout,
    sqs: layout::sqs::Layout,
}

impl TreeSink {
    /// Writes into `tree`.
    #[must_use]
    pub fn new(mut tree: Tree, options: LayoutOptions) -> Self {
        let scratch = tree.scratch().clone();
        // Names of keys are told apart by their bytes alone.
        tree.trust(layout::redis::DIRECTORY);
        Self {
            root: Root::new(tree, options),
            dynamodb: layout::dynamodb::Layout::default(),
            open: None,
            fs: layout::fs::Layout::new(&scratch),
            kv: layout::kv::Layout::new(&scratch),
            redis: layout::redis::Layout::new(&scratch, &options),
            s3: layout::s3::Layout::new(&scratch),
            sqs: layout::sqs::Layout::new(&scratch),
        }
    }

    /// Writes `extra/KEYMAP.jsonl`, when all services have ended.
    pub fn finish_names(&mut self) -> Result<()> {
        self.root.write_keymap()
    }

    /// Returns where the names are noted for which the reference layout keeps no record.
    pub fn keymap(&mut self) -> &mut layout::ExtraKeymap {
        &mut self.root.keymap
    }

    /// Returns the tree, for the files that are of no service.
    pub fn tree(&mut self) -> &mut Tree {
        &mut self.root.tree
    }

    /// Returns the tree.
    #[must_use]
    pub fn into_tree(self) -> Tree {
        self.root.tree
    }
}

impl Sink for TreeSink {
    fn wants(&self) -> Wants {
        Wants::Contents
    }

    fn begin(&mut self, last_commit_ts: Hlc) {
        self.root.options.last_commit_ts = last_commit_ts;
        self.redis = layout::redis::Layout::new(self.root.tree.scratch(), &self.root.options);
    }

    fn refusal(&self, object: Object<'_>) -> Option<Refusal> {
        match object {
            Object::Fs(node) => layout::fs::refusal(node),
            Object::S3(object) => layout::s3::refusal(object),
            _ => None,
        }
    }

    fn announce(&mut self, generation: (&[u8], u64), announced: &mut dyn s3::Announced) -> Result<()> {
        self.s3.announce(&self.root, generation, announced)
    }

    fn object(&mut self, _report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        let (owner, answer) = match object {
            Object::Dynamodb(object) => (Namespace::Dynamodb, self.dynamodb.object(&mut self.root, object)?),
            Object::Fs(node) => (Namespace::Fs, self.fs.node(&mut self.root, node)?),
            Object::Redis(key) => (Namespace::Redis, self.redis.key(&mut self.root, key)?),
            Object::Kv(pair) => (Namespace::Kv, self.kv.pair(&mut self.root, pair)?),
            Object::S3(object) => (Namespace::S3, self.s3.object(&mut self.root, object)?),
            Object::Sqs(object) => (Namespace::Sqs, self.sqs.object(&mut self.root, object)?),
        };
        self.open = (answer == Answer::Open).then_some(owner);
        Ok(answer)
    }

    fn other(&mut self, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::Dynamodb(object) => self.dynamodb.other(&mut self.root, object),
            Object::Fs(node) => layout::fs::other(node),
            Object::S3(object) => self.s3.other(&mut self.root, object),
            Object::Kv(_) | Object::Redis(_) | Object::Sqs(_) => Ok(Answer::Left),
        }
    }

    fn piece(&mut self, piece: Piece<'_>) -> Result<Answer> {
        match (self.open, piece) {
            (Some(Namespace::Redis), Piece::Element(element)) => self.redis.element(&mut self.root, element),
            (Some(Namespace::Fs), Piece::Bytes(_) | Piece::Zeros(_)) => self.fs.piece(&mut self.root, piece),
            (Some(Namespace::S3), Piece::Bytes(_) | Piece::Zeros(_)) => self.s3.piece(&mut self.root, piece),
            _ => Err(NOT_OPEN.into()),
        }
    }

    fn end(&mut self, _report: &mut Report<'_>) -> Result<Answer> {
        match self.open.take() {
            Some(Namespace::Fs) => self.fs.end(&mut self.root),
            Some(Namespace::Redis) => self.redis.end(&mut self.root),
            Some(Namespace::S3) => self.s3.end(&mut self.root),
            _ => Err(NOT_OPEN.into()),
        }
    }

    fn abandon(&mut self) -> Result<()> {
        match self.open.take() {
            Some(Namespace::Fs) => self.fs.abandon(),
            Some(Namespace::Redis) => self.redis.abandon(),
            Some(Namespace::S3) => self.s3.abandon(&mut self.root)?,
            _ => {}
        }
        Ok(())
    }

    fn end_scope(&mut self, report: &mut Report<'_>, end: ScopeEnd) -> Result<()> {
        match end {
            ScopeEnd::Queue { last_sequence } => self.sqs.end_queue(&mut self.root, last_sequence),
            ScopeEnd::Table => self.dynamodb.end_table(&mut self.root, report),
            ScopeEnd::Bucket => self.s3.end_bucket(&mut self.root),
        }
    }

    fn end_service(&mut self, _report: &mut Report<'_>, owner: Namespace) -> Result<()> {
        match owner {
            Namespace::Fs => self.fs.finish(&mut self.root),
            Namespace::Kv => self.kv.finish(&mut self.root),
            Namespace::Redis => self.redis.finish(&mut self.root),
            Namespace::S3 => self.s3.finish(&mut self.root),
            Namespace::Sqs => self.sqs.finish(&mut self.root),
            _ => Ok(()),
        }
    }

    fn place(&self) -> &[u8] {
        if self.open == Some(Namespace::S3) { self.s3.place() } else { self.dynamodb.place() }
    }
}
