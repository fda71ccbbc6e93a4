//! Hashes, lists, sets, zsets and streams: a file each, which may be larger than memory.
//!
//! A file is read twice: how many elements it has and when it expires stands behind them, and is said before them. Short
//! ones stay in memory.

use std::io::{BufRead, BufReader};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::document::{Document, Part, invalid};
use super::super::text::Place;
use super::super::{File, Reader};
use super::element::{Field, Score, Scored};
use super::stream::Stream;
use crate::codec::gojson::read::Binary;
use crate::error::Result;
use crate::event::Class;
use crate::keyspace::Namespace;
use crate::keyspace::redis::StreamId;
use crate::model::redis::{Collection, DATABASE, Element, Key, Value};
use crate::model::{Answer, Object, Piece};
use crate::sink::Wants;
use crate::time::UnixMs;

/// Files up to this size, bytes, are held in memory.
const SHORT: u64 = 1 << 20;

/// What is said of a collection before its elements.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    pub(super) elements: u64,
    /// Of their names and values.
    pub(super) bytes: u64,
    pub(super) expiry_ms: Option<UnixMs>,
    pub(super) last: StreamId,
}

/// Passes the collection of a file on; whether it was taken.
pub(super) fn read(reader: &mut Reader<'_, '_>, key: &[u8], kind: Collection, file: &File) -> Result<bool> {
    let mut bytes = Vec::new();
    let is_short = reader.dump.length(&file.path)? <= SHORT;
    if is_short {
        reader.whole(file, SHORT, &mut bytes)?;
    }
    read_text(reader, key, kind, file, is_short.then_some(&bytes))
}

/// Does the same where the text of the file is at hand, or stands in a line of `file`.
pub(super) fn read_text(
    reader: &mut Reader<'_, '_>,
    key: &[u8],
    kind: Collection,
    file: &File,
    text: Option<&[u8]>,
) -> Result<bool> {
    let place = reader.place(&file.path);
    let open = |reader: &mut Reader<'_, '_>| -> Result<Box<dyn BufRead + '_>> {
        Ok(match text {
            Some(text) => Box::new(text),
            None => {
                Box::new(BufReader::with_capacity(256 << 10, reader.dump.file(&file.path, &file.digest)?))
            }
        })
    };
    let interrupt = reader.dump.interrupt().clone();
    let mut ignore = |_: Element<'_>| -> Result<bool> { Ok(interrupt.check().map(|()| true)?) };
    let head = match walk(open(reader)?, kind, &place, &mut ignore) {
        Ok(head) => head,
        Err(error) => {
            let named = (Namespace::Redis.name(), DATABASE.as_bytes(), key);
            return reader.invalid(named, Class::REDIS_INVALID_FILE, file, error).map(|()| false);
        }
    };
    let Head { elements, bytes: of_elements, expiry_ms, last } = head;
    let value =
        Value::Collection { collection: kind, elements: Some(elements), bytes: Some(of_elements), last };
    let object = Object::Redis(&Key::of_dump(key, value, expiry_ms));
    let mut answer = reader.sink.object(reader.report, object)?;
    if answer == Answer::Open && reader.sink.wants() != Wants::Heads {
        let input = open(reader)?;
        let sink = &mut *reader.sink;
        walk(input, kind, &place, &mut |element| {
            interrupt.check()?;
            answer = sink.piece(Piece::Element(element))?;
            Ok(answer == Answer::Open)
        })?;
        if answer == Answer::Open {
            answer = reader.sink.end(reader.report)?;
        }
    }
    reader.taken(answer, object, file)
}

/// Passes the elements to `each`, until that has enough; returns what is behind them.
fn walk(
    input: Box<dyn BufRead + '_>,
    kind: Collection,
    place: &Place,
    each: &mut dyn FnMut(Element<'_>) -> Result<bool>,
) -> Result<Head> {
    let array = match kind {
        Collection::Stream => return Stream::new(input, place).walk(each),
        Collection::Hash => "fields",
        Collection::List => "items",
        Collection::Set | Collection::Zset => "members",
    };
    let mut head = Head::default();
    let mut version = None;
    let mut document = Document::new(input, array);
    loop {
        let at = document.offset();
        let wrong = |error: serde_json::Error| place.failed(invalid(format!("byte {at}: {error}")));
        let Some(part) = document.next().map_err(|error| place.failed(error))? else { break };
        let text = match part {
            Part::Element(text) => text,
            Part::Member(name, text) => {
                match &*name {
                    "format_version" => version = Some(parse::<u64>(text).map_err(wrong)?),
                    "expire_at_ms" => head.expiry_ms = parse::<Option<UnixMs>>(text).map_err(wrong)?,
                    _ => drop(parse::<IgnoredAny>(text).map_err(wrong)?),
                }
                continue;
            }
        };
        head.elements += 1;
        let (more, bytes) = match kind {
            Collection::Hash => {
                let Field { name: Binary(name), value: Binary(value) } = parse(text).map_err(wrong)?;
                (each(Element::Field { name: &name, value: &value })?, name.len() + value.len())
            }
            Collection::Zset => {
                let Scored { member: Binary(member), score: Score(score) } = parse(text).map_err(wrong)?;
                (each(Element::Scored { member: &member, score })?, member.len() + size_of::<f64>())
            }
            Collection::List | Collection::Set | Collection::Stream => {
                let Binary(bytes) = parse(text).map_err(wrong)?;
                let is_set = kind == Collection::Set;
                let element = if is_set { Element::Member(&bytes) } else { Element::Item(&bytes) };
                (each(element)?, bytes.len())
            }
        };
        head.bytes += u64::try_from(bytes).unwrap_or_default();
        if !more {
            return Ok(head);
        }
    }
    if !document.has_array {
        return Err(place.unsound(&format!("expected an array called {array}, and there is none")));
    }
    if version != Some(1) {
        return Err(place.unsound(&"format_version is not 1"));
    }
    head.expiry_ms = head.expiry_ms.filter(|expiry| *expiry != UnixMs(0));
    Ok(head)
}

fn parse<'t, T: Deserialize<'t>>(text: &'t [u8]) -> serde_json::Result<T> {
    serde_json::from_slice(text)
}
