//! How far a run is: counters that the stages move and a display reads. No clock, no output here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What the run is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// First pass over the inputs; counts bytes.
    #[default]
    Reading,
    /// Writing the tree; counts files and bytes. Their total is an estimate.
    Writing,
    /// Making the tree durable.
    Flushing,
    /// Reading the files of a tree; counts files and bytes.
    Verifying,
    /// Copying, decompressing or hashing an input before it is read; counts its bytes as they stand there.
    Copying,
    /// Listing a tree; counts files.
    Listing,
    /// Comparing two inputs; counts nothing.
    Comparing,
}

/// An amount of work. 0 of a total is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Number of files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What it is doing.
    pub phase: Phase,
    /// What of the phase is done.
    pub done: Amount,
    /// What there is to do in the phase; 0 is unknown.
    pub total: Amount,
}

#[derive(Debug, Default)]
struct Counters {
    phase: AtomicU8,
    done: Atomic,
    total: Atomic,
}

#[derive(Debug, Default)]
struct Atomic {
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Atomic {
    fn set(&self, amount: Amount) {
        self.files.store(amount.files, Ordering::Relaxed);
        self.bytes.store(amount.bytes, Ordering::Relaxed);
    }

    fn get(&self) -> Amount {
        Amount { files: self.files.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

/// Shared counters of one run. Cheap to clone; relaxed, so a reader may see them a moment late.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

impl Progress {
    /// Enters a phase: nothing done, `total` bytes to do (0 is unknown).
    pub fn enter(&self, phase: Phase, total: u64) {
        self.0.done.set(Amount::default());
        self.expect(Amount { files: 0, bytes: total });
        self.0.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Says what there is to do in this phase.
    pub fn expect(&self, total: Amount) {
        self.0.total.set(total);
    }

    /// Counts bytes that are done.
    pub fn add(&self, bytes: u64) {
        self.0.done.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts files that are done.
    pub fn add_files(&self, files: u64) {
        self.0.done.files.fetch_add(files, Ordering::Relaxed);
    }

    /// Returns how far the run is.
    #[must_use]
    pub fn state(&self) -> State {
        let phase = match self.0.phase.load(Ordering::Relaxed) {
            1 => Phase::Writing,
            2 => Phase::Flushing,
            3 => Phase::Verifying,
            4 => Phase::Copying,
            5 => Phase::Listing,
            6 => Phase::Comparing,
            _ => Phase::Reading,
        };
        State { phase, done: self.0.done.get(), total: self.0.total.get() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_phase_starts_from_zero() {
        use Phase::{Copying, Flushing, Listing, Reading, Verifying, Writing};
        let progress = Progress::default();
        let state = |phase, done: (u64, u64), total: (u64, u64)| State {
            phase,
            done: Amount { files: done.0, bytes: done.1 },
            total: Amount { files: total.0, bytes: total.1 },
        };
        assert_eq!(progress.state(), state(Reading, (0, 0), (0, 0)));
        for phase in [Reading, Writing, Flushing, Verifying, Copying, Listing] {
            progress.enter(phase, 9);
            assert_eq!(progress.state(), state(phase, (0, 0), (0, 9)));
            progress.clone().add(4);
            progress.add_files(1);
            progress.expect(Amount { files: 7, bytes: 8 });
            assert_eq!(progress.state(), state(phase, (1, 4), (7, 8)));
        }
    }
}
