//! What was asked of a run beside the defaults, for MANIFEST.json and the summary (`tree/commands.md#command-line`).

use std::collections::BTreeMap;

use serde_json::Value;

use super::Request;
use crate::keyspace::Namespace;
use crate::service::Options;

/// Version of this program.
pub(super) const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Lists the options that change what is in the tree, without those that the manifest has members of its own for.
pub(super) fn options(request: &Request) -> BTreeMap<&'static str, Value> {
    let options = &request.adapters;
    let mut asked = BTreeMap::new();
    for (name, given) in [
        ("no_extra", options.no_extra),
        ("drop_expired", options.drop_expired),
        ("legacy_redis_strings", options.legacy_redis_strings),
    ] {
        if given {
            asked.insert(name, Value::from(true));
        }
    }
    if options.jsonl.is_some() {
        asked.insert("layout", "jsonl".into());
    }
    if let Some(size) = options.dynamodb_bundle.or(options.jsonl) {
        asked.insert("dynamodb_bundle_size", size.into());
    }
    if let Some(selection) = &options.selection {
        let (only, exclude, listed) = selection.asked();
        for (name, patterns) in [("only", only), ("exclude", exclude)] {
            if !patterns.is_empty() {
                asked.insert(name, patterns.into());
            }
        }
        if listed > 0 {
            asked.insert("from_list", listed.into());
        }
    }
    let named: Vec<_> = NAMED.into_iter().filter(|owner| !options.excluded.contains(owner)).collect();
    if named.len() < NAMED.len() {
        asked.insert("adapter", named.iter().map(|owner| owner.name()).collect());
    }
    asked
}

/// Lists the names that were asked for, by adapter, as text.
pub(super) fn scopes(options: &Options) -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let scopes = options.scopes.iter().filter(|(owner, _)| !options.excluded.contains(owner));
    scopes.map(|(owner, names)| (owner.name(), names.iter().cloned().collect())).collect()
}

/// Whether nothing was left out on request.
pub(super) fn is_complete(request: &Request) -> bool {
    let options = &request.adapters;
    let is_whole = options.selection.as_ref().is_none_or(|selection| selection.is_whole());
    is_whole
        && options.excluded.is_empty()
        && options.scopes.is_empty()
        && !options.no_extra
        && !options.drop_expired
}

const NAMED: [Namespace; 4] = [Namespace::Dynamodb, Namespace::S3, Namespace::Redis, Namespace::Sqs];
