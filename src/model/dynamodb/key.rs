//! Keys of items: attribute values to the key bytes that servers store them under (`format/dynamodb.md#legacy-primary-key`, `format/dynamodb.md#ordered-primary-key`, `reading/dynamodb.md#identity-and-migration`).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::canonical;
use super::item::InvalidItem;
use super::number::{Number, is_long_fraction};
use super::value::Value;

/// The value of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyValue<'a> {
    /// Text.
    S(&'a str),
    /// A number as its text.
    N(&'a str),
    /// Bytes.
    B(&'a [u8]),
}

impl<'a> KeyValue<'a> {
    fn of(entry: Option<&'a [u8]>, role: &'static str) -> Result<Self, InvalidItem> {
        match Value::of_entry(entry.ok_or(InvalidItem::NoKey(role))?)? {
            Value::S(text) => Ok(KeyValue::S(text)),
            Value::N(text) if is_long_fraction(text) => Err(InvalidItem::LongFraction(role)),
            Value::N(text) => Ok(KeyValue::N(text)),
            Value::B(bytes) => Ok(KeyValue::B(bytes)),
            _ => Err(InvalidItem::KeyType(role)),
        }
    }

    /// Takes the value of an attribute; `None` for one that is of no key's type.
    pub(crate) fn of_value(value: Value<'a>) -> Option<Self> {
        match value {
            Value::S(text) => Some(KeyValue::S(text)),
            Value::N(text) => Some(KeyValue::N(text)),
            Value::B(bytes) => Some(KeyValue::B(bytes)),
            _ => None,
        }
    }

    /// Whether it is an `N` whose text is no number (`format/dynamodb.md#bytes-of-a-number`).
    #[must_use]
    pub fn is_bad_number(self) -> bool {
        matches!(self, KeyValue::N(text) if Number::parse(text).is_none())
    }

    /// Returns what a name has of it: the bytes as they are stored, of a number its lowest terms (`tree/dynamodb.md#canonical-text-of-a-number`).
    #[must_use]
    pub fn named(self) -> Cow<'a, [u8]> {
        match self {
            KeyValue::N(text) => match canonical::named(text) {
                Cow::Borrowed(text) => text.as_bytes().into(),
                Cow::Owned(text) => text.into_bytes().into(),
            },
            other => other.stored_bytes().into(),
        }
    }

    /// Returns the bytes as they are stored.
    #[must_use]
    pub fn stored_bytes(self) -> &'a [u8] {
        match self {
            KeyValue::S(text) | KeyValue::N(text) => text.as_bytes(),
            KeyValue::B(bytes) => bytes,
        }
    }
}

/// The values of an item's key attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyValues<'a> {
    /// Hash attribute.
    pub hash: KeyValue<'a>,
    /// Range attribute; `None` in a table without one.
    pub range: Option<KeyValue<'a>>,
}

impl<'a> KeyValues<'a> {
    /// Reads the entries of hash and range attribute, of the latter where the table `has_range`.
    pub(super) fn of([hash, range]: [Option<&'a [u8]>; 2], has_range: bool) -> Result<Self, InvalidItem> {
        let hash = KeyValue::of(hash, "hash")?;
        let range = has_range.then(|| KeyValue::of(range, "range")).transpose()?;
        Ok(Self { hash, range })
    }

    /// Lists hash and range.
    pub fn iter(&self) -> impl Iterator<Item = KeyValue<'a>> {
        std::iter::once(self.hash).chain(self.range)
    }

    /// Whether `primary` is the legacy primary key of these values (`format/dynamodb.md#legacy-primary-key`).
    #[must_use]
    pub fn is_legacy(&self, primary: &[u8]) -> bool {
        let encoded = |value: KeyValue<'_>| URL_SAFE_NO_PAD.encode(value.stored_bytes());
        let Some(rest) = primary.strip_prefix(encoded(self.hash).as_bytes()) else { return false };
        match (rest.strip_prefix(b"|"), self.range) {
            (Some(tail), Some(range)) => tail == encoded(range).as_bytes(),
            (Some(tail), None) => tail.is_empty(),
            (None, range) => range.is_none() && rest.is_empty(),
        }
    }
}

/// Buffers for the ordered key of one item after the other.
#[derive(Debug, Default)]
pub(crate) struct OrderedKey {
    bytes: Vec<u8>,
    number: Vec<u8>,
}

impl OrderedKey {
    /// Returns the identity of an item (`reading/dynamodb.md#identity-and-migration`): its ordered primary key (`format/dynamodb.md#ordered-primary-key`). A number that is none stands apart
    /// from every real key, behind bytes that no segment begins with.
    pub(crate) fn identity(&mut self, keys: &KeyValues<'_>) -> &[u8] {
        self.bytes.clear();
        for value in keys.iter() {
            let raw = match value {
                KeyValue::S(text) => text.as_bytes(),
                KeyValue::B(bytes) => bytes,
                KeyValue::N(text) => {
                    if let Some(number) = Number::parse(text) {
                        self.number.clear();
                        number.push_key(&mut self.number);
                        &self.number
                    } else {
                        self.bytes.extend_from_slice(b"\0\x02N");
                        text.as_bytes()
                    }
                }
            };
            push_segment(&mut self.bytes, raw);
        }
        &self.bytes
    }
}

/// Appends `seg` of the ordered key bytes of a value; says `false`, and appends nothing, where it is a number that is none.
pub(crate) fn push_ordered(out: &mut Vec<u8>, value: KeyValue<'_>) -> bool {
    let KeyValue::N(text) = value else {
        push_segment(out, value.stored_bytes());
        return true;
    };
    let Some(number) = Number::parse(text) else { return false };
    let mut raw = Vec::new();
    number.push_key(&mut raw);
    push_segment(out, &raw);
    true
}

/// Hash and range of a primary key, as texts and bytes.
pub(crate) type Parts = (Vec<u8>, Option<Vec<u8>>);

/// Reads a primary key back where its item is gone, ordered or legacy (`format/dynamodb.md#legacy-primary-key`, `format/dynamodb.md#ordered-primary-key`): what reads as a number is one, whose text
/// is not kept, so that it is `1` whatever was sent.
#[must_use]
pub(crate) fn parts(primary: &[u8]) -> Option<Parts> {
    if let Some((hash, rest)) = take_segment(primary) {
        let range = if rest.is_empty() { None } else { Some(take_segment(rest)?) };
        let value = |raw: Vec<u8>| {
            number_text(&raw).map_or(raw, |text| canonical::named(&text).into_owned().into_bytes())
        };
        return match range {
            None => Some((value(hash), None)),
            Some((range, [])) => Some((value(hash), Some(value(range)))),
            Some(_) => None,
        };
    }
    let mut texts = primary.split(|&byte| byte == b'|').map(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let hash = texts.next()??;
    let range = texts.next().unwrap_or_else(|| Some(Vec::new()))?;
    texts.next().is_none().then(|| (hash, Some(range).filter(|range| !range.is_empty())))
}

/// Takes `seg(raw)` off the front.
fn take_segment(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut raw, mut rest) = (Vec::new(), bytes);
    loop {
        let (piece, behind) = rest.split_at_checked(memchr::memchr(0, rest)?)?;
        raw.extend_from_slice(piece);
        match behind {
            [0, 1, rest @ ..] => return Some((raw, rest)),
            [0, 0xff, behind @ ..] => {
                raw.push(0);
                rest = behind;
            }
            _ => return None,
        }
    }
}

/// Returns the shortest text of a numeric key (`format/dynamodb.md#bytes-of-a-number`); `None` where the bytes are none.
fn number_text(raw: &[u8]) -> Option<String> {
    let (sign, body) = match raw {
        [1] => return Some("0".to_owned()),
        [2, body @ ..] => ("", body.to_vec()),
        [0, body @ ..] => ("-", body.iter().map(|byte| !byte).collect()),
        _ => return None,
    };
    let (first, rest) = body.split_first()?;
    let magnitude = |mask: u8| {
        let (width, rest) = rest.split_first()?;
        let (bytes, digits) = rest.split_at_checked(usize::from(width ^ mask))?;
        let bytes = bytes
            .iter()
            .try_fold(0_i64, |sum, byte| sum.checked_mul(256)?.checked_add(i64::from(byte ^ mask)))?;
        Some((bytes, digits))
    };
    let (exponent, digits) = match first {
        1 => (0, rest),
        2 => magnitude(0)?,
        0 => magnitude(0xff).map(|(exponent, digits)| (-exponent, digits))?,
        _ => return None,
    };
    let digits = std::str::from_utf8(digits.strip_prefix(&[0])?).ok()?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let text = match usize::try_from(exponent) {
        Ok(whole) if (1..=PLAIN).contains(&whole) => match digits.split_at_checked(whole) {
            Some((whole, "")) => whole.to_owned(),
            Some((whole, fraction)) => format!("{whole}.{fraction}"),
            None => format!("{digits:0<whole$}"),
        },
        Ok(0) => format!("0.{digits}"),
        _ => {
            let (first, others) = digits.split_at_checked(1)?;
            let point = if others.is_empty() { "" } else { "." };
            format!("{first}{point}{others}e{}", exponent.checked_sub(1)?)
        }
    };
    Some(format!("{sign}{text}"))
}

/// Appends `seg(raw)` (`format/dynamodb.md#ordered-primary-key`).
fn push_segment(out: &mut Vec<u8>, raw: &[u8]) {
    let mut pieces = raw.split(|&byte| byte == 0);
    out.extend_from_slice(pieces.next().unwrap_or_default());
    for piece in pieces {
        out.extend_from_slice(&[0, 0xff]);
        out.extend_from_slice(piece);
    }
    out.extend_from_slice(&[0, 1]);
}

/// Digits before the point up to which a number is written without an exponent: those of DynamoDB.
const PLAIN: usize = 38;

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(hash: KeyValue<'_>, range: Option<KeyValue<'_>>) -> Vec<u8> {
        OrderedKey::default().identity(&KeyValues { hash, range }).to_vec()
    }

    #[test]
    fn segments_escape_zeros_and_end() {
        assert_eq!(identity(KeyValue::S("a\0b"), None), b"a\0\xffb\0\x01");
        assert_eq!(identity(KeyValue::S(""), None), b"\0\x01");
        assert_eq!(identity(KeyValue::S("a"), Some(KeyValue::B(b"\0\x09"))), b"a\0\x01\0\xff\x09\0\x01");
        assert_eq!(identity(KeyValue::N("100"), None), b"\x02\x02\x01\x03\0\xff1\0\x01");
    }

    #[test]
    fn types_do_not_part_identities_but_values_do() {
        assert_eq!(identity(KeyValue::S("a"), None), identity(KeyValue::B(b"a"), None));
        assert_eq!(identity(KeyValue::N("1.0"), None), identity(KeyValue::N("1"), None));
        assert_ne!(identity(KeyValue::N("1"), None), identity(KeyValue::S("1"), None));
        assert_ne!(identity(KeyValue::N("abc"), None), identity(KeyValue::N("abd"), None));
        assert_ne!(identity(KeyValue::N("abc"), None), identity(KeyValue::S("Nabc"), None));
    }

    #[test]
    fn legacy_keys_are_compared_as_texts() {
        let keys = |hash, range| KeyValues { hash, range };
        let composite = keys(KeyValue::N("10.0"), Some(KeyValue::B(b"\x01")));
        assert!(composite.is_legacy(b"MTAuMA|AQ"));
        assert!(!composite.is_legacy(b"MTAuMA|"));
        assert!(!composite.is_legacy(b"MTAuMA"));
        let hash_only = keys(KeyValue::S("10"), None);
        assert!(hash_only.is_legacy(b"MTA|"));
        assert!(hash_only.is_legacy(b"MTA"));
        assert!(!hash_only.is_legacy(b"MTA|x"));
        assert!(!hash_only.is_legacy(b"MTAu"));
        assert!(keys(KeyValue::S(""), Some(KeyValue::S("r"))).is_legacy(b"|cg"));
    }

    #[test]
    fn a_primary_key_reads_back() {
        for (hash, range) in [
            (KeyValue::S("a\0b"), None),
            (KeyValue::S(""), Some(KeyValue::B(b"\0\x09"))),
            (KeyValue::N("12.5"), Some(KeyValue::N("-12.5"))),
            (KeyValue::N("0"), Some(KeyValue::N("12345"))),
            (KeyValue::N("0.5"), Some(KeyValue::N("100"))),
            (KeyValue::N("1e-3"), Some(KeyValue::N("-1.25e300"))),
            (KeyValue::N("1e-300"), Some(KeyValue::S("|"))),
        ] {
            let bytes = |value: KeyValue<'_>| value.named().into_owned();
            let want = Some((bytes(hash), range.map(bytes)));
            assert_eq!(parts(&identity(hash, range)), want);
        }
        assert_eq!(parts(b"YQ|Yg"), Some((b"a".to_vec(), Some(b"b".to_vec()))));
        assert_eq!(parts(b"YQ|"), Some((b"a".to_vec(), None)));
        assert_eq!(parts(b"YQ"), Some((b"a".to_vec(), None)));
        for bad in [&b"a\0\x02"[..], b"a\0\x01b", b"a\0\x01b\0\x01c", b"YQ|Yg|Yg", b"*"] {
            assert_eq!(parts(bad), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn bytes_that_are_no_key_are_read_all_the_same(bytes: Vec<u8>) {
            let _ = (parts(&bytes), number_text(&bytes));
        }
    }
}
