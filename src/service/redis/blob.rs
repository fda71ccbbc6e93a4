//! Values that hold protobuf messages: legacy collections and stream entries (`format/redis.md#messages`).
//!
//! In: a value with its magic. Out: the texts in it, borrowed. Any defect of a message makes all of it an error.

use super::collection::Collection;
use crate::codec::protobuf::{Fields, Malformed, Value, push_bytes, text};
use crate::keyspace::redis::StreamId;
use crate::model::redis::EntryFields;

/// Magic of a stream entry.
const ENTRY: &[u8] = b"\0RXE\x01";

/// Why a value cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("no magic number in front of the message")]
    Magic,
    #[error("the protobuf message is malformed")]
    Protobuf,
    #[error("a text is not UTF-8")]
    Utf8,
    #[error("a name has no value")]
    OddFields,
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        if malformed == Malformed::Utf8 { Error::Utf8 } else { Error::Protobuf }
    }
}

/// One element of a legacy collection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Element<'a> {
    Field {
        name: &'a str,
        value: &'a str,
    },
    Member(&'a str),
    Scored {
        member: &'a str,
        score: f64,
    },
    /// Of a stream, whose entries are only counted.
    Entry,
}

/// Lists the elements of a legacy blob in stored order; duplicates are kept. An empty value has none.
pub(super) fn elements(
    collection: Collection,
    blob: &[u8],
) -> Result<impl Iterator<Item = Result<Element<'_>, Error>>, Error> {
    let magic: &[u8] = match collection {
        Collection::Hash => b"\0RH\x01",
        Collection::Set => b"\0RS\x01",
        Collection::Zset => b"\0RZ\x01",
        Collection::Stream | Collection::List => b"\0RX\x01",
    };
    let message = if blob.is_empty() { blob } else { blob.strip_prefix(magic).ok_or(Error::Magic)? };
    Ok(Fields::new(message).filter_map(move |field| match field {
        Ok((1, Value::Bytes(bytes))) => Some(element(collection, bytes)),
        Ok(_) => None,
        Err(malformed) => Some(Err(malformed.into())),
    }))
}

/// Lists the members of a `HyperLogLog`'s payload (`format/redis.md#hyperloglogs`).
pub(crate) fn hll_members(payload: &[u8]) -> Result<impl Iterator<Item = Result<&str, Error>>, Error> {
    Ok(elements(Collection::Set, payload)?.filter_map(|element| match element {
        Ok(Element::Member(member)) => Some(Ok(member)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    }))
}

fn element(collection: Collection, bytes: &[u8]) -> Result<Element<'_>, Error> {
    let mut element = match collection {
        Collection::Hash => Element::Field { name: "", value: "" },
        Collection::Zset => Element::Scored { member: "", score: 0.0 },
        Collection::Set => return Ok(Element::Member(text(bytes)?)),
        Collection::Stream | Collection::List => return Ok(Element::Entry),
    };
    // What is missing keeps its default, of what is repeated the last one counts.
    for field in Fields::new(bytes) {
        match (field?, &mut element) {
            (
                (1, Value::Bytes(bytes)),
                Element::Field { name: slot, .. } | Element::Scored { member: slot, .. },
            )
            | ((2, Value::Bytes(bytes)), Element::Field { value: slot, .. }) => *slot = text(bytes)?,
            ((2, Value::Fixed64(bits)), Element::Scored { score, .. }) => *score = f64::from_bits(bits),
            _ => {}
        }
    }
    Ok(element)
}

/// A stream entry that was checked as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamEntry<'a> {
    /// The ID as it was spelt, which need not be canonical.
    pub(super) id: &'a str,
    /// What [`EntryFields`](crate::model::redis::EntryFields) reads.
    pub(super) message: &'a [u8],
}

impl<'a> StreamEntry<'a> {
    /// Appends the value of a stream entry.
    pub(crate) fn write(out: &mut Vec<u8>, id: StreamId, fields: EntryFields<'_>) -> Result<(), Malformed> {
        out.extend_from_slice(ENTRY);
        let spelt = format!("{}-{}", id.ms, id.seq);
        push_bytes(out, 1, spelt.as_bytes());
        for pair in fields.iter() {
            let (name, value) = pair?;
            push_bytes(out, 2, name.as_bytes());
            push_bytes(out, 2, value.as_bytes());
        }
        Ok(())
    }

    /// Checks the value of a stream entry.
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Error> {
        let message = value.strip_prefix(ENTRY).ok_or(Error::Magic)?;
        let (mut id, mut texts) = ("", 0_u64);
        for field in Fields::new(message) {
            match field? {
                (1, Value::Bytes(bytes)) => id = text(bytes)?,
                (2, Value::Bytes(bytes)) => {
                    text(bytes)?;
                    texts += 1;
                }
                _ => {}
            }
        }
        if texts % 2 == 0 { Ok(Self { id, message }) } else { Err(Error::OddFields) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::model::redis::EntryFields;

    #[derive(Clone, PartialEq, Message)]
    struct Pair {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(string, tag = "2")]
        value: String,
    }

    #[derive(Clone, PartialEq, Message)]
    struct HashBlob {
        #[prost(message, repeated, tag = "1")]
        entries: Vec<Pair>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct SetBlob {
        #[prost(string, repeated, tag = "1")]
        members: Vec<String>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Scored {
        #[prost(string, tag = "1")]
        member: String,
        #[prost(double, tag = "2")]
        score: f64,
    }

    #[derive(Clone, PartialEq, Message)]
    struct ZsetBlob {
        #[prost(message, repeated, tag = "1")]
        entries: Vec<Scored>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct EntryMessage {
        #[prost(string, tag = "1")]
        id: String,
        #[prost(string, repeated, tag = "2")]
        fields: Vec<String>,
    }

    fn blob(magic: &[u8], message: &impl Message) -> Vec<u8> {
        [magic, &message.encode_to_vec()].concat()
    }

    fn read(collection: Collection, blob: &[u8]) -> Result<Vec<Element<'_>>, Error> {
        elements(collection, blob)?.collect()
    }

    fn fields<'a>(entry: &StreamEntry<'a>) -> Vec<(&'a str, &'a str)> {
        EntryFields::new(entry.message).iter().map(Result::unwrap).collect()
    }

    #[test]
    fn an_empty_value_is_an_empty_collection() {
        for collection in [Collection::Hash, Collection::Set, Collection::Zset, Collection::Stream] {
            assert_eq!(read(collection, b""), Ok(vec![]));
        }
        assert_eq!(read(Collection::Set, b"\0RS\x01"), Ok(vec![]));
    }

    #[test]
    fn a_wrong_magic_is_refused() {
        for value in [&b"\0"[..], b"\0RH", b"\0RH\x01", b"{\"a\":\"1\"}"] {
            assert_eq!(read(Collection::Set, value), Err(Error::Magic));
        }
        assert_eq!(StreamEntry::parse(b"").err(), Some(Error::Magic));
        assert_eq!(StreamEntry::parse(b"\0RX\x01\x0a\x031-1").err(), Some(Error::Magic));
    }

    #[test]
    fn texts_must_be_utf8() {
        assert_eq!(read(Collection::Hash, b"\0RH\x01\x0a\x06\x0a\x01a\x12\x01\xff"), Err(Error::Utf8));
        assert_eq!(read(Collection::Set, b"\0RS\x01\x0a\x02\xc0\x80"), Err(Error::Utf8));
        assert_eq!(StreamEntry::parse(b"\0RXE\x01\x0a\x01\xff").err(), Some(Error::Utf8));
        assert_eq!(StreamEntry::parse(b"\0RXE\x01\x12\x01\xff\x12\0").err(), Some(Error::Utf8));
    }

    #[test]
    fn unknown_fields_and_wrong_wire_types_are_skipped() {
        assert_eq!(
            read(Collection::Zset, b"\0RZ\x01\x0a\x06\x0a\x01m\x1a\x01u\x40\x01\x0a\x02\x10\x07"),
            Ok(
                vec![Element::Scored { member: "m", score: 0.0 }, Element::Scored { member: "", score: 0.0 },]
            )
        );
    }

    #[test]
    fn an_entry_has_as_many_values_as_names() {
        assert_eq!(StreamEntry::parse(b"\0RXE\x01\x0a\x031-1\x12\x01a").err(), Some(Error::OddFields));
        let entry = StreamEntry::parse(b"\0RXE\x01\x12\x01a\x0a\x05007-1\x12\0").unwrap();
        assert_eq!((entry.id, fields(&entry)), ("007-1", vec![("a", "")]));
    }

    proptest! {
        #[test]
        fn hashes_read_as_the_protobuf_library_wrote_them(
            entries in proptest::collection::vec((".{0,4}", ".{0,4}"), 0..8),
        ) {
            let message = HashBlob {
                entries: entries.iter().cloned().map(|(name, value)| Pair { name, value }).collect(),
            };
            let blob = blob(b"\0RH\x01", &message);
            let want: Vec<_> = entries.iter().map(|(name, value)| Element::Field { name, value }).collect();
            prop_assert_eq!(read(Collection::Hash, &blob), Ok(want));
        }

        #[test]
        fn sets_read_as_the_protobuf_library_wrote_them(
            members in proptest::collection::vec(".{0,4}", 0..8),
        ) {
            let blob = blob(b"\0RS\x01", &SetBlob { members: members.clone() });
            let want: Vec<_> = members.iter().map(|member| Element::Member(member)).collect();
            prop_assert_eq!(read(Collection::Set, &blob), Ok(want));
        }

        #[test]
        fn zsets_read_as_the_protobuf_library_wrote_them(
            entries in proptest::collection::vec((".{0,4}", any::<f64>()), 0..8),
        ) {
            let message = ZsetBlob {
                entries: entries.iter().cloned().map(|(member, score)| Scored { member, score }).collect(),
            };
            let blob = blob(b"\0RZ\x01", &message);
            let want: Vec<_> =
                entries.iter().map(|(member, score)| Element::Scored { member, score: *score }).collect();
            prop_assert_eq!(read(Collection::Zset, &blob), Ok(want));
        }

        #[test]
        fn entries_read_as_the_protobuf_library_wrote_them(
            id in ".{0,4}",
            pairs in proptest::collection::vec((".{0,4}", ".{0,4}"), 0..8),
        ) {
            let texts = pairs.iter().cloned().flat_map(|(name, value)| [name, value]).collect();
            let value = blob(b"\0RXE\x01", &EntryMessage { id: id.clone(), fields: texts });
            let entry = StreamEntry::parse(&value).unwrap();
            prop_assert_eq!(entry.id, id);
            let want: Vec<_> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
            prop_assert_eq!(fields(&entry), want);
        }

        #[test]
        fn what_is_accepted_is_accepted_by_the_protobuf_library(
            message in proptest::collection::vec(
                prop_oneof![Just(0x0a_u8), Just(0x12), Just(1), Just(2), Just(b'a'), any::<u8>()], 0..24),
        ) {
            let value = [&b"\0RS\x01"[..], &message].concat();
            let ours = read(Collection::Set, &value);
            // A known field of a wrong wire type is unknown to the live server, an error to the library.
            if let (Ok(ours), Ok(theirs)) = (&ours, SetBlob::decode(&message[..])) {
                let theirs: Vec<_> = theirs.members.iter().map(|member| Element::Member(member)).collect();
                prop_assert_eq!(ours, &theirs);
            }
            if ours.is_err() {
                prop_assert!(SetBlob::decode(&message[..]).is_err());
            }
        }
    }
}
