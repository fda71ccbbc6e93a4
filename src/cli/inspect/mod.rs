//! `ekv-backup inspect`.

mod contents;
mod text;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use ekv_backup::Result;
use ekv_backup::event::Warning;
use ekv_backup::inputs::Opened;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::keyspace::{Family, Routes};
use ekv_backup::run::{self, Holding, overview};
use ekv_backup::snapshot::{FamilyStats, Snapshot};

use super::args::{Ended, Shown, Source};
use super::metrics::Metrics;
use super::print::Outcome;
use super::words::Words;
use super::{exit, print};
use contents::Contents;
use ekv_backup::time::Hlc;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Snapshots of one cluster: .fsm files (also .zst or .gz), - for standard input, or data directories of nodes, of
    /// which the newest snapshot of each Raft group is read
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub source: Source,
    /// Show the rows of each key family too
    #[arg(long)]
    pub families: bool,
    /// Print one line, for a cron job's mail or log
    #[arg(long, conflicts_with_all = ["json", "families"])]
    pub brief: bool,
    #[command(flatten)]
    pub ended: Ended,
    #[command(flatten)]
    pub shown: Shown,
}

/// What was found.
struct Inspected {
    opened: Opened,
    holdings: Vec<Holding>,
    routes: Option<Routes>,
}

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> u8 {
    let source = run::Source { counts_only: true, ..arguments.source.of(&arguments.inputs, interrupt) };
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
        let contents = result.as_ref().ok().and_then(Contents::of);
        print::json(&Outcome { command: "inspect", exit_code, error, contents })
    } else {
        result.as_ref().map_or(Ok(()), |found| {
            print::out(&if arguments.brief {
                text::brief(found)
            } else {
                text::whole(found, arguments.families)
            })
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
fn open(source: &run::Source, words: Words) -> Result<Inspected> {
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

/// Returns the oldest commit that the inputs hold, an HLC.
fn oldest_commit(snapshot: &Snapshot) -> Option<Hlc> {
    snapshot.inputs().iter().filter_map(|info| info.lowest_commit_ts).min()
}
