//! Typed keys of the DynamoDB families (`format/dynamodb.md#keys`).
//!
//! In: a user key of the family. Out: table name, generation and primary key, borrowed. Of index and counter keys
//! nothing but the table is ever looked at.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Family, Namespace};

/// Why a key of a DynamoDB family is malformed (`reading/dynamodb.md#errors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedKey {
    /// The key does not begin with the family's prefix.
    #[error("not a key of this family")]
    Prefix,
    /// The table segment is empty.
    #[error("table segment is empty")]
    NoTable,
    /// The table segment is not base64url without padding, or has non-zero trailing bits.
    #[error("table segment is not base64url")]
    Table,
    /// No `|` behind the table segment.
    #[error("no separator behind the table segment")]
    NoTableEnd,
    /// No `|` behind the generation.
    #[error("no separator behind the generation")]
    NoGenerationEnd,
    /// The generation is empty, has a leading zero or another byte than a digit, or exceeds 64 bits.
    #[error("generation is not a decimal number without leading zeros, below 2^64")]
    Generation,
    /// Nothing stands behind the generation.
    #[error("primary key is empty")]
    NoPrimaryKey,
}

/// Decodes the base64url segment that holds a table's name.
pub fn table_name(segment: &[u8]) -> Result<Vec<u8>, MalformedKey> {
    if segment.is_empty() {
        return Err(MalformedKey::NoTable);
    }
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| MalformedKey::Table)
}

/// Returns the table name of a `!ddb|meta|table|` key.
pub fn schema_table(key: &[u8]) -> Result<Vec<u8>, MalformedKey> {
    let segment = key.strip_prefix(Family::DynamodbTable.prefix()).ok_or(MalformedKey::Prefix)?;
    table_name(segment)
}

/// Returns the name of the table that a key of any of the four families belongs to.
pub fn any_table(key: &[u8]) -> Result<Vec<u8>, MalformedKey> {
    let family = Family::of(key);
    if family.owner() != Namespace::Dynamodb {
        return Err(MalformedKey::Prefix);
    }
    let rest = key.strip_prefix(family.prefix()).ok_or(MalformedKey::Prefix)?;
    table_name(split_at_bar(rest).0)
}

/// A `!ddb|item|` key, split; the segment is not decoded yet (`format/dynamodb.md#head-of-an-items-key`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemKey<'a> {
    /// base64url text of the table's name; not empty.
    pub table_segment: &'a [u8],
    /// Generation.
    pub generation: u64,
    /// Ordered or legacy primary key; which one follows from schema and generation. Not empty.
    pub primary: &'a [u8],
}

impl<'a> ItemKey<'a> {
    /// Splits a key.
    pub fn parse(key: &'a [u8]) -> Result<Self, MalformedKey> {
        let (table_segment, rest) = Self::split_table(key)?;
        let rest = rest.ok_or(MalformedKey::NoTableEnd)?;
        let (generation, primary) = split_at_bar(rest);
        let primary = primary.ok_or(MalformedKey::NoGenerationEnd)?;
        let generation = parse_generation(generation).ok_or(MalformedKey::Generation)?;
        if primary.is_empty() {
            return Err(MalformedKey::NoPrimaryKey);
        }
        Ok(Self { table_segment, generation, primary })
    }

    /// Splits the table segment off, also where the rest of the key is malformed.
    pub fn split_table(key: &'a [u8]) -> Result<(&'a [u8], Option<&'a [u8]>), MalformedKey> {
        let rest = key.strip_prefix(Family::DynamodbItem.prefix()).ok_or(MalformedKey::Prefix)?;
        let (segment, rest) = split_at_bar(rest);
        if segment.is_empty() { Err(MalformedKey::NoTable) } else { Ok((segment, rest)) }
    }
}

/// Appends the key of a table's row in `family`, its schema or its counter.
pub fn write_table(out: &mut Vec<u8>, family: Family, table: &[u8]) {
    out.extend_from_slice(family.prefix());
    out.extend_from_slice(URL_SAFE_NO_PAD.encode(table).as_bytes());
}

/// Appends what all rows of one generation of an index begin with.
pub fn write_index(out: &mut Vec<u8>, (table, generation): (&[u8], u64), index: &[u8]) {
    write_table(out, Family::DynamodbIndex, table);
    out.extend_from_slice(format!("|{generation}|").as_bytes());
    out.extend_from_slice(URL_SAFE_NO_PAD.encode(index).as_bytes());
    out.push(b'|');
}

/// Returns what all item keys of one generation of a table begin with.
#[must_use]
pub fn item_prefix(table: &[u8], generation: u64) -> Vec<u8> {
    let mut prefix = Vec::new();
    write_table(&mut prefix, Family::DynamodbItem, table);
    prefix.extend_from_slice(format!("|{generation}|").as_bytes());
    prefix
}

fn split_at_bar(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'|', bytes).and_then(|at| bytes.split_at_checked(at)) {
        Some((head, tail)) => (head, tail.get(1..)),
        None => (bytes, None),
    }
}

fn parse_generation(text: &[u8]) -> Option<u64> {
    if text.is_empty() || (text.len() > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_and_generation_are_read_from_the_key() {
        let key = ItemKey::parse(b"!ddb|item|b3JkZXJz|42|a\0\x01").unwrap();
        assert_eq!(table_name(key.table_segment).unwrap(), b"orders");
        assert_eq!((key.generation, key.primary), (42, &b"a\0\x01"[..]));
        assert!(b"!ddb|item|b3JkZXJz|42|a".starts_with(&item_prefix(b"orders", 42)));
    }

    #[test]
    fn keys_of_all_families_belong_to_a_table() {
        for tail in ["item|dA|1|k", "item|dA", "gsi|dA|1|eA|k", "meta|gen|dA", "meta|table|dA"] {
            assert_eq!(any_table(format!("!ddb|{tail}").as_bytes()).as_deref(), Ok(&b"t"[..]), "{tail}");
        }
        assert_eq!(any_table(b"!ddb|gsi|"), Err(MalformedKey::NoTable));
        assert_eq!(any_table(b"!ddb|gsi|d|1|"), Err(MalformedKey::Table));
        for key in [&b"!ddb|"[..], b"!ddb|other|dA", b"dA", b"!sqs|queue|meta|dA"] {
            assert_eq!(any_table(key), Err(MalformedKey::Prefix));
        }
    }

    #[test]
    fn a_primary_key_may_hold_bars_and_zeros() {
        assert_eq!(ItemKey::parse(b"!ddb|item|dA|0||\0|").unwrap().primary, b"|\0|");
    }

    #[test]
    fn every_malformed_item_key_has_its_reason() {
        let reason = |tail: &str| ItemKey::parse(format!("!ddb|item|{tail}").as_bytes()).unwrap_err();
        assert_eq!(reason(""), MalformedKey::NoTable);
        assert_eq!(reason("|1|k"), MalformedKey::NoTable);
        assert_eq!(reason("dA"), MalformedKey::NoTableEnd);
        assert_eq!(reason("dA|"), MalformedKey::NoGenerationEnd);
        assert_eq!(reason("dA|1"), MalformedKey::NoGenerationEnd);
        for generation in ["", "x", "+1", "-1", "01", "00", "1 ", "18446744073709551616"] {
            assert_eq!(reason(&format!("dA|{generation}|k")), MalformedKey::Generation, "{generation}");
        }
        assert_eq!(reason("dA|18446744073709551615|"), MalformedKey::NoPrimaryKey);
        assert_eq!(ItemKey::parse(b"!ddb|gsi|dA|1|k"), Err(MalformedKey::Prefix));
    }

    #[test]
    fn a_table_segment_is_strict_base64url() {
        assert_eq!(schema_table(b"!ddb|meta|table|dA"), Ok(b"t".to_vec()));
        assert_eq!(schema_table(b"!ddb|meta|table|"), Err(MalformedKey::NoTable));
        for segment in ["d", "dB", "dA==", "d+", "d/", "d\nA", "dA|"] {
            assert_eq!(table_name(segment.as_bytes()), Err(MalformedKey::Table), "{segment}");
        }
    }
}
