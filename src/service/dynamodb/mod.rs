//! DynamoDB: rows to tables and their items (`format/dynamodb.md`).
//!
//! ```text
//! schema rows ─table─▶ tables ─keys of items─▶ live generations
//! item rows ─migration, writer─▶ items
//! ```
//!
//! Tables come in the order of their names. What stays in memory is the names of the tables, the bytes of one schema and
//! of one item. Rows of an ordered table are its items and stream straight through; only where legacy keys are in play
//! `migration` has to find out which of several rows is the item.

mod counters;
mod generation;
mod migration;
mod pending;
mod problem;
mod table;
#[cfg(test)]
mod tests;
mod writer;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Context, Scope};
use crate::bug::Bug;
use crate::error::Result;
use crate::keyspace::dynamodb::{ItemKey, item_prefix};
use crate::keyspace::{Family, Namespace};
use crate::model::dynamodb::{self, Schema};
use crate::model::{Object, Refusal};
use crate::name::Literal;
use crate::report::Problem;
use crate::snapshot::{EntryBuf, Focus, Snapshot};
use generation::Generations;
use migration::LiveRows;
use table::Table;
use writer::TableWriter;

/// Rows that were chosen as items are of live generations.
const NOT_LIVE: Bug = Bug::new("an item of no live generation was chosen");

/// Passes all tables in scope on; returns their names.
pub(crate) fn dump(context: &mut Context<'_, '_>) -> Result<Scope> {
    let mut tables = table::read(context)?;
    table::count_rows(context, &mut tables)?;
    pending::warn(context);
    let mut scope = Scope::new();
    for (name, table) in tables {
        let Some(table) = table else { continue };
        let (schema, commit_ts) = table.schema(context.snapshot, &name)?;
        let object = dynamodb::Table { name: &name, schema: &schema, commit_ts };
        if let Some(refusal) = context.put(Object::Dynamodb(dynamodb::Object::Table(&object)))? {
            refused(context, &name, refusal)?;
            continue;
        }
        let items = write_table(context, &name, &table, &schema)?;
        scope.insert(name, items);
    }
    context.sink.end_service(context.report, Namespace::Dynamodb)?;
    Ok(scope)
}

/// Narrows a snapshot to the rows of a table, or of one item of it where its rows are known by their key.
pub(super) fn focus(snapshot: &Snapshot, object: &Literal, focus: &mut Focus) -> Result<()> {
    let segment = URL_SAFE_NO_PAD.encode(&object.scope);
    let of_table = |family: Family, end: &str| [family.prefix(), segment.as_bytes(), end.as_bytes()].concat();
    let table = of_table(Family::DynamodbTable, "");
    let mut row = EntryBuf::default();
    let schema =
        snapshot.get(&table, &mut row)?.then(|| Schema::parse(&object.scope, &row.body).ok()).flatten();
    focus.narrow(Family::DynamodbTable, vec![table]);
    let whole = vec![of_table(Family::DynamodbItem, "|")];
    let items = match (&object.item, schema) {
        (None, Some(_)) => Vec::new(),
        (Some(key), Some(schema)) if !Generations::of(&schema).needs_comparison() => {
            let generation = item_prefix(&object.scope, schema.generation);
            let identities = key.identities(&schema)?.into_iter();
            identities.map(|identity| [&generation[..], &identity].concat()).collect()
        }
        _ => whole,
    };
    focus.narrow(Family::DynamodbItem, items);
    Ok(())
}

fn refused(context: &mut Context<'_, '_>, table: &[u8], refusal: Refusal) -> Result<()> {
    context.report.problem(&Problem {
        adapter: Namespace::Dynamodb.name(),
        scope: table,
        key: table,
        class: refusal.class,
        message: refusal.message,
        place: None,
    })
}

/// Passes the items of a table on; returns their number.
fn write_table(context: &mut Context<'_, '_>, name: &[u8], table: &Table, schema: &Schema) -> Result<u64> {
    let mut writer = TableWriter::begin(context, name, schema, table.stale);
    if Generations::of(schema).needs_comparison() {
        let live_rows = migration::live_rows(context, name, schema, &table.live, &mut writer.counters)?;
        write_live_rows(context, table, live_rows, &mut writer)?;
    } else {
        write_rows(context, name, table, &mut writer)?;
    }
    writer.finish(context)
}

/// Writes a table in which distinct rows are distinct items (`reading/dynamodb.md#generations`, state 1).
fn write_rows(
    context: &mut Context<'_, '_>,
    name: &[u8],
    table: &Table,
    writer: &mut TableWriter<'_>,
) -> Result<()> {
    for live in table.live.iter().filter(|live| live.rows > 0) {
        let mut rows = context.snapshot.scan_prefix(&item_prefix(name, live.number), None);
        while let Some(entry) = rows.next()? {
            writer.item(context, live.layout, &entry)?;
        }
    }
    Ok(())
}

/// Writes a table in which several rows may be one item (`reading/dynamodb.md#generations`, states 2 and 3).
fn write_live_rows(
    context: &mut Context<'_, '_>,
    table: &Table,
    live_rows: LiveRows,
    writer: &mut TableWriter<'_>,
) -> Result<()> {
    live_rows.read(context.snapshot, |entry| {
        let key = ItemKey::parse(entry.key).map_err(|_| NOT_LIVE.at(entry.place))?;
        let live = table.live.iter().find(|live| live.number == key.generation);
        writer.item(context, live.ok_or_else(|| NOT_LIVE.at(entry.place))?.layout, entry)
    })
}
