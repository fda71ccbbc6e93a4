//! The protobuf wire format: fields off the front of a message's bytes.
//!
//! In: the bytes of one message. Out: its fields in the order of the wire, borrowed: messages built in memory would take
//! many times the bytes of a hostile one. As strict as `prost`, which the tests hold it against. Unknown fields, and known
//! ones of another wire type than their own, are for the caller to count: servers skip both (`reading/README.md#decided-cases`).

use crate::cursor;

/// Nested messages, groups included, that are followed: what `prost` follows (`format/dynamodb.md#messages`).
pub(crate) const NESTING: u32 = 100;

/// The bytes are no protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A length, a varint or a group runs past the end.
    #[error("protobuf message ends inside a field")]
    Truncated,
    /// A varint of more than 64 bits.
    #[error("protobuf varint is longer than 64 bits")]
    Varint,
    /// Field number 0, a number over 2^29-1, or an unknown wire type.
    #[error("protobuf field has an invalid key")]
    Key,
    /// An end of a group that was not begun.
    #[error("protobuf group ends that was not begun")]
    Group,
    /// A `string` field is not valid UTF-8.
    #[error("protobuf string is not valid UTF-8")]
    Utf8,
    /// More than [`NESTING`] messages stand in each other.
    #[error("nested deeper than {NESTING} protobuf messages")]
    Depth,
}

/// Value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 2: a string, bytes or a message.
    Bytes(&'a [u8]),
    /// Wire type 1: a `double`.
    Fixed64(u64),
    /// Wire types 3 and 5, which no known field has; a group with all that is in it.
    Other,
}

/// Reads the bytes of a `string` field.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed::Utf8)
}

/// Checks the bytes of a `string` field that nobody reads now; most are short and ASCII.
#[inline]
pub(crate) fn check_text(bytes: &[u8]) -> Result<(), Malformed> {
    if bytes.is_ascii() { Ok(()) } else { text(bytes).map(drop) }
}

/// Field number, 1 to 2^29-1, and value.
pub(crate) type Field<'a> = (u32, Value<'a>);

/// Iterates over the fields of a message; after the first error it yields nothing more.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Reads the fields of `message`.
    #[must_use]
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// Whether no field is left.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a field of which key and length are a byte each: most are such a text, or message.
    #[inline]
    fn short(&mut self) -> Option<Field<'a>> {
        let [key @ 8..=0x7f, length @ 0..=0x7f, rest @ ..] = self.0 else { return None };
        if key & 7 != 2 {
            return None;
        }
        let (bytes, rest) = rest.split_at_checked(usize::from(*length))?;
        self.0 = rest;
        Some((u32::from(key >> 3), Value::Bytes(bytes)))
    }

    /// Takes any field.
    #[inline(never)]
    fn read(&mut self) -> Result<Field<'a>, Malformed> {
        let (number, wire_type) = take_key(&mut self.0)?;
        let value = match wire_type {
            0 => Value::Varint(take_varint(&mut self.0)?),
            1 => Value::Fixed64(cursor::take_u64_le(&mut self.0).ok_or(Malformed::Truncated)?),
            2 => Value::Bytes(take_bytes(&mut self.0)?),
            _ => {
                skip(&mut self.0, number, wire_type)?;
                Value::Other
            }
        };
        Ok((number, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        if let Some(field) = self.short() {
            return Some(Ok(field));
        }
        let field = self.read();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// Appends a varint.
pub(crate) fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

/// Appends a field of bytes: a text, or a whole message.
pub(crate) fn push_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    push_varint(out, u64::from(number) << 3 | 2);
    push_varint(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(bytes);
}

/// Appends a field of a number.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u32, value: u64) {
    push_varint(out, u64::from(number) << 3);
    push_varint(out, value);
}

/// Appends a field of a message that `write` appends.
pub(crate) fn push_message<E>(
    out: &mut Vec<u8>,
    number: u32,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    push_varint(out, u64::from(number) << 3 | 2);
    // Most messages are short: the length is one byte, and what was written stays where it is.
    let at = out.len();
    out.push(0);
    write(out)?;
    let length = out.len() - at - 1;
    if let (Ok(short @ ..0x80), Some(place)) = (u8::try_from(length), out.get_mut(at)) {
        *place = short;
    } else {
        let mut long = Vec::with_capacity(10);
        push_varint(&mut long, u64::try_from(length).unwrap_or(u64::MAX));
        out.splice(at..=at, long);
    }
    Ok(())
}

#[inline]
fn take_key(bytes: &mut &[u8]) -> Result<(u32, u8), Malformed> {
    let key = u32::try_from(take_varint(bytes)?).map_err(|_| Malformed::Key)?;
    let [low, ..] = key.to_le_bytes();
    match (key >> 3, low & 7) {
        (0, _) | (_, 6 | 7) => Err(Malformed::Key),
        field => Ok(field),
    }
}

/// Takes an unsigned LEB128 number of at most 64 bits off the front of `bytes`. Most are one byte: keys of fields, lengths
/// of texts.
#[inline]
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    match bytes.split_first() {
        Some((&byte, rest)) if byte < 0x80 => {
            *bytes = rest;
            Ok(byte.into())
        }
        _ => take_long_varint(bytes),
    }
}

fn take_long_varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = cursor::take_u8(bytes).ok_or(Malformed::Truncated)?;
        if shift == 63 && byte > 1 {
            return Err(Malformed::Varint);
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Malformed::Varint)
}

#[inline]
fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let length = usize::try_from(take_varint(bytes)?).map_err(|_| Malformed::Truncated)?;
    cursor::take(bytes, length).ok_or(Malformed::Truncated)
}

/// Skips the value of a field with wire type 1, 3, 4 or 5.
fn skip(bytes: &mut &[u8], number: u32, wire_type: u8) -> Result<(), Malformed> {
    match wire_type {
        1 => cursor::take(bytes, 8).map(drop).ok_or(Malformed::Truncated),
        5 => cursor::take(bytes, 4).map(drop).ok_or(Malformed::Truncated),
        3 => skip_group(bytes, number),
        _ => Err(Malformed::Group),
    }
}

/// Skips what stands behind the start of a group, its end included. Groups in it are kept on a list of its own, so
/// the depth costs no stack.
fn skip_group(bytes: &mut &[u8], number: u32) -> Result<(), Malformed> {
    let mut open = vec![number];
    while let Some(&group) = open.last() {
        match take_key(bytes)? {
            (_, 0) => drop(take_varint(bytes)?),
            (_, 2) => drop(take_bytes(bytes)?),
            (inner, 3) if open.len() < NESTING as usize => open.push(inner),
            (_, 3) => return Err(Malformed::Depth),
            (end, 4) if end == group => drop(open.pop()),
            (inner, wire_type) => skip(bytes, inner, wire_type)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &[u8]) -> Result<Vec<Field<'_>>, Malformed> {
        Fields::new(message).collect()
    }

    #[test]
    fn fields_come_in_the_order_of_the_wire() {
        let fields = read(b"\x12\x01x\x08\xac\x02\x11\0\0\0\0\0\0\xf0\x3f\x25\0\0\0\0\x12\x00").unwrap();
        let one = Value::Fixed64(1_f64.to_bits());
        let (text, empty) = (Value::Bytes(b"x"), Value::Bytes(b""));
        assert_eq!(fields, [(2, text), (1, Value::Varint(300)), (2, one), (4, Value::Other), (2, empty)]);
    }

    #[test]
    fn a_message_cut_inside_a_field_is_truncated() {
        let message = b"\x12\x03abc";
        for end in 1..message.len() {
            assert_eq!(read(&message[..end]), Err(Malformed::Truncated), "{end}");
        }
        assert_eq!(read(b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01abc"), Err(Malformed::Truncated));
        assert_eq!(read(b"\x09\0\0\0\0\0\0\0"), Err(Malformed::Truncated));
        assert_eq!(read(b"\x0d\0\0\0"), Err(Malformed::Truncated));
    }

    #[test]
    fn varints_end_at_64_bits() {
        let longest = read(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").unwrap();
        assert_eq!(longest[0].1, Value::Varint(u64::MAX));
        assert_eq!(read(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), Err(Malformed::Varint));
        assert_eq!(read(b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), Err(Malformed::Varint));
    }

    #[test]
    fn keys_have_a_field_number_and_a_known_wire_type() {
        for key in [&b"\x00"[..], b"\x0e\x00", b"\x0f\x00", b"\x80\x80\x80\x80\x10\x00"] {
            assert_eq!(read(key), Err(Malformed::Key));
        }
        assert_eq!(read(b"\xf8\xff\xff\xff\x0f\x00").unwrap()[0].0, (1 << 29) - 1);
    }

    #[test]
    fn groups_are_skipped_to_their_own_end() {
        assert_eq!(read(b"\x0b\x10\x01\x13\x1a\x01x\x14\x0c\x20\x05").unwrap().len(), 2);
        assert_eq!(read(b"\x0b\x14"), Err(Malformed::Group));
        assert_eq!(read(b"\x0c"), Err(Malformed::Group));
        assert_eq!(read(b"\x0b"), Err(Malformed::Truncated));
        let deep = |depth: usize| [vec![0x0b; depth], vec![0x0c; depth]].concat();
        assert_eq!(read(&deep(100)).unwrap().len(), 1);
        assert_eq!(read(&deep(101)), Err(Malformed::Depth));
    }

    #[test]
    fn nothing_comes_after_an_error() {
        let mut fields = Fields::new(b"\x00\x08\x01");
        assert!(fields.next().is_some_and(|field| field.is_err()));
        assert!(fields.next().is_none());
    }
}
