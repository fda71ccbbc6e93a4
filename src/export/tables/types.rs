//! Which columns the items of a table have: a first pass over their attributes.
//!
//! In: items. Out: a column for each attribute whose values are all of one scalar type, and why others have none. A column
//! of numbers has the narrowest type that holds each of them exactly: whole numbers of 64 bits, else doubles where none
//! has more digits than a double gives back, else their texts.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::{Cell, Column, Kind};
use crate::codec::protobuf::Malformed;
use crate::limits;
use crate::model::dynamodb::Attributes;
use crate::model::dynamodb::number::Number;
use crate::model::dynamodb::value::{Collection, Value, last_text};

/// Digits that a double gives back, and powers of ten that it has whatever they are.
const DIGITS: usize = 15;
const POWERS: std::ops::RangeInclusive<i64> = -290..=290;

/// What was seen of the attributes of a table.
#[derive(Debug, Default)]
pub(super) struct Types {
    seen: Vec<(String, Seen)>,
    places: BTreeMap<String, usize>,
    /// Whether there are attributes beside those that were seen.
    more: bool,
}

/// Types of the values of one attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one a type")]
struct Seen {
    text: bool,
    number: bool,
    bytes: bool,
    boolean: bool,
    /// A list, a map or a set.
    nested: bool,
    /// A number that is not whole, or has more than 64 bits.
    fraction: bool,
    /// A number that no double gives back.
    long: bool,
}

/// The columns of a table.
#[derive(Debug)]
pub(super) struct Columns {
    /// Key attributes first, then by name.
    pub list: Vec<Column>,
    /// The place of each among the columns, by name.
    pub places: Vec<(String, usize)>,
    /// Attributes without a column whose name or types do not allow one, and why.
    pub left_out: Vec<(String, &'static str)>,
    /// Whether there are more attributes than [`limits::EXPORT_COLUMNS`].
    pub more: bool,
}

impl Types {
    /// Looks at an item.
    pub(super) fn learn(&mut self, item: &Attributes<'_>) -> Result<(), Malformed> {
        // Items of a table have mostly the same attributes in the same order.
        let mut next = 0;
        for entry in Collection::from(item.message).elements() {
            let entry = entry?;
            let name = last_text(entry, &[1])?.unwrap_or_default();
            if name.len() > limits::EXPORT_COLUMN_NAME {
                self.more = true;
                continue;
            }
            let place = if self.seen.get(next).is_some_and(|(seen, _)| seen == name) {
                next
            } else if let Some(&place) = self.places.get(name) {
                place
            } else if self.seen.len() < limits::EXPORT_COLUMNS {
                self.seen.push((name.to_owned(), Seen::default()));
                self.places.insert(name.to_owned(), self.seen.len() - 1);
                self.seen.len() - 1
            } else {
                self.more = true;
                continue;
            };
            next = place + 1;
            if let Some((_, seen)) = self.seen.get_mut(place) {
                seen.learn(Value::of_entry(entry)?);
            }
        }
        Ok(())
    }

    /// Returns the columns; those of the attributes `first` come first, and none is called as one of `taken`.
    pub(super) fn columns(self, first: [&str; 2], taken: &[&str]) -> Columns {
        let mut taken: BTreeSet<String> = taken.iter().map(|&name| name.to_owned()).collect();
        let mut found =
            Columns { list: Vec::new(), places: Vec::new(), left_out: Vec::new(), more: self.more };
        let rest = self.places.keys().map(String::as_str).filter(|name| !first.contains(name));
        for name in first.into_iter().chain(rest) {
            let Some((_, seen)) = self.places.get(name).and_then(|&place| self.seen.get(place)) else {
                continue;
            };
            let kind = match seen.kind() {
                Ok(Some(_)) if name.is_empty() || name.chars().any(char::is_control) => {
                    Err("its name is empty or has control characters")
                }
                // Engines do not tell names apart by their case.
                Ok(Some(_)) if !taken.insert(name.to_lowercase()) => Err("a column has the same name"),
                kind => kind,
            };
            match kind {
                Ok(Some(kind)) => {
                    found.places.push((name.to_owned(), found.list.len()));
                    found.list.push(Column::new(name.to_owned(), kind));
                }
                Ok(None) => {}
                Err(why) => found.left_out.push((name.to_owned(), why)),
            }
        }
        found.places.sort();
        found
    }
}

impl Seen {
    fn learn(&mut self, value: Value<'_>) {
        match value {
            Value::S(_) => self.text = true,
            Value::B(_) => self.bytes = true,
            Value::Bool(_) => self.boolean = true,
            Value::Null(_) | Value::Untyped => {}
            Value::Ss(_) | Value::Ns(_) | Value::Bs(_) | Value::L(_) | Value::M(_) => self.nested = true,
            Value::N(text) => {
                self.number = true;
                // Short digits alone are the most.
                let is_plain = text.len() <= DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
                if !is_plain || text.is_empty() {
                    self.fraction |= text.parse::<i64>().is_err();
                    self.long |= !is_exact(text);
                }
            }
        }
    }

    /// Returns the type of its column; none where there is no scalar value, an error where there are several types.
    fn kind(self) -> Result<Option<Kind>, &'static str> {
        let kinds = [self.text, self.number, self.bytes, self.boolean, self.nested];
        if kinds.into_iter().filter(|&is_there| is_there).count() > 1 {
            return Err("its values are of several types");
        }
        let kind = match self {
            Self { text: true, .. } => Kind::Text,
            Self { bytes: true, .. } => Kind::Bytes,
            Self { boolean: true, .. } => Kind::Bool,
            Self { number: true, fraction: false, .. } => Kind::Int,
            Self { number: true, long: false, .. } => Kind::Float,
            Self { number: true, .. } => Kind::Text,
            Self { .. } => return Ok(None),
        };
        Ok(Some(kind))
    }
}

/// Whether a double that is read of the text gives it back.
fn is_exact(text: &str) -> bool {
    let Some(number) = Number::parse(text).filter(|number| !number.spaced && text.trim() == text) else {
        return false;
    };
    let Some(leading) = number.leading_zeros() else { return true };
    let trailing = number.digits().rev().take_while(|&digit| digit == b'0').count();
    let digits = number.int.len() + number.frac.len() - leading - trailing;
    let whole = i64::try_from(number.int.len()).unwrap_or(i64::MAX);
    let power =
        whole.saturating_add(number.exponent).saturating_sub(i64::try_from(leading).unwrap_or(i64::MAX));
    digits <= DIGITS && POWERS.contains(&power)
}

/// Returns the cell of a value in a column of this type, which was found to hold it.
pub(super) fn cell(value: Value<'_>, kind: Kind) -> Cell<'_> {
    match (value, kind) {
        (Value::S(text) | Value::N(text), Kind::Text) => Cell::Text(text),
        (Value::B(bytes), Kind::Bytes) => Cell::Bytes(bytes),
        (Value::Bool(value), Kind::Bool) => Cell::Bool(value),
        (Value::N(text), Kind::Int) => text.parse().map_or(Cell::Null, Cell::Int),
        (Value::N(text), Kind::Float) => text.parse().map_or(Cell::Null, Cell::Float),
        _ => Cell::Null,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(values: &[Value<'_>]) -> Result<Option<Kind>, &'static str> {
        let mut seen = Seen::default();
        for &value in values {
            seen.learn(value);
        }
        seen.kind()
    }

    #[test]
    fn a_column_has_the_narrowest_type_that_holds_all() {
        use Value::{B, Bool, N, Null, S};
        let several = Err("its values are of several types");
        for (values, wanted) in [
            (&[][..], Ok(None)),
            (&[Null(true)], Ok(None)),
            (&[S("a"), Null(true), S("")], Ok(Some(Kind::Text))),
            (&[B(b"a")], Ok(Some(Kind::Bytes))),
            (&[Bool(true)], Ok(Some(Kind::Bool))),
            (&[N("1"), N("-9223372036854775808")], Ok(Some(Kind::Int))),
            (&[N("1"), N("0.1")], Ok(Some(Kind::Float))),
            (&[N("1.0"), N("1e5")], Ok(Some(Kind::Float))),
            (&[N("1"), N("9223372036854775808")], Ok(Some(Kind::Text))),
            (&[N("0.1"), N("1234567890123456")], Ok(Some(Kind::Text))),
            (&[N("0.1"), N("1e300")], Ok(Some(Kind::Text))),
            (&[N("x"), N("1")], Ok(Some(Kind::Text))),
            (&[N("")], Ok(Some(Kind::Text))),
            (&[N(" 1")], Ok(Some(Kind::Text))),
            (&[N("1"), S("1")], several),
            (&[N("1"), Value::L((&b""[..]).into())], several),
            (&[Value::L((&b""[..]).into())], Ok(None)),
        ] {
            assert_eq!(kind(values), wanted, "{values:?}");
        }
    }

    fn item(names: &[&str]) -> Vec<u8> {
        let entry = |name: &str| {
            let length = u8::try_from(name.len()).unwrap();
            let body = [&[0x0a, length], name.as_bytes(), b"\x12\x03\x0a\x01v"].concat();
            [&[0x0a, u8::try_from(body.len()).unwrap()], &body[..]].concat()
        };
        names.iter().flat_map(|name| entry(name)).collect()
    }

    #[test]
    fn keys_come_first_and_no_two_names_differ_in_case_alone() {
        let mut types = Types::default();
        for names in [&["b", "A", "k"][..], &["a", "_item", "r", "", "b", "\0"]] {
            types.learn(&Attributes { message: &item(names), unknown_fields: 0 }).unwrap();
        }
        let found = types.columns(["r", "k"], &["_item"]);
        let names: Vec<_> = found.list.iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["r", "k", "A", "b"]);
        let places: Vec<_> = found.places.iter().map(|(name, place)| (&**name, *place)).collect();
        assert_eq!(places, [("A", 2), ("b", 3), ("k", 1), ("r", 0)]);
        let left: Vec<_> = found.left_out.iter().map(|(name, why)| (&**name, *why)).collect();
        let same = "a column has the same name";
        let empty = "its name is empty or has control characters";
        assert_eq!(left, [("", empty), ("\0", empty), ("_item", same), ("a", same)]);
        assert!(!found.more);
    }

    #[test]
    fn there_are_so_many_columns_and_no_more() {
        let mut types = Types::default();
        for number in 0..=limits::EXPORT_COLUMNS {
            let item = item(&[&number.to_string()]);
            types.learn(&Attributes { message: &item, unknown_fields: 0 }).unwrap();
        }
        let found = types.columns(["", ""], &[]);
        assert_eq!((found.list.len(), found.more), (limits::EXPORT_COLUMNS, true));
    }

    proptest! {
        #[test]
        fn what_is_exact_reads_back(text in "-?[0-9]{1,9}(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?") {
            prop_assume!(is_exact(&text));
            let value: f64 = text.parse().unwrap();
            let digits = |text: &str| {
                let mut out = Vec::new();
                Number::parse(text).unwrap().push_key(&mut out);
                out
            };
            prop_assert_eq!(digits(&format!("{value:e}")), digits(&text));
        }
    }
}
