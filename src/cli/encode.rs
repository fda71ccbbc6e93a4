//! `ekv-backup encode`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ekv_backup::Error;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::keyspace::{Namespace, Routes};
use ekv_backup::progress::Progress;
use ekv_backup::run::{EncodeRequest, EncodeSummary, encode};
use ekv_backup::service::Options;

use super::amounts::counted;
use super::args::{self, ADAPTERS};
use super::decode::wall_time;
use super::escape::printable;
use super::exit;
use super::print::{self, Outcome};
use super::selection::{Selected, Selection};
use super::time::hlc_time;
use super::words::Words;
use ekv_backup::time::Hlc;

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Arguments {
    /// A dump: a tree, .tar or .tar.zst; - for an archive on standard input
    #[arg(value_name = "DUMP")]
    pub input: PathBuf,
    /// Snapshot to create; a sidecar `<FILE>.encode_info.json` comes beside it. With --routes a directory of
    /// `group-<N>/snap.fsm`
    #[arg(short, long, value_name = "FILE|DIR")]
    pub output: PathBuf,
    /// One snapshot a Raft group: rows are split by the routes in this file, which `inspect --json` has printed
    #[arg(long, value_name = "FILE")]
    pub routes: Option<PathBuf>,
    #[command(flatten)]
    pub selected: Selected,
    /// Restore nothing of extra/: no keys outside the services, no filesystem, no times of queues and buckets
    #[arg(long)]
    pub no_extra: bool,
    /// Commit timestamp of all rows, an HLC, decimal or 0x and hex: not below the dump's own, which is the default
    #[arg(long, value_name = "HLC", value_parser = commit_ts)]
    pub last_commit_ts: Option<Hlc>,
    /// Leave out Redis keys that have expired by now
    #[arg(long, help_heading = "Redis")]
    pub drop_expired: bool,
    /// Make messages younger by the age of the dump, so that retention and delays go on from where they were
    #[arg(long, help_heading = "SQS")]
    pub sqs_shift_times: bool,
    /// Write byte for byte what the reference encoder writes: nothing of extra/, all generations 1
    #[arg(long)]
    pub reference_rows: bool,
    /// Do not read the finished snapshot again to compare it with the dump; the sidecar says so
    #[arg(long)]
    pub no_self_test: bool,
    /// Take the files of a tree as they are, for one that was edited: CHECKSUMS is not looked at
    #[arg(long)]
    pub no_verify: bool,
    /// Replace a file that is there
    #[arg(long, conflicts_with = "routes")]
    pub force: bool,
    /// Write nothing when an object cannot be restored
    #[arg(long)]
    pub strict: bool,
    /// Print one JSON object to standard output when the run ends
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub shown: args::Shown,
}

const HELP: &str = "\
Exit code 1: objects are left out (each is named), or the snapshot does not hold what the dump does and was removed;
3: the dump is not sound. Others as for decode. docs/restore.md tells how a cluster is made of the snapshot.

Examples:
  ekv-backup encode dump/ -o snap.fsm                      a whole dump
  ekv-backup encode dump.tar.zst -o snap.fsm               an archive
  aws s3 cp s3://backups/dump.tar.zst - | ekv-backup encode - -o snap.fsm
  ekv-backup encode dump/ -o snap.fsm --only 'redis/**'    only the keys of Redis
  ekv-backup encode dump/ -o restored --routes routes.json one snapshot a Raft group
  ekv-backup encode edited/ -o snap.fsm --no-verify        a tree whose files were changed by hand";

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> u8 {
    let words = arguments.shown.words();
    let started = Instant::now();
    let result = request(arguments, interrupt).map_err(Error::Incomparable).and_then(|request| {
        let display = arguments.shown.display(&request.progress);
        let result = encode(&request, |warning| words.warning(warning));
        drop(display);
        result
    });
    let (exit_code, error) = match &result {
        Ok(summary) if summary.problems > 0 => (exit::PROBLEMS, None),
        Ok(_) => (exit::COMPLETE, None),
        Err(error) => (exit::code(error), Some(print::chain(error))),
    };
    match &result {
        Ok(summary) => say(words, summary, started.elapsed()),
        Err(error) => {
            print::error(error);
            if let Error::Strict { listed, problems, .. } = error {
                words.problems(listed, *problems);
            }
        }
    }
    if !arguments.json {
        return exit_code;
    }
    let summary = result.as_ref().ok();
    let left = summary.map_or(String::new(), |summary| format!("; the snapshot is {}", summary.output));
    let outcome = Outcome { command: "encode", exit_code, error, contents: summary };
    print::exit(exit_code, print::json(&outcome), &printable(&left))
}

/// Ends a run in words.
fn say(words: Words, summary: &EncodeSummary, duration: Duration) {
    words.problems(&summary.problems_list, summary.problems);
    let objects = summary.objects.values().flat_map(|names| names.values()).sum();
    words.say(&format!(
        "{}: {} in {}, all at {}; {}; {} bytes in {:.1} s",
        summary.output,
        counted(objects, "object"),
        counted(summary.rows, "row"),
        hlc_time(summary.last_commit_ts),
        if summary.self_test.matched { "holds what the dump does" } else { "not compared with the dump" },
        summary.bytes,
        duration.as_secs_f64()
    ));
}

/// Turns what was typed into what was meant.
fn request(arguments: &Arguments, interrupt: &Interrupt) -> Result<EncodeRequest, String> {
    let Selection { mut excluded, scopes } = arguments.selected.services()?;
    // What is of no service goes with all of them alone.
    if arguments.selected.adapter.as_ref().is_some_and(|adapters| adapters.len() < ADAPTERS.len()) {
        excluded.extend([Namespace::Fs, Namespace::Kv]);
    }
    let no_extra = arguments.no_extra || arguments.reference_rows;
    let mut select = Options { excluded, scopes, no_extra, ..Options::default() };
    select.select(arguments.selected.names()?);
    Ok(EncodeRequest {
        input: arguments.input.clone(),
        output: arguments.output.clone(),
        routes: arguments.routes.as_deref().map(routes).transpose()?,
        force: arguments.force,
        select,
        commit_ts: arguments.last_commit_ts,
        reference_rows: arguments.reference_rows,
        drop_expired: arguments.drop_expired,
        shift_sqs_times: arguments.sqs_shift_times,
        self_test: !arguments.no_self_test,
        verify: !arguments.no_verify,
        strict: arguments.strict,
        wall_time: wall_time(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref())?,
        threads: ekv_backup::worker::jobs(),
        interrupt: interrupt.clone(),
        progress: Progress::default(),
    })
}

/// Reads routes from a file.
fn routes(path: &Path) -> Result<Routes, String> {
    let read = File::open(path).map_err(|error| error.to_string()).and_then(Routes::read);
    read.map_err(|error| format!("--routes {}: {error}", path.display()))
}

/// Reads a timestamp: decimal, or `0x` and hex.
fn commit_ts(text: &str) -> Result<Hlc, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) if digits.starts_with(|first: char| first.is_ascii_hexdigit()) => {
            u64::from_str_radix(digits, 16).ok()
        }
        None if text.starts_with(|first: char| first.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    number.map(Hlc).ok_or_else(|| "expected an HLC: a decimal number, or 0x and hex digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_decimal_or_hex() {
        assert_eq!(commit_ts("112354918407864320"), Ok(Hlc(112_354_918_407_864_320)));
        assert_eq!(commit_ts("0x018f2a33f8000001"), Ok(Hlc(0x018f_2a33_f800_0001)));
        for bad in ["", "0x", "-1", "+1", "0x+1", "1h", "0x1 ", "18446744073709551616"] {
            assert!(commit_ts(bad).is_err(), "{bad}");
        }
    }
}
