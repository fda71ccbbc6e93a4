//! `ekv-backup inspect`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use ekv_backup::Result;
use ekv_backup::event::Warning;
use ekv_backup::inputs::Opened;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::keyspace::{Family, Routes};
use ekv_backup::run::{Count, Holding, PassedOverSummary, Source, overview};
use ekv_backup::snapshot::{FamilyStats, InputInfo, Snapshot};
use serde::Serialize;

use super::escape::{escaped, printable};
use super::metrics::Metrics;
use super::print::Outcome;
use super::time::{hlc_time, ms_time};
use super::words::Words;
use super::{args, exit, print};
use ekv_backup::time::{Hlc, UnixMs};

/// What is in the input.
#[derive(Serialize)]
struct Contents {
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
struct Counts {
    rows: u64,
    versions: u64,
    tombstones: u64,
    shadowed: u64,
    expired: u64,
    visible: u64,
    bytes: u64,
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

/// What was found.
struct Inspected {
    opened: Opened,
    holdings: Vec<Holding>,
    routes: Option<Routes>,
}

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &args::Inspect, interrupt: &Interrupt) -> u8 {
    let source = Source { counts_only: true, ..arguments.source.of(&arguments.inputs, interrupt) };
    let words = arguments.shown.words();
    words.time_taken(arguments.source.at.as_ref());
    let started = Instant::now();
    let display = arguments.shown.display(&source.progress);
    let result = open(&source, words);
    drop(display);
    let (exit_code, error) = match &result {
        Ok(_) => (exit::COMPLETE, None),
        Err(error) => (exit::code(error), Some(print::chain(error))),
    };
    if let Err(error) = &result {
        print::error(error);
    }
    if let Ok(found) = &result
        && !arguments.brief
    {
        for warning in &warnings(&found.opened.snapshot) {
            words.warning(warning);
        }
    }
    let printed = if arguments.ended.json {
        let contents = result.as_ref().ok().and_then(contents);
        print::json(&Outcome { command: "inspect", exit_code, error, contents })
    } else {
        result.as_ref().map_or(Ok(()), |found| {
            print::out(&if arguments.brief { brief(found) } else { text(found, arguments.families) })
        })
    };
    let exit_code = print::exit(exit_code, printed, "");
    let found = result.as_ref().ok();
    let metrics = Metrics {
        command: "inspect",
        exit_code,
        duration: started.elapsed(),
        warnings: found.and_then(|found| u64::try_from(warnings(&found.opened.snapshot).len()).ok()),
        last_commit_ts: found.map(|found| found.opened.snapshot.last_commit_ts()),
        ..Metrics::default()
    };
    metrics.write(arguments.ended.metrics.as_deref())
}

/// Nothing is written, so what has to be spooled goes where temporary files go.
fn open(source: &Source, words: Words) -> Result<Inspected> {
    let opened = source.open(&source.scratch(std::env::temp_dir()), &mut |notice| words.notice(notice))?;
    let holdings = overview(&opened.snapshot)?;
    let routes = opened.snapshot.routes()?;
    opened.snapshot.check_unchanged()?;
    Ok(Inspected { opened, holdings, routes })
}

/// Lists the families that have rows.
fn families(snapshot: &Snapshot) -> impl Iterator<Item = (Family, &FamilyStats)> {
    Family::all().map(|family| (family, snapshot.stats(family))).filter(|(_, stats)| stats.rows > 0)
}

/// Lists what there is to warn of.
fn warnings(snapshot: &Snapshot) -> Vec<Warning> {
    let missing = snapshot.missing_groups().map(|missing| missing.warning());
    snapshot.warnings().iter().cloned().chain(missing).collect()
}

fn contents(found: &Inspected) -> Option<Contents> {
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
    Some(Contents {
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

/// Returns the oldest commit that the inputs hold, an HLC.
fn oldest_commit(snapshot: &Snapshot) -> Option<Hlc> {
    snapshot.inputs().iter().filter_map(|info| info.lowest_commit_ts).min()
}

/// Says what there is: `2 tables, 41 items`.
fn holds(holding: &Holding) -> String {
    let counts = holding.objects.iter().map(|Count { kind: [one, several], count }| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {several}"),
    });
    let counts: Vec<_> = counts.collect();
    if counts.is_empty() { "nothing that is visible".to_owned() } else { counts.join(", ") }
}

/// Says in one line what the snapshot holds, as of when, and what is to be seen to.
fn brief(found: &Inspected) -> String {
    let snapshot = &found.opened.snapshot;
    let paths: Vec<_> = snapshot.inputs().iter().map(|info| info.path.to_string_lossy()).collect();
    let holds: Vec<_> =
        found.holdings.iter().map(|holding| format!("{} ({})", holding.service, holds(holding))).collect();
    let holds = if holds.is_empty() { "nothing".to_owned() } else { holds.join(", ") };
    let size: u64 = snapshot.inputs().iter().map(|info| info.size).sum();
    let expected = expected(snapshot);
    let expected = if expected.is_empty() { String::new() } else { format!("; {}", expected.join("; ")) };
    let as_of = hlc_time(snapshot.read_ts());
    format!(
        "{}\n",
        printable(&format!("{}: {holds}, as of {as_of}, {size} bytes{expected}", paths.join(" ")))
    )
}

/// Says what a decode will run into, a line each.
fn expected(snapshot: &Snapshot) -> Vec<String> {
    let mut expected = Vec::new();
    let encrypted = snapshot.encrypted().rows;
    if encrypted > 0 && snapshot.keyring().is_none() {
        expected.push(format!("{encrypted} encrypted rows: a decode needs --kek-file"));
    }
    if snapshot.missing_groups().is_some() {
        expected.push("snapshots of other Raft groups are missing".to_owned());
    }
    if snapshot.undecided_count() > 0 {
        expected.push(format!("{} transactions in doubt", snapshot.undecided_count()));
    }
    if snapshot.inputs().iter().any(|info| info.checked_by.is_none()) {
        expected.push("nothing proves that the file is whole".to_owned());
    }
    let unknown = snapshot.stats(Family::Unknown).visible;
    if unknown > 0 {
        expected.push(format!("{unknown} keys of unknown families"));
    }
    let warnings = warnings(snapshot).len();
    if warnings > 0 {
        expected.push(format!("{warnings} warnings"));
    }
    expected
}

fn text(found: &Inspected, with_families: bool) -> String {
    let snapshot = &found.opened.snapshot;
    let mut text = String::new();
    for holding in &found.holdings {
        let _ = writeln!(text, "{:<10}{}, {} bytes", holding.service, holds(holding), holding.bytes);
        for name in &holding.names {
            let _ = writeln!(text, "          {}", printable(name));
        }
        let more = holding.scopes.saturating_sub(u64::try_from(holding.names.len()).unwrap_or(u64::MAX));
        if more > 0 {
            let _ = writeln!(text, "          and {more} more");
        }
    }
    if found.holdings.is_empty() {
        text.push_str("nothing of a service\n");
    }
    let expected = expected(snapshot);
    row(
        &mut text,
        "to expect",
        &if expected.is_empty() { "no problems".to_owned() } else { expected.join("; ") },
    );
    if let Some(oldest) = oldest_commit(snapshot) {
        row(&mut text, "oldest commit", &hlc(oldest));
    }
    row(&mut text, "read at", &hlc(snapshot.read_ts()));
    let encrypted = snapshot.encrypted();
    if encrypted.rows > 0 {
        let by_key: Vec<_> = encrypted.by_key.iter().map(|(id, rows)| format!("{id} ({rows})")).collect();
        let proved = if snapshot.keyring().is_some() { ", authenticated" } else { "" };
        let value = format!("{} visible rows{proved}, data keys {}", encrypted.rows, by_key.join(", "));
        row(&mut text, "encrypted", &value);
    }
    for info in snapshot.inputs_by_group() {
        header(&mut text, info);
    }
    if with_families {
        table(&mut text, snapshot);
    }
    if !snapshot.largest().is_empty() {
        text.push_str("\nlargest visible entries\n");
        for large in snapshot.largest() {
            let _ = writeln!(text, "{:>12}  {}", large.bytes, escaped(&large.key));
        }
    }
    text
}

fn header(text: &mut String, info: &InputInfo) {
    text.push_str(&printable(&info.path.to_string_lossy()));
    text.push('\n');
    let compressed = info.compression.map_or(String::new(), |name| format!(" ({name}, decompressed)"));
    if let Some((group, origin)) = info.group {
        row(text, "Raft group", &format!("{group} (from the {})", origin.name()));
    }
    row(text, "size", &format!("{} bytes{compressed}", info.size));
    match info.header_version {
        Some(version) => row(text, "FSM header", &format!("version {version}")),
        None => row(text, "FSM header", "none"),
    }
    if let Some(ms) = info.ceiling_ms {
        row(text, "ceiling", &format!("{ms} ms = {}", ms_time(ms)));
    }
    if let Some(index) = info.cutover_index {
        row(text, "cutover index", &index.to_string());
    }
    row(text, "payload", info.payload);
    row(text, "footer", &footer(info));
    let origin = if info.checked_by == Some("manifest") { "from the manifest" } else { "from the name" };
    let indexes =
        [("snapshot index", info.name_index, origin), ("applied index", info.applied_index, "from the rows")];
    for (name, index, origin) in indexes {
        if let Some(index) = index {
            row(text, name, &format!("{index} ({origin})"));
        }
    }
    row(text, "last commit", &hlc(info.last_commit_ts));
    for (name, ts) in
        [("retained from", info.min_retained_ts), ("compacting to", info.pending_min_retained_ts)]
    {
        if let Some(ts) = ts {
            row(text, name, &hlc(ts));
        }
    }
    row(text, "operational", &format!("{} rows", info.operational_rows));
}

/// Says what proves that the file is whole.
fn footer(info: &InputInfo) -> String {
    match (info.checked_by, info.crc32c) {
        (Some("manifest"), Some(crc)) => {
            format!("none; the manifest has length, SHA-256 and checksum {crc:08x} of these bytes")
        }
        (Some("name"), _) => "none; the file's name is the SHA-256 of its bytes".to_owned(),
        (_, Some(crc)) => format!("{crc:08x}, verified"),
        (Some(_), None) => "none; the payload's own checksum is right".to_owned(),
        (None, None) => "none: nothing proves that the file is whole".to_owned(),
    }
}

fn table(text: &mut String, snapshot: &Snapshot) {
    let _ = writeln!(
        text,
        "\n{:<28}{:>12}{:>12}{:>12}{:>12}{:>16}",
        "family", "rows", "versions", "tombstones", "visible", "bytes"
    );
    let totals = snapshot.totals();
    let lines = families(snapshot).map(|(family, stats)| (name(family), stats)).chain([("total", &totals)]);
    for (name, stats) in lines {
        let counts = Counts::from(stats);
        let _ = writeln!(
            text,
            "{name:<28}{:>12}{:>12}{:>12}{:>12}{:>16}",
            counts.rows, counts.versions, counts.tombstones, counts.visible, counts.bytes
        );
    }
}

fn name(family: Family) -> &'static str {
    match family {
        Family::Bare => "(keys without a prefix)",
        Family::Unknown => "(unknown families)",
        _ => family.name(),
    }
}

fn row(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "  {name:<16}{value}");
}

fn hlc(ts: Hlc) -> String {
    format!("{ts} = {} + {}", hlc_time(ts), ts.counter())
}
