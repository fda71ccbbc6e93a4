//! What a run says besides the tree: warnings, and the table of every event and problem class that there is.
//!
//! A name is a constant of [`Event`] or [`Class`], made by a row of the table and in no other way; `docs/tree/events.md` is
//! written from the same rows.

mod dumps;
mod dynamodb;
mod encode;
mod export;
mod extra;
mod redis;
mod row;
mod s3;
mod snapshot;
mod sqs;
mod warning;

pub use row::{Class, Event, Row};
pub use warning::Warning;

/// The tables by their titles in `docs/tree/events.md`.
pub const TABLES: [(&str, &[Row]); 9] = [
    ("Container, store and target", snapshot::ROWS),
    ("Keys outside the adapters", extra::ROWS),
    ("Redis", redis::ROWS),
    ("DynamoDB", dynamodb::ROWS),
    ("S3", s3::ROWS),
    ("SQS", sqs::ROWS),
    ("Dumps as inputs", dumps::ROWS),
    ("Encoding", encode::ROWS),
    ("Exports", export::ROWS),
];
