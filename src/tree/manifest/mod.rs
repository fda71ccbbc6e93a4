//! MANIFEST.json: what a dump was made of and what is in it (`tree/manifest.md#manifestjson`). Writer and reader.
//!
//! In: facts about a run. Out: the file's bytes, and the facts again.

mod document;
mod error;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use document::Document;
pub use error::ManifestError;

use super::json::{self, Html, Lossy};
use crate::limits;
use crate::time::Hlc;

/// Name of the file.
pub(super) const NAME: &str = "MANIFEST.json";
/// The only `format_version`.
const VERSION: u32 = 1;

/// The facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Which kind of producer made the dump.
    pub origin: Origin,
    /// Version of the elastickv that wrote the data; empty when it is not known.
    pub elastickv_version: String,
    /// `--cluster-id`; may be empty.
    pub cluster_id: String,
    /// Raft index of the snapshot; 0 when it is not known or there are several inputs.
    pub snapshot_index: u64,
    /// HLC timestamp of the payload header; 0 when there is none.
    pub last_commit_ts: Hlc,
    /// When the dump was made.
    pub wall_time: OffsetDateTime,
    /// The adapters in scope.
    pub adapters: Adapters,
    /// What was asked for beside the defaults.
    pub exclusions: Exclusions,
    /// How names and digests are formed.
    pub policies: Policies,
    /// Layout of DynamoDB items.
    pub dynamodb_layout: DynamodbLayout,
    /// Every input by group, where there are several (`reading/groups.md#decided-cases`).
    pub inputs: Vec<Input>,
    /// How the dump was made, for who reads it; read back by [`Self::read_all`] alone (`tree/commands.md#command-line`).
    pub run: Run,
    /// Lines of `PROBLEMS.jsonl` (`tree/outcome.md#outcome`).
    pub problems: u64,
}

/// The members that say how a dump was made; what is empty is not written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// Version of the program.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool_version: String,
    /// The HLC timestamp that was read at, when it is not `last_commit_ts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_ts: Option<Hlc>,
    /// Names that were asked for, by adapter.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub scopes: BTreeMap<String, Names>,
    /// Options beside the defaults that the other members do not tell.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, serde_json::Value>,
    /// Number of objects by adapter and name: items, objects, keys, messages.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub objects: BTreeMap<String, BTreeMap<String, u64>>,
    /// `false` when something was left out on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// Of a dump that is one share of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<Share>,
}

/// The member `shard`: which share a dump is, and what `merge` has to know of it (`docs/tree/commands.md`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// `I/N`: share I, from 0, of N.
    pub share: String,
    /// Number of the share's objects by adapter and name, which is base64url without padding: a name that is not text
    /// cannot be told from others above.
    pub objects: BTreeMap<String, BTreeMap<String, u64>>,
    /// `complete` of the dump that all shares make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
}

/// The member `phase` and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `phase0-snapshot-decode`.
    Snapshot(Option<Source>),
    /// `phase1-live-pinned`, of other producers.
    Live(Live),
}

/// The file that a dump was decoded from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Path as it was given.
    #[serde(default)]
    pub fsm_path: Name,
    /// Verified footer, 8 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fsm_crc32c: Option<String>,
}

/// The pinned read of a running cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// HLC timestamp that was read at, never 0.
    pub read_ts: Hlc,
    /// SHA-256 of the pin token, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_token_sha256: Option<String>,
}

/// One snapshot of several (`reading/groups.md#decided-cases`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Path as it was given.
    pub path: Name,
    /// Raft group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u64>,
    /// Raft index of the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_index: Option<u64>,
    /// HLC timestamp of the payload header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_commit_ts: Option<Hlc>,
    /// Verified footer, 8 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fsm_crc32c: Option<String>,
}

/// The user's own names, sorted bytewise.
pub type Names = BTreeSet<Name>;

/// The member `adapters`: `None` for one that was excluded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adapters {
    /// Tables.
    pub dynamodb: Option<Names>,
    /// Buckets.
    pub s3: Option<Names>,
    /// Database numbers.
    pub redis: Option<BTreeSet<u32>>,
    /// Queues.
    pub sqs: Option<Names>,
}

/// The member `exclusions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the format, one for one")]
pub struct Exclusions {
    /// `--include-incomplete-uploads`.
    pub include_incomplete_uploads: bool,
    /// `--include-orphans`.
    pub include_orphans: bool,
    /// `--preserve-sqs-visibility`.
    pub preserve_sqs_visibility: bool,
    /// `--include-sqs-side-records`.
    pub include_sqs_side_records: bool,
    /// `--rename-collisions`.
    pub rename_s3_collisions: bool,
}

/// The members that name algorithms and charsets; the default is what this program writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// Digest of CHECKSUMS.
    pub checksum_algorithm: String,
    /// Text form of CHECKSUMS.
    pub checksum_format: String,
    /// Charset of segments.
    pub encoded_filename_charset: String,
    /// Longest segment, bytes.
    pub key_segment_max_bytes: u32,
    /// What the names of S3 sidecars end in.
    pub s3_meta_suffix: String,
    /// What happens to an S3 object whose name is needed as a directory.
    pub s3_collision_strategy: String,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            checksum_algorithm: "sha256".to_owned(),
            checksum_format: "sha256sum".to_owned(),
            encoded_filename_charset: "rfc3986-unreserved-plus-percent".to_owned(),
            key_segment_max_bytes: 240,
            s3_meta_suffix: ".elastickv-meta.json".to_owned(),
            s3_collision_strategy: "leaf-data-suffix".to_owned(),
        }
    }
}

/// The member `dynamodb_layout`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DynamodbLayout {
    /// `per-item`.
    #[default]
    PerItem,
    /// `jsonl`.
    Jsonl,
}

/// A name or path of the user's: bytes, written as in [`Lossy`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(pub Vec<u8>);

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

impl Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Lossy(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|name| Self(name.into_bytes()))
    }
}

impl Manifest {
    /// Returns a manifest of a decoded snapshot with nothing in it.
    #[must_use]
    pub fn new(wall_time: OffsetDateTime) -> Self {
        Self {
            origin: Origin::Snapshot(None),
            elastickv_version: String::new(),
            cluster_id: String::new(),
            snapshot_index: 0,
            last_commit_ts: Hlc::ZERO,
            wall_time,
            adapters: Adapters::default(),
            exclusions: Exclusions::default(),
            policies: Policies::default(),
            dynamodb_layout: DynamodbLayout::default(),
            inputs: Vec::new(),
            run: Run::default(),
            problems: 0,
        }
    }

    /// Returns the file: two-space indent, one trailing newline. Refuses what [`Self::read`] would refuse.
    pub fn write(&self) -> Result<Vec<u8>, ManifestError> {
        let document = Document::from_manifest(self)?;
        let mut text = Vec::new();
        json::indented(&mut text, &document, Html::Raw);
        text.push(b'\n');
        document.into_manifest()?;
        check_length(u64::try_from(text.len()).unwrap_or(u64::MAX))?;
        Ok(text)
    }

    /// Reads the file, with the checks of `tree/manifest.md#manifestjson` in their order.
    pub fn read(text: &[u8]) -> Result<Self, ManifestError> {
        Document::parse(text)?.into_manifest()
    }

    /// Does the same, and reads how the dump was made, which this program has to have written.
    pub fn read_all(text: &[u8]) -> Result<Self, ManifestError> {
        let manifest = Self::read(text)?;
        let run = serde_json::from_slice(text).map_err(|error| ManifestError::Type(error.to_string()))?;
        Ok(Self { run, ..manifest })
    }
}

/// Refuses a length that no reader takes.
pub(super) fn check_length(length: u64) -> Result<(), ManifestError> {
    if length > limits::MANIFEST { Err(ManifestError::TooLong(length)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
