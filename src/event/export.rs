//! What an export says that its target cannot hold.

super::row::table! {
    Event EXPORT_DUMP_INCOMPLETE = "export_dump_incomplete" ["problems"] "tree/README.md#what-a-dump-must-be"
        "a dump that is exported has problems: what they are of is missing in the export too"
    Event EXPORT_DDB_TABLE = "export_ddb_table" ["table" "what" "name?"] "tree/README.md#what-a-dump-must-be"
        "what `CreateTable` does not take, left out or altered in `create-table.json`, and why: an attribute definition that no \
         key uses, an index, the type of a key attribute that has none; or the table's name, which is written as it is"
    Event EXPORT_DDB_ITEM = "export_ddb_item" ["table" "reason" "key" "key_hex?"] "tree/README.md#what-a-dump-must-be"
        "an item that DynamoDB refuses, left out"
    Event EXPORT_COLUMN = "export_column" ["table" "name" "reason"] "tree/README.md#what-a-dump-must-be"
        "an attribute that has no column of its own, and why; each item has it in `_item`"
    Event EXPORT_COLUMNS = "export_columns" ["table" "columns"] "tree/README.md#what-a-dump-must-be"
        "a table with more attributes than columns are made, or with longer names: the others stand in `_item`"
    Event EXPORT_S3_OBJECT = "export_s3_object" ["bucket" "what" "key" "key_hex?"] "tree/README.md#what-a-dump-must-be"
        "an object of which no request to S3 can say all, or another tool's line: its body and its line in `upload.jsonl` are \
         there as they are"
    Event EXPORT_SQS_QUEUE = "export_sqs_queue" ["queue" "what"] "tree/README.md#what-a-dump-must-be"
        "what of a queue `CreateQueue` does not take, left out of `create-queues.jsonl`, and why; or its name, which is \
         written as it is"
    Event EXPORT_SQS_MESSAGE = "export_sqs_message" ["queue" "message_id" "reason"] "tree/README.md#what-a-dump-must-be"
        "a message that SQS refuses, left out"
    Event EXPORT_SQS_DEDUPLICATION = "export_sqs_deduplication" ["queue" "count"] "tree/README.md#what-a-dump-must-be"
        "messages of a FIFO queue that have the deduplication id of an earlier one, and would be dropped when all are sent \
         within five minutes: they are sent with their message id instead"
    Event EXPORT_SQS_MESSAGES = "export_sqs_messages" ["count"] "tree/README.md#what-a-dump-must-be"
        "messages that were written, counted once at the end: sent again, each gets a new id, sequence number and send time, \
         no receive count, and is visible at once or after what is left of its delay"
    Event EXPORT_REDIS_EMPTY = "export_redis_empty" ["type" "key" "key_hex?"] "tree/README.md#what-a-dump-must-be"
        "an empty collection, of which there is none in Redis: not sent (with `--replace` the key is deleted)"
    Event EXPORT_REDIS_SECOND_TYPE = "export_redis_second_type" ["type" "key" "key_hex?"] "tree/README.md#what-a-dump-must-be"
        "a HyperLogLog beside a string of the same name, which was sent: not sent"
    Event EXPORT_REDIS_ELEMENTS = "export_redis_elements" ["type" "count" "key" "key_hex?"] "tree/README.md#what-a-dump-must-be"
        "elements that no command takes, not sent: entries without a field or of the ID 0-0, names and values over 512 MiB"
    Event EXPORT_REDIS_TOO_LONG = "export_redis_too_long" ["bytes" "key" "key_hex?"] "tree/README.md#what-a-dump-must-be"
        "a string over 512 MiB, not sent"
    Event EXPORT_REDIS_HLL = "export_redis_hll" ["count"] "tree/README.md#what-a-dump-must-be"
        "`PFADD` keys, counted once at the end: their exact sets were sent, and PFCOUNT answers an estimate from now on"
    Event EXPORT_REDIS_NEGATIVE_ZEROS = "export_redis_negative_zeros" ["count"] "tree/README.md#what-a-dump-must-be"
        "scores that are -0, counted once at the end: they are sent so, and Redis keeps 0 in sorted sets of few members"
    Event EXPORT_REDIS_BARE = "export_redis_bare" ["count"] "reading/redis.md#bare-strings"
        "keys without a prefix, counted once at the end: GET serves them, `--legacy-redis-strings` sends them"
}
