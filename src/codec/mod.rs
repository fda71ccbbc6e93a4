//! Grammars that several stages read or write; no rows, no files.

pub mod gojson;
pub(crate) mod protobuf;
