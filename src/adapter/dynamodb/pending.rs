//! Items under the lock of a transaction that nothing in the inputs decides (`dynamodb.md` 3.7).
//!
//! In: the locks that the store could not resolve. Out: one warning a table; the stored version of each such
//! item is written.

use std::collections::BTreeMap;

use crate::adapter::Context;
use crate::keyspace::Owner;
use crate::keyspace::dynamodb::{ItemKey, table_name};
use crate::report::Warning;

/// Warns of every table that has such items.
pub(super) fn warn(context: &mut Context<'_, '_>) {
    let mut tables = BTreeMap::<Vec<u8>, u64>::new();
    for lock in context.store.undecided() {
        let Ok(key) = ItemKey::parse(&lock.key) else { continue };
        let Ok(table) = table_name(key.table_segment) else { continue };
        if context.options.in_scope(Owner::Dynamodb, &table) {
            *tables.entry(table).or_default() += 1;
        }
    }
    for (table, count) in tables {
        let table = String::from_utf8_lossy(&table).into_owned();
        context.report.warn(Warning::new("ddb_pending_txn").with("table", table).with("count", count));
    }
}
