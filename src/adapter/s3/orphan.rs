//! `_orphans/`: stored chunks that no emitted object uses (`s3.md` 4.9, D17).

use super::allowance::Allowance;
use super::census::Bucket;
use super::join::Object;
use super::path::ORPHANS;
use super::problem::{Class, Fault, RECORD, RENAME_OPTION};
use super::reference::{Target, Walk};
use crate::adapter::{Context, Scope};
use crate::dump::segment;
use crate::error::Result;
use crate::keyspace::Family;
use crate::keyspace::s3::ChunkKey;
use crate::store::{EntryBuf, RowLocation};

/// Writes each visible chunk of the object that its body, if it has one, does not use; those that `references`
/// lead to as far as they are there.
pub fn export(
    context: &mut Context<'_, '_>,
    scope: &mut Scope,
    bucket: (&Bucket, &[u8]),
    object: &Object,
    (references, allowance): (&mut Walk<'_>, &mut Allowance),
) -> Result<()> {
    let mut folder = Folder { bucket, object, refused: false };
    let mut chunk = EntryBuf::default();
    if let Some(first) = object.first_chunk {
        let prefix = [Family::S3Blob.prefix(), &object.encoded].concat();
        let mut entries = context.store.scan_prefix(&prefix, Some(first));
        while let Some(entry) = entries.next()? {
            // Warned of where all chunks were read.
            let Some(key) = ChunkKey::parse(Family::S3Blob, entry.key) else { continue };
            if !object.holds(&key, false) && !is_shadowed(context, Family::S3Blob, &key, &mut chunk)? {
                folder.write(context, scope, (&key, ".bin"), (entry.body, entry.place))?;
            }
        }
    }
    references.seek(&object.encoded)?;
    while let Some((key, reference)) = references.current()
        && key.starts_with(&object.encoded)
    {
        let key = ChunkKey::parse_rest(key).ok_or(RECORD)?;
        if let Target::Sound(place, length) = reference.target
            && !folder.refused
            && !object.holds(&key, true)
            && !is_shadowed(context, Family::S3ChunkRef, &key, &mut chunk)?
        {
            if let Err(fault) = allowance.take(length) {
                folder.refused = true;
                fault.report(context, bucket.1, &object.name, Some(place))?;
            } else {
                context.store.read(place, &mut chunk)?;
                folder.write(context, scope, (&key, ".ref.bin"), (&chunk.body, place))?;
            }
        }
        references.advance()?;
    }
    Ok(())
}

/// Where the orphans of one object go.
struct Folder<'o> {
    bucket: (&'o Bucket, &'o [u8]),
    object: &'o Object,
    /// Whether it was reported that there is no such place.
    refused: bool,
}

impl Folder<'_> {
    fn write(
        &mut self,
        context: &mut Context<'_, '_>,
        scope: &mut Scope,
        (key, extension): (&ChunkKey<'_>, &str),
        (body, place): (&[u8], RowLocation),
    ) -> Result<()> {
        if self.refused {
            return Ok(());
        }
        let (bucket, name) = self.bucket;
        let upload = segment::encode(&key.upload.upload.raw()).text;
        let file = format!("{upload}_{:016x}_{:016x}_{:016x}{extension}", key.part, key.chunk, key.version());
        let Some(path) = self.path(&file, context.options.rename_collisions) else {
            self.refused = true;
            let message = if bucket.directory.is_none() {
                "a bucket of this name has no directory".to_owned()
            } else {
                format!("no directory can hold the orphan chunks of this key; {RENAME_OPTION}")
            };
            return Fault::new(Class::MalformedKey, message).report(
                context,
                name,
                &self.object.name,
                Some(place),
            );
        };
        match context.tree.write(&path, body) {
            Ok(()) => bucket.enter(context, scope, name),
            Err(error) => {
                context.tree.remove_empty_directories(&path)?;
                Fault::of_file(error)?.report(context, name, &self.object.name, Some(place))
            }
        }
    }

    /// Returns the path of a file, unless bucket or object have a name that no directory can have. With
    /// `rename` the object's takes the fallback that it would have as an object (D10).
    fn path(&self, file: &str, rename: bool) -> Option<Vec<u8>> {
        let mut object = segment::encode(&self.object.name).text;
        if matches!(&*object, "" | "." | "..") {
            if !rename {
                return None;
            }
            object = segment::fallback(&self.object.name);
        }
        let generation = format!("gen-{}", self.object.generation);
        let parts = [ORPHANS, object.as_bytes(), generation.as_bytes(), file.as_bytes()];
        self.bucket.0.path(&parts.join(&b'/'))
    }
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

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::adapter::Options;
    use crate::adapter::fixture::Rows;
    use crate::adapter::s3::census::State;
    use crate::adapter::s3::reference::References;
    use crate::keyspace::s3::{ObjectKey, Segment};

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
            let bucket = Bucket::named(b"b", State::Live);
            let object = Object::new(&ObjectKey::take(&mut &encoded[..]).unwrap());
            let mut allowance = Allowance::leaving(14);
            let bounded = (&mut walk.unwrap(), &mut allowance);
            export(context, &mut scope, (&bucket, b"b"), &object, bounded)?;
            Ok(scope)
        });
        let dumped = dumped.unwrap();
        assert_eq!(dumped.files.values().filter(|body| **body == b"chunk").count(), 2);
        assert_eq!(dumped.classes(), [("S3_SIZE_OVER_LIMIT".to_owned(), b"o".to_vec())]);
    }
}
