//! Tests of the binary as its users run it; modules are named as commands and themes are.

#![allow(unreachable_pub, reason = "modules that several test programs share")]
#![allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a panic fails the test"
)]

mod agree;
mod archive;
mod cli;
mod cluster;
mod colours;
mod deploy;
mod diff;
mod documents;
mod du;
#[path = "../dump/mod.rs"]
mod dump;
mod dumps;
mod encode;
mod encode_routes;
mod encrypted;
mod events;
mod every_input;
mod export;
#[path = "../fixture/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each test target uses its own part")]
mod fixture;
mod get;
mod graph;
#[path = "../heads/mod.rs"]
mod heads;
mod hostile;
mod inspect;
mod jobs;
mod lines;
mod list;
mod live;
mod log;
mod malformed;
mod merge;
mod objects;
mod output;
mod payloads;
mod readback;
mod readme;
mod report;
mod restorable;
mod selected;
mod selection;
mod shards;
mod shell;
mod signals;
mod source;
mod target;
mod tool;
mod verify;
mod words;
