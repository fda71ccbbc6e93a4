//! `merge`: the dumps of all shares of one run to the dump that one run without shares would have made
//! (`docs/tree/commands.md`).
//!
//! In: directories of dumps. Out: one tree, whose files are those of the shares by another name where the file system can
//! do that, else copies; files with the lines of many objects are put together. The shares stay as they are.

mod lines;
mod parts;
mod shares;

use std::path::PathBuf;

use self::lines::Joining;
use self::shares::Shares;
use crate::error::{Error, Result};
use crate::event::Warning;
use crate::progress::{Amount, Phase};
use crate::run::{discard, notice};
use crate::tree::{self, ErrorKind, Finished, Holder, Sources, Tree, TreeOptions};

/// Bytes that are copied at once.
const BUFFER: usize = 256 << 10;

/// What is asked of a run.
#[derive(Clone, Debug)]
pub struct MergeRequest {
    /// Directories of the shares, in any order.
    pub shares: Vec<PathBuf>,
    /// The directory or archive to create.
    pub target: PathBuf,
    /// How the tree is made.
    pub tree: TreeOptions,
}

/// What a run has made.
#[derive(Clone, Copy, Debug)]
pub struct Merged {
    /// Files of the tree, CHECKSUMS aside.
    pub files: u64,
    /// Files that were copied.
    pub copied: u64,
    /// Lines of `PROBLEMS.jsonl`.
    pub problems: u64,
}

/// Makes one dump of those of all shares. `warn` is called with what there is to say of the target.
///
/// # Errors
///
/// [`Error::Incomparable`] where the dumps are not all shares of one run, whatever is wrong with one of them, or with the
/// target. No tree is left, and the shares are as they were.
pub fn merge(request: &MergeRequest, mut warn: impl FnMut(&Warning)) -> Result<Merged> {
    let options = TreeOptions { inputs: request.shares.clone(), ..request.tree.clone() };
    let mut tree = Tree::create(&request.target, &options)?;
    if !matches!(tree, Tree::Disk(_)) {
        let what = "shares are merged into a directory, of which tar makes an archive".to_owned();
        return Err(discard(tree, Error::Incomparable(what), &mut warn));
    }
    match write(request, &mut tree) {
        Ok((finished, copied, problems)) => {
            finished.notices.iter().for_each(|notice| warn(&notice::warning(notice)));
            Ok(Merged { files: finished.size.files, copied, problems })
        }
        Err(error) => Err(discard(tree, error, &mut warn)),
    }
}

fn write(request: &MergeRequest, tree: &mut Tree) -> Result<(Finished, u64, u64)> {
    let options = &request.tree;
    options.progress.enter(Phase::Writing, 0);
    let mut shares = Shares::open(&request.shares, tree.scratch(), options)?;
    let mut manifest = shares.manifest()?;
    let (files, mut directories) = shares.survey()?;
    options.progress.expect(Amount { files: files.iter().sum(), bytes: 0 });
    let mut directories = directories.sort()?;
    let mut last = Vec::new();
    while let Some((path, _)) = directories.next()? {
        if path != last {
            tree.directory(path)?;
            last = path.to_vec();
        }
    }
    let mut merging = Merging {
        joining: Joining::new(tree.scratch(), manifest.last_commit_ts, shares.scope_names()?),
        sources: Sources::new(shares.paths().cloned()),
        shares: &mut shares,
        tree,
        copied: 0,
    };
    let mut rows = merging.shares.rows()?;
    let mut holders = Vec::new();
    while let Some(path) = rows.next(&mut holders)? {
        merging.file(&path, &holders)?;
    }
    for (number, files) in files.iter().enumerate() {
        // CHECKSUMS does not list itself.
        if rows.count(number) != files.saturating_sub(1) {
            let what =
                format!("lists {} files, and {} are there", rows.count(number), files.saturating_sub(1));
            return Err(merging.shares.unsound(number, b"CHECKSUMS", &what));
        }
    }
    let Merging { joining, copied, tree, .. } = merging;
    let size = manifest.run.options.get("dynamodb_bundle_size").and_then(serde_json::Value::as_u64);
    let problems = joining.finish(tree, size.unwrap_or(u64::MAX))?;
    manifest.problems = problems;
    options.progress.enter(Phase::Flushing, 0);
    Ok((tree.finish(&manifest)?, copied, problems))
}

/// A merge on its way.
struct Merging<'m> {
    shares: &'m mut Shares,
    sources: Sources,
    joining: Joining,
    tree: &'m mut Tree,
    copied: u64,
}

impl Merging<'_> {
    /// Takes a file that some shares have.
    fn file(&mut self, path: &[u8], holders: &[Holder]) -> Result<()> {
        if path == b"MANIFEST.json" {
            return Ok(());
        }
        if self.joining.takes(path, holders)? {
            for (share, digest) in holders {
                let dump = self.shares.dump(*share)?;
                self.joining.read(dump, (*share, path, digest))?;
            }
            return self.joining.end_file(self.tree, path);
        }
        match holders {
            [holder] => self.take(path, *holder),
            [first, second, ..] => {
                let others = self.shares.name(first.0);
                let what = format!("{others} has this file too, which is one object's");
                Err(self.shares.unsound(second.0, path, &what))
            }
            [] => Ok(()),
        }
    }

    /// Makes a file of a share one of the tree.
    fn take(&mut self, path: &[u8], (share, digest): Holder) -> Result<()> {
        if let Tree::Disk(disk) = &mut *self.tree
            && disk.adopt(&mut self.sources, (share, &digest), path)?
        {
            return Ok(());
        }
        let dump = self.shares.dump(share)?;
        let mut from = dump.file(path, &digest)?;
        let mut to = self.tree.body(path)?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let read =
                std::io::Read::read(&mut from, &mut buffer).map_err(|error| dump.failed(path, error))?;
            match buffer.get(..read) {
                Some(bytes) if read > 0 => to.write(bytes)?,
                _ => break,
            }
        }
        self.copied += 1;
        Ok(to.finish(self.tree)?)
    }
}

/// Returns the error of something that is damaged.
fn unsound(path: PathBuf, what: String) -> Error {
    tree::Error { path, kind: ErrorKind::Unsound(what) }.into()
}
