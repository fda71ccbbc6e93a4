//! What the first pass learnt about the inputs and their families.

/// Counts of one family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilyStats {
    /// Rows: all versions, tombstones included.
    pub rows: u64,
    /// Tombstone rows.
    pub tombstones: u64,
    /// Versions that a newer one hides.
    pub shadowed: u64,
    /// Keys whose counting version has expired at the store's level.
    pub expired: u64,
    /// Keys visible at the read timestamp.
    pub visible: u64,
    /// Bytes of all rows: keys and values, encoded.
    pub bytes: u64,
}

/// Facts about one input.
#[derive(Clone, Debug, Default)]
pub struct InputInfo {
    /// The path as it was given.
    pub path: std::path::PathBuf,
    /// Raft index: from the file's name, else `_meta_applied_index` (`decisions.md` 4).
    pub snapshot_index: Option<u64>,
    /// Verified footer, when there is one.
    pub crc32c: Option<u32>,
}
