//! Which object a row is of, as far as its key tells.

use std::borrow::Cow;

use crate::cursor;
use crate::keyspace::dynamodb::{self, ItemKey};
use crate::keyspace::s3::{self, ChunkKey, ObjectKey, PartKey, UploadKey};
use crate::keyspace::{Family, Namespace, redis, sqs};

/// What a row's key tells of its object.
pub(super) struct Owner<'k> {
    /// Who reads the row.
    pub(super) service: Namespace,
    /// Table, bucket or queue; empty where there is none.
    pub(super) scope: Vec<u8>,
    /// Its name, where the key tells it.
    pub(super) key: Option<Cow<'k, [u8]>>,
}

/// Returns what a key tells; `None` where it is malformed.
pub(super) fn owner(family: Family, key: &[u8]) -> Option<Owner<'_>> {
    let service = family.owner();
    let of = |scope: Vec<u8>, key: Cow<'_, [u8]>| Owner {
        service,
        scope,
        key: Some(Cow::Owned(key.into_owned())),
    };
    let plain = |key| Owner { service, scope: Vec::new(), key: Some(Cow::Borrowed(key)) };
    let object = |key: ObjectKey<'_>| of(key.bucket.raw().into_owned(), key.object.raw());
    Some(match family {
        Family::Bare | Family::Unknown => plain(key),
        Family::HashMeta | Family::SetMeta | Family::ZsetMeta | Family::StreamMeta => {
            plain(redis::parse_meta(family, key)?)
        }
        Family::HashDelta | Family::SetDelta | Family::ZsetDelta => {
            plain(redis::parse_delta(family, key)?.key)
        }
        Family::HashField | Family::SetMember | Family::ZsetMember | Family::ZsetScore => {
            plain(redis::parse_element(family, key)?.0)
        }
        Family::StreamEntry => plain(redis::parse_entry(key)?.0),
        Family::ListItem => plain(redis::parse_item(key)?.key),
        Family::ListClaim => {
            let item = redis::parse_plain(family, key)?;
            plain(cursor::split_last_u64_be(item)?.0)
        }
        // Both readings of the key begin with it, or it is all there is.
        Family::ListDelta => match redis::parse_delta(family, key) {
            Some(delta) => plain(delta.key),
            None => plain(redis::parse_plain(Family::ListMeta, key)?),
        },
        _ if service == Namespace::Redis => plain(redis::parse_plain(family, key)?),
        Family::DynamodbItem => {
            let key = ItemKey::parse(key).ok()?;
            Owner { service, scope: dynamodb::table_name(key.table_segment).ok()?, key: None }
        }
        _ if service == Namespace::Dynamodb => {
            Owner { service, scope: dynamodb::any_table(key).ok()?, key: None }
        }
        Family::S3BucketMeta => {
            Owner { service, scope: s3::parse_bucket(family, key)?.into_owned(), key: None }
        }
        Family::S3ObjectHead => object(ObjectKey::parse(key)?),
        Family::S3UploadMeta => object(UploadKey::parse(key)?.object),
        Family::S3UploadPart => object(PartKey::parse(key)?.upload.object),
        Family::S3Blob | Family::S3ChunkRef => object(ChunkKey::parse(family, key)?.upload.object),
        _ if service == Namespace::Sqs => {
            let mut scope = Vec::new();
            sqs::any_queue(key)?.decode(&mut scope);
            Owner { service, scope, key: None }
        }
        _ if service == Namespace::Fs => Owner { service, scope: Vec::new(), key: None },
        _ => return None,
    })
}
