//! Threads that compute beside the one that runs: how many there may be, how one starts and ends.
//!
//! In: how many jobs were asked for, what a thread is to do. Out: the thread, where it is worth one. It is waited for when its
//! owner is dropped; what a thread that has failed leaves undone its owner misses, and tells as a bug.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle, Scope, ScopedJoinHandle};

use crate::bug::Bug;

const FAILED: Bug = Bug::new("a thread that worked beside has failed");

/// Jobs that were asked for; 0: as many as there are cores.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Lets the process compute on so many threads at a time, the calling one among them: with 1, it does everything itself. With
/// 0, as at first, there is one for each core that the process may use. What is made does not depend on it.
pub fn set_jobs(jobs: usize) {
    ASKED.store(jobs, Ordering::Relaxed);
}

/// Returns how many threads may compute at a time, the calling one among them.
#[must_use]
pub fn jobs() -> usize {
    match ASKED.load(Ordering::Relaxed) {
        0 => thread::available_parallelism().map_or(1, usize::from),
        jobs => jobs,
    }
}

/// Whether a thread can do anything beside this one.
pub(crate) fn has_second() -> bool {
    jobs() > 1
}

/// Starts a thread that ends within a scope; `None` where there is one job, or no thread to be had.
pub(crate) fn scoped<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    run: impl FnOnce() -> T + Send + 'scope,
) -> Option<ScopedJoinHandle<'scope, T>> {
    if has_second() { thread::Builder::new().spawn_scoped(scope, run).ok() } else { None }
}

/// Returns what a thread has made, or panics as it did.
pub(crate) fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Starts a thread for good; `None` where there is none to be had.
pub(crate) fn start(run: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    thread::Builder::new().spawn(run).ok()
}

/// A thread that takes what it is sent, in order. Dropped, it ends with what is on its way.
#[derive(Debug)]
pub(crate) struct Worker<J> {
    sender: Option<SyncSender<J>>,
    thread: Option<JoinHandle<()>>,
}

impl<J: Send + 'static> Worker<J> {
    /// Starts a thread, before which at most so many jobs wait; `None` where there is one job, or no thread to be had.
    pub(crate) fn start(waiting: usize, run: impl FnOnce(Receiver<J>) + Send + 'static) -> Option<Self> {
        let (sender, jobs) = mpsc::sync_channel(waiting);
        let thread = has_second().then(|| start(move || run(jobs))).flatten()?;
        Some(Self { sender: Some(sender), thread: Some(thread) })
    }

    /// Sends a job when there is room; gives it back where the thread has failed.
    pub(crate) fn send(&self, job: J) -> Result<(), J> {
        match &self.sender {
            Some(sender) => sender.send(job).map_err(|unsent| unsent.0),
            None => Err(job),
        }
    }
}

impl<J> Drop for Worker<J> {
    fn drop(&mut self) {
        self.sender = None;
        // What it has not done is missed where it was expected.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// A thread that makes something of each job, in order.
#[derive(Debug)]
pub(crate) struct Stage<J, R> {
    results: Receiver<R>,
    worker: Worker<J>,
    /// Jobs whose results were not taken.
    under_way: usize,
}

impl<J: Send + 'static, R: Send + 'static> Stage<J, R> {
    /// Starts the thread, before which at most so many jobs wait; `None` where there is one job, or no thread to be had.
    pub(crate) fn start(waiting: usize, mut make: impl FnMut(J) -> R + Send + 'static) -> Option<Self> {
        let (sender, results) = mpsc::channel();
        let run = move |jobs: Receiver<J>| {
            for job in jobs {
                // Nobody waits for it any more when what it is for was given up.
                let _ = sender.send(make(job));
            }
        };
        Some(Self { results, worker: Worker::start(waiting, run)?, under_way: 0 })
    }

    /// Sends a job when there is room.
    pub(crate) fn send(&mut self, job: J) -> Result<(), Bug> {
        self.under_way += 1;
        self.worker.send(job).map_err(|_| FAILED)
    }

    /// Returns the number of jobs whose results were not taken.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way
    }

    /// Waits for the next result; `None` when there are none to come.
    pub(crate) fn next(&mut self) -> Result<Option<R>, Bug> {
        if self.under_way == 0 {
            return Ok(None);
        }
        self.under_way -= 1;
        self.results.recv().map(Some).map_err(|_| FAILED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_jobs_and_a_thread_that_fails_is_a_bug() {
        // One core: there is no thread.
        let Some(mut stage) = Stage::start(2, |number: u32| number + 1) else { return };
        let mut found = Vec::new();
        for number in 0..100 {
            stage.send(number).unwrap();
            if stage.under_way() > 7 {
                found.extend(stage.next().unwrap());
            }
        }
        while let Some(result) = stage.next().unwrap() {
            found.push(result);
        }
        assert_eq!(found, (1..=100).collect::<Vec<_>>());
        let mut stage = Stage::start(1, |number: u32| assert!(number < 3, "fails at {number}")).unwrap();
        (0..4).for_each(|number| stage.send(number).unwrap());
        let results: Vec<_> = (0..4).map(|_| stage.next()).collect();
        assert!(results[..3].iter().all(|result| matches!(result, Ok(Some(())))) && results[3].is_err());
        assert!(stage.send(4).is_err());
    }
}
