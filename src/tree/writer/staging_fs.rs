//! The staging directory's file system: what it has taken, what it can't tell apart, what its errors mean.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::TreeOptions;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::tree::archive::{Names, Taken};
use crate::tree::directory::{check_name, open_directory};
use crate::tree::{Error, ErrorKind, Full, Scratch, Size};

/// What every file and directory of one tree shares.
#[derive(Debug)]
pub(super) struct StagingFs {
    root: OwnedFd,
    /// Where the tree will stand; errors name files below it.
    target: PathBuf,
    /// Whether names that differ in case or normal form are one name here.
    folds_names: bool,
    pub(super) file_mode: Mode,
    pub(super) directory_mode: Mode,
    pub(super) interrupt: Interrupt,
    pub(super) progress: Progress,
    files: AtomicU64,
    bytes: AtomicU64,
    pub(super) expected: OnceLock<Size>,
    /// Which names are taken, where files are created later ([`NewFile`](super::file::NewFile)).
    names: Option<Mutex<Names>>,
    /// What paths begin with that come once each, so that they need not be kept.
    pub(super) unique: OnceLock<&'static [u8]>,
}

impl StagingFs {
    /// Looks at the file system of `root`, an empty directory.
    pub(super) fn new(root: OwnedFd, target: PathBuf, options: &TreeOptions) -> rustix::io::Result<Self> {
        let (file_mode, directory_mode) =
            if options.mode_from_umask { (0o666, 0o777) } else { (0o600, 0o700) };
        let folds_names = folds_names(root.as_fd())?;
        Ok(Self {
            root,
            target,
            folds_names,
            file_mode: Mode::from_raw_mode(file_mode),
            directory_mode: Mode::from_raw_mode(directory_mode),
            interrupt: options.interrupt.clone(),
            progress: options.progress.clone(),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            expected: OnceLock::new(),
            names: None,
            unique: OnceLock::new(),
        })
    }

    /// Keeps which names are taken, so that files can be created later, where the file system has no rules for names of its
    /// own.
    pub(super) fn keep_names(&mut self, scratch: &Scratch) {
        if !self.folds_names && takes_any_name(&self.root) {
            self.names = Some(Mutex::new(Names::new(scratch)));
        }
    }

    /// Takes a name for a file that is created later; `false` where it has to be created now.
    pub(super) fn take_name(&self, path: &[u8], name: &[u8]) -> Result<bool, Error> {
        let Some(names) = self.names.as_ref().filter(|_| name.len() <= NAME_MAX) else { return Ok(false) };
        if self.unique.get().is_some_and(|unique| path.starts_with(unique)) {
            return Ok(true);
        }
        let taken = names.lock().unwrap_or_else(PoisonError::into_inner).take(path, Taken::File);
        match taken.map_err(|error| self.failure(path, error))? {
            None => Ok(true),
            Some(_) => Err(self.error(path, ErrorKind::Taken)),
        }
    }

    /// Gives the name of a file or directory back that is not there any more.
    pub(super) fn free_name(&self, path: &[u8]) {
        if let Some(names) = &self.names {
            // What cannot be noted stays taken, which is an error of whoever wants it.
            let _ = names.lock().unwrap_or_else(PoisonError::into_inner).set(path, Taken::Free);
        }
    }

    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// Makes a directory where it is missing, and opens it. Returns whether it was made.
    pub(super) fn make_directory(
        &self,
        parent: Option<&OwnedFd>,
        name: &[u8],
        path: &[u8],
    ) -> Result<(OwnedFd, bool), Error> {
        let parent = parent.unwrap_or(&self.root).as_fd();
        check_name(name).map_err(|kind| self.error(path, kind))?;
        if let Some(names) = &self.names {
            let taken = names.lock().unwrap_or_else(PoisonError::into_inner).take(path, Taken::Directory);
            if taken.map_err(|error| self.failure(path, error))? == Some(Taken::File) {
                return Err(self.error(path, ErrorKind::Taken));
            }
        }
        let made = match retry_on_intr(|| rustix::fs::mkdirat(parent, name, self.directory_mode)) {
            Err(Errno::EXIST) if self.is_twin(parent, name) => {
                return Err(self.error(path, ErrorKind::CaseTwin));
            }
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(errno) => return Err(self.failure(path, errno)),
        };
        let opened = open_directory(parent, name).map_err(|errno| self.failure(path, errno))?;
        Ok((opened, made))
    }

    /// Flushes the file system.
    pub(super) fn flush(&self) -> rustix::io::Result<()> {
        flush(&self.root)
    }

    /// Returns another handle of the root.
    pub(super) fn clone_root(&self) -> Option<OwnedFd> {
        self.root.try_clone().ok()
    }

    /// Counts bytes that a file has taken.
    pub(super) fn count_bytes(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.progress.add(bytes);
    }

    /// Counts a finished file.
    pub(super) fn count_file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.progress.add_files(1);
    }

    /// Returns what was written so far. Holes count as nothing.
    pub(super) fn written(&self) -> Size {
        Size { files: self.files.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    /// Fails once the run was asked to stop.
    pub(super) fn check_interrupt(&self, path: &[u8]) -> Result<(), Error> {
        self.interrupt.check().map_err(|interrupted| self.error(path, interrupted.into()))
    }

    /// Returns the error of this kind for a path of the tree.
    pub(super) fn error(&self, path: &[u8], kind: ErrorKind) -> Error {
        Error { path: self.target.join(OsStr::from_bytes(path)), kind }
    }

    /// Returns what a failed system call means for a path of the tree.
    pub(super) fn failure(&self, path: &[u8], error: impl Into<io::Error>) -> Error {
        let error = error.into();
        let kind = match Errno::from_io_error(&error) {
            Some(Errno::EXIST | Errno::NOTDIR | Errno::ISDIR | Errno::LOOP) => ErrorKind::Taken,
            Some(Errno::NAMETOOLONG) => ErrorKind::NameTooLong,
            Some(Errno::NOSPC) if self.no_inodes() => ErrorKind::InodesFull(self.full()),
            Some(Errno::NOSPC | Errno::DQUOT) => ErrorKind::DiskFull(self.full()),
            _ => error.into(),
        };
        self.error(path, kind)
    }

    /// Returns what it means that a name exists already in `directory`.
    pub(super) fn collision(&self, directory: BorrowedFd<'_>, name: &[u8]) -> ErrorKind {
        if self.is_twin(directory, name) { ErrorKind::CaseTwin } else { ErrorKind::Taken }
    }

    /// Whether a name that exists in `directory` stands there with another spelling. Reads the directory, but
    /// only where the file system folds names.
    pub(super) fn is_twin(&self, directory: BorrowedFd<'_>, name: &[u8]) -> bool {
        let spelled_so = || {
            let entries = Dir::read_from(directory).into_iter().flatten();
            entries.flatten().any(|entry| entry.file_name().to_bytes() == name)
        };
        self.folds_names && !spelled_so()
    }

    fn full(&self) -> Full {
        Full { written: self.written(), needed: self.expected.get().copied() }
    }

    /// Whether the file system counts inodes (some don't) and has none left for this user.
    fn no_inodes(&self) -> bool {
        rustix::fs::fstatvfs(&self.root).is_ok_and(|stat| stat.f_files > 0 && stat.f_favail == 0)
    }
}

/// Flushes the file system of `root`. One call for everything: a flush of each of a million files takes hours.
pub(super) fn flush(root: &impl AsFd) -> rustix::io::Result<()> {
    #[cfg(target_os = "linux")]
    return retry_on_intr(|| rustix::fs::syncfs(root));
    #[cfg(not(target_os = "linux"))]
    {
        let _ = root;
        rustix::fs::sync();
        Ok(())
    }
}

/// Longest name of the file systems that take any, bytes.
const NAME_MAX: usize = 255;

/// Whether a file system is known to take each name of up to [`NAME_MAX`] bytes: what it refuses has to be known at once.
fn takes_any_name(root: &impl AsFd) -> bool {
    #[cfg(target_os = "linux")]
    {
        // ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs.
        const KNOWN: [i128; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630];
        rustix::fs::fstatfs(root).is_ok_and(|stat| KNOWN.contains(&i128::from(stat.f_type)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = root;
        false
    }
}

/// Whether a file can be found under a name of another case or normal form.
fn folds_names(root: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    const PROBE: &str = "probe-\u{e9}";
    const TWINS: [&str; 2] = ["PROBE-\u{e9}", "probe-e\u{301}"];
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    drop(retry_on_intr(|| rustix::fs::openat(root, PROBE, flags, Mode::from_raw_mode(0o600)))?);
    let found = TWINS.iter().any(|twin| rustix::fs::statat(root, *twin, AtFlags::SYMLINK_NOFOLLOW).is_ok());
    retry_on_intr(|| rustix::fs::unlinkat(root, PROBE, AtFlags::empty()))?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staging_fs(directory: &std::path::Path) -> StagingFs {
        let root = OwnedFd::from(std::fs::File::open(directory).unwrap());
        StagingFs::new(root, PathBuf::from("out"), &TreeOptions::default()).unwrap()
    }

    #[test]
    fn the_probe_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        staging_fs(directory.path());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_another_spelling_is_a_twin_and_only_where_names_fold() {
        let directory = tempfile::tempdir().unwrap();
        let mut staging_fs = staging_fs(directory.path());
        std::fs::write(directory.path().join("Key"), "").unwrap();
        staging_fs.folds_names = true;
        assert!(matches!(staging_fs.collision(staging_fs.root().as_fd(), b"key"), ErrorKind::CaseTwin));
        assert!(matches!(staging_fs.collision(staging_fs.root().as_fd(), b"Key"), ErrorKind::Taken));
        std::fs::create_dir(directory.path().join("Directory")).unwrap();
        assert!(staging_fs.make_directory(None, b"Directory", b"Directory").is_ok());
        staging_fs.folds_names = false;
        assert!(matches!(staging_fs.collision(staging_fs.root().as_fd(), b"key"), ErrorKind::Taken));
    }

    #[test]
    fn a_full_disk_says_how_much_was_written_and_how_much_is_needed() {
        let directory = tempfile::tempdir().unwrap();
        let staging_fs = staging_fs(directory.path());
        staging_fs.count_bytes(10);
        staging_fs.count_file();
        let error = staging_fs.failure(b"a/b", Errno::DQUOT);
        let expected = "out/a/b: no space left on the disk or in the quota: 10 bytes in 1 files written";
        assert_eq!(error.to_string(), expected);
        staging_fs.expected.set(Size { files: 3, bytes: 99 }).unwrap();
        let error = staging_fs.failure(b"a/b", Errno::NOSPC);
        assert_eq!(error.to_string(), format!("{expected}, about 99 bytes in 3 files needed"));
    }
}
