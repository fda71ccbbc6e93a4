//! Every name of the tree, sorted: level by level, so that neither depth nor width takes memory or open files.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, DirEntry, FileType};

use super::name::{self, Name};
use super::{Directories, FindingKind, Result, Scratch, Shared, Sorter, open_existing};

/// Memory for the directories of one level, bytes.
const MEMORY: usize = 1 << 20;

/// The value of a regular file in the sorted list; others have an empty one.
pub(super) const REGULAR: &[u8] = b"f";

/// Adds the path of each entry that is no directory to `files`.
pub(super) fn walk(shared: &Shared, scratch: &Scratch, files: &mut Sorter) -> Result<()> {
    let mut handles = Directories::new(super::OPEN_DIRECTORIES);
    let (mut level, mut next) = (Sorter::new(scratch, MEMORY), Sorter::new(scratch, MEMORY));
    level.push(b"", b"")?;
    while !level.is_empty() {
        let mut directories = level.sort()?;
        while let Some((path, _)) = directories.next()? {
            shared.check_interrupt()?;
            let opened = handles.open(path, |parent, name, _| open_existing(shared, parent, name));
            match opened {
                Ok(handle) => {
                    let handle = handle.as_deref().map_or(shared.root.as_fd(), AsFd::as_fd);
                    list(shared, path, handle, files, &mut next)?;
                }
                Err(errno) => shared.unreadable(path, errno),
            }
        }
        drop(directories);
        std::mem::swap(&mut level, &mut next);
    }
    Ok(())
}

fn list(
    shared: &Shared,
    directory: &[u8],
    handle: BorrowedFd<'_>,
    files: &mut Sorter,
    directories: &mut Sorter,
) -> Result<()> {
    let entries = match Dir::read_from(handle) {
        Ok(entries) => entries,
        Err(errno) => {
            shared.unreadable(directory, errno);
            return Ok(());
        }
    };
    let mut path = directory.to_vec();
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(errno) => {
                shared.unreadable(directory, errno);
                break;
            }
        };
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        path.truncate(directory.len());
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        match kind(handle, &entry) {
            FileType::RegularFile => files.push(&path, REGULAR)?,
            FileType::Directory => {
                if let Name::Bad(detail) = name::directory(&path) {
                    shared.add(FindingKind::BadName, &path, 0, detail);
                }
                directories.push(&path, b"")?;
            }
            other => {
                shared.add(FindingKind::NotRegular, &path, 0, describe(other));
                files.push(&path, b"")?;
            }
        }
    }
    Ok(())
}

/// Returns what an entry is; some file systems don't say so in the directory.
fn kind(directory: BorrowedFd<'_>, entry: &DirEntry) -> FileType {
    if entry.file_type() != FileType::Unknown {
        return entry.file_type();
    }
    let stat = rustix::fs::statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
    stat.map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode))
}

fn describe(kind: FileType) -> &'static str {
    match kind {
        FileType::Symlink => "symbolic link",
        FileType::Fifo => "pipe",
        FileType::Socket => "socket",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        _ => "unknown kind of file",
    }
}
