//! One thread's work: reads files once, and checks digest, name and content on the way.

use std::io;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::join::{Job, Join};
use super::keymaps::{Around, Place};
use super::name::{self, Content, Name, SIDECAR, Scope};
use super::open::{Opened, describe, open_existing};
use super::syntax::{Syntax, SyntaxError};
use super::{
    Directories, FindingKind, OPEN_DIRECTORIES, Result, Shared, checksums, keymaps, lock, multipart, parts,
};
use crate::tree::directory::split;
use crate::tree::manifest;

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// What is said of a line that is given up.
pub(super) const ENDLESS: &str = "a line without end: the rest of the file is not read";

/// How far a file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Whole,
    /// The rest would tell nothing more.
    Partly,
}

/// Checks files one after the other.
#[derive(Debug)]
pub(super) struct Checker<'v> {
    pub(super) shared: &'v Shared,
    directories: Directories,
    buffer: Vec<u8>,
}

/// A file that is hashed and counted as it is read.
#[derive(Debug)]
pub(super) struct Hashed<'v, R> {
    file: R,
    hash: Sha256,
    shared: &'v Shared,
}

impl<'v, R> Hashed<'v, R> {
    pub(super) fn new(file: R, shared: &'v Shared) -> Self {
        Self { file, hash: Sha256::new(), shared }
    }

    /// Returns the digest of what was read.
    pub(super) fn digest(self) -> [u8; 32] {
        self.hash.finalize().into()
    }
}

impl<R: io::Read> io::Read for Hashed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.hash.update(buffer.get(..length).unwrap_or_default());
        let read = u64::try_from(length).unwrap_or_default();
        self.shared.bytes.fetch_add(read, Ordering::Relaxed);
        self.shared.progress.add(read);
        Ok(length)
    }
}

impl<'v> Checker<'v> {
    pub(super) fn new(shared: &'v Shared) -> Self {
        Self { shared, directories: Directories::new(OPEN_DIRECTORIES), buffer: vec![0; BUFFER] }
    }

    /// Checks files until there are no more.
    pub(super) fn run(mut self, join: &Mutex<Join<'_>>) -> Result<()> {
        let mut jobs = Vec::new();
        loop {
            lock(join).take(self.shared, &mut jobs)?;
            if jobs.is_empty() {
                return Ok(());
            }
            for job in jobs.drain(..) {
                self.shared.check_interrupt()?;
                self.check(&job)?;
                if job.path != checksums::NAME.as_bytes() {
                    self.shared.progress.add_files(1);
                }
            }
        }
    }

    fn check(&mut self, job: &Job) -> Result<()> {
        match name::file(&job.path) {
            Name::Sound => {}
            Name::Bad(detail) => self.shared.add(FindingKind::BadName, &job.path, 0, detail),
            Name::Fallback { scope, segment } => keymaps::push_file(self.shared, scope, segment, &job.path)?,
        }
        let content = self.content(&job.path)?;
        parts::push(self.shared, &job.path)?;
        let is_list =
            matches!(content, Content::Keymap(_) | Content::Part) || job.path == manifest::NAME.as_bytes();
        if job.digest.is_none() && content == Content::Bytes || !is_list && !self.shared.reads_contents {
            return Ok(());
        }
        // What is too long or cannot be read was named.
        if job.path == manifest::NAME.as_bytes() && !self.shared.manifest_was_read.load(Ordering::Relaxed) {
            return Ok(());
        }
        let opened = split(&job.path).map_err(|_| Errno::INVAL).and_then(|(directory, name)| {
            let shared = self.shared;
            let directory =
                self.directories.open(directory, |parent, name, _| open_existing(shared, parent, name))?;
            shared.open_file(directory.as_ref().map(|directory| directory.as_fd()), name)
        });
        let mut file = match opened {
            Ok(Opened::File(file, _)) => Hashed::new(file, self.shared),
            // Since it was listed.
            Ok(Opened::Other(kind)) => {
                self.shared.add(FindingKind::NotRegular, &job.path, 0, describe(kind));
                return Ok(());
            }
            Err(errno) => {
                if let Content::Keymap(scope) = content {
                    keymaps::push_unread(self.shared, &job.path, scope)?;
                }
                return self.shared.unreadable(&job.path, errno);
            }
        };
        let to_end = job.digest.is_some();
        let read = match content {
            Content::Keymap(scope) => keymaps::read(self, &mut file, &job.path, scope)?,
            Content::Part => {
                let shared = self.shared;
                parts::read(shared, &mut file, &job.path, &mut |own| Ok(self.kind_of(own)?.is_some()))?
            }
            Content::Multipart => {
                let shared = self.shared;
                multipart::read(shared, &mut file, &mut |body| self.length_of(body))?
            }
            content => contents((self.shared, &mut self.buffer), &mut file, &job.path, content, to_end)?
                .map(|()| Read::Whole),
        };
        self.shared.files.fetch_add(1, Ordering::Relaxed);
        match read {
            Err(error) => self.shared.unreadable(&job.path, error)?,
            Ok(Read::Whole) if job.digest.is_some_and(|expected| file.digest() != expected) => {
                self.shared.add(FindingKind::Changed, &job.path, 0, "");
            }
            Ok(_) => {}
        }
        Ok(())
    }

    /// Returns what a file should hold. The tracker of a bucket is an object of the user's if it has a sidecar.
    fn content(&mut self, path: &[u8]) -> Result<Content> {
        let content = name::content(path);
        if content != Content::Keymap(Scope::Bucket) {
            return Ok(content);
        }
        let sidecar = self.kind_of(&[path, SIDECAR].concat())?;
        let is_object = matches!(sidecar, Some(FileType::RegularFile | FileType::Unknown));
        Ok(if is_object { Content::Bytes } else { content })
    }

    /// Returns what stands at a path of the tree; `None` for nothing, also where a link is on the way; `Unknown` where that
    /// cannot be seen.
    pub(super) fn kind_of(&mut self, path: &[u8]) -> Result<Option<FileType>> {
        match self.look(path) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::INVAL) => Ok(None),
            Err(errno) => self.shared.of_tree(path, errno).map(|_| Some(FileType::Unknown)),
        }
    }

    /// Returns the length of a regular file.
    fn length_of(&mut self, path: &[u8]) -> Option<u64> {
        let stat = self.look(path).ok();
        let stat = stat.filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
        stat.and_then(|stat| u64::try_from(stat.st_size).ok())
    }

    fn look(&mut self, path: &[u8]) -> rustix::io::Result<Stat> {
        let (directory, name) = split(path).map_err(|_| Errno::INVAL)?;
        let shared = self.shared;
        let opened =
            self.directories.open(directory, |parent, name, _| open_existing(shared, parent, name))?;
        let directory = opened.as_ref().map_or(shared.root.as_fd(), |directory| directory.as_fd());
        rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
    }
}

impl Around for Checker<'_> {
    fn shared(&self) -> &Shared {
        self.shared
    }

    fn look(&mut self, path: &[u8], _: Place<'_>) -> Result<Option<FileType>> {
        self.kind_of(path)
    }

    fn add(&mut self, kind: FindingKind, (path, line): Place<'_>, detail: &str) -> Result<()> {
        self.shared.add(kind, path, line, detail);
        Ok(())
    }
}

/// Reads a file that is no KEYMAP, and checks what is in it; to its end, unless only that is of interest.
pub(super) fn contents<R: io::Read>(
    reading: (&Shared, &mut [u8]),
    file: &mut Hashed<'_, R>,
    path: &[u8],
    content: Content,
    to_end: bool,
) -> Result<io::Result<()>> {
    let shared = reading.0;
    let mut syntax: std::result::Result<Syntax, SyntaxError> = Ok(match content {
        Content::Bytes | Content::Part | Content::Multipart | Content::Keymap(_) => {
            return read(reading, file, |_| true);
        }
        Content::Json => Syntax::value(),
        Content::JsonLines if path.starts_with(b"sqs/") => Syntax::lines().of_any_text(),
        Content::JsonLines => Syntax::lines(),
    });
    let read = read(reading, file, |bytes| {
        if let Ok(checker) = &mut syntax
            && let Err(error) = checker.feed(bytes)
        {
            syntax = Err(error);
        }
        // Only its digest is still of interest.
        syntax.is_ok() || to_end
    })?;
    // Of a file that could not be read to its end nobody knows whether it is JSON.
    if read.is_ok()
        && let Err(error) = syntax.and_then(Syntax::finish)
    {
        shared.add(FindingKind::BadJson, path, 0, error.to_string());
    }
    Ok(read)
}

/// Reads a file to its end, and lends each piece; ends when `piece` says that no more is needed.
fn read<R: io::Read>(
    (shared, buffer): (&Shared, &mut [u8]),
    file: &mut Hashed<'_, R>,
    mut piece: impl FnMut(&[u8]) -> bool,
) -> Result<io::Result<()>> {
    loop {
        match io::Read::read(file, buffer) {
            Ok(0) => return Ok(Ok(())),
            Ok(length) => {
                if !piece(buffer.get(..length).unwrap_or_default()) {
                    return Ok(Ok(()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Err(error)),
        }
        shared.check_interrupt()?;
    }
}
