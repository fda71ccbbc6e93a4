//! Redis: rows to keys (`format/redis.md`).
//!
//! Rows that belong to one Redis key stand in many families, and which of them count is known only when all
//! have been seen. So: strings are passed on as they come, for nothing hides them; all families leave a small
//! record a key (`key_record`), records meet in a sorter and are judged key by key (`resolve`); then the families that
//! hold elements are scanned once more, in step with the plans (`content`). Memory does not grow with
//! the number of keys or elements.

pub(crate) mod blob;
mod builder;
mod collect;
mod collection;
mod content;
mod database;
mod distinct;
pub(crate) mod envelope;
mod expiry;
mod file;
pub(crate) mod history;
mod key_record;
mod key_state;
pub(crate) mod meta;
mod resolve;
mod rows;
mod run;
mod stream;
mod string;
#[cfg(test)]
mod tests;
mod write_plan;

pub(crate) use self::blob::hll_members;
use self::collect::KeyRecords;
use self::content::WritePlans;
use self::database::Database;
use super::{Context, Scope};
use crate::error::Result;
use crate::keyspace::Namespace;

/// Writes the database; the scope is `db_0` when anything was written.
pub(crate) fn dump(context: &mut Context<'_, '_>) -> Result<Scope> {
    if ![database::NAME, b"0"].iter().any(|name| context.options.in_scope(Namespace::Redis, name)) {
        return Ok(Scope::new());
    }
    let bare = context.options.legacy_redis_strings;
    let scratch = context.scratch;
    let mut database = Database::new(context);
    if database.has_more_than_strings(bare) {
        let mut records = KeyRecords::new(scratch);
        let mut plans = WritePlans::new(scratch);
        database.write_strings(Some(&mut records))?;
        database.collect(&mut records, bare)?;
        database.resolve_all(&mut records, &mut plans)?;
        database.write_collections(&mut plans)?;
    } else {
        database.write_strings(None)?;
    }
    database.finish()
}
