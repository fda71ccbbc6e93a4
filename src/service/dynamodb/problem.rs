//! Problems of this adapter: class, table, row (`reading/dynamodb.md#errors`, `tree/problems.md#decided-cases`).

use std::fmt::Display;

use crate::event::Class;
use crate::keyspace::Namespace;
use crate::report::Problem;
use crate::snapshot::Entry;

/// Returns the problem of a row; `table` is empty when it is not known.
pub(super) fn problem<'a>(
    entry: &Entry<'a>,
    table: &'a [u8],
    class: Class,
    reason: &impl Display,
) -> Problem<'a> {
    Problem {
        adapter: Namespace::Dynamodb.name(),
        scope: table,
        key: entry.key,
        class,
        message: reason.to_string(),
        place: Some(entry.place),
    }
}
