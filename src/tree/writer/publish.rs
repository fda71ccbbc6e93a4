//! The way of a complete tree onto its target: renamed, or exchanged with the old dump (`tree/outcome.md#outcome`).
//!
//! At each moment the target is what it was or the new tree; where the file system cannot exchange two names, an old
//! dump that is set aside for a moment has a name that the next run knows.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, RenameFlags, renameat, renameat_with};
use rustix::io::{Errno, retry_on_intr};

use super::inputs::Identity;
use super::notice::Notice;
use super::remove::remove;
use super::staging::{REPLACED, Staging, flush_directory, not_removed, temporary};
use super::target::Found;
use super::{access, lock};
use crate::tree::directory::open_directory;
use crate::tree::{Error, ErrorKind, Result, Scratch};

impl Staging {
    /// Moves the staging directory onto the target; `root` is its handle. What goes wrong after the tree is in place
    /// becomes a notice.
    pub(super) fn publish(&mut self, root: &OwnedFd) -> Result<()> {
        let staged = self.staged.clone().unwrap_or_default();
        let old = match self.target.find()? {
            Found::Nothing => self.rename(&staged).map(|()| None)?,
            Found::EmptyDirectory(empty) => {
                let changed = access::copy(&empty, root).map_err(|errno| self.target.error(errno.into()))?;
                self.rename(&staged)?;
                let path = self.target.path.clone();
                self.notices.extend(changed.map(|what| Notice::AccessChanged { path, what }));
                None
            }
            Found::Dump(_) if !self.options.force => {
                return Err(self.target.error(ErrorKind::TargetHoldsDump));
            }
            Found::Dump(dump) => {
                self.target.examine(
                    &dump,
                    &self.options,
                    &Scratch::new(self.path.clone()).polling(&self.options.interrupt),
                )?;
                // So that a run that comes meanwhile does not take it for one that was left.
                let _ = lock::is_held(&dump);
                Some(self.exchange(&staged, &dump)?)
            }
        };
        self.staged = None;
        if let Err(error) = self.end(old.as_deref()) {
            self.notices.push(Notice::Left(error));
        }
        Ok(())
    }

    /// Flushes the new name, and only then removes the old dump.
    fn end(&mut self, old: Option<&OsStr>) -> Result<()> {
        self.release_reserve();
        let flushed = flush_directory(&self.target.parent);
        let Some(old) = old else { return flushed.map_err(|errno| self.target.error(errno.into())) };
        let path = self.target.sibling(old);
        flushed.map_err(|errno| not_removed(&path, errno))?;
        remove(self.target.parent.as_fd(), old.as_bytes()).map_err(|errno| not_removed(&path, errno))
    }

    /// Renames onto a target that is not there or an empty directory; the system replaces nothing else.
    fn rename(&self, staged: &OsStr) -> Result<()> {
        match self.move_to(staged, &self.target.name) {
            Ok(()) => Ok(()),
            // It came up, or was filled, a moment ago.
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {
                Err(self.target.error(ErrorKind::TargetExists))
            }
            Err(errno) => Err(self.target.error(errno.into())),
        }
    }

    /// Exchanges the staging directory with the dump at the target; returns the old dump's new name.
    fn exchange(&self, staged: &OsStr, dump: &OwnedFd) -> Result<std::ffi::OsString> {
        let parent = &self.target.parent;
        let exchange = || {
            let flags = RenameFlags::EXCHANGE;
            retry_on_intr(|| renameat_with(parent, staged, parent, &self.target.name, flags))
        };
        match exchange() {
            Ok(()) if self.is_same(staged, dump) => Ok(staged.to_owned()),
            Ok(()) => match exchange() {
                Ok(()) => Err(self.target.error(ErrorKind::TargetChanged)),
                Err(errno) => Err(self.stranded(staged, errno)),
            },
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => self.set_aside(staged, dump),
            Err(errno) => Err(self.target.error(errno.into())),
        }
    }

    /// Renames the old dump away and the new one in, where the file system cannot exchange them.
    pub(super) fn set_aside(&self, staged: &OsStr, dump: &OwnedFd) -> Result<std::ffi::OsString> {
        let aside = temporary(&self.target, REPLACED, 0o700)?;
        if let Err(errno) = self.move_to(&self.target.name, &aside) {
            // Empty, and named by the next run if it stays.
            let _ = rustix::fs::unlinkat(&self.target.parent, &aside, AtFlags::REMOVEDIR);
            return Err(self.target.error(errno.into()));
        }
        let moved = if self.is_same(&aside, dump) {
            self.move_to(staged, &self.target.name).map_err(ErrorKind::from)
        } else {
            Err(ErrorKind::TargetChanged)
        };
        let Err(kind) = moved else { return Ok(aside) };
        match self.move_to(&aside, &self.target.name) {
            Ok(()) => Err(self.target.error(kind)),
            Err(errno) => Err(self.stranded(&aside, errno)),
        }
    }

    /// Whether a name beside the target is the directory that was examined.
    fn is_same(&self, name: &OsStr, dump: &OwnedFd) -> bool {
        let found = open_directory(self.target.parent.as_fd(), name.as_bytes())
            .and_then(|directory| Identity::of(&directory));
        matches!((found, Identity::of(dump)), (Ok(found), Ok(examined)) if found == examined)
    }

    /// Returns the error that what was at the target has another name now and could not get its own back.
    fn stranded(&self, name: &OsStr, errno: Errno) -> Error {
        let text = format!("what was here is now {}: {errno}", self.target.sibling(name).display());
        self.target.error(ErrorKind::Io(std::io::Error::other(text)))
    }

    fn move_to(&self, from: &OsStr, to: &OsStr) -> rustix::io::Result<()> {
        let parent = &self.target.parent;
        retry_on_intr(|| renameat(parent, from, parent, to))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::super::TreeOptions;
    use super::*;

    fn replacing() -> (tempfile::TempDir, Staging, OwnedFd, OwnedFd) {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("out");
        let (staging, root) = Staging::create(&target, &TreeOptions::default()).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), "").unwrap();
        fs::write(staging.path().join("new"), "").unwrap();
        let dump = OwnedFd::from(File::open(&target).unwrap());
        (parent, staging, root, dump)
    }

    #[test]
    fn without_an_exchange_the_old_dump_is_set_aside_under_its_own_name() {
        let (parent, staging, _root, dump) = replacing();
        let staged = staging.staged.clone().unwrap();
        let aside = staging.set_aside(&staged, &dump).unwrap();
        assert!(parent.path().join("out/new").exists());
        assert!(aside.to_str().unwrap().starts_with(".out.replaced-"), "{aside:?}");
        assert!(parent.path().join(&aside).join("old").exists());
        // Now the staging directory is gone: what was set aside comes back.
        let dump = OwnedFd::from(File::open(parent.path().join("out")).unwrap());
        assert!(staging.set_aside(OsStr::new("gone"), &dump).is_err());
        assert!(parent.path().join("out/new").exists());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2);
    }

    #[test]
    fn another_directory_than_the_examined_one_gets_its_name_back() {
        let (parent, staging, _root, dump) = replacing();
        let staged = staging.staged.clone().unwrap();
        fs::rename(parent.path().join("out"), parent.path().join("moved")).unwrap();
        fs::create_dir(parent.path().join("out")).unwrap();
        fs::write(parent.path().join("out/mine"), "").unwrap();
        for result in [staging.exchange(&staged, &dump), staging.set_aside(&staged, &dump)] {
            assert!(matches!(result.unwrap_err().kind, ErrorKind::TargetChanged));
            assert!(parent.path().join("out/mine").exists());
            assert!(staging.path().join("new").exists());
        }
    }

    #[test]
    fn the_old_name_is_returned_by_an_exchange_of_the_examined_dump() {
        let (parent, mut staging, _root, dump) = replacing();
        let staged = staging.staged.take().unwrap();
        let old = staging.exchange(&staged, &dump).unwrap();
        assert!(parent.path().join(old).join("old").exists());
        assert!(parent.path().join("out/new").exists());
    }
}
