//! DynamoDB: items and schemas to `dynamodb/` (`dynamodb.md`).
//!
//! ```text
//! schema rows ─table─▶ tables ─survey of item keys─▶ live generations
//! item rows ─item, check─▶ messages ─render, layout, bundle─▶ files
//! ```
//!
//! Tables are written in the order of their names. What stays in memory is the names of the tables, the bytes of one
//! schema and of one item: both are written from where they stand. Rows of an ordered table are its items and stream straight through; only where legacy keys are in play
//! `contest` has to find out which of several rows is the item.

mod bundle;
mod canonical;
mod check;
mod contest;
mod fallback;
mod generation;
mod identity;
mod item;
mod layout;
mod line;
mod members;
#[cfg(test)]
mod model;
mod natural;
mod number;
mod pending;
mod problem;
mod render;
mod schema;
mod shape;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod value;
mod wire;
mod writer;

use super::{Context, Scope};
use crate::dump::keymap;
use crate::error::Result;
use crate::keyspace::Owner;
use crate::keyspace::dynamodb::{ItemKey, item_prefix};
use crate::limits;
use crate::report::Problem;
use contest::Winners;
use schema::Schema;
use table::Table;
use writer::TableWriter;

/// Writes all tables in scope; returns their names.
pub fn dump(context: &mut Context<'_, '_>) -> Result<Scope> {
    let mut tables = table::read(context)?;
    table::survey(context, &mut tables)?;
    pending::warn(context);
    let mut scope = Scope::new();
    for (name, table) in tables {
        let Some(table) = table else { continue };
        let schema = table.schema(context.store, &name)?;
        if let Some(message) = keymap::too_long(&[b'n'; limits::FILE_NAME], &name) {
            context.report.problem(&Problem {
                adapter: Owner::Dynamodb.name(),
                scope: &name,
                key: &name,
                class: keymap::LINE_TOO_LONG,
                message,
                place: None,
            })?;
            continue;
        }
        let items = write_table(context, &name, &table, &schema)?;
        scope.insert(name, items);
    }
    Ok(scope)
}

/// Writes a table; returns the number of its items.
fn write_table(context: &mut Context<'_, '_>, name: &[u8], table: &Table, schema: &Schema) -> Result<u64> {
    let mut writer = TableWriter::begin(context, name, schema, table.stale)?;
    if schema.generations().is_contested() {
        let winners = contest::winners(context, name, schema, &table.live, &mut writer.tally)?;
        write_winners(context, table, winners, &mut writer)?;
    } else {
        write_rows(context, name, table, &mut writer)?;
    }
    writer.finish(context)
}

/// Writes a table in which distinct rows are distinct items (`dynamodb.md` 3.3, state 1).
fn write_rows(
    context: &mut Context<'_, '_>,
    name: &[u8],
    table: &Table,
    writer: &mut TableWriter<'_>,
) -> Result<()> {
    for live in table.live.iter().filter(|live| live.rows > 0) {
        let mut rows = context.store.scan_prefix(&item_prefix(name, live.number), None);
        while let Some(entry) = rows.next()? {
            writer.item(context, live.layout, &entry)?;
        }
    }
    Ok(())
}

/// Writes a table in which several rows may be one item (`dynamodb.md` 3.3, states 2 and 3).
fn write_winners(
    context: &mut Context<'_, '_>,
    table: &Table,
    winners: Winners,
    writer: &mut TableWriter<'_>,
) -> Result<()> {
    winners.read(context.store, |entry| {
        let generation = ItemKey::parse(entry.key).map(|key| key.generation).ok();
        let live = table.live.iter().find(|live| Some(live.number) == generation);
        live.map_or(Ok(()), |live| writer.item(context, live.layout, entry))
    })
}
