//! Every limit that a length is checked against before anything is allocated for it.

/// Longest encoded key that a restore accepts, bytes (`format/container.md#native-stream`). Longer ones are read and warned.
pub(crate) const RESTORE_KEY: u64 = (1 << 20) + 8;
/// Longest encoded value that a restore accepts, bytes (`format/container.md#native-stream`). Longer ones are read and warned.
pub(crate) const RESTORE_VALUE: u64 = (256 << 20) + 9 + 34;
/// Longest value without its header in a snapshot that is made, bytes (`encoding.md#the-payload`).
pub(crate) const ENCODE_BODY: u64 = 256 << 20;
/// Longest key or value that is read at all, bytes (`reading/README.md#decided-cases`).
pub(crate) const LENGTH: u64 = 1 << 30;
/// Longest user key in `EKVMVCC2`, bytes (`format/container.md#in-memory-store-stream`).
pub(crate) const MEMORY_KEY: u64 = 1 << 20;
/// Longest value in `EKVMVCC2`, bytes (`format/container.md#in-memory-store-stream`).
pub(crate) const MEMORY_VALUE: u64 = 256 << 20;
/// Most versions of one key in `EKVMVCC2` (`format/container.md#in-memory-store-stream`).
pub(crate) const MEMORY_VERSIONS: u64 = 1 << 20;
/// Longest manifest of an SST-ingest bundle, bytes (`format/container.md#sst-ingest-bundle`).
pub(crate) const BUNDLE_MANIFEST: u64 = 64 << 20;
/// Most tables of an SST-ingest bundle (`format/container.md#sst-ingest-bundle`).
pub(crate) const BUNDLE_TABLES: usize = 1 << 20;
/// Longest block of a table, stored or decompressed, bytes: a block holds at least one row (`format/container.md#tables-of-a-bundle`).
pub(crate) const TABLE_BLOCK: u64 = LENGTH;
/// Longest metaindex or properties block of a table, bytes; nodes write some 500 bytes.
pub(crate) const TABLE_PROPERTIES: u64 = 1 << 20;
/// Keys and values of one table before its last row, bytes: prefix compression makes much of little. Nodes begin a
/// new table after 64 MiB (`format/container.md#sst-ingest-bundle`).
pub(crate) const TABLE_ROWS: u64 = 1 << 30;
/// Shortest and longest extension of a version 2 FSM header, bytes (`format/container.md#header`).
pub(crate) const HEADER_PAYLOAD: std::ops::RangeInclusive<u16> = 16..=1024;
/// Unix ms from which on no HLC holds a time, 48 bits (`format/container.md#the-layers-of-a-file`, `format/container.md#versioned-rows`).
pub(crate) const CEILING_MS: u64 = 1 << 48;
/// Longest manifest of an offloaded payload that is read, bytes (`format/container.md#offloaded-payloads`).
pub(crate) const OFFLOAD_MANIFEST: u64 = 1 << 20;
/// Manifests that are looked at for the one of a payload, at most (`format/container.md#offloaded-payloads`).
pub(crate) const OFFLOAD_MANIFESTS: usize = 100_000;
/// Longest line that `merge` puts into its order, bytes: it holds parts of one row.
pub(crate) const MERGED_LINE: usize = 1 << 30;
/// Most shares that one run is divided into: a worker repeats the scan of all.
pub(crate) const SHARDS: u32 = 1000;
/// Longest encoded segment, bytes (`tree/names.md#segments`).
pub(crate) const SEGMENT: usize = 240;
/// Raw bytes that a SHA fallback keeps in readable form (`tree/names.md#segments`).
pub(crate) const FALLBACK_TAIL: usize = 64;
/// Longest file name of common file systems, bytes (`format/s3.md#limits`).
pub(crate) const FILE_NAME: usize = 255;
/// Longest path that a system call takes, bytes: from the root of the dump, so that `sha256sum -c` can open it
/// there (`compat.md#keys-that-no-path-can-hold`).
pub(crate) const PATH: usize = 4095;
/// Longest line of a KEYMAP, bytes (`tree/names.md#keymap`).
pub(crate) const KEYMAP_LINE: usize = 4 << 20;
/// Longest original of which a KEYMAP line surely holds the base64 form beside a path, bytes (`tree/names.md#keymap`).
pub(crate) const KEYMAP_ORIGINAL: usize = (KEYMAP_LINE - CHECKSUMS_LINE) / 4 * 3;
/// Longest line of the JSONL layout, those of items apart, bytes: key and file of 256 KiB each, escaped.
pub(crate) const RECORD_LINE: usize = 8 << 20;
/// Longest line of CHECKSUMS, bytes (`tree/checksums.md#checksums`).
pub(crate) const CHECKSUMS_LINE: usize = 8 << 10;
/// Bytes of a line over its limit that are skipped; one that goes on is not read further.
pub(crate) const LINE_SKIPPED: u64 = 64 << 20;
/// Longest extension of a header in an archive, bytes: a path, and what other tools note of a file.
pub(crate) const ARCHIVE_EXTENSION: u64 = 1 << 20;
/// Zeros that may follow the end of an archive, bytes: the rest of a block of a tape.
pub(crate) const ARCHIVE_END: u64 = 1 << 20;
/// Bytes of a compressed archive that are always decompressed to the disk, to read its files in any order.
pub(crate) const ARCHIVE_SPOOL: u64 = 64 << 30;
/// Bytes that each compressed one adds to [`ARCHIVE_SPOOL`].
pub(crate) const ARCHIVE_SPOOL_A_BYTE: u64 = 256;
/// Longest MANIFEST.json that is read, bytes.
pub(crate) const MANIFEST: u64 = 256 << 20;
/// Most bytes of an item's JSON that stand around its texts: indentation, brackets, types.
pub(crate) const ITEM_FRAME: u64 = 2 << 30;
/// Digits of a number in a DynamoDB key that are divided to put a fraction in lowest terms. DynamoDB's own numbers have
/// 38.
pub(crate) const FRACTION_DIGITS: usize = 2048;
/// Warnings of one event that are kept and shown one by one; further ones are counted.
pub(crate) const WARNINGS_PER_EVENT: u64 = 100;
/// Unknown rows of one prefix that are named one by one in `PROBLEMS.jsonl` (`reading/keys.md#decided-cases`).
pub(crate) const UNKNOWN_ROWS_NAMED: u64 = 100;
/// Bytes that are always written through S3 chunk references, which may share one chunk (`format/s3.md#chunks`): those of all
/// objects together.
pub(crate) const S3_SHARED: u64 = 8 << 30;
/// Bytes that each stored byte of S3 chunks and references adds to [`S3_SHARED`]. Rows that repeat are seldom worth
/// a fiftieth of what was backed up.
pub(crate) const S3_SHARED_A_BYTE: u64 = 64;
/// Most bytes of an S3 object's headers (names, values, 16 for each of the user's): servers take requests with 1 MiB
/// of them.
pub(crate) const S3_HEADERS: usize = 4 << 20;
/// Most parts of an upload (`format/s3.md#limits`).
pub(crate) const S3_PARTS: usize = 10_000;
/// Largest file of the filesystem that is written, bytes: its size is a claim (`format/filesystem.md#records-of-the-filesystem`).
pub(crate) const FILESYSTEM_FILE: u64 = 1 << 40;
/// Bytes of holes in all files of the filesystem that are always written: the tree's readers read each of them.
pub(crate) const FILESYSTEM_HOLES: u64 = 8 << 30;
/// Bytes of holes that each stored byte of the filesystem adds to [`FILESYSTEM_HOLES`].
pub(crate) const FILESYSTEM_HOLES_A_BYTE: u64 = 16;
/// Bytes of files that are written under a second name, besides as many as are stored. Servers make no links.
pub(crate) const FILESYSTEM_COPIES: u64 = 1 << 30;
/// Longest path in the filesystem, bytes: a KEYMAP line holds it in base64 (`tree/names.md#keymap`).
pub(crate) const FILESYSTEM_PATH: usize = 1 << 20;
/// Memory of each of the few sorters that resolve transactions and keys in several groups, bytes.
pub(crate) const STORE_SORT: usize = 8 << 20;
/// Edits of transactions and of keys in several groups that stay in memory, bytes; more go to a file.
pub(crate) const OVERLAY: usize = 1 << 20;
/// Snapshots that are read together.
pub(crate) const INPUTS: usize = 1024;
/// Levels of directories that are searched below one that was named: cluster, node, group, `fsm-snap`, and two above.
pub(crate) const SEARCH_DEPTH: usize = 6;
/// Directories that are searched below one that was named.
pub(crate) const SEARCH_DIRECTORIES: usize = 1 << 14;
/// Entries of all these directories that are looked at.
pub(crate) const SEARCH_ENTRIES: usize = 1 << 20;
/// Files that were passed over and are named one by one.
pub(crate) const PASSED_OVER: usize = 1000;
/// Routes of the catalog that are kept; a larger one is not used.
pub(crate) const ROUTES: usize = 1 << 16;
/// Descriptors of all routes together, bytes; a larger catalog is not used.
pub(crate) const ROUTE_BYTES: usize = 16 << 20;
/// A file of routes, bytes: hex takes twice the bytes of keys.
pub(crate) const ROUTES_FILE: u64 = 64 << 20;
/// Raft groups that rows are split for: each has a file and a buffer.
pub(crate) const ENCODE_GROUPS: usize = 256;
/// Missing groups whose ranges a warning lists.
pub(crate) const GROUPS_NAMED: usize = 64;
/// Ranges of one missing group that a warning lists.
pub(crate) const RANGES_NAMED: usize = 16;
/// Undecided locks that are listed one by one.
pub(crate) const TXN_UNDECIDED: u64 = 10_000;
/// Largest key file that is read, bytes: about 5000 keys (`format/encryption.md#limits-of-encryption`).
pub(crate) const KEY_FILE: u64 = 1 << 20;
/// Bytes of names in SHA form and of what they stand for that a comparison holds.
pub(crate) const DIFF_ORIGINALS: usize = 64 << 20;
/// Bytes of keys that differ, which a comparison holds to look them up.
pub(crate) const DIFF_KEYS: usize = 8 << 20;
/// Longest line of a dump that is compared, bytes.
pub(crate) const DIFF_LINE: u64 = 1 << 30;
/// Longest `_schema.json` that key attributes are taken from, bytes.
pub(crate) const DIFF_SCHEMA: u64 = 64 << 20;
/// Most names in a file of names, and most tables, buckets, queues and directories that they are in: 36 bytes of memory
/// each.
pub(crate) const LISTED_NAMES: usize = 4 << 20;
/// Longest line of a file of names, bytes: three times a key of a 1 MiB, and its columns.
pub(crate) const LISTED_LINE: usize = 16 << 20;
/// Generations of tables of which the first pass counts the items.
pub(crate) const ITEM_RUNS: usize = 1024;
/// Longest beginning of the keys of such items, bytes.
pub(crate) const ITEM_RUN: usize = 1024;
/// Name prefixes that `du` holds at once.
pub(crate) const DU_PREFIXES: usize = 1 << 16;
/// Attributes of a table of items of which an export makes columns.
pub(crate) const EXPORT_COLUMNS: usize = 500;
/// Longest name of such an attribute, bytes: that of a column in common catalogs.
pub(crate) const EXPORT_COLUMN_NAME: usize = 255;
/// Tables of an export for which an engine's views are written.
pub(crate) const EXPORT_VIEWS: usize = 1 << 16;
/// Dead-letter queues that may follow one another in an export (`export.md#sqs---to-sqs`): each is looked up by each.
pub(crate) const EXPORT_DEAD_LETTERS: u64 = 100;
