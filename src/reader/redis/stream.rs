//! Streams: an entry a line, and a last line with the stream's own record (`tree/redis.md#shapes`).

use std::borrow::Cow;
use std::io::BufRead;

use serde::Deserialize;

use super::super::text::Place;
use super::collection::Head;
use crate::codec::protobuf::push_bytes;
use crate::error::Result;
use crate::keyspace::redis::StreamId;
use crate::limits;
use crate::model::redis::{Element, EntryFields};
use crate::time::UnixMs;
use crate::tree::lines::{Line as Text, Lines};

#[derive(Deserialize)]
struct Entry<'l> {
    #[serde(borrow)]
    id: Option<Cow<'l, str>>,
    #[serde(borrow)]
    fields: Option<Vec<Field<'l>>>,
    #[serde(rename = "_meta")]
    meta: Option<bool>,
    length: Option<u64>,
    last_ms: Option<u64>,
    last_seq: Option<u64>,
    expire_at_ms: Option<UnixMs>,
}

#[derive(Deserialize)]
struct Field<'l> {
    #[serde(borrow)]
    name: Cow<'l, str>,
    #[serde(borrow)]
    value: Cow<'l, str>,
}

/// Reads the lines of one stream.
pub(super) struct Stream<'p, R> {
    lines: Lines<R>,
    place: &'p Place,
    /// The protobuf message of the entry at hand.
    message: Vec<u8>,
}

impl<'p, R: BufRead> Stream<'p, R> {
    pub(super) fn new(input: R, place: &'p Place) -> Self {
        let bound = usize::try_from(limits::DIFF_LINE).unwrap_or(usize::MAX);
        Self { lines: Lines::new(input, bound), place, message: Vec::new() }
    }

    /// Passes the entries to `each`, until that has enough; returns what the last line says.
    pub(super) fn walk(mut self, each: &mut dyn FnMut(Element<'_>) -> Result<bool>) -> Result<Head> {
        let (mut entries, mut bytes, mut highest) = (0, 0, StreamId::default());
        let mut head = None;
        let place = self.place;
        for number in 1_u64.. {
            let wrong = |what: &dyn ToString| place.unsound(&format!("line {number}: {}", what.to_string()));
            let text = match self.lines.next().map_err(|error| place.failed(error))? {
                None => break,
                Some(Text::Text(text)) => text,
                Some(Text::TooLong | Text::Endless) => {
                    return Err(wrong(&format!("longer than {} bytes", limits::DIFF_LINE)));
                }
            };
            if head.is_some() {
                return Err(wrong(&"stands behind the line with _meta"));
            }
            let line: Entry<'_> = serde_json::from_slice(text).map_err(|error| wrong(&error))?;
            if line.meta == Some(true) {
                let last = StreamId {
                    ms: line.last_ms.ok_or_else(|| wrong(&"last_ms is missing"))?,
                    seq: line.last_seq.ok_or_else(|| wrong(&"last_seq is missing"))?,
                };
                if line.length != Some(entries) {
                    let found = line.length.map_or("none".to_owned(), |length| length.to_string());
                    return Err(wrong(&format!(
                        "expected the length {entries}, as many entries are there; found {found}"
                    )));
                }
                let expiry_ms = line.expire_at_ms.filter(|expiry| *expiry != UnixMs(0));
                head = Some(Head { elements: entries, bytes, expiry_ms, last: last.max(highest) });
                continue;
            }
            let (Some(id), Some(fields)) = (&line.id, &line.fields) else {
                return Err(wrong(&"neither an entry with id and fields, nor _meta"));
            };
            let parsed =
                parse_id(id).ok_or_else(|| wrong(&format!("expected an id <ms>-<seq>, found {id:?}")))?;
            self.message.clear();
            push_bytes(&mut self.message, 1, format!("{}-{}", parsed.ms, parsed.seq).as_bytes());
            for field in fields {
                push_bytes(&mut self.message, 2, field.name.as_bytes());
                push_bytes(&mut self.message, 2, field.value.as_bytes());
            }
            entries += 1;
            bytes += u64::try_from(self.message.len()).unwrap_or_default();
            highest = highest.max(parsed);
            if !each(Element::Entry { id: parsed, fields: EntryFields::new(&self.message) })? {
                return Ok(Head::default());
            }
        }
        head.ok_or_else(|| place.unsound(&"expected a last line with _meta, the file ends"))
    }
}

fn parse_id(text: &str) -> Option<StreamId> {
    let (ms, seq) = text.split_once('-')?;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    Some(StreamId { ms: number(ms)?, seq: number(seq)? })
}
