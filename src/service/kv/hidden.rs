//! `--legacy-redis-strings`: bare keys are Redis strings, but for those that a `!redis|str|` row of the same
//! name hides. Only the hidden ones stay here (`decisions.md` 4).
//!
//! In: bare and string rows. Their row orders differ where one key extends another, so both go through one
//! sorter.

use super::{Bare, put};
use crate::error::Result;
use crate::keyspace::Family;
use crate::model::kv::Pair;
use crate::service::Context;
use crate::snapshot::{EntryBuf, RowLocation};
use crate::tree::Sorter;

const MEMORY: usize = 8 << 20;

/// Writes the bare keys that a string row hides, in the order of keys.
pub fn write(context: &mut Context<'_, '_>, bare: &mut Bare) -> Result<()> {
    let visible = |family| context.snapshot.stats(family).visible;
    if visible(Family::Bare) == 0 || visible(Family::RedisString) == 0 {
        return Ok(());
    }
    let mut keys = Sorter::new(context.scratch, MEMORY);
    // Strings go in first, so a string precedes the bare key of its name.
    let mut strings = context.snapshot.scan(Family::RedisString);
    while let Some(row) = strings.next()? {
        if let Some(name) = row.key.strip_prefix(Family::RedisString.prefix()) {
            keys.push(name, b"")?;
        }
    }
    let mut rows = context.snapshot.scan(Family::Bare);
    while let Some(row) = rows.next()? {
        keys.push(row.key, &row.place.to_bytes())?;
    }

    let mut keys = keys.sort()?;
    let mut string: Option<Vec<u8>> = None;
    let mut entry = EntryBuf::default();
    while let Some((key, value)) = keys.next()? {
        match RowLocation::from_bytes(value) {
            None => {
                let name = string.get_or_insert_default();
                name.clear();
                name.extend_from_slice(key);
            }
            Some(place) if string.as_deref() == Some(key) => {
                context.snapshot.read(place, &mut entry)?;
                bare.count(key);
                put(context, &Pair { key, value: &entry.body, commit_ts: entry.commit_ts }, place)?;
            }
            Some(_) => {}
        }
    }
    Ok(())
}
