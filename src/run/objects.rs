//! Snapshots to objects: the part of a run that does not care where objects go.
//!
//! In: a store, or inputs to open one from. Out: calls of a [`Sink`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::crypto::{KeyFiles, Keyring};
use crate::error::{Error, Result};
use crate::event::Warning;
use crate::inputs::Found;
use crate::interrupt::Interrupt;
use crate::keyspace::Namespace;
use crate::report::Report;
use crate::service::{self, Context, Options, Scope};
use crate::sink::Sink;
use crate::snapshot::{ReadAt, Snapshot, SnapshotOptions};
use crate::sort::Scratch;

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
    sink.begin(snapshot.last_commit_ts());
    let mut scopes = BTreeMap::new();
    for (owner, dump) in ADAPTERS {
        if !options.excluded.contains(&owner) {
            let scope = dump(&mut Context { snapshot, sink: &mut *sink, scratch, report, options })?;
            scopes.insert(owner, scope);
        }
    }
    Ok(scopes)
}

/// Returns why a run over `store` failed: whatever went wrong, a file that is written to meanwhile is the reason.
pub(super) fn reason(snapshot: &Snapshot, error: Error) -> Error {
    match error {
        Error::Interrupted(_) => error,
        _ => snapshot.check_unchanged().map_or_else(Error::from, |()| error),
    }
}

/// Which objects are asked for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ObjectsRequest {
    /// Snapshots of one cluster's Raft groups: files, `-` for standard input, data directories.
    pub inputs: Vec<PathBuf>,
    /// Where the keys of encrypted values come from.
    pub keys: KeyFiles,
    /// What is asked of the services.
    pub services: Options,
    /// Read at this time instead of T.
    pub at: Option<ReadAt>,
    /// An existing directory for records that are sorted on the disk; its files have no names.
    pub scratch: PathBuf,
    /// Ends the run with [`Error::Interrupted`].
    pub interrupt: Interrupt,
}

impl ObjectsRequest {
    /// Asks for all objects of `inputs`, with records sorted in `scratch`.
    #[must_use]
    pub fn new(inputs: Vec<PathBuf>, scratch: PathBuf) -> Self {
        Self { inputs, scratch, ..Self::default() }
    }
}

/// Passes the objects of snapshots to `sink`: services in the order of a dump, the objects of one in the order of their
/// keys. `warn` is called with each warning that is kept. Returns the number of problems: objects that are missing or
/// altered.
///
/// ```
/// use ekv_backup::run::{ObjectsRequest, objects};
/// use ekv_backup::sink::Lines;
///
/// let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/live/shop/000000000000016e.fsm");
/// let request = ObjectsRequest::new(vec![snapshot.into()], std::env::temp_dir());
/// let mut lines = Lines::new(Vec::new());
/// let problems = objects(&request, &mut lines, |warning| eprintln!("{}", warning.event))?;
/// assert_eq!(problems, 0);
/// assert!(lines.into_inner().starts_with(b"{\"service\":"));
/// # Ok::<(), ekv_backup::Error>(())
/// ```
pub fn objects(request: &ObjectsRequest, sink: &mut dyn Sink, warn: impl FnMut(&Warning)) -> Result<u64> {
    let found = Found::find(&request.inputs, &request.interrupt)?;
    let keyring = Keyring::load(&request.keys, found.places())?.map(Arc::new);
    let scratch = Scratch::new(request.scratch.clone()).polling(&request.interrupt);
    let options = SnapshotOptions {
        at: request.at,
        keyring,
        scratch: scratch.clone(),
        interrupt: request.interrupt.clone(),
        ..SnapshotOptions::default()
    };
    let opened = found.open(scratch.directory(), &options, &mut |_| ())?;
    let snapshot = &opened.snapshot;
    let mut report = Report::new(&scratch, warn).locating(|place| snapshot.locate(place));
    report.name_inputs(snapshot.inputs().iter().map(|info| info.path.as_path()));
    report.adopt(snapshot.warnings());
    let passed = pass(snapshot, &request.services, &scratch, &mut report, sink);
    let scopes = passed.map_err(|error| reason(snapshot, error))?;
    super::scope::check(snapshot, &request.services.scopes, &scopes)?;
    snapshot.check_unchanged()?;
    Ok(report.problem_count())
}
