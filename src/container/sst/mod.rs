//! `EKVSSTI1`: rows in Pebble tables, one after the other behind a manifest (`format/container.md#sst-ingest-bundle`).
//!
//! In: a [`Source`]. Out: rows as from a native stream, by position or through the tables' own indexes. A first
//! walk reads the file from front to end and checks everything that the manifest, the indexes and the properties say,
//! while other threads hash the tables; later walks rely on it.
//!
//! [`Source`]: super::Source

mod audit;
mod block;
mod bundle;
mod digest;
mod entries;
mod handle;
mod index;
mod manifest;
mod rows;
mod table;
#[cfg(test)]
mod tests;

pub(super) use bundle::Bundle;
pub(crate) use manifest::Manifest;
pub(super) use rows::Rows;

use super::ErrorKind;

/// Length of what follows the user key of an internal key: sequence number and kind, bytes.
const TRAILER: usize = 8;

fn corrupt(what: impl Into<String>) -> ErrorKind {
    ErrorKind::CorruptTable { what: what.into() }
}
