//! Snapshot bytes to rows: header, payload, footer (`format/container.md`).
//!
//! In: a [`Source`] of bytes. Out: [`Row`]s, lent one at a time, each with its offset; nothing here knows
//! what a key means.

mod ahead;
mod checksums;
mod compression;
mod contents;
mod error;
pub(crate) mod fingerprint;
#[cfg(test)]
pub(crate) mod fixture;
mod footer;
mod foreign;
mod header;
mod identity;
mod layout;
mod memory;
mod name;
mod native;
mod offload;
mod open;
mod position;
mod row;
mod rows;
mod source;
mod spool;
mod sst;
mod stream;
mod window;

use crate::time::Hlc;
pub(crate) use checksums::Checksums;
pub(crate) use compression::Compression;
pub(crate) use contents::Contents;
pub(crate) use error::{Error, ErrorKind, Excerpt};
pub(crate) use layout::{Layout, Payload};
pub(crate) use memory::MemoryHeader;
pub(crate) use name::snapshot_index;
pub(crate) use offload::Proof;
pub(crate) use open::is_dump;
pub(crate) use open::read_full;
pub(crate) use position::Position;
pub(crate) use row::{KEY_SUFFIX, Row, RowHeader, VALUE_HEADER};
pub(crate) use rows::Rows;
pub(crate) use source::Source;
pub(crate) use sst::Manifest;

/// Reads `last_commit_ts` of a payload's own header or manifest, an HLC timestamp; 0 where there is no payload, or
/// where the manifest is damaged: [`Contents::open`] tells.
pub(crate) fn last_commit_ts(source: &Source, layout: &Layout) -> Result<Hlc, Error> {
    match layout.payload {
        Payload::Native => native::last_commit_ts(source, layout),
        Payload::Memory => Ok(MemoryHeader::read(source, layout)?.last_commit_ts),
        Payload::Sst => match Manifest::read(source, layout) {
            Err(error) if !error.kind.is_unreadable() => Ok(Hlc::ZERO),
            read => read.map(|(manifest, _)| manifest.last_commit_ts),
        },
        Payload::Empty | Payload::Oracle { .. } => Ok(Hlc::ZERO),
    }
}
