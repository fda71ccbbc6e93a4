//! JSON as Go's `encoding/json` writes it.

pub(crate) mod escape;
mod float;
mod write;

pub use write::{Binary, Html, Lossy, PIECE, compact, indented, piece, pieces, string};
