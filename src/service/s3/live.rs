//! One live object: its manifest, and its body on the way.

use super::body::Body;
use super::manifest::Manifest;
use super::problem::Fault;
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::excerpt::name_or_length;
use crate::model::{Answer, Object, s3};
use crate::service::Context;
use crate::sink::Wants;
use crate::snapshot::{EntryBuf, RowLocation};

/// An object whose body is passed on.
#[derive(Debug)]
pub(super) struct Live {
    /// The upload whose rows hold the body.
    pub upload: Vec<u8>,
    /// The body.
    pub body: Body,
    /// Where the manifest stands.
    pub place: Option<RowLocation>,
}

impl Live {
    /// Starts with the manifest's row; nothing where the sink wants no body, unless another share takes it: what that
    /// asks for through chunk references counts here too.
    pub(super) fn open(
        context: &mut Context<'_, '_>,
        (bucket, generation, key): (&[u8], u64, &[u8]),
        head: &EntryBuf,
    ) -> Result<Result<Option<Self>, Fault>> {
        let manifest = match Manifest::parse(&head.body) {
            Ok(manifest) => manifest,
            Err(fault) => return Ok(Err(fault)),
        };
        let (headers, commit_ts) = (&manifest.headers, head.commit_ts);
        let parts = manifest
            .parts
            .iter()
            .map(|part| Some(s3::Part { size: u64::try_from(part.size).ok()?, md5: part.md5? }));
        let parts = &s3::Part::proven(headers, parts.collect::<Option<_>>().unwrap_or_default());
        let object = s3::ObjectHead { bucket, generation, key, headers, parts, commit_ts };
        let object = Object::S3(s3::Object::Object(&object));
        let (open, is_others) = match context.sink.object(context.report, object)? {
            Answer::Refused(refusal) => return Ok(Err(refusal)),
            Answer::Left => {
                (false, context.sink.wants() != Wants::Heads && context.options.is_others(object))
            }
            answer => (answer == Answer::Open, false),
        };
        for part in manifest.parts.iter().filter(|part| part.chunks() != part.chunk_count) {
            context.report.warn(
                Warning::new(Event::S3_CHUNK_COUNT_MISMATCH)
                    .with("bucket", name_or_length(bucket))
                    .with("object", name_or_length(key))
                    .with("part", part.number)
                    .with("chunk_count", part.chunk_count)
                    .with("chunk_sizes", part.chunk_sizes.len()),
            );
        }
        let body = Body::new(manifest.headers.size, manifest.parts);
        Ok(Ok((open || is_others).then(|| Self {
            upload: manifest.upload_id.as_bytes().to_vec(),
            body: if is_others { body.of_other_share() } else { body },
            place: head.place,
        })))
    }

    /// Ends the body; the object counts only when all of it is there.
    pub(super) fn finish(&mut self, context: &mut Context<'_, '_>) -> Result<Result<(), Fault>> {
        if self.body.is_others() {
            return self.body.finish(context.sink);
        }
        if let Err(fault) = self.body.finish(context.sink)? {
            context.sink.abandon()?;
            return Ok(Err(fault));
        }
        match context.sink.end(context.report)? {
            Answer::Refused(refusal) => Ok(Err(refusal)),
            Answer::Taken | Answer::Open | Answer::Left => Ok(Ok(())),
        }
    }
}
