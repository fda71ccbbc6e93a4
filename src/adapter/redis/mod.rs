//! Redis: rows to keys (`redis.md`).
//!
//! Rows that belong to one Redis key stand in many families, and which of them count is known only when all
//! have been seen. So: strings are passed on as they come, for nothing hides them; all families leave a small
//! fact a key (`fact`), facts meet in a sorter and are judged key by key (`settle`); then the families that
//! hold elements are scanned once more, in step with the verdicts (`content`). Memory does not grow with
//! the number of keys or elements.

mod blob;
mod collection;
mod content;
mod database;
mod distinct;
mod draft;
mod envelope;
mod expiry;
mod fact;
mod file;
mod gather;
mod group;
mod meta;
mod rows;
mod run;
mod settle;
mod stream;
mod string;
#[cfg(test)]
mod tests;
mod verdict;

use self::content::Verdicts;
use self::database::Database;
use self::gather::Facts;
use super::{Context, Scope};
use crate::error::Result;
use crate::keyspace::Owner;

/// Writes the database; the scope is `db_0` when anything was written.
pub fn dump(context: &mut Context<'_, '_>) -> Result<Scope> {
    if ![database::NAME, b"0"].iter().any(|name| context.options.in_scope(Owner::Redis, name)) {
        return Ok(Scope::new());
    }
    let bare = context.options.legacy_redis_strings;
    let scratch = context.scratch;
    let mut database = Database::new(context);
    if database.has_more_than_strings(bare) {
        let mut facts = Facts::new(scratch);
        let mut verdicts = Verdicts::new(scratch);
        database.write_strings(Some(&mut facts))?;
        database.gather(&mut facts, bare)?;
        database.settle_all(&mut facts, &mut verdicts)?;
        database.write_collections(&mut verdicts)?;
    } else {
        database.write_strings(None)?;
    }
    database.finish()
}
