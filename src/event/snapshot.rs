//! What is said of inputs, the snapshot as a whole, keys and the target.

super::row::table! {
    Event ORACLE_SNAPSHOT = "oracle_snapshot" [] "reading/README.md#decided-cases"
        "the only input is a timestamp oracle's file: no data"
    Event INPUT_UNCHECKED = "input_unchecked" ["path"] "tree/commands.md#command-line"
        "nothing proves that the file is whole: a payload without FSM header, footer and checksum of its own. `--strict` \
         makes it fatal, before anything is written"
    Event META_ROW_MALFORMED = "meta_row_malformed" ["key" "length" "input?" "count?"] "format/keys.md#operational-rows"
        "an operational row of another length than it should have: of a longer one the first 8 bytes count, a shorter one \
         counts as absent"
    Event VERSION_ABOVE_WATERMARK = "version_above_watermark" ["count" "input?"] "reading/README.md#warnings-and-errors-of-all-services"
        "rows above the payload's `last_commit_ts`; they count"
    Event OVER_RESTORE_LIMIT = "over_restore_limit"
        ["key" "key_len" "value_len" "offset" "input?" "count?"] "format/container.md#native-stream"
        "a row that its own node could not restore (`key`: its first 64 bytes in hex); it is read"
    Event INTERNAL_KEY_MALFORMED = "internal_key_malformed" ["prefix" "count" "input?"] "format/keys.md#internal-families"
        "keys of an internal family that do not parse"
    Event RESERVED_FAMILY_PRESENT = "reserved_family_present" ["prefix"] "format/keys.md#internal-families"
        "a newer version wrote the snapshot; with `!dist\\|migstage\\|` the dump may be incomplete"
    Event TXN_PENDING = "txn_pending" ["key_hex" "primary_hex" "start_ts" "count?"] "reading/transactions.md#deciding-without-a-server"
        "a lock that nothing in the input decides, of a transaction under way: the stored version was taken. `--strict` \
         makes it fatal"
    Event TXN_UNRESOLVED = "txn_unresolved" ["key_hex" "primary_hex" "start_ts" "count?"] "reading/transactions.md#deciding-without-a-server"
        "a lock that nothing in the input decides: the stored version was taken. `--strict` makes it fatal"
    Event TXN_HIDDEN_COMMIT = "txn_hidden_commit"
        ["key_hex" "primary_hex" "start_ts" "commit_ts" "count?"] "reading/transactions.md#what-a-server-does-with-a-lock"
        "a committed write that the live API never finds: the committed value was taken"
    Event DUPLICATE_KEY_ACROSS_GROUPS = "duplicate_key_across_groups" ["key_hex" "groups" "count?"] "reading/groups.md#several-groups"
        "a key is in several inputs: the copy of the group that owns it was taken, else the newest. A group that is not \
         known is `null`"
    Event MULTI_GROUP_INPUT_MISSING = "multi_group_input_missing"
        ["groups" "owned?" "inputs_of_unknown_group?" "hint?"] "reading/groups.md#several-groups"
        "these Raft groups are not among the inputs; `owned` lists the ranges of routing keys of each. Without ids `hint` \
         says why: there are several groups and no input holds the route catalog, or the catalog names no other group, or \
         it is too large to be used. Collections, tables and buckets may be here in part only; `--strict` makes it fatal \
         ([cluster.md](../cluster.md))"
    Event AT_ABOVE_SNAPSHOT = "at_above_snapshot" ["at" "last"] "reading/versions.md#decided-cases"
        "`--at` is later than the newest commit: the same as without it"
    Event NOTHING_VISIBLE = "nothing_visible" ["at" "rows" "hint"] "reading/versions.md#decided-cases"
        "at the time asked for none of the snapshot's rows is visible"
    Event KEK_FILE_MODE = "kek_file_mode" ["path" "mode"] "format/encryption.md#where-the-outermost-key-is-kept"
        "the group or others can access a KEK file; a server refuses it"
    Event RAFT_CUTOVER_MISMATCH = "raft_cutover_mismatch" ["header" "key_file"] "reading/encryption.md#errors-and-warnings-of-encryption"
        "the index from which log entries are encrypted differs between the snapshot's header and all key files (the \
         greatest is shown): they may be of different times. No value depends on it"
    Event ENVELOPE_KEY_PURPOSE = "envelope_key_purpose" ["key_id"] "reading/encryption.md#errors-and-warnings-of-encryption"
        "values are encrypted under a data key for log entries"
    Event CLEANUP_FAILED = "cleanup_failed" ["error"] "tree/outcome.md#outcome"
        "something stays, and `error` begins with its path: after a failure the staging directory; after a success, which \
         it does not harm, the dump that `--force` replaced (also when the directory above could not be flushed)"
    Event STALE_PARTIAL = "stale_partial" ["path" "complete"] "tree/outcome.md#outcome"
        "an earlier run for this target was killed, and no process holds its staging directory, or an archive's staging \
         file. `complete`: whether it has a CHECKSUMS; without, and as a file, it can be deleted"
    Event STALE_REPLACED = "stale_replaced" ["path"] "tree/outcome.md#outcome"
        "an old dump that an earlier run with `--force` set aside and did not remove"
    Event REPLACED_RESTORED = "replaced_restored" ["path"] "tree/outcome.md#outcome"
        "the same, and nothing was at the target: the old dump was moved back there from `path`"
    Event TARGET_ACCESS_CHANGED = "target_access_changed" ["path" "what"] "tree/outcome.md#outcome"
        "the tree took the place of an empty directory, but not all of its group, mode and ACL could be kept"
    Class KEYMAP_LINE_TOO_LONG = "keymap_line_too_long" [] "tree/names.md#keymap"
        "an object of any service (S3: class `IO`) whose KEYMAP line would be over 4 MiB, which no reader takes: a key of \
         about 3 MiB. It is not written"
}
