//! Writes a snapshot of any size and shape, as a live node would: for measurements and for tests of scale.
//!
//! A snapshot of 10 GiB can go through a pipe. `cargo run --release --example snapshot -- --help`

#![allow(unreachable_pub, reason = "modules that several test programs share")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "a panic ends a failed run")]

#[path = "../fixture/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod fixture;
mod generator;

use std::fs::File;
use std::io::{self, Write};

use clap::Parser;

/// Write a snapshot of the given size and shape
#[derive(Parser)]
struct Arguments {
    /// The file to write; - is standard output
    out: String,
    #[command(flatten)]
    snapshot: generator::Options,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let out: Box<dyn Write> = if arguments.out == "-" {
        Box::new(io::stdout().lock())
    } else {
        Box::new(File::create(&arguments.out)?)
    };
    let bytes = generator::write(out, &arguments.snapshot)?;
    eprintln!("{bytes} bytes");
    Ok(())
}
