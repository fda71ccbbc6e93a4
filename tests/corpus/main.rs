//! Writes the snapshots that `.ci/compare` decodes with two binaries: every golden case as it stands, and mixtures of
//! their rows, broken here and there, in every payload. The same seed gives the same files.
//!
//! In: a directory to make, a seed, a count. Out: `NAME.fsm`, and in `NAME.options` the words of its options.

#![allow(unreachable_pub, reason = "modules that several test programs share")]
#![allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a panic ends a failed run"
)]

#[path = "../cases/bytes.rs"]
mod bytes;
#[path = "../cases/case.rs"]
#[allow(dead_code, reason = "what a case expects is of no use here")]
mod case;
#[path = "../fixture/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod fixture;
#[path = "../cases/input.rs"]
mod input;
mod mixture;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Parser;
use flate2::read::GzDecoder;

use case::Case;
use mixture::{Mixture, Row, Source};

/// Write the snapshots that two binaries are compared on
#[derive(Parser)]
struct Arguments {
    /// Directory to make
    out: PathBuf,
    /// Seed of the mixtures
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of mixtures
    #[arg(long, default_value_t = 200)]
    count: u64,
}

fn main() {
    let arguments = Arguments::parse();
    fs::create_dir_all(&arguments.out).expect("the directory can be made");
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut sources = Vec::new();
    for path in files(&testdata.join("cases"), "case") {
        let case = Case::read(&path).expect("a case can be read");
        let (part, name) = (path.parent().unwrap().file_name().unwrap(), path.file_stem().unwrap());
        let part = part.to_string_lossy().into_owned();
        let name = format!("case-{part}-{}", name.to_string_lossy());
        put(&arguments.out, &name, &case.input, &case.options);
        sources.push(Source { rows: rows(&case.input), part });
    }
    for path in files(&testdata.join("live"), "gz") {
        let mut bytes = Vec::new();
        let file = fs::File::open(&path).expect("a capture can be opened");
        GzDecoder::new(file).read_to_end(&mut bytes).expect("a capture can be read");
        sources.push(Source { rows: small(rows(&bytes)), part: "live".into() });
    }
    sources.retain(|source| !source.rows.is_empty());
    for number in 0..arguments.count {
        let mixture = Mixture::new(&sources, arguments.seed, number);
        let name = format!("mixed-{number:03}");
        put(&arguments.out, &name, &mixture.file, &mixture.options);
        if let Some(keys) = mixture.keys {
            fs::write(arguments.out.join(format!("{name}.keys.json")), keys).expect("a file can be written");
            fs::write(arguments.out.join("kek.bin"), mixture::KEK).expect("a file can be written");
        }
    }
}

/// Writes a snapshot and its options.
fn put(out: &Path, name: &str, bytes: &[u8], options: &[String]) {
    fs::write(out.join(format!("{name}.fsm")), bytes).expect("a file can be written");
    fs::write(out.join(format!("{name}.options")), options.join("\n")).expect("a file can be written");
}

/// Returns the files below a directory with this extension, sorted.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("testdata can be listed") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Leaves out rows whose size would make the mixtures slow.
fn small(mut rows: Vec<Row>) -> Vec<Row> {
    rows.retain(|(_, value)| value.len() <= 20_000);
    rows
}

/// Returns the rows of a native payload in the clear, none of any other file.
fn rows(file: &[u8]) -> Vec<Row> {
    let mut out = Vec::new();
    let Some(start) = file.windows(8).take(4_096).position(|window| window == b"EKVPBBL1") else {
        return out;
    };
    let mut rest = file.get(start + 16..).unwrap_or_default();
    while let Some((key, after)) = piece(rest) {
        let Some((value, after)) = piece(after) else { break };
        let time = key.last_chunk().map_or(0, |ts| !u64::from_be_bytes(*ts) >> 16);
        let sound =
            value.len() >= 9 && value[0] < 2 && (1_000_000_000_000..2_000_000_000_000).contains(&time);
        // What makes a whole file refused stays in its own case.
        if key.len() >= 9 && sound && !key.starts_with(b"_meta_") {
            out.push((key.to_vec(), value.to_vec()));
        }
        rest = after;
    }
    out
}

fn piece(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}
