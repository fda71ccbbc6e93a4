//! What is said of keys outside the four services: other prefixes, none, and the filesystem.

super::row::table! {
    Event UNPREFIXED_KEYS = "unprefixed_keys" ["count" "first_key_hex" "first_key" "hint?"] "keyspaces.md 9"
        "keys without a prefix, in `extra/kv/`"
    Event UNKNOWN_FAMILY = "unknown_family" ["prefix" "count"] "decisions.md 4"
        "keys that begin with `!` and belong to no family, in `extra/kv/` (`prefix`: its first 64 bytes)"
    Event FS_PRESENT = "fs_present" ["files" "bytes"] "keyspaces.md 12" "a filesystem, and `--no-extra`"
    Event FS_DANGLING_ENTRY = "fs_dangling_entry" ["inode" "path"] "keyspaces.md 8" "a name that leads nowhere"
    Event FS_TYPE_MISMATCH = "fs_type_mismatch" ["inode" "path"] "keyspaces.md 8"
        "a name that says another type than its inode, which counts"
    Event FS_INODE_MISMATCH = "fs_inode_mismatch" ["inode" "path"] "keyspaces.md 8"
        "an inode whose record says another number than its key, which counts"
    Event FS_UNREACHABLE = "fs_unreachable" ["count" "first_inode?"] "keyspaces.md 8"
        "inodes that no name leads to from the root: their number, and the lowest"
    Event FS_USAGE_MISMATCH = "fs_usage_mismatch"
        ["files" "bytes" "inodes" "stored_bytes" "usage_rows" "key" "key_hex?"] "keyspaces.md 8"
        "what the usage rows count, and what is there; the number of these rows, and the first"
    Event FS_MALFORMED_USAGE = "fs_malformed_usage" ["key_hex" "key_len?"] "keyspaces.md 8"
        "a usage row that does not parse (`key_len` of a long key)"
    Event FS_MALFORMED_KEY = "fs_malformed_key" ["key_hex" "key_len?"] "keyspaces.md 8"
        "a bookkeeping row whose key does not parse"
    Class UNKNOWN_FAMILY = "unknown_family" [] "decisions.md 4"
        "a key of no family under a service's namespace: user data that nobody decoded. One a row up to 100 a prefix, then \
         one with the count"
    Class KV_NAME_TAKEN = "kv_name_taken" [] "decisions.md 2" "a key whose file name another one has"
    Class FS_INVALID_NAME = "fs_invalid_name" [] "keyspaces.md 8" "a name that does not say which inode it means"
    Class FS_INVALID_INODE = "fs_invalid_inode" [] "keyspaces.md 8" "not the record of a file or directory"
    Class FS_MALFORMED_KEY = "fs_malformed_key" [] "keyspaces.md 8"
        "a row of a name, an inode or a chunk whose key does not parse"
    Class FS_DIRECTORY_REACHED_TWICE = "fs_directory_reached_twice" [] "keyspaces.md 8" "a second name of a directory"
    Class FS_NAME_TAKEN = "fs_name_taken" [] "keyspaces.md 8" "another object has the file name"
    Class FS_NAME_TOO_LONG = "fs_name_too_long" [] "keyspaces.md 8" "the target does not take a name of this length"
    Class FS_PATH_TOO_LONG = "fs_path_too_long" [] "keyspaces.md 8" "the path, as a whole, is too long"
    Class FS_SIZE_OVER_LIMIT = "fs_size_over_limit" [] "keyspaces.md 8"
        "a file over 1 TiB; holes (of all files together more than 8 GiB and 16 bytes for each stored one: nobody could \
         read the tree in time); a file under a second name, where such copies, or what is read for them, exceed 1 GiB and \
         what is stored"
}
