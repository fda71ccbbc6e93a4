//! `ekv-backup report`: one page for a browser, with all that it needs in itself.
//!
//! The page is `page.html`; its numbers stand in it as JSON. Names and messages are data to it, never markup.

use std::path::PathBuf;

use ekv_backup::Result;
use ekv_backup::event::Warning;
use ekv_backup::inputs::Opened;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::keyspace::{self, State};
use ekv_backup::problem::ListedProblem;
use ekv_backup::run::du::Usage;
use ekv_backup::run::{Histogram, Profile, Source, profile};
use ekv_backup::snapshot::{self, MissingGroups};
use serde::Serialize;

use super::escape::{escaped, printable};
use super::time::hlc_time;
use super::words::{Words, warning_line};
use super::{args, exit, file, print};
use ekv_backup::time::UnixMs;

/// The page, but for its numbers.
const PAGE: &str = include_str!("page.html");
/// What they stand in the place of.
const PLACE: &str = "@DATA@";
/// Parts of a name that make a group.
const DEPTH: usize = 3;
/// Most groups of names on the page: with names of 256 bytes and the most routes the page stays below 2 MiB.
const GROUPS: usize = 1500;
/// Most warnings on the page.
const WARNINGS: usize = 100;
/// Most inputs on the page.
const INPUTS: usize = 200;
/// Most routes on the page.
const ROUTES: usize = 1000;
/// Bytes that a name or message takes in the page at most.
const TEXT: usize = 256;

const HELP: &str = "\
The page needs no network: it opens from the disk, prints, and works without a mouse. It shows names of tables, buckets,
queues and keys, so it is made with mode 0600.

Examples:
  ekv-backup report snap.fsm -o report.html
  ekv-backup report n1/ n2/ n3/ -o - | ssh desk 'cat > report.html'";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Snapshots of one cluster, as for decode
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// The page to create; - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub source: args::Source,
    #[command(flatten)]
    pub shown: args::Shown,
}

/// What the page is made of.
#[derive(Default, Serialize)]
struct Page {
    tool: &'static str,
    read_iso: String,
    read_ms: UnixMs,
    inputs: Vec<Input>,
    input_count: usize,
    missing_groups: bool,
    missing: Vec<u64>,
    routes: Vec<Route>,
    route_count: Option<usize>,
    partitions: usize,
    rows: u64,
    kinds: Vec<(&'static str, &'static str, u64)>,
    groups: Vec<Group>,
    commits: Bars,
    expiries: Bars,
    expired: u64,
    expire_far: u64,
    largest: Vec<Large>,
    problem_count: u64,
    problems: Vec<ListedProblem>,
    warning_count: u64,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Input {
    path: String,
    size: u64,
    group: Option<u64>,
    last_commit_iso: String,
    checked_by: Option<&'static str>,
}

/// A range of routing keys: its group, its first key, the first beyond it, what becomes of it.
#[derive(Serialize)]
struct Route(u64, String, Option<String>, State);

/// What a group of names takes, in the order of the columns.
#[derive(Serialize)]
struct Group(String, u64, u64, u64, u64, u64, u64);

#[derive(Default, Serialize)]
struct Bars {
    width_ms: u64,
    bars: Vec<(u64, u64)>,
}

#[derive(Serialize)]
struct Large {
    name: String,
    kind: &'static str,
    bytes: u64,
    elements: Option<u64>,
}

impl From<&Usage> for Group {
    fn from(usage: &Usage) -> Self {
        Self(
            short(&usage.name),
            usage.objects,
            usage.bytes,
            usage.history_rows,
            usage.history_bytes,
            usage.tombstone_rows,
            usage.tombstone_bytes,
        )
    }
}

impl From<&keyspace::Route> for Route {
    fn from(route: &keyspace::Route) -> Self {
        let key = |key: &[u8]| short(&escaped(key));
        Self(route.group, key(&route.start), route.end.as_deref().map(key), route.state)
    }
}

impl From<&Histogram> for Bars {
    fn from(histogram: &Histogram) -> Self {
        Self {
            width_ms: histogram.width_ms,
            bars: histogram.bars.iter().map(|(&bar, &count)| (bar, count)).collect(),
        }
    }
}

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> u8 {
    let is_stdout = arguments.output.as_os_str() == "-";
    if !is_stdout && !arguments.force && arguments.output.symlink_metadata().is_ok() {
        let path = arguments.output.to_string_lossy();
        print::err(&format!("error: {} is there already: --force replaces it", printable(&path)));
        return exit::USAGE;
    }
    let source = arguments.source.of(&arguments.inputs, interrupt);
    let words = arguments.shown.words();
    words.time_taken(arguments.source.at.as_ref());
    let display = arguments.shown.display(&source.progress);
    let result = page(&source, words);
    drop(display);
    let (page, problems) = match result {
        Ok(made) => made,
        Err(error) => {
            print::error(&error);
            return exit::code(&error);
        }
    };
    let exit_code = if problems > 0 { exit::PROBLEMS } else { exit::COMPLETE };
    if is_stdout {
        return print::exit(exit_code, print::out(&page), "");
    }
    if let Err(error) = file::replace(&arguments.output, &page, 0o600) {
        let path = arguments.output.to_string_lossy();
        print::err(&format!("error: cannot write {}: {error}", printable(&path)));
        return exit::IO;
    }
    exit_code
}

/// Makes the page; returns it and the number of problems.
fn page(source: &Source, words: Words) -> Result<(String, u64)> {
    let scratch = source.scratch(std::env::temp_dir());
    let opened = source.open(&scratch, &mut |notice| words.notice(notice))?;
    let (mut warnings, mut warning_count) = (Vec::new(), 0_u64);
    let (groups, profile) = profile(&opened, DEPTH, &scratch, |warning: &Warning| {
        words.warning(warning);
        warning_count += 1;
        if warnings.len() < WARNINGS {
            warnings.push(short(&warning_line(warning)));
        }
    })?;
    let problems = profile.problems;
    let mut page = contents(&opened, &groups, profile);
    if let Some(routes) = opened.snapshot.routes()? {
        page.route_count = Some(routes.ranges.len());
        page.partitions = routes.partitions.len();
        page.routes = routes.ranges.iter().take(ROUTES).map(Route::from).collect();
    }
    (page.warnings, page.warning_count) = (warnings, warning_count);
    Ok((html(&page)?, problems))
}

fn contents(opened: &Opened, groups: &[Usage], profile: Profile) -> Page {
    let snapshot = &opened.snapshot;
    let inputs = snapshot.inputs_by_group();
    let missing = snapshot.missing_groups();
    let largest = profile.largest.into_iter().map(|large| Large {
        name: short(&large.name),
        kind: large.kind,
        bytes: large.bytes,
        elements: large.elements,
    });
    let problems = profile.listed.into_iter().map(|problem| ListedProblem {
        key: short(&problem.key),
        scope: short(&problem.scope),
        message: short(&problem.message),
        ..problem
    });
    Page {
        tool: concat!("ekv-backup ", env!("CARGO_PKG_VERSION")),
        read_iso: hlc_time(snapshot.read_ts()),
        read_ms: snapshot.read_ms(),
        input_count: inputs.len(),
        inputs: inputs.into_iter().take(INPUTS).map(input).collect(),
        missing_groups: missing.is_some(),
        missing: match missing {
            Some(MissingGroups::Named { groups, .. }) => groups.into_iter().take(ROUTES).collect(),
            _ => Vec::new(),
        },
        routes: Vec::new(),
        route_count: None,
        partitions: 0,
        rows: snapshot.totals().rows,
        kinds: profile.kinds.iter().map(|(&(service, kind), &count)| (service, kind, count)).collect(),
        groups: shown(groups),
        commits: Bars::from(&profile.commits),
        expiries: Bars::from(&profile.expiries),
        expired: profile.expired,
        expire_far: profile.far,
        largest: largest.collect(),
        problem_count: profile.problems,
        problems: problems.collect(),
        warning_count: 0,
        warnings: Vec::new(),
    }
}

fn input(info: &snapshot::InputInfo) -> Input {
    Input {
        path: short(&info.path.to_string_lossy()),
        size: info.size,
        group: info.group(),
        last_commit_iso: hlc_time(info.last_commit_ts),
        checked_by: info.checked_by,
    }
}

/// Returns the largest groups, and the others as one a service.
fn shown(groups: &[Usage]) -> Vec<Group> {
    let (first, others) = groups.split_at(groups.len().min(GROUPS));
    let mut rest: Vec<Usage> = Vec::new();
    for usage in others {
        let service = usage.name.split('/').next().unwrap_or_default();
        let name = format!("{service}/…");
        match rest.iter_mut().find(|rest| rest.name == name) {
            Some(rest) => rest.add(usage),
            None => rest.push(Usage { name, ..usage.clone() }),
        }
    }
    first.iter().chain(&rest).map(Group::from).collect()
}

/// Returns the front of a text that takes too much as JSON inside the page.
fn short(text: &str) -> String {
    let mut taken = 0;
    let too_much = text.char_indices().find(|&(_, character)| {
        taken += match character {
            '"' | '\\' => 2,
            '<' | '\u{2028}' | '\u{2029}' | '\0'..' ' => 6,
            _ => character.len_utf8(),
        };
        taken > TEXT
    });
    match too_much {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Puts the numbers into the page. No name ends the script element that they stand in.
fn html(page: &Page) -> Result<String> {
    let json = serde_json::to_string(page).map_err(|error| ekv_backup::Error::Output(error.into()))?;
    let json = json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let (before, after) = PAGE.split_once(PLACE).unwrap_or((PAGE, ""));
    Ok([before, &json, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_takes_no_more_than_its_room_as_json() {
        for text in ["a", "<", "\"", "\\", "\0", "é", "\u{2028}", "🦀"] {
            let cut = short(&text.repeat(1000));
            assert!(cut.ends_with('…'), "{text}");
            let page = html(&Page { warnings: vec![cut], ..Page::default() }).unwrap();
            let empty = html(&Page { warnings: vec![String::new()], ..Page::default() }).unwrap();
            let taken = page.len() - empty.len() - '…'.len_utf8();
            assert!((TEXT - 6..=TEXT).contains(&taken), "{text}: {taken}");
        }
        let whole = "x".repeat(TEXT);
        assert_eq!(short(&whole), whole);
    }
}
