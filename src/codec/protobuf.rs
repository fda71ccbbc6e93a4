//! Protobuf wire format, read field by field without a copy.
//!
//! Blobs hold whole collections; messages built in memory would take many times the bytes of a hostile blob.

use crate::cursor;

/// Groups within groups that are skipped before a message is refused.
const DEEPEST: usize = 100;
/// Highest field number.
const HIGHEST: u64 = (1 << 29) - 1;

/// The message is cut or breaks the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The value of a field, as far as our messages use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Strings and messages.
    Bytes(&'a [u8]),
    /// `double`.
    Fixed64(u64),
    /// A wire type that no known field has.
    Other,
}

/// The fields of a message, in stored order; after an error there are no more.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Reads the fields of a message.
    #[must_use]
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn take(&mut self) -> Option<(u64, Value<'a>)> {
        let (number, wire) = self.take_tag()?;
        let value = match wire {
            3 => self.skip_group(number)?,
            _ => self.take_value(wire)?,
        };
        Some((number, value))
    }

    fn take_tag(&mut self) -> Option<(u64, u8)> {
        let tag = self.take_varint()?;
        let number = tag >> 3;
        let wire = u8::try_from(tag & 7).ok()?;
        (1..=HIGHEST).contains(&number).then_some((number, wire))
    }

    fn take_value(&mut self, wire: u8) -> Option<Value<'a>> {
        match wire {
            0 => self.take_varint().map(|_| Value::Other),
            1 => cursor::take_array(&mut self.rest).map(|bytes| Value::Fixed64(u64::from_le_bytes(bytes))),
            2 => {
                let length = usize::try_from(self.take_varint()?).ok()?;
                cursor::take(&mut self.rest, length).map(Value::Bytes)
            }
            5 => cursor::take_array::<4>(&mut self.rest).map(|_| Value::Other),
            _ => None,
        }
    }

    fn skip_group(&mut self, number: u64) -> Option<Value<'a>> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            match self.take_tag()? {
                (number, 3) if open.len() < DEEPEST => open.push(number),
                (_, 3) => return None,
                (number, 4) => {
                    if number != innermost {
                        return None;
                    }
                    open.pop();
                }
                (_, wire) => {
                    self.take_value(wire)?;
                }
            }
        }
        Some(Value::Other)
    }

    fn take_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = cursor::take_u8(&mut self.rest)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.take();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(Malformed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(message: &[u8]) -> Result<Vec<(u64, Value<'_>)>, Malformed> {
        Fields::new(message).collect()
    }

    #[test]
    fn fields_come_in_stored_order() {
        assert_eq!(
            all(b"\x0a\x02ab\x11\0\0\0\0\0\0\xf0\x3f\x18\xac\x02\x25\0\0\0\0"),
            Ok(vec![
                (1, Value::Bytes(b"ab")),
                (2, Value::Fixed64(0x3ff0_0000_0000_0000)),
                (3, Value::Other),
                (4, Value::Other),
            ])
        );
        assert_eq!(all(b""), Ok(vec![]));
    }

    #[test]
    fn a_cut_message_is_malformed() {
        for whole in [&b"\x0a\x02ab"[..], b"\x11\0\0\0\0\0\0\xf0\x3f", b"\x18\xac\x02", b"\x25\0\0\0\0"] {
            assert!(all(whole).is_ok());
            for cut in 1..whole.len() {
                assert_eq!(all(&whole[..cut]), Err(Malformed));
            }
        }
    }

    #[test]
    fn lengths_and_numbers_are_checked() {
        assert_eq!(all(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"), Err(Malformed));
        assert_eq!(all(b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), Err(Malformed));
        assert_eq!(all(b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), Err(Malformed));
        assert_eq!(all(b"\x02\x00"), Err(Malformed));
        assert_eq!(all(b"\x0e"), Err(Malformed));
        assert_eq!(all(b"\x0c"), Err(Malformed));
    }

    #[test]
    fn groups_are_skipped_when_they_close() {
        assert_eq!(all(b"\x1b\x0a\x01x\x24\x0a\x01y").ok(), None);
        assert_eq!(all(b"\x1b\x0a\x01x\x23\x24\x1c"), Ok(vec![(3, Value::Other)]));
        let deep = [vec![0x1b; DEEPEST], vec![0x1c; DEEPEST]].concat();
        assert!(all(&deep).is_ok());
        let deeper = [vec![0x1b; DEEPEST + 1], vec![0x1c; DEEPEST + 1]].concat();
        assert_eq!(all(&deeper), Err(Malformed));
    }

    #[test]
    fn nothing_follows_an_error() {
        let mut fields = Fields::new(b"\x0c\x0a\x01x");
        assert_eq!(fields.next(), Some(Err(Malformed)));
        assert_eq!(fields.next(), None);
    }
}
