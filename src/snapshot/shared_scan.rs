//! A scan of visible rows that another thread shares: each of the two reads stretches of the input ahead of the caller,
//! who is lent their rows in order.
//!
//! In: the stretches of a family, or of the keys with a prefix, cut where no key has rows on both sides. Out: what
//! [`Scan`] lends. Rows are copied, so that a scan of long values is not worth it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};

use super::Result;
use super::entry::RowLocation;
use super::first_pass::user_key;
use super::input::Input;
use super::read_view::ReadView;
use super::scan::{KeyFilter, Met, Scan, VersionMode};
use crate::bug::Bug;
use crate::container::{Position, Row, RowHeader};
use crate::interrupt::Interrupt;
use crate::worker::{self, Worker};

/// Least number of rows for which a thread is started.
const WORTH_IT: u64 = 16 << 10;
/// Greatest mean length of a row that is worth a copy, bytes.
const SHORT: u64 = 4 << 10;
/// Length of the stretches, bytes, where there are places to cut at.
const STRETCH: u64 = 512 << 10;
/// Bytes of rows that are handed over at once, unless one row is longer.
const BATCH: usize = 128 << 10;
/// Batches that wait to be taken, at most.
const WAITING: usize = 8;

const LOST: Bug = Bug::new("a thread that reads rows has ended before them");

/// The receiving end. `advance` makes a row current, which is then lent.
#[derive(Debug)]
pub(super) struct SharedScan {
    work: Arc<Work>,
    // Before the thread: it hears of the end when it hands over the next batch.
    batches: Receiver<Result<Batch>>,
    _worker: Worker<()>,
    /// Number of the stretch whose rows are lent.
    stretch: usize,
    batch: Batch,
    /// Row of the batch that is lent next.
    next: usize,
    /// A stretch that was read here before its turn.
    own: Option<(usize, VecDeque<Batch>, Result<()>)>,
    met: Met,
    done: bool,
}

/// What is to be read.
#[derive(Debug)]
struct Work {
    input: Arc<Input>,
    number: u16,
    wanted: KeyFilter,
    view: ReadView,
    interrupt: Interrupt,
    stretches: Vec<Vec<(Position, Position)>>,
    /// The first stretch that nobody reads yet.
    unread: AtomicUsize,
    /// What all of them hold together.
    expected: Met,
    /// Emptied batches, to be filled again.
    spare: Mutex<Vec<Batch>>,
}

/// Rows of one stretch.
#[derive(Debug, Default)]
struct Batch {
    rows: Vec<BatchRow>,
    /// Encoded keys and bodies.
    bytes: Vec<u8>,
    /// Whether no more rows of the stretch follow.
    is_last: bool,
    /// Whether no more rows of any stretch do.
    is_end: bool,
    /// Of a last batch: what the stretch held.
    met: Option<Met>,
}

#[derive(Clone, Copy, Debug)]
struct BatchRow {
    place: RowLocation,
    head: RowHeader,
    start: usize,
    key_len: usize,
    body_len: usize,
}

impl SharedScan {
    /// Starts to read the rows of a family, or those whose keys begin with a prefix of it; `None` where that is not
    /// worth it: few rows or long ones, no core beside the `busy` ones, no thread to be had.
    pub(super) fn start(
        (number, input): (u16, &Arc<Input>),
        wanted: KeyFilter,
        view: ReadView,
        interrupt: &Interrupt,
        busy: usize,
    ) -> Option<Self> {
        let catalog = &input.catalog;
        let (family, from, expected) = match &wanted {
            KeyFilter::Family(family) => {
                let rows = catalog.stats.get(family.index())?.rows;
                let fingerprints = catalog.fingerprints.get(family.index()).copied().flatten();
                (*family, catalog.start, Met { rows, fingerprints })
            }
            KeyFilter::Prefix(prefix) => {
                let expected = catalog.items.of_prefix(prefix)?;
                (crate::keyspace::Family::of(prefix), input.near(prefix), expected)
            }
        };
        let stats = catalog.stats.get(family.index())?;
        let is_worth_it = expected.rows >= WORTH_IT && stats.bytes / stats.rows.max(1) <= SHORT;
        if !input.is_native() || !is_worth_it || worker::jobs() <= busy {
            return None;
        }
        let extents = catalog.extents.get(family.index())?.from(from);
        let parts = usize::try_from(extents.len() / STRETCH).unwrap_or(usize::MAX);
        let stretches = extents.cut(catalog.index.splits(), parts);
        let (input, interrupt) = (Arc::clone(input), interrupt.clone());
        let unread = AtomicUsize::new(0);
        let met = expected.zero();
        let work = Arc::new(Work {
            input,
            number,
            wanted,
            view,
            interrupt,
            stretches,
            unread,
            expected,
            spare: Mutex::default(),
        });
        let (sender, batches) = mpsc::sync_channel(WAITING);
        let shared = Arc::clone(&work);
        let worker = Worker::start(0, move |_| shared.run(&sender))?;
        let (batch, own) = (Batch::default(), None);
        Some(Self { work, batches, _worker: worker, stretch: 0, batch, next: 0, own, met, done: false })
    }

    /// Makes the next row current, in the order of encoded keys; `false` at the end.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<bool> {
        if self.next < self.batch.rows.len() {
            self.next += 1;
            return Ok(true);
        }
        self.turn_over()
    }

    /// Goes on to the next batch that has rows.
    #[cold]
    fn turn_over(&mut self) -> Result<bool> {
        while !self.done {
            let turned = self.take_batch();
            self.done = !matches!(turned, Ok(true));
            if turned? && !self.batch.rows.is_empty() {
                self.next = 1;
                return Ok(true);
            }
        }
        (self.batch, self.next) = (Batch::default(), 0);
        Ok(false)
    }

    /// Takes the next batch; `false` when all were taken.
    fn take_batch(&mut self) -> Result<bool> {
        if self.batch.is_last {
            self.stretch += 1;
            if let Some(met) = self.batch.met {
                self.met.join(met);
            }
        }
        let is_end = self.batch.is_last && (self.batch.is_end || self.stretch >= self.work.stretches.len());
        if is_end {
            self.work.check(self.met)?;
            return Ok(false);
        }
        let batch = self.next_batch()?;
        self.work.give_back(std::mem::replace(&mut self.batch, batch));
        Ok(true)
    }

    fn next_batch(&mut self) -> Result<Batch> {
        loop {
            if let Some((number, batches, result)) = &mut self.own
                && *number == self.stretch
            {
                if let Some(batch) = batches.pop_front() {
                    if batch.is_last {
                        self.own = None;
                    }
                    return Ok(batch);
                }
                std::mem::replace(result, Ok(()))?;
                return Err(LOST.into());
            }
            match self.batches.try_recv() {
                Ok(batch) => return batch,
                Err(TryRecvError::Empty) if self.own.is_none() && self.work.reads_whole_stretches() => {
                    let Some((number, stretch)) = self.work.claim() else {
                        return self.batches.recv().map_err(|_| LOST)?;
                    };
                    let mut found = VecDeque::new();
                    let mut scan = self.work.scan();
                    let result = self.work.read(&mut scan, stretch, |batch| {
                        found.push_back(batch);
                        true
                    });
                    self.own = Some((number, found, result.map(drop)));
                }
                Err(_) => return self.batches.recv().map_err(|_| LOST)?,
            }
        }
    }

    fn current(&self) -> Option<&BatchRow> {
        self.batch.rows.get(self.next.checked_sub(1)?)
    }

    /// Returns the encoded key of the current row.
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        self.current().map_or(&[], |row| self.batch.get(row.start, row.key_len))
    }

    /// Lends the current row with its location.
    #[inline]
    pub(super) fn located(&self) -> Result<(RowLocation, Row<'_>)> {
        let row = self.current().ok_or(Bug::new("a shared scan has no current row"))?;
        let key = user_key(self.batch.get(row.start, row.key_len));
        let body = self.batch.get(row.start + row.key_len, row.body_len);
        Ok((row.place, Row { position: row.place.position, key, head: row.head, body }))
    }
}

impl Work {
    /// Reads stretches until none is left, or nobody listens.
    fn run(&self, sender: &SyncSender<Result<Batch>>) {
        let mut scan = self.scan();
        while let Some((_, stretch)) = self.claim() {
            match self.read(&mut scan, stretch, |batch| sender.send(Ok(batch)).is_ok()) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return drop(sender.send(Err(error))),
            }
        }
    }

    /// Takes the next stretch that nobody reads.
    fn claim(&self) -> Option<(usize, &[(Position, Position)])> {
        let number = self.unread.fetch_add(1, Ordering::Relaxed);
        Some((number, self.stretches.get(number)?))
    }

    /// Whether stretches are short enough to be held as a whole.
    fn reads_whole_stretches(&self) -> bool {
        let length = |stretch: &Vec<(Position, Position)>| {
            stretch.iter().map(|(start, end)| start.bytes_to(*end)).sum::<u64>()
        };
        self.stretches.get(self.unread.load(Ordering::Relaxed)).is_none_or(|next| length(next) <= 4 * STRETCH)
    }

    fn scan(&self) -> Scan<'_> {
        Scan::in_stretches(&self.input, self.wanted.clone(), self.expected.zero(), self.view, &self.interrupt)
    }

    /// Hands over the rows of a stretch; `false` once nobody takes them, or no row follows.
    fn read(
        &self,
        scan: &mut Scan<'_>,
        stretch: &[(Position, Position)],
        mut hand_over: impl FnMut(Batch) -> bool,
    ) -> Result<bool> {
        scan.enter(stretch.to_vec());
        let mut batch = self.batch();
        while scan.advance_to(VersionMode::Visible)? {
            let encoded_len = scan.key().len();
            let start = batch.bytes.len();
            batch.bytes.extend_from_slice(scan.key());
            let (place, row) = scan.located(self.number)?;
            batch.bytes.extend_from_slice(row.body);
            let (head, body_len) = (row.head, row.body.len());
            batch.rows.push(BatchRow { place, head, start, key_len: encoded_len, body_len });
            if batch.bytes.len() >= BATCH && !hand_over(std::mem::replace(&mut batch, self.batch())) {
                return Ok(false);
            }
        }
        let (met, is_end) = scan.leave();
        (batch.is_last, batch.is_end, batch.met) = (true, is_end, Some(met));
        Ok(hand_over(batch) && !is_end)
    }

    /// Returns an empty batch.
    fn batch(&self) -> Batch {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes a batch to be filled again, if it is no larger than others.
    fn give_back(&self, mut batch: Batch) {
        if batch.bytes.capacity() <= 2 * BATCH && batch.bytes.capacity() > 0 {
            batch.rows.clear();
            batch.bytes.clear();
            (batch.is_last, batch.is_end, batch.met) = (false, false, None);
            self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
        }
    }

    /// Checks at the end that a scan met the rows that the first pass met.
    fn check(&self, met: Met) -> Result<()> {
        self.input.check_met(self.expected, met, self.input.catalog.end)
    }
}

impl Batch {
    #[inline]
    fn get(&self, start: usize, len: usize) -> &[u8] {
        self.bytes.get(start..start + len).unwrap_or_default()
    }
}
