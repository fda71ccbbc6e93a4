//! Hashes long files on threads of their own, beside reading and writing them.
//!
//! In: copies of their bytes, in pieces. Out: a digest for each file that has ended, in any order.

use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use sha2::{Digest, Sha256};

/// Threads. The hash of one file cannot be divided; while one thread is busy with the end of a file, the other has
/// the next.
const LANES: usize = 2;
/// Bytes that are handed over at once.
const PIECE: usize = 512 << 10;
/// Pieces that wait for a thread, at most.
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
    /// The next in turn is the first. None where there is no second core, or no thread to be had.
    Started(Vec<SyncSender<Job>>),
}

#[derive(Debug)]
enum Job {
    Bytes(Arc<Mutex<Sha256>>, Vec<u8>),
    End(Arc<Mutex<Sha256>>, Vec<u8>),
}

/// A file that has ended.
#[derive(Debug)]
pub(crate) struct Hashed {
    pub(crate) path: Vec<u8>,
    pub(crate) digest: [u8; 32],
}

/// Who hashes a file.
#[derive(Debug)]
pub(crate) enum FileHash {
    /// The thread that writes it.
    Here(Sha256),
    /// Another one.
    Beside(Beside),
}

/// One file's way to a thread.
#[derive(Debug)]
pub(crate) struct Beside {
    jobs: SyncSender<Job>,
    hash: Arc<Mutex<Sha256>>,
    piece: Vec<u8>,
    spare: Spare,
}

impl Hashing {
    /// Returns threads that are not started, and where their digests arrive.
    pub(crate) fn new() -> (Self, Receiver<Hashed>) {
        let (sender, hashed) = mpsc::channel();
        (Self { lanes: Mutex::new(Lanes::Waiting(sender)), spare: Spare::default() }, hashed)
    }

    /// Goes on with a file's hash on the thread whose turn it is; `None` where there is none.
    fn stream(&self, hash: &Sha256) -> Option<Beside> {
        let mut lanes = lock(&self.lanes);
        if let Lanes::Waiting(hashed) = &*lanes {
            *lanes = Lanes::Started(start(hashed, &self.spare));
        }
        let Lanes::Started(all) = &mut *lanes else { return None };
        let jobs = all.first()?.clone();
        all.rotate_left(1);
        let hash = Arc::new(Mutex::new(hash.clone()));
        Some(Beside { jobs, hash, piece: Vec::new(), spare: Arc::clone(&self.spare) })
    }

    /// Lets the threads end with their last file.
    pub(crate) fn close(&self) {
        *lock(&self.lanes) = Lanes::Started(Vec::new());
    }
}

fn start(hashed: &Sender<Hashed>, spare: &Spare) -> Vec<SyncSender<Job>> {
    let mut lanes = Vec::new();
    if has_second_core() {
        for _ in 0..LANES {
            let (hashed, spare) = (hashed.clone(), Arc::clone(spare));
            let (sender, jobs) = mpsc::sync_channel(WAITING);
            if thread::Builder::new().spawn(move || run(&jobs, &hashed, &spare)).is_ok() {
                lanes.push(sender);
            }
        }
    }
    lanes
}

/// Whether a thread can do anything beside this one.
pub(super) fn has_second_core() -> bool {
    thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
}

impl Default for FileHash {
    fn default() -> Self {
        Self::Here(Sha256::new())
    }
}

impl FileHash {
    /// Hashes these bytes after those before.
    pub(crate) fn update(&mut self, bytes: &[u8], hashing: &Hashing) {
        if let Self::Here(hash) = self
            && bytes.len() >= WORTH_A_THREAD
            && let Some(stream) = hashing.stream(hash)
        {
            *self = Self::Beside(stream);
        }
        match self {
            Self::Here(hash) => hash.update(bytes),
            Self::Beside(stream) => stream.update(bytes),
        }
    }
}

impl Beside {
    /// Hashes these bytes after those before.
    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.piece.capacity() == 0 {
                self.piece = lock(&self.spare).pop().unwrap_or_else(|| Vec::with_capacity(PIECE));
            }
            let room = PIECE.saturating_sub(self.piece.len()).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.piece.extend_from_slice(now);
            bytes = later;
            if self.piece.len() >= PIECE {
                self.send_piece();
            }
        }
    }

    /// Ends the file: its digest arrives with this path.
    pub(crate) fn end(mut self, path: Vec<u8>) {
        if !self.piece.is_empty() {
            self.send_piece();
        }
        self.send(Job::End(Arc::clone(&self.hash), path));
    }

    fn send_piece(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        self.send(Job::Bytes(Arc::clone(&self.hash), piece));
    }

    fn send(&self, job: Job) {
        // A thread that is gone is noticed when its digests do not arrive.
        let _ = self.jobs.send(job);
    }
}

fn run(jobs: &Receiver<Job>, hashed: &Sender<Hashed>, spare: &Mutex<Vec<Vec<u8>>>) {
    for job in jobs {
        match job {
            Job::Bytes(hash, mut piece) => {
                lock(&hash).update(&piece);
                piece.clear();
                lock(spare).push(piece);
            }
            Job::End(hash, path) => {
                let digest = lock(&hash).finalize_reset().into();
                // Nobody waits for it any more when the tree was given up.
                let _ = hashed.send(Hashed { path, digest });
            }
        }
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
        assert!(spare.iter().all(|piece| piece.capacity() >= PIECE) && spare.len() <= LANES * (WAITING + 2));
    }
}
