//! What a snapshot holds in its users' words, as far as the first pass and the rows of tables, buckets and queues tell:
//! no item, object or message is read.

use super::scope::named;
use crate::error::Result;
use crate::keyspace::{Family, Namespace};
use crate::name::SERVICES;
use crate::snapshot::{FamilyStats, Snapshot};

/// Most names of one service that are listed.
const LISTED: usize = 100;

/// So many objects of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// What they are, one and several: `["item", "items"]`.
    pub kind: [&'static str; 2],
    /// How many.
    pub count: u64,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Its name.
    pub service: &'static str,
    /// Names of its tables, buckets or queues, sorted bytewise, the first 100; empty for other services, and where the
    /// rows are encrypted and there are no keys.
    pub names: Vec<String>,
    /// How many there are.
    pub scopes: u64,
    /// What there is, by the rows that are visible, most telling first: `items`, `objects`, `strings`, … What the rows of
    /// another type hide, or of an older generation, counts here, and not in a dump.
    pub objects: Vec<Count>,
    /// Bytes of all rows: keys and values, all versions.
    pub bytes: u64,
}

/// What each family's visible rows are, or its collections.
const KINDS: [(Namespace, [&str; 2], &[Family]); 18] = [
    (Namespace::Dynamodb, ["table", "tables"], &[Family::DynamodbTable]),
    (Namespace::Dynamodb, ["item", "items"], &[Family::DynamodbItem]),
    (Namespace::S3, ["bucket", "buckets"], &[Family::S3BucketMeta]),
    (Namespace::S3, ["object", "objects"], &[Family::S3ObjectHead]),
    (Namespace::S3, ["upload in progress", "uploads in progress"], &[Family::S3UploadMeta]),
    (Namespace::S3, ["chunk", "chunks"], &[Family::S3Blob, Family::S3ChunkRef]),
    (Namespace::Redis, ["string", "strings"], &[Family::RedisString]),
    (Namespace::Redis, ["hyperloglog", "hyperloglogs"], &[Family::RedisHll]),
    (Namespace::Redis, ["hash", "hashes"], &[Family::RedisHashBlob, Family::HashField]),
    (Namespace::Redis, ["list", "lists"], &[Family::ListItem]),
    (Namespace::Redis, ["set", "sets"], &[Family::RedisSetBlob, Family::SetMember]),
    (Namespace::Redis, ["sorted set", "sorted sets"], &[Family::RedisZsetBlob, Family::ZsetMember]),
    (Namespace::Redis, ["stream", "streams"], &[Family::RedisStreamBlob, Family::StreamMeta]),
    (Namespace::Redis, ["expiry", "expiries"], &[Family::RedisTtl]),
    (Namespace::Sqs, ["queue", "queues"], &[Family::SqsQueueMeta]),
    (Namespace::Sqs, ["message", "messages"], &[Family::SqsData]),
    (Namespace::Fs, ["file or directory", "files and directories"], &[Family::FsInode]),
    (Namespace::Kv, ["key", "keys"], &[Family::Bare, Family::Unknown]),
];

/// Lists the services that have rows, in the order of a dump.
///
/// # Errors
///
/// Whatever reading the rows of tables, buckets and queues finds.
///
/// ```
/// use ekv_backup::run::{Source, overview};
///
/// let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/live/shop/000000000000016e.fsm");
/// let source = Source::new(vec![path.into()]);
/// let snapshot = source.open(&source.scratch(std::env::temp_dir()), &mut |_| ())?.snapshot;
/// let s3 = overview(&snapshot)?.into_iter().find(|holding| holding.service == "s3").expect("there is some");
/// assert_eq!(s3.names, ["invoices", "product-images"]);
/// # Ok::<(), ekv_backup::Error>(())
/// ```
pub fn overview(snapshot: &Snapshot) -> Result<Vec<Holding>> {
    let mut holdings = Vec::new();
    let is_readable = snapshot.encrypted().rows == 0 || snapshot.keyring().is_some();
    for service in SERVICES {
        let families = || Family::all().filter(move |family| family.owner() == service);
        let sum = |count: fn(&FamilyStats) -> u64| {
            families().map(|family| count(snapshot.stats(family))).sum::<u64>()
        };
        if sum(|stats| stats.rows) == 0 {
            continue;
        }
        let mut names = Vec::new();
        if crate::name::has_scope(service) && is_readable {
            names = named(snapshot, service)?
                .iter()
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect();
        }
        let scopes = u64::try_from(names.len()).unwrap_or(u64::MAX);
        names.truncate(LISTED);
        let kinds = KINDS.iter().filter(|(owner, ..)| *owner == service);
        let objects = kinds.map(|(_, kind, families)| Count {
            kind: *kind,
            count: families.iter().map(|family| count(snapshot, *family)).sum(),
        });
        let objects = objects.filter(|objects| objects.count > 0).collect();
        holdings.push(Holding {
            service: service.name(),
            names,
            scopes,
            objects,
            bytes: sum(|stats| stats.bytes),
        });
    }
    Ok(holdings)
}

/// Counts the objects of a family: its visible rows, or the collections that they are elements of.
fn count(snapshot: &Snapshot, family: Family) -> u64 {
    let stats = snapshot.stats(family);
    match family {
        Family::HashField | Family::ListItem | Family::SetMember | Family::ZsetMember => stats.collections,
        _ => stats.visible,
    }
}
