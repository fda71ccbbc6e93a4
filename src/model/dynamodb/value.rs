//! Attribute values, read where they stand (`format/dynamodb.md#messages`, `format/dynamodb.md#types-of-an-attribute`).
//!
//! In: messages that [`super::check`] found valid. Out: values that borrow from them. Nothing is built, whatever the
//! number of elements: a collection lends them one by one. Each read says all the same when bytes are no message:
//! what was checked and does not read is a fault of the program, and no value without a member.

use std::fmt;

use crate::codec::protobuf::{self as wire, Fields, Malformed, text};

/// The bytes of one message. A message that comes in several pieces is their merger.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message<'a> {
    /// In one piece.
    Whole(&'a [u8]),
    /// All fields of this number of another message.
    Fields(&'a [u8], u32),
}

impl<'a> Message<'a> {
    /// Returns the value of a map's entry; `None` when it has none.
    pub(crate) fn of_entry(entry: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let mut pieces = pieces(entry, 2);
        let Some(first) = pieces.next().transpose()? else { return Ok(None) };
        let whole = pieces.next().is_none();
        Ok(Some(if whole { Message::Whole(first) } else { Message::Fields(entry, 2) }))
    }

    fn fields(self) -> impl Iterator<Item = Result<wire::Field<'a>, Malformed>> {
        let (whole, parts) = match self {
            Message::Whole(message) => (Some(Ok(message)), None),
            Message::Fields(message, number) => (None, Some(pieces(message, number))),
        };
        whole.into_iter().chain(parts.into_iter().flatten()).flat_map(|piece| {
            let (piece, malformed) = or_error(piece);
            Fields::new(piece).chain(malformed)
        })
    }
}

/// Lists the values of all length-delimited fields of this number.
#[inline]
pub(crate) fn pieces(message: &[u8], number: u32) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    Fields::new(message).filter_map(move |field| bytes_of(field, number))
}

/// Returns the value of a length-delimited field of this number; an error in any case.
#[inline]
fn bytes_of(field: Result<wire::Field<'_>, Malformed>, number: u32) -> Option<Result<&[u8], Malformed>> {
    match field {
        Ok((found, wire::Value::Bytes(bytes))) if found == number => Some(Ok(bytes)),
        Ok(_) => None,
        Err(malformed) => Some(Err(malformed)),
    }
}

/// Parts a message and the error that stands in its place.
fn or_error<T>(piece: Result<&[u8], Malformed>) -> (&[u8], Option<Result<T, Malformed>>) {
    match piece {
        Ok(piece) => (piece, None),
        Err(malformed) => (&[], Some(Err(malformed))),
    }
}

/// Returns the text behind a path of field numbers: of several ones the last, which is what merging leaves.
pub(crate) fn last_text<'a>(message: &'a [u8], path: &[u32]) -> Result<Option<&'a str>, Malformed> {
    let [number, rest @ ..] = path else { return text(message).map(Some) };
    let mut last = None;
    for piece in pieces(message, *number) {
        last = last_text(piece?, rest)?.or(last);
    }
    Ok(last)
}

/// Returns the bytes of the last field of this number, or none.
#[inline]
pub(crate) fn last_bytes(message: &[u8], number: u32) -> Result<&[u8], Malformed> {
    pieces(message, number).try_fold(&[][..], |_, piece| piece)
}

/// A value of an attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
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
pub(crate) struct Collection<'a> {
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
    pub(crate) fn elements(self) -> impl Iterator<Item = Result<&'a [u8], Malformed>> {
        let several = self.several.map(|(value, number, before)| {
            value.fields().skip(before).filter_map(move |field| bytes_of(field, number))
        });
        let one = several.is_none().then_some(Ok(self.first));
        one.into_iter().chain(several.into_iter().flatten()).flat_map(|piece| {
            let (piece, malformed) = or_error(piece);
            pieces(piece, 1).chain(malformed)
        })
    }
}

impl<'a> Value<'a> {
    /// Reads an `AttributeValue`: the last member counts; pieces of one collection that no other member parts are
    /// merged. What has another wire type than its member is skipped.
    #[inline]
    pub(crate) fn read(message: Message<'a>) -> Result<Self, Malformed> {
        // Almost every value is one field.
        if let Message::Whole(bytes) = message {
            let mut fields = Fields::new(bytes);
            let first = fields.next().transpose()?;
            if let Some((number, field)) = first.filter(|_| fields.is_empty()) {
                let value = Self::member(number, field)?;
                return Ok(value.or_else(|| Self::collection(number, field)).unwrap_or(Value::Untyped));
            }
        }
        Self::merge(message)
    }

    /// Reads a scalar member.
    #[inline]
    fn member(number: u32, field: wire::Value<'a>) -> Result<Option<Self>, Malformed> {
        Ok(Some(match (number, field) {
            (1, wire::Value::Bytes(bytes)) => Value::S(text(bytes)?),
            (2, wire::Value::Bytes(bytes)) => Value::N(text(bytes)?),
            (3, wire::Value::Bytes(bytes)) => Value::B(bytes),
            (4, wire::Value::Varint(bit)) => Value::Bool(bit != 0),
            (5, wire::Value::Varint(bit)) => Value::Null(bit != 0),
            _ => return Ok(None),
        }))
    }

    /// Reads a collection in one piece.
    fn collection(number: u32, field: wire::Value<'a>) -> Option<Self> {
        let wire::Value::Bytes(bytes) = field else { return None };
        Self::of_collection(number, bytes.into())
    }

    fn of_collection(number: u32, collection: Collection<'a>) -> Option<Self> {
        Some(match number {
            6 => Value::Ss(collection),
            7 => Value::Ns(collection),
            8 => Value::Bs(collection),
            9 => Value::L(collection),
            10 => Value::M(collection),
            _ => return None,
        })
    }

    fn merge(message: Message<'a>) -> Result<Self, Malformed> {
        let mut value = Value::Untyped;
        let mut open: Option<(u32, usize, Collection<'_>)> = None;
        for (before, field) in message.fields().enumerate() {
            let (number, field) = field?;
            if let (6..=10, wire::Value::Bytes(bytes)) = (number, field) {
                let (first, collection) = match open {
                    Some((same, first, collection)) if same == number => {
                        (first, Collection { several: Some((message, number, first)), ..collection })
                    }
                    _ => (before, bytes.into()),
                };
                open = Some((number, first, collection));
                value = Self::of_collection(number, collection).unwrap_or(value);
            } else if let Some(member) = Self::member(number, field)? {
                value = member;
                open = None;
            }
        }
        Ok(value)
    }

    /// Reads the value of a map's entry.
    pub(crate) fn of_entry(entry: &'a [u8]) -> Result<Self, Malformed> {
        Message::of_entry(entry)?.map_or(Ok(Value::Untyped), Value::read)
    }
}

/// Why a server would fail on an item that the dump has all the same (`reading/dynamodb.md#warnings`).
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
