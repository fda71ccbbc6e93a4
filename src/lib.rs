//! Decodes elastickv snapshots (`.fsm`) offline into a tree of ordinary files.
//!
//! ```text
//! file ─container─▶ Row ─keyspace─▶ Family ─store─▶ Entry ─adapter─▶ objects ─dump─▶ tree
//! ```
//!
//! Each stage is one folder and knows only the ones before it. An adapter *pulls*: the snapshot is a
//! read-only store ([`store::Store`]) that it scans by family, in the order it needs, as often as it needs.
//! The library reads no clock and no environment, and prints nothing: times, paths and sinks come in as
//! values.

pub mod adapter;
pub mod codec;
pub mod container;
pub mod crypto;
pub mod cursor;
pub mod decode;
pub mod dump;
pub mod error;
pub mod event;
pub mod excerpt;
pub mod inputs;
pub mod interrupt;
pub mod keyspace;
pub mod layout;
pub mod limits;
pub mod model;
pub mod not_there;
pub mod problem;
pub mod progress;
pub mod report;
pub mod sink;
pub mod sort;
pub mod store;

pub use error::{Error, Result};
