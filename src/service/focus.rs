//! Which rows make one object: all that a run for it alone has to read.
//!
//! In: a name. Out: what the keys of its rows begin with, in all families of its service. Other rows may be among them;
//! none of the object's is missing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Result;
use crate::keyspace::s3::{ObjectKey, Segment};
use crate::keyspace::{Family, Namespace, Role, fs, redis};
use crate::model::fs::InodeRecord;
use crate::name::Literal;
use crate::service::fs::NameRecord;
use crate::snapshot::{EntryBuf, Focus, Snapshot};

/// Narrows a snapshot to the rows of an object; to the whole service where nothing narrower is known.
pub(crate) fn set(snapshot: &mut Snapshot, object: &Literal) -> Result<()> {
    snapshot.set_focus(Focus::default());
    let mut focus = Focus::default();
    let key = object.key.as_deref();
    match (object.service, key) {
        (Namespace::Redis, Some(key)) => redis(&[key], &mut focus, |_| true),
        (Namespace::Kv, Some(key)) if !key.is_empty() => {
            // Each of them belongs to one of the two families, and so do all keys that begin with it.
            let family = if key.first() == Some(&b'!') { Family::Unknown } else { Family::Bare };
            for other in [Family::Unknown, Family::Bare] {
                focus.narrow(other, if other == family { vec![key.to_vec()] } else { Vec::new() });
            }
        }
        (Namespace::Dynamodb, _) => super::dynamodb::focus(snapshot, object, &mut focus)?,
        (Namespace::S3, key) => s3(snapshot, &object.scope, key, &mut focus)?,
        (Namespace::Sqs, _) => sqs(&object.scope, &mut focus),
        (Namespace::Fs, Some(path)) => fs(snapshot, path, &mut focus)?,
        _ => {}
    }
    snapshot.set_focus(focus);
    Ok(())
}

/// Narrows a snapshot to the rows of which the history of an object is made: those of all generations of its table or
/// bucket.
pub(crate) fn set_history(snapshot: &mut Snapshot, object: &Literal) -> Result<()> {
    let mut focus = Focus::default();
    match object.service {
        Namespace::S3 => {
            for family in [Family::S3BucketMeta, Family::S3ObjectHead] {
                focus.narrow(family, vec![ObjectKey::bucket_prefix(family, &object.scope)]);
            }
        }
        Namespace::Dynamodb => {
            let segment = URL_SAFE_NO_PAD.encode(&object.scope);
            for (family, end) in [(Family::DynamodbTable, ""), (Family::DynamodbItem, "|")] {
                focus.narrow(family, vec![[family.prefix(), segment.as_bytes(), end.as_bytes()].concat()]);
            }
        }
        _ => return set(snapshot, object),
    }
    snapshot.set_focus(focus);
    Ok(())
}

/// Returns the fronts of the keys by which the route catalog tells the groups of an object; none where it does not.
pub(crate) fn placing(snapshot: &Snapshot, object: &Literal) -> Result<Vec<Vec<u8>>> {
    let key = object.key.as_deref();
    Ok(match (object.service, key) {
        (Namespace::Redis, Some(key)) => {
            let families = [
                // That of lists, too.
                Family::RedisString,
                Family::HashMeta,
                Family::SetMeta,
                Family::ZsetMeta,
                Family::StreamMeta,
            ];
            families.into_iter().map(|family| redis::rows_prefix(family, key)).collect()
        }
        (Namespace::Kv, Some(key)) => vec![key.to_vec()],
        (Namespace::Dynamodb, _) => {
            let segment = URL_SAFE_NO_PAD.encode(&object.scope);
            vec![[Family::DynamodbTable.prefix(), segment.as_bytes()].concat()]
        }
        (Namespace::S3, key) => {
            let bucket = ObjectKey::bucket_prefix(Family::S3BucketMeta, &object.scope);
            let Some(key) = key else { return Ok(vec![bucket]) };
            let of = |generation: u64| {
                let mut row = ObjectKey::bucket_prefix(Family::S3ObjectHead, &object.scope);
                row.extend_from_slice(&generation.to_be_bytes());
                Segment::write(&mut row, key);
                row
            };
            // Without the bucket's row any generation may be the object's.
            match super::s3::generation(snapshot, &bucket)? {
                Some(generation) => vec![of(generation)],
                None => vec![of(0), of(u64::MAX)],
            }
        }
        (Namespace::Fs, Some(path)) => {
            // The first name on the way that is not there.
            let (mut inode, mut row) = (fs::ROOT, EntryBuf::default());
            for name in path.split(|&byte| byte == b'/') {
                let key = fs::name_key(inode, name);
                let is_there = snapshot.get(&key, &mut row)?;
                let Some(next) = NameRecord::parse(&row.body).filter(|_| is_there) else {
                    return Ok(vec![key]);
                };
                inode = next.inode;
            }
            vec![fs::inode_key(inode).to_vec()]
        }
        _ => Vec::new(),
    })
}

/// Narrows those families of Redis that `has` says to the rows of keys.
pub(crate) fn redis(keys: &[&[u8]], focus: &mut Focus, has: impl Fn(Family) -> bool) {
    for family in Family::all().filter(|family| family.owner() == Namespace::Redis && has(*family)) {
        // `!lst|meta|d|…` is of two families; of the rest no service reads rows.
        let is_ambiguous = matches!(family, Family::ListMeta | Family::ListDelta)
            && keys.iter().any(|key| key.starts_with(b"d|"));
        if !is_ambiguous && family.kind() != Role::Internal {
            focus.narrow(family, keys.iter().map(|key| redis::rows_prefix(family, key)).collect());
        }
    }
}

fn s3(snapshot: &mut Snapshot, bucket: &[u8], key: Option<&[u8]>, focus: &mut Focus) -> Result<()> {
    let of_bucket = |family: Family| ObjectKey::bucket_prefix(family, bucket);
    for family in [Family::S3BucketMeta, Family::S3BucketGeneration, Family::S3UploadMeta] {
        focus.narrow(family, vec![of_bucket(family)]);
    }
    let generation = super::s3::generation(snapshot, &of_bucket(Family::S3BucketMeta))?;
    for family in [Family::S3ObjectHead, Family::S3Blob, Family::S3ChunkRef] {
        let mut prefix = of_bucket(family);
        match (key, generation) {
            (None, _) => {
                // Of the bucket alone; that there are objects tells the generation of one without a row.
                focus.narrow(family, if generation.is_some() { Vec::new() } else { vec![prefix] });
            }
            (Some(key), Some(generation)) => {
                prefix.extend_from_slice(&generation.to_be_bytes());
                Segment::write(&mut prefix, key);
                focus.narrow(family, vec![prefix]);
            }
            (Some(_), None) => focus.narrow(family, vec![prefix]),
        }
    }
    let chunks = super::s3::digests(snapshot, focus)?;
    if let Some(chunks) = chunks {
        focus.narrow(Family::S3ChunkBlob, chunks);
    }
    Ok(())
}

fn sqs(queue: &[u8], focus: &mut Focus) {
    let segment = URL_SAFE_NO_PAD.encode(queue);
    for family in Family::all().filter(|family| family.owner() == Namespace::Sqs) {
        let of = |form: &str| [family.prefix(), form.as_bytes(), segment.as_bytes()].concat();
        focus.narrow(family, vec![of(""), of("p|")]);
    }
}

/// Names and inodes are few beside the bytes of files: only those of the file itself are narrowed down.
fn fs(snapshot: &Snapshot, path: &[u8], focus: &mut Focus) -> Result<()> {
    let mut inode = fs::ROOT;
    let mut row = EntryBuf::default();
    for name in path.split(|&byte| byte == b'/') {
        if !snapshot.get(&fs::name_key(inode, name), &mut row)? {
            return Ok(());
        }
        let Some(next) = NameRecord::parse(&row.body) else { return Ok(()) };
        inode = next.inode;
    }
    if snapshot.get(&fs::inode_key(inode), &mut row)?
        && let Some(record) = InodeRecord::parse(&row.body)
    {
        focus.narrow(Family::FsChunk, vec![fs::chunks_prefix(record.home_slot, inode).to_vec()]);
    }
    Ok(())
}
