//! What is said when a dump is encoded.

super::row::table! {
    Event ENCODE_REDIS_EXPIRED = "encode_redis_expired" ["count" "hint"] "encode.md 12"
        "Redis keys whose expiry is over: a node answers as if they were not there. `--drop-expired` leaves them out"
    Event ENCODE_INDEX_ATTRIBUTE = "encode_index_attribute" ["table" "index" "count"] "encode.md 12"
        "items whose index attribute is of no key's type, or a number that is none: written without their row of the index. \
         A node answers them by their key, and refuses every change of them"
    Event ENCODE_S3_NOT_RESTORED = "encode_s3_not_restored" ["orphan_chunks" "upload_records"] "encode.md 7"
        "what a dump holds of leftovers and of uploads in progress is not restored: it would be objects that cannot be read"
    Event ENCODE_BUCKET_DEFAULTS = "encode_bucket_defaults" ["bucket"] "encode.md 12"
        "a bucket without its `_bucket.json`: it is made with the region `us-east-1`, private, and of no owner"
    Event ENCODE_SQS_RETENTION_OVER = "encode_sqs_retention_over" ["queue" "count"] "encode.md 8"
        "messages whose retention is over: a node deletes them within a minute. `--sqs-shift-times` makes them younger"
    Event ENCODE_SQS_FOREIGN_IDS = "encode_sqs_foreign_ids" ["queue" "count"] "encode.md 8"
        "messages whose id is not 32 lowercase hex digits: they are restored, and never delivered"
    Event ENCODE_SQS_LONG_MESSAGES = "encode_sqs_long_messages" ["queue" "count"] "encode.md 12"
        "messages longer than 256 KiB, which no server takes: they are restored"
    Event ENCODE_SQS_PARTITION_HASH = "encode_sqs_partition_hash" ["queue" "count"] "encode.md 8"
        "messages in another partition than that of their group: they are restored where they are, and served"
    Event ENCODE_SQS_SIDE_RECORDS = "encode_sqs_side_records" ["queue" "count"] "encode.md 12"
        "side records in the dump (of a queue that is gone: with an empty name), which are made anew"
    Class OVER_RESTORE_LIMIT = "over_restore_limit" [] "encode.md 1"
        "an object that needs a row of more than a node restores: 1 MiB of key, 256 MiB of value"
    Class RESERVED_ROW_KEY = "reserved_row_key" [] "encode.md 9"
        "a key whose row would be read as one of the node's own"
}
