//! Rows of S3 buckets and objects (`encoding.md#rows-of-s3`).

use std::collections::BTreeSet;

use super::bodies::Place;
use super::rows::Rows;
use super::{NOT_OPEN, Options};
use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::keyspace::Family;
use crate::keyspace::s3::{ChunkKey, ObjectKey, UploadKey};
use crate::model::s3::{Bucket, BucketMeta, Headers, Object, ObjectHead, Part};
use crate::model::{Answer, Piece, Refusal};
use crate::report::Report;
use crate::service::s3::manifest::{self, CHUNK, PART};
use crate::time::Hlc;

/// Generation of all buckets: that of the source is not in a dump, and none refers to it.
const GENERATION: u64 = 1;
/// The upload that all bodies came with.
const UPLOAD: &str = "elastickv-restore";
/// What a bucket without a record is served as.
const REGION: &str = "us-east-1";
const ACL: &str = "private";

/// The object at hand, and what is not restored.
#[derive(Debug, Default)]
pub(super) struct S3 {
    open: Option<Open>,
    /// Bytes of the body that are no whole chunk yet.
    chunk: Vec<u8>,
    orphans: u64,
    uploads: u64,
    /// Names of the buckets so far.
    buckets: BTreeSet<Vec<u8>>,
}

#[derive(Debug)]
struct Open {
    /// Bucket, generation and key as they are in keys; the upload follows in those of chunks.
    object: Vec<u8>,
    upload: Vec<u8>,
    headers: Headers<'static>,
    /// The parts that it was uploaded in; none where it becomes one.
    parts: Vec<Part>,
    /// The part at hand, from 0, and its bytes whose rows are there.
    at: (usize, u64),
    /// Bytes of the body whose rows are there.
    done: u64,
}

impl S3 {
    /// Adds the rows of a bucket; of an object they follow with its body.
    pub(super) fn object(&mut self, rows: &mut Rows, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::Bucket(bucket) => {
                self.buckets.insert(bucket.name.to_vec());
                return bucket_rows(rows, bucket);
            }
            Object::Object(head) => {
                self.chunk.clear();
                self.open = Some(Open::new(head));
                return Ok(Answer::Open);
            }
            Object::Orphan(_) => self.orphans += 1,
            Object::Upload(_) => self.uploads += 1,
        }
        Ok(Answer::Left)
    }

    /// Whether no bucket of this name has come.
    pub(super) fn lacks_bucket(&self, name: &[u8]) -> bool {
        !self.buckets.contains(name)
    }

    /// Adds the rows of whole chunks.
    pub(super) fn piece(&mut self, rows: &mut Rows, piece: Piece<'_>) -> Result<Answer> {
        let Some(open) = &mut self.open else { return Err(NOT_OPEN.into()) };
        match piece {
            Piece::File { path, length, digest } => {
                if !self.chunk.is_empty() {
                    return Err(NOT_OPEN.into());
                }
                let mut offset = 0;
                while offset < length {
                    let length = open.chunk().min(length - offset);
                    let place = Place { path, digest: *digest, offset, length };
                    open.add(place.length, |key| rows.row_at(key, place))?;
                    offset += place.length;
                }
            }
            Piece::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    let whole = open.chunk();
                    let room = usize::try_from(whole - length(&self.chunk)).unwrap_or(usize::MAX);
                    let (head, rest) = bytes.split_at(room.min(bytes.len()));
                    if self.chunk.is_empty() && length(head) == whole {
                        open.add(whole, |key| rows.row_spooled(key, head))?;
                    } else {
                        self.chunk.extend_from_slice(head);
                        if length(&self.chunk) == whole {
                            open.add(whole, |key| rows.row_spooled(key, &self.chunk))?;
                            self.chunk.clear();
                        }
                    }
                    bytes = rest;
                }
            }
            Piece::Zeros(mut count) => {
                while count > 0 {
                    let whole = open.chunk();
                    let zeros = count.min(whole - length(&self.chunk));
                    self.chunk.resize(self.chunk.len() + usize::try_from(zeros).unwrap_or_default(), 0);
                    if length(&self.chunk) == whole {
                        open.add(whole, |key| rows.row_spooled(key, &self.chunk))?;
                        self.chunk.clear();
                    }
                    count -= zeros;
                }
            }
            Piece::Element(_) => return Err(NOT_OPEN.into()),
        }
        Ok(Answer::Open)
    }

    /// Adds the rows of the last chunk and of the manifest.
    pub(super) fn end(&mut self, rows: &mut Rows) -> Result<Answer> {
        let Some(mut open) = self.open.take() else { return Err(NOT_OPEN.into()) };
        if !self.chunk.is_empty() {
            open.add(length(&self.chunk), |key| rows.row_spooled(key, &self.chunk))?;
        }
        if u64::try_from(open.headers.size) != Ok(open.done) {
            let message =
                format!("its record tells of {} bytes, and there are {}", open.headers.size, open.done);
            rows.refuse(Refusal::new(Class::S3_CORRUPT_OBJECT, message));
            return Ok(Answer::Taken);
        }
        rows.row(
            |out| {
                out.extend_from_slice(Family::S3ObjectHead.prefix());
                out.extend_from_slice(&open.object);
            },
            |out| manifest::write(out, UPLOAD, &open.headers, open.done, &open.parts),
        )?;
        Ok(Answer::Taken)
    }

    /// Says what was not restored.
    pub(super) fn finish(&mut self, report: &mut Report<'_>) {
        let (orphans, uploads) = (std::mem::take(&mut self.orphans), std::mem::take(&mut self.uploads));
        if orphans + uploads > 0 {
            report.warn(
                Warning::new(Event::ENCODE_S3_NOT_RESTORED)
                    .with("orphan_chunks", orphans)
                    .with("upload_records", uploads),
            );
        }
    }
}

/// Returns a bucket's record as it is restored.
pub(super) fn restored(bucket: &Bucket<'_>, report: &mut Report<'_>, options: &Options) -> BucketMeta {
    let mut meta = bucket.meta.cloned().unwrap_or_else(|| {
        let name = String::from_utf8_lossy(bucket.name);
        report.warn(Warning::new(Event::ENCODE_BUCKET_DEFAULTS).with("bucket", name));
        BucketMeta { region: REGION.to_owned(), acl: ACL.to_owned(), ..BucketMeta::default() }
    });
    meta.generation = GENERATION;
    meta.created_at = if options.reference_rows { Hlc::ZERO } else { meta.created_at.start_of_ms() };
    meta
}

/// Adds the rows of a bucket.
fn bucket_rows(rows: &mut Rows, bucket: &Bucket<'_>) -> Result<Answer> {
    let meta = bucket.meta.cloned().unwrap_or_default();
    let key = |family| move |out: &mut Vec<u8>| out.extend(ObjectKey::bucket_prefix(family, bucket.name));
    rows.row(key(Family::S3BucketMeta), |out| meta.write(out, bucket.name))?;
    rows.row(key(Family::S3BucketGeneration), |out| out.extend_from_slice(&GENERATION.to_be_bytes()))?;
    Ok(Answer::Taken)
}

impl Open {
    fn new(head: &ObjectHead<'_>) -> Self {
        let mut object = Vec::new();
        ObjectKey::write(&mut object, head.bucket, GENERATION, head.key);
        let mut upload = object.clone();
        UploadKey::write(&mut upload, UPLOAD.as_bytes());
        let owned = |text: &str| text.to_owned().into();
        let Headers { etag, size, last_modified, content_type, .. } = head.headers;
        let headers = Headers {
            etag: owned(etag),
            size: *size,
            last_modified: last_modified.start_of_ms(),
            content_type: owned(content_type),
            content_encoding: owned(&head.headers.content_encoding),
            cache_control: owned(&head.headers.cache_control),
            content_disposition: owned(&head.headers.content_disposition),
            user_metadata: head
                .headers
                .user_metadata
                .iter()
                .map(|(name, value)| (owned(name), owned(value)))
                .collect(),
        };
        Self { object, upload, headers, parts: head.parts.to_vec(), at: (0, 0), done: 0 }
    }

    /// Returns the length of the next chunk, as far as there are bytes for it: none reaches into another part.
    fn chunk(&mut self) -> u64 {
        let (part, done) = &mut self.at;
        while self.parts.get(*part).is_some_and(|part| part.size == *done) && *part + 1 < self.parts.len() {
            (*part, *done) = (*part + 1, 0);
        }
        match self.parts.get(*part) {
            Some(part) if part.size > *done => CHUNK.min(part.size - *done),
            // What is longer than its parts is refused at the end.
            _ => CHUNK,
        }
    }

    /// Adds the row of the next chunk.
    fn add(
        &mut self,
        length: u64,
        row: impl FnOnce(&mut dyn FnMut(&mut Vec<u8>)) -> Result<()>,
    ) -> Result<()> {
        let (part, done) = self.at;
        let number = (PART.saturating_add(u64::try_from(part).unwrap_or(u64::MAX)), done / CHUNK);
        row(&mut |out: &mut Vec<u8>| ChunkKey::write(out, Family::S3Blob, &self.upload, number))?;
        self.at.1 = done.saturating_add(length);
        self.done = self.done.saturating_add(length);
        Ok(())
    }
}

fn length(chunk: &[u8]) -> u64 {
    u64::try_from(chunk.len()).unwrap_or(u64::MAX)
}
