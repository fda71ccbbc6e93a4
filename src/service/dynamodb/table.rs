//! Tables of the snapshot: where their schemas stand, and which rows each of them has.
//!
//! In: all schema rows, then the keys of all item rows. Out: tables by name; orphans and malformed keys are
//! reported on the way. Tables can be many and their schemas large, so a schema is read again when its table is
//! written.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::generation::{Generations, KeyLayout};
use super::problem::problem;
use crate::bug::Bug;
use crate::cursor;
use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::excerpt;
use crate::keyspace::dynamodb::{ItemKey, MalformedKey, schema_table, table_name};
use crate::keyspace::{Family, Namespace};
use crate::model::dynamodb::Schema;
use crate::service::Context;
use crate::snapshot::{Entry, EntryBuf, RowLocation, Snapshot};
use crate::sort::Sorter;
use crate::time::Hlc;

/// Memory of the names that have rows but no schema, bytes.
const MEMORY: usize = 1 << 20;

const ORPHANS: Bug = Bug::new("a count of items without a table does not read back");

/// A table with a valid schema.
#[derive(Debug)]
pub(super) struct Table {
    /// Where its schema stands.
    schema: RowLocation,
    /// Live generations, the active one first.
    pub live: Vec<LiveGeneration>,
    /// Rows of all other generations.
    pub stale: u64,
}

/// A live generation of a table.
#[derive(Debug)]
pub(super) struct LiveGeneration {
    /// Number.
    pub number: u64,
    /// Layout of its keys.
    pub layout: KeyLayout,
    /// Rows, whether they can be decoded or not.
    pub rows: u64,
}

/// The tables of a snapshot that are in scope, by name; `None` where the schema is invalid.
pub(super) type Tables = BTreeMap<Vec<u8>, Option<Table>>;

/// Reads the schemas of all tables in scope.
pub(super) fn read(context: &mut Context<'_, '_>) -> Result<Tables> {
    let mut tables = Tables::new();
    let mut rows = context.snapshot.scan(Family::DynamodbTable);
    while let Some(entry) = rows.next()? {
        let name = match schema_table(entry.key) {
            Ok(name) => name,
            Err(reason) => {
                if context.options.in_scope(Namespace::Dynamodb, b"") {
                    context.report.problem(&problem(&entry, b"", Class::DDB_MALFORMED_KEY, &reason))?;
                }
                continue;
            }
        };
        if !context.options.in_scope(Namespace::Dynamodb, &name) {
            continue;
        }
        let table = match Schema::parse(&name, entry.body) {
            Ok(schema) => Some(Table::new(entry.place, &schema)),
            Err(reason) => {
                context.report.problem(&problem(&entry, &name, Class::DDB_INVALID_SCHEMA, &reason))?;
                None
            }
        };
        tables.insert(name, table);
    }
    Ok(tables)
}

impl Table {
    fn new(place: RowLocation, schema: &Schema) -> Self {
        let live = Generations::of(schema).live();
        let live = live.map(|(number, layout)| LiveGeneration { number, layout, rows: 0 }).collect();
        Self { schema: place, live, stale: 0 }
    }

    /// Reads the schema again. `name` is the name of this table: with it the schema was found to be valid.
    /// Returns its commit time too, HLC.
    pub(super) fn schema(&self, snapshot: &Snapshot, name: &[u8]) -> Result<(Schema, Hlc)> {
        let mut row = EntryBuf::default();
        snapshot.read(self.schema, &mut row)?;
        let schema = Schema::parse(name, &row.body)
            .map_err(|_| snapshot.differs(self.schema, "a schema cannot be parsed any more"))?;
        Ok((schema, row.commit_ts))
    }

    fn add(&mut self, generation: u64, rows: u64) {
        match self.live.iter_mut().find(|live| live.number == generation) {
            Some(live) => live.rows += rows,
            None => self.stale += rows,
        }
    }
}

/// Whose rows the scan is at: rows of one table are contiguous.
enum Run<'t> {
    Table(&'t mut Table),
    /// Of no table.
    Orphans {
        name: Vec<u8>,
        count: u64,
    },
    /// Out of scope, or of a table whose schema is invalid.
    Ignored,
    /// The table segment, and with it every key that has it, is malformed.
    Malformed(MalformedKey),
}

/// Tells live from stale rows, reports rows without a table and malformed keys.
pub(super) fn count_rows(context: &mut Context<'_, '_>, tables: &mut Tables) -> Result<()> {
    let mut orphans = Sorter::new(context.scratch, MEMORY);
    let runs = context.snapshot.item_runs().map(Vec::from_iter);
    match runs.filter(|runs| runs.iter().all(|(segment, ..)| table_name(segment).is_ok())) {
        Some(runs) => {
            let (mut last, mut run) = (&[][..], Run::Ignored);
            for (segment, generation, rows) in runs {
                if segment != last {
                    run.keep(&mut orphans)?;
                    (last, run) = (segment, Run::begin(context, tables, segment));
                }
                run.count(generation, rows);
            }
            run.keep(&mut orphans)?;
        }
        None => scan_rows(context, tables, &mut orphans)?,
    }
    warn_orphans(context, orphans)
}

/// Does it by the keys of all items.
fn scan_rows(context: &mut Context<'_, '_>, tables: &mut Tables, orphans: &mut Sorter) -> Result<()> {
    let mut segment = Vec::new();
    let mut run = Run::Ignored;
    let mut rows = context.snapshot.scan(Family::DynamodbItem);
    while let Some(entry) = rows.next()? {
        let key = match ItemKey::parse(entry.key) {
            Ok(key) => key,
            Err(reason) => {
                malformed(context, &entry, reason)?;
                continue;
            }
        };
        if key.table_segment != segment {
            run.keep(orphans)?;
            segment.clear();
            segment.extend_from_slice(key.table_segment);
            run = Run::begin(context, tables, &segment);
        }
        if let Some(reason) = run.count(key.generation, 1) {
            malformed(context, &entry, reason)?;
        }
    }
    run.keep(orphans)
}

impl<'t> Run<'t> {
    /// Begins with the rows that have this segment.
    fn begin(context: &Context<'_, '_>, tables: &'t mut Tables, segment: &[u8]) -> Self {
        match table_name(segment) {
            Err(reason) => Run::Malformed(reason),
            Ok(name) if !context.options.in_scope(Namespace::Dynamodb, &name) => Run::Ignored,
            Ok(name) => match tables.get_mut(&name) {
                Some(Some(table)) => Run::Table(table),
                Some(None) => Run::Ignored,
                None => Run::Orphans { name, count: 0 },
            },
        }
    }

    /// Counts rows of a generation; returns what is malformed about their keys.
    fn count(&mut self, generation: u64, rows: u64) -> Option<MalformedKey> {
        match self {
            Run::Table(table) => table.add(generation, rows),
            Run::Orphans { count, .. } => *count += rows,
            Run::Ignored => {}
            Run::Malformed(reason) => return Some(*reason),
        }
        None
    }
}

impl Run<'_> {
    /// Notes orphans once all rows of their table have passed.
    fn keep(&self, orphans: &mut Sorter) -> Result<()> {
        match self {
            Run::Orphans { name, count } => Ok(orphans.push(name, &count.to_be_bytes())?),
            _ => Ok(()),
        }
    }
}

/// Warns of rows without a table, in the order of the names.
fn warn_orphans(context: &mut Context<'_, '_>, mut orphans: Sorter) -> Result<()> {
    let mut names = orphans.sort()?;
    while let Some((name, value)) = names.next()? {
        let count = cursor::take_u64_be(&mut &*value).ok_or_else(|| ORPHANS.at((name, value)))?;
        context.report.warn(
            Warning::new(Event::DDB_ORPHAN_ITEMS)
                .with("encoded_table", excerpt::name(URL_SAFE_NO_PAD.encode(name).as_bytes()))
                .with("buffered_items", count)
                .with("table", excerpt::name(name)),
        );
    }
    Ok(())
}

fn malformed(context: &mut Context<'_, '_>, entry: &Entry<'_>, reason: MalformedKey) -> Result<()> {
    let segment = ItemKey::split_table(entry.key).map(|(segment, _)| segment);
    let name = segment.and_then(table_name).unwrap_or_default();
    if context.options.in_scope(Namespace::Dynamodb, &name) {
        context.report.problem(&problem(entry, &name, Class::DDB_MALFORMED_KEY, &reason))?;
    }
    Ok(())
}
