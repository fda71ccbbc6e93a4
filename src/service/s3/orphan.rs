//! Orphans: stored chunks that no emitted object uses (`tree/s3.md#orphans`, `compat.md#orphans-are-exported-in-part`).

use super::allowance::Allowance;
use super::join::Object;
use super::problem::{Class, RECORD};
use super::reference::{Target, Walk};
use crate::error::Result;
use crate::keyspace::Family;
use crate::keyspace::s3::ChunkKey;
use crate::model::{self, s3};
use crate::service::{Context, Scope};
use crate::snapshot::{EntryBuf, RowLocation};

/// Passes on each visible chunk of the object that its body, if it has one, does not use; those that `references`
/// lead to as far as they are there.
pub(super) fn export(
    context: &mut Context<'_, '_>,
    scope: &mut Scope,
    bucket: &[u8],
    object: &Object,
    (references, allowance): (&mut Walk<'_>, &mut Allowance),
) -> Result<()> {
    let mut folder = Folder { bucket, object, refused: false };
    let mut chunk = EntryBuf::default();
    if let Some(first) = object.first_chunk {
        let prefix = [Family::S3Blob.prefix(), &object.encoded].concat();
        let mut entries = context.snapshot.scan_prefix(&prefix, Some(first));
        while let Some(entry) = entries.next()? {
            // Warned of where all chunks were read.
            let Some(key) = ChunkKey::parse(Family::S3Blob, entry.key) else { continue };
            if !object.holds(&key, false) && !is_shadowed(context, Family::S3Blob, &key, &mut chunk)? {
                folder.put(context, scope, (&key, false), (entry.body, entry.place))?;
            }
        }
    }
    references.seek(&object.encoded)?;
    while let Some((key, reference)) = references.current()
        && key.starts_with(&object.encoded)
    {
        let key = ChunkKey::parse_rest(key).ok_or_else(|| RECORD.at((key, &[][..])))?;
        if let Target::Sound(place, length) = reference.target
            && !folder.refused
            && !object.holds(&key, true)
            && !is_shadowed(context, Family::S3ChunkRef, &key, &mut chunk)?
        {
            if let Err(fault) = allowance.take(length) {
                folder.refused = true;
                fault.report(context, bucket, &object.name, Some(place))?;
            } else {
                context.snapshot.read(place, &mut chunk)?;
                folder.put(context, scope, (&key, true), (&chunk.body, place))?;
            }
        }
        references.advance()?;
    }
    Ok(())
}

/// The orphans of one object on their way.
struct Folder<'o> {
    bucket: &'o [u8],
    object: &'o Object,
    /// Whether it was reported that they have no place.
    refused: bool,
}

impl Folder<'_> {
    fn put(
        &mut self,
        context: &mut Context<'_, '_>,
        scope: &mut Scope,
        (key, offloaded): (&ChunkKey<'_>, bool),
        (body, place): (&[u8], RowLocation),
    ) -> Result<()> {
        if self.refused {
            return Ok(());
        }
        let Self { bucket, object, .. } = *self;
        let orphan = s3::Orphan {
            bucket,
            generation: object.generation,
            key: &object.name,
            upload: &key.upload.upload.raw(),
            part: key.part,
            chunk: key.chunk,
            version: key.version(),
            offloaded,
            body,
        };
        let Some(refusal) = context.put(model::Object::S3(s3::Object::Orphan(&orphan)))? else {
            scope.entry(bucket.to_vec()).or_default();
            return Ok(());
        };
        let fault = refusal;
        // The same of all chunks of the key.
        self.refused = fault.class == Class::S3_MALFORMED_KEY;
        fault.report(context, bucket, &object.name, Some(place))
    }
}

/// Whether a row under an explicit version 0 denotes a chunk that has a row without a version too (`format/s3.md#part-versions`).
fn is_shadowed(
    context: &Context<'_, '_>,
    family: Family,
    key: &ChunkKey<'_>,
    entry: &mut EntryBuf,
) -> Result<bool> {
    Ok(key.explicit_version == Some(0) && context.snapshot.get(&key.unversioned(family), entry)?)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::keyspace::s3::{ObjectKey, Segment};
    use crate::service::Options;
    use crate::service::fixture::Rows;
    use crate::service::s3::reference::References;

    #[test]
    fn orphans_take_from_what_references_may_ask_for() {
        let mut rows = Rows::default();
        let digest = Sha256::digest(b"chunk");
        rows.put(format!("!s3|chunkblob|{}", hex::encode(digest)).as_bytes(), b"chunk");
        let mut encoded = Vec::new();
        Segment::write(&mut encoded, b"b");
        encoded.extend_from_slice(&1_u64.to_be_bytes());
        Segment::write(&mut encoded, b"o");
        for chunk in 0..4_u64 {
            let mut key = [b"!s3|chunkref|", &encoded[..], b"u\0\x01"].concat();
            key.extend_from_slice(&[1_u64.to_be_bytes(), chunk.to_be_bytes()].concat());
            rows.put(&key, &[&[1][..], &digest, &5_u64.to_be_bytes(), &[0, 0]].concat());
        }
        let options = Options { include_orphans: true, ..Options::default() };
        let dumped = rows.dump(&options, |context| {
            let mut scope = Scope::new();
            let mut references = References::collect(context)?;
            let (_, walk) = references.walks()?;
            let object = Object::new(&ObjectKey::take(&mut &encoded[..]).unwrap());
            let mut allowance = Allowance::leaving(14);
            let bounded = (&mut walk.unwrap(), &mut allowance);
            export(context, &mut scope, b"b", &object, bounded)?;
            Ok(scope)
        });
        let dumped = dumped.unwrap();
        assert_eq!(dumped.files.values().filter(|body| **body == b"chunk").count(), 2);
        assert_eq!(dumped.classes(), [("S3_SIZE_OVER_LIMIT".to_owned(), b"o".to_vec())]);
    }
}
