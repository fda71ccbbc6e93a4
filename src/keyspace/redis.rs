//! Typed keys of the redis families (`format/redis.md#keys`).
//!
//! In: a user key and its family. Out: the Redis key that it belongs to, and what follows it; `None` where the
//! key cannot be parsed. Which of two readings a `!lst|meta|d|` key has depends on its value, and is decided by
//! the adapter.

use super::Family;
use crate::cursor;
use crate::time::Hlc;

/// Key of a delta row: what one transaction added to the length of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delta<'a> {
    /// Redis key.
    pub key: &'a [u8],
    /// When the transaction committed, an HLC timestamp.
    pub commit_ts: Hlc,
    /// Position within the transaction.
    pub seq: u32,
}

/// Key of a list item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Redis key.
    pub key: &'a [u8],
    /// Position: ascends from head to tail, may be negative.
    pub seq: i64,
}

/// ID of a stream entry; orders as streams do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    /// Unix time, ms.
    pub ms: u64,
    /// Position within the millisecond.
    pub seq: u64,
}

impl StreamId {
    /// Returns the 16 bytes that stand in a key; they order as the IDs do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.ms) << 64) | u128::from(self.seq)).to_be_bytes()
    }

    /// Takes an ID off the front of `bytes`.
    pub fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self { ms: cursor::take_u64_be(bytes)?, seq: cursor::take_u64_be(bytes)? })
    }
}

/// Returns the 8 bytes that a position has in a key; they order as the positions do.
#[must_use]
pub fn sortable_seq(seq: i64) -> [u8; 8] {
    (seq.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// Returns the 8 bytes that a score has in a key; they order as the scores do, and -0 is 0.
#[must_use]
pub fn sortable_score(score: f64) -> [u8; 8] {
    // The sum of -0 and 0 is 0.
    let bits = (score + 0.0).to_bits();
    let ordered = if bits >> 63 == 0 { bits ^ (1 << 63) } else { !bits };
    ordered.to_be_bytes()
}

/// Returns what all rows of a Redis key begin with in a family; of families without a length prefix, so do those of longer
/// keys.
#[must_use]
pub fn rows_prefix(family: Family, key: &[u8]) -> Vec<u8> {
    let mut prefix = Vec::new();
    write_prefix(&mut prefix, family, key);
    prefix
}

/// Appends what all rows of a Redis key begin with in a family: the whole key of its plain rows, and of its base meta.
pub fn write_prefix(out: &mut Vec<u8>, family: Family, key: &[u8]) {
    out.extend_from_slice(family.prefix());
    if has_length(family) {
        out.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes());
    }
    out.extend_from_slice(key);
}

/// Appends the key of a hash field, a set or zset member.
pub fn write_element(out: &mut Vec<u8>, family: Family, key: &[u8], name: &[u8]) {
    write_prefix(out, family, key);
    out.extend_from_slice(name);
}

/// Appends the key of a list item.
pub fn write_item(out: &mut Vec<u8>, key: &[u8], seq: i64) {
    write_prefix(out, Family::ListItem, key);
    out.extend_from_slice(&sortable_seq(seq));
}

/// Appends the key of a stream entry.
pub fn write_entry(out: &mut Vec<u8>, key: &[u8], id: StreamId) {
    write_prefix(out, Family::StreamEntry, key);
    out.extend_from_slice(&id.to_bytes());
}

/// Appends the key of a member's row in the order of scores.
pub fn write_score(out: &mut Vec<u8>, key: &[u8], score: f64, member: &[u8]) {
    write_prefix(out, Family::ZsetScore, key);
    out.extend_from_slice(&sortable_score(score));
    out.extend_from_slice(member);
}

fn has_length(family: Family) -> bool {
    matches!(
        family,
        Family::HashMeta
            | Family::HashDelta
            | Family::HashField
            | Family::ListDelta
            | Family::SetMeta
            | Family::SetDelta
            | Family::SetMember
            | Family::ZsetMeta
            | Family::ZsetDelta
            | Family::ZsetMember
            | Family::ZsetScore
            | Family::StreamMeta
            | Family::StreamEntry
    )
}

/// Returns everything behind the prefix: the Redis key of the families without a length prefix.
#[must_use]
pub fn parse_plain(family: Family, user_key: &[u8]) -> Option<&[u8]> {
    user_key.strip_prefix(family.prefix())
}

/// Returns the Redis key and the name behind it, which may be empty: hash fields, set and zset members.
#[must_use]
pub fn parse_element(family: Family, user_key: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = parse_plain(family, user_key)?;
    let length = usize::try_from(cursor::take_u32_be(&mut rest)?).ok()?;
    rest.split_at_checked(length)
}

/// Returns the Redis key of a base meta with a length prefix; nothing may follow it.
#[must_use]
pub fn parse_meta(family: Family, user_key: &[u8]) -> Option<&[u8]> {
    match parse_element(family, user_key)? {
        (key, []) => Some(key),
        _ => None,
    }
}

/// Parses the key of a delta row.
#[must_use]
pub fn parse_delta(family: Family, user_key: &[u8]) -> Option<Delta<'_>> {
    let (key, mut rest) = parse_element(family, user_key)?;
    let commit_ts = cursor::take_u64_be(&mut rest)?;
    let seq = cursor::take_u32_be(&mut rest)?;
    rest.is_empty().then_some(Delta { key, commit_ts: Hlc(commit_ts), seq })
}

/// Parses the key of a list item: the last 8 bytes are the position, whatever stands before them the Redis key.
#[must_use]
pub fn parse_item(user_key: &[u8]) -> Option<Item<'_>> {
    let rest = parse_plain(Family::ListItem, user_key)?;
    let (key, sortable) = cursor::split_last_u64_be(rest)?;
    Some(Item { key, seq: (sortable ^ (1 << 63)).cast_signed() })
}

/// Returns the Redis key and the ID of a stream entry.
#[must_use]
pub fn parse_entry(user_key: &[u8]) -> Option<(&[u8], StreamId)> {
    let (key, mut rest) = parse_element(Family::StreamEntry, user_key)?;
    let id = StreamId::take(&mut rest)?;
    rest.is_empty().then_some((key, id))
}

/// Returns how many bytes of an element's key are its collection's: the family's prefix, a length if there is one, and
/// the Redis key. `None` for what is no element.
#[must_use]
pub fn collection_len(family: Family, user_key: &[u8]) -> Option<usize> {
    match family {
        Family::HashField | Family::SetMember | Family::ZsetMember => {
            let (_, name) = parse_element(family, user_key)?;
            user_key.len().checked_sub(name.len())
        }
        Family::ListItem => parse_item(user_key).map(|item| family.prefix().len() + item.key.len()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_prefix(family: Family, rest: &[u8]) -> Vec<u8> {
        [family.prefix(), rest].concat()
    }

    #[test]
    fn elements_tell_their_collection() {
        let key = with_prefix(Family::HashField, b"\0\0\0\x02abfield");
        assert_eq!(collection_len(Family::HashField, &key), Some(Family::HashField.prefix().len() + 6));
        let key = with_prefix(Family::ListItem, b"ab\x80\0\0\0\0\0\0\x01");
        assert_eq!(collection_len(Family::ListItem, &key), Some(Family::ListItem.prefix().len() + 2));
        assert_eq!(collection_len(Family::SetMember, &with_prefix(Family::SetMember, b"\0\0\0\x09ab")), None);
        assert_eq!(collection_len(Family::RedisString, b"!redis|str|ab"), None);
    }

    #[test]
    fn rows_of_a_key_have_one_beginning() {
        for family in Family::all() {
            let prefix = rows_prefix(family, b"key");
            let element = parse_element(family, &prefix) == Some((&b"key"[..], &b""[..]));
            assert!(element || parse_plain(family, &prefix) == Some(b"key"), "{family:?}");
        }
        assert_eq!(rows_prefix(Family::HashField, b"key"), b"!hs|fld|\0\0\0\x03key");
        assert_eq!(rows_prefix(Family::ListItem, b"key"), b"!lst|itm|key");
    }

    #[test]
    fn everything_behind_the_prefix_is_a_plain_key() {
        assert_eq!(parse_plain(Family::RedisString, b"!redis|str|"), Some(&b""[..]));
        assert_eq!(parse_plain(Family::RedisString, b"!redis|str|a\0b"), Some(&b"a\0b"[..]));
        assert_eq!(parse_plain(Family::ListMeta, b"!lst|meta|d|x"), Some(&b"d|x"[..]));
        assert_eq!(parse_plain(Family::RedisString, b"!redis|st"), None);
    }

    #[test]
    fn a_field_is_what_the_length_prefix_leaves() {
        let whole = with_prefix(Family::HashField, b"\0\0\0\x02abname");
        assert_eq!(parse_element(Family::HashField, &whole), Some((&b"ab"[..], &b"name"[..])));
        let empty = with_prefix(Family::HashField, b"\0\0\0\0");
        assert_eq!(parse_element(Family::HashField, &empty), Some((&b""[..], &b""[..])));
        for rest in [&b""[..], b"\0\0\0", b"\0\0\0\x01", b"\0\0\0\x03ab", b"\xff\xff\xff\xffab"] {
            assert_eq!(parse_element(Family::HashField, &with_prefix(Family::HashField, rest)), None);
        }
    }

    #[test]
    fn nothing_may_follow_the_key_of_a_meta() {
        assert_eq!(
            parse_meta(Family::SetMeta, &with_prefix(Family::SetMeta, b"\0\0\0\x01k")),
            Some(&b"k"[..])
        );
        assert_eq!(parse_meta(Family::SetMeta, &with_prefix(Family::SetMeta, b"\0\0\0\x01kx")), None);
        assert_eq!(parse_meta(Family::SetMeta, &with_prefix(Family::SetMeta, b"\0\0\0\x02k")), None);
    }

    #[test]
    fn a_delta_ends_in_exactly_twelve_bytes() {
        let rest = b"\0\0\0\x01k\0\0\0\0\0\0\0\x05\0\0\0\x06";
        let whole = with_prefix(Family::ZsetDelta, rest);
        assert_eq!(
            parse_delta(Family::ZsetDelta, &whole),
            Some(Delta { key: b"k", commit_ts: Hlc(5), seq: 6 })
        );
        for cut in 0..rest.len() {
            assert_eq!(parse_delta(Family::ZsetDelta, &with_prefix(Family::ZsetDelta, &rest[..cut])), None);
        }
        assert_eq!(parse_delta(Family::ZsetDelta, &[&whole[..], b"x"].concat()), None);
    }

    #[test]
    fn the_last_eight_bytes_of_an_item_are_its_position() {
        for (bytes, seq) in
            [(0x8000_0000_0000_0000_u64, 0), (0x7fff_ffff_ffff_ffff, -1), (0, i64::MIN), (u64::MAX, i64::MAX)]
        {
            assert_eq!(sortable_seq(seq), bytes.to_be_bytes());
            let key = [&b"!lst|itm|q"[..], &bytes.to_be_bytes()].concat();
            assert_eq!(parse_item(&key), Some(Item { key: b"q", seq }));
        }
        assert_eq!(parse_item(b"!lst|itm|seven77"), None);
        assert_eq!(parse_item(b"!lst|itm|\0\0\0\0\0\0\0\0"), Some(Item { key: b"", seq: i64::MIN }));
    }

    #[test]
    fn an_entry_ends_in_exactly_sixteen_bytes() {
        let id = StreamId { ms: 7, seq: 9 };
        let whole = [&b"!stream|entry|\0\0\0\x01s"[..], &id.to_bytes()].concat();
        assert_eq!(parse_entry(&whole), Some((&b"s"[..], id)));
        assert_eq!(parse_entry(&whole[..whole.len() - 1]), None);
        assert_eq!(parse_entry(&[&whole[..], b"x"].concat()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail_without_panic(
            family in proptest::sample::select(Family::all().collect::<Vec<_>>()),
            rest in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let key = with_prefix(family, &rest);
            if let Some((name, tail)) = parse_element(family, &key) {
                prop_assert_eq!(name.len() + tail.len() + 4, rest.len());
            }
            let _ = (parse_delta(family, &key), parse_item(&key), parse_entry(&key), parse_meta(family, &key));
        }

        #[test]
        fn ids_order_as_their_bytes_do(a: (u64, u64), b: (u64, u64)) {
            let (a, b) = (StreamId { ms: a.0, seq: a.1 }, StreamId { ms: b.0, seq: b.1 });
            prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
        }
    }
}
