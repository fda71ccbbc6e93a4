//! Which buckets there are, in which state, and which generation of each is emitted (`s3.md` 3.2).

use std::collections::BTreeMap;

use super::bucket::BucketMeta;
use super::path::BUCKET_FILE;
use super::problem::{Class, Fault, warn_bad_key};
use crate::adapter::{Context, Scope};
use crate::dump::segment;
use crate::error::Result;
use crate::excerpt::name_or_length;
use crate::keyspace::s3::{ObjectKey, UploadKey, parse_bucket};
use crate::keyspace::{Family, Owner};
use crate::limits;
use crate::report::Warning;

/// What the bucket row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The bucket exists.
    Live,
    /// The bucket was deleted.
    Deleted,
    /// The row is in another group's snapshot, or cannot be read.
    Elsewhere,
}

/// A bucket for which some row was seen.
#[derive(Clone, Debug)]
pub struct Bucket {
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
    /// `s3/<BUCKET>`, and whether it is a SHA fallback; `None` for a name that no directory can have.
    pub directory: Option<(Vec<u8>, bool)>,
}

impl Bucket {
    /// Returns a bucket of which nothing but the name is known.
    pub fn named(name: &[u8], state: State) -> Self {
        let directory = has_directory(name).then(|| {
            let segment = segment::encode(name);
            ([b"s3/", segment.text.as_bytes()].concat(), segment.fallback)
        });
        Self { state, generation: None, unreadable: false, pinned: false, objects: 0, directory }
    }

    /// Enters the bucket into the scope when its first file is written, with the record of its directory.
    pub fn enter(&self, context: &mut Context<'_, '_>, scope: &mut Scope, name: &[u8]) -> Result<()> {
        if scope.contains_key(name) {
            return Ok(());
        }
        scope.insert(name.to_vec(), 0);
        if let Some((directory, true)) = &self.directory {
            context.tree.keymap().push(directory, name)?;
        }
        Ok(())
    }

    /// Returns the path of a file of the bucket, from the root of the dump.
    pub fn path(&self, file: &[u8]) -> Option<Vec<u8>> {
        self.directory.as_ref().map(|(directory, _)| [directory, file].join(&b'/'))
    }
}

/// Whether a directory can stand for a bucket of that name.
pub fn has_directory(name: &[u8]) -> bool {
    // The record of a longer name would be a line that no reader of KEYMAPs takes.
    !matches!(name, b"" | b"." | b"..") && name.len() <= limits::KEYMAP_ORIGINAL
}

/// Returns the name of a bucket as the scope of a problem: one of megabytes stands in the line once, as its key.
pub fn scope_of(name: &[u8]) -> &[u8] {
    if name.len() > limits::KEYMAP_ORIGINAL { b"" } else { name }
}

/// All buckets in scope, by name.
pub type Buckets = BTreeMap<Vec<u8>, Bucket>;

/// Finds the buckets, writes `_bucket.json` of each and `extra/s3/buckets.jsonl`, and reports what is wrong with
/// them.
pub fn take(context: &mut Context<'_, '_>, scope: &mut Scope) -> Result<Buckets> {
    let mut buckets = Buckets::new();
    traces(context, &mut buckets)?;
    rows(context, scope, &mut buckets)?;
    heads(context, &mut buckets)?;
    uploads(context, &mut buckets)?;
    for (name, bucket) in &buckets {
        conclude(context, name, bucket)?;
    }
    Ok(buckets)
}

/// Enters as deleted what has a generation counter or any version of a bucket row.
fn traces(context: &mut Context<'_, '_>, buckets: &mut Buckets) -> Result<()> {
    let mut versions = context.store.versions(Family::S3BucketMeta);
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
    let mut counters = context.store.scan(Family::S3BucketGeneration);
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
        if !context.options.in_scope(Owner::S3, name) {
            return None;
        }
        buckets.insert(name.to_vec(), Bucket::named(name, state));
    }
    buckets.get_mut(name)
}

/// Reads the visible bucket rows.
fn rows(context: &mut Context<'_, '_>, scope: &mut Scope, buckets: &mut Buckets) -> Result<()> {
    let mut lines = None;
    let mut text = Vec::new();
    let mut entries = context.store.scan(Family::S3BucketMeta);
    while let Some(entry) = entries.next()? {
        let Some(name) = parse_bucket(Family::S3BucketMeta, entry.key) else {
            let fault = Fault::new(Class::MalformedKey, "the key of a bucket row does not parse");
            fault.report(context, b"", entry.key, Some(entry.place))?;
            continue;
        };
        let Some(bucket) = buckets.get_mut(&*name).filter(|_| !entry.body.is_empty()) else { continue };
        let meta = match BucketMeta::parse(entry.body) {
            Ok(meta) => meta,
            Err(invalid) => {
                bucket.state = State::Elsewhere;
                bucket.unreadable = true;
                let fault = Fault::new(Class::InvalidBucketMeta, invalid.to_string());
                fault.report(context, &name, &name, Some(entry.place))?;
                continue;
            }
        };
        bucket.state = State::Live;
        bucket.pinned = meta.generation > 0;
        bucket.generation = bucket.pinned.then_some(meta.generation);
        let Some(path) = bucket.path(BUCKET_FILE) else { continue };
        text.clear();
        meta.write_file(&mut text, &name);
        context.tree.write(&path, &text)?;
        bucket.enter(context, scope, &name)?;
        if !context.options.no_extra {
            text.clear();
            meta.write_line(&mut text, &name);
            if lines.is_none() {
                lines = Some(context.tree.file(b"extra/s3/buckets.jsonl")?);
            }
            if let Some(lines) = &mut lines {
                lines.write(&text)?;
            }
        }
    }
    Ok(lines.map_or(Ok(()), |lines| lines.finish(context.tree))?)
}

/// Counts the visible manifests, and finds the generation where no bucket row names it.
fn heads(context: &mut Context<'_, '_>, buckets: &mut Buckets) -> Result<()> {
    let mut entries = context.store.scan(Family::S3ObjectHead);
    while let Some(entry) = entries.next()? {
        let Some(key) = ObjectKey::parse(entry.key) else {
            let fault = Fault::new(Class::MalformedKey, "the key of a manifest does not parse");
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
    let mut entries = context.store.scan(Family::S3UploadMeta);
    while let Some(entry) = entries.next()? {
        // Malformed keys matter only where uploads are written (4.8).
        let Some(key) = UploadKey::parse(entry.key) else { continue };
        let name = key.object.bucket.raw();
        let Some(bucket) = enter(context, buckets, &name, State::Elsewhere) else { continue };
        if bucket.state != State::Deleted && !bucket.pinned && bucket.objects == 0 {
            bucket.generation = bucket.generation.max(Some(key.object.generation));
        }
    }
    Ok(())
}

fn conclude(context: &mut Context<'_, '_>, name: &[u8], bucket: &Bucket) -> Result<()> {
    let objects = bucket.objects;
    let emitted = bucket.state == State::Live || (bucket.state == State::Elsewhere && objects > 0);
    if bucket.directory.is_none() && emitted {
        let message = format!("a bucket of this name has no directory; it has {objects} objects");
        return Fault::new(Class::MalformedKey, message).report(context, scope_of(name), name, None);
    }
    let event = match (bucket.state, bucket.generation) {
        (State::Deleted, _) if objects > 0 => {
            Warning::new("s3_bucket_deleted").with("bucket", name_or_length(name))
        }
        (State::Elsewhere, Some(generation)) => Warning::new("s3_bucket_meta_missing")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_directory_as_long_as_a_keymap_line_holds_it() {
        let named = |name: &[u8]| Bucket::named(name, State::Live).directory.map(|(_, fallback)| fallback);
        assert_eq!(named(b"photos"), Some(false));
        assert_eq!(named(&vec![b'n'; limits::KEYMAP_ORIGINAL]), Some(true));
        for name in [&b""[..], b".", b"..", &vec![b'n'; limits::KEYMAP_ORIGINAL + 1]] {
            assert_eq!(named(name), None);
        }
    }
}
