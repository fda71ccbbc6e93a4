//! Rows of keys of Redis, and of what is in them.

use serde::Serialize;

use super::schema::{self, Cell};
use super::{CHECKED, NOT_OPEN, Open, Tables, refuse_hll};
use crate::error::Result;
use crate::keyspace::redis::StreamId;
use crate::model::Answer;
use crate::model::redis::{Collection, Element, EntryFields, Key, Value};
use crate::service::redis::hll_members;
use crate::time::{Hlc, UnixMs};
use crate::tree::json::{self, Html};

/// The key whose elements come.
pub(super) struct OpenKey {
    key: Vec<u8>,
    collection: Collection,
    expiry_ms: Option<UnixMs>,
    commit_ts: Hlc,
    last: StreamId,
    elements: u64,
}

impl Tables {
    pub(super) fn redis(&mut self, key: &Key<'_>) -> Result<Answer> {
        match key.value {
            Value::Collection { collection, last, .. } => {
                let (expiry_ms, commit_ts) = (key.expiry_ms, key.commit_ts);
                let key = key.key.to_vec();
                self.open =
                    Some(Open::Key(OpenKey { key, collection, expiry_ms, commit_ts, last, elements: 0 }));
                return Ok(Answer::Open);
            }
            Value::String(value) => {
                let kept = (key.expiry_ms, key.commit_ts);
                self.key(key.key, "string", Cell::pair(value), [Cell::Null; 2], kept)?;
            }
            Value::Hll(payload) => {
                if let Some(refusal) = refuse_hll(payload) {
                    return Ok(Answer::Refused(refusal));
                }
                let mut members = 0;
                for member in hll_members(payload).map_err(|_| CHECKED)? {
                    let name = [Cell::Text(member.map_err(|_| CHECKED)?), Cell::Null];
                    self.element(key.key, "hll", members, (name, [Cell::Null; 2]), [Cell::Null; 2])?;
                    members += 1;
                }
                let kept = (key.expiry_ms, key.commit_ts);
                let counted = [Cell::UInt(members), Cell::Null];
                self.key(key.key, "hll", [Cell::Null; 2], counted, kept)?;
            }
        }
        Ok(Answer::Taken)
    }

    fn key(
        &mut self,
        key: &[u8],
        kind: &str,
        value: [Cell<'_>; 2],
        [elements, last]: [Cell<'_>; 2],
        (expiry_ms, commit_ts): (Option<UnixMs>, Hlc),
    ) -> Result<()> {
        let [key, key_base64] = Cell::pair(key);
        let [value, value_base64] = value;
        let expiry = expiry_ms.map_or(Cell::Null, |ms| Cell::UInt(ms.0));
        let cells = [
            key,
            key_base64,
            Cell::Text(kind),
            value,
            value_base64,
            elements,
            last,
            expiry,
            Cell::known(commit_ts.0),
        ];
        self.store.row(&schema::REDIS_KEYS, &cells)
    }

    fn element(
        &mut self,
        key: &[u8],
        kind: &str,
        position: u64,
        ([name, name_base64], [value, value_base64]): ([Cell<'_>; 2], [Cell<'_>; 2]),
        [score, fields]: [Cell<'_>; 2],
    ) -> Result<()> {
        let [key, key_base64] = Cell::pair(key);
        let cells = [
            key,
            key_base64,
            Cell::Text(kind),
            Cell::UInt(position),
            name,
            name_base64,
            value,
            value_base64,
            score,
            fields,
        ];
        self.store.row(&schema::REDIS_ELEMENTS, &cells)
    }

    pub(super) fn piece_of_key(&mut self, element: Element<'_>) -> Result<()> {
        let Some(Open::Key(mut open)) = self.open.take() else { return Err(NOT_OPEN.into()) };
        let mut json = std::mem::take(&mut self.json);
        let none = [Cell::Null; 2];
        let id;
        let (named, rest) = match element {
            Element::Field { name, value } => ((Cell::pair(name), Cell::pair(value)), none),
            Element::Item(value) => ((none, Cell::pair(value)), none),
            Element::Member(name) => ((Cell::pair(name), none), none),
            Element::Scored { member, score } => {
                ((Cell::pair(member), none), [Cell::Float(score), Cell::Null])
            }
            Element::Entry { id: entry, fields } => {
                open.last = open.last.max(entry);
                id = stream_id(entry);
                fields_text(&mut json, fields)?;
                (([Cell::Text(&id), Cell::Null], none), [Cell::Null, Cell::Json(&json)])
            }
        };
        self.element(&open.key, open.collection.name(), open.elements, named, rest)?;
        open.elements += 1;
        self.open = Some(Open::Key(open));
        self.json = json;
        Ok(())
    }

    pub(super) fn end_key(&mut self, open: &OpenKey) -> Result<()> {
        let last = stream_id(open.last);
        let last = if open.collection == Collection::Stream { Cell::Text(&last) } else { Cell::Null };
        let counted = [Cell::UInt(open.elements), last];
        let kept = (open.expiry_ms, open.commit_ts);
        self.key(&open.key, open.collection.name(), [Cell::Null; 2], counted, kept)
    }
}

fn stream_id(id: StreamId) -> String {
    format!("{}-{}", id.ms, id.seq)
}

/// Writes names and values of a stream's entry: names may repeat, so that they are a list.
fn fields_text(out: &mut Vec<u8>, fields: EntryFields<'_>) -> Result<()> {
    #[derive(Serialize)]
    struct Field<'a> {
        name: &'a str,
        value: &'a str,
    }
    out.clear();
    out.push(b'[');
    for field in fields.iter() {
        let (name, value) = field.map_err(|_| CHECKED)?;
        if out.len() > 1 {
            out.push(b',');
        }
        json::compact(out, &Field { name, value }, Html::Raw);
    }
    out.push(b']');
    Ok(())
}
