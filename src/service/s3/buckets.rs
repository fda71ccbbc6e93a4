//! Which buckets there are, in which state, and which generation of each is emitted (`reading/s3.md#buckets-and-generations`).

use std::collections::BTreeMap;

use super::bucket::BucketMeta;
use super::problem::{Class, Fault, warn_bad_key};
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::excerpt::name_or_length;
use crate::keyspace::s3::{ObjectKey, UploadKey, parse_bucket};
use crate::keyspace::{Family, Namespace};
use crate::limits;
use crate::model::{Object, Refusal, s3};
use crate::service::{Context, Scope};
use crate::time::Hlc;

/// What the bucket row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The bucket exists.
    Live,
    /// The bucket was deleted.
    Deleted,
    /// The row is in another group's snapshot, or cannot be read.
    Elsewhere,
}

/// A bucket for which some row was seen.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    /// What the bucket row says.
    pub state: State,
    /// The generation whose objects are emitted.
    pub generation: Option<u64>,
    /// Whether the bucket row is here, and cannot be read.
    unreadable: bool,
    /// Whether the bucket row names it; else it is the highest that has a visible manifest.
    pinned: bool,
    /// Visible manifests: of the emitted generation, of all where none is.
    pub objects: u64,
    /// Why the sink has no place for it.
    pub refusal: Option<Refusal>,
}

impl Bucket {
    /// Returns a bucket of which nothing but the name is known.
    pub(super) fn named(state: State) -> Self {
        Self { state, generation: None, unreadable: false, pinned: false, objects: 0, refusal: None }
    }
}

/// Returns the name of a bucket as the scope of a problem: one of megabytes stands in the line once, as its key.
pub(super) fn scope_of(name: &[u8]) -> &[u8] {
    if name.len() > limits::KEYMAP_ORIGINAL { b"" } else { name }
}

/// All buckets in scope, by name.
pub(super) type Buckets = BTreeMap<Vec<u8>, Bucket>;

/// Finds the buckets, passes them on, and reports what is wrong with them.
pub(super) fn take(context: &mut Context<'_, '_>, scope: &mut Scope) -> Result<Buckets> {
    let mut buckets = Buckets::new();
    traces(context, &mut buckets)?;
    rows(context, scope, &mut buckets)?;
    heads(context, &mut buckets)?;
    uploads(context, &mut buckets)?;
    for (name, bucket) in &mut buckets {
        conclude(context, name, bucket)?;
    }
    Ok(buckets)
}

/// Enters as deleted what has a generation counter or any version of a bucket row.
fn traces(context: &mut Context<'_, '_>, buckets: &mut Buckets) -> Result<()> {
    let mut versions = context.snapshot.versions(Family::S3BucketMeta);
    let mut last = Vec::new();
    while let Some(version) = versions.next()? {
        if version.key == last {
            continue;
        }
        last.clear();
        last.extend_from_slice(version.key);
        if let Some(name) = parse_bucket(Family::S3BucketMeta, version.key) {
            enter(context, buckets, &name, State::Deleted);
        }
    }
    let mut counters = context.snapshot.scan(Family::S3BucketGeneration);
    while let Some(entry) = counters.next()? {
        match parse_bucket(Family::S3BucketGeneration, entry.key) {
            Some(name) => drop(enter(context, buckets, &name, State::Deleted)),
            None => warn_bad_key(context, Family::S3BucketGeneration, entry.key),
        }
    }
    Ok(())
}

fn enter<'b>(
    context: &Context<'_, '_>,
    buckets: &'b mut Buckets,
    name: &[u8],
    state: State,
) -> Option<&'b mut Bucket> {
    if !buckets.contains_key(name) {
        if !context.options.in_scope(Namespace::S3, name) {
            return None;
        }
        buckets.insert(name.to_vec(), Bucket::named(state));
    }
    buckets.get_mut(name)
}

/// Reads the visible bucket rows.
fn rows(context: &mut Context<'_, '_>, scope: &mut Scope, buckets: &mut Buckets) -> Result<()> {
    let mut entries = context.snapshot.scan(Family::S3BucketMeta);
    while let Some(entry) = entries.next()? {
        let Some(name) = parse_bucket(Family::S3BucketMeta, entry.key) else {
            let fault = Fault::new(Class::S3_MALFORMED_KEY, "the key of a bucket row does not parse");
            fault.report(context, b"", entry.key, Some(entry.place))?;
            continue;
        };
        let Some(bucket) = buckets.get_mut(&*name).filter(|_| !entry.body.is_empty()) else { continue };
        let meta = match BucketMeta::parse(entry.body) {
            Ok(meta) => meta,
            Err(error) => {
                bucket.state = State::Elsewhere;
                bucket.unreadable = true;
                let fault = Fault::unreadable(Class::S3_INVALID_BUCKET_META, entry.body, error);
                fault.report(context, &name, &name, Some(entry.place))?;
                continue;
            }
        };
        bucket.state = State::Live;
        bucket.pinned = meta.generation > 0;
        bucket.generation = bucket.pinned.then_some(meta.generation);
        bucket.refusal = put(context, &name, Some((&meta, entry.commit_ts)))?;
        if bucket.refusal.is_none() {
            scope.insert(name.into_owned(), 0);
        }
    }
    Ok(())
}

/// Passes a bucket on, with what its row says and the row's commit time.
fn put(
    context: &mut Context<'_, '_>,
    name: &[u8],
    row: Option<(&BucketMeta, Hlc)>,
) -> Result<Option<Refusal>> {
    let (meta, commit_ts) = row.unzip();
    context.put(Object::S3(s3::Object::Bucket(&s3::Bucket { name, meta, commit_ts })))
}

/// Counts the visible manifests, and finds the generation where no bucket row names it.
fn heads(context: &mut Context<'_, '_>, buckets: &mut Buckets) -> Result<()> {
    let mut entries = context.snapshot.scan(Family::S3ObjectHead);
    while let Some(entry) = entries.next()? {
        let Some(key) = ObjectKey::parse(entry.key) else {
            let fault = Fault::new(Class::S3_MALFORMED_KEY, "the key of a manifest does not parse");
            fault.report(context, b"", entry.key, Some(entry.place))?;
            continue;
        };
        if entry.body.is_empty() {
            continue;
        }
        let name = key.bucket.raw();
        let Some(bucket) = enter(context, buckets, &name, State::Elsewhere) else { continue };
        bucket.count(key.generation);
    }
    Ok(())
}

/// Finds the generation of buckets of which only uploads in progress are here.
fn uploads(context: &mut Context<'_, '_>, buckets: &mut Buckets) -> Result<()> {
    let mut entries = context.snapshot.scan(Family::S3UploadMeta);
    while let Some(entry) = entries.next()? {
        // Malformed keys matter only where uploads are written (`tree/s3.md#uploads-in-progress`).
        let Some(key) = UploadKey::parse(entry.key) else { continue };
        let name = key.object.bucket.raw();
        let Some(bucket) = enter(context, buckets, &name, State::Elsewhere) else { continue };
        if bucket.state != State::Deleted && !bucket.pinned && bucket.objects == 0 {
            bucket.generation = bucket.generation.max(Some(key.object.generation));
        }
    }
    Ok(())
}

fn conclude(context: &mut Context<'_, '_>, name: &[u8], bucket: &mut Bucket) -> Result<()> {
    if bucket.state == State::Elsewhere && bucket.generation.is_some() {
        bucket.refusal = put(context, name, None)?;
    }
    let objects = bucket.objects;
    let emitted = bucket.state == State::Live || (bucket.state == State::Elsewhere && objects > 0);
    if let Some(Refusal { class, message }) = bucket.refusal.clone().filter(|_| emitted) {
        let message = format!("{message}; it has {objects} objects");
        return Refusal { class, message }.report(context, scope_of(name), name, None);
    }
    let event = match (bucket.state, bucket.generation) {
        (State::Deleted, _) if objects > 0 => {
            Warning::new(Event::S3_BUCKET_DELETED).with("bucket", name_or_length(name))
        }
        (State::Elsewhere, Some(generation)) => Warning::new(Event::S3_BUCKET_META_MISSING)
            .with("bucket", name_or_length(name))
            .with("generation", generation),
        _ => return Ok(()),
    };
    let event = event.with("objects", objects);
    context.report.warn(match bucket.state {
        State::Elsewhere if bucket.unreadable => event.with("hint", "the bucket's row cannot be read: see PROBLEMS.jsonl"),
        State::Elsewhere => event.with("hint", "the bucket's row is in another Raft group's snapshot: give that file, or the data directories, as inputs too"),
        State::Live | State::Deleted => event,
    });
    Ok(())
}

impl Bucket {
    /// Counts a manifest; generations of a bucket come in ascending order.
    fn count(&mut self, generation: u64) {
        if self.state == State::Deleted || self.generation == Some(generation) {
            self.objects += 1;
        } else if !self.pinned {
            self.generation = Some(generation);
            self.objects = 1;
        }
    }
}
