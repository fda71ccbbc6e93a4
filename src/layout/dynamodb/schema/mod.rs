//! `_schema.json` (`reading/dynamodb.md#blank-projections`, `tree/dynamodb.md#json-of-a-schema`).
//!
//! In: a schema that was found valid. Out: its text, piece by piece, from where it stands in the message.

use std::ops::Range;

use super::render::{Frame, Layout};
use crate::codec::protobuf as wire;
use crate::error::Result;
use crate::layout::output::{Output, text};
use crate::model::dynamodb::members::{Members, checked};
use crate::model::dynamodb::value::{last_text, pieces};

/// Writes the `TableSchema` message of a schema.
pub(crate) fn write(out: &mut impl Output, message: &[u8]) -> Result<()> {
    let mut members = Members::new(message);
    let types = members.open(pieces(message, 2))?;
    let indexes = members.open(pieces(message, 4))?;
    let frame = Frame { out, layout: Layout::Indented, level: 0 };
    Document { frame, members, types }.write(message, &indexes)
}

/// `_schema.json` on its way out.
struct Document<'a, 'o, O> {
    frame: Frame<'o, O>,
    members: Members<'a>,
    /// Attribute definitions.
    types: Range<usize>,
}

impl<'a, O: Output> Document<'a, '_, O> {
    fn write(mut self, message: &'a [u8], indexes: &Range<usize>) -> Result<()> {
        self.frame.open(b'{');
        self.member(true, "format_version")?;
        self.frame.out.buffer().push(b'1');
        self.text_member(false, "table_name", checked(last_text(message, &[1]))?.unwrap_or_default())?;
        self.member(false, "primary_key")?;
        self.keys(message, [&[3, 1], &[3, 2]])?;
        self.member(false, "attribute_definitions")?;
        self.definitions()?;
        if !indexes.is_empty() {
            self.member(false, "global_secondary_indexes")?;
            self.indexes(indexes)?;
        }
        self.frame.close(b'}', false);
        self.frame.out.flush_if_full()
    }

    fn definitions(&mut self) -> Result<()> {
        let mut first = true;
        self.frame.open(b'[');
        for at in self.types.clone() {
            let Some((name, entry)) = self.members.get(&self.types, at)? else { continue };
            self.frame.next(first);
            self.frame.open(b'{');
            self.text_member(true, "name", name)?;
            self.text_member(false, "type", checked(last_text(entry, &[2]))?.unwrap_or_default())?;
            self.frame.close(b'}', false);
            self.frame.out.flush_if_full()?;
            first = false;
        }
        self.frame.close(b']', first);
        Ok(())
    }

    fn indexes(&mut self, indexes: &Range<usize>) -> Result<()> {
        let mut first = true;
        self.frame.open(b'[');
        for at in indexes.clone() {
            let Some((name, entry)) = self.members.get(indexes, at)? else { continue };
            self.frame.next(first);
            self.frame.open(b'{');
            self.text_member(true, "name", name)?;
            self.member(false, "key_schema")?;
            self.keys(entry, [&[2, 1, 1], &[2, 1, 2]])?;
            self.member(false, "projection")?;
            self.projection(entry)?;
            self.frame.close(b'}', false);
            self.frame.out.flush_if_full()?;
            first = false;
        }
        self.frame.close(b']', first);
        Ok(())
    }

    /// Writes hash and range key, which are at these paths; an empty name or type has no member.
    fn keys(&mut self, message: &'a [u8], paths: [&[u32]; 2]) -> Result<()> {
        self.frame.open(b'{');
        for (first, (part, path)) in
            [true, false].into_iter().zip(["hash_key", "range_key"].into_iter().zip(paths))
        {
            self.member(first, part)?;
            let name = checked(last_text(message, path))?.unwrap_or_default();
            let definition = self.members.find(&self.types, name).filter(|_| !name.is_empty());
            let kind = definition.map(|entry| checked(last_text(entry, &[2]))).transpose()?.flatten();
            let kind = kind.unwrap_or_default();
            self.frame.open(b'{');
            if !name.is_empty() {
                self.text_member(true, "name", name)?;
            }
            if !kind.is_empty() {
                self.text_member(false, "type", kind)?;
            }
            self.frame.close(b'}', name.is_empty());
        }
        self.frame.close(b'}', false);
        Ok(())
    }

    /// A blank type is served as `ALL` without further attributes (`reading/dynamodb.md#blank-projections`).
    fn projection(&mut self, entry: &'a [u8]) -> Result<()> {
        let kind = checked(last_text(entry, &[2, 2, 1]))?.filter(|kind| !kind.trim().is_empty());
        self.frame.open(b'{');
        self.text_member(true, "type", kind.unwrap_or("ALL"))?;
        if kind.is_some() {
            self.attributes(entry)?;
        }
        self.frame.close(b'}', false);
        Ok(())
    }

    /// Writes the names of a projection, if there are any.
    fn attributes(&mut self, entry: &'a [u8]) -> Result<()> {
        let mut first = true;
        for index in pieces(entry, 2) {
            for projection in pieces(checked(index)?, 2) {
                for name in pieces(checked(projection)?, 2) {
                    if first {
                        self.member(false, "non_key_attributes")?;
                        self.frame.open(b'[');
                    }
                    self.frame.next(first);
                    text(self.frame.out, checked(name.and_then(wire::text))?)?;
                    self.frame.out.flush_if_full()?;
                    first = false;
                }
            }
        }
        if !first {
            self.frame.close(b']', false);
        }
        Ok(())
    }

    fn member(&mut self, first: bool, name: &str) -> Result<()> {
        self.frame.next(first);
        self.frame.name(name)
    }

    fn text_member(&mut self, first: bool, name: &str, value: &str) -> Result<()> {
        self.member(first, name)?;
        text(self.frame.out, value)
    }
}

#[cfg(test)]
mod tests;
