//! One file of the tree that is written in pieces.
//!
//! In: bytes and holes. Out: a file and its digest; nothing when it is not finished.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use sha2::Digest;

use super::Disk;
use super::staging_fs::StagingFs;
use crate::tree::directory::split;
use crate::tree::hashing::{FileHash, Hashing};
use crate::tree::long_file::LongFile;
use crate::tree::{Error, Result};

/// Bytes that are collected before they are written.
const BUFFER: usize = 64 << 10;
/// Zero bytes that are hashed at once.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A file of the tree that nothing was written to.
#[derive(Debug)]
pub(super) enum NewFile {
    /// Open.
    Created(File),
    /// Not created yet: its directory, in which the tree knows its name to be free.
    Named(Arc<OwnedFd>),
}

/// Begins a file that must not exist: creates it, or takes its name where the tree [knows names](Names).
pub(super) fn begin(
    staging_fs: &StagingFs,
    directory: Option<&Arc<OwnedFd>>,
    path: &[u8],
    name: &[u8],
) -> Result<NewFile> {
    match directory {
        Some(directory) if staging_fs.take_name(path, name)? => Ok(NewFile::Named(Arc::clone(directory))),
        directory => create(staging_fs, directory.map(AsRef::as_ref), path, name).map(NewFile::Created),
    }
}

/// Creates a file that must not exist.
fn create(staging_fs: &StagingFs, directory: Option<&OwnedFd>, path: &[u8], name: &[u8]) -> Result<File> {
    let parent = directory.unwrap_or(staging_fs.root()).as_fd();
    match create_in(parent, name, staging_fs.file_mode) {
        Ok(file) => Ok(file),
        Err(Errno::EXIST) => Err(staging_fs.error(path, staging_fs.collision(parent, name))),
        Err(errno) => Err(staging_fs.failure(path, errno)),
    }
}

/// The same in an open directory.
pub(super) fn create_in(directory: impl AsFd, name: &[u8], mode: Mode) -> rustix::io::Result<File> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
    Ok(File::from(retry_on_intr(|| rustix::fs::openat(&directory, name, flags, mode))?))
}

/// Removes a file that is not complete. That it may stay is no second error: the whole tree is removed then.
pub(super) fn discard(staging_fs: &StagingFs, directory: Option<&OwnedFd>, name: &[u8]) {
    let parent = directory.unwrap_or(staging_fs.root());
    let _ = retry_on_intr(|| rustix::fs::unlinkat(parent, name, AtFlags::empty()));
}

/// A file of the tree that is being written in pieces; buffered, hashed on the way. A long one another thread hashes and
/// writes, where there is one that has nothing else to do.
#[derive(Debug)]
pub struct DiskFile {
    staging_fs: Arc<StagingFs>,
    directory: Option<Arc<OwnedFd>>,
    path: Vec<u8>,
    place: Place,
    buffer: Vec<u8>,
    hash: FileHash,
    hashing: Arc<Hashing>,
    length: u64,
    /// Bytes that were stored, or handed over to be; holes count.
    stored: u64,
    /// Whether the file ends in a hole, which has no length of its own.
    hole: bool,
}

/// Where a file is that is being written.
#[derive(Debug)]
enum Place {
    New(NewFile),
    Open(LongFile),
    /// With the thread that writes it.
    Beside,
    /// Finished.
    Ended,
}

impl DiskFile {
    pub(super) fn create(
        (staging_fs, hashing): (&Arc<StagingFs>, &Arc<Hashing>),
        directory: Option<Arc<OwnedFd>>,
        path: &[u8],
        name: &[u8],
    ) -> Result<Self> {
        let file = begin(staging_fs, directory.as_ref(), path, name)?;
        Ok(Self {
            staging_fs: Arc::clone(staging_fs),
            directory,
            path: path.to_vec(),
            place: Place::New(file),
            buffer: Vec::new(),
            hash: FileHash::default(),
            hashing: Arc::clone(hashing),
            length: 0,
            stored: 0,
            hole: false,
        })
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.append(bytes).map_err(|error| self.failure(error))?;
        self.staging_fs.check_interrupt(&self.path)
    }

    /// Appends `length` zero bytes without storing them (a hole).
    pub fn zeros(&mut self, length: u64) -> Result<()> {
        self.skip(length).map_err(|error| self.failure(error))?;
        let mut left = length;
        while left > 0 {
            let zeros = usize::try_from(left).ok().and_then(|left| ZEROS.get(..left)).unwrap_or(&ZEROS);
            self.hash.update(zeros, &self.hashing);
            left -= u64::try_from(zeros.len()).unwrap_or(left);
            self.staging_fs.check_interrupt(&self.path)?;
        }
        Ok(())
    }

    /// Returns the number of bytes so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the file: it counts, and has its line in CHECKSUMS.
    pub fn finish(mut self, tree: &mut Disk) -> Result<()> {
        if self.is_unwritten() {
            match std::mem::replace(&mut self.place, Place::Ended) {
                Place::New(file) => return tree.write_later(file, &self.path, &self.buffer),
                open => self.place = open,
            }
        }
        self.close()?;
        let path = std::mem::take(&mut self.path);
        match std::mem::take(&mut self.hash) {
            FileHash::Here(hash) => tree.enter(&path, &hash.finalize().into(), self.length),
            FileHash::Beside(stream) => {
                tree.enter_later(&path, self.length)?;
                stream.end_at(path, self.hole.then_some(self.length));
                Ok(())
            }
        }
    }

    /// Whether all of it is in the buffer.
    fn is_unwritten(&self) -> bool {
        u64::try_from(self.buffer.len()).is_ok_and(|length| length == self.length)
    }

    /// Closes the file, unless another thread does.
    pub(super) fn close(&mut self) -> Result<()> {
        let hole = self.hole.then_some(self.length);
        // An error leaves the file open, and so to be removed.
        let closed = self.flush().and_then(|()| match std::mem::replace(&mut self.place, Place::Ended) {
            Place::Open(file) => file.close(hole),
            _ => Ok(()),
        });
        closed.map_err(|error| self.failure(error))
    }

    /// Flushes the file to the disk.
    pub(super) fn sync(&mut self) -> Result<()> {
        let synced = self.flush().and_then(|()| {
            let file = self.open()?;
            Ok(retry_on_intr(|| rustix::fs::fsync(&file.file))?)
        });
        synced.map_err(|error| self.failure(error))
    }

    /// Returns the open file, which is created now where it was not.
    fn open(&mut self) -> io::Result<&mut LongFile> {
        if let Place::New(NewFile::Named(directory)) = &self.place {
            let (_, name) = split(&self.path).map_err(|_| finished())?;
            let file = create_in(directory, name, self.staging_fs.file_mode)?;
            self.place = Place::New(NewFile::Created(file));
        }
        self.place = match std::mem::replace(&mut self.place, Place::Ended) {
            Place::New(NewFile::Created(file)) => Place::Open(LongFile::new(file)),
            place => place,
        };
        match &mut self.place {
            Place::Open(file) => Ok(file),
            _ => Err(finished()),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = length(bytes)?;
        if bytes.len() > BUFFER.saturating_sub(self.buffer.len()) {
            self.flush()?;
        }
        // Bytes for another thread are copied once.
        if bytes.len() >= BUFFER || matches!(self.hash, FileHash::Beside(_)) {
            self.flush()?;
            self.store(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        self.length = self.length.checked_add(length).ok_or(Errno::FBIG)?;
        self.hole &= bytes.is_empty();
        Ok(())
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        self.flush()?;
        self.length = self.length.checked_add(length).ok_or(Errno::FBIG)?;
        self.stored = self.length;
        self.hole |= length > 0;
        if matches!(self.place, Place::New(_)) { self.open().map(drop) } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        self.store(&buffer)?;
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn store(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let offset = self.stored;
        self.hash.pass_on(bytes.len(), &self.hashing);
        match &mut self.hash {
            FileHash::Here(hash) => {
                hash.update(bytes);
                self.open()?.write_at(bytes, offset)?;
            }
            FileHash::Beside(_) => {
                if !matches!(self.place, Place::Beside) {
                    self.open()?;
                }
                let FileHash::Beside(stream) = &mut self.hash else { return Err(finished()) };
                if let Place::Open(file) = std::mem::replace(&mut self.place, Place::Beside) {
                    stream.write_to(file);
                }
                stream.write(bytes, offset)?;
            }
        }
        self.stored = offset.saturating_add(length(bytes)?);
        self.staging_fs.count_bytes(bytes.len());
        Ok(())
    }

    fn failure(&self, error: io::Error) -> Error {
        self.staging_fs.failure(&self.path, error)
    }
}

fn length(bytes: &[u8]) -> io::Result<u64> {
    Ok(u64::try_from(bytes.len()).map_err(|_| Errno::FBIG)?)
}

fn finished() -> io::Error {
    io::Error::other("bytes came for a file that was finished: a fault of this program")
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        let is_there = match std::mem::replace(&mut self.place, Place::Ended) {
            Place::Ended => return,
            Place::New(NewFile::Named(_)) => false,
            Place::New(NewFile::Created(_)) | Place::Open(_) | Place::Beside => true,
        };
        if let (true, Ok((_, name))) = (is_there, split(&self.path)) {
            discard(&self.staging_fs, self.directory.as_deref(), name);
        }
        self.staging_fs.free_name(&self.path);
    }
}
