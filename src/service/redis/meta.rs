//! Base metas and deltas of collections (`format/redis.md#base-records-of-hashes-sets-and-sorted-sets`, `format/redis.md#base-records-of-lists`, `format/redis.md#base-records-of-streams`).

use super::collection::Collection;
use super::expiry;
use crate::cursor::{take_array, take_u64_be};
use crate::keyspace::redis::StreamId;
use crate::time::UnixMs;

/// Longest base meta, bytes.
pub(super) const LONGEST: usize = 48;

/// A base meta. What a type has no use for is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    /// Declared number of elements; fits an `i64`.
    pub(crate) length: u64,
    /// Expiry as the meta itself tells it, Unix ms, 0 is none; `None` where the index tells it.
    pub(crate) inline: Option<UnixMs>,
    /// Position of a list's first item.
    pub(crate) head: i64,
    /// Highest ID that a stream ever assigned.
    pub(crate) last: StreamId,
    /// Highest ID that was trimmed off a stream; 0-0 is none.
    pub(crate) cursor: StreamId,
}

impl Meta {
    /// Parses a base meta; `None` when the live server would refuse to read it.
    pub(super) fn parse(collection: Collection, value: &[u8]) -> Option<Self> {
        match collection {
            Collection::List => Self::parse_list(value),
            Collection::Stream => Self::parse_stream(value),
            Collection::Hash | Collection::Set | Collection::Zset => Self::parse_count(value),
        }
    }

    /// Appends the meta in its short form: an expiry only where there is one, no trim cursor. The head of a list, of at
    /// most `i64::MAX` items, is 0.
    pub(crate) fn write(&self, out: &mut Vec<u8>, collection: Collection) {
        let length = self.length.to_be_bytes();
        match collection {
            Collection::List => {
                for number in [[0; 8], length, length] {
                    out.extend_from_slice(&number);
                }
            }
            Collection::Stream => {
                out.extend_from_slice(&length);
                out.extend_from_slice(&self.last.to_bytes());
            }
            Collection::Hash | Collection::Set | Collection::Zset => out.extend_from_slice(&length),
        }
        out.extend(self.inline.into_iter().flat_map(|ms| ms.0.to_be_bytes()));
    }

    fn parse_count(mut value: &[u8]) -> Option<Self> {
        let has_expiry = length_among(value, [8, 16])?;
        let length = take_length(&mut value)?;
        let inline = if has_expiry { Some(take_expiry(&mut value)?) } else { None };
        Some(Self { length, inline, ..Self::default() })
    }

    fn parse_list(mut value: &[u8]) -> Option<Self> {
        let has_expiry = length_among(value, [24, 32])?;
        let head = i64::from_be_bytes(take_array(&mut value)?);
        let tail = i64::from_be_bytes(take_array(&mut value)?);
        let length = take_length(&mut value)?;
        if head.checked_add_unsigned(length)? != tail {
            return None;
        }
        let inline = if has_expiry { Some(take_expiry(&mut value)?) } else { None };
        Some(Self { length, inline, head, ..Self::default() })
    }

    fn parse_stream(mut value: &[u8]) -> Option<Self> {
        let has_cursor = value.len() == LONGEST;
        let has_expiry = has_cursor || length_among(value, [24, 32])?;
        let length = take_length(&mut value)?;
        let last = StreamId::take(&mut value)?;
        let inline = if has_expiry { Some(take_expiry(&mut value)?) } else { None };
        let cursor = if has_cursor { StreamId::take(&mut value)? } else { StreamId::default() };
        Some(Self { length, inline, last, cursor, ..Self::default() })
    }
}

/// Whether the value has the longer one of two lengths; `None` when it has neither.
fn length_among(value: &[u8], [short, long]: [usize; 2]) -> Option<bool> {
    (value.len() == short || value.len() == long).then_some(value.len() == long)
}

fn take_length(value: &mut &[u8]) -> Option<u64> {
    take_u64_be(value).filter(|&length| i64::try_from(length).is_ok())
}

fn take_expiry(value: &mut &[u8]) -> Option<UnixMs> {
    take_u64_be(value).map(|ms| expiry::clamp(UnixMs(ms)))
}

/// What a delta adds to a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Delta {
    /// To the position of a list's first item.
    pub(super) head: i64,
    /// To the length.
    pub(super) length: i64,
}

impl Delta {
    /// Parses the value of a delta.
    pub(super) fn parse(collection: Collection, mut value: &[u8]) -> Option<Self> {
        let head =
            if collection == Collection::List { i64::from_be_bytes(take_array(&mut value)?) } else { 0 };
        let length = i64::from_be_bytes(take_array(&mut value)?);
        value.is_empty().then_some(Self { head, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// Every length up to past the longest meta; only the listed ones may parse.
    fn only_these_lengths_parse(collection: Collection, lengths: &[usize]) {
        for length in 0..=LONGEST + 8 {
            let parsed = Meta::parse(collection, &vec![0; length]);
            assert_eq!(parsed.is_some(), lengths.contains(&length), "{collection:?} {length}");
        }
    }

    #[test]
    fn metas_have_two_or_three_lengths() {
        only_these_lengths_parse(Collection::Hash, &[8, 16]);
        only_these_lengths_parse(Collection::Set, &[8, 16]);
        only_these_lengths_parse(Collection::Zset, &[8, 16]);
        only_these_lengths_parse(Collection::List, &[24, 32]);
        only_these_lengths_parse(Collection::Stream, &[24, 32, 48]);
    }

    #[test]
    fn the_longer_form_tells_the_expiry() {
        let short = Meta::parse(Collection::Hash, &words(&[2])).unwrap();
        assert_eq!((short.length, short.inline), (2, None));
        let long = Meta::parse(Collection::Set, &words(&[2, 0])).unwrap();
        assert_eq!((long.length, long.inline), (2, Some(UnixMs(0))));
        let far = Meta::parse(Collection::Zset, &words(&[2, u64::MAX])).unwrap();
        assert_eq!(far.inline, Some(UnixMs((1 << 63) - 1)));
    }

    #[test]
    fn a_length_is_below_two_to_the_63() {
        for collection in [Collection::Hash, Collection::Set, Collection::Zset] {
            assert!(Meta::parse(collection, &words(&[(1 << 63) - 1])).is_some());
            assert!(Meta::parse(collection, &words(&[1 << 63])).is_none());
        }
        assert!(Meta::parse(Collection::Stream, &words(&[(1 << 63) - 1, 0, 0])).is_some());
        assert!(Meta::parse(Collection::Stream, &words(&[1 << 63, 0, 0])).is_none());
        assert!(Meta::parse(Collection::List, &words(&[0, 1 << 63, 1 << 63])).is_none());
    }

    #[test]
    fn the_tail_of_a_list_is_its_head_and_length() {
        let head = (-2_i64).cast_unsigned();
        let meta = Meta::parse(Collection::List, &words(&[head, 1, 3, 7])).unwrap();
        assert_eq!((meta.head, meta.length, meta.inline), (-2, 3, Some(UnixMs(7))));
        assert!(Meta::parse(Collection::List, &words(&[0, 2, 1])).is_none());
        let overflow = words(&[i64::MAX.cast_unsigned(), (i64::MIN + 1).cast_unsigned(), 2]);
        assert!(Meta::parse(Collection::List, &overflow).is_none());
    }

    #[test]
    fn a_stream_has_a_last_id_and_may_have_a_trim_cursor() {
        let meta = Meta::parse(Collection::Stream, &words(&[1, 200, 3, 9, 100, 1])).unwrap();
        assert_eq!(meta.last, StreamId { ms: 200, seq: 3 });
        assert_eq!(meta.cursor, StreamId { ms: 100, seq: 1 });
        assert_eq!((meta.length, meta.inline), (1, Some(UnixMs(9))));
        let short = Meta::parse(Collection::Stream, &words(&[1, 200, 3])).unwrap();
        assert_eq!((short.inline, short.cursor), (None, StreamId::default()));
    }

    #[test]
    fn deltas_have_one_length_each() {
        for length in 0..=24 {
            let value = vec![0xff; length];
            let count = Delta::parse(Collection::Hash, &value);
            assert_eq!(count, (length == 8).then_some(Delta { head: 0, length: -1 }));
            let list = Delta::parse(Collection::List, &value);
            assert_eq!(list, (length == 16).then_some(Delta { head: -1, length: -1 }));
        }
    }
}
