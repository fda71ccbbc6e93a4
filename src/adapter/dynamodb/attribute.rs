//! Attribute values: protobuf `AttributeValue` to a borrowed tree, and that tree as JSON (`dynamodb.md` 2, 4.3).
//!
//! In: the bytes of a message. Out: an [`Attribute`] whose texts borrow from them; only collections own a list, and
//! none has room to spare: an item can consist of a million small ones.

use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Deepest attribute that a server writes or reads; a top-level attribute has depth 1 (`dynamodb.md` 2.1).
const SERVED_DEPTH: u32 = 32;

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Attribute<'a> {
    /// Text.
    S(&'a str),
    /// A number as its text.
    N(&'a str),
    /// Bytes.
    B(&'a [u8]),
    /// A boolean.
    Bool(bool),
    /// Null; false is written by no server.
    Null(bool),
    /// Set of texts, in stored order.
    Ss(Box<[&'a str]>),
    /// Set of numbers, in stored order.
    Ns(Box<[&'a str]>),
    /// Set of bytes, in stored order.
    Bs(Box<[&'a [u8]]>),
    /// List.
    L(Box<[Attribute<'a>]>),
    /// Map.
    M(Members<'a>),
    /// No member of the oneof is set; written by no server.
    Untyped,
}

/// Names and values of a map or of an item, sorted bytewise by name, each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Members<'a>(pub Box<[(&'a str, Attribute<'a>)]>);

impl<'a> Members<'a> {
    /// Sorts entries that came in the order of the wire; of equal names the last one stays.
    pub fn from_wire(mut entries: Vec<(&'a str, Attribute<'a>)>) -> Self {
        if !entries.is_sorted_by(|(one, _), (next, _)| one < next) {
            entries.reverse();
            entries.sort_by_key(|(name, _)| *name);
            entries.dedup_by(|(next, _), (kept, _)| next == kept);
        }
        Self(entries.into())
    }

    /// Returns the value of an attribute.
    pub fn find(&self, name: &str) -> Option<&Attribute<'a>> {
        let at = self.0.binary_search_by(|(key, _)| (*key).cmp(name)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Says why a server would fail on these attributes, if it would.
    pub fn unservable(&self) -> Option<Unservable> {
        self.0.iter().find_map(|(_, value)| value.unservable(1))
    }
}

/// Why a server would fail on an item that the dump has all the same (`dynamodb.md` 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unservable {
    /// An attribute stands deeper than 32.
    Depth,
    /// A null that is false.
    NullFalse,
    /// A set without elements.
    EmptySet,
    /// A value of no type.
    Untyped,
    /// A number in key position of a legacy generation that is none.
    NotANumber,
}

impl fmt::Display for Unservable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unservable::Depth => "attribute nested deeper than 32",
            Unservable::NullFalse => "NULL is false",
            Unservable::EmptySet => "empty set",
            Unservable::Untyped => "value without a type",
            Unservable::NotANumber => "key is not a number, in a legacy generation",
        })
    }
}

impl Attribute<'_> {
    fn unservable(&self, depth: u32) -> Option<Unservable> {
        if depth > SERVED_DEPTH {
            return Some(Unservable::Depth);
        }
        match self {
            Attribute::S(_) | Attribute::N(_) | Attribute::B(_) | Attribute::Bool(_) => None,
            Attribute::Null(null) => (!null).then_some(Unservable::NullFalse),
            Attribute::Ss(set) | Attribute::Ns(set) => set.is_empty().then_some(Unservable::EmptySet),
            Attribute::Bs(set) => set.is_empty().then_some(Unservable::EmptySet),
            Attribute::L(list) => list.iter().find_map(|value| value.unservable(depth + 1)),
            Attribute::M(map) => map.0.iter().find_map(|(_, value)| value.unservable(depth + 1)),
            Attribute::Untyped => Some(Unservable::Untyped),
        }
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for Attribute<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Attribute::S(text) => map.serialize_entry("S", text),
            Attribute::N(text) => map.serialize_entry("N", text),
            Attribute::B(bytes) => map.serialize_entry("B", &Base64(bytes)),
            Attribute::Bool(value) => map.serialize_entry("BOOL", value),
            Attribute::Null(value) => map.serialize_entry("NULL", value),
            Attribute::Ss(set) => map.serialize_entry("SS", set),
            Attribute::Ns(set) => map.serialize_entry("NS", set),
            Attribute::Bs(set) => map.serialize_entry("BS", &Base64Set(set)),
            Attribute::L(list) => map.serialize_entry("L", list),
            Attribute::M(members) => map.serialize_entry("M", members),
            Attribute::Untyped => map.serialize_entry("NULL", &true),
        }?;
        map.end()
    }
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

struct Base64Set<'a>(&'a [&'a [u8]]);

impl Serialize for Base64Set<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|bytes| Base64(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(depth: u32, leaf: Attribute<'static>) -> Attribute<'static> {
        (1..depth).fold(leaf, |value, _| Attribute::L([value].into()))
    }

    #[test]
    fn a_leaf_at_depth_32_is_served_and_at_33_is_not() {
        assert_eq!(list(32, Attribute::S("leaf")).unservable(1), None);
        assert_eq!(list(33, Attribute::S("leaf")).unservable(1), Some(Unservable::Depth));
    }

    #[test]
    fn empty_sets_false_nulls_and_untyped_values_are_not_served() {
        for (value, reason) in [
            (Attribute::Null(false), Unservable::NullFalse),
            (Attribute::Ss([].into()), Unservable::EmptySet),
            (Attribute::Ns([].into()), Unservable::EmptySet),
            (Attribute::Bs([].into()), Unservable::EmptySet),
            (Attribute::Untyped, Unservable::Untyped),
        ] {
            assert_eq!(list(3, value).unservable(1), Some(reason));
        }
        for value in [Attribute::Null(true), Attribute::L([].into()), Attribute::M(Members::default())] {
            assert_eq!(value.unservable(1), None);
        }
    }

    #[test]
    fn an_attribute_takes_three_words() {
        assert_eq!(size_of::<Attribute<'_>>(), 3 * size_of::<usize>());
    }

    #[test]
    fn of_equal_names_the_last_stays_and_names_are_sorted_bytewise() {
        let entry = |name, text| (name, Attribute::S(text));
        let members = Members::from_wire(vec![
            entry("b", "1"),
            entry("a", "2"),
            entry("b", "3"),
            entry("B", "4"),
            entry("b", "5"),
        ]);
        assert_eq!(*members.0, [entry("B", "4"), entry("a", "2"), entry("b", "5")]);
        assert_eq!(members.find("b"), Some(&Attribute::S("5")));
        assert_eq!(members.find("c"), None);
    }
}
