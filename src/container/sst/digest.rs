//! The SHA-256 of each table, computed while a first walk passes over the file.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::bundle::Bundle;

/// The digests of the tables of a bundle, in file order.
#[derive(Debug)]
pub(in crate::container) struct Digests {
    /// Offset of the first byte, offset after the last, expected digest.
    tables: Arc<[(u64, u64, [u8; 32])]>,
    /// The table that is being hashed.
    current: usize,
    next: u64,
    hasher: Sha256,
    /// The first table that does not match, and its digest.
    mismatch: Option<(usize, [u8; 32])>,
}

impl Digests {
    /// Returns the digests of nothing.
    pub(super) fn new(bundle: &Bundle) -> Self {
        let tables: Arc<[_]> =
            bundle.tables().iter().map(|table| (table.start, table.end, table.sha256)).collect();
        let next = tables.first().map_or(0, |table| table.0);
        Self { tables, current: 0, next, hasher: Sha256::new(), mismatch: None }
    }

    /// Takes the bytes at `offset`; those before and after the tables are left out. No byte is passed over.
    pub(in crate::container) fn update(&mut self, offset: u64, bytes: &[u8]) {
        let within =
            |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len());
        while let Some(&(_, end, expected)) = self.tables.get(self.current) {
            let Some(part) = bytes.get(within(self.next)..within(end)) else { return };
            self.hasher.update(part);
            self.next += part.len() as u64;
            if self.next < end {
                return;
            }
            let found: [u8; 32] = self.hasher.finalize_reset().into();
            if found != expected && self.mismatch.is_none() {
                self.mismatch = Some((self.current, found));
            }
            self.current += 1;
        }
    }

    /// Returns how many tables were hashed, and the first that does not match with its digest.
    pub(super) fn outcome(&self) -> (usize, Option<(usize, [u8; 32])>) {
        (self.current, self.mismatch)
    }
}
