//! Problems of this adapter: class, table, row (`dynamodb.md` 6.2, `decisions.md` 4).

use std::fmt::Display;

use crate::keyspace::Namespace;
use crate::report::Problem;
use crate::snapshot::Entry;

/// Class of a key that cannot be split.
pub(super) const MALFORMED_KEY: &str = "ddb_malformed_key";
/// Class of a schema that cannot be decoded.
pub(super) const INVALID_SCHEMA: &str = "ddb_invalid_schema";

/// Returns the problem of a row; `table` is empty when it is not known.
pub(super) fn problem<'a>(
    entry: &Entry<'a>,
    table: &'a [u8],
    class: &'static str,
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
