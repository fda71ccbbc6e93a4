//! Items as JSON (`tree/dynamodb.md#json-of-an-item`), straight from the wire.
//!
//! In: an item that [`check`](crate::model::dynamodb::check) found valid. Out: its text, piece by piece, and why a server would fail on it.

use base64::engine::general_purpose::STANDARD;

use crate::codec::protobuf as wire;
use crate::error::Result;
use crate::layout::output::{Output, base64, text};
use crate::model::dynamodb::item::Attributes;
use crate::model::dynamodb::members::{Members, checked};
use crate::model::dynamodb::value::{Collection, Message, Unservable, Value};

/// Deepest attribute that a server writes or reads; a top-level attribute has depth 1 (`format/dynamodb.md#messages`).
const SERVED_DEPTH: u32 = 32;

/// How the text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// On one line, without spaces and without a newline at its end.
    Compact,
    /// Two spaces a level, no newline at the end.
    Indented,
}

/// Writes the attributes of an item; says why a server would fail on them, if it would.
pub(crate) fn item(
    out: &mut impl Output,
    item: &Attributes<'_>,
    layout: Layout,
) -> Result<Option<Unservable>> {
    let members = Members::new(item.message);
    let mut writer = Writer { frame: Frame { out, layout, level: 0 }, members, unservable: None };
    writer.map(item.message.into(), 1)?;
    Ok(writer.unservable)
}

/// The punctuation of a JSON text in one of the two layouts.
pub(super) struct Frame<'o, O> {
    /// Where the text goes.
    pub out: &'o mut O,
    /// How it is laid out.
    pub layout: Layout,
    /// Brackets that are open.
    pub level: usize,
}

impl<O: Output> Frame<'_, O> {
    /// Opens a bracket.
    pub(super) fn open(&mut self, bracket: u8) {
        self.out.buffer().push(bracket);
        self.level += 1;
    }

    /// Goes to where the next member or element stands.
    pub(super) fn next(&mut self, first: bool) {
        if !first {
            self.out.buffer().push(b',');
        }
        self.line();
    }

    /// Closes a bracket.
    pub(super) fn close(&mut self, bracket: u8, empty: bool) {
        self.level -= 1;
        if !empty {
            self.line();
        }
        self.out.buffer().push(bracket);
    }

    /// Appends the name of a member, and what parts it from its value.
    pub(super) fn name(&mut self, name: &str) -> Result<()> {
        text(self.out, name)?;
        self.out.buffer().extend_from_slice(if self.layout == Layout::Compact { b":" } else { b": " });
        Ok(())
    }

    fn line(&mut self) {
        if self.layout == Layout::Indented {
            let spaces = 2 * self.level;
            let buffer = self.out.buffer();
            buffer.push(b'\n');
            buffer.resize(buffer.len() + spaces, b' ');
        }
    }
}

struct Writer<'a, 'o, O> {
    frame: Frame<'o, O>,
    members: Members<'a>,
    unservable: Option<Unservable>,
}

impl<'a, O: Output> Writer<'a, '_, O> {
    fn map(&mut self, map: Collection<'a>, depth: u32) -> Result<()> {
        let map = self.members.open(map.elements())?;
        let mut first = true;
        self.frame.open(b'{');
        for at in map.clone() {
            let Some((name, entry)) = self.members.get(&map, at)? else { continue };
            self.frame.next(first);
            self.frame.name(name)?;
            self.value(checked(Value::of_entry(entry))?, depth)?;
            first = false;
        }
        self.frame.close(b'}', first);
        self.members.close(&map);
        Ok(())
    }

    /// Writes `{"<type>": <value>}`.
    fn value(&mut self, value: Value<'a>, depth: u32) -> Result<()> {
        self.serve(value, depth);
        let kind = match value {
            Value::S(_) => "S",
            Value::N(_) => "N",
            Value::B(_) => "B",
            Value::Bool(_) => "BOOL",
            Value::Null(_) | Value::Untyped => "NULL",
            Value::Ss(_) => "SS",
            Value::Ns(_) => "NS",
            Value::Bs(_) => "BS",
            Value::L(_) => "L",
            Value::M(_) => "M",
        };
        self.frame.open(b'{');
        self.frame.next(true);
        self.frame.name(kind)?;
        match value {
            Value::S(value) | Value::N(value) => text(self.frame.out, value)?,
            Value::B(bytes) => base64(self.frame.out, bytes, &STANDARD)?,
            Value::Bool(value) | Value::Null(value) => self.boolean(value),
            Value::Untyped => self.boolean(true),
            Value::Ss(set) | Value::Ns(set) => {
                self.list(set, |writer, element| text(writer.frame.out, checked(wire::text(element))?))?;
            }
            Value::Bs(set) => {
                self.list(set, |writer, element| base64(writer.frame.out, element, &STANDARD))?;
            }
            Value::L(list) => self.list(list, |writer, element| {
                writer.value(checked(Value::read(Message::Whole(element)))?, depth + 1)
            })?,
            Value::M(map) => self.map(map, depth + 1)?,
        }
        self.frame.close(b'}', false);
        self.frame.out.flush_if_full()
    }

    fn list(
        &mut self,
        list: Collection<'a>,
        mut element: impl FnMut(&mut Self, &'a [u8]) -> Result<()>,
    ) -> Result<()> {
        let mut first = true;
        self.frame.open(b'[');
        for bytes in list.elements() {
            self.frame.next(first);
            element(self, checked(bytes)?)?;
            self.frame.out.flush_if_full()?;
            first = false;
        }
        self.frame.close(b']', first);
        Ok(())
    }

    fn boolean(&mut self, value: bool) {
        self.frame.out.buffer().extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Remembers the first reason not to serve the item.
    fn serve(&mut self, value: Value<'_>, depth: u32) {
        if self.unservable.is_some() {
            return;
        }
        self.unservable = match value {
            _ if depth > SERVED_DEPTH => Some(Unservable::Depth),
            Value::Null(false) => Some(Unservable::NullFalse),
            Value::Ss(set) | Value::Ns(set) | Value::Bs(set) if set.elements().next().is_none() => {
                Some(Unservable::EmptySet)
            }
            Value::Untyped => Some(Unservable::Untyped),
            _ => None,
        };
    }
}

#[cfg(test)]
mod tests;
