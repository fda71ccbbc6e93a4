//! Whether a tree is whole: MANIFEST.json, CHECKSUMS, every file, names, KEYMAPs, JSON (`tree/names.md#segments`, `tree/names.md#keymap`, `tree/manifest.md#manifestjson`, `tree/checksums.md#checksums`).
//!
//! In: a dump's root. Out: everything that is wrong with it, in one pass over the files. Memory does not grow
//! with the tree: the walk and CHECKSUMS are sorted on disk and merged, files are streamed, and of paths, lines and
//! findings only so much is held as the limits say.

mod archive;
mod check;
mod finding;
mod join;
mod keymaps;
mod multipart;
mod name;
mod open;
mod parts;
mod syntax;
mod walk;

use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::directory::Directories;
use super::manifest::{self, Manifest};
use super::{Error, Result, Scratch, Size, Sorter, checksums};
use crate::excerpt;
use crate::interrupt::Interrupt;
use crate::limits;
use crate::progress::{Phase, Progress};
use crate::worker;
use check::Checker;
pub use finding::{Finding, FindingKind, Findings};
use join::Join;
use open::{Opened, describe};

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
    /// Moved by the files and bytes that are listed and read.
    pub progress: Progress,
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

/// Checks the tree at `root`, or the archive that is there; `-` is an archive on standard input. Fails when the root or the scratch directory cannot be used, or the system has no memory or
/// descriptors for it; what is wrong with the tree is in the report.
///
/// ```
/// use ekv_backup::sort::Scratch;
/// use ekv_backup::tree::verify::{VerifyOptions, verify};
///
/// let directory = tempfile::tempdir()?;
/// let options = VerifyOptions {
///     threads: 2,
///     scratch: Scratch::new(std::env::temp_dir()),
///     interrupt: Default::default(),
///     progress: Default::default(),
/// };
/// // No tree: MANIFEST.json and CHECKSUMS are missing.
/// let report = verify(directory.path(), &options)?;
/// assert!(report.manifest.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(root: &Path, options: &VerifyOptions) -> Result<VerifyReport> {
    if archive::is_archive(root) {
        return archive::verify(root, options);
    }
    tree(root, options, true)
}

/// Checks all of the tree at `root` but what is in its files, MANIFEST.json, CHECKSUMS and KEYMAPs aside: somebody reads and
/// proves them anyway.
pub(crate) fn verify_names(root: &Path, options: &VerifyOptions) -> Result<VerifyReport> {
    tree(root, options, false)
}

fn tree(root: &Path, options: &VerifyOptions, reads_contents: bool) -> Result<VerifyReport> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = rustix::io::retry_on_intr(|| rustix::fs::open(root, flags, Mode::empty()))
        .map_err(|errno| Error { path: root.to_owned(), kind: errno.into() })?;
    let mut shared = Shared::new(handle, root, options, options.progress.clone());
    shared.reads_contents = reads_contents;
    shared.check_interrupt()?;
    if shared.is_no_dump() {
        shared.add(FindingKind::NoDump, b"", 0, "neither MANIFEST.json nor CHECKSUMS is there");
        return Ok(VerifyReport { manifest: None, size: Size::default(), findings: shared.into_findings() });
    }
    options.progress.enter(Phase::Listing, 0);
    let manifest = shared.read_manifest()?;
    let mut files = Sorter::new(&options.scratch, MEMORY);
    let total = walk::walk(&shared, &options.scratch, &mut files)?;
    let mut rows = Sorter::new(&options.scratch, MEMORY);
    join::read_checksums(&shared, &mut rows)?;
    options.progress.enter(Phase::Verifying, 0);
    options.progress.expect(total);
    let join = Mutex::new(Join::new(files.sort()?, rows.sort()?)?);
    thread::scope(|scope| {
        let check = || Checker::new(&shared).run(&join);
        // This thread is one of them, and does the work alone where no other is to be had.
        let workers: Vec<_> =
            (1..options.threads.clamp(1, THREADS)).map_while(|_| worker::scoped(scope, check)).collect();
        let own = check();
        let results = workers.into_iter().map(worker::join);
        // All threads are waited for; the first error in their order counts.
        results.fold(own, Result::and)
    })?;
    drop(join);
    keymaps::join(&shared)?;
    parts::join(&shared)?;
    let size = shared.size();
    Ok(VerifyReport { manifest, size, findings: shared.into_findings() })
}

/// What the threads of one run share.
#[derive(Debug)]
struct Shared {
    /// Its root; of an archive, the file.
    root: OwnedFd,
    path: PathBuf,
    interrupt: Interrupt,
    findings: Mutex<Findings>,
    /// SHA fallbacks among names and in KEYMAPs: see [`keymaps`].
    fallbacks: Mutex<Sorter>,
    /// Parts of lines: see [`parts`].
    parts: Mutex<Sorter>,
    files: AtomicU64,
    bytes: AtomicU64,
    progress: Progress,
    /// Whether files that are no lists are read.
    reads_contents: bool,
    /// Whether MANIFEST.json is short enough to be read.
    manifest_was_read: AtomicBool,
    /// Whether all rows of CHECKSUMS were read.
    rows_are_known: AtomicBool,
}

impl Shared {
    fn new(handle: OwnedFd, root: &Path, options: &VerifyOptions, progress: Progress) -> Self {
        Self {
            root: handle,
            path: root.to_owned(),
            interrupt: options.interrupt.clone(),
            findings: Mutex::default(),
            fallbacks: Mutex::new(Sorter::new(&options.scratch, MEMORY)),
            parts: Mutex::new(Sorter::new(&options.scratch, MEMORY)),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            progress,
            reads_contents: true,
            manifest_was_read: AtomicBool::new(false),
            rows_are_known: AtomicBool::new(true),
        }
    }

    /// Records what is wrong with a path. A detail may quote what a file says, and is cut.
    fn add(&self, kind: FindingKind, path: &[u8], line: u64, detail: impl AsRef<str>) {
        let detail = excerpt::name(detail.as_ref().as_bytes());
        let finding = Finding { path: path.to_vec(), kind, line, detail };
        lock(&self.findings).add(finding);
    }

    fn check_interrupt(&self) -> Result<()> {
        let interrupted = self.interrupt.check();
        interrupted.map_err(|interrupted| Error { path: self.path.clone(), kind: interrupted.into() })
    }

    /// Returns where a path of the tree stands.
    fn path_of(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() { self.path.clone() } else { self.path.join(OsStr::from_bytes(path)) }
    }

    fn into_findings(self) -> Findings {
        self.findings.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn size(&self) -> Size {
        Size { files: self.files.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    fn read_manifest(&self) -> Result<Option<Manifest>> {
        let path = manifest::NAME.as_bytes();
        let (file, length) = match self.open_file(None, path) {
            Ok(Opened::File(file, length)) => (file, length),
            Ok(Opened::Other(kind)) => {
                self.not_regular(path, kind);
                return Ok(None);
            }
            Err(errno) => {
                self.unreadable(path, errno)?;
                return Ok(None);
            }
        };
        let mut text = Vec::new();
        let read = if length > limits::MANIFEST {
            Ok(length)
        } else {
            file.take(limits::MANIFEST + 1)
                .read_to_end(&mut text)
                .map(|read| u64::try_from(read).unwrap_or(u64::MAX))
        };
        match read.map(manifest::check_length) {
            Err(error) => self.unreadable(path, error)?,
            Ok(Err(error)) => self.add(FindingKind::BadManifest, path, 0, error.to_string()),
            Ok(Ok(())) => {
                self.manifest_was_read.store(true, Ordering::Relaxed);
                match Manifest::read(&text) {
                    Ok(manifest) => return Ok(Some(manifest)),
                    Err(error) => self.add(FindingKind::BadManifest, path, 0, error.to_string()),
                }
            }
        }
        Ok(None)
    }

    /// Records what stands in the place of a list. The walk names what is neither file nor directory.
    fn not_regular(&self, path: &[u8], kind: FileType) {
        if kind == FileType::Directory {
            self.add(FindingKind::NotRegular, path, 0, describe(kind));
        }
    }

    /// Whether neither of the files is there that every dump has.
    fn is_no_dump(&self) -> bool {
        [manifest::NAME, checksums::NAME].into_iter().all(|name| {
            matches!(rustix::fs::statat(&self.root, name, AtFlags::SYMLINK_NOFOLLOW), Err(Errno::NOENT))
        })
    }
}

/// Locks; a thread that panicked ends the run elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
