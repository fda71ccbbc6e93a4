//! SQS: queues and their messages (`format/sqs.md`).
//!
//! In: the nine `!sqs|` families. Out: `sqs/<queue>/`, `extra/sqs/queues.jsonl`. Two steps: `collect` turns
//! each row into a record of its queue, `write` writes the queues from the sorted records. So memory holds
//! one queue's few facts and one message, whatever the number of queues and messages.

mod collect;
pub(crate) mod delivery;
mod filter;
pub(crate) mod message;
mod other_group;
pub(crate) mod partition;
mod pending;
pub(crate) mod queue;
mod queue_state;
mod record;
mod stored;
mod value;
mod write;

pub(crate) use delivery::delivery;

use super::{Context, Scope};
use crate::error::Result;
use crate::tree::Sorter;

/// What the records of all queues may hold of memory before they go to disk, bytes.
const MEMORY: usize = 24 << 20;

/// Writes all queues in scope and returns their names.
pub(crate) fn dump(context: &mut Context<'_, '_>) -> Result<Scope> {
    if let Some(warning) = pending::warning(context.snapshot.undecided(), context.options) {
        context.report.warn(warning);
    }
    let mut records = Sorter::new(context.scratch, MEMORY);
    collect::collect(context, &mut records)?;
    write::write(context, &mut records)
}

#[cfg(test)]
mod damaged;
#[cfg(test)]
mod tests;
