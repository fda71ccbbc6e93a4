//! The items of one table of `DynamoDB`: a first pass finds the columns, the second writes the rows.

use super::schema::{Cell, Column, ITEMS, Kind};
use super::store::Store;
use super::types::{Columns, Types, cell};
use crate::bug::Bug;
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::excerpt;
use crate::model::dynamodb::members::{Members, checked};
use crate::model::dynamodb::value::{Collection, Value};
use crate::model::dynamodb::{Attributes, Item, Table};
use crate::report::Report;
use crate::sort::{Scratch, Sorter};
use crate::tree::segment;

/// Names of the columns behind those of the attributes.
const OWN: [&str; 2] = ["_item", "_commit_ts"];
/// Items that wait in memory for the second pass, bytes.
const MEMORY: usize = 16 << 20;
/// A record that is larger does not keep its room.
const RECORD: usize = 1 << 20;
const NO_RECORD: Bug = Bug::new("an item that waits for its columns does not read back");

/// The table at hand.
pub(super) struct Items {
    name: Vec<u8>,
    keys: [String; 2],
    types: Types,
    /// Commit times and messages under one key: what is of one key keeps its order.
    waiting: Sorter,
    record: Vec<u8>,
}

impl Items {
    pub(super) fn new(scratch: &Scratch, table: &Table<'_>) -> Self {
        let schema = table.schema;
        Self {
            name: table.name.to_vec(),
            keys: [schema.hash_key().to_owned(), schema.range_key().unwrap_or_default().to_owned()],
            types: Types::default(),
            waiting: Sorter::new(scratch, MEMORY),
            record: Vec::new(),
        }
    }

    /// Adds an item.
    pub(super) fn push(&mut self, item: &Item<'_>) -> Result<()> {
        checked(self.types.learn(&item.attributes))?;
        self.record.clear();
        self.record.shrink_to(RECORD);
        self.record.extend_from_slice(&item.commit_ts.0.to_be_bytes());
        self.record.extend_from_slice(item.attributes.message);
        Ok(self.waiting.push(b"", &self.record)?)
    }

    /// Writes the rows.
    pub(super) fn finish(self, store: &mut Store, report: &mut Report<'_>) -> Result<()> {
        let Self { name, keys: [hash, range], types, mut waiting, .. } = self;
        let found = types.columns([&hash, &range], &OWN);
        say(&found, &name, report);
        let Columns { list: mut columns, places, .. } = found;
        let kinds: Vec<Kind> = columns.iter().map(|column| column.kind).collect();
        let own = OWN.into_iter().zip([Kind::Json, Kind::UInt]);
        columns.extend(own.map(|(name, kind)| Column::new(name, kind)));
        let folder = match segment::encode_directory(&name) {
            Some(segment) => format!("{ITEMS}/{}", segment.text),
            None => ITEMS.to_owned(),
        };
        let mut writer = store.writer(ITEMS, folder.into_bytes(), columns)?;
        let mut rows = waiting.sort()?;
        while let Some((_, record)) = rows.next()? {
            let (commit_ts, message) = record.split_first_chunk().ok_or(NO_RECORD)?;
            let attributes = Attributes { message, unknown_fields: 0 };
            let mut cells = vec![Cell::Null; kinds.len()];
            scalars(message, &places, &kinds, &mut cells)?;
            cells.push(Cell::Item(&attributes));
            cells.push(Cell::known(u64::from_be_bytes(*commit_ts)));
            writer.row(&mut store.tree, &cells)?;
        }
        drop(rows);
        store.end(writer, Some(&name))
    }
}

/// Puts the values of an item into its columns; names of attributes and of columns are in one order.
fn scalars<'a>(
    message: &'a [u8],
    places: &[(String, usize)],
    kinds: &[Kind],
    cells: &mut [Cell<'a>],
) -> Result<()> {
    let mut members = Members::new(message);
    let map = members.open(Collection::from(message).elements())?;
    let mut columns = places.iter().peekable();
    for at in map.clone() {
        let Some((name, entry)) = members.get(&map, at)? else { continue };
        while columns.next_if(|(column, _)| column.as_str() < name).is_some() {}
        let Some((_, place)) = columns.next_if(|(column, _)| column == name) else { continue };
        if let (Some(cell_), Some(&kind)) = (cells.get_mut(*place), kinds.get(*place)) {
            *cell_ = cell(checked(Value::of_entry(entry))?, kind);
        }
    }
    Ok(())
}

fn say(found: &Columns, table: &[u8], report: &mut Report<'_>) {
    let warning = |event| Warning::new(event).with("table", excerpt::name(table));
    for (name, why) in &found.left_out {
        let warning = warning(Event::EXPORT_COLUMN).with("name", excerpt::name(name.as_bytes()));
        report.warn(warning.with("reason", *why));
    }
    if found.more {
        report.warn(warning(Event::EXPORT_COLUMNS).with("columns", found.list.len()));
    }
}
