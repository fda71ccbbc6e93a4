//! Names that were asked for and are not in the snapshot (`tree/commands.md#command-line`).
//!
//! In: the scopes of a request, and what the adapters found. Out: an error that lists what is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::keyspace::{Family, Namespace, dynamodb, s3, sqs};
use crate::not_there::NotThere;
use crate::service::Scope;
use crate::snapshot::Snapshot;

/// Fails when one of the names asked for is neither among the `found` ones nor in the metadata of the snapshot.
pub(super) fn check(
    snapshot: &Snapshot,
    asked: &BTreeMap<Namespace, BTreeSet<Vec<u8>>>,
    found: &BTreeMap<Namespace, Scope>,
) -> Result<()> {
    for (&adapter, asked) in asked {
        let nothing = Scope::new();
        let found = found.get(&adapter).unwrap_or(&nothing);
        if asked.iter().all(|name| found.contains_key(name)) {
            continue;
        }
        let mut there = named(snapshot, adapter)?;
        there.extend(found.keys().cloned());
        let asked: Vec<_> = asked.difference(&there).cloned().collect();
        if !asked.is_empty() {
            return Err(Error::NotThere(NotThere::new(adapter, asked, there)));
        }
    }
    Ok(())
}

/// Lists the tables, buckets, queues or databases that have metadata.
pub(super) fn named(snapshot: &Snapshot, adapter: Namespace) -> Result<BTreeSet<Vec<u8>>> {
    let family = match adapter {
        Namespace::Dynamodb => Family::DynamodbTable,
        Namespace::S3 => Family::S3BucketMeta,
        Namespace::Sqs => Family::SqsQueueMeta,
        _ => return Ok(BTreeSet::from([b"db_0".to_vec()])),
    };
    let mut names = BTreeSet::new();
    let mut rows = snapshot.scan(family);
    while let Some(row) = rows.next()? {
        names.extend(match adapter {
            Namespace::Dynamodb => dynamodb::schema_table(row.key).ok(),
            Namespace::S3 => s3::parse_bucket(family, row.key).map(std::borrow::Cow::into_owned),
            _ => sqs::queue(family, row.key).ok().map(|segment| {
                let mut name = Vec::new();
                segment.decode(&mut name);
                name
            }),
        });
    }
    Ok(names)
}
