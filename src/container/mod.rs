//! Snapshot bytes to rows: header, payload, footer (`container.md`).
//!
//! In: a [`Source`] of bytes. Out: [`Row`]s, lent one at a time, each with its offset; nothing here knows
//! what a key means.

mod error;
mod source;

pub use error::{Error, ErrorKind};
pub use source::Source;
