//! Entries to logical objects, one folder an adapter.
//!
//! In: a [`Snapshot`]. Out: objects in a [`Sink`], warnings and problems in a [`Report`], and the names that the
//! manifest lists as in scope. Adapters never import each other.

pub(crate) mod dynamodb;
#[cfg(test)]
mod fixture;
pub(crate) mod focus;
pub(crate) mod fs;
pub(crate) mod kv;
pub(crate) mod redis;
pub(crate) mod s3;
pub(crate) mod sqs;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::Result;
use crate::keyspace::Namespace;
use crate::model::{Answer, Object, Refusal};
use crate::name::{Selection, Shard};
use crate::report::Report;
use crate::sink::{LayoutOptions, Sink};
use crate::snapshot::Snapshot;
use crate::tree::Scratch;

/// What an adapter works with.
pub struct Context<'a, 'r> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// Where objects go.
    pub sink: &'a mut dyn Sink,
    /// Where sorters keep their runs.
    pub scratch: &'a Scratch,
    /// Where warnings and problems go.
    pub report: &'a mut Report<'r>,
    /// What was asked for.
    pub options: &'a Options,
}

impl Context<'_, '_> {
    /// Passes an object on that has no contents besides; returns why the sink has no place for it.
    pub(crate) fn put(&mut self, object: Object<'_>) -> Result<Option<Refusal>> {
        let answer = match self.sink.object(self.report, object)? {
            Answer::Open => self.sink.end(self.report)?,
            answer => answer,
        };
        match answer {
            Answer::Refused(refusal) => Ok(Some(refusal)),
            Answer::Taken | Answer::Left | Answer::Open => Ok(None),
        }
    }
}

/// The user's own names of what an adapter wrote (tables, buckets, queues), sorted bytewise, and the number of objects
/// of each (items, objects, keys, messages).
pub type Scope = BTreeMap<Vec<u8>, u64>;

/// What was asked of the adapters (`reading/README.md#decided-cases`, `tree/commands.md#command-line`).
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the command line, one for one")]
pub struct Options {
    /// Adapters that were not selected: their rows count as internal.
    pub excluded: BTreeSet<Namespace>,
    /// `--scope`: only these names of an adapter. An adapter without an entry is not limited.
    pub scopes: BTreeMap<Namespace, BTreeSet<Vec<u8>>>,
    /// Patterns: what of the rest is selected; `None` is everything.
    pub selection: Option<Arc<Selection>>,
    /// `--no-extra`: nothing under `extra/`.
    pub no_extra: bool,
    /// `--drop-expired`: leave out Redis keys that were expired at [`Snapshot::now_ms`].
    pub drop_expired: bool,
    /// `--legacy-redis-strings`: keys without a prefix are Redis strings.
    pub legacy_redis_strings: bool,
    /// `--dynamodb-layout jsonl`: the size that parts are cut at, bytes; `None` is one file an item.
    pub dynamodb_bundle: Option<u64>,
    /// `--layout jsonl`: the same of all other services.
    pub jsonl: Option<u64>,
    /// `--include-incomplete-uploads`.
    pub include_incomplete_uploads: bool,
    /// `--include-orphans`.
    pub include_orphans: bool,
    /// `--rename-collisions`.
    pub rename_collisions: bool,
    /// `--preserve-sqs-visibility`.
    pub preserve_sqs_visibility: bool,
    /// `--include-sqs-side-records`.
    pub include_sqs_side_records: bool,
}

impl Options {
    /// Narrows the options down to what `selection` selects: services and scopes without anything are not read.
    pub fn select(&mut self, selection: Selection) {
        self.excluded.extend(selection.excluded());
        for (service, names) in selection.scopes() {
            match self.scopes.get_mut(&service) {
                Some(asked) => asked.retain(|name| names.contains(name)),
                None => drop(self.scopes.insert(service, names)),
            }
        }
        self.selection = Some(Arc::new(selection)).filter(|selection| !selection.is_everything());
    }

    /// Returns the share of one worker; `None` where there is one worker.
    #[must_use]
    pub fn shard(&self) -> Option<Shard> {
        self.selection.as_ref().and_then(|selection| selection.shard())
    }

    /// Whether an object that the sink leaves belongs to another share.
    pub(crate) fn is_others(&self, object: Object<'_>) -> bool {
        self.selection.as_ref().is_some_and(|selection| selection.is_others(&object.summary()))
    }

    /// Returns how a dump of `store` is laid out.
    #[must_use]
    pub fn layout(&self, snapshot: &Snapshot) -> LayoutOptions {
        LayoutOptions {
            no_extra: self.no_extra,
            dynamodb_bundle: self.dynamodb_bundle,
            jsonl: self.jsonl,
            rename_collisions: self.rename_collisions,
            s3_bodies: false,
            preserve_sqs_visibility: self.preserve_sqs_visibility,
            last_commit_ts: snapshot.last_commit_ts(),
            sharded: self.shard().is_some(),
        }
    }

    /// Whether `name` is to be written.
    #[must_use]
    pub fn in_scope(&self, owner: Namespace, name: &[u8]) -> bool {
        self.scopes.get(&owner).is_none_or(|names| names.contains(name))
    }
}
