//! Strings and HLLs (`format/redis.md#strings`, `format/redis.md#hyperloglogs`).

use super::collect::{KeyRecords, PREFIX};
use super::database::Database;
use super::envelope::{self, Form, Version};
use super::expiry::ExpiryOutcome;
use super::key_record::KeyRecord;
use super::key_state::{KeyState, StringRow};
use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::keyspace::Family;
use crate::keyspace::redis::parse_plain;
use crate::model::redis::{Key, Value};
use crate::snapshot::RowLocation;
use crate::time::{Hlc, UnixMs};

fn string<'a>(key: &'a [u8], body: &'a [u8], expiry_ms: Option<UnixMs>, commit_ts: Hlc) -> Key<'a> {
    Key { key, value: Value::String(body), expiry_ms, commit_ts, shares_name: false }
}

impl Database<'_, '_, '_> {
    /// Writes the strings while their rows come by: nothing hides a `!redis|str|` row. Those that depend on the
    /// index are left to [`Database::resolve_strings`].
    pub(super) fn write_strings(&mut self, mut records: Option<&mut KeyRecords>) -> Result<()> {
        let has_index = self.holds(Family::RedisTtl);
        let mut entries = self.snapshot().scan(Family::RedisString);
        while let Some(entry) = entries.next()? {
            let key = parse_plain(Family::RedisString, entry.key).ok_or_else(|| PREFIX.at(entry.place))?;
            let fact = match envelope::parse(Version::String, entry.body) {
                None => {
                    let message = "the value ends within its envelope".to_owned();
                    self.problem(key, Class::INVALID_STRING_VALUE, message, Some(entry.place))?;
                    KeyRecord::String { expiry: None }
                }
                Some(Form::Legacy(_)) if has_index => KeyRecord::LegacyString { place: entry.place },
                Some(Form::Legacy(body)) => {
                    self.put(&string(key, body, None, entry.commit_ts))?;
                    KeyRecord::String { expiry: None }
                }
                Some(Form::Current { expiry, body }) => {
                    match self.clock.outcome(expiry) {
                        ExpiryOutcome::Written(_) => self.put(&string(key, body, expiry, entry.commit_ts))?,
                        outcome => self.leave_out(key, outcome, entry.place)?,
                    }
                    KeyRecord::String { expiry }
                }
            };
            if let Some(records) = &mut records {
                records.push(key, &fact)?;
            }
        }
        Ok(())
    }

    /// Resolves a key that is a string, and the HLL beside it: PFCOUNT answers as long as the string has not
    /// expired (`reading/redis.md#type-of-a-key`).
    pub(super) fn resolve_strings(&mut self, key: &[u8], state: &KeyState) -> Result<()> {
        let index = state.index.and_then(|index| index.expiry);
        let expiry = match (state.string, state.bare) {
            (Some(StringRow::Done { expiry }), _) => expiry,
            (Some(StringRow::Legacy { place }), _) => {
                self.resolve_by_index(key, place, state)?;
                index
            }
            (None, Some(place)) => {
                if self.resolve_by_index(key, place, state)? {
                    self.counts.bare_strings.count(key);
                }
                index
            }
            (None, None) => None,
        };
        let Some(hll) = state.hll else { return Ok(()) };
        if self.clock.is_expired(expiry) {
            self.warn_hidden(key, "string", "hll", 1);
            return Ok(());
        }
        self.resolve_hll(key, hll, state)
    }

    /// Writes a string whose whole value is its body; returns whether it did.
    fn resolve_by_index(&mut self, key: &[u8], place: RowLocation, state: &KeyState) -> Result<bool> {
        let outcome = self.clock.outcome_by_index(state.index);
        let ExpiryOutcome::Written(expiry) = outcome else {
            self.leave_out(key, outcome, place)?;
            return Ok(false);
        };
        let (body, commit_ts) = self.take_value(place)?;
        let commit_ts = state.index.map_or(commit_ts, |index| commit_ts.max(index.commit_ts));
        self.put(&string(key, &body, expiry, commit_ts))?;
        self.put_back(body);
        Ok(true)
    }

    /// Writes an HLL: the payload without its envelope.
    pub(super) fn resolve_hll(&mut self, key: &[u8], place: RowLocation, state: &KeyState) -> Result<()> {
        let (value, commit_ts) = self.take_value(place)?;
        let (outcome, body, index) = match envelope::parse(Version::Hll, &value) {
            Some(Form::Current { expiry, body }) => (self.clock.outcome(expiry), body, None),
            Some(Form::Legacy(body)) => (self.clock.outcome_by_index(state.index), body, state.index),
            None => {
                let message = "the value ends within its envelope".to_owned();
                return self.problem(key, Class::INVALID_HLL_VALUE, message, Some(place));
            }
        };
        match outcome {
            ExpiryOutcome::Written(expiry_ms) => {
                let commit_ts = index.map_or(commit_ts, |index| commit_ts.max(index.commit_ts));
                let shares_name = state.string.is_some() || state.bare.is_some();
                self.put(&Key { key, value: Value::Hll(body), expiry_ms, commit_ts, shares_name })?;
            }
            outcome => self.leave_out(key, outcome, place)?,
        }
        self.put_back(value);
        Ok(())
    }

    pub(super) fn warn_hidden(&mut self, key: &[u8], live_type: &str, hidden: &str, rows: u64) {
        self.warn(
            Warning::new(Event::REDIS_HIDDEN_ROWS)
                .with("user_key_len", key.len())
                .with("type", live_type)
                .with("hidden", hidden)
                .with("rows", rows)
                .with("hint", "the server reads another type under this key, so these rows were not written")
                .with_key(key),
        );
    }
}
