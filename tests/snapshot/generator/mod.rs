//! Snapshots of any size and shape, generated in the order of the file: memory stays constant.
//!
//! In: counts and sizes. Out: the bytes of a snapshot, as a live node would write them.

mod dynamodb;
mod random;
mod redis;
mod rows;
mod s3;
mod sqs;
mod txn;

use std::io::{self, Write};

use clap::{Args, ValueEnum};

use rows::Rows;

/// What the snapshot holds.
#[derive(Args)]
pub struct Options {
    /// Versions of each key, the newest included
    #[arg(long, default_value_t = 1)]
    versions: u64,
    /// Deleted keys, in percent of those that are there
    #[arg(long, default_value_t = 0)]
    deleted: u64,
    /// Number of the first key of each family: files of several groups hold other keys each
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// From the number of a key to that of the next one
    #[arg(long, default_value_t = 1)]
    stride: u64,
    /// Seed of the contents
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What stands around the payload
    #[arg(long, value_enum, default_value_t = Frame::V1)]
    frame: Frame,
    /// Which payload the rows are written into
    #[arg(long, value_enum, default_value_t = Payload::Native)]
    payload: Payload,
    #[command(flatten)]
    redis: redis::Options,
    #[command(flatten)]
    dynamodb: dynamodb::Options,
    #[command(flatten)]
    s3: s3::Options,
    #[command(flatten)]
    sqs: sqs::Options,
    #[command(flatten)]
    txn: txn::Options,
    /// Keys without a prefix
    #[arg(long, default_value_t = 0)]
    kv: u64,
    /// Bytes of the value of each of them
    #[arg(long, default_value = "100", value_parser = size)]
    kv_size: usize,
}

/// What stands around the payload.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Frame {
    /// Header of version 1, operational rows, footer
    V1,
    /// The same with a header of version 2
    V2,
    /// The payload alone
    None,
}

/// The store's payload.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Payload {
    /// The native stream
    Native,
    /// An SST-ingest bundle; its tables wait in a temporary file
    Sst,
}

/// Writes a snapshot; returns its size, bytes.
pub fn write<W: Write>(out: W, options: &Options) -> io::Result<u64> {
    let numbers = (options.first, options.stride);
    let mut rows = Rows::new(out, options.versions, options.deleted, numbers, options.seed);
    rows.begin(options.frame, options.payload)?;
    // The order of families in a file: `reading/versions.md#order-of-rows`.
    dynamodb::write(&mut rows, &options.dynamodb)?;
    redis::write_hashes(&mut rows, &options.redis)?;
    redis::write_lists(&mut rows, &options.redis)?;
    redis::write_strings(&mut rows, &options.redis)?;
    s3::write(&mut rows, &options.s3)?;
    sqs::write(&mut rows, &options.sqs)?;
    redis::write_streams(&mut rows, &options.redis)?;
    redis::write_sets(&mut rows, &options.redis)?;
    txn::write(&mut rows, &options.txn)?;
    redis::write_zsets(&mut rows, &options.redis)?;
    rows.operational(options.frame)?;
    for key in rows.numbers(options.kv) {
        let value = rows.random.bytes(options.kv_size).to_vec();
        rows.write(&key, format!("kv:{key}").as_bytes(), &value)?;
    }
    rows.finish(options.frame)
}

/// Reads a number of bytes, or of KiB, MiB or GiB.
fn size(text: &str) -> Result<usize, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];
    let (number, unit) = units
        .iter()
        .find_map(|(name, unit)| text.strip_suffix(name).map(|number| (number, unit)))
        .expect("every text ends in an empty one");
    let number: usize = number.parse().map_err(|_| format!("{text:?} is no size"))?;
    number.checked_mul(*unit).ok_or_else(|| format!("{text:?} is too large"))
}
