//! Whether the protobuf bytes of an item are an item (`format/dynamodb.md#messages`), before anything is made of them.
//!
//! In: an `Item` message. Out: counts and the attributes that were asked for, or what is wrong. What is superseded has to be valid all the same.
//! Memory is that of the depth, which is limited; the rest of this adapter can read the message as often as it likes.

use super::item::InvalidItem;
use crate::codec::protobuf::{Fields, Malformed, NESTING, Value, check_text};

/// What was found on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Fields that were skipped: unknown ones, and known ones of another wire type.
    pub unknown_fields: u64,
    /// Bytes of indented JSON that stand around the texts and bytes of values.
    pub frame: u64,
}

/// The entries of some attributes; `None` where there is none.
pub(crate) type Entries<'a, const N: usize> = [Option<&'a [u8]>; N];

/// Checks an `Item`; returns the entries of the attributes of these names too: of several of one name the last.
pub(crate) fn item<'a, const N: usize>(
    message: &'a [u8],
    names: [&str; N],
) -> Result<(Checked, Entries<'a, N>), InvalidItem> {
    let mut checker = Checker::default();
    let mut found = [None; N];
    checker.map(message, NESTING, 1, |name, entry| {
        for (wanted, found) in names.iter().zip(&mut found) {
            if wanted.as_bytes() == name {
                *found = Some(entry);
            }
        }
    })?;
    Ok((checker.0, found))
}

/// Goes down; `depth` is the number of messages that may still be nested in the one at hand, `indent` the number of
/// levels that its members are indented in JSON.
#[derive(Default)]
struct Checker(Checked);

impl Checker {
    /// Checks field 1 of `Item` and of `ValueMap`: a map of attributes. Each entry is passed on with its name.
    #[inline]
    fn map<'a>(
        &mut self,
        message: &'a [u8],
        depth: u32,
        indent: u32,
        mut each: impl FnMut(&'a [u8], &'a [u8]),
    ) -> Result<(), InvalidItem> {
        for field in Fields::new(message) {
            match field? {
                (1, Value::Bytes(entry)) => each(self.entry(entry, deeper(depth)?, indent)?, entry),
                _ => self.0.unknown_fields += 1,
            }
        }
        Ok(())
    }

    /// Returns the name of the entry.
    #[inline]
    fn entry<'a>(&mut self, entry: &'a [u8], depth: u32, indent: u32) -> Result<&'a [u8], InvalidItem> {
        let mut last: &[u8] = &[];
        for field in Fields::new(entry) {
            match field? {
                (1, Value::Bytes(name)) => {
                    check_text(name)?;
                    last = name;
                }
                (2, Value::Bytes(value)) => self.value(value, deeper(depth)?, indent)?,
                _ => self.0.unknown_fields += 1,
            }
        }
        self.element(indent, 4);
        Ok(last)
    }

    fn value(&mut self, value: &[u8], depth: u32, indent: u32) -> Result<(), InvalidItem> {
        for field in Fields::new(value) {
            match field? {
                (1 | 2, Value::Bytes(bytes)) => check_text(bytes)?,
                (3, Value::Bytes(_)) | (4 | 5, Value::Varint(_)) => {}
                (number @ 6..=10, Value::Bytes(collection)) => {
                    self.collection(number, collection, deeper(depth)?, indent + 2)?;
                }
                (1..=10, _) => self.0.unknown_fields += 1,
                (number, _) => return Err(InvalidItem::UnknownMember(number)),
            }
        }
        Ok(())
    }

    /// Checks `StringSet`, `NumberSet`, `BinarySet`, `ValueList` or `ValueMap`.
    fn collection(
        &mut self,
        number: u32,
        message: &[u8],
        depth: u32,
        indent: u32,
    ) -> Result<(), InvalidItem> {
        if number == 10 {
            return self.map(message, depth, indent, |_, _| ());
        }
        for field in Fields::new(message) {
            match field? {
                (1, Value::Bytes(element)) => {
                    match number {
                        6 | 7 => check_text(element)?,
                        9 => self.value(element, deeper(depth)?, indent)?,
                        _ => {}
                    }
                    self.element(indent, if number == 9 { 4 } else { 1 });
                }
                _ => self.0.unknown_fields += 1,
            }
        }
        Ok(())
    }

    /// Counts what the element of a collection has around it: indented lines, quotes, brackets, the name of a type.
    fn element(&mut self, indent: u32, lines: u64) {
        let line = 8 + 2 * u64::from(indent + 1);
        self.0.frame = self.0.frame.saturating_add(lines * line);
    }
}

fn deeper(depth: u32) -> Result<u32, Malformed> {
    depth.checked_sub(1).ok_or(Malformed::Depth)
}
