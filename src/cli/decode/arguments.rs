//! Arguments of `decode`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::{Ended, Jobs, Share, Shown, Source, size};
use crate::cli::selection::Selected;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(in crate::cli) struct Arguments {
    /// Snapshots of one cluster: .fsm files (also .zst or .gz), - for standard input, or data directories of nodes, of
    /// which the newest snapshot of each Raft group is read
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Directory to create, which must not exist or be empty; or a file .tar or .tar.zst; or - for a tar on standard output
    #[arg(short, long, value_name = "DIR|FILE", required_unless_present = "dry_run")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub selected: Selected,
    /// Only objects named in this file, beside those of --only: what `list` printed, edited; - for
    /// standard input; repeatable
    #[arg(long, value_name = "FILE")]
    pub from_list: Vec<PathBuf>,
    #[command(flatten)]
    pub share: Share,
    /// Write nothing; say which files and bytes there would be
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub source: Source,
    /// Replace a directory that holds a MANIFEST.json, or an archive's file
    #[arg(long)]
    pub force: bool,
    /// Make any problem fatal: leave no tree
    #[arg(long)]
    pub strict: bool,
    /// One file an object, or JSONL files of many: items, keys of Redis, keys of no service, headers of S3 objects
    #[arg(long, value_name = "LAYOUT", default_value = "per-item", value_parser = layout)]
    pub layout: Layout,
    /// Write nothing under extra/
    #[arg(long)]
    pub no_extra: bool,
    /// Name of the cluster, for MANIFEST.json
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub cluster_id: String,
    /// Use modes 0666 and 0777 and the umask instead of 0600 and 0700
    #[arg(long)]
    pub mode_from_umask: bool,
    /// Leave out Redis keys that were expired when the snapshot was cut: by its header's ceiling less 10 s, else by its
    /// last commit less 10 s. Nothing in a snapshot tells that the cluster's clock ran ahead: then keys are left out
    /// that the API still serves
    #[arg(long, help_heading = "Redis")]
    pub drop_expired: bool,
    /// Write keys without a prefix as Redis strings instead of extra/kv/
    #[arg(long, help_heading = "Redis")]
    pub legacy_redis_strings: bool,
    /// One file an item, or JSONL files of many [default: as --layout]
    #[arg(
        long,
        visible_alias = "dynamodb-bundle-mode",
        value_name = "LAYOUT",
        help_heading = "DynamoDB",
        value_parser = layout
    )]
    pub dynamodb_layout: Option<Layout>,
    /// Size at which JSONL files of all services are cut: bytes, or with KiB, MiB, GiB
    #[arg(
        long,
        visible_alias = "part-size",
        value_name = "SIZE",
        default_value = "64MiB",
        help_heading = "DynamoDB",
        value_parser = size
    )]
    pub dynamodb_bundle_size: u64,
    /// Write uploads in progress under `_incomplete_uploads/`
    #[arg(long, help_heading = "S3")]
    pub include_incomplete_uploads: bool,
    /// Write chunks that belong to no object under `_orphans/`
    #[arg(long, help_heading = "S3")]
    pub include_orphans: bool,
    /// Rename objects whose keys no path can hold or that clash with reserved names
    #[arg(long, help_heading = "S3")]
    pub rename_collisions: bool,
    /// Keep visibility, receive counts and receipt tokens of messages
    #[arg(long, help_heading = "SQS")]
    pub preserve_sqs_visibility: bool,
    /// Write side records (visibility, dedup, group, age) under `_internals/`
    #[arg(long, help_heading = "SQS")]
    pub include_sqs_side_records: bool,
    #[command(flatten)]
    pub jobs: Jobs,
    #[command(flatten)]
    pub ended: Ended,
    #[command(flatten)]
    pub shown: Shown,
}

/// How objects are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Layout {
    PerItem,
    Jsonl,
}

impl Arguments {
    /// Returns how items are laid out.
    pub(super) fn items(&self) -> Layout {
        self.dynamodb_layout.unwrap_or(self.layout)
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Layout::PerItem => "per-item",
            Layout::Jsonl => "jsonl",
        })
    }
}

/// The empty string is `per-item` too (`tree/dynamodb.md#options`).
fn layout(text: &str) -> Result<Layout, String> {
    match text {
        "" | "per-item" => Ok(Layout::PerItem),
        "jsonl" => Ok(Layout::Jsonl),
        _ => Err("expected per-item or jsonl".to_owned()),
    }
}
