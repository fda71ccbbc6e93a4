//! Where a dump is to stand: its parent directory, its name, and what is there already (`tree/outcome.md#outcome`).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use serde::Deserialize;

use super::inputs::Identity;
use super::listing::{Difference, open_regular};
use super::walk::{Listing, Walk};
use super::{TreeOptions, inputs};
use crate::limits;
use crate::tree::directory::open_directory;
use crate::tree::manifest::{self, Manifest, Origin};
use crate::tree::{Error, ErrorKind, Result, Scratch, checksums};

/// The target of a run.
#[derive(Debug)]
pub(in crate::tree) struct Target {
    /// As it was given.
    pub(in crate::tree) path: PathBuf,
    pub(in crate::tree) parent: OwnedFd,
    pub(in crate::tree) parent_path: PathBuf,
    /// Its name in `parent`.
    pub(in crate::tree) name: OsString,
}

/// What is at the target, with a handle of it.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    EmptyDirectory(OwnedFd),
    /// A directory with a `MANIFEST.json`, or an export's [`EXPORT`].
    Dump(OwnedFd),
}

/// Name of the file that tells of an export what it is, as `MANIFEST.json` does of a dump.
pub(crate) const EXPORT: &str = "EXPORT.json";

/// What of that file counts here.
#[derive(Deserialize)]
struct Export {
    format_version: u32,
    #[serde(rename = "to")]
    _to: String,
}

impl Target {
    /// Opens the parent directory.
    pub(in crate::tree) fn open(path: &Path) -> Result<Self> {
        let unnamed = || Error { path: path.to_owned(), kind: ErrorKind::TargetUnnamed };
        let name = path.file_name().ok_or_else(unnamed)?.to_owned();
        let parent_path = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent_path = parent_path.unwrap_or(Path::new(".")).to_owned();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = retry_on_intr(|| rustix::fs::open(&parent_path, flags, Mode::empty()))
            .map_err(|errno| Error { path: parent_path.clone(), kind: errno.into() })?;
        Ok(Self { path: path.to_owned(), parent, parent_path, name })
    }

    /// Looks at what is there. What no dump can take the place of is an error.
    pub(super) fn find(&self) -> Result<Found> {
        self.look().map_err(|kind| self.error(kind))
    }

    fn look(&self) -> Result<Found, ErrorKind> {
        let parent = self.parent.as_fd();
        let stat = match retry_on_intr(|| rustix::fs::statat(parent, &self.name, AtFlags::SYMLINK_NOFOLLOW)) {
            Err(Errno::NOENT) => return Ok(Found::Nothing),
            stat => stat?,
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {}
            FileType::Symlink => return Err(ErrorKind::TargetIsLink),
            _ => return Err(ErrorKind::TargetExists),
        }
        if is_mount_point(parent, &self.name) {
            return Err(ErrorKind::TargetIsMountPoint);
        }
        let directory = open_directory(parent, self.name.as_bytes())?;
        if is_regular(directory.as_fd(), manifest::NAME)? || is_regular(directory.as_fd(), EXPORT)? {
            return Ok(Found::Dump(directory));
        }
        match Listing::new(open_directory(directory.as_fd(), b".")?)?.next()? {
            Some(_) => Err(ErrorKind::TargetExists),
            None => Ok(Found::EmptyDirectory(directory)),
        }
    }

    /// Examines a dump that is to be replaced: its manifest is that of a decoded snapshot, nothing is in it that its
    /// CHECKSUMS does not list, and no input. Of an export the same, by an export.
    pub(super) fn examine(&self, dump: &OwnedFd, options: &TreeOptions, scratch: &Scratch) -> Result<()> {
        let failure = |path: &[u8], kind: ErrorKind| Error {
            path: if path.is_empty() { self.path.clone() } else { self.path.join(OsStr::from_bytes(path)) },
            kind,
        };
        let walk = Walk { root: dump.as_fd(), scratch, interrupt: &options.interrupt, failure: &failure };
        if options.is_export {
            check_export(&walk)?;
        } else {
            check_manifest(&walk)?;
        }
        let identity = Identity::of(dump).map_err(|errno| self.error(errno.into()))?;
        let inputs = inputs::find(&options.inputs);
        if let Some(input) = inputs.iter().find(|input| input.is_inside(identity)) {
            return Err(self.error(ErrorKind::TargetHoldsInput(input.path.clone())));
        }
        let inodes: Vec<u64> = inputs.iter().filter_map(|input| input.inode_on(identity.device)).collect();
        let difference = Difference::find(&walk, checksums::NAME, &inodes)?;
        if let Some(path) = difference.inode {
            let input = self.path.join(OsStr::from_bytes(&path));
            return Err(self.error(ErrorKind::TargetHoldsInput(input)));
        }
        match difference.unlisted.first {
            None => Ok(()),
            Some(first) => {
                let files = difference.unlisted.count;
                Err(failure(&first, ErrorKind::TargetHoldsUnlisted { files }))
            }
        }
    }

    /// Whether a directory has the manifest of a decoded snapshot and a CHECKSUMS.
    pub(super) fn is_complete_dump(&self, directory: &OwnedFd, scratch: &Scratch) -> bool {
        let failure = |_: &[u8], kind| self.error(kind);
        let interrupt = crate::interrupt::Interrupt::default();
        let walk = Walk { root: directory.as_fd(), scratch, interrupt: &interrupt, failure: &failure };
        check_manifest(&walk).is_ok() && is_regular(directory.as_fd(), checksums::NAME).unwrap_or(false)
    }

    /// Returns the path of a name beside the target.
    pub(in crate::tree) fn sibling(&self, name: &OsStr) -> PathBuf {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.join(name),
            _ => PathBuf::from(name),
        }
    }

    pub(in crate::tree) fn error(&self, kind: ErrorKind) -> Error {
        Error { path: self.path.clone(), kind }
    }
}

/// Refuses a manifest that is not that of a decoded snapshot.
fn check_manifest(walk: &Walk<'_>) -> Result<()> {
    let failure = |kind| (walk.failure)(b"", kind);
    let refuse = |why: String| failure(ErrorKind::TargetManifest(why));
    let text = read(walk, manifest::NAME, &refuse)?;
    match Manifest::read(&text).map(|manifest| manifest.origin) {
        Ok(Origin::Snapshot(_)) => Ok(()),
        Ok(Origin::Live(_)) => Err(refuse("it is of a live read".to_owned())),
        Err(error) => Err(refuse(error.to_string())),
    }
}

/// Refuses what is no export.
fn check_export(walk: &Walk<'_>) -> Result<()> {
    let refuse = |why: String| (walk.failure)(b"", ErrorKind::TargetExport(why));
    let text = read(walk, EXPORT, &refuse)?;
    match serde_json::from_slice::<Export>(&text) {
        Ok(Export { format_version: 1, .. }) => Ok(()),
        Ok(Export { format_version, .. }) => Err(refuse(format!("it is of version {format_version}"))),
        Err(error) => Err(refuse(error.to_string())),
    }
}

/// Reads a file that tells what a directory is.
fn read(walk: &Walk<'_>, name: &str, refuse: &dyn Fn(String) -> Error) -> Result<Vec<u8>> {
    let file: File = open_regular(walk, name)?.ok_or_else(|| refuse("not a regular file".to_owned()))?;
    let mut text = Vec::new();
    let length = file.take(limits::MANIFEST + 1).read_to_end(&mut text);
    let length = length.map_err(|error| (walk.failure)(name.as_bytes(), error.into()))?;
    manifest::check_length(u64::try_from(length).unwrap_or(u64::MAX))
        .map_err(|error| refuse(error.to_string()))?;
    Ok(text)
}

/// Whether a name is there, as a regular file.
pub(in crate::tree) fn is_regular(
    directory: BorrowedFd<'_>,
    name: impl rustix::path::Arg + Copy,
) -> rustix::io::Result<bool> {
    match retry_on_intr(|| rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)) {
        Err(Errno::NOENT) => Ok(false),
        stat => Ok(FileType::from_raw_mode(stat?.st_mode) == FileType::RegularFile),
    }
}

/// Whether a directory is the root of a mounted file system, where the system can tell.
fn is_mount_point(parent: BorrowedFd<'_>, name: &OsStr) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{StatxAttributes, StatxFlags, statx};
        let stat = statx(parent, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
        stat.is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (parent, name);
        false
    }
}
