//! Single rows of a key, as its history has them: which element they are, and what they say.
//!
//! In: a row key and a value of any version. Out: a [`Part`]; no row hides another one here.

use super::collection::{Collection, Slot};
use super::envelope::{self, Form, Version};
use super::meta::Meta;
use super::{blob, builder};
use crate::cursor;
use crate::keyspace::Family;
use crate::keyspace::redis::{StreamId, parse_meta, parse_plain};
use crate::model::redis::EntryFields;
use crate::time::UnixMs;

/// The families that have a history: indexes and deltas, which follow from others, are not among them.
pub(crate) const FAMILIES: [Family; 17] = [
    Family::RedisString,
    Family::RedisHll,
    Family::RedisTtl,
    Family::RedisHashBlob,
    Family::RedisSetBlob,
    Family::RedisZsetBlob,
    Family::RedisStreamBlob,
    Family::HashMeta,
    Family::HashField,
    Family::ListMeta,
    Family::ListItem,
    Family::SetMeta,
    Family::SetMember,
    Family::ZsetMeta,
    Family::ZsetMember,
    Family::StreamMeta,
    Family::StreamEntry,
];

/// What a row is of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it, or what is stored beside the elements: a type, or `expiry`.
    Whole(&'static str),
    /// A field, a member.
    Named(&'static str, Vec<u8>),
    /// An item by its position.
    Item(i64),
    /// An entry of a stream.
    Entry(StreamId),
}

/// What a row says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// The value without its envelope.
    pub value: Option<Vec<u8>>,
    /// When it expires, Unix ms.
    pub expires_ms: Option<UnixMs>,
    /// Declared number of elements.
    pub length: Option<u64>,
    /// Score of a member.
    pub score: Option<f64>,
    /// Fields of an entry.
    pub fields: Vec<(String, String)>,
}

/// Returns which part of `key` a row is; `None` where it is of another key.
#[must_use]
pub(crate) fn part(family: Family, key: &[u8], row_key: &[u8]) -> Option<Part> {
    if let Some(collection) = Collection::ALL.into_iter().find(|each| each.elements() == family) {
        let (own, slot) = collection.parse_element(row_key)?;
        return (own == key).then(|| match (slot, collection) {
            (Slot::Name(name), Collection::Hash) => Part::Named("field", name.to_vec()),
            (Slot::Name(name), _) => Part::Named("member", name.to_vec()),
            (Slot::Seq(seq), _) => Part::Item(seq),
            (Slot::Id(id), _) => Part::Entry(id),
        });
    }
    if let Some(collection) = Collection::ALL.into_iter().find(|each| each.meta() == family) {
        let own = match collection {
            Collection::List => parse_plain(family, row_key),
            _ => parse_meta(family, row_key),
        };
        return (own == Some(key)).then(|| Part::Whole(collection.name()));
    }
    let whole = match family {
        Family::RedisString => "string",
        Family::RedisHll => "hll",
        Family::RedisTtl => "expiry",
        _ => Collection::ALL.into_iter().find(|each| each.blob() == Some(family))?.name(),
    };
    (parse_plain(family, row_key) == Some(key)).then_some(Part::Whole(whole))
}

/// Reads a value; what does not parse is all value.
#[must_use]
pub(crate) fn said(family: Family, value: &[u8]) -> Said {
    let all = || Said { value: Some(value.to_vec()), ..Said::default() };
    let enveloped = |version| match envelope::parse(version, value) {
        Some(Form::Current { expiry, body }) => {
            Said { value: Some(body.to_vec()), expires_ms: expiry, ..Said::default() }
        }
        Some(Form::Legacy(_)) | None => all(),
    };
    if let Some(collection) = Collection::ALL.into_iter().find(|each| each.meta() == family) {
        return Meta::parse(collection, value).map_or_else(all, |meta| Said {
            length: Some(meta.length),
            expires_ms: meta.inline.filter(|ms| ms.0 != 0),
            ..Said::default()
        });
    }
    match family {
        Family::RedisString => enveloped(Version::String),
        Family::RedisHll => enveloped(Version::Hll),
        Family::RedisTtl => {
            let mut rest = value;
            let expires_ms = cursor::take_u64_be(&mut rest).filter(|_| rest.is_empty());
            expires_ms.map_or_else(all, |ms| Said { expires_ms: Some(UnixMs(ms)), ..Said::default() })
        }
        Family::SetMember => Said::default(),
        Family::ZsetMember => match builder::parse_score(value) {
            Ok(score) => Said { score: Some(score), ..Said::default() },
            Err(_) => all(),
        },
        Family::StreamEntry => match blob::StreamEntry::parse(value) {
            Ok(entry) => {
                let fields = EntryFields::new(entry.message).iter();
                let fields: Result<_, _> = fields
                    .map(|field| field.map(|(name, value)| (name.to_owned(), value.to_owned())))
                    .collect();
                fields.map_or_else(|_| all(), |fields| Said { fields, ..Said::default() })
            }
            Err(_) => all(),
        },
        _ => all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_parts_of_their_key_alone() {
        assert_eq!(part(Family::RedisString, b"a", b"!redis|str|a"), Some(Part::Whole("string")));
        assert_eq!(part(Family::RedisString, b"a", b"!redis|str|ab"), None);
        let field = b"!hs|fld|\0\0\0\x01aname";
        assert_eq!(part(Family::HashField, b"a", field), Some(Part::Named("field", b"name".to_vec())));
        assert_eq!(part(Family::HashField, b"b", field), None);
        assert_eq!(part(Family::HashMeta, b"a", b"!hs|meta|\0\0\0\x01a"), Some(Part::Whole("hash")));
        assert_eq!(part(Family::ListMeta, b"a", b"!lst|meta|a"), Some(Part::Whole("list")));
        let item = [&b"!lst|itm|a"[..], &(1_u64 << 63).to_be_bytes()].concat();
        assert_eq!(part(Family::ListItem, b"a", &item), Some(Part::Item(0)));
        assert_eq!(part(Family::RedisSetBlob, b"a", b"!redis|set|a"), Some(Part::Whole("set")));
    }

    #[test]
    fn values_are_read_without_their_envelopes() {
        let string = said(Family::RedisString, b"\xff\x01\x01\0\0\0\0\0\0\0\x05v");
        assert_eq!((string.value.as_deref(), string.expires_ms), (Some(&b"v"[..]), Some(UnixMs(5))));
        assert_eq!(said(Family::RedisString, b"old").value.unwrap(), b"old");
        assert_eq!(said(Family::HashMeta, &7_u64.to_be_bytes()).length, Some(7));
        assert_eq!(said(Family::RedisTtl, &7_u64.to_be_bytes()).expires_ms, Some(UnixMs(7)));
        assert_eq!(said(Family::ZsetMember, &1.5_f64.to_be_bytes()).score, Some(1.5));
        assert_eq!(said(Family::ZsetMember, b"x").value.unwrap(), b"x");
        let entry = said(Family::StreamEntry, b"\0RXE\x01\x0a\x031-1\x12\x01a\x12\x01v");
        assert_eq!(entry.fields, [("a".to_owned(), "v".to_owned())]);
    }
}
