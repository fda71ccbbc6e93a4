//! Arguments as they are typed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use ekv_backup::crypto::KeyFiles;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::keyspace::Namespace;
use ekv_backup::name::Shard;
use ekv_backup::{progress, run, worker};

use super::at::{self, At};
use super::progress::Display;
use super::words::Words;

/// Decode elastickv snapshots offline into a tree of ordinary files
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

/// Text behind the options of a command: `$text`, and its exit codes, of which `$codes` are the first.
macro_rules! after_help {
    ($text:literal, $codes:literal) => {
        concat!(
            $text,
            "Exit codes:\n",
            $codes,
            "\n  2    bad usage
  3    the input is corrupt or not supported
  4    input unreadable, output not writable, disk or inodes full
  130  interrupted (SIGINT); 143 for SIGTERM, 129 for SIGHUP"
        )
    };
}
pub(super) use after_help;

const EXIT_CODES: &str = after_help!(
    "",
    "  0    everything was decoded; the tree is sound
  1    objects are missing or altered (PROBLEMS.jsonl names them); verify found differences"
);

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Decode the snapshots of one cluster into a dump tree
    Decode(super::decode::Arguments),
    /// Check a dump tree or archive against its MANIFEST and CHECKSUMS
    Verify(Verify),
    /// Show what is in snapshots; write nothing
    Inspect(super::inspect::Arguments),
    /// List the objects of snapshots or of a dump by name; write nothing
    List(super::list::Arguments),
    /// Show what differs between two snapshots, dumps, or times
    Diff(super::diff::Arguments),
    /// Print one object of snapshots or of a dump
    Get(super::get::Arguments),
    /// Print every version of one object that snapshots still hold, the newest first
    Log(super::log::Arguments),
    /// Show what fills snapshots: bytes and objects by service, table, bucket, queue and front of the name
    Du(super::du::Arguments),
    /// Make one dump of the dumps of all shares of a run
    Merge(super::merge::Arguments),
    /// Write a page about snapshots for a browser: what fills them, since when, until when
    Report(super::report::Arguments),
    /// Print completions for a shell
    Completions(super::completions::Arguments),
    /// Print the man page, or write one for each command
    Man(super::man::Arguments),
    /// Encode a dump into a snapshot that nodes restore
    Encode(super::encode::Arguments),
    /// Write the objects of snapshots in a form that other tools load
    Export(super::export::Arguments),
}

/// Most threads of a run.
const MOST_JOBS: i64 = 256;

/// How many threads a run has.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Jobs {
    /// Threads that work at a time; what is made is the same [default: the cores that the process may use]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=MOST_JOBS))]
    jobs: Option<u16>,
}

impl Jobs {
    /// Lets the process have so many; returns their number.
    pub(super) fn set(self) -> usize {
        worker::set_jobs(self.jobs.map_or(0, usize::from));
        worker::jobs()
    }
}

/// Where progress goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Progress {
    /// A bar on a terminal, else a plain line every 30 s
    Auto,
    /// A bar
    Bar,
    /// A plain line every 30 s
    Plain,
    /// Nothing
    None,
}

/// The part of one worker.
#[derive(Debug, Args)]
pub(super) struct Share {
    /// Only share I, from 0, of N: each object is of one share by the SHA-256 of its name, whatever else is asked for; `merge`
    /// makes one dump of the dumps of all shares
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
}

/// How snapshots are read.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// Read at an older time: an HLC, an RFC 3339 time, a date (UTC), or -2h (s, m, h, d) before the last commit
    #[arg(long, value_name = "TIME", value_parser = at::parse, allow_hyphen_values = true)]
    pub at: Option<At>,
    /// Snapshot or data directory that is searched only for what became of transactions; repeatable
    #[arg(long, value_name = "INPUT")]
    pub txn_from: Vec<PathBuf>,
    /// Key encryption key: a file of 32 bytes; repeatable
    #[arg(long, value_name = "FILE", help_heading = "Encryption")]
    pub kek_file: Vec<PathBuf>,
    /// A node's keys.json; repeatable [default: the one near the input]
    #[arg(long, value_name = "FILE", requires = "kek_file", help_heading = "Encryption")]
    pub keys_file: Vec<PathBuf>,
}

impl Source {
    /// Returns what the library calls it, with these inputs.
    pub(super) fn of(&self, inputs: &[PathBuf], interrupt: &Interrupt) -> run::Source {
        run::Source {
            inputs: inputs.to_vec(),
            txn_from: self.txn_from.clone(),
            keys: KeyFiles { keks: self.kek_file.clone(), key_files: self.keys_file.clone() },
            at: self.at.as_ref().map(|at| at.read),
            interrupt: interrupt.clone(),
            ..run::Source::default()
        }
    }
}

/// What is said of a run when it ends.
#[derive(Debug, Args)]
pub(super) struct Ended {
    /// Print one JSON object to standard output when the run ends
    #[arg(long)]
    pub json: bool,
    /// Write how the run went into FILE, for the textfile collector of Prometheus' node exporter
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
}

/// What a run says while it goes on.
#[derive(Debug, Args)]
pub(super) struct Shown {
    /// Say nothing on standard error but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Say more on standard error: which program it is, and each step and its time as it ends
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Show progress on standard error
    #[arg(long, value_enum, default_value_t = Progress::Auto, value_name = "HOW")]
    progress: Progress,
}

impl Shown {
    pub(super) fn words(&self) -> Words {
        Words::new(self.quiet)
    }

    /// Shows progress until what is returned is dropped.
    pub(super) fn display(&self, progress: &progress::Progress) -> Display {
        if self.verbose {
            return Display::of_steps(progress);
        }
        Display::start(if self.quiet { Progress::None } else { self.progress }, progress)
    }
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Root of the dump tree; or an archive of it, - for one on standard input
    pub directory: PathBuf,
    /// Also say what encode would refuse, leave out or warn of: whether the dump can be restored
    #[arg(long)]
    pub restorable: bool,
    /// The encoder that is to take the dump
    #[arg(long = "for", value_name = "ENCODER", requires = "restorable", value_parser = ["ekv-backup", "reference"])]
    pub encoder: Option<String>,
    #[command(flatten)]
    pub ended: Ended,
    #[command(flatten)]
    pub shown: Shown,
}

/// The adapters that `--adapter` and `--scope` know, in the order of the dump.
pub(super) const ADAPTERS: [Namespace; 4] =
    [Namespace::Dynamodb, Namespace::S3, Namespace::Redis, Namespace::Sqs];

/// Adapters by name.
pub(super) type Adapters = BTreeSet<Namespace>;

/// Reads a list of adapters; blanks around a name and a comma behind the last are fine (`tree/commands.md#command-line`).
pub(super) fn adapters(text: &str) -> Result<Adapters, String> {
    let text = text.trim();
    let list = text.strip_suffix(',').unwrap_or(text);
    let mut adapters = Adapters::new();
    for name in list.split(',').map(str::trim) {
        match name {
            "all" => adapters.extend(ADAPTERS),
            name => adapters.extend([adapter(name)?]),
        }
    }
    Ok(adapters)
}

/// Reads the name of an adapter.
pub(super) fn adapter(text: &str) -> Result<Namespace, String> {
    ADAPTERS
        .into_iter()
        .find(|owner| owner.name() == text)
        .ok_or_else(|| "expected dynamodb, s3, redis or sqs".to_owned())
}

/// Reads a size: bytes, or with `KiB`, `MiB`, `GiB` (`tree/commands.md#command-line`). Never 0.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text {
        _ if text.ends_with("KiB") => (text.trim_end_matches("KiB"), 10),
        _ if text.ends_with("MiB") => (text.trim_end_matches("MiB"), 20),
        _ if text.ends_with("GiB") => (text.trim_end_matches("GiB"), 30),
        _ => (text, 0),
    };
    let number: u64 = digits
        .trim_end()
        .parse()
        .map_err(|_| "expected bytes, or a number with KiB, MiB or GiB".to_owned())?;
    match number.checked_mul(1 << shift) {
        Some(0) => Err("must not be 0".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("too large".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_list_of_adapters_takes_blanks_and_a_last_comma() {
        assert_eq!(adapters("all"), Ok(Adapters::from(ADAPTERS)));
        assert_eq!(adapters(" s3 , sqs, "), Ok(Adapters::from([Namespace::S3, Namespace::Sqs])));
        assert_eq!(adapters("redis,all"), Ok(Adapters::from(ADAPTERS)));
        for bad in ["", " ", ",", "s3,,sqs", "s3,,", "kv", "S3"] {
            assert!(adapters(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_take_binary_units() {
        assert_eq!(size("1"), Ok(1));
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        assert_eq!(size("3KiB"), Ok(3 << 10));
        for bad in ["", "0", "0KiB", "MiB", "1MB", "-1", "99999999999999GiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
