//! Manifests, chunks and chunk references, merged object by object (`format/s3.md#order-and-joins`).
//!
//! All three families sort their objects alike. The chunks drive: they are large, are read once, and each goes
//! straight from the scan into its file.

mod object;

use super::allowance::Allowance;
use super::body::Row;
use super::buckets::{Bucket, Buckets, State};
use super::counters::Counters;
use super::peek::Peek;
use super::problem::{RECORD, warn_bad_key};
use super::reference::Walk;
use crate::error::Result;
use crate::keyspace::s3::{ChunkKey, ObjectKey};
use crate::keyspace::{Family, Namespace};
use crate::model::ScopeEnd;
use crate::service::{Context, Scope};
use crate::sink::Wants;

pub(super) use object::Object;

/// The merge and where it stands.
pub(super) struct Join<'c, 'a, 'r, 's> {
    context: &'c mut Context<'a, 'r>,
    scope: &'c mut Scope,
    buckets: &'c Buckets,
    heads: Peek<'a>,
    references: Walk<'s>,
    /// The references once more, behind: those of the object that is being closed.
    orphan_references: Option<Walk<'s>>,
    allowance: Allowance,
    /// Uploads in progress, beside the chunks and beside the references.
    uploads: [Peek<'a>; 2],
    bucket: Option<OpenBucket>,
    object: Option<Object>,
}

struct OpenBucket {
    name: Vec<u8>,
    bucket: Bucket,
    in_scope: bool,
    counters: Counters,
}

impl<'c, 'a, 'r, 's> Join<'c, 'a, 'r, 's> {
    /// Returns a merge at its start.
    pub(super) fn new(
        context: &'c mut Context<'a, 'r>,
        scope: &'c mut Scope,
        buckets: &'c Buckets,
        (references, orphan_references): (Walk<'s>, Option<Walk<'s>>),
    ) -> Result<Self> {
        let snapshot = context.snapshot;
        let uploads =
            [Peek::new(snapshot, Family::S3UploadMeta)?, Peek::new(snapshot, Family::S3UploadMeta)?];
        let heads = Peek::new(snapshot, Family::S3ObjectHead)?;
        let (bucket, object) = (None, None);
        Ok(Self {
            context,
            scope,
            buckets,
            heads,
            references,
            orphan_references,
            allowance: Allowance::of(snapshot),
            uploads,
            bucket,
            object,
        })
    }

    /// Passes all objects on; those of a sink that wants heads alone without a look at chunks, and so at orphans.
    pub(super) fn run(mut self) -> Result<()> {
        if self.context.sink.wants() == Wants::Heads {
            return self.reach_end();
        }
        let mut chunks = self.context.snapshot.scan(Family::S3Blob);
        while let Some(entry) = chunks.next()? {
            let Some(key) = ChunkKey::parse(Family::S3Blob, entry.key) else {
                warn_bad_key(self.context, Family::S3Blob, entry.key);
                continue;
            };
            self.reach(key.upload.object)?;
            self.chunk(&key, Row { body: entry.body, place: entry.place })?;
        }
        self.reach_end()
    }

    /// Makes `key` the current object, after all objects before it that have no chunks.
    fn reach(&mut self, key: ObjectKey<'_>) -> Result<()> {
        if self.object.as_ref().is_some_and(|object| object.encoded == key.encoded) {
            return Ok(());
        }
        self.close()?;
        while let Some(before) = self.without_chunks(Some(key.encoded))? {
            self.open_encoded(&before)?;
            self.close()?;
        }
        self.open(key)
    }

    fn reach_end(&mut self) -> Result<()> {
        self.close()?;
        while let Some(last) = self.without_chunks(None)? {
            self.open_encoded(&last)?;
            self.close()?;
        }
        self.close_bucket()
    }

    /// Returns the first object before `end` that has a manifest or a reference.
    fn without_chunks(&mut self, end: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
        let head = self.heads.key();
        let reference = match self.references.current() {
            Some((key, _)) => {
                let object = ObjectKey::take(&mut &*key).ok_or_else(|| RECORD.at((key, &[][..])))?;
                Some(object.encoded)
            }
            None => None,
        };
        let first = [head, reference].into_iter().flatten().min();
        Ok(first.filter(|first| end.is_none_or(|end| *first < end)).map(<[u8]>::to_vec))
    }

    fn open_encoded(&mut self, encoded: &[u8]) -> Result<()> {
        let mut rest = encoded;
        match ObjectKey::take(&mut rest).filter(|_| rest.is_empty()) {
            Some(key) => self.open(key),
            // A malformed key of a manifest, reported by the census.
            None => self.heads.advance(),
        }
    }

    fn open(&mut self, key: ObjectKey<'_>) -> Result<()> {
        self.open_bucket(&key)?;
        let mut object = Object::new(&key);
        self.open_live(&mut object)?;
        if self.heads.key() == Some(key.encoded) {
            self.heads.advance()?;
        }
        self.object = Some(object);
        self.pull()
    }

    fn open_bucket(&mut self, key: &ObjectKey<'_>) -> Result<()> {
        let name = key.bucket.raw();
        if self.bucket.as_ref().is_some_and(|open| open.name == *name) {
            return Ok(());
        }
        self.close_bucket()?;
        let known = self.buckets.get(&*name).cloned();
        self.bucket = Some(OpenBucket {
            bucket: known.unwrap_or_else(|| Bucket::named(State::Elsewhere)),
            in_scope: self.context.options.in_scope(Namespace::S3, &name),
            name: name.into_owned(),
            counters: Counters::default(),
        });
        Ok(())
    }

    fn close_bucket(&mut self) -> Result<()> {
        let Some(open) = self.bucket.take() else { return Ok(()) };
        for warning in open.counters.warnings(&open.name, open.bucket.generation) {
            self.context.report.warn(warning);
        }
        self.context.sink.end_scope(self.context.report, ScopeEnd::Bucket)
    }
}
