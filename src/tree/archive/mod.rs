//! A tree in one file: a tar, a tar compressed with zstd, or a tar on standard output (`docs/tree/commands.md`).
//!
//! [`Archive`] makes one, [`Reader`] reads it, [`open`] opens one that may be compressed.
//!
//! In: the files of a tree, as for one on the disk. Out: an archive of which `tar x` makes that tree; entries stand in the
//! order in which files end, MANIFEST.json and CHECKSUMS last. Names are taken as a file system takes them that tells
//! apart all bytes and has names of 255.

mod compress;
mod core;
mod file;
mod header;
mod index;
mod names;
mod output;
mod reader;
mod source;
mod target;

use std::io::IsTerminal;
use std::path::Path;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use self::core::{BUFFER, Core, Modes, lock};
use super::manifest::{self, Manifest};
use super::writer::{Finished, Notice, TreeOptions};
use super::{Error, ErrorKind, Result, Scratch, Size, checksums};
use compress::Compressor;
pub use file::ArchiveFile;
pub use header::HeaderError;
pub(super) use index::{Index, of_read};
pub(crate) use names::Names;
pub(in crate::tree) use names::Taken;
use output::{Output, Stream, To};
pub use reader::{Entry, EntryKind, ReadError, ReadErrorKind, Reader};
pub use source::{Source, from_handle, open};
pub(super) use source::{begins, spool};
pub use target::Format;
pub(crate) use target::Staging;

/// An archive that is being made; removed unless it is finished.
#[derive(Debug)]
pub struct Archive {
    core: Arc<Mutex<Core>>,
    scratch: Scratch,
    /// `None` on standard output.
    staging: Option<Staging>,
    notices: Vec<Notice>,
}

impl Archive {
    /// Creates the staging file `.<name>.partial-<random>` beside `target`, or begins on standard output.
    pub fn create(target: &Path, format: Format, options: &TreeOptions) -> Result<Self> {
        let failure = |error: std::io::Error| Error { path: target.to_owned(), kind: error.into() };
        let (to, staging, notices) = if format == Format::Stdout {
            let stdout = std::io::stdout();
            if stdout.is_terminal() {
                return Err(Error { path: target.to_owned(), kind: ErrorKind::TargetIsTerminal });
            }
            let handle = std::os::fd::AsFd::as_fd(&stdout).try_clone_to_owned().map_err(failure)?;
            (To::Stream(Stream::new(handle, &options.interrupt).map_err(failure)?), None, Vec::new())
        } else {
            let (mut staging, file, notices) = Staging::create(target, options)?;
            let to = match format {
                Format::TarZst => {
                    To::Zstd(Compressor::new(file).map_err(|error| staging.discard_after(failure(error)))?)
                }
                Format::Tar | Format::Stdout => To::File(file),
            };
            (to, Some(staging), notices)
        };
        let directory = staging.as_ref().map_or(&*options.scratch, Staging::directory);
        let scratch = Scratch::new(directory.to_owned()).polling(&options.interrupt);
        let shared = (&options.interrupt, &options.progress);
        let core = Core::new(Output::new(to), &scratch, target.to_owned(), modes(options), shared);
        Ok(Self { core: Arc::new(Mutex::new(core)), scratch, staging, notices })
    }

    /// Returns where sorters of this run keep their runs.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Tells what else the run reads: the archive does not take its place.
    pub fn keep(&mut self, inputs: impl IntoIterator<Item = std::path::PathBuf>) {
        if let Some(staging) = &mut self.staging {
            staging.options.inputs.extend(inputs);
        }
    }

    /// Tells how large the tree will be, for the message of a full disk and for the display.
    pub fn expect(&mut self, size: Size) {
        lock(&self.core).expect(size);
    }

    /// Returns the files so far and their length, holes included.
    #[must_use]
    pub fn size(&self) -> Size {
        lock(&self.core).size
    }

    /// Returns what is to be said so far: what earlier runs have left.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Appends the file `path` with this body. `Taken` when the name exists.
    pub fn write(&mut self, path: &[u8], body: &[u8]) -> Result<()> {
        let mut core = lock(&self.core);
        core.claim(path)?;
        core.enter(path, &Sha256::digest(body).into())?;
        core.append_bytes(path, body)
    }

    /// Opens the file `path` for writing in pieces; it is appended when it ends. `Taken` when the name exists.
    pub fn file(&mut self, path: &[u8]) -> Result<ArchiveFile> {
        lock(&self.core).claim(path)?;
        Ok(ArchiveFile::new(&self.core, path, false))
    }

    /// The same for a file that may be large: until it ends, what else is written is held back in memory.
    pub fn body(&mut self, path: &[u8]) -> Result<ArchiveFile> {
        let mut core = lock(&self.core);
        core.claim(path)?;
        let is_body = core.open_body();
        Ok(ArchiveFile::new(&self.core, path, is_body))
    }

    /// Enters a directory that stays even when nothing is put into it.
    pub fn directory(&mut self, path: &[u8]) -> Result<()> {
        lock(&self.core).directory(path)
    }

    /// Forgets the directories of the file `path`, which was dropped unfinished, as far as nothing is in them.
    pub fn remove_empty_directories(&mut self, path: &[u8]) -> Result<()> {
        lock(&self.core).forget_directories(path)
    }

    /// Gives the archive up and removes it. An error has the path of what stays.
    pub fn discard(self) -> Result<()> {
        self.staging.map_or(Ok(()), |mut staging| staging.discard())
    }

    /// Appends MANIFEST.json and CHECKSUMS, flushes the archive, and moves it onto its target. After an error it can only
    /// be given up.
    pub fn finish(&mut self, manifest: &Manifest) -> Result<Finished> {
        debug_assert_eq!(Arc::strong_count(&self.core), 1, "a file is still open: CHECKSUMS would lack it");
        let path = manifest::NAME.as_bytes();
        let text = manifest.write().map_err(|error| lock(&self.core).error(path, error.into()))?;
        self.write(path, &text)?;
        let size = self.write_checksums()?;
        if let Some(staging) = &mut self.staging {
            self.notices.extend(staging.publish()?);
        }
        Ok(Finished { size, notices: std::mem::take(&mut self.notices), ..Finished::default() })
    }

    /// Appends CHECKSUMS and ends the archive.
    fn write_checksums(&mut self) -> Result<Size> {
        let mut core = lock(&self.core);
        let core = &mut *core;
        core.await_digests()?;
        let path = checksums::NAME.as_bytes();
        let length = core.checksums_length;
        core.push(path, &core.header(path, length, length > u64::try_from(BUFFER).unwrap_or(u64::MAX)))?;
        let failure = |error: std::io::Error, core: &Core| core.failure(path, error);
        let mut rows =
            std::mem::replace(&mut core.checksums, super::Sorter::new(&self.scratch, 0)).into_sorted()?;
        let mut line = Vec::new();
        let mut written = 0;
        while let Some((path, digest)) = rows.next()? {
            line.clear();
            checksums::line(&mut line, digest, path);
            core.output.write(&line).map_err(|error| failure(error, core))?;
            written += u64::try_from(line.len()).unwrap_or(u64::MAX);
        }
        if written != length {
            return Err(core.error(
                path,
                ErrorKind::Internal(crate::bug::Bug::new("CHECKSUMS has not the length that was counted")),
            ));
        }
        // Two blocks of zeros are the end of an archive.
        core.zeros(path, header::padding(length) + 1024)?;
        core.check_interrupt(b"")?;
        core.output.finish().map_err(|error| failure(error, core))?;
        Ok(core.size)
    }
}

/// Returns the modes that files and directories of a tree would have here.
fn modes(options: &TreeOptions) -> Modes {
    if !options.mode_from_umask {
        return Modes { file: 0o600, directory: 0o700 };
    }
    // The system tells the mask only to who sets one.
    let umask = rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    rustix::process::umask(umask);
    // It has another type on other systems.
    #[allow(clippy::useless_conversion)]
    let umask = u32::from(umask.as_raw_mode());
    Modes { file: 0o666 & !umask, directory: 0o777 & !umask }
}

#[cfg(test)]
mod tests;
