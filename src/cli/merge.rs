//! `ekv-backup merge`.

use std::path::PathBuf;

use ekv_backup::interrupt::Interrupt;
use ekv_backup::progress::Progress;
use ekv_backup::run::merge::{MergeRequest, Merged, merge};
use ekv_backup::tree::TreeOptions;
use serde::Serialize;

use super::amounts::{counted, problems};
use super::escape::printable;
use super::print::Outcome;
use super::{args, exit, print};

const HELP: &str = args::after_help!(
    "\
The dumps of decode --shard 0/N to N-1/N, of the same snapshots, with the same options and version. Files become files of the new
dump by another name, or are copied where that is not possible; the shares stay as they are and can be removed then.

Example:
  ekv-backup decode snap.fsm --shard 0/2 -o share-0    on one machine
  ekv-backup decode snap.fsm --shard 1/2 -o share-1    on another one
  ekv-backup merge share-0 share-1 -o dump && rm -r share-0 share-1

",
    "  0    the dump is whole
  1    objects are missing or altered (PROBLEMS.jsonl names them)"
);

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Directories of all shares, in any order
    #[arg(required = true, value_name = "SHARE")]
    pub shares: Vec<PathBuf>,
    /// Directory to create, which must not exist or be empty
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Replace a directory that holds a MANIFEST.json
    #[arg(long)]
    pub force: bool,
    /// Use modes 0666 and 0777 and the umask instead of 0600 and 0700, for files that are made anew and directories
    #[arg(long)]
    pub mode_from_umask: bool,
    /// Print one JSON object to standard output
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub shown: args::Shown,
}

#[derive(Serialize)]
struct Contents {
    output: String,
    shares: usize,
    files: u64,
    copied: u64,
    problems: u64,
}

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> u8 {
    let words = arguments.shown.words();
    let progress = Progress::default();
    let request = MergeRequest {
        shares: arguments.shares.clone(),
        target: arguments.output.clone(),
        tree: TreeOptions {
            force: arguments.force,
            mode_from_umask: arguments.mode_from_umask,
            scratch: std::env::temp_dir(),
            interrupt: interrupt.clone(),
            progress: progress.clone(),
            ..TreeOptions::default()
        },
    };
    let display = arguments.shown.display(&progress);
    let result = merge(&request, |warning| words.warning(warning));
    drop(display);
    let (exit_code, error) = match &result {
        Ok(Merged { problems: 0, .. }) => (exit::COMPLETE, None),
        Ok(_) => (exit::PROBLEMS, None),
        Err(error) => (exit::code(error), Some(print::chain(error))),
    };
    let output = arguments.output.display().to_string();
    match &result {
        Err(error) => print::error(error),
        Ok(merged) => {
            words.say(&format!(
                "{}: {} shares; {}; {}, {} of them copied",
                printable(&output),
                arguments.shares.len(),
                problems(merged.problems, " (see PROBLEMS.jsonl)"),
                counted(merged.files, "file"),
                merged.copied
            ));
        }
    }
    if !arguments.json {
        return exit_code;
    }
    let contents = result.ok().map(|merged| Contents {
        output,
        shares: arguments.shares.len(),
        files: merged.files,
        copied: merged.copied,
        problems: merged.problems,
    });
    print::exit(exit_code, print::json(&Outcome { command: "merge", exit_code, error, contents }), "")
}
