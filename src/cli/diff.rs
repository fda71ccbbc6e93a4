//! `ekv-backup diff`.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write as _};

use ekv_backup::interrupt::Interrupt;
use ekv_backup::name::{Pattern, Selection};
use ekv_backup::run::Source;
use ekv_backup::run::diff::{Change, DiffCounts, DiffRequest, DiffSummary, Difference, Said, Sign, diff};
use ekv_backup::{Error, Result};
use serde::Serialize;

use super::colour::Colour;
use super::escape::printable;
use super::print::Outcome;
use super::words::Words;
use super::{args, colour, exit, positional, print};

/// Changes of an object that a line shows.
const SHOWN: usize = 8;
/// Characters of a value that a line shows.
const VALUE: usize = 48;

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Old and new: each a snapshot, a data directory, or a dump (a tree, .tar or .tar.zst); - for one on standard input; then names or patterns of objects that are looked at
    /// ('redis/cart:*'). One snapshot with --old-at or --new-at is compared with itself at another time
    #[arg(required = true, num_args = 1.., value_name = "OLD NEW [PATTERN]")]
    pub inputs: Vec<std::ffi::OsString>,
    /// Read the old snapshot at this time, which is written as for --at
    #[arg(long, value_name = "TIME", value_parser = super::at::parse, allow_hyphen_values = true)]
    pub old_at: Option<super::at::At>,
    /// Read the new snapshot at this time, which is written as for --at
    #[arg(long, value_name = "TIME", value_parser = super::at::parse, allow_hyphen_values = true)]
    pub new_at: Option<super::at::At>,
    #[command(flatten)]
    pub source: args::Source,
    /// Show a line a table, bucket, queue or service instead of one an object
    #[arg(long)]
    pub stat: bool,
    /// Print a JSON object a line
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub shown: args::Shown,
}

const HELP: &str = args::after_help!(
    "\
Lines begin with + (only in new), - (only in old) or M (in both, with what changed).

Examples:
  ekv-backup diff yesterday.fsm today.fsm            what changed since yesterday
  ekv-backup diff snap.fsm --old-at -1h              what changed in the last hour of a snapshot
  ekv-backup diff dump/ snap.fsm --stat              does the dump hold what the snapshot says? counts only
  ekv-backup diff a.fsm b.fsm 'redis/cart:*'         only the carts

",
    "  0    no differences
  1    differences"
);

#[derive(Serialize)]
struct Sums {
    added: u64,
    removed: u64,
    changed: u64,
    old_problems: u64,
    new_problems: u64,
}

/// A line of `--json --stat`.
#[derive(Serialize)]
struct ScopeLine<'a> {
    scope: &'a str,
    added: u64,
    removed: u64,
    changed: u64,
}

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> u8 {
    let words = arguments.shown.words();
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
    let result = match request(arguments, interrupt) {
        Ok(request) => compare(arguments, &request, words, &mut out),
        Err(message) => Err(Error::Incomparable(message)),
    };
    let (exit_code, error) = match &result {
        Ok(summary) if summary.total == DiffCounts::default() => (exit::COMPLETE, None),
        Ok(_) => (exit::PROBLEMS, None),
        // Whoever closed the pipe has seen enough.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return exit::PROBLEMS,
        Err(Error::Output(_)) => (exit::IO, None),
        Err(error) => (exit::code(error), Some(print::chain(error))),
    };
    if let Err(error) = &result {
        print::error(error);
    }
    let ended = match &result {
        Ok(summary) => {
            say(words, summary);
            end(arguments, summary, &mut out)
        }
        Err(_) => Ok(()),
    };
    let sums = result.as_ref().ok().map(|summary| Sums {
        added: summary.total.added,
        removed: summary.total.removed,
        changed: summary.total.changed,
        old_problems: summary.problems[0],
        new_problems: summary.problems[1],
    });
    let last = Outcome { command: "diff", exit_code, error, contents: sums };
    let ended = ended.and_then(|()| if arguments.json { line(&mut out, &last) } else { Ok(()) });
    let ended = match ended.and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        ended => ended,
    };
    print::exit(exit_code, ended, "")
}

fn compare(
    arguments: &Arguments,
    request: &DiffRequest,
    words: Words,
    out: &mut impl io::Write,
) -> Result<DiffSummary> {
    for at in [&arguments.source.at, &arguments.old_at, &arguments.new_at] {
        words.time_taken(at.as_ref());
    }
    let display = arguments.shown.display(&request.new.progress);
    let in_colour = colour::takes(&io::stdout());
    let each = |difference: &Difference| {
        let written = match (arguments.stat, arguments.json) {
            (true, _) => Ok(()),
            (false, true) => line(out, difference),
            (false, false) if in_colour => {
                let (sign, colour) = (difference.sign.text(), colour_of(difference.sign));
                out.write_all(colour::painted(&text(difference), sign, colour).as_bytes())
            }
            (false, false) => out.write_all(text(difference).as_bytes()),
        };
        written.map_err(Error::Output)
    };
    let result = diff(request, each, |said| match said {
        Said::Notice(notice) => words.notice(notice),
        Said::Warning(warning) => words.warning(warning),
    });
    drop(display);
    result
}

/// Turns what was typed into what was meant.
fn request(arguments: &Arguments, interrupt: &Interrupt) -> Result<DiffRequest, String> {
    let (inputs, patterns) = positional::split(&arguments.inputs)?;
    let (old_at, new_at) = (arguments.old_at.as_ref(), arguments.new_at.as_ref());
    let (old, new) = match inputs.as_slice() {
        [old, new] => (old, new),
        [one] if old_at.is_some() || new_at.is_some() => (one, one),
        [_] => return Err("expected two inputs, or one and --old-at or --new-at".to_owned()),
        _ => return Err(format!("expected two inputs, found {}", inputs.len())),
    };
    if old.as_os_str() == "-" && new.as_os_str() == "-" {
        return Err("-: standard input can be read only once: it is one of the two sides".to_owned());
    }
    let patterns = patterns.iter().map(|text| Pattern::glob(text).map_err(|error| words_of(&error)));
    let selection = Selection::new(patterns.collect::<Result<_, _>>()?, Vec::new());
    let source = |input: &std::path::PathBuf, at: Option<&super::at::At>| {
        let source = arguments.source.of(std::slice::from_ref(input), interrupt);
        Source { at: at.map(|at| at.read).or(source.at), ..source }
    };
    let (old, new) = (source(old, old_at), source(new, new_at));
    let old = Source { progress: new.progress.clone(), ..old };
    let scratch = new.scratch(std::env::temp_dir());
    Ok(DiffRequest { old, new, selection, scratch })
}

fn words_of(error: &dyn std::error::Error) -> String {
    print::chain(error)
}

/// Says what the lines don't.
fn say(words: Words, summary: &DiffSummary) {
    for (side, problems) in ["old", "new"].into_iter().zip(summary.problems) {
        if problems > 0 {
            words.say(&format!(
                "note: {problems} objects of the {side} side are missing or altered (decode names them), and were \
                 compared as far as they are there"
            ));
        }
    }
    if summary.names_cut {
        words.say("note: the KEYMAPs are too long: some names are shown as their files are called");
    }
}

/// Ends the output: a line a scope where that was asked for, and the sums.
fn end(arguments: &Arguments, summary: &DiffSummary, out: &mut impl io::Write) -> io::Result<()> {
    if arguments.stat {
        for (scope, &DiffCounts { added, removed, changed }) in &summary.scopes {
            if arguments.json {
                line(out, &ScopeLine { scope, added, removed, changed })?;
            } else {
                writeln!(out, "{added:>9} +{removed:>9} -{changed:>9} M  {scope}")?;
            }
        }
    }
    if arguments.json {
        return Ok(());
    }
    let DiffCounts { added, removed, changed } = summary.total;
    match summary.total.sum() {
        0 => writeln!(out, "no differences"),
        _ => writeln!(out, "{added} added, {removed} removed, {changed} changed"),
    }
}

fn line(out: &mut impl io::Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

fn colour_of(sign: Sign) -> Colour {
    match sign {
        Sign::Added => Colour::Green,
        Sign::Removed => Colour::Red,
        Sign::Changed => Colour::Yellow,
    }
}

/// Returns the line of an object.
fn text(difference: &Difference) -> String {
    let mut text = format!("{} {}", difference.sign.text(), difference.name);
    for (number, change) in difference.changes.iter().take(SHOWN).enumerate() {
        text.push_str(if number == 0 { "  " } else { ", " });
        text.push_str(&words(change));
    }
    let shown = u64::try_from(difference.changes.len().min(SHOWN)).unwrap_or(u64::MAX);
    if difference.changes_count > shown {
        let _ = write!(text, ", {} more", difference.changes_count - shown);
    }
    let mut text = printable(&text);
    text.push('\n');
    text
}

fn words(change: &Change) -> String {
    let what = match &change.name {
        Some(name) => format!("{} {}", change.what, cut(name)),
        None => change.what.clone(),
    };
    let value = |value: &Option<String>| value.as_deref().map(cut);
    match (change.sign, value(&change.old), value(&change.new)) {
        (Sign::Added, _, Some(new)) => format!("+{what} {new}"),
        (Sign::Added, _, None) => format!("+{what}"),
        (Sign::Removed, Some(old), _) => format!("-{what} {old}"),
        (Sign::Removed, None, _) => format!("-{what}"),
        (Sign::Changed, old, new) => {
            let value = |value: Option<String>| value.unwrap_or_default();
            format!("{what} {} -> {}", value(old), value(new))
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
