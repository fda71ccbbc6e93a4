//! Snapshots for unit tests, built row by row.

use std::io::Write;
use std::path::Path;

use super::Source;

// The writers of the integration tests, which share nothing with this module.
#[allow(unreachable_pub, reason = "shared with the test programs")]
#[path = "../../tests/fixture/bundle.rs"]
#[allow(dead_code, missing_docs, clippy::pedantic, reason = "written for the integration tests")]
pub(crate) mod bundle;
#[allow(unreachable_pub, reason = "shared with the test programs")]
#[path = "../../tests/fixture/table.rs"]
#[allow(dead_code, missing_docs, clippy::pedantic, clippy::cast_possible_truncation, reason = "as above")]
pub(crate) mod table;

/// Returns a source that holds `bytes`.
pub(crate) fn source(bytes: &[u8]) -> Source {
    source_named("test.fsm", bytes)
}

/// Returns a source of this file name that holds `bytes`, in a file that nothing can change.
pub(crate) fn source_named(name: &str, bytes: &[u8]) -> Source {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    source_of(name, file)
}

/// Returns a source of this file name that reads `file`, whatever is written to it.
pub(crate) fn source_of(name: &str, file: std::fs::File) -> Source {
    Source::in_place(Path::new(name), file, None, &crate::interrupt::Interrupt::default()).unwrap()
}

/// Compresses bytes as one gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compresses bytes as one zstd frame.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 1).unwrap()
}

/// Returns `user_key · NOT ts`.
pub(crate) fn encoded(user_key: &[u8], ts: u64) -> Vec<u8> {
    [user_key, &(!ts).to_be_bytes()].concat()
}

/// A native payload under construction. Rows are written in the order of their encoded keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Native {
    pub(crate) last_commit_ts: u64,
    pub(crate) rows: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Native {
    pub(crate) fn new(last_commit_ts: u64) -> Self {
        Self { last_commit_ts, rows: Vec::new() }
    }

    /// Adds a row as it stands in the file.
    pub(crate) fn raw(mut self, key: &[u8], value: &[u8]) -> Self {
        self.rows.push((key.to_vec(), value.to_vec()));
        self
    }

    /// Adds a version: value flags, expiry, body.
    pub(crate) fn version(self, key: &[u8], ts: u64, flags: u8, expire_at: u64, body: &[u8]) -> Self {
        let value = [&[flags], &expire_at.to_le_bytes()[..], body].concat();
        self.raw(&encoded(key, ts), &value)
    }

    pub(crate) fn put(self, key: &[u8], ts: u64, body: &[u8]) -> Self {
        self.version(key, ts, 0, 0, body)
    }

    pub(crate) fn delete(self, key: &[u8], ts: u64) -> Self {
        self.version(key, ts, 1, 0, b"")
    }

    /// Returns the payload, without header and footer; rows in the order in which they were added.
    pub(crate) fn unsorted(&self) -> Vec<u8> {
        let mut bytes = [b"EKVPBBL1", &self.last_commit_ts.to_le_bytes()[..]].concat();
        for (key, value) in &self.rows {
            for field in [key, value] {
                bytes.extend((field.len() as u64).to_le_bytes());
                bytes.extend(field);
            }
        }
        bytes
    }

    /// Returns the payload, without header and footer, rows sorted.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut sorted = self.clone();
        sorted.rows.sort();
        sorted.unsorted()
    }

    /// Returns a file as a live node writes it.
    pub(crate) fn file(&self) -> Vec<u8> {
        headed(&self.payload())
    }

    /// Returns the source of an SST-ingest bundle of the same rows: small blocks, indexes and tables.
    pub(crate) fn tables(&self) -> Source {
        let mut sorted = self.clone();
        sorted.rows.sort();
        let shape = table::Shape { block: 60, index_block: 80, ..table::Shape::default() };
        source(&headed(&bundle::Bundle::new(self.last_commit_ts, &sorted.rows, 400, &shape).payload()))
    }

    /// Returns the source of such a file.
    pub(crate) fn source(&self) -> Source {
        source(&self.file())
    }
}

/// Puts a version 1 header in front of a payload and a footer behind it.
pub(crate) fn headed(payload: &[u8]) -> Vec<u8> {
    with_footer([b"EKVTHLC1", &0_u64.to_be_bytes()[..], payload].concat())
}

/// Puts a footer behind `bytes`.
pub(crate) fn with_footer(mut bytes: Vec<u8>) -> Vec<u8> {
    let footer = crc32c::crc32c(&bytes).to_be_bytes();
    bytes.extend(footer);
    bytes
}

/// One version in an `EKVMVCC2` payload: timestamp, tombstone, expiry, value.
pub(crate) type MemoryVersion<'a> = (u64, u8, u64, &'a [u8]);

/// Returns an `EKVMVCC2` payload of entries: key and versions.
pub(crate) fn memory(last_commit_ts: u64, entries: &[(&[u8], &[MemoryVersion<'_>])]) -> Vec<u8> {
    let mut body = [last_commit_ts.to_le_bytes(), 0_u64.to_le_bytes()].concat();
    for (key, versions) in entries {
        body.extend((key.len() as u64).to_le_bytes());
        body.extend(*key);
        body.extend((versions.len() as u64).to_le_bytes());
        for (ts, tombstone, expire_at, value) in *versions {
            body.extend(ts.to_le_bytes());
            body.push(*tombstone);
            body.extend(expire_at.to_le_bytes());
            body.extend((value.len() as u64).to_le_bytes());
            body.extend(*value);
        }
    }
    let crc = crc32fast::hash(&body);
    [b"EKVMVCC2", &1_u32.to_le_bytes()[..], &crc.to_le_bytes(), &body].concat()
}
