//! What earlier runs for the same target have left beside it: staging directories, and old dumps set aside.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::lock;
use super::notice::Notice;
use super::staging::{PARTIAL, RANDOM, REPLACED, flush_directory, prefix};
use super::target::{Found, Target, is_regular};
use super::walk::Listing;
use crate::tree::directory::open_directory;
use crate::tree::{Result, Scratch, checksums};

/// Names what is left and held by nobody. Where a run was ended while it exchanged two dumps, and nothing is at the
/// target, the old one is moved back.
pub(in crate::tree) fn look(target: &Target) -> Result<Vec<Notice>> {
    let mut notices = Vec::new();
    let mut replaced = Vec::new();
    let (partial, aside) = (prefix(&target.name, PARTIAL), prefix(&target.name, REPLACED));
    // What cannot be listed or opened is not known to be left.
    let listing = open_directory(target.parent.as_fd(), b".").and_then(Listing::new);
    let Ok(mut listing) = listing else { return Ok(notices) };
    while let Ok(Some(entry)) = listing.next() {
        let name = entry.file_name().to_bytes();
        let is_partial = is_random(name, &partial);
        if !is_partial && !is_random(name, &aside) {
            continue;
        }
        let directory = match open_directory(target.parent.as_fd(), name) {
            Ok(directory) => directory,
            Err(Errno::NOTDIR) if is_partial && is_left_file(target, name) => {
                let path = target.sibling(OsStr::from_bytes(name));
                notices.push(Notice::StalePartial { path, complete: false });
                continue;
            }
            Err(_) => continue,
        };
        if lock::is_held(&directory) {
            continue;
        }
        let name = OsStr::from_bytes(name);
        if is_partial {
            let complete = is_regular(directory.as_fd(), checksums::NAME).unwrap_or(false);
            notices.push(Notice::StalePartial { path: target.sibling(name), complete });
        } else {
            replaced.push((name.to_owned(), directory));
        }
    }
    let restored = match replaced.as_slice() {
        // With several of them nobody knows which.
        [(name, directory)] => restore(target, name, directory)?,
        _ => false,
    };
    notices.extend(replaced.into_iter().map(|(name, _)| {
        let path = target.sibling(&name);
        if restored { Notice::Restored { path } } else { Notice::StaleReplaced { path } }
    }));
    Ok(notices)
}

/// Moves a complete dump back to the target where nothing is there.
fn restore(target: &Target, name: &OsString, directory: &OwnedFd) -> Result<bool> {
    let scratch = Scratch::new(target.parent_path.clone());
    let nothing_there = matches!(target.find(), Ok(Found::Nothing));
    if !nothing_there || !target.is_complete_dump(directory, &scratch) {
        return Ok(false);
    }
    rustix::fs::renameat(&target.parent, name, &target.parent, &target.name)
        .and_then(|()| flush_directory(&target.parent))
        .map_err(|errno| target.error(errno.into()))?;
    Ok(true)
}

/// Whether a name is the staging file of an archive that no process holds. It is never the only copy of anything: an
/// archive that is complete has its own name at once.
fn is_left_file(target: &Target, name: &[u8]) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = retry_on_intr(|| rustix::fs::openat(&target.parent, name, flags, Mode::empty()));
    let is_file = |file: &OwnedFd| {
        rustix::fs::fstat(file)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
    };
    opened.is_ok_and(|file| is_file(&file) && !lock::is_held(&file))
}

fn is_random(name: &[u8], prefix: &OsStr) -> bool {
    name.strip_prefix(prefix.as_bytes())
        .is_some_and(|random| random.len() == RANDOM && random.iter().all(u8::is_ascii_alphanumeric))
}
