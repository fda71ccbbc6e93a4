//! One side of a comparison: files with their digests, in the order of their paths, and contents of those that are
//! wanted.
//!
//! A snapshot is read twice: once for the digests of what its dump would hold, once for the contents of the files that
//! are wanted. Of a dump CHECKSUMS is read, and the wanted files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use super::Said;
use super::touched::{Filter, Restricted};
use crate::bug::{Bug, Place};
use crate::error::{Error, Result};
use crate::event::Warning;
use crate::inputs::Opened;
use crate::keyspace::Namespace;
use crate::name;
use crate::run::{Source, objects};
use crate::service::Options;
use crate::sink::Digest;
use crate::snapshot::Snapshot;
use crate::sort::{OwnedSorted, Scratch, Sorter};
use crate::tree::manifest::Manifest;
use crate::tree::{Dump, ErrorKind, Extent, Keep, Wanted};

use super::options::Asked;

/// What a side is made of.
#[derive(Debug)]
pub(super) enum Input {
    /// Snapshots of one cluster.
    Snapshot(Box<Opened>),
    /// A dump, its manifest, and what was asked for when it was made.
    Tree(Box<(Dump, Manifest, Asked)>),
}

/// One side.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) input: Input,
    /// Path of the input, for messages.
    pub(super) name: String,
    /// How the objects of a snapshot become files.
    pub(super) options: Options,
    scratch: Scratch,
    problems: u64,
    /// Contents of all that was not left out at the first reading.
    kept: Option<Arc<Keep>>,
}

/// A file of a side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct File {
    /// SHA-256.
    pub(super) digest: [u8; 32],
    /// Where its contents are, if they were kept at the first reading.
    pub(super) kept: Option<Extent>,
}

/// Contents of the wanted files of a side, in the order of their paths.
pub(super) enum Contents<'s> {
    /// All kept on the disk at the first reading.
    All(Arc<Keep>),
    /// Kept on the disk at the second one.
    Kept(Box<Kept>),
    /// In the dump.
    Tree(&'s mut Dump),
}

/// Contents that a second reading has kept.
pub(super) struct Kept {
    keep: Arc<Keep>,
    rows: OwnedSorted,
    /// The row at hand.
    row: Option<(Vec<u8>, File)>,
    /// The KEYMAPs, which are asked for before everything else.
    keymaps: BTreeMap<Vec<u8>, Extent>,
}

const ROW: Bug = Bug::new("a file that is compared has other contents at the second reading");

const UNREAD: Bug = Bug::new("a KEYMAP or schema of our own does not read back");

fn bytes_path(path: &[u8]) -> PathBuf {
    String::from_utf8_lossy(path).into_owned().into()
}

impl Side {
    /// Opens the input of a side.
    pub(super) fn open(source: &Source, scratch: &Scratch, say: &mut impl FnMut(Said<'_>)) -> Result<Self> {
        let named =
            source.inputs.iter().map(|input| input.display().to_string()).collect::<Vec<_>>().join(" ");
        let input = match source.dump(scratch)? {
            Some(mut dump) => {
                if source.at.is_some() {
                    return Err(Error::Incomparable(format!(
                        "{named}: a dump has one time, that of its MANIFEST.json"
                    )));
                }
                let (manifest, text) = dump.manifest()?;
                let asked =
                    Asked::read(&text).map_err(|error| Error::Incomparable(format!("{named}: {error}")))?;
                Input::Tree(Box::new((dump, manifest, asked)))
            }
            None => Input::Snapshot(Box::new(source.open(scratch, &mut |notice| say(Said::Notice(notice)))?)),
        };
        Ok(Self {
            input,
            name: named,
            options: Options::default(),
            scratch: scratch.clone(),
            problems: 0,
            kept: None,
        })
    }

    /// Returns the snapshot, if it is one.
    pub(super) fn snapshot(&self) -> Option<&Snapshot> {
        match &self.input {
            Input::Snapshot(opened) => Some(&opened.snapshot),
            Input::Tree(_) => None,
        }
    }

    /// Returns path and digest of each file, sorted bytewise by path, and the warnings; of two snapshots those of the
    /// files that can differ.
    pub(super) fn rows(&mut self, filter: Option<Filter<'_>>) -> Result<(OwnedSorted, Vec<Warning>)> {
        let opened = match &mut self.input {
            Input::Tree(tree) => {
                self.problems = tree.1.problems;
                return Ok((tree.0.rows()?, Vec::new()));
            }
            Input::Snapshot(opened) => opened,
        };
        // Patterns have to hear of names that do not differ, too.
        if let Some(filter) = filter.filter(|filter| filter.selection.is_everything()) {
            let focus = filter.touched.focus(&opened.snapshot);
            opened.snapshot.set_focus(focus);
        }
        let snapshot = &opened.snapshot;
        let layout = self.options.layout(snapshot);
        let mut sink = match filter.filter(|filter| filter.touched.is_small()) {
            Some(_) => {
                let keep = Keep::new(Arc::new(Wanted::everything()), &self.scratch)?;
                self.kept = Some(Arc::clone(&keep));
                Digest::keeping(&self.scratch, layout, keep)
            }
            None => Digest::new(&self.scratch, layout),
        };
        let mut warnings = Vec::new();
        let warn = |warning: &Warning| warnings.push(warning.clone());
        self.problems = pass(snapshot, &self.options, &self.scratch, filter, &mut sink, warn)?;
        Ok((sink.into_rows()?, warnings))
    }

    /// Returns the contents of what is wanted, which is of these services alone.
    pub(super) fn contents(
        &mut self,
        wanted: &Arc<Wanted>,
        services: &BTreeSet<Namespace>,
        filter: Option<Filter<'_>>,
    ) -> Result<Contents<'_>> {
        if let Some(keep) = &self.kept {
            return Ok(Contents::All(Arc::clone(keep)));
        }
        let opened = match &mut self.input {
            Input::Tree(tree) => return Ok(Contents::Tree(&mut tree.0)),
            Input::Snapshot(opened) => opened,
        };
        let keep = Keep::new(Arc::clone(wanted), &self.scratch)?;
        let layout = self.options.layout(&opened.snapshot);
        let mut sink = Digest::keeping(&self.scratch, layout, Arc::clone(&keep));
        if !services.is_empty() {
            let mut options = self.options.clone();
            let all = name::SERVICES.into_iter();
            options.excluded.extend(all.filter(|service| !services.contains(service)));
            // What it warns of was said at the first reading.
            pass(&opened.snapshot, &options, &self.scratch, filter, &mut sink, |_| ())?;
        }
        let mut kept = sink.into_rows()?;
        let mut rows = Sorter::new(&self.scratch, super::MEMORY);
        let mut keymaps = BTreeMap::new();
        while let Some((path, value)) = kept.next()? {
            rows.push(path, value)?;
            if name::file::is_keymap(path) {
                keymaps.insert(path.to_vec(), file(value).and_then(|file| file.kept).ok_or(ROW)?);
            }
        }
        Ok(Contents::Kept(Box::new(Kept { keep, rows: rows.into_sorted()?, row: None, keymaps })))
    }

    /// Returns the number of objects that are missing or altered, once the rows are read.
    pub(super) fn problems(&self) -> u64 {
        self.problems
    }

    /// Fails when an input is no longer what it was.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        match &self.input {
            Input::Snapshot(opened) => Ok(opened.snapshot.check_unchanged()?),
            Input::Tree(_) => Ok(()),
        }
    }
}

/// Passes the objects of a snapshot that can differ to `sink`; returns the number of problems.
fn pass(
    snapshot: &Snapshot,
    options: &Options,
    scratch: &Scratch,
    filter: Option<Filter<'_>>,
    sink: &mut Digest,
    warn: impl FnMut(&Warning),
) -> Result<u64> {
    let Some(filter) = filter else { return objects(snapshot, options, scratch, sink, warn) };
    let mut options = options.clone();
    if filter.selection.is_everything() {
        options.excluded.extend(filter.touched.untouched());
    }
    objects(snapshot, &options, scratch, &mut Restricted::new(filter, sink), warn)
}

/// Reads the value of a row; `None` where it is none.
pub(super) fn file(mut value: &[u8]) -> Option<File> {
    let digest = crate::cursor::take_array(&mut value)?;
    let kept = if value.is_empty() { None } else { Some(Extent::take(&mut value)?) };
    Some(File { digest, kept })
}

impl Contents<'_> {
    /// Opens a KEYMAP; `None` where there is none.
    pub(super) fn keymap(&mut self, path: &[u8], file: Option<&File>) -> Result<Option<Box<dyn Read>>> {
        let Some(file) = file else { return Ok(None) };
        Ok(Some(match self {
            Self::All(keep) => Box::new(keep.read(file.kept.ok_or(ROW)?)),
            Self::Kept(kept) => Box::new(kept.keep.read(*kept.keymaps.get(path).ok_or(ROW)?)),
            Self::Tree(reader) => Box::new(reader.file(path, &file.digest)?),
        }))
    }

    /// Opens a file that has this digest. Paths ascend; the last one can be opened again.
    pub(super) fn open(&mut self, path: &[u8], wanted: &File) -> Result<Box<dyn Read>> {
        match self {
            Self::All(keep) => Ok(Box::new(keep.read(wanted.kept.ok_or(ROW)?))),
            Self::Tree(reader) => Ok(Box::new(reader.file(path, &wanted.digest)?)),
            Self::Kept(kept) => {
                while kept.row.as_ref().is_none_or(|(name, _)| name.as_slice() < path) {
                    let (name, value) = kept.rows.next()?.ok_or(ROW)?;
                    kept.row = Some((name.to_vec(), file(value).ok_or(ROW)?));
                }
                match &kept.row {
                    Some((name, File { digest, kept: Some(extent) }))
                        if name == path && *digest == wanted.digest =>
                    {
                        Ok(Box::new(kept.keep.read(*extent)))
                    }
                    _ => Err(ROW.into()),
                }
            }
        }
    }

    /// Returns the error of a KEYMAP or schema of this side that does not parse.
    pub(super) fn unsound(&self, path: &[u8], error: &impl std::fmt::Display) -> Error {
        match self {
            Self::Tree(reader) => {
                let kind = ErrorKind::Unsound(error.to_string());
                crate::tree::Error { kind, ..reader.failed(path, std::io::ErrorKind::InvalidData.into()) }
                    .into()
            }
            Self::All(_) | Self::Kept(_) => UNREAD.at(Place::Path(bytes_path(path))).into(),
        }
    }

    /// Returns the error of a file of this side that could not be read to its end.
    pub(super) fn failed(&self, path: &[u8], error: std::io::Error) -> Error {
        match self {
            Self::Tree(reader) => reader.failed(path, error).into(),
            Self::All(_) | Self::Kept(_) => {
                crate::tree::Error { path: bytes_path(path), kind: error.into() }.into()
            }
        }
    }
}
