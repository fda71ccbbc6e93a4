//! `ekv-backup decode`.

mod arguments;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader};
use std::time::{Duration, Instant};

use ekv_backup::Error;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::name::{self, NameList};
use ekv_backup::problem::ListedProblem;
use ekv_backup::run::{Request, Summary, decode};
use ekv_backup::service::Options;
use ekv_backup::tree::{self, Size, TreeOptions};
use serde::Serialize;
use time::OffsetDateTime;

use super::amounts::{counted, held, problems};
use super::escape::printable;
use super::metrics::Metrics;
use super::selection::Selection;
use super::time::hlc_time;
use super::words::Words;
use super::{exit, print};
pub(super) use arguments::Arguments;
use arguments::Layout;

/// What `--json` prints (`docs/tree/commands.md`).
#[derive(Default, Serialize)]
struct Output<'a> {
    command: &'static str,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    summary: Option<&'a Summary>,
    /// The first problems of a run that problems ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    problems_list: Option<&'a [ListedProblem]>,
    /// How long the run took, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> u8 {
    let request = match request(arguments, interrupt) {
        Ok(request) => request,
        Err(message) => {
            print::err(&format!("error: {}", printable(&message)));
            let (exit_code, error) = (exit::USAGE, Some(message));
            if arguments.ended.json {
                let output = Output { command: "decode", exit_code, error, ..Output::default() };
                print::exit(exit_code, print_json(arguments, &output), "");
            }
            let metrics = Metrics { command: "decode", exit_code, ..Metrics::default() };
            return metrics.write(arguments.ended.metrics.as_deref());
        }
    };
    let words = arguments.shown.words();
    words.time_taken(arguments.source.at.as_ref());
    let started = Instant::now();
    let display = arguments.shown.display(&request.source.progress);
    let result = decode(&request, |warning| words.warning(warning), |notice| words.notice(notice));
    drop(display);
    let duration = started.elapsed();
    let (exit_code, error) = match &result {
        Ok(summary) if summary.problems > 0 => (exit::PROBLEMS, None),
        Ok(_) => (exit::COMPLETE, None),
        Err(error) => (exit::code(error), Some(print::chain(error))),
    };
    match &result {
        // Whoever closed the pipe knows; the exit code says that the archive is not complete.
        Err(Error::Dump(error)) if is_stdout(arguments) && is_closed_pipe(error) => {}
        Err(error) => print::error(error),
        Ok(_) => {}
    }
    let summary = result.as_ref().ok();
    let problems_list = match &result {
        Err(Error::Strict { problems, listed, .. }) => {
            words.problems(listed, *problems);
            Some(listed.as_slice())
        }
        _ => None,
    };
    if let Some(summary) = summary {
        say(words, summary, duration);
    }
    let metrics = |exit_code| {
        let objects = summary.map(|summary| summary.objects.iter()).into_iter().flatten();
        let objects = objects.map(|(service, names)| (service.clone(), names.values().sum())).collect();
        let warnings = summary.map(|summary| summary.warning_counts.values().sum());
        let metrics = Metrics {
            command: "decode",
            exit_code,
            duration,
            objects,
            problems: summary.map(|summary| summary.problems),
            warnings,
            size: summary.map(|summary| (summary.files, summary.bytes)),
            last_commit_ts: summary.map(|summary| summary.read_ts),
        };
        metrics.write(arguments.ended.metrics.as_deref())
    };
    if !arguments.ended.json {
        let table = summary.and_then(|summary| summary.dry_run.as_ref()).map_or_else(String::new, table);
        return metrics(print::exit(exit_code, print::out(&table), ""));
    }
    let made = summary.filter(|summary| summary.dry_run.is_none());
    let left = made.map_or(String::new(), |summary| format!("; the dump stands in {}", summary.output));
    let duration_ms = u64::try_from(duration.as_millis()).ok();
    let output = Output { command: "decode", exit_code, error, summary, problems_list, duration_ms };
    metrics(print::exit(exit_code, print_json(arguments, &output), &printable(&left)))
}

/// Prints the object where no archive goes.
fn print_json(arguments: &Arguments, output: &Output<'_>) -> io::Result<()> {
    if is_stdout(arguments) { print::json_err(output) } else { print::json(output) }
}

/// Whether the dump goes to standard output.
fn is_stdout(arguments: &Arguments) -> bool {
    !arguments.dry_run && arguments.output.as_ref().is_some_and(|output| output.as_os_str() == "-")
}

/// Whether nobody reads standard output any more.
fn is_closed_pipe(error: &tree::Error) -> bool {
    matches!(&error.kind, tree::ErrorKind::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
}

/// Shows what would be written.
fn table(sizes: &BTreeMap<String, Size>) -> String {
    let mut text = format!("{:>12} {:>16}  path\n", "files", "bytes");
    for (path, size) in sizes {
        let _ = writeln!(text, "{:>12} {:>16}  {}", size.files, size.bytes, printable(path));
    }
    text
}

/// Ends a run in words: what was suppressed, the first problems, and where what is now.
fn say(words: Words, summary: &Summary, duration: Duration) {
    for (event, count) in summary.suppressed() {
        words.say(&format!("warning: {event}: {count} more"));
    }
    words.problems(&summary.problems_list, summary.problems);
    words.say(&last_line(summary, duration));
}

/// Says where the dump is, what it holds, as of when, what is wrong with it, and how long it took.
fn last_line(summary: &Summary, duration: Duration) -> String {
    let warnings = summary.warning_counts.values().sum();
    format!(
        "{}: {}, as of {}; {}, {}; {}, {} bytes in {:.1} s",
        if summary.dry_run.is_some() { "nothing is written" } else { &summary.output },
        held(&summary.objects),
        hlc_time(summary.read_ts),
        problems(summary.problems, " (see PROBLEMS.jsonl)"),
        counted(warnings, "warning"),
        counted(summary.files, "file"),
        summary.bytes,
        duration.as_secs_f64()
    )
}

/// Turns what was typed into what was meant.
fn request(arguments: &Arguments, interrupt: &Interrupt) -> Result<Request, String> {
    let Selection { excluded, scopes } = arguments.selected.services()?;
    let size = |layout| (layout == Layout::Jsonl).then_some(arguments.dynamodb_bundle_size);
    let (dynamodb_bundle, jsonl) = (size(arguments.items()), size(arguments.layout));
    if jsonl.is_some() && arguments.no_extra {
        return Err("--layout jsonl keeps headers of S3 objects and other keys in extra/, which --no-extra leaves out".to_owned());
    }
    let mut adapters = Options {
        excluded,
        scopes,
        selection: None,
        no_extra: arguments.no_extra,
        drop_expired: arguments.drop_expired,
        legacy_redis_strings: arguments.legacy_redis_strings,
        dynamodb_bundle,
        jsonl,
        include_incomplete_uploads: arguments.include_incomplete_uploads,
        include_orphans: arguments.include_orphans,
        rename_collisions: arguments.rename_collisions,
        preserve_sqs_visibility: arguments.preserve_sqs_visibility,
        include_sqs_side_records: arguments.include_sqs_side_records,
    };
    adapters.select(named(arguments)?);
    Ok(Request {
        source: arguments.source.of(&arguments.inputs, interrupt),
        // Of no output nothing is asked but what it would hold.
        target: arguments.output.clone().unwrap_or_default(),
        dry_run: arguments.dry_run,
        tree: TreeOptions {
            force: arguments.force,
            mode_from_umask: arguments.mode_from_umask,
            scratch: std::env::temp_dir(),
            jobs: arguments.jobs.set(),
            ..TreeOptions::default()
        },
        adapters,
        strict: arguments.strict,
        cluster_id: arguments.cluster_id.clone(),
        wall_time: wall_time(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref())?,
    })
}

/// Reads what is selected by name.
fn named(arguments: &Arguments) -> Result<name::Selection, String> {
    let mut lists = Vec::new();
    for path in &arguments.from_list {
        let failed = |error: &dyn std::error::Error| {
            format!("--from-list {}: {}", path.display(), print::chain(error))
        };
        let list = if path.as_os_str() == "-" {
            NameList::read("standard input", io::stdin().lock())
        } else {
            let file = File::open(path).map_err(|error| failed(&error))?;
            NameList::read(&path.to_string_lossy(), BufReader::new(file))
        };
        lists.push(list.map_err(|error| failed(&error))?);
    }
    let selection = arguments.selected.names()?;
    // A bundle of items is one file, which one share makes.
    let whole_tables = arguments.items() == Layout::Jsonl;
    let shard = arguments.share.shard.map(|shard| shard.with_whole_tables(whole_tables));
    Ok(selection.with_lists(lists).with_shard(shard))
}

/// Returns `wall_time_iso`: now, or `SOURCE_DATE_EPOCH` in seconds (`tree/README.md#what-a-dump-must-be`).
pub(super) fn wall_time(source_date_epoch: Option<&str>) -> Result<OffsetDateTime, String> {
    match source_date_epoch {
        Some(text) => text
            .parse()
            .ok()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .ok_or_else(|| "SOURCE_DATE_EPOCH: expected seconds since 1970".to_owned()),
        None => Ok(OffsetDateTime::now_utc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_time_can_be_fixed() {
        assert_eq!(wall_time(Some("1714400000")).unwrap().unix_timestamp(), 1_714_400_000);
        assert!(wall_time(Some("yesterday")).is_err());
        assert!(wall_time(None).unwrap().unix_timestamp() > 1_714_400_000);
    }
}
