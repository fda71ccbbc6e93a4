//! `ekv-backup export`.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use ekv_backup::Error;
use ekv_backup::export::{Format, Packing, Settings};
use ekv_backup::interrupt::Interrupt;
use ekv_backup::name::{Pattern, Selection};
use ekv_backup::run::{ExportRequest, Exported, export};
use ekv_backup::service::Options;

use super::amounts::{counted, held, problems};
use super::args::{Jobs, Share, Shown, Source, size};
use super::print::Outcome;
use super::time::hlc_time;
use super::words::Words;
use super::{exit, positional, print};

const HELP: &str = "\
What the target cannot hold is named on standard error (docs/export.md), and never written as something else.

Examples:
  ekv-backup export snap.fsm --to resp | redis-cli --pipe         all Redis keys into a server
  ekv-backup export snap.fsm 'redis/cart:*' --to resp --replace -o carts
  ekv-backup export snap.fsm --to parquet -o out                  tables, for DuckDB and others
  ekv-backup export snap.fsm --to dynamodb --batch -o out         tables, for import-table or batch-write-item

Exit codes: 0 exported; 1 objects are missing (PROBLEMS.jsonl names them); others as for decode";

#[derive(Debug, Args)]
#[command(override_usage = "ekv-backup export [OPTIONS] --to <FORMAT> <INPUT>... [PATTERN]...", after_help = HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Arguments {
    /// Snapshots of one cluster, as for decode, or one dump (a tree, .tar or .tar.zst); then names or patterns of what is
    /// exported [default: everything]
    #[arg(required = true, value_name = "INPUT")]
    pub operands: Vec<OsString>,
    /// What is made
    #[arg(long, value_name = "FORMAT", value_parser = format())]
    pub to: Format,
    /// Directory to create, which must not exist or be empty; - for standard output, the default of resp
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Replace an export that is there
    #[arg(long)]
    pub force: bool,
    /// Fail when anything is missing or altered, as decode does
    #[arg(long)]
    pub strict: bool,
    /// No objects whose names match; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// Bytes at which files are cut, before compression: with KiB, MiB, GiB
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    pub part_size: u64,
    /// Compress lines of JSON with gzip instead of zstd, for tools that read nothing else
    #[arg(long, help_heading = "Tables")]
    pub gzip: bool,
    /// Write requests for batch-write-item too
    #[arg(long, help_heading = "DynamoDB")]
    pub batch: bool,
    /// Write the upload plan for `s5cmd run` too
    #[arg(long, help_heading = "S3")]
    pub s5cmd: bool,
    /// Write the upload plan as a script of `rclone` commands too
    #[arg(long, help_heading = "S3")]
    pub rclone: bool,
    /// Delete each key before it is written
    #[arg(long, help_heading = "Redis")]
    pub replace: bool,
    /// Leave out keys that were expired when the snapshot was cut, as for decode
    #[arg(long, help_heading = "Redis")]
    pub drop_expired: bool,
    /// Send keys without a prefix as strings too, as GET serves them
    #[arg(long, help_heading = "Redis")]
    pub legacy_redis_strings: bool,
    #[command(flatten)]
    pub jobs: Jobs,
    #[command(flatten)]
    pub share: Share,
    #[command(flatten)]
    pub source: Source,
    /// Print one JSON object when the run ends: to standard output, or standard error where the export goes there
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub shown: Shown,
}

/// Takes the formats by their names.
fn format() -> impl TypedValueParser<Value = Format> {
    let named = Format::ALL.map(|format| PossibleValue::new(format.name()).help(help(format)));
    PossibleValuesParser::new(named).try_map(|name| {
        Format::ALL.into_iter().find(|format| format.name() == name).ok_or("no format is called so")
    })
}

fn help(format: Format) -> &'static str {
    match format {
        Format::Resp => "Commands for `redis-cli --pipe`, also of Valkey",
        Format::Dynamodb => "create-table.json and items as DynamoDB's own import reads them",
        Format::S3 => {
            "Bodies of objects, and a plan that says under which key and with which headers each goes up"
        }
        Format::Sqs => "Requests that make queues and send their messages",
        Format::Jsonl => "Tables of all services for query engines: a row a line",
        Format::Parquet => "The same tables as Parquet",
    }
}

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> u8 {
    let words = arguments.shown.words();
    let result = match request(arguments, interrupt) {
        Ok(request) => pass(arguments, &request, words),
        Err(message) => Err(Error::Name(message)),
    };
    let (exit_code, error) = match &result {
        Ok(exported) if exported.problems > 0 => (exit::PROBLEMS, None),
        Ok(_) => (exit::COMPLETE, None),
        Err(error) => (exit::code(error), Some(print::chain(error))),
    };
    match &result {
        // Whoever closed the pipe knows; the exit code says that not all went through.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => {
            print::error(error);
            if let Error::Strict { problems, listed, .. } = error {
                words.problems(listed, *problems);
            }
        }
        Ok(exported) => say(words, exported),
    }
    if !arguments.json {
        return exit_code;
    }
    let is_stdout =
        result.as_ref().map_or_else(|_| arguments.target().is_none(), |exported| exported.output == "-");
    let outcome = Outcome { command: "export", exit_code, error, contents: result.ok() };
    print::exit(exit_code, if is_stdout { print::json_err(&outcome) } else { print::json(&outcome) }, "")
}

impl Arguments {
    /// Returns the directory; `None` is standard output.
    fn target(&self) -> Option<PathBuf> {
        self.output.clone().filter(|path| path.as_os_str() != "-")
    }
}

fn request(arguments: &Arguments, interrupt: &Interrupt) -> Result<ExportRequest, String> {
    let (inputs, only) = positional::split(&arguments.operands)?;
    let patterns = |texts: &[String]| {
        let patterns = texts.iter().map(|text| Pattern::glob(text).map_err(|error| print::chain(&error)));
        patterns.collect::<Result<Vec<_>, _>>()
    };
    // Items of a table stand in the files of the table.
    let shard = arguments.share.shard.map(|shard| shard.with_whole_tables(true));
    let selection = Selection::new(patterns(&only)?, patterns(&arguments.exclude)?).with_shard(shard);
    let format = arguments.to;
    let target = arguments.target();
    if target.is_none() && !format.is_stream() {
        return Err(format!("--to {}: a directory is to be named with -o", format.name()));
    }
    let mut options = Options {
        drop_expired: arguments.drop_expired,
        legacy_redis_strings: arguments.legacy_redis_strings,
        ..Options::default()
    };
    options.select(selection);
    Ok(ExportRequest {
        source: arguments.source.of(&inputs, interrupt),
        target,
        format,
        settings: Settings {
            replace: arguments.replace,
            batch: arguments.batch,
            s5cmd: arguments.s5cmd,
            rclone: arguments.rclone,
            part_size: arguments.part_size,
            packing: if arguments.gzip { Packing::Gzip } else { Packing::Zstd },
        },
        force: arguments.force,
        jobs: arguments.jobs.set(),
        strict: arguments.strict,
        options,
    })
}

fn pass(arguments: &Arguments, request: &ExportRequest, words: Words) -> Result<Exported, Error> {
    words.time_taken(arguments.source.at.as_ref());
    let display = arguments.shown.display(&request.source.progress);
    let mut out = io::stdout().lock();
    let exported = export(request, &mut out, |warning| words.warning(warning), |notice| words.notice(notice));
    drop(display);
    exported
}

/// Ends a run in words: what was not said one by one, and what is where now.
fn say(words: Words, exported: &Exported) {
    for (event, &count) in &exported.warning_counts {
        let shown = exported.warnings.iter().filter(|warning| warning.event.name() == *event).count();
        let more = count.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
        if more > 0 {
            words.say(&format!("warning: {event}: {more} more"));
        }
    }
    words.problems(&exported.problems_list, exported.problems);
    words.say(&format!(
        "{}: {}, as of {}; {}, {}",
        exported.output,
        held(&exported.objects),
        hlc_time(exported.read_ts),
        problems(exported.problems, ""),
        counted(exported.warning_counts.values().sum(), "warning")
    ));
}
