//! The items of one table: from rows to objects, and what there is to say of them.

use super::counters::Counters;
use super::generation::KeyLayout;
use super::problem::problem;
use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::excerpt;
use crate::keyspace::dynamodb::ItemKey;
use crate::model::dynamodb::key::OrderedKey;
use crate::model::dynamodb::{Attributes, Item, KeyValue, Object, Schema, Unservable};
use crate::model::{self, ScopeEnd};
use crate::service::Context;
use crate::snapshot::Entry;

/// Passes the items of one table on.
pub(super) struct TableWriter<'t> {
    name: &'t [u8],
    schema: &'t Schema,
    ordered: OrderedKey,
    /// Counts of the table.
    pub counters: Counters,
}

impl<'t> TableWriter<'t> {
    /// Begins table `name`, which has so many rows of dead generations.
    pub(super) fn begin(
        context: &mut Context<'_, '_>,
        name: &'t [u8],
        schema: &'t Schema,
        stale: u64,
    ) -> Self {
        let mut counters = Counters::default();
        counters.unknown_fields += schema.unknown_fields;
        let writer = Self { name, schema, ordered: OrderedKey::default(), counters };
        writer.warn_stale(context, stale);
        writer
    }

    fn warn_stale(&self, context: &mut Context<'_, '_>, count: u64) {
        if count > 0 {
            context.report.warn(
                Warning::new(Event::DDB_STALE_GENERATION_ITEMS)
                    .with("table", self.table())
                    .with("active_generation", self.schema.generation)
                    .with("migration_source_generation", self.schema.migrating_from)
                    .with("stale_count", count)
                    .with("hint", "rows of generations that no server reads any more are not written"),
            );
        }
    }

    fn table(&self) -> String {
        excerpt::name(self.name)
    }

    /// Passes the item of a row on, whose key is laid out so.
    pub(super) fn item(
        &mut self,
        context: &mut Context<'_, '_>,
        layout: KeyLayout,
        entry: &Entry<'_>,
    ) -> Result<()> {
        let Ok(key) = ItemKey::parse(entry.key) else { return Ok(()) };
        let (attributes, keys) = match Attributes::parse_keyed(entry.body, self.schema) {
            Ok(item) => item,
            Err(reason) => {
                return context.report.problem(&problem(entry, self.name, Class::DDB_INVALID_ITEM, &reason));
            }
        };
        let item = Item {
            table: self.name,
            keys,
            attributes,
            unservable: None.into(),
            row_key: entry.key,
            place: Some(entry.place),
            commit_ts: entry.commit_ts,
        };
        if let Some(refusal) = context.put(model::Object::Dynamodb(Object::Item(&item)))? {
            return context.report.problem(&problem(entry, self.name, refusal.class, &refusal.message));
        }
        self.counters.items += 1;
        self.counters.unknown_fields += attributes.unknown_fields;
        let mut is_ordered = || *self.ordered.identity(&keys) == *key.primary;
        let matches = match layout {
            KeyLayout::Ordered => is_ordered(),
            KeyLayout::Legacy => keys.is_legacy(key.primary),
            KeyLayout::Either => is_ordered() || keys.is_legacy(key.primary),
        };
        if !matches {
            self.counters.mismatch(entry.key);
        }
        let bad_number = || {
            let legacy = layout != KeyLayout::Ordered && keys.iter().any(KeyValue::is_bad_number);
            legacy.then_some(Unservable::NotANumber)
        };
        if let Some(reason) = item.unservable.get().or_else(bad_number) {
            self.counters.unservable(reason, context.sink.place());
        }
        Ok(())
    }

    /// Says what there is to say, and ends the table; returns the number of its items.
    pub(super) fn finish(self, context: &mut Context<'_, '_>) -> Result<u64> {
        let (table, items) = (self.table(), self.counters.items);
        self.counters.warn(context.report, &table);
        context.sink.end_scope(context.report, ScopeEnd::Table)?;
        Ok(items)
    }
}
