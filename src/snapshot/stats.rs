//! What the first pass learnt about the inputs and their families.

use std::path::PathBuf;

use crate::keyspace::Family;
use crate::time::{Hlc, UnixMs};

/// Counts of one family, or of all.
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
    /// Collections of Redis that have a visible element here. A list whose rows stand between those of another, which
    /// takes a key that imitates positions, counts more than once.
    pub collections: u64,
    /// Bytes of all rows: keys and values, encoded.
    pub bytes: u64,
}

impl FamilyStats {
    /// Adds the counts of other rows.
    pub(super) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.tombstones += other.tombstones;
        self.shadowed += other.shadowed;
        self.expired += other.expired;
        self.visible += other.visible;
        self.collections += other.collections;
        self.bytes += other.bytes;
    }
}

/// What tells the Raft group of an input; in the order in which they count (`docs/cluster.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupOrigin {
    /// The path: `group-<n>/`.
    Path,
    /// The offload tool's manifest.
    Manifest,
    /// The input is a timestamp oracle's: group 0.
    Oracle,
    /// The route catalog among the inputs: it gives all keys of the input to this group.
    Routes,
}

impl GroupOrigin {
    /// Returns the word that stands in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Manifest => "manifest",
            Self::Oracle => "oracle",
            Self::Routes => "routes",
        }
    }
}

/// Facts about one input.
#[derive(Clone, Debug, Default)]
pub struct InputInfo {
    /// The path as it was given.
    pub path: PathBuf,
    /// Raft group, and what tells it; `None` when nothing does.
    pub group: Option<(u64, GroupOrigin)>,
    /// Length after decompression, bytes.
    pub size: u64,
    /// `zstd` or `gzip`, when the input was compressed.
    pub compression: Option<&'static str>,
    /// Version of the FSM header, when there is one.
    pub header_version: Option<u8>,
    /// The FSM header's clock ceiling, or a timestamp oracle's, Unix ms.
    pub ceiling_ms: Option<UnixMs>,
    /// Raft index from which log entries were enveloped, when the FSM header tells.
    pub cutover_index: Option<u64>,
    /// Magic of the payload, or what stands for it.
    pub payload: &'static str,
    /// Whether the input holds no data because it is a timestamp oracle's, in either form (`reading/groups.md#several-groups`).
    pub oracle: bool,
    /// `last_commit_ts` of the payload's header, an HLC timestamp.
    pub last_commit_ts: Hlc,
    /// Highest `commit_ts` of the rows, node-local ones left out; 0 when there are none.
    pub highest_commit_ts: Hlc,
    /// Lowest `commit_ts` of the rows of services; `None` when there are none.
    pub lowest_commit_ts: Option<Hlc>,
    /// Raft index: from the file's name, else `_meta_applied_index` (`tree/manifest.md#decided-cases`).
    pub snapshot_index: Option<u64>,
    /// Raft index that the file's name tells.
    pub name_index: Option<u64>,
    /// `_meta_applied_index`.
    pub applied_index: Option<u64>,
    /// `_meta_min_retained_ts`, an HLC timestamp.
    pub min_retained_ts: Option<Hlc>,
    /// `_meta_pending_min_retained_ts`, an HLC timestamp.
    pub pending_min_retained_ts: Option<Hlc>,
    /// Operational rows, which no family counts.
    pub operational_rows: u64,
    /// Verified footer, when there is one; of an offloaded payload the one that was cut off, where its manifest tells.
    pub crc32c: Option<u32>,
    /// What proves that the file is whole: `footer`, `manifest` or `name` (`format/container.md#offloaded-payloads`), `payload` for a
    /// payload with a checksum of its own. `None`: nothing does.
    pub checked_by: Option<&'static str>,
}

impl InputInfo {
    /// Returns the verified footer as 8 hex digits (`format/container.md#footer`).
    #[must_use]
    pub fn fsm_crc32c(&self) -> Option<String> {
        self.crc32c.map(|crc| format!("{crc:08x}"))
    }

    /// Returns the Raft group, when something tells it.
    #[must_use]
    pub fn group(&self) -> Option<u64> {
        self.group.map(|(group, _)| group)
    }

    /// Returns the timestamp below which versions may have been compacted away, an HLC.
    #[must_use]
    pub fn floor(&self) -> Hlc {
        self.min_retained_ts.max(self.pending_min_retained_ts).unwrap_or_default()
    }
}

/// A visible entry that takes much room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Large {
    /// Encoded key and value, bytes.
    pub bytes: u64,
    /// First 1024 bytes of the user key.
    pub key: Vec<u8>,
    /// Its family.
    pub family: Family,
}

/// The largest visible entries, in a fixed number of places.
#[derive(Clone, Debug, Default)]
pub(super) struct Largest(Vec<Large>);

impl Largest {
    const PLACES: usize = 10;
    const KEY: usize = 1024;

    /// Takes an entry if it is among the largest; of equal ones the first stays.
    #[inline]
    pub(super) fn offer(&mut self, bytes: u64, key: &[u8], family: Family) {
        if self.0.len() < Self::PLACES || self.0.last().is_some_and(|last| last.bytes < bytes) {
            self.take(Large { bytes, key: key.get(..Self::KEY).unwrap_or(key).to_vec(), family });
        }
    }

    #[cold]
    pub(super) fn take(&mut self, large: Large) {
        let at = self.0.partition_point(|other| other.bytes >= large.bytes);
        self.0.insert(at, large);
        self.0.truncate(Self::PLACES);
    }

    /// Lists them, the largest first.
    pub(super) fn as_slice(&self) -> &[Large] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_kept_in_order() {
        let mut largest = Largest::default();
        for bytes in [5, 1, 9, 9, 3, 2, 8, 7, 6, 4, 10, 0] {
            largest.offer(bytes, &[u8::try_from(bytes).unwrap(); 2000], Family::Bare);
        }
        let sizes: Vec<_> = largest.as_slice().iter().map(|large| large.bytes).collect();
        assert_eq!(sizes, [10, 9, 9, 8, 7, 6, 5, 4, 3, 2]);
        assert!(largest.as_slice().iter().all(|large| large.key.len() == 1024));
    }

    #[test]
    fn the_floor_is_the_higher_one() {
        let info = InputInfo { min_retained_ts: Some(Hlc(5)), ..InputInfo::default() };
        assert_eq!(info.floor(), Hlc(5));
        assert_eq!(InputInfo { pending_min_retained_ts: Some(Hlc(7)), ..info }.floor(), Hlc(7));
        assert_eq!(InputInfo::default().floor(), Hlc::ZERO);
    }
}
