//! What `inspect --json` prints.

use std::collections::BTreeMap;

use ekv_backup::event::Warning;
use ekv_backup::keyspace::Routes;
use ekv_backup::run::{Holding, PassedOverSummary};
use ekv_backup::snapshot::{FamilyStats, InputInfo};
use serde::Serialize;

use super::{Inspected, families, oldest_commit, warnings};
use crate::cli::time::{hlc_time, ms_time};
use ekv_backup::time::{Hlc, UnixMs};

/// What is in the input.
#[derive(Serialize)]
pub(super) struct Contents {
    input: InputFacts,
    read_ts: Hlc,
    read_time_iso: String,
    encrypted_rows: u64,
    key_ids: Vec<u32>,
    encrypted_by_key: BTreeMap<u32, u64>,
    first_encrypted_offset: Option<u64>,
    authenticated_rows: Option<u64>,
    totals: Counts,
    families: Vec<FamilyCounts>,
    services: Vec<Service>,
    oldest_commit_ts: Option<Hlc>,
    oldest_commit_iso: Option<String>,
    largest: Vec<LargeEntry>,
    warnings: Vec<Warning>,
    inputs: Vec<InputFacts>,
    routes: Option<Routes>,
    passed_over: Vec<PassedOverSummary>,
    passed_over_count: u64,
}

#[derive(Serialize)]
struct InputFacts {
    path: String,
    size: u64,
    compression: Option<&'static str>,
    header_version: Option<u8>,
    ceiling_ms: Option<UnixMs>,
    ceiling_iso: Option<String>,
    cutover_index: Option<u64>,
    payload: &'static str,
    fsm_crc32c: Option<String>,
    checked_by: Option<&'static str>,
    snapshot_index: Option<u64>,
    name_index: Option<u64>,
    applied_index: Option<u64>,
    last_commit_ts: Hlc,
    last_commit_iso: String,
    min_retained_ts: Option<Hlc>,
    pending_min_retained_ts: Option<Hlc>,
    operational_rows: u64,
    group: Option<u64>,
    group_from: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Counts {
    pub rows: u64,
    pub versions: u64,
    pub tombstones: u64,
    pub shadowed: u64,
    pub expired: u64,
    pub visible: u64,
    pub bytes: u64,
}

#[derive(Serialize)]
struct FamilyCounts {
    family: &'static str,
    owner: &'static str,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Serialize)]
struct Service {
    #[serde(rename = "service")]
    name: &'static str,
    objects: BTreeMap<&'static str, u64>,
    names: Vec<String>,
    bytes: u64,
}

#[derive(Serialize)]
struct LargeEntry {
    family: &'static str,
    key_hex: String,
    bytes: u64,
}

impl From<&FamilyStats> for Counts {
    fn from(stats: &FamilyStats) -> Self {
        Self {
            rows: stats.rows,
            versions: stats.rows.saturating_sub(stats.tombstones),
            tombstones: stats.tombstones,
            shadowed: stats.shadowed,
            expired: stats.expired,
            visible: stats.visible,
            bytes: stats.bytes,
        }
    }
}

impl Contents {
    /// Takes what is said of all that was found; nothing of no input.
    pub(super) fn of(found: &Inspected) -> Option<Self> {
        let opened = &found.opened;
        let snapshot = &opened.snapshot;
        let oldest = oldest_commit(snapshot);
        let service = |holding: &Holding| Service {
            name: holding.service,
            objects: holding.objects.iter().map(|objects| (objects.kind[1], objects.count)).collect(),
            names: holding.names.clone(),
            bytes: holding.bytes,
        };
        let encrypted = snapshot.encrypted();
        Some(Self {
            input: facts(snapshot.default_input()?),
            read_ts: snapshot.read_ts(),
            read_time_iso: hlc_time(snapshot.read_ts()),
            encrypted_rows: encrypted.rows,
            key_ids: encrypted.by_key.keys().copied().collect(),
            encrypted_by_key: encrypted.by_key.clone(),
            first_encrypted_offset: encrypted.first.as_ref().map(|first| first.offset),
            authenticated_rows: snapshot.keyring().map(|_| encrypted.counters.opened),
            totals: Counts::from(&snapshot.totals()),
            families: families(snapshot)
                .map(|(family, stats)| FamilyCounts {
                    family: family.name(),
                    owner: family.owner().name(),
                    counts: stats.into(),
                })
                .collect(),
            services: found.holdings.iter().map(service).collect(),
            oldest_commit_ts: oldest,
            oldest_commit_iso: oldest.map(hlc_time),
            largest: snapshot
                .largest()
                .iter()
                .map(|large| LargeEntry {
                    family: large.family.name(),
                    key_hex: hex::encode(&large.key),
                    bytes: large.bytes,
                })
                .collect(),
            warnings: warnings(snapshot),
            inputs: snapshot.inputs_by_group().into_iter().map(facts).collect(),
            routes: found.routes.clone(),
            passed_over: opened.passed_over.iter().map(PassedOverSummary::from).collect(),
            passed_over_count: opened.passed_over_count,
        })
    }
}

fn facts(info: &InputInfo) -> InputFacts {
    InputFacts {
        path: info.path.to_string_lossy().into_owned(),
        size: info.size,
        compression: info.compression,
        header_version: info.header_version,
        ceiling_ms: info.ceiling_ms,
        ceiling_iso: info.ceiling_ms.map(ms_time),
        cutover_index: info.cutover_index,
        payload: info.payload,
        fsm_crc32c: info.fsm_crc32c(),
        checked_by: info.checked_by,
        snapshot_index: info.snapshot_index,
        name_index: info.name_index,
        applied_index: info.applied_index,
        last_commit_ts: info.last_commit_ts,
        last_commit_iso: hlc_time(info.last_commit_ts),
        min_retained_ts: info.min_retained_ts,
        pending_min_retained_ts: info.pending_min_retained_ts,
        operational_rows: info.operational_rows,
        group: info.group(),
        group_from: info.group.map(|(_, origin)| origin.name()),
    }
}
