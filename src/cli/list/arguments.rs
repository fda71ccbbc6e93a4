//! Arguments of `list`.

use std::ffi::OsString;

use clap::{Args, ValueEnum};
use ekv_backup::sink::Order;

use super::line::Form;
use crate::cli::args;
use crate::cli::at::{self, At};

const EXAMPLES: &str = args::after_help!(
    "\
Names: dynamodb/<table>/<hash>[/<range>], s3/<bucket>/<key>, redis/<key>, sqs/<queue>/<message id>,
fs/<path>, kv/<key>; bytes that a terminal cannot show are %HH. Patterns are globs: * and ? end at
a /, ** does not; a table, bucket, queue or directory means all that is in it.

Examples:
  ekv-backup list snap.fsm --overview                   tables, buckets, queues, and their sizes
  ekv-backup list snap.fsm 'redis/cart:*' --long        type, size, elements, expiry, commit time
  ekv-backup list snap.fsm s3 --sort size --limit 20    the largest objects
  ekv-backup list snap.fsm --since -1h --sort time      what the last hour wrote, newest first
  ekv-backup list snap.fsm 'dynamodb/orders/**' --json  a JSON object a line
  ekv-backup list snap.fsm redis --deleted --long       what was deleted, and when
  ekv-backup list dump.tar.zst --sort size --limit 20   the largest files of a dump

An archive on standard input is copied to an unlinked file in TMPDIR, so that its files can be
read in any order; a compressed one takes the room of its plain bytes too.

",
    "  0    all is listed
  1    a pattern matches nothing, or objects are missing or altered"
);

#[derive(Debug, Args)]
#[command(override_usage = "ekv-backup list [OPTIONS] <INPUT>... [PATTERN]...", after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Arguments {
    /// Snapshots of one cluster, as for decode, or one dump (a tree, .tar or .tar.zst); - for a snapshot or an archive on standard input; then names or patterns of what is listed [default: everything]. The
    /// first that begins with a service ends the inputs; a file of such a name is ./redis/...
    #[arg(required = true, value_name = "INPUT")]
    pub operands: Vec<OsString>,
    #[command(flatten)]
    pub source: args::Source,
    #[command(flatten)]
    pub share: args::Share,
    /// Show type, bytes, elements, expiry and commit time before each name
    #[arg(short, long, conflicts_with = "json")]
    pub long: bool,
    /// Count by table, bucket, queue and type instead; what a terminal is shown where nothing else is asked for
    #[arg(long, conflicts_with_all = ["long", "sort", "limit"])]
    pub overview: bool,
    /// Committed at or after this time: as for --at
    #[arg(long, value_name = "TIME", value_parser = at::parse, allow_hyphen_values = true)]
    pub since: Option<At>,
    /// Committed at or before this time: as for --at
    #[arg(long, value_name = "TIME", value_parser = at::parse, allow_hyphen_values = true)]
    pub until: Option<At>,
    /// List what was deleted instead: names whose newest row is a tombstone and of which nothing is left, with the time of
    /// that; as far back as the snapshot holds tombstones
    #[arg(long)]
    pub deleted: bool,
    /// Sort by name, by size (largest first) or by commit time (newest first)
    #[arg(long, value_enum, value_name = "BY")]
    pub sort: Option<By>,
    /// List so many at most; unsorted, reading ends there
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Print a JSON object a line
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub shown: args::Shown,
}

/// What lines are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    Name,
    Size,
    Time,
}

impl From<By> for Order {
    fn from(by: By) -> Self {
        match by {
            By::Name => Self::Name,
            By::Size => Self::Size,
            By::Time => Self::Time,
        }
    }
}

impl Arguments {
    /// Returns how a line looks.
    pub(crate) fn form(&self) -> Form {
        match (self.json, self.long) {
            (true, _) => Form::Json,
            (_, true) => Form::Long,
            _ => Form::Name,
        }
    }

    /// Whether something is asked for that only lines show.
    pub(crate) fn asks_for_lines(&self) -> bool {
        self.long || self.json || self.deleted || self.sort.is_some() || self.limit.is_some()
    }
}
