//! Rows and objects to the group that they are counted in.
//!
//! A label is a kind, then the name of a table, bucket or queue with its length, then the front of a name: cheap to make
//! of each row. Only what is printed becomes a [name](crate::name).

use crate::bug::Bug;
use crate::cursor;
use crate::keyspace::{Family, Namespace, Role};
use crate::model::Summary;
use crate::name::{self, SERVICES};
use crate::run::owner::owner;

/// What ends a part of a name.
const ENDS: &[u8] = b":/.";
/// Rows that are of no object: the family's index follows.
const NO_OBJECT: u8 = 0xff;
/// Rows whose keys are malformed: the family's index follows.
const MALFORMED: u8 = 0xfe;
/// A folded group: what stands for the front of its names.
const REST: &[u8] = b"\0\xff";

/// Makes labels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels {
    depth: usize,
}

impl Labels {
    /// Returns labels that hold this many parts of a name.
    pub(super) fn new(depth: usize) -> Self {
        Self { depth }
    }

    /// Sets the label of a row. Returns its name where that is `wanted`, unless it is of no object; of a service whose
    /// keys don't tell names that of the table, queue or service.
    pub(super) fn row(self, family: Family, key: &[u8], label: &mut Vec<u8>, wanted: bool) -> Option<String> {
        label.clear();
        if is_of_no_object(family) {
            label.extend([NO_OBJECT, u8::try_from(family.index()).ok()?]);
            return None;
        }
        let Some(owner) = owner(family, key) else {
            label.extend([MALFORMED, u8::try_from(family.index()).ok()?]);
            return None;
        };
        let front = owner.key.as_deref().unwrap_or_default();
        self.push(label, owner.service, &owner.scope, front);
        wanted.then(|| {
            let mut text = String::new();
            let (scope, name) = (owner.scope.as_slice().into(), front.into());
            let service = owner.service.name();
            name::of(&Summary { service, scope, name, ..Summary::default() }, &mut text);
            text
        })
    }

    /// Sets the label of an object.
    pub(super) fn object(self, summary: &Summary<'_>, label: &mut Vec<u8>) -> Result<(), Bug> {
        label.clear();
        let service = SERVICES.into_iter().find(|service| service.name() == summary.service);
        let service = service.ok_or(Bug::new("an object is of no service"))?;
        // Of an item the keys of rows tell no more than the hash key, of a message and a node not even that.
        let front = match service {
            Namespace::Dynamodb | Namespace::Sqs | Namespace::Fs => &[],
            _ => &*summary.name,
        };
        let scope: &[u8] = if name::has_scope(service) { &summary.scope } else { b"" };
        self.push(label, service, scope, front);
        Ok(())
    }

    fn push(self, label: &mut Vec<u8>, service: Namespace, scope: &[u8], front: &[u8]) {
        let number = SERVICES.iter().position(|other| *other == service);
        label.push(number.and_then(|number| u8::try_from(number).ok()).unwrap_or(NO_OBJECT));
        let mut parts = self.depth;
        if name::has_scope(service) && parts > 0 {
            parts -= 1;
            label.extend_from_slice(&u32::try_from(scope.len()).unwrap_or(u32::MAX).to_be_bytes());
            label.extend_from_slice(scope);
        } else {
            label.extend_from_slice(&[0; 4]);
        }
        let ends = front.iter().enumerate().filter(|(_, byte)| ENDS.contains(byte)).take(parts);
        let end = ends.last().map_or(0, |(end, _)| end + 1);
        label.extend_from_slice(front.get(..end).unwrap_or_default());
    }
}

/// Sets the label of chunks of S3 that no object is made of.
pub(super) fn left_over(label: &mut Vec<u8>) {
    label.clear();
    label.extend([NO_OBJECT, u8::try_from(Family::S3Blob.index()).unwrap_or(u8::MAX)]);
}

/// Returns the label of all groups of a table, bucket, queue or service that are folded.
pub(super) fn rest(label: &[u8]) -> Vec<u8> {
    match split(label) {
        Some((.., front)) if !front.is_empty() => {
            let end = label.len() - front.len();
            [label.get(..end).unwrap_or_default(), REST].concat()
        }
        _ => label.to_vec(),
    }
}

fn split(label: &[u8]) -> Option<(Namespace, &[u8], &[u8])> {
    let mut rest = label;
    let service = SERVICES.get(usize::from(cursor::take_u8(&mut rest)?)).copied()?;
    let length = usize::try_from(cursor::take_u32_be(&mut rest)?).ok()?;
    let (scope, front) = rest.split_at_checked(length)?;
    Some((service, scope, front))
}

/// Returns a label as it is printed.
pub(super) fn name(label: &[u8]) -> String {
    let Some((service, scope, front)) = split(label) else {
        let (kind, index) = (label.first(), label.get(1).copied().unwrap_or_default());
        let family = Family::all().nth(index.into()).map_or("", Family::name);
        return match (kind, family) {
            (Some(&MALFORMED), family) => format!("(malformed keys of {family})"),
            (_, "!s3|blob|") => "(chunks of replaced and aborted uploads of s3)".to_owned(),
            (_, "!s3|chunkblob|") => "(shared chunks of s3)".to_owned(),
            (_, family) => format!("({family})"),
        };
    };
    let mut text = service.name().to_owned();
    if !scope.is_empty() {
        text.push('/');
        name::escape(scope, true, &mut text);
    }
    text.push('/');
    if front == REST {
        text.push('…');
    } else {
        name::escape(front, false, &mut text);
    }
    text
}

/// Whether rows of a family belong to the server, or to several objects.
fn is_of_no_object(family: Family) -> bool {
    matches!(family.kind(), Role::Internal | Role::Reserved) || family == Family::S3ChunkBlob
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(depth: usize, family: Family, key: &[u8]) -> String {
        let mut label = Vec::new();
        assert_eq!(Labels::new(depth).row(family, key, &mut label, false), None);
        name(&label)
    }

    #[test]
    fn rows_are_counted_to_their_objects() {
        let mut head = b"!s3|obj|head|".to_vec();
        for part in [&b"images\0\x01"[..], &[0; 7], &[1], b"catalog/sku-1/front.png\0\x01"] {
            head.extend_from_slice(part);
        }
        for (depth, family, key, expected) in [
            (1, Family::RedisString, &b"!redis|str|cart:1:x"[..], "redis/cart:"),
            (2, Family::RedisString, b"!redis|str|cart:1:x", "redis/cart:1:"),
            (2, Family::RedisString, b"!redis|str|plain", "redis/"),
            (0, Family::RedisString, b"!redis|str|cart:1", "redis/"),
            (1, Family::HashField, b"!hs|fld|\0\0\0\x03a:bfield", "redis/a:"),
            (1, Family::HashField, b"!hs|fld|\0\0", "(malformed keys of !hs|fld|)"),
            (1, Family::DynamodbItem, b"!ddb|item|b3JkZXJz|1|x", "dynamodb/orders/"),
            (1, Family::S3ObjectHead, &head, "s3/images/"),
            (2, Family::S3ObjectHead, &head, "s3/images/catalog/"),
            (9, Family::S3ObjectHead, &head, "s3/images/catalog/sku-1/front."),
            (1, Family::SqsQueueMeta, b"!sqs|queue|meta|cQ", "sqs/q/"),
            (1, Family::TxnLock, b"!txn|lock|x", "(!txn|lock|)"),
            (1, Family::S3ChunkBlob, b"!s3|chunkblob|x", "(shared chunks of s3)"),
            (1, Family::Bare, b"a.b", "kv/a."),
        ] {
            assert_eq!(labelled(depth, family, key), expected, "{depth} {}", key.escape_ascii());
        }
    }

    #[test]
    fn objects_have_the_labels_of_their_rows() {
        let labels = Labels::new(2);
        let object = |service, scope: &'static [u8], key: &'static [u8]| {
            let summary = Summary { service, scope: scope.into(), name: key.into(), ..Summary::default() };
            let mut label = Vec::new();
            labels.object(&summary, &mut label).unwrap();
            name(&label)
        };
        assert_eq!(object("redis", b"db_0", b"cart:1:x"), "redis/cart:1:");
        assert_eq!(object("s3", b"images", b"catalog/sku-1/x"), "s3/images/catalog/");
        assert_eq!(object("dynamodb", b"orders", b"user-1/3"), "dynamodb/orders/");
        assert_eq!(object("sqs", b"q", b"id"), "sqs/q/");
        assert_eq!(object("fs", b"", b"etc/hosts"), "fs/");
    }
}
