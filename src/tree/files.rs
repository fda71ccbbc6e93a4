//! Where the files of a tree go: onto a disk, into an archive, into a list of their digests, or all but one nowhere.
//!
//! In: paths of components that others encoded, and bodies. Out: files, or what CHECKSUMS would say of them.

use std::path::{Path, PathBuf};

use super::archive::{Archive, ArchiveFile, Format};
use super::digests::{DigestFile, Digests};
use super::manifest::{self, Manifest};
use super::pick::{Pick, PickFile};
use super::writer::{Disk, DiskFile, Finished, Notice, TreeOptions};
use super::{Error, ErrorKind, Result, Scratch, Size, digests};

/// A tree that is being made.
#[derive(Debug)]
pub enum Tree {
    /// Of files on a disk.
    Disk(Box<Disk>),
    /// Of entries in one file.
    Archive(Box<Archive>),
    /// Of digests alone.
    Digests(Digests),
    /// Of one file, which goes to an output.
    Pick(Pick),
}

/// A file of a tree that is being written in pieces. Dropped before it is finished, it does not count.
#[derive(Debug)]
pub enum TreeFile {
    /// On a disk.
    Disk(Box<DiskFile>),
    /// In an archive.
    Archive(Box<ArchiveFile>),
    /// Its digest.
    Digest(DigestFile),
    /// Bytes of the one file, or of one that is not kept.
    Pick(PickFile),
}

impl Tree {
    /// Creates the staging directory or file `.<name>.partial-<random>` beside `target`, whose name tells which
    /// ([`Format::of`]).
    pub fn create(target: &Path, options: &TreeOptions) -> Result<Self> {
        Ok(match Format::of(target)? {
            Some(format) => Self::Archive(Box::new(Archive::create(target, format, options)?)),
            None => Self::disk(target, options)?,
        })
    }

    /// Does the same for a directory, whatever its name.
    pub fn disk(target: &Path, options: &TreeOptions) -> Result<Self> {
        Ok(Self::Disk(Box::new(Disk::create(target, options)?)))
    }

    /// Returns a tree of digests, sorted in `scratch`.
    #[must_use]
    pub fn digests(scratch: &Scratch) -> Self {
        Self::Digests(Digests::new(scratch))
    }

    /// Whether a name that is taken is refused as `Taken`. A tree of digests takes it twice; of one file no name but its
    /// own is of interest.
    #[must_use]
    pub fn knows_names(&self) -> bool {
        !matches!(self, Self::Digests(_))
    }

    /// Returns where sorters of this run keep their runs.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        match self {
            Self::Disk(disk) => disk.scratch(),
            Self::Archive(archive) => archive.scratch(),
            Self::Digests(digests) => digests.scratch(),
            Self::Pick(pick) => pick.scratch(),
        }
    }

    /// Tells what else the run reads: a dump that holds one of these files is not replaced.
    pub fn keep(&mut self, inputs: impl IntoIterator<Item = PathBuf>) {
        match self {
            Self::Disk(disk) => disk.keep(inputs),
            Self::Archive(archive) => archive.keep(inputs),
            Self::Digests(_) | Self::Pick(_) => {}
        }
    }

    /// Tells how large the tree will be, for the message of a full disk and for the display. The first estimate counts.
    pub fn expect(&mut self, size: Size) {
        match self {
            Self::Disk(disk) => disk.expect(size),
            Self::Archive(archive) => archive.expect(size),
            Self::Digests(_) | Self::Pick(_) => {}
        }
    }

    /// Promises that each file below this directory (with its `/`) is written once, and that none is a directory too: which
    /// names are taken there is not kept. The first directory counts.
    pub(crate) fn trust(&mut self, directory: &'static [u8]) {
        if let Self::Disk(disk) = self {
            disk.trust(directory);
        }
    }

    /// Returns the files so far and their length, holes included.
    #[must_use]
    pub fn size(&self) -> Size {
        match self {
            Self::Disk(disk) => disk.size(),
            Self::Archive(archive) => archive.size(),
            Self::Digests(digests) => digests.size(),
            Self::Pick(pick) => pick.size(),
        }
    }

    /// Returns what is to be said so far: what earlier runs have left.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        match self {
            Self::Disk(disk) => disk.notices(),
            Self::Archive(archive) => archive.notices(),
            Self::Digests(_) | Self::Pick(_) => &[],
        }
    }

    /// Creates the file `path` with this body. `path` is relative to the root, components separated by `/`; its
    /// directories are made on the way. `Taken` when the name exists.
    ///
    /// A short body is written on another thread meanwhile: that the disk refuses it is the error of a later call,
    /// with this path.
    pub fn write(&mut self, path: &[u8], body: &[u8]) -> Result<()> {
        match self {
            Self::Disk(disk) => disk.write(path, body),
            Self::Archive(archive) => archive.write(path, body),
            Self::Digests(digests) => digests.write(path, body),
            Self::Pick(pick) => pick.write(path, body),
        }
    }

    /// Opens the file `path` for writing in pieces. `Taken` when the name exists.
    pub fn file(&mut self, path: &[u8]) -> Result<TreeFile> {
        match self {
            Self::Disk(disk) => Ok(TreeFile::Disk(Box::new(disk.file(path)?))),
            Self::Archive(archive) => Ok(TreeFile::Archive(Box::new(archive.file(path)?))),
            Self::Digests(digests) => Ok(TreeFile::Digest(digests.file(path)?)),
            Self::Pick(pick) => Ok(TreeFile::Pick(pick.file(path)?)),
        }
    }

    /// The same for a file that may be large and may be dropped half way, beside which nothing but short files are
    /// written until it ends.
    pub fn body(&mut self, path: &[u8]) -> Result<TreeFile> {
        match self {
            Self::Archive(archive) => Ok(TreeFile::Archive(Box::new(archive.body(path)?))),
            Self::Disk(_) | Self::Digests(_) | Self::Pick(_) => self.file(path),
        }
    }

    /// Creates a directory that stays even when nothing is put into it.
    pub fn directory(&mut self, path: &[u8]) -> Result<()> {
        match self {
            Self::Disk(disk) => disk.directory(path),
            Self::Archive(archive) => archive.directory(path),
            Self::Digests(_) | Self::Pick(_) => digests::check(path),
        }
    }

    /// Removes the directories of the file `path`, which was dropped unfinished, as far as they are empty.
    pub fn remove_empty_directories(&mut self, path: &[u8]) -> Result<()> {
        match self {
            Self::Disk(disk) => disk.remove_empty_directories(path),
            Self::Archive(archive) => archive.remove_empty_directories(path),
            Self::Digests(_) | Self::Pick(_) => Ok(()),
        }
    }

    /// Gives the tree up and removes it. An error has the path of what stays.
    pub fn discard(self) -> Result<()> {
        match self {
            Self::Disk(disk) => disk.discard(),
            Self::Archive(archive) => archive.discard(),
            Self::Digests(_) | Self::Pick(_) => Ok(()),
        }
    }

    /// Writes MANIFEST.json and CHECKSUMS and moves the tree onto its target (`tree/outcome.md#outcome`). After an error the tree
    /// can only be given up. Digests have no target: MANIFEST.json joins them.
    pub fn finish(&mut self, manifest: &Manifest) -> Result<Finished> {
        match self {
            Self::Disk(disk) => disk.finish(manifest),
            Self::Archive(archive) => archive.finish(manifest),
            Self::Digests(digests) => {
                let path = manifest::NAME.as_bytes();
                let text = manifest.write().map_err(|error| Error::at(path, error))?;
                digests.write(path, &text)?;
                Ok(Finished { size: digests.size(), notices: Vec::new(), scopes: digests.take_scopes() })
            }
            Self::Pick(pick) => Ok(Finished {
                size: pick.size(),
                notices: Vec::new(),
                scopes: std::collections::BTreeMap::new(),
            }),
        }
    }

    /// Writes CHECKSUMS alone and moves the files of a disk onto their target: they are no dump.
    pub fn publish(&mut self) -> Result<Finished> {
        match self {
            Self::Disk(disk) => disk.publish(),
            Self::Archive(_) | Self::Digests(_) | Self::Pick(_) => Err(Error::at(
                b"",
                ErrorKind::Internal(crate::bug::Bug::new("files that are no dump go onto a disk")),
            )),
        }
    }

    /// Waits until all files that were handed to other threads are written. Later ones the thread that makes them hashes.
    pub(crate) fn settle(&mut self) -> Result<()> {
        match self {
            Self::Disk(disk) => disk.await_threads(),
            Self::Archive(_) | Self::Digests(_) | Self::Pick(_) => Ok(()),
        }
    }
}

impl TreeFile {
    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Disk(file) => file.write(bytes),
            Self::Archive(file) => file.write(bytes),
            Self::Digest(file) => {
                file.write(bytes);
                Ok(())
            }
            Self::Pick(file) => file.write(bytes),
        }
    }

    /// Appends `length` zero bytes; on a disk they are a hole.
    pub fn zeros(&mut self, length: u64) -> Result<()> {
        match self {
            Self::Disk(file) => file.zeros(length),
            Self::Archive(file) => file.zeros(length),
            Self::Digest(file) => {
                file.zeros(length);
                Ok(())
            }
            Self::Pick(file) => file.zeros(length),
        }
    }

    /// Returns the number of bytes so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Disk(file) => file.len(),
            Self::Archive(file) => file.len(),
            Self::Digest(file) => file.len(),
            Self::Pick(file) => file.len(),
        }
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the file: it counts, and has its line in CHECKSUMS. `tree` is the one that it was opened in.
    pub fn finish(self, tree: &mut Tree) -> Result<()> {
        match (self, tree) {
            (Self::Disk(file), Tree::Disk(disk)) => file.finish(disk),
            (Self::Archive(file), Tree::Archive(_)) => file.finish(),
            (Self::Digest(file), Tree::Digests(digests)) => file.finish(digests),
            (Self::Pick(file), Tree::Pick(pick)) => file.finish(pick),
            _ => Err(Error::at(
                b"",
                ErrorKind::Internal(crate::bug::Bug::new("a file is ended in another tree than its own")),
            )),
        }
    }
}
