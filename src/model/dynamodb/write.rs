//! Schemas and items as the reference writes them (`encoding.md#rows-of-dynamodb`): protobuf in the order of field numbers, maps by name.
//!
//! In: messages that were found valid, in any order. Out: bodies of rows.

use super::item::{self, Attributes};
use super::members::{Members, checked};
use super::schema::{self, Schema};
use super::value::{Collection, Message, Value, last_text, pieces};
use crate::codec::protobuf::{push_bytes, push_message, push_number, text};
use crate::error::{Error, Result};

/// Version of the ordered keys, which are the only ones that are written.
const ORDERED: u64 = 2;

/// Appends the body of an item's row.
pub(crate) fn item(out: &mut Vec<u8>, attributes: &Attributes<'_>) -> Result<()> {
    out.extend_from_slice(item::MAGIC);
    let mut members = Members::new(attributes.message);
    map(out, &mut members, attributes.message.into())
}

fn map<'a>(out: &mut Vec<u8>, members: &mut Members<'a>, entries: Collection<'a>) -> Result<()> {
    let map = members.open(entries.elements())?;
    for at in map.clone() {
        let Some((name, entry)) = members.get(&map, at)? else { continue };
        let read = checked(Value::of_entry(entry))?;
        push_message(out, 1, |out| {
            push_bytes(out, 1, name.as_bytes());
            push_message(out, 2, |out| value(out, members, read))
        })?;
    }
    members.close(&map);
    Ok(())
}

/// Appends the one member of an attribute value. One without a type is a null, as in the tree.
fn value<'a>(out: &mut Vec<u8>, members: &mut Members<'a>, value: Value<'a>) -> Result<()> {
    match value {
        Value::S(text) => push_bytes(out, 1, text.as_bytes()),
        Value::N(text) => push_bytes(out, 2, text.as_bytes()),
        Value::B(bytes) => push_bytes(out, 3, bytes),
        Value::Bool(value) => push_number(out, 4, value.into()),
        Value::Null(value) => push_number(out, 5, value.into()),
        Value::Untyped => push_number(out, 5, 1),
        Value::Ss(set) => return push_set(out, 6, set),
        Value::Ns(set) => return push_set(out, 7, set),
        Value::Bs(set) => return push_set(out, 8, set),
        Value::L(list) => {
            return push_message(out, 9, |out| {
                for element in list.elements() {
                    let read = checked(element.and_then(|element| Value::read(Message::Whole(element))))?;
                    push_message(out, 1, |out| self::value(out, members, read))?;
                }
                Ok::<_, Error>(())
            });
        }
        Value::M(entries) => return push_message(out, 10, |out| map(out, members, entries)),
    }
    Ok(())
}

fn push_set(out: &mut Vec<u8>, number: u32, set: Collection<'_>) -> Result<()> {
    push_message(out, number, |out| {
        for element in set.elements() {
            push_bytes(out, 1, checked(element)?);
        }
        Ok(())
    })
}

/// Appends the body of a schema's row, for a table of this generation with ordered keys.
pub(crate) fn schema(out: &mut Vec<u8>, schema: &Schema, generation: u64) -> Result<()> {
    out.extend_from_slice(schema::MAGIC);
    let message = schema.message();
    push_text(out, 1, checked(last_text(message, &[1]))?);
    let mut members = Members::new(message);
    let definitions = members.open(pieces(message, 2))?;
    for at in definitions.clone() {
        let Some((name, entry)) = members.get(&definitions, at)? else { continue };
        push_message(out, 2, |out| {
            push_bytes(out, 1, name.as_bytes());
            push_bytes(out, 2, checked(last_text(entry, &[2]))?.unwrap_or_default().as_bytes());
            Ok::<_, Error>(())
        })?;
    }
    push_keys(out, 3, message, [&[3, 1], &[3, 2]])?;
    for index in indexes(message)? {
        push_message(out, 4, |out| {
            push_bytes(out, 1, index.name.as_bytes());
            push_message(out, 2, |out| {
                push_keys(out, 1, index.entry, [&[2, 1, 1], &[2, 1, 2]])?;
                push_message(out, 2, |out| projection(out, index.entry))
            })
        })?;
    }
    push_number(out, 5, ORDERED);
    push_number(out, 7, generation);
    Ok(())
}

/// Appends a projection; a blank type is served as `ALL` without further attributes.
fn projection(out: &mut Vec<u8>, entry: &[u8]) -> Result<()> {
    let kind = checked(last_text(entry, &[2, 2, 1]))?.filter(|kind| !kind.trim().is_empty());
    push_text(out, 1, kind.or(Some("ALL")));
    if kind.is_some() {
        for index in pieces(entry, 2) {
            for projection in pieces(checked(index)?, 2) {
                for name in pieces(checked(projection)?, 2) {
                    push_bytes(out, 2, checked(name.and_then(text))?.as_bytes());
                }
            }
        }
    }
    Ok(())
}

fn push_keys(out: &mut Vec<u8>, number: u32, message: &[u8], paths: [&[u32]; 2]) -> Result<()> {
    push_message(out, number, |out| {
        for (number, path) in (1..).zip(paths) {
            push_text(out, number, checked(last_text(message, path))?);
        }
        Ok(())
    })
}

/// Appends a text, unless it is empty.
fn push_text(out: &mut Vec<u8>, number: u32, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        push_bytes(out, number, text.as_bytes());
    }
}

/// A secondary index of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its hash attribute; empty where none is named.
    pub(crate) hash_key: &'a str,
    /// Its range attribute, if it has one.
    pub(crate) range_key: Option<&'a str>,
    entry: &'a [u8],
}

/// Lists the indexes of a `TableSchema` message by name.
pub(crate) fn indexes(message: &[u8]) -> Result<Vec<Index<'_>>> {
    let mut members = Members::new(message);
    let map = members.open(pieces(message, 4))?;
    let mut indexes = Vec::new();
    for at in map.clone() {
        let Some((name, entry)) = members.get(&map, at)? else { continue };
        let key = |part| checked(last_text(entry, &[2, 1, part])).map(Option::unwrap_or_default);
        let (hash_key, range_key) = (key(1)?, Some(key(2)?).filter(|name| !name.is_empty()));
        indexes.push(Index { name, hash_key, range_key, entry });
    }
    Ok(indexes)
}
