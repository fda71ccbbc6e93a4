//! `_orphans/`: stored chunks that no emitted object uses (`s3.md` 4.9, D17).

use sha2::{Digest, Sha256};

use super::census::Bucket;
use super::chunk_ref::ChunkRef;
use super::join::Object;
use super::path::ORPHANS;
use super::problem::{Class, Fault};
use crate::adapter::{Context, Scope};
use crate::dump::segment;
use crate::error::Result;
use crate::keyspace::Family;
use crate::keyspace::s3::ChunkKey;
use crate::store::EntryBuf;

/// Writes each visible chunk of the object that its body, if it has one, does not use.
pub fn export(
    context: &mut Context<'_, '_>,
    scope: &mut Scope,
    (bucket, name): (&Bucket, &[u8]),
    object: &Object,
) -> Result<()> {
    let segment = segment::encode(&object.name);
    let directory = [ORPHANS, segment.text.as_bytes()].join(&b'/');
    let Some(directory) = bucket.path(&directory) else { return Ok(()) };
    if matches!(&*segment.text, "" | "." | "..") {
        let fault = Fault::new(Class::MalformedKey, "no directory can hold the orphan chunks of this key");
        return fault.report(context, name, &object.name, object.first_chunk);
    }
    let mut path = [directory.as_slice(), format!("/gen-{}/", object.generation).as_bytes()].concat();
    let length = path.len();
    let mut chunk = EntryBuf::default();
    for (family, extension) in [(Family::S3Blob, ".bin"), (Family::S3ChunkRef, ".ref.bin")] {
        let prefix = [family.prefix(), &object.encoded].concat();
        let hint = object.first_chunk.filter(|_| family == Family::S3Blob);
        let mut entries = context.store.scan_prefix(&prefix, hint);
        while let Some(entry) = entries.next()? {
            let Some(key) = ChunkKey::parse(family, entry.key) else { continue };
            let offloaded = family == Family::S3ChunkRef;
            let used = object.live.as_ref().is_some_and(|live| {
                *live.upload == *key.upload.upload.raw() && live.body.declares(&key, offloaded)
            });
            if used || is_shadowed(context, family, &key, &mut chunk)? {
                continue;
            }
            let body = if offloaded {
                match ChunkRef::parse(entry.body) {
                    Some(reference) if find(context, &reference, &mut chunk)? => &chunk.body,
                    _ => continue,
                }
            } else {
                entry.body
            };
            path.truncate(length);
            let upload = segment::encode(&key.upload.upload.raw());
            let numbers = format!("_{:016x}_{:016x}_{:016x}", key.part, key.chunk, key.version());
            for text in [&upload.text, &*numbers, extension] {
                path.extend_from_slice(text.as_bytes());
            }
            match context.tree.write(&path, body) {
                Ok(()) => bucket.enter(context, scope, name)?,
                Err(error) => {
                    context.tree.remove_empty_directories(&path)?;
                    Fault::of_file(error)?.report(context, name, &object.name, Some(entry.place))?;
                }
            }
        }
    }
    Ok(())
}

/// Whether a row under an explicit version 0 denotes a chunk that has a row without a version too (1.3).
fn is_shadowed(
    context: &Context<'_, '_>,
    family: Family,
    key: &ChunkKey<'_>,
    entry: &mut EntryBuf,
) -> Result<bool> {
    Ok(key.explicit_version == Some(0) && context.store.get(&key.unversioned(family), entry)?)
}

/// Reads the chunk that a reference names; `false` when there is none, or only a damaged one.
fn find(context: &Context<'_, '_>, reference: &ChunkRef, entry: &mut EntryBuf) -> Result<bool> {
    let key = [Family::S3ChunkBlob.prefix(), hex::encode(reference.digest).as_bytes()].concat();
    Ok(context.store.get(&key, entry)? && Sha256::digest(&entry.body)[..] == reference.digest)
}
