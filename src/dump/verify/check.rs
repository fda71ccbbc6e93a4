//! One thread's work: reads files once, and checks digest, name and content on the way.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use rustix::fs::{AtFlags, FileType};
use sha2::{Digest, Sha256};

use super::join::{Job, Join};
use super::name::{self, Content, Name, SIDECAR, Scope};
use super::syntax::{Syntax, SyntaxError};
use super::{Directories, FindingKind, OPEN_DIRECTORIES, Result, Shared, Size, keymaps, lock, open_existing};
use crate::dump::directory::split;

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// Checks files one after the other.
#[derive(Debug)]
pub(super) struct Checker<'v> {
    pub(super) shared: &'v Shared,
    directories: Directories,
    buffer: Vec<u8>,
}

/// A file that is hashed and counted as it is read.
#[derive(Debug)]
pub(super) struct Hashed<'v> {
    file: File,
    hash: Sha256,
    shared: &'v Shared,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.hash.update(buffer.get(..length).unwrap_or_default());
        self.shared.bytes.fetch_add(u64::try_from(length).unwrap_or_default(), Ordering::Relaxed);
        Ok(length)
    }
}

impl<'v> Checker<'v> {
    pub(super) fn new(shared: &'v Shared) -> Self {
        Self { shared, directories: Directories::new(OPEN_DIRECTORIES), buffer: vec![0; BUFFER] }
    }

    /// Checks files until there are no more.
    pub(super) fn run(mut self, join: &Mutex<Join<'_>>, progress: &(dyn Fn(Size) + Sync)) -> Result<()> {
        let mut jobs = Vec::new();
        loop {
            lock(join).take(self.shared, &mut jobs)?;
            if jobs.is_empty() {
                return Ok(());
            }
            for job in jobs.drain(..) {
                self.shared.check_interrupt()?;
                self.check(&job)?;
            }
            progress(self.shared.size());
        }
    }

    fn check(&mut self, job: &Job) -> Result<()> {
        match name::file(&job.path) {
            Name::Sound => {}
            Name::Bad(detail) => self.shared.add(FindingKind::BadName, &job.path, 0, detail),
            Name::Fallback { scope, segment } => keymaps::push_file(self.shared, scope, segment, &job.path)?,
        }
        let content = self.content(&job.path);
        if job.digest.is_none() && content == Content::Bytes {
            return Ok(());
        }
        let opened = split(&job.path).map_err(|_| rustix::io::Errno::INVAL).and_then(|(directory, name)| {
            let shared = self.shared;
            let directory =
                self.directories.open(directory, |parent, name, _| open_existing(shared, parent, name))?;
            shared.open_file(directory.as_ref().map(|directory| directory.as_fd()), name)
        });
        let mut file = match opened {
            Ok(file) => Hashed { file, hash: Sha256::new(), shared: self.shared },
            Err(errno) => {
                self.shared.unreadable(&job.path, errno);
                return Ok(());
            }
        };
        let read = match content {
            Content::Bytes => self.read(&mut file, |_| {})?,
            Content::Json => self.read_json(&mut file, &job.path, Syntax::value())?,
            Content::JsonLines if job.path.starts_with(b"sqs/") => {
                self.read_json(&mut file, &job.path, Syntax::lines().of_any_text())?
            }
            Content::JsonLines => self.read_json(&mut file, &job.path, Syntax::lines())?,
            Content::Keymap(scope) => keymaps::read(self, &mut file, &job.path, scope)?,
        };
        self.shared.files.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = read {
            self.shared.unreadable(&job.path, error);
        } else if job.digest.is_some_and(|expected| file.hash.finalize()[..] != expected) {
            self.shared.add(FindingKind::Changed, &job.path, 0, "");
        }
        Ok(())
    }

    /// Returns what a file should hold. The tracker of a bucket is an object of the user's if it has a sidecar.
    fn content(&mut self, path: &[u8]) -> Content {
        match name::content(path) {
            Content::Keymap(Scope::Bucket)
                if self.kind_of(&[path, SIDECAR].concat()) == Some(FileType::RegularFile) =>
            {
                Content::Bytes
            }
            content => content,
        }
    }

    fn read_json(&mut self, file: &mut Hashed<'_>, path: &[u8], syntax: Syntax) -> Result<io::Result<()>> {
        let mut syntax: std::result::Result<Syntax, SyntaxError> = Ok(syntax);
        let read = self.read(file, |bytes| {
            if let Ok(checker) = &mut syntax
                && let Err(error) = checker.feed(bytes)
            {
                syntax = Err(error);
            }
        })?;
        // Of a file that could not be read to its end nobody knows whether it is JSON.
        if read.is_ok()
            && let Err(error) = syntax.and_then(Syntax::finish)
        {
            self.shared.add(FindingKind::BadJson, path, 0, error.to_string());
        }
        Ok(read)
    }

    /// Reads a file to its end, and lends each piece.
    fn read(&mut self, file: &mut Hashed<'_>, mut piece: impl FnMut(&[u8])) -> Result<io::Result<()>> {
        loop {
            match file.read(&mut self.buffer) {
                Ok(0) => return Ok(Ok(())),
                Ok(length) => piece(self.buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Ok(Err(error)),
            }
            self.shared.check_interrupt()?;
        }
    }

    /// Returns what stands at a path of the tree; `None` for nothing, also where a link is on the way.
    pub(super) fn kind_of(&mut self, path: &[u8]) -> Option<FileType> {
        let (directory, name) = split(path).ok()?;
        let shared = self.shared;
        let opened =
            self.directories.open(directory, |parent, name, _| open_existing(shared, parent, name)).ok()?;
        let directory = opened.as_ref().map_or(shared.root.as_fd(), |directory| directory.as_fd());
        let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(FileType::from_raw_mode(stat.st_mode))
    }
}
