//! The directory of one table: `_schema.json`, its items in one of two layouts, and what there is to say of them.

use super::bundle::Bundle;
use super::fallback::{Fallbacks, Reason};
use super::generation::KeyLayout;
use super::identity::{KeyValue, KeyValues, OrderedKey};
use super::item::{InvalidItem, Item};
use super::layout::{PerItem, Put};
use super::line;
use super::problem::{INVALID_ITEM, problem};
use super::render;
use super::schema::Schema;
use super::tally::Tally;
use super::value::Unservable;
use crate::adapter::Context;
use crate::dump::layout::file_writer::{FileBuffer, FileWriter};
use crate::dump::{keymap, segment};
use crate::error::Result;
use crate::excerpt;
use crate::keyspace::dynamodb::ItemKey;
use crate::report::Warning;
use crate::store::Entry;

/// Decodes an item and finds its key attributes.
pub(super) fn decode<'a>(
    entry: &Entry<'a>,
    schema: &Schema,
) -> Result<(Item<'a>, KeyValues<'a>), InvalidItem> {
    let item = Item::parse(entry.body)?;
    let keys = KeyValues::of(&item, schema)?;
    Ok((item, keys))
}

/// Writes one table.
pub(super) struct TableWriter<'t> {
    name: &'t [u8],
    schema: &'t Schema,
    layout: Layout,
    fallbacks: Fallbacks,
    ordered: OrderedKey,
    /// A line of a bundle.
    line: Vec<u8>,
    /// Counts of the table.
    pub tally: Tally,
}

enum Layout {
    PerItem(Box<PerItem>),
    Bundle(Box<Bundle>),
}

impl<'t> TableWriter<'t> {
    /// Writes `_schema.json` of table `name`, which has so many rows of dead generations.
    pub fn begin(
        context: &mut Context<'_, '_>,
        name: &'t [u8],
        schema: &'t Schema,
        stale: u64,
    ) -> Result<Self> {
        let mut fallbacks = Fallbacks::new(context.tree.scratch());
        let mut directory = b"dynamodb/".to_vec();
        if let Some(segment) = segment::encode_directory(name) {
            directory.extend_from_slice(segment.text.as_bytes());
            if segment.fallback {
                let dot = matches!(name, b"." | b"..");
                fallbacks.push(&directory, name, if dot { Reason::DotTable } else { Reason::Encoding })?;
            }
        }
        let path = [&directory[..], b"/_schema.json"].concat();
        let mut page = FileWriter { buffer: &mut FileBuffer::default(), tree: context.tree, path: &path };
        schema.write(&mut page)?;
        page.finish()?;
        let layout = match context.options.dynamodb_bundle {
            None => Layout::PerItem(Box::new(PerItem::new(&directory))),
            Some(size) => Layout::Bundle(Box::new(Bundle::new(&directory, size))),
        };
        let mut tally = Tally::default();
        tally.unknown_fields += schema.unknown_fields;
        let writer =
            Self { name, schema, layout, fallbacks, ordered: OrderedKey::default(), line: Vec::new(), tally };
        writer.warn_stale(context, stale);
        Ok(writer)
    }

    fn warn_stale(&self, context: &mut Context<'_, '_>, count: u64) {
        if count > 0 {
            let [active, source] = self.schema.generations().stored();
            context.report.warn(
                Warning::new("ddb_stale_generation_items")
                    .with("table", self.table())
                    .with("active_generation", active)
                    .with("migration_source_generation", source)
                    .with("stale_count", count)
                    .with("hint", "rows of generations that no server reads any more are not written"),
            );
        }
    }

    fn table(&self) -> String {
        excerpt::name(self.name)
    }

    /// Writes the item of a row whose key is laid out so.
    pub fn item(
        &mut self,
        context: &mut Context<'_, '_>,
        layout: KeyLayout,
        entry: &Entry<'_>,
    ) -> Result<()> {
        let Ok(key) = ItemKey::parse(entry.key) else { return Ok(()) };
        let (item, keys) = match decode(entry, self.schema) {
            Ok(item) => item,
            Err(reason) => return self.problem(context, entry, &reason),
        };
        let mut unservable = None;
        let path = match &mut self.layout {
            Layout::PerItem(files) => {
                let put = files.put(context.tree, &mut self.fallbacks, &keys, &mut |page| {
                    unservable = render::item(page, &item, render::Layout::Indented)?;
                    Ok(())
                })?;
                match put {
                    Put::Written => {}
                    Put::Taken => {
                        let reason = "other items have its name and its fallback name";
                        return self.problem(context, entry, &reason);
                    }
                    Put::KeymapLine(reason) => {
                        let class = keymap::LINE_TOO_LONG;
                        return context.report.problem(&problem(entry, self.name, class, &reason));
                    }
                }
                files.path()
            }
            Layout::Bundle(parts) => {
                unservable = line::write(context.tree, parts, &item, &mut self.line)?;
                parts.path()
            }
        };
        self.tally.items += 1;
        self.tally.unknown_fields += item.unknown_fields;
        let mut is_ordered = || *self.ordered.identity(&keys) == *key.primary;
        let matches = match layout {
            KeyLayout::Ordered => is_ordered(),
            KeyLayout::Legacy => keys.is_legacy(key.primary),
            KeyLayout::Either => is_ordered() || keys.is_legacy(key.primary),
        };
        if !matches {
            self.tally.mismatch(entry.key);
        }
        let bad_number = || {
            let legacy = layout != KeyLayout::Ordered && keys.iter().any(KeyValue::is_bad_number);
            legacy.then_some(Unservable::NotANumber)
        };
        if let Some(reason) = unservable.or_else(bad_number) {
            self.tally.unservable(reason, path);
        }
        Ok(())
    }

    fn problem(
        &self,
        context: &mut Context<'_, '_>,
        entry: &Entry<'_>,
        reason: &impl std::fmt::Display,
    ) -> Result<()> {
        context.report.problem(&problem(entry, self.name, INVALID_ITEM, reason))
    }

    /// Finishes the last part, and says what there is to say.
    pub fn finish(self, context: &mut Context<'_, '_>) -> Result<u64> {
        let (table, items) = (self.table(), self.tally.items);
        let per_item = match self.layout {
            Layout::PerItem(_) => true,
            Layout::Bundle(parts) => parts.finish(context.tree).map(|()| false)?,
        };
        self.tally.warn(context.report, &table, per_item);
        let keymap = (!context.options.no_extra).then_some(context.tree.keymap());
        self.fallbacks.finish(keymap, context.report, &table)?;
        Ok(items)
    }
}
