//! Writes, hashes and closes small files on a thread of its own, while the next ones are being created.
//!
//! In: files that were just created, with their paths and bodies. Out: a digest for each, or why it could not be
//! written; in the order in which they came, some files later.
//!
//! Creating a file takes its directory, writing takes the file alone: with one thread each, neither waits for the
//! other. What a name is refused for is known at once.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use sha2::{Digest, Sha256};

use super::file::close;
use crate::tree::hashing::has_second_core;

/// Files that are handed over together.
const FILES: usize = 16;
/// Bytes of paths and bodies from which on a batch is handed over.
const BYTES: usize = 256 << 10;
/// Batches that exist at most, each of open files; one is being filled.
const BATCHES: usize = 4;

/// The thread, and the files that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Writer {
    batch: Batch,
    thread: Option<Thread>,
    /// Batches that the thread has.
    under_way: usize,
}

#[derive(Debug)]
struct Thread {
    /// `None` where there is no second core, or no thread to be had.
    jobs: Option<SyncSender<Batch>>,
    ended: Receiver<Batch>,
    handle: Option<JoinHandle<()>>,
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
    Created(File),
    /// Being written.
    Taken,
    Written(io::Result<[u8; 32]>),
}

impl Writer {
    /// Takes a file that is to get this body. `true` when it is time to [`Self::pass_on`].
    pub(super) fn push(&mut self, file: File, path: &[u8], body: &[u8]) -> bool {
        self.batch.push(file, path, body);
        self.batch.files.len() >= FILES || self.batch.bytes.len() >= BYTES
    }

    /// Hands over what was taken. Returns a batch that has ended, once there are enough of them: to be looked at
    /// and then [given back](Self::reuse).
    pub(super) fn pass_on(&mut self) -> Option<Batch> {
        let mut batch = std::mem::take(&mut self.batch);
        let thread = self.thread.get_or_insert_with(Thread::start);
        if let Some(jobs) = &thread.jobs {
            match jobs.send(batch) {
                Ok(()) => {
                    self.under_way += 1;
                    return if self.under_way < BATCHES { None } else { self.next() };
                }
                Err(unsent) => batch = unsent.0,
            }
        }
        batch.write();
        Some(batch)
    }

    /// Ends what was begun, batch by batch.
    pub(super) fn end(&mut self) -> Option<Batch> {
        if self.under_way > 0 {
            return self.next();
        }
        let mut batch = std::mem::take(&mut self.batch);
        batch.write();
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

    /// Waits for a batch. None comes when the thread has failed: its files are missed later.
    fn next(&mut self) -> Option<Batch> {
        self.under_way -= 1;
        self.thread.as_ref()?.ended.recv().ok()
    }
}

impl Drop for Thread {
    /// Waits until the thread has closed its files, so that their directories can be removed everywhere.
    fn drop(&mut self) {
        self.jobs = None;
        let _ = self.handle.take().map(JoinHandle::join);
    }
}

impl Thread {
    fn start() -> Self {
        let (jobs, waiting) = mpsc::sync_channel::<Batch>(BATCHES);
        let (sender, ended) = mpsc::channel();
        let run = move || {
            for mut batch in waiting {
                batch.write();
                // Nobody waits for it any more when the tree was given up.
                let _ = sender.send(batch);
            }
        };
        let handle = has_second_core().then(|| thread::Builder::new().spawn(run).ok()).flatten();
        Self { jobs: handle.is_some().then_some(jobs), ended, handle }
    }
}

impl Batch {
    fn push(&mut self, file: File, path: &[u8], body: &[u8]) {
        let path = self.append(path);
        let body = self.append(body);
        self.files.push(Small { path, body, state: State::Created(file) });
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// Writes, hashes and closes each file.
    fn write(&mut self) {
        for small in &mut self.files {
            let body = self.bytes.get(small.body.clone());
            let state = std::mem::replace(&mut small.state, State::Taken);
            small.state = match state {
                State::Created(mut file) => State::Written(body.ok_or_else(lost).and_then(|body| {
                    file.write_all(body)?;
                    close(file)?;
                    Ok(Sha256::digest(body).into())
                })),
                other => other,
            };
        }
    }

    /// Returns path, length and digest of each file, or why it could not be written, in the order of
    /// [`Writer::push`].
    pub(super) fn written(&mut self) -> impl Iterator<Item = (&[u8], usize, io::Result<[u8; 32]>)> {
        let Self { files, bytes } = self;
        files.drain(..).filter_map(|small| {
            let (path, lost) = match bytes.get(small.path) {
                Some(path) => (path, None),
                None => (&[][..], Some(lost())),
            };
            match small.state {
                State::Written(result) => Some((path, small.body.len(), lost.map_or(result, Err))),
                State::Created(_) | State::Taken => None,
            }
        })
    }
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

    /// A thread that was never there, or has ended.
    fn no_thread(jobs: Option<SyncSender<Batch>>) -> Thread {
        Thread { jobs, ended: mpsc::channel().1, handle: None }
    }

    #[test]
    fn files_are_written_and_digests_come_back_in_order() {
        let (jobs, waiting) = mpsc::sync_channel(1);
        drop(waiting);
        for thread in [None, Some(no_thread(None)), Some(no_thread(Some(jobs)))] {
            let directory = tempfile::tempdir().unwrap();
            let mut writer = Writer { thread, ..Writer::default() };
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            let lengths = [0, 1, 4_096, BYTES - 1, BYTES, 100_000, 7];
            for number in 0..FILES * BATCHES * 3 + 5 {
                let body = vec![u8::try_from(number % 251).unwrap(); lengths[number % lengths.len()]];
                let path = format!("file-{number}");
                let file = File::create_new(directory.path().join(&path)).unwrap();
                if writer.push(file, path.as_bytes(), &body) {
                    let ended = writer.pass_on();
                    drain(&mut writer, ended, &mut found);
                }
                expected.push((path.into_bytes(), body.len(), Some(Sha256::digest(&body).into())));
            }
            while let Some(batch) = writer.end() {
                drain(&mut writer, Some(batch), &mut found);
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
        let mut writer = Writer { thread: Some(no_thread(Some(jobs))), ..Writer::default() };
        for number in 0..FILES * BATCHES {
            let file = File::create_new(directory.path().join(number.to_string())).unwrap();
            if writer.push(file, b"path", b"body") {
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
        let mut writer = Writer::default();
        // Open for reading alone, as a full disk would have it.
        for number in 0..2 * FILES {
            let file = if number == 3 { File::open(&path) } else { File::create(&path) }.unwrap();
            if writer.push(file, number.to_string().as_bytes(), b"body") {
                assert!(writer.thread.is_some() || number < FILES);
                writer.pass_on();
            }
        }
        let mut failed = Vec::new();
        while let Some(mut batch) = writer.end() {
            failed.extend(batch.written().filter(|file| file.2.is_err()).map(|file| file.0.to_vec()));
        }
        assert!(!has_second_core() || failed == [b"3"], "{failed:?}");
    }
}
