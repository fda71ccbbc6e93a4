//! Snapshot bytes to rows: header, payload, footer (`container.md`).
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

pub use checksums::Checksums;
pub use compression::Compression;
pub use contents::Contents;
pub use error::{Error, ErrorKind, Excerpt};
pub use header::Header;
pub use layout::{Layout, Payload};
pub use memory::MemoryHeader;
pub use name::snapshot_index;
pub use offload::Proof;
pub use open::is_dump;
pub(crate) use open::read_full;
pub use position::Position;
pub use row::{KEY_SUFFIX, Row, RowHeader, VALUE_HEADER};
pub use rows::{End, Rows};
pub use source::Source;
pub use sst::Manifest;

/// Reads `last_commit_ts` of a payload's own header or manifest, an HLC timestamp; 0 where there is no payload, or
/// where the manifest is damaged: [`Contents::open`] tells.
pub fn last_commit_ts(source: &Source, layout: &Layout) -> Result<u64, Error> {
    match layout.payload {
        Payload::Native => native::last_commit_ts(source, layout),
        Payload::Memory => Ok(MemoryHeader::read(source, layout)?.last_commit_ts),
        Payload::Sst => match Manifest::read(source, layout) {
            Err(error) if !error.kind.is_unreadable() => Ok(0),
            read => read.map(|(manifest, _)| manifest.last_commit_ts),
        },
        Payload::Empty | Payload::Oracle { .. } => Ok(0),
    }
}
