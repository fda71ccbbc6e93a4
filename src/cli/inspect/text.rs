//! What `inspect` prints for people.

use std::fmt::Write as _;

use ekv_backup::keyspace::Family;
use ekv_backup::run::{Count, Holding};
use ekv_backup::snapshot::{InputInfo, Snapshot};

use super::contents::Counts;
use super::{Inspected, families, oldest_commit, warnings};
use crate::cli::escape::{escaped, printable};
use crate::cli::time::{hlc_time, ms_time};
use ekv_backup::time::Hlc;

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
pub(super) fn brief(found: &Inspected) -> String {
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

/// Says what there is and what is known of each input; the rows of each family too where they are asked for.
pub(super) fn whole(found: &Inspected, with_families: bool) -> String {
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
