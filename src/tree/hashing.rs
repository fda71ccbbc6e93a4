//! Hashes long files on threads of their own, and writes those that are made there too, beside reading and making them.
//!
//! In: copies of their bytes, in pieces. Out: a digest for each file that has ended, in any order.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::long_file::LongFile;
use crate::worker::{self, Worker};

/// Most threads. The hash of one file cannot be divided; while one thread is busy with the end of a file, the other has
/// the next.
const LANES: usize = 4;
/// Bytes that are handed over at once.
const PIECE: usize = 512 << 10;
/// Pieces that wait for a thread, at most. While so many do, files stay with the thread that makes them.
const WAITING: usize = 4;
/// Bytes at once from which on another thread goes on hashing.
const WORTH_A_THREAD: usize = 32 << 10;

/// The threads, started when there is something for them.
#[derive(Debug)]
pub(crate) struct Hashing {
    lanes: Mutex<Lanes>,
    spare: Spare,
}

/// Emptied pieces, to be filled again.
type Spare = Arc<Mutex<Vec<Vec<u8>>>>;

#[derive(Debug)]
enum Lanes {
    /// Not started: where their digests are to go.
    Waiting(Sender<Hashed>),
    /// None where there is one job, or no thread to be had.
    Started(Vec<Lane>),
}

#[derive(Debug)]
struct Lane {
    worker: Arc<Worker<Job>>,
    /// Pieces that it was sent and has not done.
    backlog: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Job {
    stream: Arc<Stream>,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Bytes that are hashed, and written at an offset if there is one.
    Bytes(Vec<u8>, Option<u64>),
    /// The path of a file that has ended, and its length if it ends in a hole.
    End(Vec<u8>, Option<u64>),
}

/// A file on a thread.
#[derive(Debug)]
struct Stream {
    state: Mutex<State>,
    /// Whether something of it could not be written.
    failed: AtomicBool,
}

#[derive(Debug)]
struct State {
    hash: Sha256,
    written: io::Result<()>,
    /// Where it is written too.
    file: Option<LongFile>,
}

/// A file that has ended.
#[derive(Debug)]
pub(crate) struct Hashed {
    pub(crate) path: Vec<u8>,
    pub(crate) digest: [u8; 32],
    /// Why not all of it could be written.
    pub(crate) written: io::Result<()>,
}

/// Who hashes a file.
#[derive(Debug)]
pub(crate) enum FileHash {
    /// The thread that makes it.
    Here(Sha256),
    /// Another one.
    Beside(Beside),
}

/// One file's way to a thread.
#[derive(Debug)]
pub(crate) struct Beside {
    worker: Arc<Worker<Job>>,
    backlog: Arc<AtomicUsize>,
    stream: Arc<Stream>,
    piece: Vec<u8>,
    /// Where the piece is written; `None` where it is only hashed.
    offset: Option<u64>,
    spare: Spare,
}

impl Hashing {
    /// Returns threads that are not started, and where their digests arrive.
    pub(crate) fn new() -> (Self, Receiver<Hashed>) {
        let (sender, hashed) = mpsc::channel();
        (Self { lanes: Mutex::new(Lanes::Waiting(sender)), spare: Spare::default() }, hashed)
    }

    /// Goes on with a file's hash on the thread that has least to do; `None` where there is none, or all have enough.
    fn stream(&self, hash: &Sha256) -> Option<Beside> {
        let mut lanes = lock(&self.lanes);
        if let Lanes::Waiting(hashed) = &*lanes {
            *lanes = Lanes::Started(start(hashed, &self.spare));
        }
        let Lanes::Started(all) = &*lanes else { return None };
        let load = |lane: &&Lane| lane.backlog.load(Ordering::Relaxed);
        let lane = all.iter().min_by_key(load).filter(|lane| load(lane) < WAITING)?;
        let state = Mutex::new(State { hash: hash.clone(), written: Ok(()), file: None });
        Some(Beside {
            worker: Arc::clone(&lane.worker),
            backlog: Arc::clone(&lane.backlog),
            stream: Arc::new(Stream { state, failed: AtomicBool::new(false) }),
            piece: Vec::new(),
            offset: None,
            spare: Arc::clone(&self.spare),
        })
    }

    /// Lets the threads end with their last file.
    pub(crate) fn close(&self) {
        let lanes = std::mem::replace(&mut *lock(&self.lanes), Lanes::Started(Vec::new()));
        drop(lanes);
    }
}

fn start(hashed: &Sender<Hashed>, spare: &Spare) -> Vec<Lane> {
    let lane = |_| {
        let (hashed, spare, backlog) = (hashed.clone(), Arc::clone(spare), Arc::new(AtomicUsize::new(0)));
        let left = Arc::clone(&backlog);
        let run = move |jobs: Receiver<Job>| jobs.into_iter().for_each(|job| job.run(&hashed, &spare, &left));
        Some(Lane { worker: Arc::new(Worker::start(WAITING, run)?), backlog })
    };
    (1..worker::jobs().min(1 + LANES)).map_while(lane).collect()
}

impl Default for FileHash {
    fn default() -> Self {
        Self::Here(Sha256::new())
    }
}

impl FileHash {
    /// Hashes these bytes after those before.
    pub(crate) fn update(&mut self, bytes: &[u8], hashing: &Hashing) {
        self.pass_on(bytes.len(), hashing);
        match self {
            Self::Here(hash) => hash.update(bytes),
            Self::Beside(stream) => stream.update(bytes),
        }
    }

    /// Hands the file over to a thread, where that is worth it for so many bytes that come at once.
    pub(crate) fn pass_on(&mut self, length: usize, hashing: &Hashing) {
        if let Self::Here(hash) = self
            && length >= WORTH_A_THREAD
            && let Some(stream) = hashing.stream(hash)
        {
            *self = Self::Beside(stream);
        }
    }
}

impl Beside {
    /// Has the thread write the file too, and close it.
    pub(super) fn write_to(&mut self, file: LongFile) {
        lock(&self.stream.state).file = Some(file);
    }

    /// Hashes these bytes after those before.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.take(bytes, None);
    }

    /// Hashes these bytes after those before, and writes them at their offset.
    pub(crate) fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.take(bytes, Some(offset));
        if !self.stream.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        std::mem::replace(&mut lock(&self.stream.state).written, Ok(()))
    }

    fn take(&mut self, mut bytes: &[u8], mut offset: Option<u64>) {
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        // What was only hashed, or a hole, lies between.
        if self.offset.map(|start| start.saturating_add(length(&self.piece))) != offset {
            self.send_piece();
        }
        while !bytes.is_empty() {
            if self.piece.is_empty() {
                self.offset = offset;
            }
            if self.piece.capacity() == 0 {
                self.piece = lock(&self.spare).pop().unwrap_or_else(|| Vec::with_capacity(PIECE));
            }
            let room = PIECE.saturating_sub(self.piece.len()).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.piece.extend_from_slice(now);
            offset = offset.map(|offset| offset.saturating_add(length(now)));
            bytes = later;
            if self.piece.len() >= PIECE {
                self.send_piece();
            }
        }
    }

    /// Ends the file: its digest arrives with this path.
    pub(crate) fn end(self, path: Vec<u8>) {
        self.end_at(path, None);
    }

    /// Ends a file that is written too; `hole` is its length if it ends in a hole.
    pub(super) fn end_at(mut self, path: Vec<u8>, hole: Option<u64>) {
        self.send_piece();
        self.send(What::End(path, hole));
    }

    fn send_piece(&mut self) {
        if !self.piece.is_empty() {
            let piece = std::mem::take(&mut self.piece);
            self.send(What::Bytes(piece, self.offset));
        }
    }

    fn send(&self, what: What) {
        self.backlog.fetch_add(1, Ordering::Relaxed);
        // A thread that is gone is noticed when its digests do not arrive.
        let _ = self.worker.send(Job { stream: Arc::clone(&self.stream), what });
    }
}

impl Job {
    fn run(self, hashed: &Sender<Hashed>, spare: &Mutex<Vec<Vec<u8>>>, backlog: &AtomicUsize) {
        let mut state = lock(&self.stream.state);
        let state = &mut *state;
        match self.what {
            What::Bytes(mut piece, offset) => {
                state.hash.update(&piece);
                if let (Some(offset), Ok(()), Some(file)) = (offset, &state.written, &mut state.file) {
                    state.written = file.write_at(&piece, offset);
                    self.stream.failed.fetch_or(state.written.is_err(), Ordering::Relaxed);
                }
                piece.clear();
                lock(spare).push(piece);
            }
            What::End(path, hole) => {
                let mut written = std::mem::replace(&mut state.written, Ok(()));
                if let Some(file) = state.file.take() {
                    written = written.and(file.close(hole));
                }
                // Nobody waits for it any more when the tree was given up.
                let _ = hashed.send(Hashed { path, digest: state.hash.finalize_reset().into(), written });
            }
        }
        backlog.fetch_sub(1, Ordering::Relaxed);
    }
}

/// No thread stops halfway through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_interleaved_files_arrive_and_none_of_a_dropped_one() {
        let (hashing, hashed) = Hashing::new();
        let bytes: Vec<u8> = (0..3 * PIECE + 5).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let lengths = [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5];
        let head = Sha256::new().chain_update(b"head");
        let streams = lengths.map(|_| hashing.stream(&head));
        let mut expected = Vec::new();
        for (length, stream) in lengths.into_iter().zip(streams) {
            // One core: nothing is hashed beside.
            let Some(mut stream) = stream else { return };
            for part in bytes[..length].chunks(PIECE / 3 + 1) {
                stream.update(part);
            }
            if length != PIECE {
                let digest: [u8; 32] = head.clone().chain_update(&bytes[..length]).finalize().into();
                expected.push((length.to_string().into_bytes(), digest));
                stream.end(length.to_string().into_bytes());
            }
        }
        hashing.close();
        assert!(hashing.stream(&head).is_none());
        let mut found: Vec<_> = hashed.iter().map(|hashed| (hashed.path, hashed.digest)).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        let spare = lock(&hashing.spare);
        assert!(
            spare.iter().all(|piece| piece.capacity() >= PIECE)
                && spare.len() <= LANES * (WAITING + 2) + lengths.len()
        );
    }
}
