//! Prints every object of a snapshot as a JSON line: what a tool on top of the library looks like.
//!
//! `cargo run --release --example objects -- testdata/live/shop/000000000000016e.fsm`

#![allow(unreachable_pub, reason = "modules that several test programs share")]

use std::io::{self, BufWriter, Write};

use ekv_backup::run::{Source, objects};
use ekv_backup::service::Options;
use ekv_backup::sink::Lines;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let inputs = std::env::args_os().skip(1).map(Into::into).collect();
    let source = Source::new(inputs);
    let scratch = source.scratch(std::env::temp_dir());
    let opened = source.open(&scratch, &mut |_| ())?;
    let mut lines = Lines::new(BufWriter::new(io::stdout().lock()));
    let problems = objects(&opened.snapshot, &Options::default(), &scratch, &mut lines, |warning| {
        eprintln!("warning: {}", warning.event);
    })?;
    lines.into_inner().flush()?;
    if problems > 0 {
        return Err(format!("{problems} objects are missing or altered").into());
    }
    Ok(())
}
