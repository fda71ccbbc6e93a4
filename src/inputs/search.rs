//! Looks through a directory, as a node lays it out or as somebody copied it.
//!
//! Symbolic links are never followed, and nothing but regular files is opened.

use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use super::PassedOverList;
use super::error::{Error, Result};
use super::place::{is_one_groups, is_snapshot, is_temporary};
use crate::interrupt::Interrupt;
use crate::limits;

/// A directory and the snapshots in it, sorted by name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// Below the directory that was named.
    pub(super) directory: PathBuf,
    /// The same as an absolute path, whose names tell the group.
    pub(super) absolute: PathBuf,
    pub(super) names: Vec<OsString>,
}

/// A search below one directory.
pub(super) struct Search<'a> {
    root: &'a Path,
    interrupt: &'a Interrupt,
    passed_over: &'a mut PassedOverList,
    entries: usize,
    directories: usize,
    holders: Vec<Holder>,
}

impl<'a> Search<'a> {
    /// Lists the directories below `root` that hold snapshots, `root` itself included.
    pub(super) fn run(
        root: &'a Path,
        passed_over: &'a mut PassedOverList,
        interrupt: &'a Interrupt,
    ) -> Result<Vec<Holder>> {
        let (entries, directories, holders) = (0, 0, Vec::new());
        let mut search = Self { root, interrupt, passed_over, entries, directories, holders };
        let absolute =
            std::path::absolute(root).map_err(|source| Error::List { path: root.to_owned(), source })?;
        search.look_into(root, &absolute, 0)?;
        Ok(search.holders)
    }

    fn look_into(&mut self, directory: &Path, absolute: &Path, depth: usize) -> Result<()> {
        self.directories += 1;
        if self.directories > limits::SEARCH_DIRECTORIES {
            return Err(self.too_large("directories", limits::SEARCH_DIRECTORIES));
        }
        let entries = match self.list(directory)? {
            Ok(entries) => entries,
            // What belongs to no node may be closed to others: a lost+found.
            Err(error) if depth > 0 && !is_one_groups(absolute) => {
                self.passed_over.push(directory, format!("cannot be listed: {error}"));
                return Ok(());
            }
            Err(source) => return Err(Error::List { path: directory.to_owned(), source }),
        };
        let one_groups = is_one_groups(absolute);
        let mut names = Vec::new();
        for (name, kind) in entries {
            let path = directory.join(&name);
            if kind.is_symlink() {
                self.passed_over.push(&path, "a symbolic link");
            } else if kind.is_dir() {
                let deeper = absolute.join(&name);
                if depth < limits::SEARCH_DEPTH {
                    self.look_into(&path, &deeper, depth + 1)?;
                } else if is_one_groups(&deeper) {
                    self.passed_over.push(&path, "too deep below the directory that was named");
                }
            } else if is_temporary(&name) {
                self.passed_over.push(&path, "was still being written");
            } else if is_snapshot(&name) {
                if !kind.is_file() {
                    self.passed_over.push(&path, "not a regular file");
                } else if depth == 0 || one_groups {
                    names.push(name);
                } else {
                    self.passed_over.push(&path, "not where a node keeps its snapshots");
                }
            }
        }
        if !names.is_empty() {
            let (directory, absolute) = (directory.to_owned(), absolute.to_owned());
            self.holders.push(Holder { directory, absolute, names });
        }
        Ok(())
    }

    /// Lists a directory, sorted by name.
    fn list(&mut self, directory: &Path) -> Result<io::Result<Vec<(OsString, FileType)>>> {
        let mut entries = Vec::new();
        let listing = match fs::read_dir(directory) {
            Ok(listing) => listing,
            Err(error) => return Ok(Err(error)),
        };
        for entry in listing {
            self.interrupt.check()?;
            self.entries += 1;
            if self.entries > limits::SEARCH_ENTRIES {
                return Err(self.too_large("entries", limits::SEARCH_ENTRIES));
            }
            match entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))) {
                Ok((name, kind)) if concerns(&name, kind) => entries.push((name, kind)),
                Ok(_) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Ok(entries))
    }

    fn too_large(&self, what: &'static str, limit: usize) -> Error {
        Error::TooLarge { directory: self.root.to_owned(), what, limit }
    }
}

/// Whether an entry may be a snapshot or lead to one; a store's own files, which may be many, are neither.
fn concerns(name: &OsStr, kind: FileType) -> bool {
    let may_be_directory = kind.is_symlink() && Path::new(name).extension().is_none();
    kind.is_dir() || may_be_directory || is_snapshot(name) || is_temporary(name)
}
