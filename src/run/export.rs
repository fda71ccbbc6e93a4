//! `export`: the objects of snapshots in a form that other tools load.
//!
//! In: snapshots, a format. Out: a directory or a stream; what the target cannot hold, as warnings.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Source, concern, notice, objects, problems, scope};
use crate::error::Result;
use crate::event::Warning;
use crate::export::{Format, Settings, Target};
use crate::inputs::Notice;
use crate::keyspace::Namespace;
use crate::name::SERVICES;
use crate::problem::ListedProblem;
use crate::progress::Phase;
use crate::report::Report;
use crate::service::{Options, Scope};
use crate::snapshot::Snapshot;
use crate::sort::Scratch;
use crate::tree::{self, ErrorKind, Tree, TreeOptions};

/// What is asked for.
#[derive(Debug)]
pub struct ExportRequest {
    /// The snapshots.
    pub source: Source,
    /// The directory to create; `None` is a stream.
    pub target: Option<PathBuf>,
    /// What is made.
    pub format: Format,
    /// How it is made.
    pub settings: Settings,
    /// What is asked of the services.
    pub options: Options,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// Name of the format.
    pub to: &'static str,
    /// The directory; `-` is a stream.
    pub output: String,
    /// The read timestamp, an HLC.
    pub read_ts: u64,
    /// Number of objects that the services passed on, by service and scope: those named in warnings, too.
    pub objects: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// Number of objects that are missing or altered.
    pub problems: u64,
    /// The first of them.
    pub problems_list: Vec<ListedProblem>,
    /// The warnings that were kept.
    pub warnings: Vec<Warning>,
    /// How often each warning came up.
    pub warning_counts: BTreeMap<&'static str, u64>,
    /// Files in the directory, CHECKSUMS aside.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
}

/// Exports snapshots into the target, or to `out`. `warn` is called with each warning that is kept, `tell` with each
/// choice that was made in a directory.
///
/// # Errors
///
/// Whatever is wrong with the snapshots or the target. Then there is no target.
pub fn export(
    request: &ExportRequest,
    out: &mut dyn Write,
    mut warn: impl FnMut(&Warning),
    mut tell: impl FnMut(Notice<'_>),
) -> Result<Exported> {
    let source = &request.source;
    let (found, records) = source.find(&mut tell)?;
    let (target, scratch) = match &request.target {
        Some(path) => {
            let tree = TreeOptions {
                interrupt: source.interrupt.clone(),
                progress: source.progress.clone(),
                ..TreeOptions::default()
            };
            let tree = Tree::disk(path, &tree)?;
            let scratch = tree.scratch().clone();
            (Target::Tree(tree), scratch)
        }
        None => (Target::Stream(out), source.scratch(std::env::temp_dir())),
    };
    let done = match source.open_found(found, &records, &scratch, &mut tell) {
        Ok(opened) => {
            let snapshot = &opened.snapshot;
            source.progress.enter(Phase::Writing, 0);
            write(request, snapshot, target, &scratch, &mut warn)
                .map_err(|error| objects::reason(snapshot, error))
        }
        Err(error) => {
            drop(target);
            Err(error)
        }
    };
    if done.is_err() && request.target.is_some() {
        name_left(scratch.directory(), warn);
    }
    done
}

/// Names the staging directory of a tree that was given up, where it stays.
fn name_left(path: &Path, mut warn: impl FnMut(&Warning)) {
    let error = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => error,
        Ok(_) => io::Error::other("some of it could not be removed"),
    };
    warn(&notice::cleanup_failed(&tree::Error { path: path.to_owned(), kind: ErrorKind::NotRemoved(error) }));
}

fn write(
    request: &ExportRequest,
    snapshot: &Snapshot,
    target: Target<'_>,
    scratch: &Scratch,
    warn: impl FnMut(&Warning),
) -> Result<Exported> {
    let report = Report::new(scratch, warn).locating(|place| snapshot.locate(place));
    // Of what another share exports that one tells.
    let share = request.options.selection.as_deref().filter(|selection| selection.shard().is_some());
    let mut report = concern::narrow(report, share);
    report.name_inputs(snapshot.inputs().iter().map(|info| info.path.as_path()));
    report.adopt(snapshot.warnings());
    if let Some(missing) = snapshot.missing_groups() {
        report.warn(missing.warning());
    }
    let mut told = 0;
    if let Target::Tree(tree) = &target {
        tree.notices().iter().for_each(|notice| report.warn(notice::warning(notice)));
        told = tree.notices().len();
    }
    // What a dump zeroes unless it is told otherwise, exports have or name themselves.
    let mut options = Options { preserve_sqs_visibility: true, ..request.options.clone() };
    options.excluded.extend(SERVICES.into_iter().filter(|&service| !request.format.takes(service)));
    let mut sink = request.format.sink(request.settings, target)?;
    let scopes = objects::pass(snapshot, &options, scratch, &mut report, &mut *sink)?;
    scope::check(snapshot, &options.scopes, &scopes)?;
    if let Some(selection) = &options.selection {
        selection.check()?;
    }
    let mut target = sink.finish()?;
    let tree = match &mut target {
        Target::Tree(tree) => Some(tree),
        Target::Stream(_) => None,
    };
    let mut exported = Exported {
        to: request.format.name(),
        output: request.target.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string()),
        read_ts: snapshot.read_ts(),
        objects: objects_of(&scopes),
        problems: report.problem_count(),
        problems_list: Vec::new(),
        warnings: Vec::new(),
        warning_counts: BTreeMap::new(),
        files: 0,
        bytes: 0,
    };
    if let Some(tree) = tree {
        exported.problems_list = problems::write(Some(tree), &mut report)?;
        snapshot.check_unchanged()?;
        request.source.progress.enter(Phase::Flushing, 0);
        let finished = tree.publish()?;
        finished.notices.iter().skip(told).for_each(|notice| report.warn(notice::warning(notice)));
        (exported.files, exported.bytes) = (finished.size.files, finished.size.bytes);
    } else {
        exported.problems_list = problems::write(None, &mut report)?;
        snapshot.check_unchanged()?;
    }
    (exported.warnings, exported.warning_counts) = (report.warnings().to_vec(), report.counts().clone());
    Ok(exported)
}

/// Counts by service and by the user's own names, as text.
fn objects_of(scopes: &BTreeMap<Namespace, Scope>) -> BTreeMap<&'static str, BTreeMap<String, u64>> {
    let text = |scope: &Scope| {
        scope.iter().map(|(name, &count)| (String::from_utf8_lossy(name).into_owned(), count)).collect()
    };
    let scopes = scopes.iter().filter(|(_, scope)| !scope.is_empty());
    scopes.map(|(service, scope)| (service.name(), text(scope))).collect()
}
