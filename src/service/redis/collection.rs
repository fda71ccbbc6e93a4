//! The collection types of Redis: where their rows stand, and what is said about them (`format/redis.md#families`).

use crate::event::Class;
use crate::keyspace::Family;
use crate::keyspace::redis::{Item, StreamId, parse_element, parse_entry, parse_item};
pub(super) use crate::model::redis::Collection;

/// Where an element stands in its collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot<'a> {
    /// A hash field, a set or zset member.
    Name(&'a [u8]),
    /// A list item.
    Seq(i64),
    /// A stream entry.
    Id(StreamId),
}

impl Collection {
    pub(crate) fn elements(self) -> Family {
        match self {
            Collection::List => Family::ListItem,
            Collection::Hash => Family::HashField,
            Collection::Set => Family::SetMember,
            Collection::Zset => Family::ZsetMember,
            Collection::Stream => Family::StreamEntry,
        }
    }

    pub(crate) fn meta(self) -> Family {
        match self {
            Collection::List => Family::ListMeta,
            Collection::Hash => Family::HashMeta,
            Collection::Set => Family::SetMeta,
            Collection::Zset => Family::ZsetMeta,
            Collection::Stream => Family::StreamMeta,
        }
    }

    pub(super) fn deltas(self) -> Option<Family> {
        match self {
            Collection::List => Some(Family::ListDelta),
            Collection::Hash => Some(Family::HashDelta),
            Collection::Set => Some(Family::SetDelta),
            Collection::Zset => Some(Family::ZsetDelta),
            Collection::Stream => None,
        }
    }

    pub(super) fn blob(self) -> Option<Family> {
        match self {
            Collection::List => None,
            Collection::Hash => Some(Family::RedisHashBlob),
            Collection::Set => Some(Family::RedisSetBlob),
            Collection::Zset => Some(Family::RedisZsetBlob),
            Collection::Stream => Some(Family::RedisStreamBlob),
        }
    }

    /// Parses the key of an element row: Redis key and place in the collection.
    pub(super) fn parse_element(self, user_key: &[u8]) -> Option<(&[u8], Slot<'_>)> {
        match self {
            Collection::List => parse_item(user_key).map(|Item { key, seq }| (key, Slot::Seq(seq))),
            Collection::Stream => parse_entry(user_key).map(|(key, id)| (key, Slot::Id(id))),
            Collection::Hash | Collection::Set | Collection::Zset => {
                parse_element(self.elements(), user_key).map(|(key, name)| (key, Slot::Name(name)))
            }
        }
    }

    /// Name of the type's blob in warnings.
    pub(super) fn blob_name(self) -> &'static str {
        match self {
            Collection::List => "list_blob",
            Collection::Hash => "hash_blob",
            Collection::Set => "set_blob",
            Collection::Zset => "zset_blob",
            Collection::Stream => "stream_blob",
        }
    }

    /// Class of the problem that a row key is which does not parse.
    pub(super) fn malformed_key(self) -> Class {
        match self {
            Collection::List => Class::MALFORMED_LIST_KEY,
            Collection::Hash => Class::MALFORMED_HASH_KEY,
            Collection::Set => Class::MALFORMED_SET_KEY,
            Collection::Zset => Class::MALFORMED_ZSET_KEY,
            Collection::Stream => Class::MALFORMED_STREAM_KEY,
        }
    }

    /// Class of the problem that a base meta is which cannot be read.
    pub(super) fn invalid_meta(self) -> Class {
        match self {
            Collection::List => Class::INVALID_LIST_META,
            Collection::Hash => Class::INVALID_HASH_META,
            Collection::Set => Class::INVALID_SET_META,
            Collection::Zset => Class::INVALID_ZSET_META,
            Collection::Stream => Class::INVALID_STREAM_META,
        }
    }

    /// Class of the problem that a legacy blob is which cannot be read.
    pub(super) fn invalid_blob(self) -> Class {
        match self {
            Collection::List => Class::INVALID_LIST_BLOB,
            Collection::Hash => Class::INVALID_HASH_BLOB,
            Collection::Set => Class::INVALID_SET_BLOB,
            Collection::Zset => Class::INVALID_ZSET_BLOB,
            Collection::Stream => Class::INVALID_STREAM_BLOB,
        }
    }

    /// Class of the problem that an element is which cannot be read.
    pub(super) fn invalid_element(self) -> Class {
        match self {
            Collection::List => Class::INVALID_LIST_ITEM,
            Collection::Hash => Class::INVALID_HASH_FIELD,
            Collection::Set => Class::INVALID_SET_MEMBER,
            Collection::Zset => Class::INVALID_ZSET_MEMBER,
            Collection::Stream => Class::INVALID_STREAM_ENTRY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_win_in_the_order_of_their_declaration() {
        assert!(Collection::ALL.is_sorted());
    }

    #[test]
    fn every_family_belongs_to_one_type() {
        let families: std::collections::BTreeSet<_> = Collection::ALL
            .iter()
            .flat_map(|c| [Some(c.elements()), Some(c.meta()), c.deltas(), c.blob()])
            .flatten()
            .collect();
        assert_eq!(families.len(), 5 + 5 + 4 + 4);
    }
}
