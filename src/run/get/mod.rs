//! One object of snapshots, or of a dump, as the bytes of its file.
//!
//! In: a name, or a path copied out of a dump. Out: bytes to an output; or why there are none.

mod dump;
mod path;
mod raw;
mod why;

use crate::bug::Bug;
use crate::error::{Error, Result};
use crate::event::Warning;
use crate::inputs::Notice;
use crate::model::{Object, dynamodb};
use crate::name::{self, ItemKey, Literal, Pattern, Selection};
use crate::problem::ListedProblem;
use crate::report::Report;
use crate::service::{Options, focus};
use crate::sink::{Picked, TreeSink};
use crate::snapshot::{Focus, Snapshot};
use crate::sort::Scratch;
use crate::tree::{Output, Pick, Tree};

use super::{Source, objects};
pub use why::{Hidden, Why};

/// Most problems that are told.
const PROBLEMS: usize = 20;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct GetRequest {
    /// The snapshots.
    pub source: Source,
    /// Name of an object, or path of a file in a dump.
    pub name: String,
    /// Key of an item of the table `name`, as JSON.
    pub key: Option<String>,
    /// The stored value instead of the file.
    pub raw: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Got {
    /// Length of the file, bytes, where all of it went to the output.
    pub bytes: Option<u64>,
    /// How many other objects have the same name: the first one is passed on.
    pub others: u64,
    /// Rows of the key that are of another type than the object.
    pub hidden: Vec<Hidden>,
    /// Problems of the object: it is missing or altered.
    pub problems: Vec<ListedProblem>,
    /// Why the object is not there, as far as the snapshot tells.
    pub why: Option<Why>,
    /// Names that come near.
    pub near: Vec<String>,
}

/// Passes one object to `out`.
///
/// # Errors
///
/// Whatever is wrong with the snapshots; [`Error::Name`] where the name can be none.
pub fn get(
    request: &GetRequest,
    out: Output,
    mut warn: impl FnMut(&Warning),
    mut tell: impl FnMut(Notice<'_>),
) -> Result<Got> {
    if request.raw && name::service(&request.name).is_none() {
        return Err(Error::Name(format!("{}: --raw is of the name of an object", request.name)));
    }
    let wanted = Wanted { raw: request.raw, ..Wanted::parse(&request.name, request.key.as_deref())? };
    let scratch = request.source.scratch(std::env::temp_dir());
    if let Some(mut dump) = request.source.dump(&scratch)? {
        let refused = if request.raw {
            "a dump holds no stored values, which --raw is of"
        } else {
            "a dump is of one time, and --at of snapshots"
        };
        if request.raw || request.source.at.is_some() {
            return Err(Error::Name(refused.to_owned()));
        }
        return dump::pick(&mut dump, &wanted, out);
    }
    let mut opened = request.source.open(&scratch, &mut tell)?;
    let snapshot = &mut opened.snapshot;
    snapshot.warnings().iter().for_each(&mut warn);
    let got = pick(snapshot, &scratch, &wanted, out);
    let got = got.map_err(|error| objects::reason(snapshot, error))?;
    snapshot.check_unchanged()?;
    Ok(got)
}

/// What a name can mean.
#[derive(Clone, Debug)]
pub struct Wanted {
    literal: Option<Literal>,
    paths: Vec<Vec<u8>>,
    raw: bool,
}

impl Wanted {
    /// Reads the name of an object, perhaps with the key of an item, or the path of a file in a dump.
    ///
    /// # Errors
    ///
    /// [`Error::Name`], [`Error::ItemKey`] for what is neither.
    pub fn parse(name: &str, key: Option<&str>) -> Result<Self> {
        let paths = if key.is_none() { path::candidates(name) } else { Vec::new() };
        let literal = match Literal::parse(name, key) {
            Ok(literal) => Some(literal),
            Err(Error::Name(_)) if !paths.is_empty() => None,
            Err(error) => return Err(error),
        };
        Ok(Self { literal, paths, raw: false })
    }
}

/// Passes one object of an open snapshot to `out`: a name first, then a path. What only the rows of the object need is
/// read of it alone; where that does not lead to it, all rows of its service are.
///
/// # Errors
///
/// Whatever reading meets.
pub fn pick(snapshot: &mut Snapshot, scratch: &Scratch, wanted: &Wanted, out: Output) -> Result<Got> {
    if let (true, Some(literal)) = (wanted.raw, &wanted.literal) {
        return Ok(match raw::pick(snapshot, literal, out)? {
            (missing, Some(_)) => Got { why: why::of(snapshot, scratch, literal)?, ..missing },
            (got, None) => got,
        });
    }
    let (mut missing, mut out) = (Got::default(), out);
    if let Some(literal) = &wanted.literal {
        for narrow in [true, false] {
            snapshot.set_focus(Focus::default());
            if narrow {
                focus::set(snapshot, literal)?;
            }
            match (Search { snapshot, scratch }).by_name(literal, out)? {
                (got, Some(unused)) if narrow || !got.is_met() => (missing, out) = (got, unused),
                (got, _) => return Ok(got),
            }
        }
    }
    snapshot.set_focus(Focus::default());
    for path in &wanted.paths {
        match (Search { snapshot, scratch }).by_path(path, out)? {
            (_, Some(unused)) => out = unused,
            (got, None) => return Ok(got),
        }
    }
    for path in &wanted.paths {
        if missing.why.is_none() {
            missing.why = why_no_file(snapshot, scratch, path)?;
        }
    }
    if let Some(literal) = &wanted.literal {
        missing.why = missing.why.map_or_else(|| why::of(snapshot, scratch, literal), |why| Ok(Some(why)))?;
        let scopes = why::near_scopes(snapshot, literal)?;
        if !scopes.is_empty() {
            missing.near = scopes;
        }
    }
    Ok(missing)
}

/// Returns why the object of a file of a dump is not there.
fn why_no_file(snapshot: &mut Snapshot, scratch: &Scratch, path: &[u8]) -> Result<Option<Why>> {
    let Some(file) = name::file::of_file(path, &mut |_| None) else { return Ok(None) };
    let Ok(object) = Literal::parse(&file.name, None) else { return Ok(None) };
    focus::set(snapshot, &object)?;
    let search = Search { snapshot, scratch }.by_name(&object, Box::new(std::io::sink()));
    snapshot.set_focus(Focus::default());
    let is_own = |hidden: &Hidden| hidden.what.trim_end_matches("_blob") == file.summary.kind;
    match search?.0.hidden.into_iter().find(is_own) {
        Some(hidden) => Ok(Some(Why::Hidden(hidden))),
        None => why::of(snapshot, scratch, &object),
    }
}

impl Got {
    /// Whether the object was met, whole or not.
    fn is_met(&self) -> bool {
        self.bytes.is_some() || !self.problems.is_empty() || self.why.is_some()
    }
}

/// Looks for the object: what came of it, and the output where nothing went to it.
struct Search<'s> {
    snapshot: &'s Snapshot,
    scratch: &'s Scratch,
}

impl Search<'_> {
    fn by_name(&self, literal: &Literal, out: Output) -> Result<(Got, Option<Output>)> {
        let mut patterns = vec![Pattern::literal(&literal.name)?];
        // A number may be spelt in another way than in the name.
        let key = literal.item.as_ref();
        if key.is_some() {
            patterns.push(Pattern::literal(&name::of_scope(literal.service, &literal.scope))?);
        }
        let mut options = Options { rename_collisions: true, ..Options::default() };
        options.select(Selection::new(patterns, Vec::new()));
        let selection = options.selection.clone();
        let mut identities = Vec::new();
        let is_wanted = |object: Object<'_>, name: &str| match (key, object) {
            (None, _) => Ok(name == literal.name),
            (Some(key), Object::Dynamodb(dynamodb::Object::Table(table))) => {
                identities = key.identities(table.schema)?;
                Ok(false)
            }
            (Some(_), Object::Dynamodb(dynamodb::Object::Item(item))) => {
                Ok(name == literal.name || name::is_one_of(&item.keys, &identities))
            }
            (Some(_), _) => Ok(false),
        };
        let pick = Pick::new(self.scratch, None, out);
        let mut sink = Picked::new(pick, options.layout(self.snapshot), Box::new(is_wanted));
        let mut hidden = Vec::new();
        let own = literal.key.as_deref().unwrap_or_default();
        let mut report = self.report(|warning| hidden.extend(Hidden::of(warning, own)));
        objects::pass(self.snapshot, &options, self.scratch, &mut report, &mut sink)?;
        let (kind, others) = (sink.kind(), sink.met().saturating_sub(1));
        let pick = sink.into_pick().ok_or(Bug::new("one file became a tree"))?;
        let problems = problems(&mut report, literal, pick.picked().is_some())?;
        drop(report);
        let mut got = Got { bytes: pick.picked(), others, hidden, problems, ..Got::default() };
        if kind == Some("directory") {
            got.why = Some(Why::Directory);
        }
        if !got.is_met() {
            let unmatched = selection.iter().flat_map(|selection| selection.unmatched());
            got.near = unmatched.flat_map(|(_, near)| near).collect();
        }
        Ok((got, pick.into_output()))
    }

    fn by_path(&self, path: &[u8], out: Output) -> Result<(Got, Option<Output>)> {
        let options = path::options(path);
        let pick = Pick::new(self.scratch, Some(path), out);
        let mut files = TreeSink::new(Tree::Pick(pick), options.layout(self.snapshot));
        let mut report = self.report(|_| ());
        objects::pass(self.snapshot, &options, self.scratch, &mut report, &mut files)?;
        files.finish_names()?;
        super::problems::write(Some(files.tree()), &mut report)?;
        let Tree::Pick(pick) = files.into_tree() else {
            return Err(Bug::new("one file became a tree").into());
        };
        let got = Got { bytes: pick.picked(), ..Got::default() };
        Ok((got, pick.into_output()))
    }

    fn report<'r>(&'r self, warn: impl FnMut(&Warning) + 'r) -> Report<'r> {
        let mut report = Report::new(self.scratch, warn).locating(|place| self.snapshot.locate(place));
        report.name_inputs(self.snapshot.inputs().iter().map(|info| info.path.as_path()));
        report
    }
}

/// Lists the problems of an object. `found`: of nothing but its own key; else also of rows whose key holds it.
fn problems(report: &mut Report<'_>, literal: &Literal, found: bool) -> Result<Vec<ListedProblem>> {
    let mut problems = Vec::new();
    let scope = String::from_utf8_lossy(&literal.scope);
    // Of an item what stands in its row key is not known; its hash key is in there, if it is a text.
    let object = match (&literal.item, &literal.key) {
        (Some(ItemKey::Text(text)), _) => name::unescape(text.split('/').next().unwrap_or_default()),
        (_, Some(key)) => key.clone(),
        (_, None) => literal.scope.clone(),
    };
    let mut lines = report.problems().sort()?;
    while let Some((_, line)) = lines.next()? {
        let problem = ListedProblem::parse(line)
            .map_err(|_| Bug::new("a line of the list of problems cannot be read back"))?;
        let key = problem.key_bytes();
        let in_scope = literal.scope.is_empty() || problem.scope == scope || problem.scope.is_empty();
        let is_own =
            key == object || (!found && !object.is_empty() && memchr::memmem::find(&key, &object).is_some());
        if problem.adapter == literal.service.name() && in_scope && is_own && problems.len() < PROBLEMS {
            problems.push(problem);
        }
    }
    Ok(problems)
}
