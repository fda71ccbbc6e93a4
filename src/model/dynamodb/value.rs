//! Attribute values, read where they stand (`dynamodb.md` 2.1, 2.2).
//!
//! In: messages that [`super::check`] found valid. Out: values that borrow from them. Nothing is built, whatever the
//! number of elements: a collection lends them one by one.

use std::fmt;

use crate::codec::protobuf::{self as wire, Fields, text};

/// The bytes of one message. A message that comes in several pieces is their merger.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// In one piece.
    Whole(&'a [u8]),
    /// All fields of this number of another message.
    Fields(&'a [u8], u32),
}

impl<'a> Message<'a> {
    /// Returns the value of a map's entry; `None` when it has none.
    pub fn of_entry(entry: &'a [u8]) -> Option<Self> {
        let mut pieces = pieces(entry, 2);
        let first = pieces.next()?;
        Some(if pieces.next().is_none() { Message::Whole(first) } else { Message::Fields(entry, 2) })
    }

    fn fields(self) -> impl Iterator<Item = wire::Field<'a>> {
        let (whole, parts) = match self {
            Message::Whole(message) => (Some(message), None),
            Message::Fields(message, number) => (None, Some(pieces(message, number))),
        };
        whole.into_iter().chain(parts.into_iter().flatten()).flat_map(|piece| Fields::new(piece).flatten())
    }
}

/// Lists the values of all length-delimited fields of this number.
pub fn pieces(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    of_number(Fields::new(message).flatten(), number)
}

fn of_number<'a>(
    fields: impl Iterator<Item = wire::Field<'a>>,
    number: u32,
) -> impl Iterator<Item = &'a [u8]> {
    fields.filter_map(move |field| match field {
        (found, wire::Value::Bytes(bytes)) if found == number => Some(bytes),
        _ => None,
    })
}

/// Returns the text behind a path of field numbers: of several ones the last, which is what merging leaves.
pub fn last_text<'a>(message: &'a [u8], path: &[u32]) -> Option<&'a str> {
    match path {
        [] => text(message).ok(),
        [number, rest @ ..] => {
            pieces(message, *number).fold(None, |last, piece| last_text(piece, rest).or(last))
        }
    }
}

/// A value of an attribute.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
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
    Ss(Collection<'a>),
    /// Set of numbers, in stored order.
    Ns(Collection<'a>),
    /// Set of bytes, in stored order.
    Bs(Collection<'a>),
    /// List.
    L(Collection<'a>),
    /// Map.
    M(Collection<'a>),
    /// No member of the oneof is set; written by no server.
    Untyped,
}

/// A collection: the last fields of its number in its value, from the one on that no other member follows.
#[derive(Clone, Copy, Debug)]
pub struct Collection<'a> {
    /// Of several pieces the first.
    first: &'a [u8],
    /// Where all of several pieces are: value, field number, fields before the first.
    several: Option<(Message<'a>, u32, usize)>,
}

impl<'a> From<&'a [u8]> for Collection<'a> {
    fn from(message: &'a [u8]) -> Self {
        Self { first: message, several: None }
    }
}

impl<'a> Collection<'a> {
    /// Lists field 1 of all pieces: elements, or entries of a map.
    pub fn elements(self) -> impl Iterator<Item = &'a [u8]> {
        let several =
            self.several.map(|(value, number, before)| of_number(value.fields().skip(before), number));
        let one = several.is_none().then_some(self.first);
        one.into_iter().chain(several.into_iter().flatten()).flat_map(|piece| pieces(piece, 1))
    }
}

impl<'a> Value<'a> {
    /// Reads an `AttributeValue`: the last member counts; pieces of one collection that no other member parts are
    /// merged. What has another wire type than its member is skipped.
    pub fn read(message: Message<'a>) -> Self {
        let mut value = Value::Untyped;
        let mut open: Option<(u32, usize, Collection<'_>)> = None;
        for (before, (number, value_of_field)) in message.fields().enumerate() {
            match value_of_field {
                wire::Value::Bytes(bytes) if (6..=10).contains(&number) => {
                    let (first, collection) = match open {
                        Some((same, first, collection)) if same == number => {
                            (first, Collection { several: Some((message, number, first)), ..collection })
                        }
                        _ => (before, bytes.into()),
                    };
                    open = Some((number, first, collection));
                    value = match number {
                        6 => Value::Ss(collection),
                        7 => Value::Ns(collection),
                        8 => Value::Bs(collection),
                        9 => Value::L(collection),
                        _ => Value::M(collection),
                    };
                    continue;
                }
                wire::Value::Bytes(bytes) => match number {
                    1 => value = Value::S(text(bytes).unwrap_or_default()),
                    2 => value = Value::N(text(bytes).unwrap_or_default()),
                    3 => value = Value::B(bytes),
                    _ => continue,
                },
                wire::Value::Varint(bit) => match number {
                    4 => value = Value::Bool(bit != 0),
                    5 => value = Value::Null(bit != 0),
                    _ => continue,
                },
                wire::Value::Fixed64(_) | wire::Value::Other => continue,
            }
            open = None;
        }
        value
    }

    /// Reads the value of a map's entry.
    pub fn of_entry(entry: &'a [u8]) -> Self {
        Message::of_entry(entry).map_or(Value::Untyped, Value::read)
    }
}

/// Why a server would fail on an item that the dump has all the same (`dynamodb.md` 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unservable {
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
