//! Whether a tree is whole: MANIFEST.json, CHECKSUMS, every file, names, KEYMAPs, JSON (`dump.md` 2-5).
//!
//! In: a dump's root. Out: everything that is wrong with it, in one pass over the files. Memory does not grow
//! with the tree: the walk and CHECKSUMS are sorted on disk and merged, and files are streamed.

mod check;
mod finding;
mod join;
mod keymaps;
mod name;
mod syntax;
mod walk;

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::directory::{Directories, check_name, open_directory};
use super::manifest::{self, Manifest};
use super::{Error, ErrorKind, Result, Scratch, Size, Sorter, checksums};
use crate::interrupt::Interrupt;
use crate::limits;
use check::Checker;
pub use finding::{Finding, FindingKind, Findings};
use join::Join;

/// Memory for each of the sorted lists, bytes.
const MEMORY: usize = 8 << 20;
/// Most threads: each keeps a few directories open.
const THREADS: usize = 64;
/// Directories that one thread keeps open.
const OPEN_DIRECTORIES: usize = 8;

/// How a tree is verified.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// Number of threads; at least one is started.
    pub threads: usize,
    /// Where sorted lists go; not the dump itself, which may be read-only.
    pub scratch: Scratch,
    /// Polled while files are read.
    pub interrupt: Interrupt,
}

/// What is to be said about a tree.
#[derive(Clone, Debug)]
pub struct VerifyReport {
    /// The manifest, where it is sound.
    pub manifest: Option<Manifest>,
    /// The files that were read.
    pub size: Size,
    /// What is wrong: nothing, if the tree is sound. Does not depend on the number of threads.
    pub findings: Findings,
}

/// Checks the tree at `root`. `progress` is called from several threads with what was read so far. Fails when
/// the root or the scratch directory cannot be used; what is wrong with the tree is in the report.
pub fn verify(
    root: &Path,
    options: &VerifyOptions,
    progress: &(dyn Fn(Size) + Sync),
) -> Result<VerifyReport> {
    let shared = Shared::open(root, options)?;
    let manifest = shared.read_manifest()?;
    let mut files = Sorter::new(&options.scratch, MEMORY);
    walk::walk(&shared, &options.scratch, &mut files)?;
    let mut rows = Sorter::new(&options.scratch, MEMORY);
    join::read_checksums(&shared, &mut rows)?;
    let join = Mutex::new(Join::new(files.sort()?, rows.sort()?)?);
    thread::scope(|scope| {
        let check = || Checker::new(&shared).run(&join, progress);
        // This thread is one of them, and does the work alone where no other is to be had.
        let workers: Vec<_> = (1..options.threads.clamp(1, THREADS))
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, check).ok())
            .collect();
        let own = check();
        let results =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        // All threads are waited for; the first error in their order counts.
        results.fold(own, Result::and)
    })?;
    drop(join);
    keymaps::join(&shared)?;
    let size = shared.size();
    Ok(VerifyReport {
        manifest,
        size,
        findings: shared.findings.into_inner().unwrap_or_else(PoisonError::into_inner),
    })
}

/// What the threads of one run share.
#[derive(Debug)]
struct Shared {
    root: OwnedFd,
    path: PathBuf,
    interrupt: Interrupt,
    findings: Mutex<Findings>,
    /// SHA fallbacks among names and in KEYMAPs: see [`keymaps`].
    fallbacks: Mutex<Sorter>,
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Shared {
    fn open(root: &Path, options: &VerifyOptions) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(root, flags, Mode::empty())
            .map_err(|errno| Error { path: root.to_owned(), kind: ErrorKind::Io(errno.into()) })?;
        Ok(Self {
            root: handle,
            path: root.to_owned(),
            interrupt: options.interrupt.clone(),
            findings: Mutex::default(),
            fallbacks: Mutex::new(Sorter::new(&options.scratch, MEMORY)),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    /// Records what is wrong with a path.
    fn add(&self, kind: FindingKind, path: &[u8], line: u64, detail: impl Into<String>) {
        let finding = Finding { path: path.to_vec(), kind, line, detail: detail.into() };
        lock(&self.findings).add(finding);
    }

    fn check_interrupt(&self) -> Result<()> {
        let interrupted = self.interrupt.check();
        interrupted.map_err(|interrupted| Error { path: self.path.clone(), kind: interrupted.into() })
    }

    fn size(&self) -> Size {
        Size { files: self.files.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    /// Opens a file for reading, and nothing through a link.
    fn open_file(&self, directory: Option<BorrowedFd<'_>>, name: &[u8]) -> rustix::io::Result<File> {
        // A pipe in the place of the file must not stop us.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let directory = directory.unwrap_or(self.root.as_fd());
        rustix::fs::openat(directory, name, flags, Mode::empty()).map(File::from)
    }

    /// Records that a file or directory cannot be opened or read.
    fn unreadable(&self, path: &[u8], error: impl Into<std::io::Error>) {
        let error = error.into();
        match Errno::from_io_error(&error) {
            Some(Errno::NOENT) => self.add(FindingKind::Missing, path, 0, ""),
            Some(Errno::LOOP) => self.add(FindingKind::NotRegular, path, 0, "symbolic link"),
            _ => self.add(FindingKind::Unreadable, path, 0, error.to_string()),
        }
    }

    fn read_manifest(&self) -> Result<Option<Manifest>> {
        self.check_interrupt()?;
        let path = manifest::NAME.as_bytes();
        let mut text = Vec::new();
        let read = self
            .open_file(None, path)
            .map_err(Into::into)
            .and_then(|file| file.take(limits::MANIFEST + 1).read_to_end(&mut text));
        match read {
            Err(error) => self.unreadable(path, error),
            Ok(length) if u64::try_from(length).is_ok_and(|length| length > limits::MANIFEST) => {
                self.add(FindingKind::BadManifest, path, 0, "too long");
            }
            Ok(_) => match Manifest::read(&text) {
                Ok(manifest) => return Ok(Some(manifest)),
                Err(error) => self.add(FindingKind::BadManifest, path, 0, error.to_string()),
            },
        }
        Ok(None)
    }
}

/// A step of [`Directories::open`] that makes nothing.
fn open_existing(shared: &Shared, parent: Option<&OwnedFd>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    // KEYMAPs are looked up too, and may say anything.
    check_name(name).map_err(|_| Errno::INVAL)?;
    open_directory(parent.map_or(shared.root.as_fd(), AsFd::as_fd), name)
}

/// Locks; a thread that panicked ends the run elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
