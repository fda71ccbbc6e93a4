//! Where the snapshots of a run go: one file and its sidecar, or a directory of a snapshot and a sidecar a Raft group.
//!
//! In: rows, then sidecars. Out: all of them at their places, or none of them.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::EncodeRequest;
use super::sidecar::SUFFIX;
use crate::bug::Bug;
use crate::encode::Outputs;
use crate::error::{Error, Result};
use crate::excerpt;
use crate::keyspace::{Routes, sqs};
use crate::tree::{self, Notice, StagedFile, Tree, TreeFile, TreeOptions};

const NO_OUTPUT: Bug = Bug::new("rows of an output that is not there");

/// The files of a run, none of which has its name yet.
pub(super) enum Target<'r> {
    /// One snapshot.
    File(Box<One>),
    /// A snapshot a group.
    Groups(Box<Groups<'r>>),
}

/// A snapshot and its sidecar.
pub(super) struct One {
    file: File,
    staged: StagedFile,
    info: File,
    staged_info: StagedFile,
    info_path: PathBuf,
}

/// A directory of snapshots.
pub(super) struct Groups<'r> {
    tree: Tree,
    routes: &'r Routes,
    /// Ascending.
    ids: Vec<u64>,
    /// One a group; none once all rows are there.
    files: Vec<TreeFile>,
}

/// A snapshot, as it will be found.
pub(super) struct Place {
    /// Its Raft group, where there are several.
    pub(super) group: Option<u64>,
    pub(super) path: PathBuf,
    pub(super) sidecar: PathBuf,
}

impl<'r> Target<'r> {
    /// Makes the files beside their places; returns them, and what is to be said of those that earlier runs have left.
    pub(super) fn create(request: &'r EncodeRequest) -> Result<(Self, Vec<Notice>)> {
        let options = TreeOptions {
            force: request.force,
            inputs: vec![request.input.clone()],
            interrupt: request.interrupt.clone(),
            ..TreeOptions::default()
        };
        let Some(routes) = &request.routes else {
            let (mut staged, file, mut told) = StagedFile::create(&request.output, &options)?;
            let info_path = with_suffix(&request.output);
            let (staged_info, info, more) = match StagedFile::create(&info_path, &options) {
                Ok(made) => made,
                Err(error) => return Err(staged.discard_after(error).into()),
            };
            told.extend(more);
            return Ok((Self::File(Box::new(One { file, staged, info, staged_info, info_path })), told));
        };
        routes.check().map_err(Error::Routes)?;
        let mut tree = Tree::disk(&request.output, &options)?;
        let ids: Vec<_> = routes.groups().into_iter().collect();
        let files = ids.iter().map(|group| tree.file(inside(*group).as_bytes()));
        let files = files.collect::<tree::Result<_>>()?;
        // What earlier runs have left is said when the directory has its name.
        Ok((Self::Groups(Box::new(Groups { tree, routes, ids, files })), Vec::new()))
    }

    /// Returns the directory that is sorted in.
    pub(super) fn directory(&self) -> &Path {
        match self {
            Self::File(one) => one.staged.directory(),
            Self::Groups(groups) => groups.tree.scratch().directory(),
        }
    }

    /// Lists the snapshots in the order of the outputs, as they will be found.
    pub(super) fn places(&self, output: &Path) -> Vec<Place> {
        match self {
            Self::File(_) => {
                vec![Place { group: None, path: output.to_owned(), sidecar: with_suffix(output) }]
            }
            Self::Groups(groups) => {
                let place = |&group: &u64| {
                    let path = output.join(inside(group));
                    Place { group: Some(group), sidecar: with_suffix(&path), path }
                };
                groups.ids.iter().map(place).collect()
            }
        }
    }

    /// Flushes the snapshots, whose rows are complete; returns where they are until they have their names.
    pub(super) fn end_rows(&mut self) -> Result<Vec<PathBuf>> {
        match self {
            Self::File(one) => {
                let path = one.staged.path();
                one.file.sync_all().map_err(|error| at(&path, error))?;
                Ok(vec![path])
            }
            Self::Groups(groups) => {
                let Groups { tree, ids, files, .. } = &mut **groups;
                files.drain(..).try_for_each(|file| file.finish(tree))?;
                tree.settle()?;
                Ok(ids.iter().map(|group| tree.scratch().directory().join(inside(*group))).collect())
            }
        }
    }

    /// Gives the files up; returns the errors that some stay.
    pub(super) fn discard(self) -> Vec<tree::Error> {
        let removed = match self {
            Self::File(one) => {
                let One { mut staged, mut staged_info, .. } = *one;
                [staged.discard(), staged_info.discard()]
            }
            Self::Groups(groups) => {
                let Groups { tree, files, .. } = *groups;
                drop(files);
                [tree.discard(), Ok(())]
            }
        };
        removed.into_iter().filter_map(Result::err).collect()
    }

    /// Writes the sidecars, in the order of the outputs, and gives all files their names. Returns what is to be said.
    pub(super) fn publish(&mut self, sidecars: Vec<Vec<u8>>) -> Result<Vec<Notice>> {
        match self {
            Self::File(one) => {
                let One { staged, info, staged_info, info_path, .. } = &mut **one;
                for text in sidecars {
                    let written = info.write_all(&text).and_then(|()| info.sync_all());
                    written.map_err(|error| at(info_path, error))?;
                }
                Ok(staged.publish_both(staged_info)?)
            }
            Self::Groups(groups) => {
                let Groups { tree, ids, .. } = &mut **groups;
                for (group, text) in ids.iter().zip(sidecars) {
                    tree.write(format!("{}{SUFFIX}", inside(*group)).as_bytes(), &text)?;
                }
                Ok(tree.publish()?.notices)
            }
        }
    }
}

impl Outputs for Target<'_> {
    fn count(&self) -> usize {
        match self {
            Self::File(_) => 1,
            Self::Groups(groups) => groups.ids.len(),
        }
    }

    fn place(&mut self, user_key: &[u8]) -> Result<usize> {
        let Self::Groups(groups) = self else { return Ok(0) };
        let group = groups.routes.place(user_key);
        let at = group.and_then(|group| groups.ids.binary_search(&group).ok());
        at.ok_or_else(|| unplaced(user_key))
    }

    fn write(&mut self, output: usize, bytes: &[u8]) -> Result<()> {
        match self {
            Self::File(one) => one.file.write_all(bytes).map_err(|error| at(&one.staged.path(), error)),
            Self::Groups(groups) => Ok(groups.files.get_mut(output).ok_or(NO_OUTPUT)?.write(bytes)?),
        }
    }
}

/// Returns the path of a group's snapshot in its directory: as `decode` tells the group of a file by.
fn inside(group: u64) -> String {
    format!("group-{group}/snap.fsm")
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(SUFFIX);
    path.into()
}

/// Returns the error of a row that is in no range, or of a partition that is not listed.
fn unplaced(user_key: &[u8]) -> Error {
    let partition = sqs::partition(user_key).and_then(|(queue, partition)| Some((queue.name()?, partition)));
    Error::Routes(match partition {
        Some((queue, partition)) => {
            format!("no group has partition {partition} of the queue {queue}: `partitions` has to list it")
        }
        None => format!("no group has the row {}", excerpt::key(user_key)),
    })
}

/// Gives the error of a write its path.
fn at(path: &Path, error: std::io::Error) -> Error {
    tree::Error { path: path.to_owned(), kind: error.into() }.into()
}
