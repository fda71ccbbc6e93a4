//! `ekv-backup du`.

use std::fmt::Write as _;

use ekv_backup::interrupt::Interrupt;
use ekv_backup::name::{Pattern, Selection};
use ekv_backup::run::Source;
use ekv_backup::run::du::{DuRequest, Usage, du, du_dump};
use ekv_backup::{Error, Result};
use serde::Serialize;

use super::escape::printable;
use super::print::Outcome;
use super::words::Words;
use super::{args, exit, positional, print};

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Snapshots of one cluster as for decode, or one dump (a tree, .tar or .tar.zst); - for either on standard input; then names or patterns of objects that are counted ('redis/cart:*')
    #[arg(required = true, num_args = 1.., value_name = "INPUT [PATTERN]")]
    pub inputs: Vec<std::ffi::OsString>,
    /// Parts of a name that make a line: a table, bucket or queue, and what ends in `:`, `/` or `.`
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub depth: usize,
    /// Show the N lines with the most bytes, and the others as one
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    #[command(flatten)]
    pub share: args::Share,
    #[command(flatten)]
    pub source: args::Source,
    /// Print one JSON object to standard output
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub shown: args::Shown,
}

const HELP: &str = args::after_help!(
    "\
Bytes are those of rows, keys and values, as they are stored; those of all lines add up to the rows of the file. `live`
counts at the read timestamp; `history` (older, expired and later versions) and `tombstones` are what a compaction can
free. Of a dump they are those of an object's file or line, and all live. Chunks of S3 count to their object; those of replaced and aborted uploads, and those that objects may share, have
lines of their own. Names in parentheses are of no object.

Examples:
  ekv-backup du snap.fsm --depth 2 --top 20          the 20 largest groups of names
  ekv-backup du snap.fsm 's3/images/**' --depth 3    what fills a bucket
  ekv-backup du dump.tar.zst --depth 2               what fills a dump
  ekv-backup du n1/ --json                           of a node's data directory, for a script

",
    "  0    all is counted
  1    a pattern matches nothing"
);

#[derive(Serialize)]
struct Contents {
    total: Line,
    groups: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    objects: u64,
    bytes: u64,
    history_rows: u64,
    history_bytes: u64,
    tombstone_rows: u64,
    tombstone_bytes: u64,
    total_bytes: u64,
}

impl From<&Usage> for Line {
    fn from(usage: &Usage) -> Self {
        Self {
            name: usage.name.clone(),
            objects: usage.objects,
            bytes: usage.bytes,
            history_rows: usage.history_rows,
            history_bytes: usage.history_bytes,
            tombstone_rows: usage.tombstone_rows,
            tombstone_bytes: usage.tombstone_bytes,
            total_bytes: usage.total(),
        }
    }
}

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> u8 {
    let words = arguments.shown.words();
    let result = match request(arguments, interrupt) {
        Ok((source, request)) => measure(arguments, &source, &request, words),
        Err(message) => Err(Error::Incomparable(message)),
    };
    let (exit_code, error) = match &result {
        Ok(_) => (exit::COMPLETE, None),
        Err(error @ Error::Unmatched(_)) => (exit::PROBLEMS, Some(print::chain(error))),
        Err(error) => (exit::code(error), Some(print::chain(error))),
    };
    if let Err(error) = &result {
        print::error(error);
    }
    let groups = result.ok();
    let printed = if arguments.json {
        let contents = groups.map(|(total, groups)| Contents {
            total: Line::from(&total),
            groups: groups.iter().map(Line::from).collect(),
        });
        print::json(&Outcome { command: "du", exit_code, error, contents })
    } else {
        groups.map_or(Ok(()), |(total, groups)| print::out(&text(&total, &groups)))
    };
    print::exit(exit_code, printed, "")
}

fn request(arguments: &Arguments, interrupt: &Interrupt) -> Result<(Source, DuRequest), String> {
    let (inputs, patterns) = positional::split(&arguments.inputs)?;
    let patterns = patterns.iter().map(|text| Pattern::glob(text).map_err(|error| print::chain(&error)));
    let selection = Selection::new(patterns.collect::<Result<_, _>>()?, Vec::new());
    let selection = selection.with_shard(arguments.share.shard);
    let request = DuRequest { selection, depth: arguments.depth };
    Ok((arguments.source.of(&inputs, interrupt), request))
}

fn measure(
    arguments: &Arguments,
    source: &Source,
    request: &DuRequest,
    words: Words,
) -> Result<(Usage, Vec<Usage>)> {
    words.time_taken(arguments.source.at.as_ref());
    let scratch = source.scratch(std::env::temp_dir());
    let display = arguments.shown.display(&source.progress);
    let groups = source.dump(&scratch).and_then(|dump| match dump {
        Some(_) if source.at.is_some() => {
            Err(Error::Name("a dump is of one time, and --at of snapshots".to_owned()))
        }
        Some(mut dump) => du_dump(&mut dump, request, &scratch),
        None => {
            let opened = source.open(&scratch, &mut |notice| words.notice(notice))?;
            du(&opened, request, &scratch, |warning| words.warning(warning))
        }
    });
    drop(display);
    let groups = groups?;
    request.selection.check()?;
    let mut total = Usage { name: "total".to_owned(), ..Usage::default() };
    for usage in &groups {
        total.add(usage);
    }
    Ok((total, shorten(groups, arguments.top)))
}

/// Keeps the first groups, and counts the others as one.
fn shorten(mut groups: Vec<Usage>, top: Option<usize>) -> Vec<Usage> {
    let others = groups.split_off(top.unwrap_or(groups.len()).min(groups.len()));
    if others.is_empty() {
        return groups;
    }
    let mut rest = Usage { name: format!("({} more)", others.len()), ..Usage::default() };
    for usage in &others {
        rest.add(usage);
    }
    groups.push(rest);
    groups
}

fn text(total: &Usage, groups: &[Usage]) -> String {
    let mut text = format!(
        "{:>16}{:>12}{:>16}{:>16}{:>16}  name\n",
        "bytes", "objects", "live", "history", "tombstones"
    );
    for usage in groups.iter().chain([total]) {
        let _ = writeln!(
            text,
            "{:>16}{:>12}{:>16}{:>16}{:>16}  {}",
            usage.total(),
            usage.objects,
            usage.bytes,
            usage.history_bytes,
            usage.tombstone_bytes,
            printable(&usage.name)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_one_line() {
        let usage = |name: &str, bytes| Usage { name: name.to_owned(), bytes, ..Usage::default() };
        let groups = vec![usage("a", 5), usage("b", 3), usage("c", 2)];
        assert_eq!(shorten(groups.clone(), None), groups);
        assert_eq!(shorten(groups.clone(), Some(3)), groups);
        assert_eq!(shorten(groups.clone(), Some(1)), [usage("a", 5), usage("(2 more)", 5)]);
        assert_eq!(shorten(groups, Some(0)), [usage("(3 more)", 10)]);
    }
}
