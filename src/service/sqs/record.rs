//! The records that are sorted to bring all rows of one queue together (`format/sqs.md#order-of-arrival`).
//!
//! In: a queue segment and a fact about that queue. Out: a sort key and a value, and back. Sorted, the
//! queues come in ascending order of their segments; of each queue first what decides on its messages, then
//! the messages in the order of `messages.jsonl`, then the side records in the order in which they came.

use crate::bug::Bug;
use crate::cursor;
use crate::keyspace::Family;
use crate::snapshot::RowLocation;

/// What a record tells about its queue; in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Value of the gen row: 8 bytes.
    Counter,
    /// Value of the seq row: 8 bytes.
    Sequence,
    /// There is a tombstone row.
    Tombstone,
    /// Value of the meta row, after the row's place and its commit time.
    Meta,
    /// A [`MessageHeader`], and behind [`MessageSource::Inline`] the message ([`super::stored`]).
    Message,
    /// A side record: family, length of its key, key, value.
    Side,
}

const KINDS: [Kind; 6] =
    [Kind::Counter, Kind::Sequence, Kind::Tombstone, Kind::Meta, Kind::Message, Kind::Side];

/// Replaces the content of `key` by the sort key of a record.
pub(super) fn set_key(key: &mut Vec<u8>, segment: &[u8], kind: Kind) {
    key.clear();
    key.extend_from_slice(segment);
    // No byte of a segment sorts below this one, so a segment sorts before those that it is a prefix of.
    key.push(0);
    key.push(kind as u8);
}

/// Replaces the content of `key` by the sort key of a message: send time, sequence number, id.
pub(super) fn set_message_key(
    key: &mut Vec<u8>,
    segment: &[u8],
    send_timestamp: i64,
    sequence: u64,
    id: &[u8],
) {
    set_key(key, segment, Kind::Message);
    let ordered = send_timestamp.cast_unsigned() ^ (1 << 63);
    key.extend_from_slice(&ordered.to_be_bytes());
    key.extend_from_slice(&sequence.to_be_bytes());
    key.extend_from_slice(id);
}

/// Splits a sort key into segment and kind.
#[must_use]
pub(super) fn split_key(key: &[u8]) -> Option<(&[u8], Kind)> {
    let end = memchr::memchr(0, key)?;
    let kind = KINDS.get(usize::from(*key.get(end + 1)?))?;
    Some((key.get(..end)?, *kind))
}

/// Families that side records are of.
const SIDE: [Family; 6] = [
    Family::SqsByAge,
    Family::SqsDedup,
    Family::SqsGroup,
    Family::SqsVisibility,
    Family::SqsQueueSequence,
    Family::SqsQueueTombstone,
];

/// Replaces the content of `out` by a side record, whose family has to be one of [`SIDE`].
pub(super) fn set_side(out: &mut Vec<u8>, family: Family, key: &[u8], value: &[u8]) -> Result<(), Bug> {
    let tag = SIDE.iter().zip(0_u8..).find(|(side, _)| **side == family).map(|(_, tag)| tag);
    out.clear();
    out.push(tag.ok_or(Bug::new("a side record of a family that has none"))?);
    out.extend_from_slice(&key.len().to_be_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
    Ok(())
}

/// Reads a side record: family, key, value.
#[must_use]
pub(super) fn side(mut record: &[u8]) -> Option<(Family, &[u8], &[u8])> {
    let family = SIDE.get(usize::from(cursor::take_u8(&mut record)?))?;
    let length = usize::from_be_bytes(cursor::take_array(&mut record)?);
    let key = cursor::take(&mut record, length)?;
    Some((*family, key, record))
}

/// How a record holds its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageSource {
    /// All of it, as a record of its own.
    Inline,
    /// Not at all: it is too large, and to be read again from here.
    At(RowLocation),
}

/// What has to be known of a message to tell whether its queue holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessageHeader {
    /// Partition in the key; `None` in a classic key.
    pub partition: Option<u32>,
    /// Generation in the key.
    pub generation: u64,
    /// When it was sent, ms.
    pub send_timestamp: i64,
    /// FIFO sequence number; 0 when it has none.
    pub sequence: u64,
    /// Hash of its group; `None` for the empty one.
    pub group: Option<u32>,
    /// Whether the value names another id or generation than the key.
    pub mismatch: bool,
    /// Whether receivers left traces on it ([`crate::model::sqs::Message::is_received`]).
    pub received: bool,
    /// What there is of it.
    pub held: MessageSource,
}

impl MessageHeader {
    /// Appends the encoded form: 37 bytes, or 47 with a place.
    pub(super) fn push(&self, value: &mut Vec<u8>) {
        for number in [self.partition, self.group] {
            value.push(u8::from(number.is_some()));
            value.extend_from_slice(&number.unwrap_or_default().to_be_bytes());
        }
        value.extend_from_slice(&self.generation.to_be_bytes());
        value.extend_from_slice(&self.send_timestamp.to_be_bytes());
        value.extend_from_slice(&self.sequence.to_be_bytes());
        value.push(u8::from(self.mismatch));
        value.push(u8::from(self.received));
        match self.held {
            MessageSource::Inline => value.push(0),
            MessageSource::At(place) => {
                value.push(1);
                value.extend_from_slice(&place.to_bytes());
            }
        }
    }

    /// Takes the encoded form off the front of a value.
    pub(super) fn take(value: &mut &[u8]) -> Option<Self> {
        let mut optional = || {
            let there = cursor::take_u8(value)? == 1;
            cursor::take_u32_be(value).map(|number| there.then_some(number))
        };
        let (partition, group) = (optional()?, optional()?);
        Some(Self {
            partition,
            group,
            generation: cursor::take_u64_be(value)?,
            send_timestamp: cursor::take_array(value).map(i64::from_be_bytes)?,
            sequence: cursor::take_u64_be(value)?,
            mismatch: cursor::take_u8(value)? == 1,
            received: cursor::take_u8(value)? == 1,
            held: if cursor::take_u8(value)? == 1 {
                MessageSource::At(RowLocation::take(value)?)
            } else {
                MessageSource::Inline
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message_key(segment: &str, (time, sequence, id): (i64, u64, &str)) -> Vec<u8> {
        let mut key = b"stale".to_vec();
        set_message_key(&mut key, segment.as_bytes(), time, sequence, id.as_bytes());
        key
    }

    fn kind_key(segment: &str, kind: Kind) -> Vec<u8> {
        let mut key = Vec::new();
        set_key(&mut key, segment.as_bytes(), kind);
        key
    }

    #[test]
    fn what_decides_on_messages_comes_before_them_and_side_records_behind() {
        let mut sorted: Vec<_> = KINDS.iter().map(|&kind| kind_key("YWJj", kind)).collect();
        sorted.push(kind_key("YWJjZA", Kind::Counter));
        assert!(sorted.is_sorted());
        for kind in KINDS {
            assert_eq!(split_key(&kind_key("YWJj", kind)), Some((&b"YWJj"[..], kind)));
        }
        assert_eq!(split_key(b"YWJj"), None);
        assert_eq!(split_key(b"YWJj\0"), None);
        assert_eq!(split_key(b"YWJj\0\x06"), None);
    }

    #[test]
    fn side_records_come_back() {
        let mut record = b"stale".to_vec();
        for family in SIDE {
            set_side(&mut record, family, b"key", b"value").unwrap();
            assert_eq!(side(&record), Some((family, &b"key"[..], &b"value"[..])));
        }
        for cut in 0..12 {
            assert_eq!(side(&record[..cut]), None);
        }
    }

    #[test]
    fn places_and_message_facts_come_back() {
        let place = RowLocation::new(3, 1 << 40);
        let sent = MessageHeader {
            partition: Some(0),
            generation: 7,
            send_timestamp: -5,
            sequence: 8,
            group: None,
            mismatch: true,
            received: false,
            held: MessageSource::At(place),
        };
        let mut value = Vec::new();
        value.extend(place.to_bytes());
        sent.push(&mut value);
        let mut rest = &value[..];
        assert_eq!((RowLocation::take(&mut rest), MessageHeader::take(&mut rest)), (Some(place), Some(sent)));
        assert!(rest.is_empty());
        assert_eq!(MessageHeader::take(&mut &value[RowLocation::LEN..value.len() - 1]), None);
    }

    proptest! {
        #[test]
        fn keys_sort_as_the_messages_do(
            one: (i64, u64, String), other: (i64, u64, String), segments in "[A-Z_-]{1,3}\0[A-Z_-]{1,3}",
        ) {
            let (first, second) = segments.split_once('\0').unwrap();
            let keys = [
                message_key(first, (one.0, one.1, &one.2)),
                message_key(second, (other.0, other.1, &other.2)),
            ];
            prop_assert_eq!(keys[0].cmp(&keys[1]), (first, &one).cmp(&(second, &other)));
        }
    }
}
