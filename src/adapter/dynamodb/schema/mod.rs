//! Table schemas: the body of a `!ddb|meta|table|` row to `_schema.json` (`dynamodb.md` 2, 3.2, 4.4).
//!
//! A schema can be as long as any value: what is kept of it is its bytes, which are read where they stand.

use std::ops::Range;

use super::generation::Generations;
use super::members::Members;
use super::render::{Frame, Layout};
use super::shape::check_schema;
use super::value::{last_text, pieces};
use super::wire::{Fields, Malformed, Value};
use crate::dump::layout::output::{Output, text};
use crate::error::Result;
use crate::excerpt;

/// Head of every schema body.
const MAGIC: &[u8] = b"\0DS\x01";

/// Why a table cannot be dumped: class `ddb_invalid_schema`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum InvalidSchema {
    /// The body does not begin with the magic.
    #[error("body lacks the schema magic 00445301")]
    Magic,
    /// The rest of the body is no `TableSchema`.
    #[error(transparent)]
    Message(#[from] Malformed),
    /// The name in the value is not that of the key (10, L12).
    #[error("the schema is that of table {0:?}")]
    Name(String),
    /// No hash attribute is named: no item could have a place.
    #[error("the schema names no hash attribute")]
    NoHashKey,
}

/// A schema that was found valid.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    message: Vec<u8>,
    hash_key: String,
    range_key: String,
    generations: Generations,
    /// Fields that were skipped since `dynamodb.md` 2.1 does not know them, or not with their wire type.
    pub unknown_fields: u64,
}

impl Schema {
    /// Decodes the body of the schema row of table `name`.
    pub fn parse(name: &[u8], body: &[u8]) -> std::result::Result<Self, InvalidSchema> {
        let message = body.strip_prefix(MAGIC).ok_or(InvalidSchema::Magic)?;
        let unknown_fields = check_schema(message)?;
        let own_name = last_text(message, &[1]).unwrap_or_default();
        if own_name.as_bytes() != name {
            return Err(InvalidSchema::Name(excerpt::name(own_name.as_bytes())));
        }
        let key = |part| last_text(message, &[3, part]).unwrap_or_default().to_owned();
        let (hash_key, range_key) = (key(1), key(2));
        if hash_key.is_empty() {
            return Err(InvalidSchema::NoHashKey);
        }
        let [version, source, active] = [5, 6, 7].map(|number| last_number(message, number));
        let generations = Generations::new(active, source, version);
        Ok(Self { message: message.to_vec(), hash_key, range_key, generations, unknown_fields })
    }

    /// Returns the name of the hash attribute; never empty.
    pub fn hash_key(&self) -> &str {
        &self.hash_key
    }

    /// Returns the name of the range attribute, if the table has one.
    pub fn range_key(&self) -> Option<&str> {
        (!self.range_key.is_empty()).then_some(&self.range_key)
    }

    /// Returns which generations are live.
    pub fn generations(&self) -> Generations {
        self.generations
    }

    /// Writes `_schema.json`.
    pub fn write(&self, out: &mut impl Output) -> Result<()> {
        let message = self.message.as_slice();
        let mut members = Members::new(message);
        let types = members.open(pieces(message, 2));
        let indexes = members.open(pieces(message, 4));
        let frame = Frame { out, layout: Layout::Indented, level: 0 };
        Document { frame, members, types }.write(message, &indexes)
    }
}

/// Returns the value of a number: of several the last.
fn last_number(message: &[u8], number: u32) -> u64 {
    let numbers = Fields::new(message).flatten().filter(|field| field.number == number);
    let numbers =
        numbers.filter_map(|field| if let Value::Varint(value) = field.value { Some(value) } else { None });
    numbers.last().unwrap_or_default()
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
        self.text_member(false, "table_name", last_text(message, &[1]).unwrap_or_default())?;
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
            let Some((name, entry)) = self.members.get(&self.types, at) else { continue };
            self.frame.next(first);
            self.frame.open(b'{');
            self.text_member(true, "name", name)?;
            self.text_member(false, "type", last_text(entry, &[2]).unwrap_or_default())?;
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
            let Some((name, entry)) = self.members.get(indexes, at) else { continue };
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
            let name = last_text(message, path).unwrap_or_default();
            let definition = self.members.find(&self.types, name).filter(|_| !name.is_empty());
            let kind = definition.and_then(|entry| last_text(entry, &[2])).unwrap_or_default();
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

    /// A blank type is served as `ALL` without further attributes (3.2).
    fn projection(&mut self, entry: &'a [u8]) -> Result<()> {
        let kind = last_text(entry, &[2, 2, 1]).filter(|kind| !kind.trim().is_empty());
        self.frame.open(b'{');
        self.text_member(true, "type", kind.unwrap_or("ALL"))?;
        let attributes = || {
            let indexes = pieces(entry, 2).filter(|_| kind.is_some());
            indexes.flat_map(|index| pieces(index, 2)).flat_map(|projection| pieces(projection, 2))
        };
        if attributes().next().is_some() {
            self.member(false, "non_key_attributes")?;
            self.frame.open(b'[');
            for (at, name) in attributes().enumerate() {
                self.frame.next(at == 0);
                text(self.frame.out, std::str::from_utf8(name).unwrap_or_default())?;
                self.frame.out.flush_if_full()?;
            }
            self.frame.close(b']', false);
        }
        self.frame.close(b'}', false);
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
