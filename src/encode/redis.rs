//! Rows of Redis keys (`encoding.md#rows-of-redis`).

use super::Options;
use super::rows::Rows;
use crate::bug::Bug;
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::keyspace::Family;
use crate::keyspace::redis as keys;
use crate::model::Answer;
use crate::model::redis::{Collection, Element, Key, Value};
use crate::report::Report;
use crate::service::redis::blob::StreamEntry;
use crate::service::redis::envelope::{self, Version};
use crate::service::redis::meta::Meta;
use crate::time::UnixMs;

/// What a stream entry was checked for before it was passed on.
const ENTRY: Bug = Bug::new("a stream entry does not read back");
const OTHER_TYPE: Bug = Bug::new("an element of another type than its collection");

/// The key at hand, and what is said of all.
#[derive(Debug, Default)]
pub(super) struct Redis {
    key: Vec<u8>,
    collection: Option<Collection>,
    meta: Meta,
    /// Keys that have expired by now.
    expired: u64,
    body: Vec<u8>,
}

impl Redis {
    /// Whether a key is not restored, since it has expired.
    pub(super) fn is_left_out(&mut self, key: &Key<'_>, options: &Options) -> bool {
        let is_expired = key.expiry_ms.is_some_and(|ms| ms <= options.now_ms);
        self.expired += u64::from(is_expired);
        is_expired && options.drop_expired
    }

    /// Adds the rows of a key; those of a collection's elements follow.
    pub(super) fn key(&mut self, rows: &mut Rows, key: &Key<'_>) -> Result<Answer> {
        let expiry = key.expiry_ms;
        let plain = |family| move |out: &mut Vec<u8>| keys::write_prefix(out, family, key.key);
        match key.value {
            Value::String(value) => rows.row(plain(Family::RedisString), |out| {
                envelope::write(out, Version::String, expiry);
                out.extend_from_slice(value);
            })?,
            Value::Hll(value) => {
                rows.row(plain(Family::RedisHll), |out| {
                    if expiry.is_some() || envelope::is_ambiguous(Version::Hll, value) {
                        envelope::write(out, Version::Hll, expiry);
                    }
                    out.extend_from_slice(value);
                })?;
                index(rows, key.key, expiry)?;
            }
            Value::Collection { collection, last, .. } => {
                self.key.clear();
                self.key.extend_from_slice(key.key);
                self.collection = Some(collection);
                self.meta = Meta { inline: expiry, last, ..Meta::default() };
                return Ok(Answer::Open);
            }
        }
        Ok(Answer::Taken)
    }

    /// Adds the row of an element.
    pub(super) fn element(&mut self, rows: &mut Rows, element: Element<'_>) -> Result<Answer> {
        let Self { collection, meta, .. } = self;
        let key = self.key.as_slice();
        let named = |family, name| move |out: &mut Vec<u8>| keys::write_element(out, family, key, name);
        match (element, *collection) {
            (Element::Field { name, value }, Some(Collection::Hash)) => {
                rows.row(named(Family::HashField, name), |out| out.extend_from_slice(value))?;
            }
            (Element::Member(member), Some(Collection::Set)) => {
                rows.row(named(Family::SetMember, member), |_| ())?;
            }
            (Element::Scored { member, score }, Some(Collection::Zset)) => {
                let bits = score.to_bits().to_be_bytes();
                rows.row(named(Family::ZsetMember, member), |out| out.extend_from_slice(&bits))?;
                rows.row(|out| keys::write_score(out, key, score, member), |_| ())?;
            }
            (Element::Item(item), Some(Collection::List)) => {
                let seq = i64::try_from(meta.length).unwrap_or(i64::MAX);
                rows.row(|out| keys::write_item(out, key, seq), |out| out.extend_from_slice(item))?;
            }
            (Element::Entry { id, fields }, Some(Collection::Stream)) => {
                self.body.clear();
                StreamEntry::write(&mut self.body, id, fields).map_err(|_| ENTRY)?;
                rows.row(|out| keys::write_entry(out, key, id), |out| out.extend_from_slice(&self.body))?;
                meta.last = meta.last.max(id);
            }
            _ => return Err(OTHER_TYPE.into()),
        }
        meta.length += 1;
        Ok(Answer::Open)
    }

    /// Says how many keys have expired.
    pub(super) fn finish(&mut self, report: &mut Report<'_>, options: &Options) {
        let count = std::mem::take(&mut self.expired);
        if count > 0 {
            let hint = if options.drop_expired { "left out" } else { "restored as expired keys" };
            report.warn(Warning::new(Event::ENCODE_REDIS_EXPIRED).with("count", count).with("hint", hint));
        }
    }

    /// Adds the rows that tell of the collection at hand.
    pub(super) fn end(&mut self, rows: &mut Rows) -> Result<Answer> {
        let Some(collection) = self.collection.take() else { return Err(super::NOT_OPEN.into()) };
        let Self { key, meta, .. } = self;
        rows.row(|out| keys::write_prefix(out, collection.meta(), key), |out| meta.write(out, collection))?;
        index(rows, key, meta.inline)?;
        Ok(Answer::Taken)
    }
}

/// Adds the index row of an expiry.
fn index(rows: &mut Rows, key: &[u8], expiry: Option<UnixMs>) -> Result<()> {
    let Some(expiry) = expiry else { return Ok(()) };
    rows.row(
        |out| keys::write_prefix(out, Family::RedisTtl, key),
        |out| out.extend_from_slice(&expiry.0.to_be_bytes()),
    )
}
