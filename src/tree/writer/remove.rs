//! Removing a tree of any depth with a fixed number of open files and no recursion.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType};
use rustix::io::{Errno, Result, retry_on_intr};

use super::walk::Listing;
use crate::tree::checksums;
use crate::tree::directory::open_directory;

/// Descriptors that [`remove`] needs: the tree's root and one directory in it, each with its listing.
pub(super) const DESCRIPTORS: usize = 4;

/// Removes the directory `name` in `parent` with everything in it. Links are removed, not followed. That it is gone
/// already is no error.
///
/// CHECKSUMS goes first: what has one is complete. A directory inside a directory is moved up to `name` itself before
/// it is emptied, so that its depth does not matter.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    match unlink(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTEMPTY | Errno::EXIST) => {}
        // An empty one needs not even to be opened.
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    }
    let root = open_directory(parent, name)?;
    match unlink(root.as_fd(), checksums::NAME, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT | Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    let mut moved = 0;
    // Some file systems skip entries of a directory that changes while it is read.
    while for_each_entry(root.as_fd(), &mut |entry, is_directory| {
        if !is_directory {
            return unlink(root.as_fd(), entry, AtFlags::empty());
        }
        let directory = open_directory(root.as_fd(), entry.to_bytes())?;
        while for_each_entry(directory.as_fd(), &mut |inner, is_directory| {
            if is_directory {
                move_up(directory.as_fd(), inner, root.as_fd(), &mut moved)
            } else {
                unlink(directory.as_fd(), inner, AtFlags::empty())
            }
        })? {}
        unlink(root.as_fd(), entry, AtFlags::REMOVEDIR)
    })? {}
    unlink(parent, name, AtFlags::REMOVEDIR)
}

fn unlink(directory: BorrowedFd<'_>, name: impl rustix::path::Arg + Copy, flags: AtFlags) -> Result<()> {
    retry_on_intr(|| rustix::fs::unlinkat(directory, name, flags))
}

/// Calls `act` with each entry, and whether it is a directory. Returns whether there was one.
fn for_each_entry(directory: BorrowedFd<'_>, act: &mut dyn FnMut(&CStr, bool) -> Result<()>) -> Result<bool> {
    let mut found = false;
    let mut listing = Listing::new(open_directory(directory, b".")?)?;
    while let Some(entry) = listing.next()? {
        found = true;
        let is_directory = listing.kind(&entry)? == FileType::Directory;
        act(entry.file_name(), is_directory)?;
    }
    Ok(found)
}

/// Moves a directory to a number as its name in `root`, or removes it when it is empty.
fn move_up(directory: BorrowedFd<'_>, name: &CStr, root: BorrowedFd<'_>, moved: &mut u64) -> Result<()> {
    match unlink(directory, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTEMPTY | Errno::EXIST) => {}
        done => return done,
    }
    loop {
        *moved += 1;
        match retry_on_intr(|| rustix::fs::renameat(directory, name, root, moved.to_string())) {
            // That number is a name in `root` already. (An empty directory of that name is replaced.)
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR | Errno::ISDIR) => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use rustix::fs::Mode;

    use super::*;

    #[test]
    fn a_tree_is_removed_and_what_its_links_name_is_not() {
        let outside = tempfile::tempdir().unwrap();
        fs::create_dir(outside.path().join("kept")).unwrap();
        let parent = tempfile::tempdir().unwrap();
        let tree = parent.path().join("tree");
        fs::create_dir_all(tree.join("a/b/c")).unwrap();
        fs::create_dir_all(tree.join("1/2/3")).unwrap();
        fs::write(tree.join("2"), "a file in the way of a number").unwrap();
        fs::write(tree.join("a/b/file"), "").unwrap();
        std::os::unix::fs::symlink(outside.path(), tree.join("a/link")).unwrap();
        remove(File::open(parent.path()).unwrap().as_fd(), b"tree").unwrap();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
        assert!(outside.path().join("kept").is_dir());
    }

    #[test]
    fn depth_does_not_matter() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join("tree")).unwrap();
        let mut handle = File::open(parent.path().join("tree")).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&handle, "directory", Mode::from_raw_mode(0o700)).unwrap();
            handle = File::from(open_directory(handle.as_fd(), b"directory").unwrap());
        }
        remove(File::open(parent.path()).unwrap().as_fd(), b"tree").unwrap();
        assert!(!parent.path().join("tree").exists());
    }

    #[test]
    fn a_link_in_the_place_of_the_tree_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join("kept")).unwrap();
        std::os::unix::fs::symlink("kept", parent.path().join("link")).unwrap();
        assert!(remove(File::open(parent.path()).unwrap().as_fd(), b"link").is_err());
        assert!(parent.path().join("kept").is_dir());
    }
}
