//! What the files of one archive share: its end, which names are taken, digests, and what is held back.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::header::{self, Header};
use super::names::{Names, Taken, parents};
use super::output::Output;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::tree::digests::check;
use crate::tree::hashing::{Hashed, Hashing};
use crate::tree::{Error, ErrorKind, Full, Result, Scratch, Size, Sorter, checksums};

/// Bytes of a file that stay in memory. The size of a longer one stands in a PAX record.
pub(super) const BUFFER: usize = 256 << 10;
/// Memory for the paths and digests of CHECKSUMS, bytes.
const CHECKSUMS_MEMORY: usize = 8 << 20;

/// The state of an archive that is being made.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) output: Output,
    pub(super) hashing: Hashing,
    pub(super) checksums: Sorter,
    /// Length of CHECKSUMS so far.
    pub(super) checksums_length: u64,
    pub(super) size: Size,
    pub(super) expected: Option<Size>,
    hashed: Receiver<Hashed>,
    /// Digests that are still to come.
    awaited: u64,
    names: Names,
    /// The directory that was entered last.
    entered: Vec<u8>,
    body: Option<Body>,
    /// What came while a body was open: its entries follow it.
    held_back: VecDeque<Held>,
    /// Why a file that was dropped could not be taken back.
    failed: Option<Error>,
    scratch: Scratch,
    target: PathBuf,
    modes: Modes,
    interrupt: Interrupt,
    progress: Progress,
}

/// Modes of entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Modes {
    pub(super) file: u32,
    pub(super) directory: u32,
}

/// The body that is open.
#[derive(Debug, Default)]
struct Body {
    /// Where its directories, then its headers begin, once it is in the archive.
    begun: Option<(u64, u64)>,
    /// Directories that were entered for it.
    directories: Vec<Vec<u8>>,
}

/// Contents of a file.
#[derive(Debug)]
pub(super) enum Contents {
    Memory(Vec<u8>),
    /// A file that may end before its last zeros.
    Spool(File),
    /// Behind the headers of the body that is open.
    Written,
}

#[derive(Debug)]
enum Held {
    File(Vec<u8>, Contents, u64),
    Directory(Vec<u8>),
}

/// Locks; no thread stops halfway through a change.
pub(super) fn lock(core: &Mutex<Core>) -> MutexGuard<'_, Core> {
    core.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub(super) fn new(
        output: Output,
        scratch: &Scratch,
        target: PathBuf,
        modes: Modes,
        (interrupt, progress): (&Interrupt, &Progress),
    ) -> Self {
        let (hashing, hashed) = Hashing::new();
        Self {
            output,
            hashing,
            checksums: Sorter::new(scratch, CHECKSUMS_MEMORY),
            checksums_length: 0,
            size: Size::default(),
            expected: None,
            hashed,
            awaited: 0,
            names: Names::new(scratch),
            entered: Vec::new(),
            body: None,
            held_back: VecDeque::new(),
            failed: None,
            scratch: scratch.clone(),
            target,
            modes,
            interrupt: interrupt.clone(),
            progress: progress.clone(),
        }
    }

    /// Tells how large the tree will be. The first estimate counts.
    pub(super) fn expect(&mut self, size: Size) {
        if self.expected.is_none() {
            self.names.expect(size.files);
            self.progress.expect(crate::progress::Amount { files: size.files, bytes: size.bytes });
            self.expected = Some(size);
        }
    }

    /// Takes the name of a file, and those of its directories.
    pub(super) fn claim(&mut self, path: &[u8]) -> Result<()> {
        self.check_interrupt(path)?;
        self.failed.take().map_or(Ok(()), Err)?;
        check(path).map_err(|error| self.error(path, error.kind))?;
        match self.names.claim(path, &self.entered) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.error(path, ErrorKind::Taken)),
            Err(error) => Err(self.failure(path, error)),
        }
    }

    fn claim_directories(&mut self, path: &[u8]) -> Result<()> {
        match self.names.claim_directories(path, &self.entered) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.error(path, ErrorKind::Taken)),
            Err(error) => Err(self.failure(path, error)),
        }
    }

    /// Enters a directory that stays even when nothing is put into it.
    pub(super) fn directory(&mut self, path: &[u8]) -> Result<()> {
        self.check_interrupt(path)?;
        check(path).map_err(|error| self.error(path, error.kind))?;
        match self.taken(path)? {
            Some(Taken::File) => return Err(self.error(path, ErrorKind::Taken)),
            Some(_) => {}
            None => {
                self.claim_directories(path)?;
                self.set(path, Taken::Directory)?;
            }
        }
        if self.body.is_some() {
            self.held_back.push_back(Held::Directory(path.to_vec()));
            return Ok(());
        }
        self.enter_directories(&[path, b"/"].concat()).map(drop)
    }

    /// Forgets the directories of a file that was dropped, as far as nothing is in them.
    pub(super) fn forget_directories(&mut self, path: &[u8]) -> Result<()> {
        if check(path).is_ok() {
            for directory in parents(path) {
                match self.taken(directory)? {
                    Some(Taken::Directory) => self.set(directory, Taken::Free)?,
                    None => {}
                    Some(_) => break,
                }
            }
        }
        Ok(())
    }

    /// Appends the entries of a path's directories that have none. Returns those.
    fn enter_directories(&mut self, path: &[u8]) -> Result<Vec<Vec<u8>>> {
        let Some(directory) = parents(path).next() else { return Ok(Vec::new()) };
        if directory == self.entered {
            return Ok(Vec::new());
        }
        let mut missing = Vec::new();
        for directory in parents(path) {
            if self.taken(directory)? == Some(Taken::Entered) {
                break;
            }
            missing.push(directory.to_vec());
        }
        for directory in missing.iter().rev() {
            let path = [directory, &b"/"[..]].concat();
            let mode = self.modes.directory;
            let header = Header { path: &path, kind: header::DIRECTORY, mode, size: 0, long: false };
            self.push(directory, &header)?;
            self.set(directory, Taken::Entered)?;
        }
        self.entered.clear();
        self.entered.extend_from_slice(directory);
        Ok(missing)
    }

    /// Remembers the digest of a file.
    pub(super) fn enter(&mut self, path: &[u8], digest: &[u8; 32]) -> Result<()> {
        let line = u64::try_from(checksums::length(path)).unwrap_or(u64::MAX);
        self.checksums_length = self.checksums_length.saturating_add(line).saturating_add(1);
        Ok(self.checksums.push(path, digest)?)
    }

    /// Awaits the digest of a file; remembers those that have come.
    pub(super) fn enter_later(&mut self, _path: &[u8]) -> Result<()> {
        self.awaited += 1;
        while let Ok(hashed) = self.hashed.try_recv() {
            self.awaited -= 1;
            self.enter(&hashed.path, &hashed.digest)?;
        }
        Ok(())
    }

    /// Waits for all digests.
    pub(super) fn await_digests(&mut self) -> Result<()> {
        self.hashing.close();
        while let Ok(hashed) = self.hashed.recv() {
            self.awaited -= 1;
            self.enter(&hashed.path, &hashed.digest)?;
        }
        let lost =
            || self.error(b"", ErrorKind::Internal(crate::bug::Bug::new("a thread that hashes has failed")));
        if self.awaited == 0 { Ok(()) } else { Err(lost()) }
    }

    /// Whether a file that is opened now is the body that others wait for.
    pub(super) fn open_body(&mut self) -> bool {
        let is_body = self.body.is_none();
        self.body.get_or_insert_default();
        is_body
    }

    /// Begins the entry of the open body. `false` where the archive takes nothing back.
    pub(super) fn begin_body(&mut self, path: &[u8]) -> Result<bool> {
        if !self.output.rewinds() {
            return Ok(false);
        }
        let start = self.output.offset();
        let directories = self.enter_directories(path)?;
        let headers = self.output.offset();
        self.push(path, &self.header(path, 0, true))?;
        self.body = Some(Body { begun: Some((start, headers)), directories });
        Ok(true)
    }

    /// Ends a file: appends it, or holds it back until the open body ends.
    pub(super) fn end_file(
        &mut self,
        path: Vec<u8>,
        contents: Contents,
        length: u64,
        is_body: bool,
    ) -> Result<()> {
        self.size.files += 1;
        self.size.bytes = self.size.bytes.saturating_add(length);
        if !is_body && self.body.is_some() {
            self.held_back.push_back(Held::File(path, contents, length));
            return Ok(());
        }
        let body = if is_body { self.body.take() } else { None };
        match (contents, body.and_then(|body| body.begun)) {
            (Contents::Written, Some((_, headers))) => {
                let mut blocks = Vec::new();
                self.header(&path, length, true).push(&mut blocks);
                self.output.patch(headers, &blocks).map_err(|error| self.failure(&path, error))?;
                self.zeros(&path, header::padding(length))?;
                self.progress.add_files(1);
            }
            (contents, _) => self.append(&path, contents, length)?,
        }
        self.release()
    }

    /// Appends a whole entry.
    pub(super) fn append(&mut self, path: &[u8], contents: Contents, length: u64) -> Result<()> {
        self.enter_directories(path)?;
        let long = length > u64::try_from(BUFFER).unwrap_or(u64::MAX);
        self.push(path, &self.header(path, length, long))?;
        match contents {
            Contents::Memory(bytes) => self.write(path, &bytes)?,
            Contents::Spool(file) => self.copy(path, &file, length)?,
            Contents::Written => {
                return Err(self.error(
                    path,
                    ErrorKind::Internal(crate::bug::Bug::new("a body of an archive was not begun")),
                ));
            }
        }
        self.zeros(path, header::padding(length))?;
        self.progress.add_files(1);
        Ok(())
    }

    /// Appends a short file that is whole.
    pub(super) fn append_bytes(&mut self, path: &[u8], bytes: &[u8]) -> Result<()> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.body.is_some() {
            return self.end_file(path.to_vec(), Contents::Memory(bytes.to_vec()), length, false);
        }
        self.size.files += 1;
        self.size.bytes = self.size.bytes.saturating_add(length);
        self.enter_directories(path)?;
        let long = bytes.len() > BUFFER;
        self.push(path, &self.header(path, length, long))?;
        self.write(path, bytes)?;
        self.zeros(path, header::padding(length))?;
        self.progress.add_files(1);
        Ok(())
    }

    /// Takes back a file that was dropped before its end. What goes wrong is the error of a later call.
    pub(super) fn abandon(&mut self, path: &[u8], is_body: bool, in_archive: bool) {
        if let Err(error) = self.take_back(path, is_body, in_archive) {
            self.failed.get_or_insert(error);
        }
    }

    fn take_back(&mut self, path: &[u8], is_body: bool, in_archive: bool) -> Result<()> {
        self.set(path, Taken::Free)?;
        if !is_body {
            return Ok(());
        }
        let body = self.body.take().unwrap_or_default();
        if let Some((start, _)) = body.begun.filter(|_| in_archive) {
            self.output.rewind(start).map_err(|error| self.failure(path, error))?;
            self.entered.clear();
            body.directories.iter().try_for_each(|directory| self.set(directory, Taken::Directory))?;
        }
        self.release()
    }

    /// Appends what was held back.
    fn release(&mut self) -> Result<()> {
        while let Some(held) = self.held_back.pop_front() {
            match held {
                Held::File(path, contents, length) => self.append(&path, contents, length)?,
                Held::Directory(path) => drop(self.enter_directories(&[&*path, b"/"].concat())?),
            }
        }
        Ok(())
    }

    pub(super) fn header<'p>(&self, path: &'p [u8], size: u64, long: bool) -> Header<'p> {
        Header { path, kind: header::FILE, mode: self.modes.file, size, long }
    }

    pub(super) fn push(&mut self, path: &[u8], header: &Header<'_>) -> Result<()> {
        let mut blocks = Vec::with_capacity(header::BLOCK);
        header.push(&mut blocks);
        self.output.write(&blocks).map_err(|error| self.failure(path, error))
    }

    /// Appends contents.
    pub(super) fn write(&mut self, path: &[u8], bytes: &[u8]) -> Result<()> {
        self.output.write(bytes).map_err(|error| self.failure(path, error))?;
        self.progress.add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Appends zeros.
    pub(super) fn zeros(&mut self, path: &[u8], length: u64) -> Result<()> {
        self.output.zeros(length).map_err(|error| self.failure(path, error))
    }

    /// Appends a spooled file; what it lacks of its length are zeros.
    fn copy(&mut self, path: &[u8], file: &File, length: u64) -> Result<()> {
        let mut buffer = vec![0; BUFFER];
        let mut offset = 0;
        while offset < length {
            self.check_interrupt(path)?;
            let read = match file.read_at(&mut buffer, offset) {
                Ok(0) => return self.zeros(path, length - offset),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failure(path, error)),
            };
            self.write(path, buffer.get(..read).unwrap_or_default())?;
            offset += u64::try_from(read).unwrap_or(u64::MAX);
        }
        Ok(())
    }

    /// Returns a file without a name.
    pub(super) fn spool(&self) -> io::Result<File> {
        tempfile::tempfile_in(self.scratch.directory())
    }

    fn taken(&self, path: &[u8]) -> Result<Option<Taken>> {
        self.names.get(path).map_err(|error| self.failure(path, error))
    }

    fn set(&mut self, path: &[u8], taken: Taken) -> Result<()> {
        self.names.set(path, taken).map_err(|error| self.failure(path, error))
    }

    /// Fails once the run was asked to stop.
    pub(super) fn check_interrupt(&self, path: &[u8]) -> Result<()> {
        self.interrupt.check().map_err(|interrupted| self.error(path, interrupted.into()))
    }

    /// Returns the error of this kind for a path of the tree.
    pub(super) fn error(&self, path: &[u8], kind: ErrorKind) -> Error {
        let inner = Error::at(path, kind);
        let path = if path.is_empty() { self.target.clone() } else { self.target.join(inner.path) };
        Error { path, kind: inner.kind }
    }

    /// Returns what a failed system call means for a path of the tree.
    pub(super) fn failure(&self, path: &[u8], error: impl Into<io::Error>) -> Error {
        let error = error.into();
        let full = Full { written: self.size, needed: self.expected };
        let kind = match Errno::from_io_error(&error) {
            Some(Errno::NOSPC | Errno::DQUOT) => ErrorKind::DiskFull(full),
            _ => match self.interrupt.check() {
                Err(interrupted) => interrupted.into(),
                Ok(()) => error.into(),
            },
        };
        self.error(path, kind)
    }
}
