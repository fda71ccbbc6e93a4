//! Authenticates the rows of a first pass, on a second core where there is one.
//!
//! In: rows, one after the other. Out: a [`Counters`]. Rows are copied into batches; a thread of its own takes them, and
//! the pass authenticates a batch itself when it would have to wait.

use std::ops::Range;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{Scope, ScopedJoinHandle};

use super::{Counters, Keyring};
use crate::container::{Position, Row, RowHeader};
use crate::worker;

/// Bytes from which on a batch is handed over.
const BYTES: usize = 512 << 10;
/// Rows from which on a batch is handed over.
const ROWS: usize = 4096;
/// A longer body is authenticated where it is, bytes.
const LARGE: usize = 2 << 20;
/// Batches that wait to be taken, at most.
const WAITING: usize = 2;

/// Takes the rows of one input.
#[derive(Debug)]
pub struct Checker<'scope> {
    keyring: &'scope Keyring,
    counters: Counters,
    batch: Batch,
    buffers: Buffers,
    worker: Option<Worker<'scope>>,
}

#[derive(Debug)]
struct Worker<'scope> {
    batches: SyncSender<Batch>,
    done: Receiver<Batch>,
    handle: ScopedJoinHandle<'scope, Counters>,
}

/// Rows that wait.
#[derive(Debug, Default)]
struct Batch {
    /// Keys and bodies.
    bytes: Vec<u8>,
    rows: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    position: Position,
    head: RowHeader,
    key: Range<usize>,
    body: Range<usize>,
}

#[derive(Debug, Default)]
struct Buffers {
    aad: Vec<u8>,
    plain: Vec<u8>,
}

impl<'scope> Checker<'scope> {
    /// Starts a thread, where there is more than one job.
    #[must_use]
    pub fn start(keyring: &'scope Keyring, scope: &'scope Scope<'scope, '_>) -> Self {
        let worker = Worker::start(keyring, scope);
        Self {
            keyring,
            counters: Counters::default(),
            batch: Batch::default(),
            buffers: Buffers::default(),
            worker,
        }
    }

    /// Lets the thread end, as where there is no second core.
    #[cfg(test)]
    pub(super) fn work_alone(&mut self) {
        self.worker = None;
    }

    /// Takes a row: its envelope has to open, or its cleartext must be no envelope.
    pub fn row(&mut self, row: &Row<'_>) {
        if self.worker.is_none() || row.body.len() > LARGE {
            check(self.keyring, row, &mut self.buffers, &mut self.counters);
            return;
        }
        self.batch.push(row);
        if self.batch.bytes.len() >= BYTES || self.batch.rows.len() >= ROWS {
            self.hand_over();
        }
    }

    /// Waits for all rows and returns what became of them.
    #[must_use]
    pub fn finish(mut self) -> Counters {
        self.batch.check(self.keyring, &mut self.buffers, &mut self.counters);
        if let Some(Worker { batches, done, handle }) = self.worker.take() {
            drop((batches, done));
            match handle.join() {
                Ok(counters) => self.counters.add(counters),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        self.counters
    }

    fn hand_over(&mut self) {
        let Some(worker) = &self.worker else { return };
        let empty = worker.done.try_recv().unwrap_or_default();
        match worker.batches.try_send(std::mem::replace(&mut self.batch, empty)) {
            Ok(()) => {}
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
                self.batch = batch;
                self.batch.check(self.keyring, &mut self.buffers, &mut self.counters);
            }
        }
    }
}

impl<'scope> Worker<'scope> {
    fn start(keyring: &'scope Keyring, scope: &'scope Scope<'scope, '_>) -> Option<Self> {
        let (batches, jobs) = mpsc::sync_channel::<Batch>(WAITING);
        let (ended, done) = mpsc::channel();
        let work = move || {
            let (mut counters, mut buffers) = (Counters::default(), Buffers::default());
            for mut batch in jobs {
                batch.check(keyring, &mut buffers, &mut counters);
                // The pass may have ended.
                let _ = ended.send(batch);
            }
            counters
        };
        let handle = worker::scoped(scope, work)?;
        Some(Self { batches, done, handle })
    }
}

impl Batch {
    fn push(&mut self, row: &Row<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(row.key);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(row.body);
        let (key, body) = (start..middle, middle..self.bytes.len());
        self.rows.push(Waiting { position: row.position, head: row.head, key, body });
    }

    /// Authenticates all rows and forgets them.
    fn check(&mut self, keyring: &Keyring, buffers: &mut Buffers, counters: &mut Counters) {
        for Waiting { position, head, key, body } in self.rows.drain(..) {
            let at = |range| self.bytes.get(range).unwrap_or_default();
            check(keyring, &Row { position, key: at(key), head, body: at(body) }, buffers, counters);
        }
        self.bytes.clear();
    }
}

/// Authenticates one row.
fn check(keyring: &Keyring, row: &Row<'_>, buffers: &mut Buffers, counters: &mut Counters) {
    let Buffers { aad, plain } = buffers;
    let outcome = if row.head.encrypted {
        let opened = keyring.open(row.key, &row.head, row.body, aad, plain);
        opened.map(|key_id| counters.opened(key_id, keyring.is_raft(key_id)))
    } else {
        keyring.check_cleartext(row.key, &row.head, row.body, aad, plain)
    };
    if let Err(fault) = outcome {
        counters.fault(row.position, fault, row.key, &row.head);
    }
}
