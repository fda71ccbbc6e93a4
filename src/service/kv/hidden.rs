//! `--legacy-redis-strings`: bare keys are Redis strings, but for those that a `!redis|str|` row of the same
//! name hides. Only the hidden ones stay here (`reading/keys.md#decided-cases`).
//!
//! In: bare and string rows. Their row orders differ where one key extends another, so both go through one
//! sorter.

use super::{Bare, put};
use crate::bug::Bug;
use crate::error::Result;
use crate::keyspace::Family;
use crate::model::kv::Pair;
use crate::service::Context;
use crate::snapshot::{EntryBuf, RowLocation};
use crate::tree::Sorter;

/// A record of the sorter is not as it was written.
const RECORD: Bug = Bug::new("a place of a key without a prefix does not read back");
/// A scan lends keys that begin with the prefix of their family.
const STRING: Bug = Bug::new("a key of a string does not begin as its family does");
const MEMORY: usize = 8 << 20;

/// Writes the bare keys that a string row hides, in the order of keys.
pub(super) fn write(context: &mut Context<'_, '_>, bare: &mut Bare) -> Result<()> {
    let visible = |family| context.snapshot.stats(family).visible;
    if visible(Family::Bare) == 0 || visible(Family::RedisString) == 0 {
        return Ok(());
    }
    let mut keys = Sorter::new(context.scratch, MEMORY);
    // Strings go in first, so a string precedes the bare key of its name.
    let mut strings = context.snapshot.scan(Family::RedisString);
    while let Some(row) = strings.next()? {
        let name = row.key.strip_prefix(Family::RedisString.prefix());
        keys.push(name.ok_or_else(|| STRING.at(row.place))?, b"")?;
    }
    let mut rows = context.snapshot.scan(Family::Bare);
    while let Some(row) = rows.next()? {
        keys.push(row.key, &row.place.to_bytes())?;
    }

    put_hidden(context, bare, keys)
}

/// Writes the bare keys of `keys` that stand behind a string of their name.
fn put_hidden(context: &mut Context<'_, '_>, bare: &mut Bare, mut keys: Sorter) -> Result<()> {
    let mut keys = keys.sort()?;
    let mut string: Option<Vec<u8>> = None;
    let mut entry = EntryBuf::default();
    while let Some((key, value)) = keys.next()? {
        if value.is_empty() {
            let name = string.get_or_insert_default();
            name.clear();
            name.extend_from_slice(key);
            continue;
        }
        let place = RowLocation::from_bytes(value).ok_or_else(|| RECORD.at((key, value)))?;
        // Others are Redis strings.
        if string.as_deref() == Some(key) {
            context.snapshot.read(place, &mut entry)?;
            bare.count(key);
            put(context, &Pair { key, value: &entry.body, commit_ts: entry.commit_ts }, place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::service::fixture::Rows;
    use crate::service::{Options, Scope};

    #[test]
    fn a_damaged_place_is_a_fault_of_the_program_and_no_string() {
        for length in [1, RowLocation::LEN - 1, RowLocation::LEN + 1] {
            let damaged = Rows::default().dump(&Options::default(), |context| {
                let mut keys = Sorter::new(context.scratch, MEMORY);
                keys.push(b"key", b"")?;
                keys.push(b"key", &vec![0; length])?;
                put_hidden(context, &mut Bare::default(), keys)?;
                Ok(Scope::new())
            });
            assert!(matches!(damaged, Err(Error::Internal(bug)) if bug.place().is_some()), "{length}");
        }
    }
}
