//! Every name of the tree, sorted: level by level, so that neither depth nor width takes memory or open files.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, DirEntry, FileType};
use rustix::io::Errno;

use super::name::{self, Name};
use super::open::{describe, open_existing};
use super::{Directories, FindingKind, Result, Scratch, Shared, Sorter, checksums, keymaps};
use crate::limits;
use crate::progress::Amount;
use crate::tree::directory::open_directory;
use crate::tree::writer::walk::Listing;

/// Memory for the directories of one level, bytes.
const MEMORY: usize = 1 << 20;

/// The value of a regular file in the sorted list; of other entries it is empty.
pub(super) const REGULAR: &[u8] = b"f";
/// How the value of a directory begins that could not be listed; why stands behind. Its path ends in `/`, so that it comes
/// right before everything in it.
pub(super) const UNLISTED: &[u8] = b"d";

/// Where the dump itself makes empty directories: those of the filesystem (`format/filesystem.md#records-of-the-filesystem`).
const FILESYSTEM: &[u8] = b"extra/fs/tree";

/// What is known of the entries of a tree while they are listed.
struct Walk<'w> {
    shared: &'w Shared,
    files: &'w mut Sorter,
    /// Directories of the next level.
    next: Sorter,
    total: Amount,
}

/// Adds the path of each entry that is no directory to `files`. Returns what there is to read.
pub(super) fn walk(shared: &Shared, scratch: &Scratch, files: &mut Sorter) -> Result<Amount> {
    let mut handles = Directories::new(super::OPEN_DIRECTORIES);
    let mut level = Sorter::new(scratch, MEMORY);
    let next = Sorter::new(scratch, MEMORY);
    let mut walk = Walk { shared, files, next, total: Amount::default() };
    level.push(b"", b"")?;
    while !level.is_empty() {
        let mut directories = level.sort()?;
        while let Some((path, _)) = directories.next()? {
            shared.check_interrupt()?;
            match handles.open(path, |parent, name, _| open_existing(shared, parent, name)) {
                Ok(handle) => {
                    walk.list(path, handle.as_deref().map_or(shared.root.as_fd(), AsFd::as_fd))?;
                }
                Err(errno) => walk.unlisted(path, errno)?,
            }
        }
        drop(directories);
        std::mem::swap(&mut level, &mut walk.next);
    }
    Ok(walk.total)
}

impl Walk<'_> {
    fn list(&mut self, directory: &[u8], handle: BorrowedFd<'_>) -> Result<()> {
        let mut entries = match open_directory(handle, b".").and_then(Listing::new) {
            Ok(entries) => entries,
            Err(errno) => return self.unlisted(directory, errno),
        };
        let mut path = directory.to_vec();
        let mut is_empty = true;
        loop {
            self.shared.check_interrupt()?;
            let entry = match entries.next() {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(errno) => return self.unlisted(directory, errno),
            };
            let name = entry.file_name().to_bytes();
            is_empty = false;
            path.truncate(directory.len());
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            self.enter(&path, handle, &entry)?;
        }
        if is_empty && !may_be_empty(directory) {
            self.shared.add(FindingKind::EmptyDirectory, directory, 0, "");
        }
        Ok(())
    }

    fn enter(&mut self, path: &[u8], directory: BorrowedFd<'_>, entry: &DirEntry) -> Result<()> {
        let (kind, length) = match look(directory, entry, self.shared.reads_contents) {
            Ok(found) => found,
            // Gone since, or on a disk that cannot tell.
            Err(errno) => return self.shared.unreadable(path, errno),
        };
        match kind {
            FileType::RegularFile => {
                self.files.push(path, REGULAR)?;
                self.shared.progress.add_files(1);
                if path != checksums::NAME.as_bytes() {
                    self.total.files += 1;
                    self.total.bytes = self.total.bytes.saturating_add(length);
                }
            }
            FileType::Directory if path.len() > limits::CHECKSUMS_LINE => {
                let detail = "no line of CHECKSUMS is that long: nothing in it is looked at";
                self.shared.add(FindingKind::BadName, path, 0, detail);
            }
            FileType::Directory => {
                if let Name::Bad(detail) = name::directory(path) {
                    self.shared.add(FindingKind::BadName, path, 0, detail);
                }
                self.next.push(path, b"")?;
            }
            other => {
                self.shared.add(FindingKind::NotRegular, path, 0, describe(other));
                self.files.push(path, b"")?;
            }
        }
        Ok(())
    }

    /// Remembers that a directory could not be listed, or not to its end.
    fn unlisted(&mut self, directory: &[u8], errno: Errno) -> Result<()> {
        let error = self.shared.of_tree(directory, errno)?;
        keymaps::push_unlisted(self.shared, directory)?;
        let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
        Ok(self
            .files
            .push(&[directory, slash].concat(), &[UNLISTED, error.to_string().as_bytes()].concat())?)
    }
}

pub(super) fn may_be_empty(directory: &[u8]) -> bool {
    match directory.strip_prefix(FILESYSTEM) {
        Some(rest) => matches!(rest.first(), None | Some(b'/')),
        None => directory.is_empty(),
    }
}

/// Returns what an entry is, and the length of a regular file that is read, bytes.
fn look(directory: BorrowedFd<'_>, entry: &DirEntry, is_read: bool) -> rustix::io::Result<(FileType, u64)> {
    // Some file systems don't say in the directory what it is.
    let needs_stat = match entry.file_type() {
        FileType::Unknown => true,
        kind => kind == FileType::RegularFile && is_read,
    };
    if !needs_stat {
        return Ok((entry.file_type(), 0));
    }
    match rustix::fs::statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => {
            Ok((FileType::from_raw_mode(stat.st_mode), u64::try_from(stat.st_size).unwrap_or_default()))
        }
        // A directory that may be listed and not searched: opening the file will tell.
        Err(Errno::ACCESS) if entry.file_type() == FileType::RegularFile => Ok((FileType::RegularFile, 0)),
        Err(errno) => Err(errno),
    }
}
