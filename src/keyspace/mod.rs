//! Key bytes to family and typed key: pure functions, no rows, no values (`format/keys.md#families`).
//!
//! [`Family::of`] classifies a user key by its longest matching prefix; the files named after the adapters
//! parse the rest of the key.

pub mod dynamodb;
mod family;
pub mod fs;
pub mod redis;
mod routes;
mod routing;
pub mod s3;
pub mod sqs;

pub use family::{FAMILIES, Family, FamilyInfo, Namespace, Role};
pub use routes::{Route, Routes, State};
pub use routing::routing_key;
