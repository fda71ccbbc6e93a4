//! Flushes the file system beside the run, so that the flush at the end finds little to do.
//!
//! In: the number of small files written; the disk is told of long ones as they are written. Out: whether all
//! flushes went well.

use std::os::fd::OwnedFd;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};

use rustix::io::Errno;

use super::staging_fs;
use crate::worker;

/// Files after which a flush is begun. It takes along what other programs have written, so there are not many.
const FILES: u64 = 16_384;

/// The thread that flushes, started with its first flush.
#[derive(Debug, Default)]
pub(super) struct Flush {
    /// Written since the last flush began.
    files: u64,
    thread: Option<Thread>,
}

#[derive(Debug)]
struct Thread {
    begin: SyncSender<()>,
    failed: Receiver<Errno>,
}

impl Flush {
    /// Counts a file that was written; begins a flush when there are enough of them and none is under way. `root`,
    /// which gives a handle into the file system, is asked before the first.
    pub(super) fn count(&mut self, root: impl FnOnce() -> Option<OwnedFd>) {
        self.files += 1;
        // Elsewhere there is no flush of one file system.
        if self.files < FILES || !cfg!(target_os = "linux") {
            return;
        }
        if self.thread.is_none() {
            self.thread = root().and_then(Thread::start);
        }
        let begun = self.thread.as_ref().map(|thread| thread.begin.try_send(()));
        if !matches!(begun, Some(Err(TrySendError::Full(())))) {
            self.files = 0;
        }
    }

    /// Waits for the flush that is under way. What failed has to be told from here: Linux tells it once for each
    /// handle, and the flush at the end has the same one.
    pub(super) fn end(&mut self) -> Result<(), Errno> {
        let Some(Thread { begin, failed }) = self.thread.take() else { return Ok(()) };
        drop(begin);
        failed.recv().map_or(Ok(()), Err)
    }
}

impl Thread {
    /// A flush cannot be called off, so a run that fails does not wait for this thread.
    fn start(root: OwnedFd) -> Option<Self> {
        // Nothing waits in between: a flush begins now, or later with more files.
        let (begin, starts) = mpsc::sync_channel(0);
        let (sender, failed) = mpsc::channel();
        let run = move || {
            for () in starts {
                if let Err(errno) = staging_fs::flush(&root) {
                    // Nobody listens any more when the tree was given up.
                    let _ = sender.send(errno);
                }
            }
        };
        worker::start(run).map(|_| Self { begin, failed })
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::cell::Cell;

    use rustix::fs::{Mode, OFlags};

    use super::*;

    fn flushed(flags: OFlags, files: u64) -> (u32, Result<(), Errno>) {
        let directory = tempfile::tempdir().unwrap();
        let asked = Cell::new(0);
        let root = || {
            asked.set(asked.get() + 1);
            rustix::fs::open(directory.path(), flags, Mode::empty()).ok()
        };
        let mut flush = Flush::default();
        (0..files).for_each(|_| flush.count(root));
        // The thread may not have been ready for the first.
        while flush.thread.is_some() && flush.files > 0 {
            flush.count(root);
        }
        (asked.get(), flush.end())
    }

    #[test]
    fn a_flush_begins_when_there_are_enough_files() {
        assert_eq!(flushed(OFlags::RDONLY, FILES - 1), (0, Ok(())));
        assert_eq!(flushed(OFlags::RDONLY, FILES), (1, Ok(())));
        assert_eq!(flushed(OFlags::RDONLY, 3 * FILES), (1, Ok(())));
    }

    #[test]
    fn a_flush_that_failed_is_told_at_the_end() {
        assert_eq!(flushed(OFlags::PATH, FILES), (1, Err(Errno::BADF)));
    }
}
