//! How much may be written through chunk references: many of them may lead to one chunk, so that a small snapshot could
//! ask for a tree of any size (`format/s3.md#chunks`).
//!
//! In: what is stored, what each object would take. Out: whether it may be written.

use super::problem::{Class, Fault};
use crate::keyspace::Family;
use crate::limits;
use crate::snapshot::Snapshot;

#[cfg(test)]
thread_local! {
    /// The bound of a test that lowers it, bytes.
    pub(super) static LIMIT: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
}

/// What is left of the bound. Objects take from it in the order of their rows, so the outcome is the same each time.
#[derive(Debug)]
pub(super) struct Allowance {
    /// Bytes.
    left: u64,
}

impl Allowance {
    /// Returns the bound for a snapshot whose chunk rows take `stored` bytes.
    fn new(stored: u64) -> Self {
        Self { left: limits::S3_SHARED.saturating_add(stored.saturating_mul(limits::S3_SHARED_A_BYTE)) }
    }

    /// Returns the bound for a snapshot.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let families = [Family::S3Blob, Family::S3ChunkRef, Family::S3ChunkBlob];
        let stored = families.iter().fold(0, |sum, family| snapshot.stats(*family).bytes.saturating_add(sum));
        #[cfg(test)]
        if let Some(left) = LIMIT.get() {
            return Self { left };
        }
        Self::new(stored)
    }

    /// Says what is wrong when `bytes` are more than what is left.
    pub(super) fn check(&self, bytes: u64) -> Result<(), Fault> {
        if bytes <= self.left {
            return Ok(());
        }
        let message = format!(
            "its chunk references ask for {bytes} bytes, and {} are left: all objects may have {} and {} for each stored \
             byte through references",
            self.left,
            limits::S3_SHARED,
            limits::S3_SHARED_A_BYTE
        );
        Err(Fault::new(Class::S3_SIZE_OVER_LIMIT, message))
    }

    /// Leaves only so many bytes.
    #[cfg(test)]
    pub(super) fn leaving(left: u64) -> Self {
        Self { left }
    }

    /// Takes bytes that are about to be written, unless they are too many.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), Fault> {
        self.check(bytes)?;
        self.left -= bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_gone_and_a_refusal_takes_nothing() {
        let mut allowance = Allowance::new(3);
        let all = limits::S3_SHARED + 3 * limits::S3_SHARED_A_BYTE;
        assert_eq!(allowance.check(all + 1).unwrap_err().class, Class::S3_SIZE_OVER_LIMIT);
        assert_eq!(allowance.take(all + 1).unwrap_err().class, Class::S3_SIZE_OVER_LIMIT);
        assert_eq!(allowance.take(all - 1), Ok(()));
        assert!(allowance.check(1).is_ok() && allowance.take(2).is_err() && allowance.take(1).is_ok());
        assert_eq!(allowance.take(0), Ok(()));
        assert_eq!(Allowance::new(u64::MAX).left, u64::MAX);
    }
}
