//! Sides that were made in different ways: what a dump tree leaves out or lays out otherwise is not compared as if it
//! were missing.
//!
//! A snapshot takes the options of the tree on the other side. Two trees have to have the same ones.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::side::{Input, Side};
use crate::error::{Error, Result};
use crate::keyspace::Namespace;
use crate::name::Selection;
use crate::service::Options;
use crate::tree::manifest::{DynamodbLayout, Manifest, Name};

/// What was asked for when a tree was made, as its manifest says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    scopes: BTreeMap<String, BTreeSet<Name>>,
    options: BTreeMap<String, Value>,
    complete: Option<bool>,
}

/// Members of the manifest that say what is left out and are read nowhere else.
impl Asked {
    pub(super) fn read(manifest: &[u8]) -> Result<Self, String> {
        let asked: Self =
            serde_json::from_slice(manifest).map_err(|error| format!("MANIFEST.json: {error}"))?;
        let has_reason = !asked.options.is_empty() || !asked.scopes.is_empty();
        if asked.complete == Some(false) && !has_reason {
            return Err("the dump is not complete, and what it leaves out is not known here".to_owned());
        }
        match asked.options.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            Some(option) => {
                Err(format!("the dump was made with {option}, and what that leaves out is not known here"))
            }
            None => Ok(asked),
        }
    }
}

/// Options that change which files a dump has.
const KNOWN: [&str; 6] =
    ["no_extra", "drop_expired", "legacy_redis_strings", "dynamodb_bundle_size", "layout", "adapter"];

/// Makes the sides comparable.
///
/// # Errors
///
/// [`Error::Incomparable`] where they cannot be.
pub(super) fn agree(old: &mut Side, new: &mut Side, selection: &Selection) -> Result<()> {
    let options = match (of(old)?, of(new)?) {
        (Some(one), Some(other)) => {
            let differing = differing(&one, &other).join(", ");
            if differing.is_empty() {
                return Ok(());
            }
            let (old, new) = (&old.name, &new.name);
            return Err(Error::Incomparable(format!(
                "{old} and {new} were made with different options: {differing}"
            )));
        }
        (one, other) => one.or(other).unwrap_or_default(),
    };
    for side in [old, new] {
        side.options = options.clone();
        // Services of which nothing is selected are not read.
        side.options.excluded.extend(selection.excluded());
    }
    Ok(())
}

/// Returns the options that a tree was made with; `None` for a snapshot.
fn of(side: &Side) -> Result<Option<Options>> {
    let Input::Tree(tree) = &side.input else { return Ok(None) };
    let (_, manifest, asked) = &**tree;
    let refuse = |words: String| Error::Incomparable(format!("{}: {words}", side.name));
    options(manifest, asked).map(Some).map_err(refuse)
}

fn options(manifest: &Manifest, asked: &Asked) -> Result<Options, String> {
    let is_set = |name: &str| asked.options.get(name).is_some_and(|value| *value == Value::Bool(true));
    let adapters = &manifest.adapters;
    let there = [
        (Namespace::Dynamodb, adapters.dynamodb.is_some()),
        (Namespace::S3, adapters.s3.is_some()),
        (Namespace::Redis, adapters.redis.is_some()),
        (Namespace::Sqs, adapters.sqs.is_some()),
    ];
    let mut excluded: BTreeSet<_> =
        there.into_iter().filter(|(_, is_there)| !is_there).map(|(owner, _)| owner).collect();
    let mut scopes = BTreeMap::new();
    for (name, names) in &asked.scopes {
        let owner = crate::name::service(name).ok_or_else(|| format!("the dump has scopes of {name}"))?;
        scopes.insert(owner, names.iter().map(|name| name.0.clone()).collect());
    }
    // Scopes alone select nothing else, keys of no service among it.
    if !scopes.is_empty() && !asked.options.contains_key("adapter") {
        excluded.extend([Namespace::Fs, Namespace::Kv]);
    }
    let exclusions = manifest.exclusions;
    let size = asked.options.get("dynamodb_bundle_size").and_then(Value::as_u64).unwrap_or(64 << 20);
    Ok(Options {
        excluded,
        scopes,
        selection: None,
        no_extra: is_set("no_extra"),
        drop_expired: is_set("drop_expired"),
        legacy_redis_strings: is_set("legacy_redis_strings"),
        dynamodb_bundle: match manifest.dynamodb_layout {
            DynamodbLayout::PerItem => None,
            DynamodbLayout::Jsonl => Some(size),
        },
        jsonl: asked.options.get("layout").is_some_and(|layout| layout == "jsonl").then_some(size),
        include_incomplete_uploads: exclusions.include_incomplete_uploads,
        include_orphans: exclusions.include_orphans,
        rename_collisions: exclusions.rename_s3_collisions,
        preserve_sqs_visibility: exclusions.preserve_sqs_visibility,
        include_sqs_side_records: exclusions.include_sqs_side_records,
    })
}

/// Names the options in which two trees differ.
fn differing(one: &Options, other: &Options) -> Vec<&'static str> {
    let both = |differ: bool, name| differ.then_some(name);
    [
        both(one.excluded != other.excluded, "--adapter"),
        both(one.scopes != other.scopes, "--scope"),
        both(one.no_extra != other.no_extra, "--no-extra"),
        both(one.drop_expired != other.drop_expired, "--drop-expired"),
        both(one.legacy_redis_strings != other.legacy_redis_strings, "--legacy-redis-strings"),
        both(one.dynamodb_bundle.is_some() != other.dynamodb_bundle.is_some(), "--dynamodb-layout"),
        both(one.jsonl.is_some() != other.jsonl.is_some(), "--layout"),
        both(
            one.include_incomplete_uploads != other.include_incomplete_uploads,
            "--include-incomplete-uploads",
        ),
        both(one.include_orphans != other.include_orphans, "--include-orphans"),
        both(one.rename_collisions != other.rename_collisions, "--rename-collisions"),
        both(one.preserve_sqs_visibility != other.preserve_sqs_visibility, "--preserve-sqs-visibility"),
        both(one.include_sqs_side_records != other.include_sqs_side_records, "--include-sqs-side-records"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
