//! One live object: its manifest, its body on the way, and the files that it becomes.

use super::body::Body;
use super::census::Bucket;
use super::manifest::Manifest;
use super::path::Placement;
use super::problem::{Class, Fault, ORDER};
use super::sidecar;
use crate::adapter::Context;
use crate::dump::keymap;
use crate::error::Result;
use crate::excerpt::name_or_length;
use crate::report::Warning;
use crate::store::{EntryBuf, RowLocation};

/// An object that is being written.
#[derive(Debug)]
pub struct Live {
    /// The upload whose rows hold the body.
    pub upload: Vec<u8>,
    /// The body.
    pub body: Body,
    /// Path in the bucket and kind of the KEYMAP record, for an object that does not stand at its key.
    pub renamed: Option<(Vec<u8>, keymap::Kind)>,
    /// Where the manifest stands.
    pub place: Option<RowLocation>,
    sidecar: Vec<u8>,
}

impl Live {
    /// Starts with the manifest's row.
    pub fn open(
        context: &mut Context<'_, '_>,
        bucket: (&Bucket, &[u8]),
        object: &[u8],
        placement: Option<Placement>,
        head: &EntryBuf,
    ) -> Result<Result<Self, Fault>> {
        let manifest = match Manifest::parse(&head.body) {
            Ok(manifest) => manifest,
            Err(fault) => return Ok(Err(fault)),
        };
        let renamed = match placement {
            Some(Placement::Failed(fault)) => return Ok(Err(fault)),
            Some(Placement::At(path, kind)) => match keymap::too_long(&path, object) {
                Some(message) => return Ok(Err(Fault::new(Class::Io, message))),
                None => Some((path, kind)),
            },
            None => None,
        };
        for part in manifest.parts.iter().filter(|part| part.chunks() != part.chunk_count) {
            context.report.warn(
                Warning::new("s3_chunk_count_mismatch")
                    .with("bucket", name_or_length(bucket.1))
                    .with("object", name_or_length(object))
                    .with("part", part.number)
                    .with("chunk_count", part.chunk_count)
                    .with("chunk_sizes", part.chunk_sizes.len()),
            );
        }
        let path = bucket.0.path(renamed.as_ref().map_or(object, |(path, _)| path)).ok_or(ORDER)?;
        let mut sidecar = Vec::new();
        sidecar::write(&mut sidecar, &manifest);
        Ok(Ok(Self {
            upload: manifest.upload_id.as_bytes().to_vec(),
            body: Body::new(path, manifest.size, manifest.parts),
            renamed,
            place: head.place,
            sidecar,
        }))
    }

    /// Finishes the body and writes the sidecar; the body counts only when both are there.
    pub fn finish(&mut self, context: &mut Context<'_, '_>) -> Result<Result<(), Fault>> {
        let fault = match self.body.finish(context.tree)? {
            Ok(file) => {
                let path = [self.body.path(), sidecar::SUFFIX].concat();
                match context.tree.write(&path, &self.sidecar) {
                    Ok(()) => {
                        file.finish(context.tree)?;
                        return Ok(Ok(()));
                    }
                    Err(error) => Fault::of_file(error)?,
                }
            }
            Err(fault) => fault,
        };
        context.tree.remove_empty_directories(self.body.path())?;
        Ok(Err(fault))
    }
}
