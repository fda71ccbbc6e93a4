//! Snapshots to objects: the part of a run that does not care where objects go.
//!
//! In: a snapshot. Out: calls of a [`Sink`].

use std::collections::BTreeMap;

use super::{concern, problems, scope};
use crate::bug::Place;
use crate::error::{Error, Result};
use crate::event::Warning;
use crate::keyspace::Namespace;
use crate::name::{self, Selection};
use crate::problem::ListedProblem;
use crate::reader;
use crate::report::Report;
use crate::service::{self, Context, Options, Scope};
use crate::sink::{Selected, Sink};
use crate::snapshot::Snapshot;
use crate::sort::Scratch;
use crate::tree;

/// A service's entry point.
type Dump = fn(&mut Context<'_, '_>) -> Result<Scope>;

/// The services in the order of the dump. The last two have no place in the manifest.
const ADAPTERS: [(Namespace, Dump); 6] = [
    (Namespace::Dynamodb, service::dynamodb::dump),
    (Namespace::S3, service::s3::dump),
    (Namespace::Redis, service::redis::dump),
    (Namespace::Sqs, service::sqs::dump),
    (Namespace::Fs, service::fs::dump),
    (Namespace::Kv, service::kv::dump),
];

/// Passes the objects of a store to `sink`, service by service; returns the names that each service found.
pub(super) fn pass(
    snapshot: &Snapshot,
    options: &Options,
    scratch: &Scratch,
    report: &mut Report<'_>,
    sink: &mut dyn Sink,
) -> Result<BTreeMap<Namespace, Scope>> {
    select(options, sink, |sink| services(snapshot, options, scratch, report, sink))
}

/// Passes the objects of a dump to `sink`, service by service; returns the names that each service found.
pub(super) fn pass_dump(
    dump: &mut tree::Dump,
    options: &Options,
    scratch: &Scratch,
    report: &mut Report<'_>,
    sink: &mut dyn Sink,
) -> Result<BTreeMap<Namespace, Scope>> {
    select(options, sink, |sink| reader::objects(dump, options, scratch, report, sink))
}

/// Passes what is selected of all objects to `sink`.
fn select(
    options: &Options,
    sink: &mut dyn Sink,
    all: impl FnOnce(&mut dyn Sink) -> Result<BTreeMap<Namespace, Scope>>,
) -> Result<BTreeMap<Namespace, Scope>> {
    if let Some(selection) = &options.selection {
        let mut selected = Selected::new(selection, sink);
        let mut scopes = all(&mut selected)?;
        for (&service, scope) in &mut scopes {
            scope.retain(|name, count| {
                *count = selected.count(service, name);
                let is_reached = match selection.shard() {
                    // Of the others, each has its own share of names.
                    Some(_) => selected.has_taken(service, name),
                    None => name::has_scope(service) && selection.reaches(&name::of_scope(service, name)),
                };
                *count > 0 || is_reached
            });
        }
        return Ok(scopes);
    }
    all(sink)
}

fn services(
    snapshot: &Snapshot,
    options: &Options,
    scratch: &Scratch,
    report: &mut Report<'_>,
    sink: &mut dyn Sink,
) -> Result<BTreeMap<Namespace, Scope>> {
    sink.begin(snapshot.last_commit_ts());
    let mut scopes = BTreeMap::new();
    for (owner, dump) in ADAPTERS {
        if !options.excluded.contains(&owner) {
            let scope = dump(&mut Context { snapshot, sink: &mut *sink, scratch, report, options });
            let scope = scope.map_err(|error| match error {
                Error::Internal(bug) => bug.or_at(Place::Service(owner.name())).into(),
                error => error,
            });
            scopes.insert(owner, scope?);
        }
    }
    Ok(scopes)
}

/// Returns why a run over `store` failed: whatever went wrong, a file that is written to meanwhile is the reason.
pub(super) fn reason(snapshot: &Snapshot, error: Error) -> Error {
    match error {
        Error::Interrupted(_) => error,
        Error::Internal(bug) => {
            let path = |input: usize| Some(snapshot.inputs().get(input)?.path.as_path());
            snapshot.check_unchanged().map_or_else(Error::from, |()| bug.name_input(path).into())
        }
        _ => snapshot.check_unchanged().map_or_else(Error::from, |()| error),
    }
}

/// Passes the objects of snapshots to `sink`: services in the order of a dump, the objects of one in the order of their
/// keys. `warn` is called with each warning that is kept. Returns the number of problems: objects that are missing or
/// altered.
///
/// ```
/// use ekv_backup::run::{Source, objects};
/// use ekv_backup::service::Options;
/// use ekv_backup::sink::Lines;
///
/// let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/live/shop/000000000000016e.fsm");
/// let source = Source::new(vec![snapshot.into()]);
/// let scratch = source.scratch(std::env::temp_dir());
/// let opened = source.open(&scratch, &mut |_| ())?;
/// let mut lines = Lines::new(Vec::new());
/// let warn = |warning: &_| eprintln!("{warning:?}");
/// let problems = objects(&opened.snapshot, &Options::default(), &scratch, &mut lines, warn)?;
/// assert_eq!(problems, 0);
/// assert!(lines.into_inner().starts_with(b"{\"service\":"));
/// # Ok::<(), ekv_backup::Error>(())
/// ```
pub fn objects(
    snapshot: &Snapshot,
    options: &Options,
    scratch: &Scratch,
    sink: &mut dyn Sink,
    warn: impl FnMut(&Warning),
) -> Result<u64> {
    Ok(walk(snapshot, options, scratch, sink, warn)?.problems)
}

/// Does the same with the objects of a dump, which was verified, or is read as it is: contents are compared with CHECKSUMS.
///
/// # Errors
///
/// What is wrong with the dump as a whole, with the file that is to blame; what concerns one object is a problem.
pub fn dump_objects(
    dump: &mut tree::Dump,
    options: &Options,
    scratch: &Scratch,
    sink: &mut dyn Sink,
    warn: impl FnMut(&Warning),
) -> Result<Walked> {
    let mut report = Report::new(scratch, warn);
    pass_dump(dump, options, scratch, &mut report, sink)?;
    Ok(Walked { problems: report.problem_count(), listed: problems::write(None, &mut report)?, untold: 0 })
}

/// What comes of a walk over the objects of a snapshot.
#[derive(Debug)]
pub struct Walked {
    /// Number of objects that are missing or altered.
    pub problems: u64,
    /// The first of them.
    pub listed: Vec<ListedProblem>,
    /// Number of names that are not listed since nothing that is held tells their paths.
    pub untold: u64,
}

/// Does the same, and lists the first problems.
pub(super) fn walk(
    snapshot: &Snapshot,
    options: &Options,
    scratch: &Scratch,
    sink: &mut dyn Sink,
    warn: impl FnMut(&Warning),
) -> Result<Walked> {
    walk_of(snapshot, (options, options.selection.as_deref()), scratch, sink, warn)
}

/// Does the same with the problems and warnings of what is selected.
pub(super) fn walk_of(
    snapshot: &Snapshot,
    (options, selection): (&Options, Option<&Selection>),
    scratch: &Scratch,
    sink: &mut dyn Sink,
    warn: impl FnMut(&Warning),
) -> Result<Walked> {
    let report = Report::new(scratch, warn).locating(|place| snapshot.locate(place));
    let mut report = concern::narrow(report, selection);
    report.name_inputs(snapshot.inputs().iter().map(|info| info.path.as_path()));
    report.adopt(snapshot.warnings());
    let passed = pass(snapshot, options, scratch, &mut report, sink);
    let scopes = passed.map_err(|error| reason(snapshot, error))?;
    scope::check(snapshot, &options.scopes, &scopes)?;
    snapshot.check_unchanged()?;
    Ok(Walked { problems: report.problem_count(), listed: problems::write(None, &mut report)?, untold: 0 })
}
