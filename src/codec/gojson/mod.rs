//! JSON as Go's `encoding/json` writes it, and as its readers take it.

pub(crate) mod escape;
mod float;
pub mod read;
mod write;

pub use write::{Binary, Html, Lossy, PIECE, compact, indented, piece, pieces, string};
