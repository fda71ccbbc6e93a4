//! Redis: commands that make the keys anew, for `redis-cli --pipe`.
//!
//! In: keys and elements. Out: `SET`, `PFADD`, and for a collection bounded commands, then its expiry. Nothing is held but
//! one command. What Redis has no place for is a warning: empty collections but streams, a second type of one name,
//! entries that `XADD` refuses, keys without a prefix.

mod command;

use super::out::Out;
use super::{Export, Settings, Target, refuse_hll};
use crate::bug::Bug;
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::keyspace::Namespace;
use crate::keyspace::redis::StreamId;
use crate::model::redis::{Collection, Element, Key, Value};
use crate::model::{Answer, Object, Piece};
use crate::report::Report;
use crate::service::redis::hll_members;
use crate::sink::{Sink, Wants};
use crate::time::UnixMs;
use crate::tree::json::{self, Html};
use command::Batch;

/// Name of the file.
const FILE: &[u8] = b"redis.resp";
/// Longest argument that a server takes unless it is told otherwise (`proto-max-bulk-len`), bytes.
const ARGUMENT: usize = 512 << 20;
const NOT_OPEN: Bug = Bug::new("an element of a Redis key that is not open, or is of another type");
const ENTRY: Bug = Bug::new("a Redis stream entry that was checked does not read back");

/// Writes commands.
pub(super) struct Resp<'w> {
    out: Out<'w>,
    replace: bool,
    batch: Batch,
    open: Option<OpenKey>,
    /// An ID, a score or a time.
    number: Vec<u8>,
    counts: Counts,
}

/// What is told once at the end.
#[derive(Default)]
struct Counts {
    hlls: u64,
    negative_zeros: u64,
    bare: u64,
}

/// The collection at hand.
struct OpenKey {
    key: Vec<u8>,
    collection: Collection,
    expiry_ms: Option<UnixMs>,
    /// Highest ID of a stream, assigned or there.
    last: StreamId,
    sent: u64,
    left: u64,
}

impl<'w> Resp<'w> {
    pub(super) fn new(target: Target<'w>, settings: Settings) -> Result<Self> {
        let mut out = Out::new(target);
        out.open(FILE)?;
        Ok(Self {
            out,
            replace: settings.replace,
            batch: Batch::default(),
            open: None,
            number: Vec::new(),
            counts: Counts::default(),
        })
    }

    fn key(&mut self, report: &mut Report<'_>, key: &Key<'_>) -> Result<Answer> {
        if key.shares_name {
            report.warn(Warning::new(Event::EXPORT_REDIS_SECOND_TYPE).with("type", "hll").with_key(key.key));
            return Ok(Answer::Left);
        }
        if let Value::String(value) = key.value
            && value.len() > ARGUMENT
        {
            report.warn(
                Warning::new(Event::EXPORT_REDIS_TOO_LONG).with("bytes", value.len()).with_key(key.key),
            );
            return Ok(Answer::Left);
        }
        if let Value::Hll(payload) = key.value
            && let Some(refusal) = refuse_hll(payload)
        {
            return Ok(Answer::Refused(refusal));
        }
        if self.replace {
            command::write(&mut self.out, &[b"DEL", key.key])?;
        }
        match key.value {
            Value::String(value) => self.string(key, value)?,
            Value::Hll(payload) => self.hll(key, payload)?,
            Value::Collection { collection, last, .. } => {
                let (key, expiry_ms) = (key.key.to_vec(), key.expiry_ms);
                self.open = Some(OpenKey { key, collection, expiry_ms, last, sent: 0, left: 0 });
                return Ok(Answer::Open);
            }
        }
        Ok(Answer::Taken)
    }

    fn string(&mut self, key: &Key<'_>, value: &[u8]) -> Result<()> {
        let Some(expiry_ms) = key.expiry_ms else {
            return command::write(&mut self.out, &[b"SET", key.key, value]);
        };
        self.number.clear();
        command::decimal(&mut self.number, expiry_ms.0);
        command::write(&mut self.out, &[b"SET", key.key, value, b"PXAT", &self.number])
    }

    /// What is stored is the exact set of members, of which Redis makes its own sketch.
    fn hll(&mut self, key: &Key<'_>, payload: &[u8]) -> Result<()> {
        const CHECKED: Bug = Bug::new("a HyperLogLog that was checked does not read back");
        // An empty one exists too.
        command::write(&mut self.out, &[b"PFADD", key.key])?;
        for member in hll_members(payload).map_err(|_| CHECKED.at((key.key, payload)))? {
            self.batch.push(member.map_err(|_| CHECKED.at((key.key, payload)))?.as_bytes());
            if self.batch.is_full() {
                self.batch.send(&mut self.out, b"PFADD", key.key)?;
            }
        }
        self.batch.send(&mut self.out, b"PFADD", key.key)?;
        self.counts.hlls += 1;
        self.expire(key.key, key.expiry_ms)
    }

    fn expire(&mut self, key: &[u8], expiry_ms: Option<UnixMs>) -> Result<()> {
        let Some(expiry_ms) = expiry_ms else { return Ok(()) };
        self.number.clear();
        command::decimal(&mut self.number, expiry_ms.0);
        command::write(&mut self.out, &[b"PEXPIREAT", key, &self.number])
    }

    fn element(&mut self, element: Element<'_>) -> Result<()> {
        let open = self.open.as_mut().ok_or(NOT_OPEN)?;
        let fits = match element {
            Element::Field { name, value } => name.len().max(value.len()) <= ARGUMENT,
            Element::Item(value) | Element::Member(value) | Element::Scored { member: value, .. } => {
                value.len() <= ARGUMENT
            }
            // XADD takes neither an entry without fields nor the ID 0-0.
            Element::Entry { id, fields } => {
                open.last = open.last.max(id);
                let longest = fields.iter().flatten().map(|(name, value)| name.len().max(value.len())).max();
                id > StreamId::default() && longest.is_some_and(|longest| longest <= ARGUMENT)
            }
        };
        if !fits {
            open.left += 1;
            return Ok(());
        }
        open.sent += 1;
        match element {
            Element::Field { name, value } => {
                self.batch.push(name);
                self.batch.push(value);
            }
            Element::Item(value) | Element::Member(value) => self.batch.push(value),
            Element::Scored { member, score } => {
                self.number.clear();
                self.counts.negative_zeros += u64::from(score == 0.0 && score.is_sign_negative());
                number(&mut self.number, score);
                self.batch.push(&self.number);
                self.batch.push(member);
            }
            Element::Entry { id, fields } => {
                self.number.clear();
                stream_id(&mut self.number, id);
                self.batch.push(&self.number);
                for field in fields.iter() {
                    let (name, value) = field.map_err(|_| ENTRY)?;
                    self.batch.push(name.as_bytes());
                    self.batch.push(value.as_bytes());
                }
            }
        }
        if open.collection == Collection::Stream || self.batch.is_full() {
            self.batch.send(&mut self.out, verb(open.collection), &open.key)?;
        }
        Ok(())
    }

    fn end_key(&mut self, report: &mut Report<'_>) -> Result<()> {
        let open = self.open.take().ok_or(NOT_OPEN)?;
        self.batch.send(&mut self.out, verb(open.collection), &open.key)?;
        if open.left > 0 {
            report.warn(
                Warning::new(Event::EXPORT_REDIS_ELEMENTS)
                    .with("type", open.collection.name())
                    .with("count", open.left)
                    .with_key(&open.key),
            );
        }
        if open.collection == Collection::Stream {
            self.end_stream(&open)?;
        } else if open.sent == 0 {
            report.warn(
                Warning::new(Event::EXPORT_REDIS_EMPTY)
                    .with("type", open.collection.name())
                    .with_key(&open.key),
            );
            return Ok(());
        }
        self.expire(&open.key, open.expiry_ms)
    }

    /// Makes a stream that has no entry, and sets the highest ID of any.
    fn end_stream(&mut self, open: &OpenKey) -> Result<()> {
        self.number.clear();
        stream_id(&mut self.number, open.last);
        if open.sent == 0 {
            let first: &[u8] = if open.last == StreamId::default() { b"0-1" } else { &self.number };
            command::write(&mut self.out, &[b"XADD", &open.key, b"MAXLEN", b"0", first, b"x", b"x"])?;
        }
        command::write(&mut self.out, &[b"XSETID", &open.key, &self.number])
    }
}

impl<'w> Export<'w> for Resp<'w> {
    fn finish(self: Box<Self>) -> Result<Target<'w>> {
        self.out.finish()
    }
}

impl Sink for Resp<'_> {
    fn wants(&self) -> Wants {
        Wants::Contents
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::Redis(key) => self.key(report, key),
            Object::Kv(_) => {
                self.counts.bare += 1;
                Ok(Answer::Left)
            }
            _ => Ok(Answer::Left),
        }
    }

    fn piece(&mut self, piece: Piece<'_>) -> Result<Answer> {
        let Piece::Element(element) = piece else { return Err(NOT_OPEN.into()) };
        self.element(element)?;
        Ok(Answer::Open)
    }

    fn end(&mut self, report: &mut Report<'_>) -> Result<Answer> {
        self.end_key(report)?;
        Ok(Answer::Taken)
    }

    fn abandon(&mut self) -> Result<()> {
        // A key that is nothing after all had no element.
        self.batch.forget();
        self.open = None;
        Ok(())
    }

    fn end_service(&mut self, report: &mut Report<'_>, _owner: Namespace) -> Result<()> {
        let counts = std::mem::take(&mut self.counts);
        for (event, count) in [
            (Event::EXPORT_REDIS_HLL, counts.hlls),
            (Event::EXPORT_REDIS_NEGATIVE_ZEROS, counts.negative_zeros),
            (Event::EXPORT_REDIS_BARE, counts.bare),
        ] {
            if count > 0 {
                report.warn(Warning::new(event).with("count", count));
            }
        }
        Ok(())
    }
}

/// Returns the command that adds elements.
fn verb(collection: Collection) -> &'static [u8] {
    match collection {
        Collection::List => b"RPUSH",
        Collection::Hash => b"HSET",
        Collection::Set => b"SADD",
        Collection::Zset => b"ZADD",
        Collection::Stream => b"XADD",
    }
}

/// Appends a score, which is no NaN, in the shortest form that reads back as the same.
fn number(out: &mut Vec<u8>, score: f64) {
    if score.is_infinite() {
        out.extend_from_slice(if score > 0.0 { b"+inf" } else { b"-inf" });
    } else {
        json::compact(out, &score, Html::Raw);
    }
}

fn stream_id(out: &mut Vec<u8>, id: StreamId) {
    command::decimal(out, id.ms);
    out.push(b'-');
    command::decimal(out, id.seq);
}
