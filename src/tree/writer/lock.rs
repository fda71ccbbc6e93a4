//! The lock by which others tell a staging directory that is alive from one that a run has left behind.

use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

/// How often it is tried to lock a new directory, which another run may be looking at, and the pause between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// Locks a directory as long as the handle is open. Where the file system has no locks there is none.
pub(in crate::tree) fn hold(directory: &OwnedFd) {
    for _ in 0..TRIES {
        if !is_held(directory) {
            return;
        }
        thread::sleep(PAUSE);
    }
}

/// Whether another process holds the lock. If none does, the handle holds it from here on, where the file system has
/// locks.
pub(super) fn is_held(directory: &OwnedFd) -> bool {
    let locked = retry_on_intr(|| flock(directory, FlockOperation::NonBlockingLockExclusive));
    matches!(locked, Err(Errno::WOULDBLOCK))
}
