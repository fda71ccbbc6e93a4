//! `ekv-backup decode`.

use ekv_backup::adapter::Options;
use ekv_backup::decode::{Request, Summary, decode};
use ekv_backup::dump::TreeOptions;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::progress::Progress;
use serde::Serialize;
use time::OffsetDateTime;

use super::args::{self, Layout};
use super::escape::printable;
use super::progress::Display;
use super::selection::Selection;
use super::{exit, print};

/// What `--json` prints (`docs/output.md`).
#[derive(Serialize)]
struct Output<'a> {
    command: &'static str,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    summary: Option<&'a Summary>,
}

/// Runs the command and returns its exit code.
pub fn run(arguments: &args::Decode, interrupt: &Interrupt) -> u8 {
    let request = match request(arguments, interrupt) {
        Ok(request) => request,
        Err(message) => {
            print::err(&format!("error: {}", printable(&message)));
            if !arguments.json {
                return exit::USAGE;
            }
            let (exit_code, error) = (exit::USAGE, Some(message));
            let output = Output { command: "decode", exit_code, error, summary: None };
            return print::exit(exit_code, print::json(&output), "");
        }
    };
    print::time_taken(arguments.at.as_ref());
    let display = Display::start(arguments.progress, &request.progress);
    let result = decode(&request, print::warning, print::notice);
    drop(display);
    let (exit_code, error) = match &result {
        Ok(summary) if summary.problems > 0 => (exit::PROBLEMS, None),
        Ok(_) => (exit::COMPLETE, None),
        Err(error) => (exit::code(error), Some(print::chain(error))),
    };
    if let Err(error) = &result {
        print::error(error);
    }
    let summary = result.as_ref().ok();
    if let Some(summary) = summary {
        say(summary);
    }
    if !arguments.json {
        return exit_code;
    }
    let left = summary.map_or(String::new(), |summary| format!("; the dump stands in {}", summary.output));
    let output = Output { command: "decode", exit_code, error, summary };
    print::exit(exit_code, print::json(&output), &printable(&left))
}

/// Ends a run in words.
fn say(summary: &Summary) {
    for (event, count) in summary.suppressed() {
        print::err(&format!("warning: {event}: {count} more"));
    }
    print::err(&format!("{} files, {} bytes written", summary.files, summary.bytes));
    if summary.problems > 0 {
        print::err(&format!("{} objects are missing or altered: see PROBLEMS.jsonl", summary.problems));
    }
}

/// Turns what was typed into what was meant.
fn request(arguments: &args::Decode, interrupt: &Interrupt) -> Result<Request, String> {
    let Selection { excluded, scopes } = Selection::of(arguments.adapter.as_ref(), &arguments.scope)?;
    let dynamodb_bundle =
        (arguments.dynamodb_layout == Layout::Jsonl).then_some(arguments.dynamodb_bundle_size);
    Ok(Request {
        inputs: arguments.inputs.clone(),
        txn_from: arguments.txn_from.clone(),
        keys: arguments.keys.files(),
        target: arguments.output.clone(),
        tree: TreeOptions {
            force: arguments.force,
            mode_from_umask: arguments.mode_from_umask,
            interrupt: interrupt.clone(),
            ..TreeOptions::default()
        },
        adapters: Options {
            excluded,
            scopes,
            no_extra: arguments.no_extra,
            drop_expired: arguments.drop_expired,
            legacy_redis_strings: arguments.legacy_redis_strings,
            dynamodb_bundle,
            include_incomplete_uploads: arguments.include_incomplete_uploads,
            include_orphans: arguments.include_orphans,
            rename_collisions: arguments.rename_collisions,
            preserve_sqs_visibility: arguments.preserve_sqs_visibility,
            include_sqs_side_records: arguments.include_sqs_side_records,
        },
        at: arguments.at.as_ref().map(|at| at.read),
        strict: arguments.strict,
        cluster_id: arguments.cluster_id.clone(),
        wall_time: wall_time(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref())?,
        progress: Progress::default(),
    })
}

/// Returns `wall_time_iso`: now, or `SOURCE_DATE_EPOCH` in seconds (`decisions.md` 1).
fn wall_time(source_date_epoch: Option<&str>) -> Result<OffsetDateTime, String> {
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
