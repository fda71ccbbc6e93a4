//! The facts of a run as MANIFEST.json has them (`tree/manifest.md#manifestjson`).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Request, asked, summary};
use crate::keyspace::Namespace;
use crate::service::Scope;
use crate::snapshot::{InputInfo, Snapshot};
use crate::tree::manifest::{
    Adapters, DynamodbLayout, Exclusions, Input, Manifest, Name, Names, Origin, Run, Share, Source,
};

/// Returns the manifest of a run.
pub(super) fn of(
    request: &Request,
    snapshot: &Snapshot,
    scopes: &BTreeMap<Namespace, Scope>,
    problems: u64,
) -> Manifest {
    let options = &request.adapters;
    let single = match snapshot.inputs() {
        [info] => Some(info),
        _ => None,
    };
    let mut manifest = Manifest {
        origin: Origin::Snapshot(snapshot.default_input().map(source)),
        cluster_id: request.cluster_id.clone(),
        snapshot_index: single.and_then(|info| info.snapshot_index).unwrap_or_default(),
        last_commit_ts: snapshot.last_commit_ts(),
        exclusions: Exclusions {
            include_incomplete_uploads: options.include_incomplete_uploads,
            include_orphans: options.include_orphans,
            preserve_sqs_visibility: options.preserve_sqs_visibility,
            include_sqs_side_records: options.include_sqs_side_records,
            rename_s3_collisions: options.rename_collisions,
        },
        dynamodb_layout: match options.dynamodb_bundle {
            Some(_) => DynamodbLayout::Jsonl,
            None => DynamodbLayout::PerItem,
        },
        inputs: match single {
            Some(_) => Vec::new(),
            None => snapshot.inputs_by_group().into_iter().map(input).collect(),
        },
        run: run(request, snapshot, scopes),
        problems,
        ..Manifest::new(request.wall_time)
    };
    enter(&mut manifest, scopes);
    manifest
}

fn run(request: &Request, snapshot: &Snapshot, scopes: &BTreeMap<Namespace, Scope>) -> Run {
    let asked = asked::scopes(&request.adapters).into_iter();
    let complete = (!asked::is_complete(request)).then_some(false);
    let share = request.adapters.shard();
    Run {
        tool_version: asked::TOOL_VERSION.to_owned(),
        read_ts: Some(snapshot.read_ts()).filter(|read_ts| *read_ts != snapshot.last_commit_ts()),
        scopes: asked
            .map(|(owner, names)| (owner.to_owned(), names.into_iter().map(Name).collect()))
            .collect(),
        options: asked::options(request).into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        // A share is never complete.
        complete: complete.or(share.map(|_| false)),
        shard: share.map(|shard| Share { share: shard.to_string(), objects: counts(scopes), complete }),
        ..Run::default()
    }
}

/// Counts the objects of each scope, by its name in base64url.
fn counts(scopes: &BTreeMap<Namespace, Scope>) -> BTreeMap<String, BTreeMap<String, u64>> {
    let named = |(name, count): (&Vec<u8>, &u64)| (URL_SAFE_NO_PAD.encode(name), *count);
    let of =
        |(owner, scope): (&Namespace, &Scope)| (owner.name().to_owned(), scope.iter().map(named).collect());
    scopes.iter().map(of).collect()
}

/// Enters what was found of each scope.
pub(super) fn enter(manifest: &mut Manifest, scopes: &BTreeMap<Namespace, Scope>) {
    manifest.adapters = Adapters {
        dynamodb: scopes.get(&Namespace::Dynamodb).map(names),
        s3: scopes.get(&Namespace::S3).map(names),
        // All databases share one keyspace (`format/redis.md`): there is 0, or nothing.
        redis: scopes.get(&Namespace::Redis).map(|scope| scope.iter().map(|_| 0).collect()),
        sqs: scopes.get(&Namespace::Sqs).map(names),
    };
    manifest.run.objects = summary::objects(scopes);
}

fn names(scope: &Scope) -> Names {
    scope.keys().cloned().map(Name).collect()
}

fn path(info: &InputInfo) -> Name {
    Name(info.path.as_os_str().as_encoded_bytes().to_vec())
}

fn source(info: &InputInfo) -> Source {
    Source { fsm_path: path(info), fsm_crc32c: info.fsm_crc32c() }
}

fn input(info: &InputInfo) -> Input {
    Input {
        path: path(info),
        group: info.group(),
        snapshot_index: info.snapshot_index,
        last_commit_ts: Some(info.last_commit_ts),
        fsm_crc32c: info.fsm_crc32c(),
    }
}
