//! `ekv-backup verify`.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ekv_backup::event::Warning;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::problem::ListedProblem;
use ekv_backup::progress::Progress;
use ekv_backup::run::restorable;
use ekv_backup::tree::verify::{Finding, VerifyOptions, VerifyReport, verify};
use ekv_backup::tree::{Dump, Scratch, Size};
use ekv_backup::{Error, Result};
use serde::Serialize;

use super::escape::printable;
use super::metrics::Metrics;
use super::print::Outcome;
use super::words::Words;
use super::{args, exit, print};
use ekv_backup::time::UnixMs;

#[derive(Serialize)]
struct Report {
    directory: String,
    sound: bool,
    files: u64,
    bytes: u64,
    /// Objects that the manifest says are missing or altered: the tree can be sound all the same.
    problems: u64,
    findings: u64,
    finding_counts: BTreeMap<&'static str, u64>,
    first_findings: Vec<Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restorable: Option<Restore>,
}

/// What an encoder would make of the dump.
#[derive(Serialize)]
struct Restore {
    encoder: String,
    restorable: bool,
    refused: u64,
    refusals: Vec<String>,
    problems: u64,
    problems_list: Vec<ListedProblem>,
    warnings: Vec<Warning>,
}

#[derive(Serialize)]
struct Found {
    kind: &'static str,
    /// Bytes that are no UTF-8 are replaced; then the path itself stands beside it.
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    detail: String,
}

impl From<&Finding> for Found {
    fn from(finding: &Finding) -> Self {
        Self {
            kind: finding.kind.name(),
            path: String::from_utf8_lossy(&finding.path).into_owned(),
            path_base64: str::from_utf8(&finding.path).is_err().then(|| STANDARD.encode(&finding.path)),
            line: Some(finding.line).filter(|&line| line > 0),
            detail: finding.detail.clone(),
        }
    }
}

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &args::Verify, interrupt: &Interrupt) -> u8 {
    let started = Instant::now();
    let progress = Progress::default();
    let display = arguments.shown.display(&progress);
    let result = check(arguments, interrupt, &progress);
    drop(display);
    let (exit_code, error) = match &result {
        Ok((_, Some(restore))) if !restore.restorable || restore.problems > 0 => (exit::PROBLEMS, None),
        Ok((report, _)) if report.findings.is_empty() => (exit::COMPLETE, None),
        // As `diff` has it: trouble counts more than differences.
        Ok((report, _)) if report.findings.is_unreadable() => (exit::IO, None),
        Ok(_) => (exit::PROBLEMS, None),
        Err(error) => (exit::code(error), Some(print::chain(error))),
    };
    match &result {
        Ok((report, restore)) if !arguments.shown.quiet => {
            say(arguments, report);
            if let Some(restore) = restore {
                say_restore(restore);
            }
        }
        Ok(_) => {}
        Err(error) => print::error(error),
    }
    let report = result.ok().map(|(report, restore)| summary(arguments, &report, restore));
    let mut metrics = Metrics {
        command: "verify",
        exit_code,
        duration: started.elapsed(),
        problems: report.as_ref().map(|report| report.findings),
        size: report.as_ref().map(|report| (report.files, report.bytes)),
        ..Metrics::default()
    };
    if arguments.ended.json {
        let output = Outcome { command: "verify", exit_code, error, contents: report };
        metrics.exit_code = print::exit(exit_code, print::json(&output), "");
    }
    metrics.write(arguments.ended.metrics.as_deref())
}

fn check(
    arguments: &args::Verify,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<(VerifyReport, Option<Restore>)> {
    if arguments.restorable && arguments.directory.as_os_str() == "-" {
        let what = "--restorable reads a dump twice, which standard input cannot be";
        return Err(Error::Name(what.to_owned()));
    }
    let options = VerifyOptions {
        threads: ekv_backup::worker::jobs(),
        scratch: Scratch::new(std::env::temp_dir()).polling(interrupt),
        interrupt: interrupt.clone(),
        progress: progress.clone(),
    };
    let report = verify(&arguments.directory, &options)?;
    let mut restore = None;
    if arguments.restorable
        && report.findings.is_empty()
        && let Some(mut dump) = Dump::open(&arguments.directory, &options.scratch, (interrupt, progress))?
    {
        let encoder = arguments.encoder.as_deref().unwrap_or("ekv-backup").to_owned();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = UnixMs(u64::try_from(now).unwrap_or(u64::MAX));
        let mut warnings = Vec::new();
        let warn = |warning: &Warning| warnings.push(warning.clone());
        let found = restorable(&mut dump, encoder == "reference", now, &options.scratch, warn)?;
        // One problem is enough for the reference encoder to refuse the dump.
        let is_whole = found.problems == 0 || encoder != "reference";
        restore = Some(Restore {
            restorable: found.refused == 0 && is_whole,
            encoder,
            refused: found.refused,
            refusals: found.refusals,
            problems: found.problems,
            problems_list: found.listed,
            warnings,
        });
    }
    Ok((report, restore))
}

/// Says in words what an encoder would make of the dump.
fn say_restore(restore: &Restore) {
    for refusal in &restore.refusals {
        print::err(&printable(&format!("not restorable: {refusal}")));
    }
    let words = Words::new(false);
    words.problems(&restore.problems_list, restore.problems);
    for warning in &restore.warnings {
        words.warning(warning);
    }
    let verdict = match (restore.restorable, restore.problems) {
        (false, _) => "the dump can NOT be restored".to_owned(),
        (true, 0) => "the dump can be restored".to_owned(),
        (true, count) => format!("the dump can be restored, but for {count} of its objects"),
    };
    print::err(&format!("{}: {verdict}", restore.encoder));
}

/// Says in words what is wrong, a line each.
fn say(arguments: &args::Verify, report: &VerifyReport) {
    let findings = &report.findings;
    if findings.is_no_dump() {
        let directory = printable(&arguments.directory.to_string_lossy());
        let why = findings.kept().next().map_or("", |finding| &*finding.detail);
        print::err(&format!("{directory} is no dump: {}", printable(why)));
        return;
    }
    for finding in findings.kept() {
        let line = Found::from(finding);
        let at = line.line.map_or(String::new(), |number| format!(" line {number}"));
        let detail = if line.detail.is_empty() { String::new() } else { format!(": {}", line.detail) };
        let path = match str::from_utf8(&finding.path) {
            Ok(path) => path.to_owned(),
            Err(_) => finding.path.escape_ascii().to_string(),
        };
        let separator = if path.is_empty() { "" } else { ": " };
        print::err(&printable(&format!("{}{separator}{path}{at}{detail}", line.kind)));
    }
    let shown = u64::try_from(findings.kept().count()).unwrap_or(u64::MAX);
    if findings.total() > shown {
        print::err(&format!("{} more findings", findings.total() - shown));
    }
    match report.manifest.as_ref().map_or(0, |manifest| manifest.problems) {
        0 => {}
        1 => print::err("1 object was missing or altered when the dump was made: see PROBLEMS.jsonl"),
        many => {
            print::err(&format!(
                "{many} objects were missing or altered when the dump was made: see PROBLEMS.jsonl"
            ));
        }
    }
    let verdict = if findings.is_empty() { "sound" } else { "NOT sound" };
    let unread = if findings.is_unreadable() { ", and not all of it could be read" } else { "" };
    let Size { files, bytes } = report.size;
    print::err(&format!("{files} files, {bytes} bytes: the tree is {verdict}{unread}"));
}

fn summary(arguments: &args::Verify, report: &VerifyReport, restorable: Option<Restore>) -> Report {
    let findings = &report.findings;
    Report {
        directory: arguments.directory.to_string_lossy().into_owned(),
        sound: findings.is_empty(),
        files: report.size.files,
        bytes: report.size.bytes,
        problems: report.manifest.as_ref().map_or(0, |manifest| manifest.problems),
        findings: findings.total(),
        finding_counts: findings.counts().iter().map(|(kind, &count)| (kind.name(), count)).collect(),
        first_findings: findings.kept().map(Found::from).collect(),
        restorable,
    }
}
