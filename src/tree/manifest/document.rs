//! The members of MANIFEST.json as they stand in the file, and their checks.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::{
    Adapters, DynamodbLayout, Exclusions, Input, Live, Manifest, ManifestError, Names, Origin, Policies, Run,
    Source, VERSION,
};
use crate::time::Hlc;

const SNAPSHOT: &str = "phase0-snapshot-decode";
const LIVE: &str = "phase1-live-pinned";
const PER_ITEM: &str = "per-item";
const JSONL: &str = "jsonl";

/// The file. Absent and `null` are the same; members that are not here are ignored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Document {
    format_version: u32,
    phase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elastickv_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_commit_ts: Option<Hlc>,
    wall_time_iso: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<LiveMembers>,
    adapters: Option<AdapterMembers>,
    exclusions: Option<ExclusionMembers>,
    checksum_algorithm: Option<String>,
    checksum_format: Option<String>,
    encoded_filename_charset: Option<String>,
    key_segment_max_bytes: Option<u32>,
    s3_meta_suffix: Option<String>,
    s3_collision_strategy: Option<String>,
    dynamodb_layout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<Vec<Input>>,
    #[serde(flatten, skip_deserializing)]
    run: Run,
    #[serde(skip_serializing_if = "Option::is_none")]
    problems: Option<u64>,
}

/// The member that says how the others are to be read; those are passed over, whatever they hold.
struct Head<'t> {
    /// Its text; `null` where there is none.
    version: &'t str,
}

impl<'t> Deserialize<'t> for Head<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadVisitor)
    }
}

struct HeadVisitor;

impl<'t> Visitor<'t> for HeadVisitor {
    type Value = Head<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<Head<'t>, A::Error> {
        let mut head = Head { version: "null" };
        while let Some(name) = members.next_key::<String>()? {
            if name == "format_version" {
                head.version = members.next_value::<&RawValue>()?.get();
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(head)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct LiveMembers {
    read_ts: Option<Hlc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pin_token_sha256: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AdapterMembers {
    #[serde(skip_serializing_if = "Option::is_none")]
    dynamodb: Option<Tables>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s3: Option<Buckets>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<Databases>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqs: Option<Queues>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Tables {
    #[serde(skip_serializing_if = "Option::is_none")]
    tables: Option<Names>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Buckets {
    #[serde(skip_serializing_if = "Option::is_none")]
    buckets: Option<Names>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Databases {
    #[serde(skip_serializing_if = "Option::is_none")]
    databases: Option<BTreeSet<u32>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Queues {
    #[serde(skip_serializing_if = "Option::is_none")]
    queues: Option<Names>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ExclusionMembers {
    include_incomplete_uploads: Option<bool>,
    include_orphans: Option<bool>,
    preserve_sqs_visibility: Option<bool>,
    include_sqs_side_records: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rename_s3_collisions: Option<bool>,
}

impl Document {
    /// Parses the text up to the typed decode and what stands behind it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let text = str::from_utf8(text).map_err(|error| ManifestError::Json(error.to_string()))?;
        let mut heads = serde_json::Deserializer::from_str(text).into_iter::<Head<'_>>();
        let head = match heads.next() {
            Some(Ok(head)) => head,
            Some(Err(error)) if error.is_data() => {
                return Err(ManifestError::Json("another value".to_owned()));
            }
            Some(Err(error)) => return Err(ManifestError::Json(error.to_string())),
            None => return Err(ManifestError::Json("empty".to_owned())),
        };
        let (object, rest) = text.split_at_checked(heads.byte_offset()).unwrap_or((text, ""));
        let version: Option<u32> =
            serde_json::from_str(head.version).map_err(|error| ManifestError::Type(error.to_string()))?;
        let version = version.ok_or(ManifestError::Missing("format_version"))?;
        // Before the other members are looked at: a newer version may have given them other types.
        if version != VERSION {
            return Err(ManifestError::UnsupportedVersion(version));
        }
        let document =
            serde_json::from_str(object).map_err(|error| ManifestError::Type(error.to_string()))?;
        if rest.bytes().all(|byte| b" \t\r\n".contains(&byte)) {
            Ok(document)
        } else {
            Err(ManifestError::Trailing)
        }
    }

    /// Checks the members in the order of `tree/manifest.md#manifestjson`.
    pub(super) fn into_manifest(self) -> Result<Manifest, ManifestError> {
        let exclusions = self.exclusions.as_ref().map(ExclusionMembers::check).transpose()?;
        let phase = self.phase.unwrap_or_default();
        if phase != SNAPSHOT && phase != LIVE {
            return Err(ManifestError::Phase(phase));
        }
        let wall_time = self.wall_time_iso.unwrap_or_default();
        let wall_time = OffsetDateTime::parse(&wall_time, &Rfc3339).map_err(|_| ManifestError::WallTime)?;
        let adapters = self.adapters.ok_or(ManifestError::Missing("adapters"))?.into_adapters();
        let exclusions = exclusions.ok_or(ManifestError::Missing("exclusions"))?;
        let policies = Policies {
            checksum_algorithm: text("checksum_algorithm", self.checksum_algorithm)?,
            checksum_format: text("checksum_format", self.checksum_format)?,
            encoded_filename_charset: text("encoded_filename_charset", self.encoded_filename_charset)?,
            s3_meta_suffix: text("s3_meta_suffix", self.s3_meta_suffix)?,
            s3_collision_strategy: text("s3_collision_strategy", self.s3_collision_strategy)?,
            key_segment_max_bytes: self
                .key_segment_max_bytes
                .filter(|&most| most > 0)
                .ok_or(ManifestError::Empty("key_segment_max_bytes"))?,
        };
        let dynamodb_layout = match self.dynamodb_layout.unwrap_or_default() {
            layout if layout == PER_ITEM => DynamodbLayout::PerItem,
            layout if layout == JSONL => DynamodbLayout::Jsonl,
            layout => return Err(ManifestError::DynamodbLayout(layout)),
        };
        let origin = match (self.source, self.live) {
            (source, None) if phase == SNAPSHOT => Origin::Snapshot(source),
            (_, Some(_)) if phase == SNAPSHOT => return Err(ManifestError::OtherPhase("live")),
            (Some(_), _) => return Err(ManifestError::OtherPhase("source")),
            (None, live) => Origin::Live(live.ok_or(ManifestError::Missing("live"))?.check()?),
        };
        Ok(Manifest {
            origin,
            elastickv_version: self.elastickv_version.unwrap_or_default(),
            cluster_id: self.cluster_id.unwrap_or_default(),
            snapshot_index: self.snapshot_index.unwrap_or_default(),
            last_commit_ts: self.last_commit_ts.unwrap_or_default(),
            wall_time,
            adapters,
            exclusions,
            policies,
            dynamodb_layout,
            inputs: self.inputs.unwrap_or_default(),
            run: Run::default(),
            problems: self.problems.unwrap_or_default(),
        })
    }

    /// Returns the members in which a manifest stands.
    pub(super) fn from_manifest(manifest: &Manifest) -> Result<Self, ManifestError> {
        let policies = manifest.policies.clone();
        let (phase, source, live) = match manifest.origin.clone() {
            Origin::Snapshot(source) => (SNAPSHOT, source, None),
            Origin::Live(Live { read_ts, pin_token_sha256 }) => {
                let pin_token_sha256 = pin_token_sha256.filter(|token| !token.is_empty());
                (LIVE, None, Some(LiveMembers { read_ts: Some(read_ts), pin_token_sha256 }))
            }
        };
        let layout = match manifest.dynamodb_layout {
            DynamodbLayout::PerItem => PER_ITEM,
            DynamodbLayout::Jsonl => JSONL,
        };
        let wall_time = manifest.wall_time.to_offset(UtcOffset::UTC).format(&Rfc3339);
        Ok(Self {
            format_version: VERSION,
            phase: Some(phase.to_owned()),
            elastickv_version: unless_default(&manifest.elastickv_version),
            cluster_id: unless_default(&manifest.cluster_id),
            snapshot_index: unless_default(&manifest.snapshot_index),
            last_commit_ts: unless_default(&manifest.last_commit_ts),
            wall_time_iso: Some(wall_time.map_err(|_| ManifestError::WallTime)?),
            source,
            live,
            adapters: Some(AdapterMembers::from_adapters(&manifest.adapters)),
            exclusions: Some(ExclusionMembers::from_exclusions(manifest.exclusions)),
            checksum_algorithm: Some(policies.checksum_algorithm),
            checksum_format: Some(policies.checksum_format),
            encoded_filename_charset: Some(policies.encoded_filename_charset),
            key_segment_max_bytes: Some(policies.key_segment_max_bytes),
            s3_meta_suffix: Some(policies.s3_meta_suffix),
            s3_collision_strategy: Some(policies.s3_collision_strategy),
            dynamodb_layout: Some(layout.to_owned()),
            inputs: unless_default(&manifest.inputs),
            run: manifest.run.clone(),
            problems: unless_default(&manifest.problems),
        })
    }
}

impl LiveMembers {
    fn check(self) -> Result<Live, ManifestError> {
        let read_ts =
            self.read_ts.filter(|&read_ts| read_ts > Hlc::ZERO).ok_or(ManifestError::Empty("read_ts"))?;
        Ok(Live { read_ts, pin_token_sha256: self.pin_token_sha256 })
    }
}

impl AdapterMembers {
    fn into_adapters(self) -> Adapters {
        Adapters {
            dynamodb: self.dynamodb.map(|scope| scope.tables.unwrap_or_default()),
            s3: self.s3.map(|scope| scope.buckets.unwrap_or_default()),
            redis: self.redis.map(|scope| scope.databases.unwrap_or_default()),
            sqs: self.sqs.map(|scope| scope.queues.unwrap_or_default()),
        }
    }

    fn from_adapters(adapters: &Adapters) -> Self {
        Self {
            dynamodb: adapters.dynamodb.as_ref().map(|names| Tables { tables: unless_default(names) }),
            s3: adapters.s3.as_ref().map(|names| Buckets { buckets: unless_default(names) }),
            redis: adapters.redis.as_ref().map(|numbers| Databases { databases: unless_default(numbers) }),
            sqs: adapters.sqs.as_ref().map(|names| Queues { queues: unless_default(names) }),
        }
    }
}

impl ExclusionMembers {
    fn check(&self) -> Result<Exclusions, ManifestError> {
        let flag = |name, value: Option<bool>| value.ok_or(ManifestError::Missing(name));
        Ok(Exclusions {
            include_incomplete_uploads: flag("include_incomplete_uploads", self.include_incomplete_uploads)?,
            include_orphans: flag("include_orphans", self.include_orphans)?,
            preserve_sqs_visibility: flag("preserve_sqs_visibility", self.preserve_sqs_visibility)?,
            include_sqs_side_records: flag("include_sqs_side_records", self.include_sqs_side_records)?,
            rename_s3_collisions: self.rename_s3_collisions.unwrap_or_default(),
        })
    }

    fn from_exclusions(exclusions: Exclusions) -> Self {
        Self {
            include_incomplete_uploads: Some(exclusions.include_incomplete_uploads),
            include_orphans: Some(exclusions.include_orphans),
            preserve_sqs_visibility: Some(exclusions.preserve_sqs_visibility),
            include_sqs_side_records: Some(exclusions.include_sqs_side_records),
            rename_s3_collisions: unless_default(&exclusions.rename_s3_collisions),
        }
    }
}

fn text(name: &'static str, value: Option<String>) -> Result<String, ManifestError> {
    value.filter(|text| !text.is_empty()).ok_or(ManifestError::Empty(name))
}

/// What is empty, 0 or false is not written.
fn unless_default<T: Clone + Default + PartialEq>(value: &T) -> Option<T> {
    (*value != T::default()).then(|| value.clone())
}
