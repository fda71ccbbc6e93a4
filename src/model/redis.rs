//! Redis: keys, and the elements of collections (`format/redis.md#values`, `tree/redis.md#files-of-redis`).

use super::Summary;
use crate::codec::protobuf::{Fields, Malformed, Value as Wire, text};
use crate::keyspace::redis::StreamId;
use crate::time::{Hlc, UnixMs};

/// Name of the one database.
pub const DATABASE: &str = "db_0";

/// A key of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The Redis key.
    pub key: &'a [u8],
    /// What it is.
    pub value: Value<'a>,
    /// When it expires, Unix ms.
    pub expiry_ms: Option<UnixMs>,
    /// Commit time of the newest row that makes it, HLC.
    pub commit_ts: Hlc,
    /// Whether a string of the same name came before it: of an HLL that the server serves beside it (`reading/redis.md#type-of-a-key`).
    pub shares_name: bool,
}

impl<'a> Key<'a> {
    /// Returns a key as a dump tells of it: without a commit time.
    #[must_use]
    pub fn of_dump(key: &'a [u8], value: Value<'a>, expiry_ms: Option<UnixMs>) -> Self {
        Self { key, value, expiry_ms, commit_ts: Hlc::ZERO, shares_name: false }
    }
}

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// The whole of a string.
    String(&'a [u8]),
    /// The whole payload of a `HyperLogLog`.
    Hll(&'a [u8]),
    /// A collection, whose [elements](Element) follow.
    Collection {
        /// Its type.
        collection: Collection,
        /// Number of elements that follow, where it is known.
        elements: Option<u64>,
        /// Bytes of their names and values, where they are known.
        bytes: Option<u64>,
        /// Highest ID that a stream ever assigned, as its base meta tells; 0-0 for other types.
        last: StreamId,
    },
}

/// A type of collection, in the order in which types win a Redis key (`reading/redis.md#type-of-a-key`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Collection {
    /// Of items by position.
    List,
    /// Of fields by name.
    Hash,
    /// Of members by name.
    Set,
    /// Of members by name, each with a score.
    Zset,
    /// Of entries by ID.
    Stream,
}

/// An element of the collection at hand: by position, ID, or bytewise by name.
#[derive(Clone, Copy, Debug)]
pub enum Element<'a> {
    /// Of a hash.
    Field {
        /// Name.
        name: &'a [u8],
        /// Value.
        value: &'a [u8],
    },
    /// Of a list.
    Item(&'a [u8]),
    /// Of a set.
    Member(&'a [u8]),
    /// Of a sorted set.
    Scored {
        /// Name.
        member: &'a [u8],
        /// Score, no NaN.
        score: f64,
    },
    /// Of a stream.
    Entry {
        /// ID, as the row key tells it.
        id: StreamId,
        /// Names and values.
        fields: EntryFields<'a>,
    },
}

/// Names and values of a stream entry, in stored order; names may repeat.
#[derive(Clone, Copy, Debug)]
pub struct EntryFields<'a> {
    message: &'a [u8],
}

impl Key<'_> {
    pub(super) fn summary(&self) -> Summary<'_> {
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).ok();
        let (kind, bytes, elements) = match self.value {
            Value::String(value) => ("string", length(value), None),
            Value::Hll(value) => ("hll", length(value), None),
            Value::Collection { collection, elements, bytes, .. } => (collection.name(), bytes, elements),
        };
        Summary {
            service: "redis",
            scope: DATABASE.as_bytes().into(),
            name: self.key.into(),
            kind,
            bytes,
            elements,
            expires_ms: self.expiry_ms,
            hash_len: None,
            commit_ts: self.commit_ts.known(),
        }
    }
}

impl Collection {
    /// All types, in their order.
    pub const ALL: [Collection; 5] =
        [Collection::List, Collection::Hash, Collection::Set, Collection::Zset, Collection::Stream];

    /// Returns the name that `TYPE` answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Collection::List => "list",
            Collection::Hash => "hash",
            Collection::Set => "set",
            Collection::Zset => "zset",
            Collection::Stream => "stream",
        }
    }
}

impl<'a> EntryFields<'a> {
    /// Reads them from the protobuf message of the entry, which was checked.
    #[must_use]
    pub fn new(message: &'a [u8]) -> Self {
        Self { message }
    }

    /// Lists names and values; an error is a message that was not checked.
    pub fn iter(self) -> impl Iterator<Item = Result<(&'a str, &'a str), Malformed>> {
        let mut texts = Fields::new(self.message).filter_map(|field| match field {
            Ok((2, Wire::Bytes(bytes))) => Some(text(bytes)),
            Ok(_) => None,
            Err(malformed) => Some(Err(malformed)),
        });
        std::iter::from_fn(move || {
            let name = texts.next()?;
            Some(name.and_then(|name| Ok((name, texts.next().unwrap_or(Err(Malformed::Truncated))?))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_an_entry_are_pairs_of_texts() {
        let read = |message| EntryFields::new(message).iter().collect::<Result<Vec<_>, _>>();
        assert_eq!(read(b""), Ok(vec![]));
        assert_eq!(
            read(b"\x0a\x031-1\x12\x01a\x12\x01v\x12\x01a\x0a\x01x\x12\x00"),
            Ok(vec![("a", "v"), ("a", "")])
        );
        for (unchecked, malformed) in [
            (&b"\x12\x01a"[..], Malformed::Truncated),
            (b"\x12\x01\xff\x12\x01v", Malformed::Utf8),
            (b"\x12\x01a\x12\x05v", Malformed::Truncated),
        ] {
            assert_eq!(read(unchecked), Err(malformed));
        }
    }
}
