//! What a run has to say when it ends: counters, scopes, warnings (`tree/README.md#what-becomes-of-each-family`, `tree/outcome.md#outcome`).

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Request, asked};
use crate::event::Warning;
use crate::inputs::{Opened, PassedOver};
use crate::keyspace::{Family, Namespace, Role};
use crate::problem::ListedProblem;
use crate::report::Report;
use crate::service::Scope;
use crate::snapshot::{GroupOrigin, InputInfo, Snapshot};
use crate::time::Hlc;
use crate::tree::{Finished, Size};

/// Rows and keys of the inputs. `total` is the sum of all other members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Rows of all inputs.
    pub total: u64,
    /// Tombstone rows, hidden ones too.
    pub tombstone: u64,
    /// Versions that a newer one hides.
    pub shadowed: u64,
    /// Keys whose counting version has expired at the store's level.
    pub expired: u64,
    /// Raw operational rows.
    pub operational: u64,
    /// Visible keys of the adapter.
    pub dynamodb: u64,
    /// Visible keys of the adapter.
    pub s3: u64,
    /// Visible keys of the adapter.
    pub redis: u64,
    /// Visible keys of the adapter.
    pub sqs: u64,
    /// Visible keys of the filesystem.
    pub fs: u64,
    /// Visible keys without a prefix.
    pub unprefixed: u64,
    /// Visible keys of internal families, and of adapters that were not selected.
    pub internal: u64,
    /// Visible keys that begin with `!` and match no family.
    pub unknown: u64,
}

/// Facts about one input.
#[derive(Clone, Debug, Serialize)]
pub struct InputSummary {
    /// The path as it was given.
    pub path: String,
    /// Raft index, when the name or a row tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_index: Option<u64>,
    /// `last_commit_ts` of the payload, an HLC timestamp.
    pub last_commit_ts: Hlc,
    /// Verified footer, 8 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fsm_crc32c: Option<String>,
    /// Raft group, when something tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<u64>,
    /// What tells the group: `path`, `oracle` or `routes` (`docs/cluster.md`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_from: Option<&'static str>,
}

impl From<&InputInfo> for InputSummary {
    fn from(info: &InputInfo) -> Self {
        Self {
            path: info.path.to_string_lossy().into_owned(),
            group: info.group(),
            group_from: info.group.map(|(_, origin)| GroupOrigin::name(origin)),
            snapshot_index: info.snapshot_index,
            last_commit_ts: info.last_commit_ts,
            fsm_crc32c: info.fsm_crc32c(),
        }
    }
}

/// A snapshot in a directory that was not read.
#[derive(Clone, Debug, Serialize)]
pub struct PassedOverSummary {
    /// The file or link.
    pub path: String,
    /// Why, in words.
    pub reason: String,
}

impl From<&PassedOver> for PassedOverSummary {
    fn from(passed: &PassedOver) -> Self {
        Self { path: passed.path.to_string_lossy().into_owned(), reason: passed.reason.clone() }
    }
}

/// The outcome of a run that left a tree. The order of the members is part of `docs/tree/commands.md`.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The directory that was created.
    pub output: String,
    /// Number of objects that are missing or altered: lines of `PROBLEMS.jsonl`.
    pub problems: u64,
    /// Files of the tree, CHECKSUMS itself aside.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// The read timestamp, an HLC.
    pub read_ts: Hlc,
    /// The inputs, by Raft group.
    pub inputs: Vec<InputSummary>,
    /// Rows and keys.
    pub counters: Counters,
    /// What each adapter wrote: names of tables, buckets, queues, databases.
    pub scopes: BTreeMap<&'static str, Vec<String>>,
    /// The warnings that were kept, in the order in which they came up.
    pub warnings: Vec<Warning>,
    /// The first 100 problems, in the order of `PROBLEMS.jsonl`.
    pub problems_list: Vec<ListedProblem>,
    /// Bytes of the inputs, after decompression.
    pub bytes_read: u64,
    /// Number of objects (items, objects, keys, messages) by adapter and name.
    pub objects: BTreeMap<String, BTreeMap<String, u64>>,
    /// Options and selections that were asked for.
    pub options: BTreeMap<&'static str, serde_json::Value>,
    /// `false` when something was left out on request.
    pub complete: bool,
    /// Version of this program.
    pub tool_version: &'static str,
    /// How often each warning came up, kept or not.
    pub warning_counts: BTreeMap<&'static str, u64>,
    /// What was passed over in directories: the first 1000.
    pub passed_over: Vec<PassedOverSummary>,
    /// Number of all that was passed over.
    pub passed_over_count: u64,
    /// Of a run that writes nothing: files and bytes that it would write, by the first two components of their paths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<BTreeMap<String, Size>>,
}

impl Summary {
    pub(super) fn new(
        request: &Request,
        opened: &Opened,
        scopes: &BTreeMap<Namespace, Scope>,
        report: &Report<'_>,
        finished: &Finished,
    ) -> Self {
        let snapshot = &opened.snapshot;
        Self {
            output: request.target.to_string_lossy().into_owned(),
            problems: report.problem_count(),
            files: finished.size.files,
            bytes: finished.size.bytes,
            read_ts: snapshot.read_ts(),
            inputs: snapshot.inputs_by_group().into_iter().map(InputSummary::from).collect(),
            counters: counters(snapshot, request),
            scopes: services(scopes).map(|(name, scope)| (name, super::names(scope))).collect(),
            warnings: report.warnings().to_vec(),
            problems_list: Vec::new(),
            bytes_read: snapshot.inputs().iter().map(|info| info.size).sum(),
            objects: objects(scopes),
            options: asked::options(request),
            complete: asked::is_complete(request) && request.adapters.shard().is_none(),
            tool_version: asked::TOOL_VERSION,
            warning_counts: report.counts().clone(),
            passed_over: opened.passed_over.iter().map(PassedOverSummary::from).collect(),
            passed_over_count: opened.passed_over_count,
            dry_run: request.dry_run.then(|| by_path(&finished.scopes)),
        }
    }

    /// Lists the events of which more came up than were kept, with the number of the others; not those whose last
    /// warning tells it.
    pub fn suppressed(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.warning_counts.iter().filter_map(|(&event, &count)| {
            let kept: Vec<_> = self.warnings.iter().filter(|warning| warning.event.name() == event).collect();
            let told = kept.last().is_some_and(|last| last.total() == Some(count));
            let more = count.saturating_sub(u64::try_from(kept.len()).unwrap_or(u64::MAX));
            (more > 0 && !told).then_some((event, more))
        })
    }
}

fn by_path(scopes: &BTreeMap<Vec<u8>, Size>) -> BTreeMap<String, Size> {
    let mut sizes = BTreeMap::<String, Size>::new();
    for (path, size) in scopes {
        // Paths that are one as text are counted together.
        let known = sizes.entry(String::from_utf8_lossy(path).into_owned()).or_default();
        *known = Size { files: known.files + size.files, bytes: known.bytes.saturating_add(size.bytes) };
    }
    sizes
}

/// Lists the scopes of the four services by the name of their adapter; the others have no names of their own.
fn services(scopes: &BTreeMap<Namespace, Scope>) -> impl Iterator<Item = (&'static str, &Scope)> {
    let named = scopes.iter().filter(|(owner, _)| !matches!(owner, Namespace::Fs | Namespace::Kv));
    named.map(|(owner, scope)| (owner.name(), scope))
}

/// Counts objects by adapter and name, as text.
pub(super) fn objects(scopes: &BTreeMap<Namespace, Scope>) -> BTreeMap<String, BTreeMap<String, u64>> {
    let counts = |scope: &Scope| {
        let mut counts = BTreeMap::new();
        for (name, count) in scope {
            // Names that are one as text are counted together.
            *counts.entry(String::from_utf8_lossy(name).into_owned()).or_default() += count;
        }
        counts
    };
    services(scopes).map(|(name, scope)| (name.to_owned(), counts(scope))).collect()
}

fn counters(snapshot: &Snapshot, request: &Request) -> Counters {
    let mut counters = Counters {
        operational: snapshot.inputs().iter().map(|info| info.operational_rows).sum(),
        ..Counters::default()
    };
    for family in Family::all() {
        let stats = snapshot.stats(family);
        counters.tombstone += stats.tombstones;
        counters.expired += stats.expired;
        counters.shadowed += stats
            .rows
            .saturating_sub(stats.tombstones)
            .saturating_sub(stats.expired)
            .saturating_sub(stats.visible);
        *place(&mut counters, family, request) += stats.visible;
        counters.total += stats.rows;
    }
    counters.total += counters.operational;
    counters
}

/// Returns the counter that a family's visible keys belong to.
fn place<'c>(counters: &'c mut Counters, family: Family, request: &Request) -> &'c mut u64 {
    let owner = family.owner();
    if request.adapters.excluded.contains(&owner) {
        return &mut counters.internal;
    }
    match owner {
        Namespace::Dynamodb => &mut counters.dynamodb,
        Namespace::S3 | Namespace::Redis if family.kind() == Role::Internal => &mut counters.internal,
        Namespace::S3 => &mut counters.s3,
        Namespace::Redis => &mut counters.redis,
        Namespace::Sqs => &mut counters.sqs,
        Namespace::Fs => &mut counters.fs,
        Namespace::Kv if family == Family::Bare => &mut counters.unprefixed,
        Namespace::Kv => &mut counters.unknown,
        Namespace::Internal => &mut counters.internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_families_of_s3_count_as_internal() {
        let request = Request {
            source: crate::run::Source::default(),
            target: std::path::PathBuf::new(),
            dry_run: false,
            tree: crate::tree::TreeOptions::default(),
            adapters: crate::service::Options::default(),
            strict: false,
            cluster_id: String::new(),
            wall_time: time::OffsetDateTime::UNIX_EPOCH,
        };
        let mut counters = Counters::default();
        for family in [Family::S3BucketGeneration, Family::S3GcUpload, Family::S3Route] {
            *place(&mut counters, family, &request) += 1;
        }
        assert_eq!((counters.internal, counters.s3), (3, 0));
        for family in [Family::S3BucketMeta, Family::S3UploadPart, Family::S3ChunkBlob] {
            *place(&mut counters, family, &request) += 1;
        }
        assert_eq!((counters.internal, counters.s3), (3, 3));
    }
}
