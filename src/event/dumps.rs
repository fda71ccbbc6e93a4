//! What is said of dumps that are read.

super::row::table! {
    Class NEEDS_KEYMAP = "needs_keymap" [] "encoding.md#refusals-problems-warnings"
        "a file whose name is in SHA form, and no KEYMAP has what it stands for"
    Class FS_CONTENT = "fs_content" [] "encoding.md#refusals-problems-warnings"
        "a file of the filesystem that is not in the dump, or of another length than its line says"
    Class S3_UNPAIRED_FILE = "s3_unpaired_file" [] "encoding.md#refusals-problems-warnings" "the body of an object without its sidecar, or a sidecar without its body"
    Class S3_INVALID_SIDECAR = "s3_invalid_sidecar" [] "encoding.md#refusals-problems-warnings" "a sidecar that cannot be read"
    Class REDIS_INVALID_FILE = "redis_invalid_file" [] "encoding.md#refusals-problems-warnings"
        "the file or line of a key that cannot be read, or of a stream whose last line says another length"
    Class KV_INVALID_LINE = "kv_invalid_line" [] "tree/extra.md#what-the-reference-layout-has-no-place-for" "the line of a key without a prefix whose value is neither text nor base64"
    Class S3_BODY_LENGTH = "s3_body_length" [] "encoding.md#refusals-problems-warnings" "a body of another length than its sidecar says"
}
