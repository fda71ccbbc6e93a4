//! The one writer of a dump: stages beside the target, hashes while it writes, renames when complete.
//!
//! In: paths of components that others encoded, and bodies. Out: files, and a digest for each.

mod access;
mod adopt;
mod background;
mod digests;
mod file;
mod flush;
pub(super) mod inputs;
pub(super) mod leftovers;
mod listing;
pub(super) mod lock;
mod notice;
mod publish;
mod remove;
pub(super) mod staging;
mod staging_fs;
pub(super) mod target;
pub(super) mod walk;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use rustix::fs::AtFlags;
use rustix::io::{Errno, retry_on_intr};

use super::directory::{Directories, open_directory, split};
use super::hashing::{Hashed, Hashing};
use super::manifest::{self, Manifest};
use super::{Error, ErrorKind, Result, Scratch, Size, Sorter, checksums};
use crate::interrupt::Interrupt;
use crate::progress::{Amount, Progress};
pub(crate) use adopt::{Sources, survey};
use background::Writer;
pub(super) use file::DiskFile;
use flush::Flush;
use listing::{Difference, Listing};
pub use notice::Notice;
use staging::{Staging, flush_directory};
use staging_fs::StagingFs;
pub(crate) use target::EXPORT;
use walk::Walk;

/// Memory for the paths and digests of CHECKSUMS, bytes.
const CHECKSUMS_MEMORY: usize = 8 << 20;

/// Bytes of a body from which on it is written at once, and hashed meanwhile; a shorter one is written later.
const LONG: usize = 256 << 10;

/// Name of CHECKSUMS until all of it is on the disk.
const UNFINISHED_CHECKSUMS: &str = "CHECKSUMS.partial";

/// Most directories that are kept open.
const OPEN_DIRECTORIES: usize = 64;

/// How a tree is made.
#[derive(Clone, Debug, Default)]
pub struct TreeOptions {
    /// Replace a dump: a directory with the `MANIFEST.json` of a decoded snapshot and nothing that its CHECKSUMS
    /// does not list.
    pub force: bool,
    /// It is no dump but an export, and takes the place of one.
    pub is_export: bool,
    /// What the run reads; a dump that holds one of them is not replaced. `-` is standard input.
    pub inputs: Vec<PathBuf>,
    /// 0666/0777 and the umask instead of 0600/0700.
    pub mode_from_umask: bool,
    /// An existing directory where an archive on standard output is sorted and spooled; other dumps do that where they
    /// are made.
    pub scratch: PathBuf,
    /// Polled for each file.
    pub interrupt: Interrupt,
    /// Moved by the files and bytes that are written.
    pub progress: Progress,
    /// Threads that create small files of a directory, this one among them. With 0 or 1 this one creates them all, and
    /// another one, where there is a second core, writes them.
    pub jobs: usize,
}

/// A tree that stands at its target.
#[derive(Debug, Default)]
pub struct Finished {
    /// Its files, CHECKSUMS itself aside.
    pub size: Size,
    /// What is to be said beside: what could not be removed, what earlier runs have left.
    pub notices: Vec<Notice>,
    /// Of a tree of digests: the same by the first two components of paths, or of shorter ones by path.
    pub scopes: BTreeMap<Vec<u8>, Size>,
}

/// A dump tree that is being written in a sibling directory of its target; removed unless it is finished.
#[derive(Debug)]
pub struct Disk {
    directories: Directories,
    checksums: Sorter,
    writer: Writer,
    flush: Flush,
    hashing: Arc<Hashing>,
    hashed: Receiver<Hashed>,
    /// Files that another thread still writes or hashes.
    awaited: u64,
    scratch: Scratch,
    size: Size,
    /// What is in the staging directory, as far as this run has put it there.
    listing: Listing,
    staging_fs: Arc<StagingFs>,
    // Last, so that it is removed after all handles into it are closed.
    staging: Staging,
}

impl Disk {
    /// Creates the staging directory `.<name>.partial-<random>` beside `target`.
    pub fn create(target: &Path, options: &TreeOptions) -> Result<Self> {
        let (staging, root) = Staging::create(target, options)?;
        let mut staging_fs = match StagingFs::new(root, target.to_owned(), options) {
            Ok(staging_fs) => staging_fs,
            Err(errno) => {
                let error = Error { path: staging.path().to_owned(), kind: errno.into() };
                return Err(staging.discard_after(error));
            }
        };
        let scratch = Scratch::new(staging.path().to_owned()).polling(&options.interrupt);
        if options.jobs > 1 {
            staging_fs.keep_names(&scratch);
        }
        let (hashing, hashed) = Hashing::new();
        Ok(Self {
            directories: Directories::new(OPEN_DIRECTORIES),
            checksums: Sorter::new(&scratch, CHECKSUMS_MEMORY),
            writer: Writer::new(options.jobs, staging_fs.file_mode),
            flush: Flush::default(),
            hashing: Arc::new(hashing),
            hashed,
            awaited: 0,
            scratch,
            size: Size::default(),
            listing: Listing::default(),
            staging_fs: Arc::new(staging_fs),
            staging,
        })
    }

    /// Returns where sorters of this run keep their runs.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Tells what else the run reads: a dump that holds one of these files is not replaced.
    pub fn keep(&mut self, inputs: impl IntoIterator<Item = PathBuf>) {
        self.staging.options.inputs.extend(inputs);
    }

    /// Tells how large the tree will be, for the message of a full disk and for the display. The first estimate counts.
    pub fn expect(&mut self, size: Size) {
        self.staging_fs.progress.expect(Amount { files: size.files, bytes: size.bytes });
        let _ = self.staging_fs.expected.set(size);
    }

    /// Promises that each file below this directory (with its `/`) is written once, and that none is a directory too.
    pub(crate) fn trust(&mut self, directory: &'static [u8]) {
        let _ = self.staging_fs.unique.set(directory);
    }

    /// Returns the files so far and their length, holes included.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Creates the file `path` with this body: one `openat`, `write`, `close`. `path` is relative to the root,
    /// components separated by `/`; its directories are made on the way. `Taken` when the name exists.
    ///
    /// A short body is written, and its file perhaps created, on another thread meanwhile: that the disk refuses it is the
    /// error of a later call, with this path.
    pub fn write(&mut self, path: &[u8], body: &[u8]) -> Result<()> {
        if body.len() >= LONG {
            let mut file = self.file(path)?;
            file.write(body)?;
            return file.finish(self);
        }
        let (directory, name) = self.place(path)?;
        let file = file::begin(&self.staging_fs, directory.as_ref(), path, name)?;
        self.write_later(file, path, body)
    }

    /// Opens the file `path` for writing in pieces. The file counts once it is finished; dropped before, it is
    /// removed. `Taken` when the name exists.
    pub fn file(&mut self, path: &[u8]) -> Result<DiskFile> {
        let (directory, name) = self.place(path)?;
        DiskFile::create((&self.staging_fs, &self.hashing), directory, path, name)
    }

    /// Returns what is to be said so far: what earlier runs have left.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.staging.notices
    }

    /// Gives the tree up and removes it. An error has the path of what stays.
    pub fn discard(self) -> Result<()> {
        // All handles into the directory are closed before it is removed.
        self.into_staging().discard()
    }

    fn into_staging(self) -> Staging {
        self.staging
    }

    /// Removes the directories of the file `path`, which was dropped unfinished, as far as they are empty.
    pub fn remove_empty_directories(&mut self, path: &[u8]) -> Result<()> {
        // Nothing was made for a path that is refused at once, however many directories it names.
        if !checksums::fits(path) {
            return Ok(());
        }
        let Ok((mut path, _)) = split(path) else { return Ok(()) };
        // A directory is not empty whose files are to be created.
        self.settle()?;
        while let Ok((parent, name)) = split(path) {
            let root = self.staging_fs.root();
            let opened = self
                .directories
                .open(parent, |parent, name, _| open_directory(parent.unwrap_or(root).as_fd(), name));
            // What cannot be opened is not there.
            if let Ok(handle) = opened {
                let directory = handle.as_deref().unwrap_or(root);
                match retry_on_intr(|| rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)) {
                    Ok(()) => {
                        self.directories.forget(path);
                        self.listing.remove(path);
                        self.staging_fs.free_name(path);
                    }
                    Err(Errno::NOTEMPTY | Errno::EXIST) => break,
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => {}
                    Err(errno) => return Err(self.staging_fs.failure(path, errno)),
                }
            }
            path = parent;
        }
        Ok(())
    }

    /// Creates a directory that stays even when nothing is put into it.
    pub fn directory(&mut self, path: &[u8]) -> Result<()> {
        self.staging_fs.check_interrupt(path)?;
        split(path).map_err(|kind| self.staging_fs.error(path, kind))?;
        // Nothing could be put into it, and `verify` does not look into it.
        if !checksums::fits(path) {
            return Err(self.staging_fs.error(path, ErrorKind::NameTooLong));
        }
        self.open(path).map(drop)
    }

    /// Writes MANIFEST.json, flushes everything, writes CHECKSUMS, looks whether all of it is there, and moves the
    /// tree onto its target (`tree/outcome.md#outcome`). After an error the tree can only be given up.
    pub fn finish(&mut self, manifest: &Manifest) -> Result<Finished> {
        let text = manifest.write();
        let text = text.map_err(|error| self.staging_fs.error(manifest::NAME.as_bytes(), error.into()))?;
        self.write(manifest::NAME.as_bytes(), &text)?;
        self.publish()
    }

    /// Does the same without a MANIFEST.json: files that are no dump.
    pub fn publish(&mut self) -> Result<Finished> {
        debug_assert_eq!(
            Arc::strong_count(&self.staging_fs),
            1,
            "a file is still open: CHECKSUMS would lack it"
        );
        self.await_threads()?;
        self.flush
            .end()
            .and_then(|()| self.staging_fs.flush())
            .map_err(|errno| self.staging_fs.failure(b"", errno))?;
        self.write_checksums()?;
        self.staging.publish(self.staging_fs.root())?;
        let notices = std::mem::take(&mut self.staging.notices);
        Ok(Finished { size: self.size, notices, ..Finished::default() })
    }

    /// Writes a line for each file, sorted bytewise by path. The file gets its name when everything it lists is on the
    /// disk and still there, and it too: what has a CHECKSUMS is complete.
    fn write_checksums(&mut self) -> Result<()> {
        let path = UNFINISHED_CHECKSUMS.as_bytes();
        let mut file = DiskFile::create((&self.staging_fs, &self.hashing), None, path, path)?;
        self.listing.add(path);
        let mut line = Vec::new();
        let mut rows = self.checksums.sort()?;
        while let Some((path, digest)) = rows.next()? {
            line.clear();
            checksums::line(&mut line, digest, path);
            file.write(&line)?;
        }
        drop(rows);
        file.sync()?;
        file.close()?;
        self.check_census()?;
        self.staging_fs.check_interrupt(b"")?;
        let root = self.staging_fs.root();
        retry_on_intr(|| rustix::fs::renameat(root, path, root, checksums::NAME))
            .and_then(|()| flush_directory(root))
            .map_err(|errno| self.staging_fs.failure(checksums::NAME.as_bytes(), errno))
    }

    /// Compares what is in the staging directory with what was written.
    fn check_census(&self) -> Result<()> {
        let failure = |path: &[u8], kind| self.staging_fs.error(path, kind);
        let walk = Walk {
            root: self.staging_fs.root().as_fd(),
            scratch: &self.scratch,
            interrupt: &self.staging_fs.interrupt,
            failure: &failure,
        };
        let found = Listing::take(&walk)?;
        if found == self.listing {
            return Ok(());
        }
        let difference = Difference::find(&walk, UNFINISHED_CHECKSUMS, &[])?;
        let (missing, foreign) = (difference.missing.count, difference.unlisted.count);
        Err(match difference.missing.first.or(difference.unlisted.first) {
            Some(path) => failure(&path, ErrorKind::StagingChanged { missing, foreign }),
            None => {
                failure(b"", ErrorKind::StagingCount { written: self.listing.entries, found: found.entries })
            }
        })
    }

    /// Splits a path into its directory, opened, and the name of a file that may be created there.
    fn place<'p>(&mut self, path: &'p [u8]) -> Result<(Option<Arc<OwnedFd>>, &'p [u8])> {
        self.staging_fs.check_interrupt(path)?;
        let (directory, name) = split(path).map_err(|kind| self.staging_fs.error(path, kind))?;
        // A line that no reader of CHECKSUMS takes.
        if !checksums::fits(path) {
            return Err(self.staging_fs.error(path, ErrorKind::NameTooLong));
        }
        Ok((self.open(directory)?, name))
    }

    /// Opens a directory, made with its parents where it is missing; `None` for the root.
    fn open(&mut self, path: &[u8]) -> Result<Option<Arc<OwnedFd>>> {
        let (staging_fs, listing) = (&*self.staging_fs, &mut self.listing);
        self.directories.open(path, |parent, name, whole| {
            let (opened, made) = staging_fs.make_directory(parent, name, whole)?;
            if made {
                listing.add(whole);
            }
            Ok(opened)
        })
    }
}

#[cfg(test)]
mod tests;
