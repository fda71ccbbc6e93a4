//! A request to stop, set from outside (a signal handler) and polled by every long loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A shared flag: 0 while the run may go on, else the number of the signal that ends it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

/// The run was asked to stop by this signal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted by signal {0}")]
pub struct Interrupted(pub usize);

impl Interrupt {
    /// Returns the flag that a signal handler stores the signal's number in.
    #[must_use]
    pub fn flag(&self) -> &Arc<AtomicUsize> {
        &self.0
    }

    /// Fails once the flag is set. One relaxed load: cheap enough for a loop over rows.
    pub fn check(&self) -> Result<(), Interrupted> {
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => Err(Interrupted(signal)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_signal_ends_every_clone() {
        let interrupt = Interrupt::default();
        let clone = interrupt.clone();
        assert_eq!(clone.check(), Ok(()));
        interrupt.flag().store(15, Ordering::Relaxed);
        assert_eq!(clone.check(), Err(Interrupted(15)));
    }
}
