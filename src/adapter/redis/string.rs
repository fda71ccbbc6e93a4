//! Strings and HLLs (`redis.md` 2.1, 2.2).

use super::database::Database;
use super::envelope::{self, Form, Version};
use super::expiry::Fate;
use super::fact::Fact;
use super::gather::Facts;
use super::group::{Group, StringRow};
use crate::error::Result;
use crate::keyspace::Family;
use crate::keyspace::redis::parse_plain;
use crate::model::redis::{Key, Value};
use crate::report::Warning;
use crate::store::RowLocation;

fn string<'a>(key: &'a [u8], body: &'a [u8], expiry_ms: Option<u64>, commit_ts: u64) -> Key<'a> {
    Key { key, value: Value::String(body), expiry_ms, commit_ts }
}

impl Database<'_, '_, '_> {
    /// Writes the strings while their rows come by: nothing hides a `!redis|str|` row. Those that depend on the
    /// index are left to [`Database::settle_strings`].
    pub(super) fn write_strings(&mut self, mut facts: Option<&mut Facts>) -> Result<()> {
        let has_index = self.holds(Family::RedisTtl);
        let mut entries = self.store().scan(Family::RedisString);
        while let Some(entry) = entries.next()? {
            let Some(key) = parse_plain(Family::RedisString, entry.key) else { continue };
            let fact = match envelope::parse(Version::String, entry.body) {
                None => {
                    let message = "the value ends within its envelope".to_owned();
                    self.problem(key, "invalid_string_value", message, Some(entry.place))?;
                    Fact::String { expiry: None }
                }
                Some(Form::Legacy(_)) if has_index => Fact::LegacyString { place: entry.place },
                Some(Form::Legacy(body)) => {
                    self.put(&string(key, body, None, entry.commit_ts))?;
                    Fact::String { expiry: None }
                }
                Some(Form::Current { expiry, body }) => {
                    match self.clock.fate(expiry) {
                        Fate::Written(_) => self.put(&string(key, body, expiry, entry.commit_ts))?,
                        fate => self.leave_out(key, fate, entry.place)?,
                    }
                    Fact::String { expiry }
                }
            };
            if let Some(facts) = &mut facts {
                facts.push(key, &fact)?;
            }
        }
        Ok(())
    }

    /// Settles a key that is a string, and the HLL beside it: PFCOUNT answers as long as the string has not
    /// expired (`redis.md` 3.1).
    pub(super) fn settle_strings(&mut self, key: &[u8], group: &Group) -> Result<()> {
        let index = group.index.and_then(|index| index.expiry);
        let expiry = match (group.string, group.bare) {
            (Some(StringRow::Settled { expiry }), _) => expiry,
            (Some(StringRow::Legacy { place }), _) => {
                self.settle_by_index(key, place, group)?;
                index
            }
            (None, Some(place)) => {
                if self.settle_by_index(key, place, group)? {
                    self.counts.bare_strings.count(key);
                }
                index
            }
            (None, None) => None,
        };
        let Some(hll) = group.hll else { return Ok(()) };
        if self.clock.is_expired(expiry) {
            self.warn_hidden(key, "string", "hll", 1);
            return Ok(());
        }
        self.settle_hll(key, hll, group)
    }

    /// Writes a string whose whole value is its body; returns whether it did.
    fn settle_by_index(&mut self, key: &[u8], place: RowLocation, group: &Group) -> Result<bool> {
        let fate = self.clock.fate_by_index(group.index);
        let Fate::Written(expiry) = fate else {
            self.leave_out(key, fate, place)?;
            return Ok(false);
        };
        let (body, commit_ts) = self.take_value(place)?;
        let commit_ts = group.index.map_or(commit_ts, |index| commit_ts.max(index.commit_ts));
        self.put(&string(key, &body, expiry, commit_ts))?;
        self.put_back(body);
        Ok(true)
    }

    /// Writes an HLL: the payload without its envelope.
    pub(super) fn settle_hll(&mut self, key: &[u8], place: RowLocation, group: &Group) -> Result<()> {
        let (value, commit_ts) = self.take_value(place)?;
        let (fate, body, index) = match envelope::parse(Version::Hll, &value) {
            Some(Form::Current { expiry, body }) => (self.clock.fate(expiry), body, None),
            Some(Form::Legacy(body)) => (self.clock.fate_by_index(group.index), body, group.index),
            None => {
                let message = "the value ends within its envelope".to_owned();
                return self.problem(key, "invalid_hll_value", message, Some(place));
            }
        };
        match fate {
            Fate::Written(expiry_ms) => {
                let commit_ts = index.map_or(commit_ts, |index| commit_ts.max(index.commit_ts));
                self.put(&Key { key, value: Value::Hll(body), expiry_ms, commit_ts })?;
            }
            fate => self.leave_out(key, fate, place)?,
        }
        self.put_back(value);
        Ok(())
    }

    pub(super) fn warn_hidden(&mut self, key: &[u8], winner: &str, hidden: &str, rows: u64) {
        self.warn(
            Warning::new("redis_hidden_rows")
                .with("user_key_len", key.len())
                .with("type", winner)
                .with("hidden", hidden)
                .with("rows", rows)
                .with("hint", "the server reads another type under this key, so these rows were not written")
                .with_key(key),
        );
    }
}
