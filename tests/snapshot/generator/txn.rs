//! Transactions that were cut in the middle, in the layouts that live nodes write (`format/keys.md#records-of-transactions`).

use std::io::{self, Write};

use clap::Args;

use super::rows::{NOW_MS, Rows};
use crate::fixture::hlc;

/// Transactions: how many locks, and what became of them
#[derive(Args)]
#[group(id = "txn")]
pub struct Options {
    /// Locks on Redis strings, each with its intent and of a transaction of its own
    #[arg(long, default_value_t = 0)]
    locks: u64,
    /// Commit records of as many of these transactions
    #[arg(long, default_value_t = 0)]
    commit_records: u64,
    /// Bytes of the value in each intent
    #[arg(long, default_value = "20", value_parser = super::size)]
    intent_size: usize,
}

/// Writes commit records, then intents, then locks.
pub fn write<W: Write>(rows: &mut Rows<W>, options: &Options) -> io::Result<()> {
    let (start, commit) = (hlc(NOW_MS - 2_000, 0), hlc(NOW_MS - 1_000, 0));
    for key in rows.numbers(options.commit_records) {
        let record = [format!("!txn|cmt|!redis|str|primary:{key}").as_bytes(), &start.to_be_bytes()].concat();
        rows.put(&record, commit, &[&[1][..], &commit.to_be_bytes()].concat())?;
    }
    for key in rows.numbers(options.locks) {
        let value = [&[0xff, 1, 0], rows.random.bytes(options.intent_size)].concat();
        let length = (value.len() as u64).to_be_bytes();
        let intent = [&[1][..], &start.to_be_bytes(), &[0], &length, &value].concat();
        rows.put(format!("!txn|int|!redis|str|locked:{key}").as_bytes(), start, &intent)?;
    }
    let expires = hlc(NOW_MS + 28_000, 0).to_be_bytes();
    for key in rows.numbers(options.locks) {
        let primary = format!("!redis|str|primary:{key}");
        let length = (primary.len() as u64).to_be_bytes();
        let lock = [&[1][..], &start.to_be_bytes(), &expires, &[0], &length, primary.as_bytes()].concat();
        rows.put(format!("!txn|lock|!redis|str|locked:{key}").as_bytes(), start, &lock)?;
    }
    Ok(())
}
