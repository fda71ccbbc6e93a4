//! Writes, hashes and closes small files on other threads, while the next ones come.
//!
//! In: files that were just created, or whose names nothing else has, with their paths and bodies. Out: a digest for each,
//! or why it could not be written; in any order, some files later.
//!
//! Creating a file takes its directory, writing takes the file alone: with one job, another thread writes what this one
//! creates, and neither waits for the other. With more, each thread creates what it writes, this one too while all others
//! have enough: more is done beside, but whether a name is taken has to be known before.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::fs::Mode;
use sha2::{Digest, Sha256};

use super::file::{NewFile, create_in};
use crate::tree::directory::split;
use crate::tree::long_file::close;
use crate::worker::{self, has_second};

/// Files that are handed over together.
const FILES: usize = 16;
/// Bytes of paths and bodies from which on a batch is handed over.
const BYTES: usize = 256 << 10;
/// Batches that exist at most, each of open files or directories; one is being filled.
const BATCHES: usize = 4;
/// The same of many threads: there are not too many descriptors then.
const MOST_BATCHES: usize = 32;

/// The threads, and the files that are not written yet.
#[derive(Debug)]
pub(super) struct Writer {
    batch: Batch,
    threads: Option<Threads>,
    /// Threads that are to write files, this one among them if there are several.
    jobs: usize,
    /// Mode of files that are created here.
    mode: Mode,
    /// Batches that the threads have.
    under_way: usize,
}

#[derive(Debug)]
struct Threads {
    /// `None` where there is no second core, or no thread to be had.
    jobs: Option<SyncSender<Batch>>,
    ended: Receiver<Batch>,
    handles: Vec<JoinHandle<()>>,
}

/// Files, and what became of them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    files: Vec<Small>,
    /// Paths and bodies.
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Small {
    path: Range<usize>,
    body: Range<usize>,
    state: State,
}

#[derive(Debug)]
enum State {
    New(NewFile),
    /// Being written.
    Taken,
    Written(io::Result<[u8; 32]>),
}

impl Writer {
    /// Returns a writer without files, whose threads start with the first ones.
    pub(super) fn new(jobs: usize, mode: Mode) -> Self {
        Self { batch: Batch::default(), threads: None, jobs: jobs.max(1), mode, under_way: 0 }
    }

    /// Takes a file that is to get this body. `true` when it is time to [`Self::pass_on`].
    pub(super) fn push(&mut self, file: NewFile, path: &[u8], body: &[u8]) -> bool {
        self.batch.push(file, path, body);
        self.batch.files.len() >= FILES || self.batch.bytes.len() >= BYTES
    }

    /// Hands over what was taken. Returns a batch that has ended, once there are enough of them: to be looked at
    /// and then [given back](Self::reuse).
    pub(super) fn pass_on(&mut self) -> Option<Batch> {
        let mut batch = std::mem::take(&mut self.batch);
        let threads = self.threads.get_or_insert_with(|| Threads::start(self.jobs, self.mode));
        let most = self.jobs.saturating_add(BATCHES - 1).min(MOST_BATCHES);
        if let Some(jobs) = &threads.jobs {
            let ended = if self.under_way < most { None } else { threads.ended.try_recv().ok() };
            self.under_way -= usize::from(ended.is_some());
            if self.under_way < most {
                match jobs.send(batch) {
                    Ok(()) => {
                        self.under_way += 1;
                        return if self.jobs > 1 || self.under_way < most { ended } else { self.next() };
                    }
                    // Files of threads that have failed are missed later.
                    Err(unsent) => batch = unsent.0,
                }
            }
        }
        batch.write(self.mode);
        Some(batch)
    }

    /// Ends what was begun, batch by batch.
    pub(super) fn end(&mut self) -> Option<Batch> {
        if self.under_way > 0 {
            return self.next();
        }
        let mut batch = std::mem::take(&mut self.batch);
        batch.write(self.mode);
        (!batch.files.is_empty()).then_some(batch)
    }

    /// Takes back a batch's memory.
    pub(super) fn reuse(&mut self, mut batch: Batch) {
        if self.batch.files.is_empty() {
            batch.files.clear();
            batch.bytes.clear();
            self.batch = batch;
        }
    }

    /// Waits for a batch. None comes when the threads have failed: their files are missed later.
    fn next(&mut self) -> Option<Batch> {
        self.under_way -= 1;
        self.threads.as_ref()?.ended.recv().ok()
    }
}

impl Drop for Threads {
    /// Waits until the threads have closed their files, so that their directories can be removed everywhere.
    fn drop(&mut self) {
        self.jobs = None;
        self.handles.drain(..).for_each(|handle| drop(handle.join()));
    }
}

impl Threads {
    fn start(jobs: usize, mode: Mode) -> Self {
        let (sender, waiting) = mpsc::sync_channel::<Batch>(MOST_BATCHES);
        let waiting = Arc::new(Mutex::new(waiting));
        let (ending, ended) = mpsc::channel();
        let spawn = |_| {
            let (waiting, ending) = (Arc::clone(&waiting), ending.clone());
            let next = move || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let run = move || {
                while let Ok(mut batch) = next() {
                    batch.write(mode);
                    // Nobody waits for it any more when the tree was given up.
                    let _ = ending.send(batch);
                }
            };
            worker::start(run)
        };
        let threads = if jobs > 1 { jobs - 1 } else { usize::from(has_second()) };
        let handles: Vec<_> = (0..threads).map_while(spawn).collect();
        Self { jobs: (!handles.is_empty()).then_some(sender), ended, handles }
    }
}

impl Batch {
    fn push(&mut self, file: NewFile, path: &[u8], body: &[u8]) {
        let path = self.append(path);
        let body = self.append(body);
        self.files.push(Small { path, body, state: State::New(file) });
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// Writes, hashes and closes each file.
    fn write(&mut self, mode: Mode) {
        for small in &mut self.files {
            let parts = self.bytes.get(small.path.clone()).zip(self.bytes.get(small.body.clone()));
            let state = std::mem::replace(&mut small.state, State::Taken);
            small.state = match state {
                State::New(file) => State::Written(parts.ok_or_else(lost).and_then(|(path, body)| {
                    let mut file = match file {
                        NewFile::Created(file) => file,
                        NewFile::Named(directory) => create_named(&directory, path, mode)?,
                    };
                    file.write_all(body)?;
                    close(file)?;
                    Ok(Sha256::digest(body).into())
                })),
                other => other,
            };
        }
    }

    /// Returns path, length and digest of each file, or why it could not be written.
    pub(super) fn written(&mut self) -> impl Iterator<Item = (&[u8], usize, io::Result<[u8; 32]>)> {
        let Self { files, bytes } = self;
        files.drain(..).filter_map(|small| {
            let (path, lost) = match bytes.get(small.path) {
                Some(path) => (path, None),
                None => (&[][..], Some(lost())),
            };
            match small.state {
                State::Written(result) => Some((path, small.body.len(), lost.map_or(result, Err))),
                State::New(_) | State::Taken => None,
            }
        })
    }
}

fn create_named(directory: &OwnedFd, path: &[u8], mode: Mode) -> io::Result<File> {
    let (_, name) = split(path).map_err(|_| lost())?;
    Ok(create_in(directory, name, mode)?)
}

fn lost() -> io::Error {
    io::Error::other("a small file is not in its batch: a fault of this program")
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = (Vec<u8>, usize, Option<[u8; 32]>);

    fn drain(writer: &mut Writer, ended: Option<Batch>, found: &mut Vec<Found>) {
        if let Some(mut batch) = ended {
            found.extend(batch.written().map(|(path, length, digest)| (path.to_vec(), length, digest.ok())));
            writer.reuse(batch);
        }
    }

    const MODE: Mode = Mode::from_raw_mode(0o600);

    fn writer(jobs: usize, threads: Option<Threads>) -> Writer {
        Writer { threads, ..Writer::new(jobs, MODE) }
    }

    /// Threads that were never there, or have ended.
    fn no_thread(jobs: Option<SyncSender<Batch>>) -> Threads {
        Threads { jobs, ended: mpsc::channel().1, handles: Vec::new() }
    }

    #[test]
    fn files_are_written_and_digests_come_back() {
        let (ended, waiting) = mpsc::sync_channel(1);
        drop(waiting);
        let more = [2, 3, 16].map(|jobs| writer(jobs, None));
        let one =
            [None, Some(no_thread(None)), Some(no_thread(Some(ended)))].map(|threads| writer(1, threads));
        for mut writer in one.into_iter().chain(more) {
            let directory = tempfile::tempdir().unwrap();
            let parent = Arc::new(OwnedFd::from(File::open(directory.path()).unwrap()));
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            let lengths = [0, 1, 4_096, BYTES - 1, BYTES, 100_000, 7];
            for number in 0..FILES * BATCHES * 3 + 5 {
                let body = vec![u8::try_from(number % 251).unwrap(); lengths[number % lengths.len()]];
                let path = format!("file-{number}");
                let file = if writer.jobs > 1 {
                    NewFile::Named(Arc::clone(&parent))
                } else {
                    NewFile::Created(File::create_new(directory.path().join(&path)).unwrap())
                };
                if writer.push(file, path.as_bytes(), &body) {
                    let ended = writer.pass_on();
                    drain(&mut writer, ended, &mut found);
                }
                expected.push((path.into_bytes(), body.len(), Some(Sha256::digest(&body).into())));
            }
            while let Some(batch) = writer.end() {
                drain(&mut writer, Some(batch), &mut found);
            }
            if writer.jobs > 1 {
                found.sort();
                expected.sort();
            }
            assert!(found == expected);
            for (path, length, digest) in &found {
                let body = std::fs::read(directory.path().join(str::from_utf8(path).unwrap())).unwrap();
                assert_eq!((body.len(), Some(Sha256::digest(&body).into())), (*length, *digest));
            }
        }
    }

    #[test]
    fn files_of_a_thread_that_has_failed_do_not_come_back() {
        let directory = tempfile::tempdir().unwrap();
        let (jobs, waiting) = mpsc::sync_channel(BATCHES);
        let mut writer = writer(1, Some(no_thread(Some(jobs))));
        for number in 0..FILES * BATCHES {
            let file = File::create_new(directory.path().join(number.to_string())).unwrap();
            if writer.push(NewFile::Created(file), b"path", b"body") {
                assert!(writer.pass_on().is_none());
            }
        }
        assert!(writer.end().is_none());
        drop(waiting);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_with_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "").unwrap();
        let mut writer = writer(1, None);
        // Open for reading alone, as a full disk would have it.
        for number in 0..2 * FILES {
            let file = if number == 3 { File::open(&path) } else { File::create(&path) }.unwrap();
            if writer.push(NewFile::Created(file), number.to_string().as_bytes(), b"body") {
                assert!(writer.threads.is_some() || number < FILES);
                writer.pass_on();
            }
        }
        let mut failed = Vec::new();
        while let Some(mut batch) = writer.end() {
            failed.extend(batch.written().filter(|file| file.2.is_err()).map(|file| file.0.to_vec()));
        }
        assert!(!has_second() || failed == [b"3"], "{failed:?}");
    }
}
