//! One run of `decode`: sources to a finished tree (`tree/README.md#what-a-dump-must-be`, `tree/extra.md#what-the-reference-layout-has-no-place-for`, `tree/outcome.md#outcome`).
//!
//! In: a [`Request`]. Out: a [`Summary`] and a complete tree, or an error and no tree.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::event::Warning;
use crate::inputs::{Notice, Opened};
use crate::progress::Phase;
use crate::report::Report;
use crate::service::{self, Scope};
use crate::sink::TreeSink;
use crate::tree::{Tree, TreeOptions};

mod asked;
mod concern;
mod deleted;
pub mod diff;
pub mod du;
mod encode;
mod estimate;
mod export;
mod get;
mod list;
mod log;
mod manifest;
pub mod merge;
mod notice;
mod objects;
mod overview;
mod owner;
mod problems;
mod profile;
mod restorable;
mod scope;
mod source;
mod summary;

pub use encode::{EncodeRequest, EncodeSummary, EncodedGroup, SelfTest, encode};
pub use export::{ExportRequest, Exported, export};
pub use get::{GetRequest, Got, Hidden, Wanted, Why, get, pick};
pub use list::{list, list_dump};
pub use log::{Change, ChangeKind, Difference, LogRequest, history, log};
pub use objects::{Walked, dump_objects, objects};
pub use overview::{Count, Holding, overview};
pub use profile::{Histogram, LargeObject, Profile, profile};
pub use restorable::{Restorable, restorable};
pub use source::Source;
pub use summary::{Counters, InputSummary, PassedOverSummary, Summary};

/// What is asked of a run.
#[derive(Clone, Debug)]
pub struct Request {
    /// The snapshots.
    pub source: Source,
    /// The directory to create.
    pub target: PathBuf,
    /// Only what would be written is found out; the target is not looked at.
    pub dry_run: bool,
    /// How the tree is made.
    pub tree: TreeOptions,
    /// What is asked of the adapters.
    pub adapters: service::Options,
    /// Any problem is fatal.
    pub strict: bool,
    /// `cluster_id` of the manifest; omitted when empty.
    pub cluster_id: String,
    /// `wall_time_iso` of the manifest.
    pub wall_time: time::OffsetDateTime,
}

/// Decodes snapshots into a tree. `sink` is called with each warning that is kept, as it comes up, `tell` with each
/// choice that was made in a directory.
///
/// An error leaves no tree: the target does not exist, or is as it was.
///
/// ```
/// use ekv_backup::run::{Request, Source, decode};
/// use ekv_backup::service::Options;
/// use ekv_backup::tree::TreeOptions;
///
/// let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/live/shop/000000000000016e.fsm");
/// let directory = tempfile::tempdir()?;
/// let request = Request {
///     source: Source::new(vec![path.into()]),
///     target: directory.path().join("dump"),
///     dry_run: false,
///     tree: TreeOptions::default(),
///     adapters: Options::default(),
///     strict: true,
///     cluster_id: String::new(),
///     wall_time: time::OffsetDateTime::UNIX_EPOCH,
/// };
/// let summary = decode(&request, |warning| eprintln!("{warning:?}"), |_| ())?;
/// assert_eq!(summary.problems, 0);
/// assert!(request.target.join("redis/db_0/hashes/cart%3Auser-1.json").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(
    request: &Request,
    mut sink: impl FnMut(&Warning),
    mut tell: impl FnMut(Notice<'_>),
) -> Result<Summary> {
    let source = &request.source;
    let (found, records) = source.find(&mut tell)?;
    // What was named, and what that led to: a dump that holds any of them is not replaced.
    let named = source.inputs.iter().chain(&source.txn_from).chain(records.paths());
    let inputs = named.chain(found.candidates().iter().map(|candidate| &candidate.path)).cloned().collect();
    let (interrupt, progress) = (source.interrupt.clone(), source.progress.clone());
    let options = TreeOptions { inputs, interrupt, progress, ..request.tree.clone() };
    let mut tree = if request.dry_run {
        Tree::digests(&source.scratch(options.scratch))
    } else {
        Tree::create(&request.target, &options)?
    };
    // What can be read only once is spooled beside the target, where there is room for a dump.
    let opened = match source.open_found(found, &records, tree.scratch(), &mut tell) {
        Ok(opened) => opened,
        Err(error) => return Err(discard(tree, error, &mut sink)),
    };
    let snapshot = &opened.snapshot;
    // The payload that a manifest tells of.
    tree.keep(snapshot.inputs().iter().map(|info| info.path.clone()));
    let mut files = TreeSink::new(tree, request.adapters.layout(snapshot));
    let written = write(request, &opened, &mut files, &mut sink);
    written.map_err(|error| discard(files.into_tree(), objects::reason(snapshot, error), &mut sink))
}

/// Removes a tree that has failed.
fn discard(tree: Tree, error: Error, sink: &mut dyn FnMut(&Warning)) -> Error {
    if let Err(left) = tree.discard() {
        sink(&notice::cleanup_failed(&left));
    }
    error
}

/// Writes the tree of a store and finishes it.
fn write(
    request: &Request,
    opened: &Opened,
    files: &mut TreeSink,
    sink: impl FnMut(&Warning),
) -> Result<Summary> {
    let snapshot = &opened.snapshot;
    let unchecked = snapshot.inputs().iter().find(|info| info.checked_by.is_none());
    if let Some(info) = unchecked.filter(|_| request.strict) {
        return Err(Error::Unchecked { path: info.path.clone() });
    }
    let tree = files.tree();
    let scratch = tree.scratch().clone();
    let report = Report::new(&scratch, sink).locating(|place| snapshot.locate(place));
    let mut report = concern::narrow(report, request.adapters.selection.as_deref());
    report.name_inputs(snapshot.inputs().iter().map(|info| info.path.as_path()));
    tree.notices().iter().for_each(|notice| report.warn(notice::warning(notice)));
    let told = tree.notices().len();
    report.adopt(snapshot.warnings());
    if let Some(missing) = snapshot.missing_groups() {
        report.warn(missing.warning());
        if request.strict {
            return Err(Error::MissingGroups(missing));
        }
    }
    request.source.progress.enter(Phase::Writing, 0);
    if let Some(size) = estimate::size(snapshot, &request.adapters) {
        tree.expect(size);
    }
    let scopes = objects::pass(snapshot, &request.adapters, &scratch, &mut report, files)?;
    scope::check(snapshot, &request.adapters.scopes, &scopes)?;
    if let Some(selection) = &request.adapters.selection {
        selection.check()?;
    }
    files.finish_names()?;
    let tree = files.tree();
    let problems = report.problem_count();
    if request.strict && problems + snapshot.undecided_count() > 0 {
        let listed = problems::write(None, &mut report)?;
        return Err(Error::Strict { problems, undecided: snapshot.undecided_count(), listed });
    }
    let listed = problems::write(Some(tree), &mut report)?;
    let manifest = manifest::of(request, snapshot, &scopes, problems);
    // The last row was read: what was read is published only where it still stands in the files.
    snapshot.check_unchanged()?;
    request.source.progress.enter(Phase::Flushing, 0);
    let finished = tree.finish(&manifest)?;
    finished.notices.iter().skip(told).for_each(|notice| report.warn(notice::warning(notice)));
    Ok(Summary { problems_list: listed, ..Summary::new(request, opened, &scopes, &report, &finished) })
}

/// Returns the names of a scope as text: the user's own, sorted bytewise.
fn names(scope: &Scope) -> Vec<String> {
    scope.keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}
