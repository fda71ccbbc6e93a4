//! What is said of keys outside the four services: other prefixes, none, and the filesystem.

super::row::table! {
    Event UNPREFIXED_KEYS = "unprefixed_keys" ["count" "first_key_hex" "first_key" "hint?"] "reading/keys.md#keys-without-a-prefix"
        "keys without a prefix, in `extra/kv/`"
    Event UNKNOWN_FAMILY = "unknown_family" ["prefix" "count"] "reading/keys.md#decided-cases"
        "keys that begin with `!` and belong to no family, in `extra/kv/` (`prefix`: its first 64 bytes)"
    Event FS_PRESENT = "fs_present" ["files" "bytes"] "reading/README.md#warnings-and-errors-of-all-services" "a filesystem, and `--no-extra`"
    Event FS_DANGLING_ENTRY = "fs_dangling_entry" ["inode" "path"] "format/filesystem.md#records-of-the-filesystem" "a name that leads nowhere"
    Event FS_TYPE_MISMATCH = "fs_type_mismatch" ["inode" "path"] "format/filesystem.md#records-of-the-filesystem"
        "a name that says another type than its inode, which counts"
    Event FS_INODE_MISMATCH = "fs_inode_mismatch" ["inode" "path"] "format/filesystem.md#records-of-the-filesystem"
        "an inode whose record says another number than its key, which counts"
    Event FS_UNREACHABLE = "fs_unreachable" ["count" "first_inode?"] "format/filesystem.md#records-of-the-filesystem"
        "inodes that no name leads to from the root: their number, and the lowest"
    Event FS_USAGE_MISMATCH = "fs_usage_mismatch"
        ["files" "bytes" "inodes" "stored_bytes" "usage_rows" "key" "key_hex?"] "format/filesystem.md#records-of-the-filesystem"
        "what the usage rows count, and what is there; the number of these rows, and the first"
    Event FS_MALFORMED_USAGE = "fs_malformed_usage" ["key_hex" "key_len?"] "format/filesystem.md#records-of-the-filesystem"
        "a usage row that does not parse (`key_len` of a long key)"
    Event FS_MALFORMED_KEY = "fs_malformed_key" ["key_hex" "key_len?"] "format/filesystem.md#records-of-the-filesystem"
        "a bookkeeping row whose key does not parse"
    Class UNKNOWN_FAMILY = "unknown_family" [] "reading/keys.md#decided-cases"
        "a key of no family under a service's namespace: user data that nobody decoded. One a row up to 100 a prefix, then \
         one with the count"
    Class KV_NAME_TAKEN = "kv_name_taken" [] "tree/extra.md#what-the-reference-layout-has-no-place-for" "a key whose file name another one has"
    Class FS_INVALID_NAME = "fs_invalid_name" [] "format/filesystem.md#records-of-the-filesystem" "a name that does not say which inode it means"
    Class FS_INVALID_INODE = "fs_invalid_inode" [] "format/filesystem.md#records-of-the-filesystem" "not the record of a file or directory"
    Class FS_MALFORMED_KEY = "fs_malformed_key" [] "format/filesystem.md#records-of-the-filesystem"
        "a row of a name, an inode or a chunk whose key does not parse"
    Class FS_DIRECTORY_REACHED_TWICE = "fs_directory_reached_twice" [] "format/filesystem.md#records-of-the-filesystem" "a second name of a directory"
    Class FS_NAME_TAKEN = "fs_name_taken" [] "format/filesystem.md#records-of-the-filesystem" "another object has the file name"
    Class FS_NAME_TOO_LONG = "fs_name_too_long" [] "format/filesystem.md#records-of-the-filesystem" "the target does not take a name of this length"
    Class FS_PATH_TOO_LONG = "fs_path_too_long" [] "format/filesystem.md#records-of-the-filesystem" "the path, as a whole, is too long"
    Class FS_SIZE_OVER_LIMIT = "fs_size_over_limit" [] "format/filesystem.md#records-of-the-filesystem"
        "a file over 1 TiB; holes (of all files together more than 8 GiB and 16 bytes for each stored one: nobody could \
         read the tree in time); a file under a second name, where such copies, or what is read for them, exceed 1 GiB and \
         what is stored"
}
