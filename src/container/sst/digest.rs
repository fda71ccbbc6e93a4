//! The SHA-256 of each table, computed beside a first walk on other cores, where there are any.
//!
//! In: the tables of a bundle. Out: the first one that is not what the manifest says. A table has to be hashed from its
//! first byte to its last, but no table waits for another: so each thread reads the tables that it hashes itself, near
//! the place where the walk is and the page cache holds them. The walk hashes too when it has come far ahead.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use sha2::{Digest, Sha256};

use super::bundle::Bundle;
use super::corrupt;
use super::table::Table;
use crate::container::{Error, ErrorKind, Source};
use crate::worker;

/// Bytes of a table that are read at once; a multiple of [`STEP`].
const PIECE: usize = 128 << 10;
/// Bytes that one of two tables is hashed for, before it is the turn of the other: two blocks of SHA-256.
const STEP: usize = 128;
/// Least length of all tables that other threads hash, bytes.
const WORTH_IT: u64 = 2 << 20;
/// Threads beside that of the walk, at most.
const THREADS: usize = 2;
/// Tables that one thread hashes at once. The rounds of one wait for each other; those of a second fill the gaps.
const AT_ONCE: usize = 2;
/// Tables that may be hashed before the walk has come to them.
const LEAD: usize = 4;
/// Tables that the walk has left behind and nobody hashes, at most.
const LAG: usize = 2;

/// The digests of the tables of a bundle, as the one who walks them sees it.
#[derive(Debug)]
pub(super) struct Digests<'s>(Arc<Shared<'s>>);

#[derive(Debug)]
struct Shared<'s> {
    source: &'s Source,
    tables: &'s [Table],
    state: Mutex<State>,
    changed: Condvar,
    /// Whether nobody waits for a digest any more.
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Number of tables that the walk has left behind.
    walked: usize,
    /// Number of the first table that nobody hashes yet.
    unclaimed: usize,
    /// Numbers of those that are being hashed; a few at most.
    running: Vec<usize>,
    hashed: usize,
    /// The first table that does not match, or cannot be read; what is wrong with it is told once.
    failed: Option<(usize, Option<Error>)>,
}

impl<'s> Digests<'s> {
    /// Starts other threads, if there are other cores for them. They end with the tables, or when this is dropped.
    pub(super) fn start<'scope>(
        source: &'s Source,
        bundle: &'s Bundle,
        scope: Option<&'scope Scope<'scope, 's>>,
    ) -> Self {
        let (state, changed, ended) = (Mutex::default(), Condvar::new(), AtomicBool::new(false));
        let shared = Arc::new(Shared { source, tables: bundle.tables(), state, changed, ended });
        if let Some(scope) = scope.filter(|_| bundle.end() - bundle.start() >= WORTH_IT) {
            for _ in 1..worker::jobs().min(1 + THREADS) {
                let shared = Arc::clone(&shared);
                let work = move || {
                    while let Some(claimed) = shared.claim(true) {
                        shared.hash(claimed);
                    }
                };
                // Without it, the walk hashes.
                let _ = worker::scoped(scope, work);
            }
        }
        Self(shared)
    }

    /// The walk has left a table behind: fails when a table up to it does not match, as far as that is known.
    pub(super) fn walked(&self, number: usize) -> Result<(), Error> {
        self.0.lock().walked = number + 1;
        self.0.changed.notify_all();
        loop {
            let state = self.0.lock();
            if state.failed.is_some() {
                drop(state);
                return self.settle(number + 1);
            }
            if state.walked.saturating_sub(state.unclaimed) < LAG {
                return Ok(());
            }
            drop(state);
            self.help();
        }
    }

    /// Waits until the tables before `number` are hashed; fails when one of them does not match, the first of them.
    pub(super) fn settle(&self, number: usize) -> Result<(), Error> {
        let mut state = self.0.lock();
        state.walked = state.walked.max(number);
        loop {
            if state.unclaimed < number {
                drop(state);
                self.help();
                state = self.0.lock();
            } else if state.running.iter().any(|running| *running < number) {
                state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                break;
            }
        }
        let hashed = state.hashed;
        match &mut state.failed {
            Some((failed, error)) if *failed < number => error.take().map_or(Ok(()), Err),
            Some(_) => Ok(()),
            None => match self.0.tables.get(hashed).filter(|_| hashed < number) {
                Some(table) => Err(table.error(self.0.source, 0, corrupt("a table that was not hashed"))),
                None => Ok(()),
            },
        }
    }

    /// Hashes some tables.
    fn help(&self) {
        if let Some(claimed) = self.0.claim(false) {
            self.0.hash(claimed);
        }
    }
}

impl Drop for Digests<'_> {
    fn drop(&mut self) {
        // Under the lock: who looked before waits by now, and hears of it.
        let _state = self.0.lock();
        self.0.ended.store(true, Ordering::Relaxed);
        self.0.changed.notify_all();
    }
}

impl Shared<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next tables; `None` when there are no more. With `wait`, waits where the walk is too far behind.
    fn claim(&self, wait: bool) -> Option<Range<usize>> {
        let mut state = self.lock();
        loop {
            let from = state.unclaimed;
            if from >= self.tables.len() || self.ended.load(Ordering::Relaxed) {
                return None;
            }
            let to = self.tables.len().min(from + AT_ONCE).min(state.walked + LEAD);
            if from < to {
                state.unclaimed = to;
                state.running.extend(from..to);
                return Some(from..to);
            }
            if !wait {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Hashes claimed tables and records what became of them.
    fn hash(&self, claimed: Range<usize>) {
        // However this ends, nobody must wait for these any more.
        let _done = Done { shared: self, claimed: claimed.clone() };
        let tables = self.tables.get(claimed).unwrap_or_default();
        let mut lanes: Vec<Lane<'_>> = tables.iter().map(Lane::new).collect();
        let outcome = self.run(&mut lanes);
        let mut state = self.lock();
        match outcome {
            Err((number, error)) => self.fail(&mut state, number, error),
            Ok(false) => {}
            Ok(true) => {
                for lane in lanes {
                    state.hashed += 1;
                    if let Err(error) = lane.check(self.source) {
                        self.fail(&mut state, lane.table.number, error);
                    }
                }
            }
        }
    }

    /// Reads and hashes tables to their ends; `false` when nobody waits for it any more.
    fn run(&self, lanes: &mut [Lane<'_>]) -> Result<bool, (usize, Error)> {
        while !self.ended.load(Ordering::Relaxed) {
            for lane in lanes.iter_mut() {
                lane.read(self.source).map_err(|error| (lane.table.number, error))?;
            }
            match &mut *lanes {
                [one, other] => hash_both(one, other),
                lanes => lanes.iter_mut().for_each(|lane| lane.hash_from(0)),
            }
            if lanes.iter().all(|lane| lane.next >= lane.table.end) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Records the first failure; later tables do not matter any more.
    fn fail(&self, state: &mut State, number: usize, error: Error) {
        state.unclaimed = self.tables.len();
        if state.failed.as_ref().is_none_or(|(first, _)| number < *first) {
            state.failed = Some((number, Some(error)));
        }
    }
}

/// Tables that somebody hashes, until this is dropped.
struct Done<'a, 's> {
    shared: &'a Shared<'s>,
    claimed: Range<usize>,
}

impl Drop for Done<'_, '_> {
    fn drop(&mut self) {
        self.shared.lock().running.retain(|number| !self.claimed.contains(number));
        self.shared.changed.notify_all();
    }
}

/// A table that is being hashed.
struct Lane<'t> {
    table: &'t Table,
    /// Offset of the next byte to be read.
    next: u64,
    piece: Vec<u8>,
    hasher: Sha256,
}

impl<'t> Lane<'t> {
    fn new(table: &'t Table) -> Self {
        Self { table, next: table.start, piece: Vec::new(), hasher: Sha256::new() }
    }

    /// Reads the next piece: nothing at the end.
    fn read(&mut self, source: &Source) -> Result<(), Error> {
        let len = usize::try_from(self.table.end.saturating_sub(self.next)).unwrap_or(PIECE).min(PIECE);
        self.piece.resize(len, 0);
        if source.read_at(&mut self.piece, self.next)? < len {
            let kind = std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the file has become shorter");
            return Err(source.error(self.next, ErrorKind::Io(kind)));
        }
        self.next += len as u64;
        Ok(())
    }

    fn hash_from(&mut self, at: usize) {
        self.hasher.update(self.piece.get(at..).unwrap_or_default());
    }

    /// Compares the digest of a table that was read as a whole.
    fn check(&self, source: &Source) -> Result<(), Error> {
        let found: [u8; 32] = self.hasher.clone().finalize().into();
        if found == self.table.sha256 {
            return Ok(());
        }
        let (expected, found) = (hex::encode(self.table.sha256), hex::encode(found));
        let kind = ErrorKind::DigestMismatch { what: "the table", expected, found };
        Err(self.table.error(source, 0, kind))
    }
}

/// Hashes the pieces of two tables in turn.
fn hash_both(one: &mut Lane<'_>, other: &mut Lane<'_>) {
    let both = one.piece.len().min(other.piece.len()) / STEP * STEP;
    let pieces = (one.piece.get(..both).unwrap_or_default(), other.piece.get(..both).unwrap_or_default());
    for (first, second) in pieces.0.chunks(STEP).zip(pieces.1.chunks(STEP)) {
        one.hasher.update(first);
        other.hasher.update(second);
    }
    one.hash_from(both);
    other.hash_from(both);
}
