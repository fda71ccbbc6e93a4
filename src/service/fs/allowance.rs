//! How much may be written that the input does not hold: sizes and names are claims (`format/filesystem.md#records-of-the-filesystem`).
//!
//! In: what is stored, what each file would add. Out: whether it may be written. Who reads the tree (CHECKSUMS,
//! `verify`, `sha256sum`) reads every zero of a hole.

use crate::limits;

/// What is left of both bounds. Files are counted in the order of the walk, so the outcome is the same each time.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    /// Bytes of holes.
    holes: u64,
    /// Bytes of files that another name has led to already.
    copies: u64,
    /// Both at the beginning.
    whole: (u64, u64),
}

impl Allowance {
    /// Returns the bounds for a filesystem whose chunk rows take that many bytes.
    pub(super) fn new(stored: u64) -> Self {
        let holes = stored.saturating_mul(limits::FILESYSTEM_HOLES_A_BYTE);
        let holes = limits::FILESYSTEM_HOLES.saturating_add(holes);
        let copies = limits::FILESYSTEM_COPIES.saturating_add(stored);
        Self { holes, copies, whole: (holes, copies) }
    }

    /// Whether holes of any file of `size` bytes are allowed, however little of it is stored.
    pub(super) fn covers(&self, size: u64) -> bool {
        size <= self.holes
    }

    /// Whether all files may be nothing but holes, and all copies of them, whose sizes are these.
    pub(super) fn covers_all(&self, sizes: u64) -> bool {
        let (holes, copies) = self.whole;
        sizes.saturating_add(copies) <= holes
    }

    /// Returns how many bytes of holes are left.
    pub(super) fn left(&self) -> u64 {
        self.holes
    }

    /// Takes the holes of a file that was written.
    pub(super) fn take_holes(&mut self, bytes: u64) {
        self.holes = self.holes.saturating_sub(bytes);
    }

    /// Takes a file that was written under another name already, or says how many bytes are left.
    pub(super) fn take_copy(&mut self, bytes: u64) -> Result<(), u64> {
        self.copies = self.copies.checked_sub(bytes).ok_or(self.copies)?;
        Ok(())
    }

    /// Takes what was read of such a file beyond its size.
    pub(super) fn take_read(&mut self, bytes: u64) {
        self.copies = self.copies.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_gone_and_a_refusal_takes_nothing() {
        let mut allowance = Allowance::new(3);
        let holes = limits::FILESYSTEM_HOLES + 3 * limits::FILESYSTEM_HOLES_A_BYTE;
        assert!(allowance.covers(holes) && !allowance.covers(holes + 1));
        let sizes = holes - limits::FILESYSTEM_COPIES - 3;
        assert!(allowance.covers_all(sizes) && !allowance.covers_all(sizes + 1));
        allowance.take_holes(holes - 1);
        assert_eq!(allowance.left(), 1);
        assert_eq!(allowance.take_copy(limits::FILESYSTEM_COPIES + 4), Err(limits::FILESYSTEM_COPIES + 3));
        assert_eq!(allowance.take_copy(limits::FILESYSTEM_COPIES + 3), Ok(()));
        let mut allowance = Allowance::new(3);
        allowance.take_read(limits::FILESYSTEM_COPIES + 2);
        assert_eq!((allowance.take_copy(2), allowance.take_copy(1)), (Err(1), Ok(())));
        allowance.take_read(9);
        assert_eq!(allowance.take_copy(1), Err(0));
        assert!(Allowance::new(u64::MAX).covers(u64::MAX));
    }
}
