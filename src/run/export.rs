//! `export`: the objects of snapshots in a form that other tools load.
//!
//! In: snapshots, a format. Out: a directory or a stream; what the target cannot hold, as warnings.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Source, concern, notice, objects, problems, scope};
use crate::error::{Error, Result};
use crate::event::{Event, Warning};
use crate::export::{Format, Settings, Target};
use crate::inputs::Notice;
use crate::keyspace::Namespace;
use crate::name::{SERVICES, Selection};
use crate::problem::ListedProblem;
use crate::progress::Phase;
use crate::report::Report;
use crate::service::{Options, Scope};
use crate::snapshot::Snapshot;
use crate::sort::Scratch;
use crate::time::Hlc;
use crate::tree::json::{self, Html};
use crate::tree::{self, Dump, EXPORT, ErrorKind, Size, Tree, TreeOptions};

/// What is asked for.
#[derive(Debug)]
pub struct ExportRequest {
    /// The snapshots, or one dump.
    pub source: Source,
    /// The directory to create; `None` is a stream.
    pub target: Option<PathBuf>,
    /// What is made.
    pub format: Format,
    /// How it is made.
    pub settings: Settings,
    /// An export that is there is replaced.
    pub force: bool,
    /// Threads that work at a time, this one among them.
    pub jobs: usize,
    /// Any problem is fatal.
    pub strict: bool,
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
    pub read_ts: Hlc,
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

/// Exports snapshots, or a dump, into the target, or to `out`. `warn` is called with each warning that is kept, `tell` with
/// each choice that was made in a directory.
///
/// # Errors
///
/// Whatever is wrong with the inputs or the target. Then the target is what it was; what has gone to `out` is not whole.
pub fn export(
    request: &ExportRequest,
    out: &mut dyn Write,
    mut warn: impl FnMut(&Warning),
    mut tell: impl FnMut(Notice<'_>),
) -> Result<Exported> {
    let source = &request.source;
    let (target, scratch) = match &request.target {
        Some(path) => {
            let tree = TreeOptions {
                force: request.force,
                is_export: true,
                inputs: source.inputs.iter().chain(&source.txn_from).cloned().collect(),
                interrupt: source.interrupt.clone(),
                progress: source.progress.clone(),
                jobs: request.jobs,
                ..TreeOptions::default()
            };
            let tree = Tree::disk(path, &tree)?;
            let scratch = tree.scratch().clone();
            (Target::Tree(tree), scratch)
        }
        None => (Target::Stream(out), source.scratch(std::env::temp_dir())),
    };
    let done = of_input(request, target, &scratch, &mut warn, &mut tell);
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

/// Exports whatever the inputs are.
fn of_input(
    request: &ExportRequest,
    mut target: Target<'_>,
    scratch: &Scratch,
    warn: &mut dyn FnMut(&Warning),
    tell: &mut dyn FnMut(Notice<'_>),
) -> Result<Exported> {
    let source = &request.source;
    if let Some(mut dump) = source.dump(scratch)? {
        if source.at.is_some() {
            return Err(Error::Name("a dump is of one time, and --at of snapshots".to_owned()));
        }
        source.progress.enter(Phase::Writing, 0);
        return of_dump(request, &mut dump, target, scratch, warn);
    }
    let (found, records) = source.find(tell)?;
    if let Target::Tree(tree) = &mut target {
        tree.keep(records.paths().iter().chain(found.candidates().iter().map(|file| &file.path)).cloned());
    }
    let opened = source.open_found(found, &records, scratch, tell)?;
    let snapshot = &opened.snapshot;
    if let Target::Tree(tree) = &mut target {
        tree.keep(snapshot.inputs().iter().map(|info| info.path.clone()));
    }
    source.progress.enter(Phase::Writing, 0);
    let written = of_snapshot(request, snapshot, target, scratch, warn);
    written.map_err(|error| objects::reason(snapshot, error))
}

fn of_snapshot(
    request: &ExportRequest,
    snapshot: &Snapshot,
    target: Target<'_>,
    scratch: &Scratch,
    warn: &mut dyn FnMut(&Warning),
) -> Result<Exported> {
    let unchecked = snapshot.inputs().iter().find(|info| info.checked_by.is_none());
    if let Some(info) = unchecked.filter(|_| request.strict) {
        return Err(Error::Unchecked { path: info.path.clone() });
    }
    let report = Report::new(scratch, warn).locating(|place| snapshot.locate(place));
    // Of what another share exports that one tells.
    let mut report = concern::narrow(report, request.share());
    report.name_inputs(snapshot.inputs().iter().map(|info| info.path.as_path()));
    report.adopt(snapshot.warnings());
    if let Some(missing) = snapshot.missing_groups() {
        report.warn(missing.warning());
        if request.strict {
            return Err(Error::MissingGroups(missing));
        }
    }
    let told = tell_notices(&target, &mut report);
    let options = request.options();
    if request.format == Format::Resp {
        // To write commands costs about as much as to scan the rows: the second thread has that.
        snapshot.set_busy(2);
    }
    let mut sink = request.format.sink(request.settings, target)?;
    let scopes = objects::pass(snapshot, &options, scratch, &mut report, &mut *sink)?;
    scope::check(snapshot, &options.scopes, &scopes)?;
    let of = (snapshot.read_ts(), snapshot.undecided_count());
    end(request, (sink.finish()?, told), &scopes, report, of, || Ok(snapshot.check_unchanged()?))
}

fn of_dump(
    request: &ExportRequest,
    dump: &mut Dump,
    target: Target<'_>,
    scratch: &Scratch,
    warn: &mut dyn FnMut(&Warning),
) -> Result<Exported> {
    let (manifest, _) = dump.manifest()?;
    let mut report = concern::narrow(Report::new(scratch, warn), request.share());
    let told = tell_notices(&target, &mut report);
    if manifest.problems > 0 {
        report.warn(Warning::new(Event::EXPORT_DUMP_INCOMPLETE).with("problems", manifest.problems));
        if request.strict {
            return Err(Error::Strict { problems: manifest.problems, undecided: 0, listed: Vec::new() });
        }
    }
    let mut sink = request.format.sink(request.settings, target)?;
    let scopes = objects::pass_dump(dump, &request.options(), scratch, &mut report, &mut *sink)?;
    end(request, (sink.finish()?, told), &scopes, report, (manifest.last_commit_ts, 0), || Ok(()))
}

/// Says what there is to say of the target; returns how much that is.
fn tell_notices(target: &Target<'_>, report: &mut Report<'_>) -> usize {
    let Target::Tree(tree) = target else { return 0 };
    tree.notices().iter().for_each(|notice| report.warn(notice::warning(notice)));
    tree.notices().len()
}

/// Publishes what was written; so many notices of the target were said already. `check` is asked at the end whether the input is still what was read.
fn end(
    request: &ExportRequest,
    (mut target, told): (Target<'_>, usize),
    scopes: &BTreeMap<Namespace, Scope>,
    mut report: Report<'_>,
    (read_ts, undecided): (Hlc, u64),
    check: impl FnOnce() -> Result<()>,
) -> Result<Exported> {
    if let Some(selection) = &request.options.selection {
        selection.check()?;
    }
    let problems = report.problem_count();
    if request.strict && problems + undecided > 0 {
        let listed = problems::write(None, &mut report)?;
        return Err(Error::Strict { problems, undecided, listed });
    }
    let mut tree = match &mut target {
        Target::Tree(tree) => Some(tree),
        Target::Stream(_) => None,
    };
    let problems_list = problems::write(tree.as_deref_mut(), &mut report)?;
    check()?;
    let mut size = Size::default();
    if let Some(tree) = tree {
        let mut text = Vec::new();
        let mark = Mark { format_version: 1, to: request.format.name(), last_commit_ts: read_ts };
        json::indented(&mut text, &mark, Html::Raw);
        text.push(b'\n');
        tree.write(EXPORT.as_bytes(), &text)?;
        request.source.progress.enter(Phase::Flushing, 0);
        let finished = tree.publish()?;
        finished.notices.iter().skip(told).for_each(|notice| report.warn(notice::warning(notice)));
        size = finished.size;
    }
    Ok(Exported {
        to: request.format.name(),
        output: request.target.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string()),
        read_ts,
        objects: objects_of(scopes),
        problems,
        problems_list,
        warnings: report.warnings().to_vec(),
        warning_counts: report.counts().clone(),
        files: size.files,
        bytes: size.bytes,
    })
}

/// What `EXPORT.json` says.
#[derive(Serialize)]
struct Mark {
    format_version: u32,
    to: &'static str,
    last_commit_ts: Hlc,
}

impl ExportRequest {
    /// Returns the selection of one share.
    fn share(&self) -> Option<&Selection> {
        self.options.selection.as_deref().filter(|selection| selection.shard().is_some())
    }

    /// Returns what is asked of services or of the reader.
    fn options(&self) -> Options {
        // What a dump zeroes unless it is told otherwise, exports have or name themselves.
        let mut options = Options { preserve_sqs_visibility: true, ..self.options.clone() };
        options.excluded.extend(SERVICES.into_iter().filter(|&service| !self.format.takes(service)));
        options
    }
}

/// Counts by service and by the user's own names, as text.
fn objects_of(scopes: &BTreeMap<Namespace, Scope>) -> BTreeMap<&'static str, BTreeMap<String, u64>> {
    let text = |scope: &Scope| {
        scope.iter().map(|(name, &count)| (String::from_utf8_lossy(name).into_owned(), count)).collect()
    };
    let scopes = scopes.iter().filter(|(_, scope)| !scope.is_empty());
    scopes.map(|(service, scope)| (service.name(), text(scope))).collect()
}
