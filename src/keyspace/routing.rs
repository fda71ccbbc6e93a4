//! The routing key of a user key: what the cluster's ranges are compared with (`reading/groups.md#several-groups`).

use std::borrow::Cow;

use super::Family;
use super::s3::Segment;
use crate::cursor;

/// Routing prefix of DynamoDB tables.
const TABLE: &[u8] = b"!ddb|route|table|";
/// Routing prefix of S3 objects.
const OBJECT: &[u8] = b"!s3route|";

/// Returns the key that decides which Raft group holds a user key; `None` where the ranges alone do not decide
/// (queues, chunks of the filesystem, its counters, node-local chunks) or the key is malformed.
#[must_use]
pub fn routing_key(user_key: &[u8]) -> Option<Cow<'_, [u8]>> {
    let family = Family::of(user_key);
    let rest = user_key.get(family.prefix().len()..)?;
    match family {
        Family::RedisString
        | Family::RedisHll
        | Family::RedisTtl
        | Family::RedisHashBlob
        | Family::RedisSetBlob
        | Family::RedisZsetBlob
        | Family::RedisStreamBlob
        | Family::RedisFenceHash
        | Family::RedisFenceSet
        | Family::RedisFenceList
        | Family::RedisFenceZset
        | Family::ListMeta => Some(rest.into()),
        Family::ListItem => cursor::split_last_u64_be(rest).map(|(name, _)| name.into()),
        Family::ListDelta | Family::ListClaim => prefixed(rest).map(Into::into),
        Family::DynamodbTable | Family::DynamodbGeneration => Some([TABLE, rest].concat().into()),
        Family::DynamodbItem | Family::DynamodbIndex => {
            let end = memchr::memchr(b'|', rest)?;
            Some([TABLE, rest.get(..end)?].concat().into())
        }
        Family::S3ObjectHead
        | Family::S3UploadMeta
        | Family::S3UploadPart
        | Family::S3Blob
        | Family::S3ChunkRef
        | Family::S3GcUpload => Some([OBJECT, object(rest)?].concat().into()),
        // A record is placed by the key that it is about.
        Family::TxnLock | Family::TxnIntent => embedded(rest),
        Family::TxnCommit | Family::TxnRollback => embedded(cursor::split_last_u64_be(rest)?.0),
        Family::SqsQueueMeta
        | Family::SqsQueueGeneration
        | Family::SqsQueueSequence
        | Family::SqsQueueTombstone
        | Family::SqsData
        | Family::SqsVisibility
        | Family::SqsByAge
        | Family::SqsDedup
        | Family::SqsGroup
        | Family::S3ChunkBlob
        | Family::FsChunk
        | Family::FsUsageRoute => None,
        _ => Some(user_key.into()),
    }
}

/// Routes the key inside a transaction's record. A record of a record is none that a server writes.
fn embedded(user_key: &[u8]) -> Option<Cow<'_, [u8]>> {
    match Family::of(user_key) {
        Family::TxnLock | Family::TxnIntent | Family::TxnCommit | Family::TxnRollback => None,
        _ => routing_key(user_key),
    }
}

/// Reads bytes after their length.
fn prefixed(mut rest: &[u8]) -> Option<&[u8]> {
    let length = usize::try_from(cursor::take_u32_be(&mut rest)?).ok()?;
    cursor::take(&mut rest, length)
}

/// Returns bucket, generation and object as they stand at the front of the key.
fn object(rest: &[u8]) -> Option<&[u8]> {
    let mut after = rest;
    Segment::take(&mut after)?;
    cursor::take_u64_be(&mut after)?;
    Segment::take(&mut after)?;
    rest.get(..rest.len() - after.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn routes(user_key: &[u8], to: &[u8]) {
        assert_eq!(routing_key(user_key).as_deref(), Some(to));
    }

    #[test]
    fn strings_and_lists_are_placed_by_name_and_collections_by_storage_key() {
        routes(b"!redis|str|cart", b"cart");
        routes(b"!redis|txn-wide-hash|cart", b"cart");
        routes(b"!lst|meta|cart", b"cart");
        routes(b"!lst|itm|cart\x80\0\0\0\0\0\0\x01", b"cart");
        routes(b"!lst|claim|\0\0\0\x04cart\x80\0\0\0\0\0\0\x01", b"cart");
        routes(b"!lst|meta|d|\0\0\0\x04cart12345678abcd", b"cart");
        routes(b"!hs|fld|\0\0\0\x04cartf", b"!hs|fld|\0\0\0\x04cartf");
        routes(b"plain", b"plain");
        routes(b"", b"");
        for malformed in [&b"!lst|itm|short"[..], b"!lst|claim|\0\0\0\x05cart", b"!lst|claim|\0\0"] {
            assert_eq!(routing_key(malformed), None);
        }
    }

    #[test]
    fn items_are_placed_by_table_and_chunks_by_object() {
        routes(b"!ddb|meta|table|b3JkZXJz", b"!ddb|route|table|b3JkZXJz");
        routes(b"!ddb|item|b3JkZXJz|1|x", b"!ddb|route|table|b3JkZXJz");
        assert_eq!(routing_key(b"!ddb|item|b3JkZXJz"), None);
        let object = b"b\0\x01\0\0\0\0\0\0\0\x01a\0\xffb\0\x01";
        routes(&[&b"!s3|blob|"[..], object, b"u\0\x01rest"].concat(), &[b"!s3route|", &object[..]].concat());
        routes(&[&b"!s3|obj|head|"[..], object].concat(), &[b"!s3route|", &object[..]].concat());
        routes(b"!s3|bucket|meta|b\0\x01", b"!s3|bucket|meta|b\0\x01");
        assert_eq!(routing_key(b"!s3|blob|b\0\x01short"), None);
    }

    #[test]
    fn transaction_records_are_placed_by_the_key_inside() {
        routes(b"!txn|lock|!redis|str|k", b"k");
        routes(b"!txn|cmt|!ddb|item|dA|1|x\0\0\0\0\0\0\0\x09", b"!ddb|route|table|dA");
        assert_eq!(routing_key(b"!txn|cmt|short"), None);
        assert_eq!(routing_key(b"!txn|lock|!txn|lock|k"), None);
    }

    #[test]
    fn queues_and_node_local_chunks_are_not_placed_by_ranges_alone() {
        for key in [&b"!sqs|msg|data|p|x"[..], b"!sqs|queue|meta|cQ", b"!s3|chunkblob|aa", b"!fs|chk|x"] {
            assert_eq!(routing_key(key), None);
        }
    }
}
