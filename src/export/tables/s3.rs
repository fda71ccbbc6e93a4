//! Rows of buckets and objects of S3.

use sha2::{Digest, Sha256};

use super::Tables;
use super::schema::{self, Cell};
use crate::error::Result;
use crate::model::s3::{Bucket, Headers, ObjectHead};
use crate::time::Hlc;
use crate::tree::json::{self, Html};

/// The object whose body comes.
pub(super) struct OpenObject {
    bucket: Vec<u8>,
    key: Vec<u8>,
    headers: Headers<'static>,
    part_sizes: Vec<u64>,
    commit_ts: Hlc,
    pub(super) hash: Sha256,
}

impl Tables {
    pub(super) fn bucket(&mut self, bucket: &Bucket<'_>) -> Result<()> {
        let [name, base64] = Cell::pair(bucket.name);
        let text =
            |text: fn(&crate::model::s3::BucketMeta) -> &str| Cell::given(bucket.meta.map_or("", text));
        let cells = [
            name,
            base64,
            Cell::known(bucket.meta.map_or(Hlc::ZERO, |meta| meta.created_at).ms().0),
            text(|meta| &meta.owner),
            text(|meta| &meta.region),
            text(|meta| &meta.acl),
            Cell::known(bucket.commit_ts.unwrap_or_default().0),
        ];
        self.store.row(&schema::BUCKETS, &cells)
    }

    pub(super) fn end_object(&mut self, open: OpenObject) -> Result<()> {
        let OpenObject { bucket, key, headers, part_sizes, commit_ts, hash } = open;
        let ([bucket, bucket_base64], [key, key_base64]) = (Cell::pair(&bucket), Cell::pair(&key));
        let digest = hex::encode(hash.finalize());
        let (mut metadata, mut parts) = (Vec::new(), Vec::new());
        json::compact(&mut metadata, &headers.user_metadata, Html::Raw);
        json::compact(&mut parts, &part_sizes, Html::Raw);
        let cells = [
            bucket,
            bucket_base64,
            key,
            key_base64,
            Cell::Int(headers.size),
            Cell::given(&headers.etag),
            Cell::Text(&digest),
            Cell::known(headers.last_modified.ms().0),
            Cell::given(&headers.content_type),
            Cell::given(&headers.content_encoding),
            Cell::given(&headers.cache_control),
            Cell::given(&headers.content_disposition),
            if headers.user_metadata.is_empty() { Cell::Null } else { Cell::Json(&metadata) },
            if part_sizes.is_empty() { Cell::Null } else { Cell::Json(&parts) },
            Cell::known(commit_ts.0),
        ];
        self.store.row(&schema::OBJECTS, &cells)
    }
}

impl OpenObject {
    pub(super) fn of(head: &ObjectHead<'_>) -> Self {
        let text = |text: &str| text.to_owned().into();
        let headers = head.headers;
        let metadata = &headers.user_metadata;
        Self {
            bucket: head.bucket.to_vec(),
            key: head.key.to_vec(),
            headers: Headers {
                etag: text(&headers.etag),
                size: headers.size,
                last_modified: headers.last_modified,
                content_type: text(&headers.content_type),
                content_encoding: text(&headers.content_encoding),
                cache_control: text(&headers.cache_control),
                content_disposition: text(&headers.content_disposition),
                user_metadata: metadata.iter().map(|(name, value)| (text(name), text(value))).collect(),
            },
            part_sizes: head.parts.iter().map(|part| part.size).collect(),
            commit_ts: head.commit_ts,
            hash: Sha256::new(),
        }
    }
}
