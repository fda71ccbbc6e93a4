//! Decodes elastickv snapshots (`.fsm`) offline into a tree of ordinary files.
//!
//! ```text
//! file ─container─▶ Row ─keyspace─▶ Family ─snapshot─▶ Entry ─service─▶ Object ─sink─▶ tree
//! ```
//!
//! Each stage is one folder and knows only the ones before it. A service *pulls*: the snapshot is a
//! read-only store ([`snapshot::Snapshot`]) that it scans by family, in the order it needs, as often as it needs.
//! The library reads no clock and no environment, and prints nothing: times, paths and sinks come in as
//! values.

pub mod bug;
pub(crate) mod codec;
pub(crate) mod container;
pub mod crypto;
pub(crate) mod cursor;
pub mod encode;
pub mod error;
pub mod event;
pub(crate) mod excerpt;
pub mod export;
pub mod inputs;
pub mod interrupt;
pub mod keyspace;
pub(crate) mod layout;
pub(crate) mod limits;
pub mod model;
pub mod name;
pub mod not_there;
pub mod problem;
pub mod progress;
pub(crate) mod reader;
pub mod report;
pub mod run;
pub mod service;
pub mod sink;
pub mod snapshot;
pub mod sort;
pub mod time;
pub mod tree;
pub mod worker;

pub use error::{Error, Result};
