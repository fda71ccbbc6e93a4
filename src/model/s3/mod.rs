//! S3: buckets, their objects, and what a server keeps beside them (`format/s3.md#values`).

mod parts;

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Summary;
use crate::error::Result;
pub use crate::event::Class;
use crate::keyspace::Family;
pub use crate::model::Refusal as Fault;
use crate::time::Hlc;
pub use parts::Part;

/// An object of the service. Buckets come first, all of them; then by bucket, until its scope ends, its objects, each
/// with the orphans of its key after it; then by bucket once more the records of its uploads.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// A bucket.
    Bucket(&'a Bucket<'a>),
    /// The head of an object; its body follows.
    Object(&'a ObjectHead<'a>),
    /// A chunk that no object uses.
    Orphan(&'a Orphan<'a>),
    /// A record of an upload in progress.
    Upload(&'a UploadRecord<'a>),
}

/// A bucket.
#[derive(Clone, Copy, Debug)]
pub struct Bucket<'a> {
    /// Name that the row keys encode, which counts.
    pub name: &'a [u8],
    /// What is stored of it; `None` where its row is in another group's snapshot, or cannot be read.
    pub meta: Option<&'a BucketMeta>,
    /// Commit time of its row, HLC.
    pub commit_ts: Option<Hlc>,
}

/// A bucket row. The key names the bucket, not the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketMeta {
    /// Generation whose objects are live.
    pub generation: u64,
    /// Creation, an HLC timestamp; 0 is unknown.
    pub created_at: Hlc,
    /// Access key of the creator; empty when it was not stored.
    pub owner: String,
    /// Empty when it was not stored.
    pub region: String,
    /// `private` or `public-read`; empty in older rows.
    pub acl: String,
}

/// An object of a bucket.
#[derive(Clone, Copy, Debug)]
pub struct ObjectHead<'a> {
    /// Its bucket.
    pub bucket: &'a [u8],
    /// Generation of the bucket.
    pub generation: u64,
    /// Its key.
    pub key: &'a [u8],
    /// Its headers.
    pub headers: &'a Headers<'a>,
    /// The parts by which an upload gives its `ETag`; none of one that went up in one request, or has another one.
    pub parts: &'a [Part],
    /// Commit time of its manifest, HLC.
    pub commit_ts: Hlc,
}

/// The headers of an object. Texts borrow from the row where they can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    /// Unquoted.
    pub etag: Cow<'a, str>,
    /// Length of the body, bytes.
    pub size: i64,
    /// When the object was written, an HLC timestamp; 0 is unknown.
    pub last_modified: Hlc,
    /// Empty like the three that follow: the header was not given.
    pub content_type: Cow<'a, str>,
    /// `Content-Encoding`.
    pub content_encoding: Cow<'a, str>,
    /// `Cache-Control`.
    pub cache_control: Cow<'a, str>,
    /// `Content-Disposition`.
    pub content_disposition: Cow<'a, str>,
    /// Names without `x-amz-meta-`.
    pub user_metadata: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

/// A stored chunk that no emitted object uses.
#[derive(Clone, Copy, Debug)]
pub struct Orphan<'a> {
    /// Its bucket.
    pub bucket: &'a [u8],
    /// Generation of the bucket.
    pub generation: u64,
    /// Key of the object that it was stored for.
    pub key: &'a [u8],
    /// Upload that it was stored by.
    pub upload: &'a [u8],
    /// Part number.
    pub part: u64,
    /// Number of the chunk in its part.
    pub chunk: u64,
    /// Version of the part.
    pub version: u64,
    /// Whether a chunk reference leads to it.
    pub offloaded: bool,
    /// Its bytes.
    pub body: &'a [u8],
}

/// A row of an upload in progress.
#[derive(Clone, Copy, Debug)]
pub struct UploadRecord<'a> {
    /// Its bucket.
    pub bucket: &'a [u8],
    /// Its family.
    pub family: Family,
    /// The whole user key.
    pub row_key: &'a [u8],
    /// The stored value.
    pub value: &'a [u8],
    /// Key of the object that is uploaded.
    pub key: &'a [u8],
    /// Commit time, HLC.
    pub commit_ts: Hlc,
}

/// What will come of one generation of a bucket, asked before its objects come.
pub trait Announced {
    /// Calls `each` with the keys of all objects that have a sound manifest, in the order in which they will come. Asked
    /// again, it answers the same.
    fn keys(&mut self, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;

    /// Whether there is a manifest of this key, sound or not.
    fn has(&mut self, key: &[u8]) -> Result<bool>;

    /// Whether orphans will come, as far as the number of rows tells.
    fn has_orphans(&mut self) -> Result<bool>;

    /// Whether records of uploads will come.
    fn has_uploads(&mut self) -> Result<bool>;
}

impl Object<'_> {
    /// Returns the name of its bucket.
    #[must_use]
    pub fn bucket(&self) -> &[u8] {
        match self {
            Self::Bucket(bucket) => bucket.name,
            Self::Object(object) => object.bucket,
            Self::Orphan(orphan) => orphan.bucket,
            Self::Upload(record) => record.bucket,
        }
    }

    pub(super) fn summary(&self) -> Summary<'_> {
        let s3 = Summary { service: "s3", ..Summary::default() };
        match self {
            Self::Bucket(bucket) => {
                Summary { scope: bucket.name.into(), kind: "bucket", commit_ts: bucket.commit_ts, ..s3 }
            }
            Self::Object(object) => Summary {
                scope: object.bucket.into(),
                name: object.key.into(),
                kind: "object",
                bytes: u64::try_from(object.headers.size).ok(),
                commit_ts: object.commit_ts.known(),
                ..s3
            },
            Self::Orphan(orphan) => Summary {
                scope: orphan.bucket.into(),
                name: orphan.key.into(),
                kind: "orphan_chunk",
                bytes: u64::try_from(orphan.body.len()).ok(),
                ..s3
            },
            Self::Upload(record) => Summary {
                scope: record.bucket.into(),
                name: record.key.into(),
                kind: if record.family == Family::S3UploadMeta { "upload" } else { "upload_part" },
                commit_ts: record.commit_ts.known(),
                ..s3
            },
        }
    }
}
