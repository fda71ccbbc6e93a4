//! A pipe, a terminal or a file that is read once from front to end, by reads that a request to stop ends.

use std::io::{self, Read};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// Longest wait before the request to stop is looked at again: a signal that came between the look and the wait
/// does not end the wait.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Reads a descriptor; each read waits until there is something, or until the run is to end.
#[derive(Debug)]
pub(super) struct Stream<'a, F> {
    file: F,
    interrupt: &'a Interrupt,
    /// Counts the bytes that were read.
    progress: &'a Progress,
}

impl<'a, F: AsFd> Stream<'a, F> {
    pub(super) fn new(file: F, interrupt: &'a Interrupt, progress: &'a Progress) -> Self {
        Self { file, interrupt, progress }
    }

    /// Waits until a read does not block. A FIFO that was opened without waiting has nothing to give until somebody
    /// opens its other end: then this waits for that.
    fn wait(&self) -> io::Result<()> {
        loop {
            self.interrupt.check().map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&LOOK)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl<F: AsFd> Read for Stream<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait()?;
            match rustix::io::read(&self.file, &mut *buffer) {
                Ok(read) => {
                    self.progress.add(read as u64);
                    return Ok(read);
                }
                // Another process may have been faster at a terminal or a shared pipe.
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn what_a_pipe_gives_is_read_and_counted() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"hello").unwrap();
        let (interrupt, progress) = (Interrupt::default(), Progress::default());
        let mut stream = Stream::new(reader, &interrupt, &progress);
        let mut buffer = [0; 8];
        assert_eq!(stream.read(&mut buffer).unwrap(), 5);
        assert_eq!(progress.state().done.bytes, 5);
        drop(writer);
        assert_eq!(stream.read(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn a_read_that_blocks_ends_when_the_run_is_to_end() {
        let (reader, _writer) = io::pipe().unwrap();
        let (interrupt, progress) = (Interrupt::default(), Progress::default());
        let flag = interrupt.flag().clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            flag.store(15, Ordering::Relaxed);
        });
        let started = Instant::now();
        let error = Stream::new(reader, &interrupt, &progress).read(&mut [0; 8]).unwrap_err();
        assert!(error.to_string().contains("signal 15"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(1));
        thread.join().unwrap();
    }
}
