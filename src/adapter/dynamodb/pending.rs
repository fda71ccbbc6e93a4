//! Items under the lock of a transaction that nothing in the inputs decides (`dynamodb.md` 3.7).
//!
//! In: visible lock rows. Out: one warning a table; the stored version of each such item is written.

use std::collections::BTreeMap;

use crate::adapter::Context;
use crate::error::Result;
use crate::keyspace::dynamodb::{ItemKey, table_name};
use crate::keyspace::{Family, Owner};
use crate::report::Warning;
use crate::store::{EntryBuf, Lock};

/// Warns of every table that has such items.
pub(super) fn warn(context: &mut Context<'_, '_>) -> Result<()> {
    let mut tables = BTreeMap::<Vec<u8>, u64>::new();
    let mut record = EntryBuf::default();
    let mut locks = context.store.scan(Family::TxnLock);
    while let Some(entry) = locks.next()? {
        let locked = entry.key.strip_prefix(Family::TxnLock.prefix()).map(ItemKey::parse);
        let Some(Ok(key)) = locked else { continue };
        let Ok(table) = table_name(key.table_segment) else { continue };
        let Ok(lock) = Lock::parse(entry.key, entry.body) else { continue };
        if !context.options.in_scope(Owner::Dynamodb, &table) {
            continue;
        }
        let mut decided = false;
        for family in [Family::TxnCommit, Family::TxnRollback] {
            let start = lock.start_ts.to_be_bytes();
            decided = decided
                || context.store.get(&[family.prefix(), lock.primary, &start].concat(), &mut record)?;
        }
        if !decided {
            *tables.entry(table).or_default() += 1;
        }
    }
    for (table, count) in tables {
        let table = String::from_utf8_lossy(&table).into_owned();
        context.report.warn(Warning::new("ddb_pending_txn").with("table", table).with("count", count));
    }
    Ok(())
}
