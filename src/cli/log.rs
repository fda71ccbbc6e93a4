//! `ekv-backup log`: the versions of one object, a line each.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Args;
use ekv_backup::error::Error;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::run::{Change, ChangeKind, Difference, LogRequest, log};
use serde::Serialize;

use super::at::{self, At};
use super::escape::printable;
use super::get::operands;
use super::time::hlc_time;
use super::{args, exit, print};

const EXAMPLES: &str = args::after_help!(
    "\
A line a version: commit time, the same as HLC (for --at), what became of it, what differs from
the version before. Of a Redis collection each field, item or member has versions of its own.

Examples:
  ekv-backup log snap.fsm redis/cart:17
  ekv-backup log snap.fsm dynamodb/orders/user-1/3 --since -1h
  ekv-backup log snap.fsm s3/images/catalog/sku-1/front.png --json --limit 5

",
    "  0    versions were written
  1    no version of it is held"
);

/// Arguments as they are typed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(override_usage = "ekv-backup log [OPTIONS] <INPUT>... <NAME> [KEY]")]
pub(super) struct Arguments {
    /// Inputs as of decode; then the name of an object, and for an item of a table perhaps its key as JSON
    #[arg(required = true, value_name = "INPUT")]
    operands: Vec<OsString>,
    #[command(flatten)]
    source: args::Source,
    /// Nothing older: a time as for --at
    #[arg(long, value_name = "TIME", value_parser = at::parse, allow_hyphen_values = true)]
    since: Option<At>,
    /// Nothing newer: a time as for --at
    #[arg(long, value_name = "TIME", value_parser = at::parse, allow_hyphen_values = true)]
    until: Option<At>,
    /// Only so many versions
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shown: args::Shown,
}

/// One line of `--json` (`docs/tree/commands.md`).
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    time_iso: String,
    #[serde(flatten)]
    change: &'a Change,
}

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> u8 {
    let (inputs, name, key) = match operands(&arguments.operands) {
        Ok(operands) => operands,
        Err(message) => {
            print::err(&format!("error: {}", printable(&message)));
            return exit::USAGE;
        }
    };
    let source = arguments.source.of(&inputs, interrupt);
    let time = |at: &Option<At>| at.as_ref().map(|at| at.read);
    let (since, until) = (time(&arguments.since), time(&arguments.until));
    let request = LogRequest { source, name, key, since, until };
    let words = arguments.shown.words();
    for (option, time) in
        [("--at", &arguments.source.at), ("--since", &arguments.since), ("--until", &arguments.until)]
    {
        words.time_taken_for(option, time.as_ref());
    }
    let mut display = Some(arguments.shown.display(&request.source.progress));
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut each = |change: Change| {
        if left == 0 {
            return Ok(false);
        }
        left -= 1;
        // Lines and a line that moves do not go together.
        display = None;
        let written = if arguments.json {
            let time_iso = hlc_time(change.commit_ts);
            let line = Line { name: &request.name, time_iso, change: &change };
            serde_json::to_writer(&mut out, &line).map_err(Into::into).and_then(|()| out.write_all(b"\n"))
        } else {
            writeln!(out, "{}", printable(&text(&change)))
        };
        written.map_err(Error::Output)?;
        Ok(true)
    };
    let result = log(&request, |warning| words.warning(warning), |notice| words.notice(notice), &mut each);
    let result = result.and_then(|any| out.flush().map(|()| any).map_err(Error::Output));
    drop(display);
    match result {
        Ok(true) => exit::COMPLETE,
        Ok(false) => {
            print::err(&format!("error: {}: no version of it is held", printable(&request.name)));
            exit::PROBLEMS
        }
        // Whoever closed the pipe has seen enough.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => exit::COMPLETE,
        Err(Error::Output(error)) => print::exit(exit::COMPLETE, Err(error), ""),
        Err(error) => {
            print::error(&error);
            exit::code(&error)
        }
    }
}

fn text(change: &Change) -> String {
    let word = match change.change {
        ChangeKind::Created => "created",
        ChangeKind::Oldest => "oldest",
        ChangeKind::Changed => "changed",
        ChangeKind::Same => "same",
        ChangeKind::Deleted => "deleted",
    };
    let differs: Vec<_> = change.differences.iter().map(|each| difference(change.change, each)).collect();
    let differs = if differs.is_empty() { String::new() } else { format!(": {}", differs.join(", ")) };
    let time = hlc_time(change.commit_ts);
    format!("{time:<24}  {}  {word:<7}  {}{differs}", change.commit_ts, change.what)
}

fn difference(kind: ChangeKind, Difference { name, old, new }: &Difference) -> String {
    let name = if name == "value" { String::new() } else { format!("{name} ") };
    let none = || "(none)".to_owned();
    let (old, new) = (old.clone().unwrap_or_else(none), new.clone().unwrap_or_else(none));
    match kind {
        ChangeKind::Created | ChangeKind::Oldest => format!("{name}{new}"),
        ChangeKind::Deleted => format!("{name}was {old}"),
        ChangeKind::Changed | ChangeKind::Same => format!("{name}{old} -> {new}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekv_backup::time::Hlc;

    #[test]
    fn a_change_is_one_line() {
        let differs = |name: &str, old: Option<&str>, new: Option<&str>| Difference {
            name: name.into(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        };
        let mut change = Change {
            commit_ts: Hlc(112_354_918_400_000_001),
            change: ChangeKind::Changed,
            what: "item".into(),
            bytes: 5,
            expires: None,
            differences: vec![differs("a", Some("1"), None), differs("value", Some("\"x\""), Some("\"y\""))],
        };
        let front = "2024-04-29T14:13:20Z      112354918400000001  ";
        assert_eq!(text(&change), format!("{front}changed  item: a 1 -> (none), \"x\" -> \"y\""));
        change.change = ChangeKind::Deleted;
        change.differences.truncate(1);
        assert_eq!(text(&change), format!("{front}deleted  item: a was 1"));
        change.differences.clear();
        assert_eq!(text(&change), format!("{front}deleted  item"));
    }
}
