//! Whether DynamoDB takes an item: its limits, beside what the snapshot's own server took.

use crate::codec::protobuf::{Malformed, text};
use crate::model::dynamodb::number::Number;
use crate::model::dynamodb::value::{Collection, Message, Value, last_text};
use crate::model::dynamodb::{Attributes, KeyValue};

/// Largest item, bytes.
const ITEM: usize = 400 << 10;
/// Deepest attribute; a top-level one has depth 1.
const DEPTH: u32 = 32;
/// Most digits of a number, and the powers of ten between which it lies.
const DIGITS: usize = 38;
const POWERS: std::ops::RangeInclusive<i64> = -129..=126;
/// Longest hash and range key, bytes.
pub(super) const HASH: usize = 2048;
pub(super) const RANGE: usize = 1024;

/// Why DynamoDB refuses something.
pub(super) type Reason = &'static str;

/// Says why DynamoDB refuses the attributes of an item, which was checked; `None` when it takes them.
pub(super) fn item(item: &Attributes<'_>) -> Result<Option<Reason>, Malformed> {
    let mut size = 0;
    let reason = entries(Collection::from(item.message), 1, &mut size)?;
    Ok(reason.or((size > ITEM).then_some("larger than 400 KiB")))
}

/// Returns the type of a key's value.
pub(super) fn kind(value: KeyValue<'_>) -> &'static str {
    match value {
        KeyValue::S(_) => "S",
        KeyValue::N(_) => "N",
        KeyValue::B(_) => "B",
    }
}

/// Says why DynamoDB refuses the value of a key attribute.
pub(super) fn key(value: KeyValue<'_>, wanted: &str, longest: usize) -> Option<Reason> {
    let bytes = value.stored_bytes();
    match () {
        () if kind(value) != wanted => Some("a key of another type than the table's or index's"),
        () if bytes.is_empty() => Some("an empty key"),
        () if bytes.len() > longest => Some("a key that is too long"),
        () => None,
    }
}

fn entries(map: Collection<'_>, depth: u32, size: &mut usize) -> Result<Option<Reason>, Malformed> {
    for entry in map.elements() {
        let entry = entry?;
        *size += last_text(entry, &[1])?.unwrap_or_default().len() + 1;
        if let Some(reason) = value(Value::of_entry(entry)?, depth, size)? {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

fn value(found: Value<'_>, depth: u32, size: &mut usize) -> Result<Option<Reason>, Malformed> {
    if depth > DEPTH {
        return Ok(Some("nested deeper than 32"));
    }
    Ok(match found {
        Value::S(text) => {
            *size += text.len();
            None
        }
        Value::B(bytes) => {
            *size += bytes.len();
            None
        }
        Value::N(text) => number(text, size),
        Value::Bool(_) | Value::Null(true) => {
            *size += 1;
            None
        }
        Value::Null(false) => Some("NULL is false"),
        Value::Untyped => Some("a value without a type"),
        Value::Ss(set) | Value::Bs(set) => elements(set, size, |element, size| {
            *size += element.len();
            Ok(None)
        })?,
        Value::Ns(set) => elements(set, size, |element, size| Ok(number(text(element)?, size)))?,
        Value::L(list) => {
            *size += 3;
            for element in list.elements() {
                *size += 1;
                if let Some(reason) = value(Value::read(Message::Whole(element?))?, depth + 1, size)? {
                    return Ok(Some(reason));
                }
            }
            None
        }
        Value::M(map) => {
            *size += 3;
            entries(map, depth + 1, size)?
        }
    })
}

/// Looks at the elements of a set: there are some, and no two are alike.
fn elements(
    set: Collection<'_>,
    size: &mut usize,
    mut each: impl FnMut(&[u8], &mut usize) -> Result<Option<Reason>, Malformed>,
) -> Result<Option<Reason>, Malformed> {
    let mut seen = set.elements().collect::<Result<Vec<_>, _>>()?;
    for element in &seen {
        if let Some(reason) = each(element, size)? {
            return Ok(Some(reason));
        }
    }
    seen.sort_unstable();
    let is_twice = seen.windows(2).any(|pair| matches!(pair, [one, other] if one == other));
    Ok(match seen.len() {
        0 => Some("an empty set"),
        _ if is_twice => Some("a set with an element twice"),
        _ => None,
    })
}

/// Looks at a number: about a byte for two digits.
fn number(text: &str, size: &mut usize) -> Option<Reason> {
    let number = Number::parse(text).filter(|number| !number.spaced && text.trim() == text);
    let Some(number) = number else { return Some("no number that DynamoDB reads") };
    *size += usize::midpoint(number.int.len(), number.frac.len()) + 1;
    let leading = number.leading_zeros()?;
    let trailing = number.digits().rev().take_while(|&digit| digit == b'0').count();
    let digits = number.int.len() + number.frac.len() - leading - trailing;
    // 0.digits x 10^power
    let signed = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let power = signed(number.int.len()).saturating_add(number.exponent).saturating_sub(signed(leading));
    (digits > DIGITS || !POWERS.contains(&power)).then_some("a number beyond DynamoDB's range or 38 digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_38_digits_and_a_range() {
        for good in [
            "0",
            "-0.00",
            "1e125",
            "9.99e125",
            "-1E-130",
            "1",
            &"9".repeat(38),
            "0.10",
            &format!("1{}", "0".repeat(125)),
        ] {
            assert_eq!(number(good, &mut 0), None, "{good}");
        }
        for bad in ["", " 1", "1e 5", "x", "1e126", "1e-131", &"9".repeat(39), "1e99999999999999999999"] {
            assert!(number(bad, &mut 0).is_some(), "{bad}");
        }
    }

    #[test]
    fn keys_have_the_type_of_the_table_and_a_length() {
        assert_eq!(key(KeyValue::S("a"), "S", 1), None);
        assert!(key(KeyValue::S("a"), "N", 1).is_some());
        assert!(key(KeyValue::S(""), "S", 1).is_some());
        assert!(key(KeyValue::B(b"ab"), "B", 1).is_some());
    }

    #[test]
    fn sets_are_sets_and_nulls_are_true() {
        let value =
            |bytes: &'static [u8]| value(Value::read(Message::Whole(bytes)).unwrap(), 1, &mut 0).unwrap();
        for good in
            [&b"\x32\x03\x0a\x01x"[..], b"\x28\x01", b"\x4a\x00", b"\x12\x017", b"\x3a\x06\x0a\x011\x0a\x012"]
        {
            assert_eq!(value(good), None, "{good:?}");
        }
        for bad in [
            &b"\x32\x00"[..],
            b"\x28\x00",
            b"",
            b"\x32\x06\x0a\x01x\x0a\x01x",
            b"\x12\x01x",
            b"\x4a\x02\x0a\x00",
            b"\x3a\x03\x0a\x01x",
        ] {
            assert!(value(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn an_item_is_no_larger_than_400_kib() {
        let of = |length: usize| {
            let field = |tag: u8, bytes: &[u8]| {
                let mut out = vec![tag];
                prost::encoding::encode_varint(bytes.len() as u64, &mut out);
                [&out, bytes].concat()
            };
            field(0x0a, &[&b"\x0a\x01a"[..], &field(0x12, &field(0x0a, &vec![b'x'; length]))].concat())
        };
        let (fits, over) = (of(ITEM - 2), of(ITEM - 1));
        assert_eq!(item(&Attributes { message: &fits, unknown_fields: 0 }), Ok(None));
        assert_eq!(item(&Attributes { message: &over, unknown_fields: 0 }), Ok(Some("larger than 400 KiB")));
    }
}
