//! How far a run is: counters that the stages move and a display reads. No clock, no output here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What the run is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// First pass over the inputs; counts bytes.
    #[default]
    Reading,
    /// Writing the tree; counts files.
    Writing,
    /// Making the tree durable.
    Flushing,
    /// Hashing the files of a tree; counts bytes.
    Verifying,
    /// Copying, decompressing or hashing an input before it is read; counts its bytes as they stand there.
    Copying,
}

#[derive(Debug, Default)]
struct Counters {
    phase: AtomicU8,
    done: AtomicU64,
    total: AtomicU64,
}

/// Shared counters of one run. Cheap to clone; relaxed, so a reader may see them a moment late.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

impl Progress {
    /// Enters a phase: nothing done, `total` to do (bytes or files; 0 is unknown).
    pub fn enter(&self, phase: Phase, total: u64) {
        self.0.done.store(0, Ordering::Relaxed);
        self.0.total.store(total, Ordering::Relaxed);
        self.0.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Counts bytes or files that are done.
    pub fn add(&self, done: u64) {
        self.0.done.fetch_add(done, Ordering::Relaxed);
    }

    /// Says how many bytes or files are done altogether; never goes back.
    pub fn set(&self, done: u64) {
        self.0.done.fetch_max(done, Ordering::Relaxed);
    }

    /// Returns the phase, what is done and what there is to do (0: unknown).
    #[must_use]
    pub fn state(&self) -> (Phase, u64, u64) {
        let phase = match self.0.phase.load(Ordering::Relaxed) {
            1 => Phase::Writing,
            2 => Phase::Flushing,
            3 => Phase::Verifying,
            4 => Phase::Copying,
            _ => Phase::Reading,
        };
        (phase, self.0.done.load(Ordering::Relaxed), self.0.total.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_phase_starts_from_zero() {
        let progress = Progress::default();
        assert_eq!(progress.state(), (Phase::Reading, 0, 0));
        for phase in [Phase::Reading, Phase::Writing, Phase::Flushing, Phase::Verifying, Phase::Copying] {
            progress.enter(phase, 9);
            assert_eq!(progress.state(), (phase, 0, 9));
            progress.clone().add(4);
            assert_eq!(progress.state(), (phase, 4, 9));
            progress.set(3);
            assert_eq!(progress.state(), (phase, 4, 9));
            progress.set(9);
            assert_eq!(progress.state(), (phase, 9, 9));
        }
    }
}
