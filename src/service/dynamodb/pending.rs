//! Keys under the lock of a transaction that nothing in the inputs decides (`reading/dynamodb.md#pending-transactions`).
//!
//! In: the locks that the store could not resolve. Out: one warning a table, which counts its keys of all
//! families; the stored version of each such key counts.

use std::collections::BTreeMap;

use crate::event::{Event, Warning};
use crate::excerpt;
use crate::keyspace::Namespace;
use crate::keyspace::dynamodb::any_table;
use crate::service::Context;

/// Warns of every table that has such keys.
pub(super) fn warn(context: &mut Context<'_, '_>) {
    let mut tables = BTreeMap::<Vec<u8>, u64>::new();
    for lock in context.snapshot.undecided() {
        let Ok(table) = any_table(&lock.key) else { continue };
        if context.options.in_scope(Namespace::Dynamodb, &table) {
            *tables.entry(table).or_default() += 1;
        }
    }
    for (table, count) in tables {
        context.report.warn(
            Warning::new(Event::DDB_PENDING_TXN).with("table", excerpt::name(&table)).with("count", count),
        );
    }
}
