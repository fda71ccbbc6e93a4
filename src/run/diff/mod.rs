//! What differs between two states of the data: snapshots, data directories, dumps.
//!
//! In: two [sides](side), each of which lists its files with their digests. Out: a [`Difference`] an object, sorted by
//! name, and counts. Contents are read only where digests differ. Memory does not grow with the number of objects: rows,
//! differences and the members of two documents are sorted on the disk.

mod bytes;
mod change;
mod document;
mod gather;
mod lines;
mod options;
mod side;
mod touched;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use change::{Change, Difference, Sign};

use super::Source;
use crate::error::Result;
use crate::event::Warning;
use crate::inputs::Notice;
use crate::name::{self, Selection};
use crate::progress::Phase;
use crate::sort::{Scratch, Sorter};
use crate::worker;
use change::Record;
use gather::Gathered;
use side::Side;
use touched::{Filter, Touched};

/// Memory of each sorter, bytes.
const MEMORY: usize = 4 << 20;

/// What is compared.
#[derive(Debug)]
pub struct DiffRequest {
    /// The old side: one input, which may be a dump.
    pub old: Source,
    /// The new side.
    pub new: Source,
    /// Objects that are looked at.
    pub selection: Selection,
    /// Where sorters keep their runs, and contents that are compared.
    pub scratch: Scratch,
}

/// How many objects differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiffCounts {
    /// On the new side only.
    pub added: u64,
    /// On the old side only.
    pub removed: u64,
    /// On both, and not the same.
    pub changed: u64,
}

/// What came of a comparison.
#[derive(Clone, Debug, Default)]
pub struct DiffSummary {
    /// Of all objects.
    pub total: DiffCounts,
    /// By table, bucket, queue, or service.
    pub scopes: BTreeMap<String, DiffCounts>,
    /// Objects of the old and the new side that are missing or altered, and were compared as far as they are there.
    pub problems: [u64; 2],
    /// Whether some names in SHA form stand for themselves: the KEYMAPs are too long.
    pub names_cut: bool,
}

/// What is said while it goes on, and of which side.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// What was chosen in a directory.
    Notice(Notice<'a>),
    /// A warning.
    Warning(&'a Warning),
}

impl DiffCounts {
    /// Returns the number of all that differ.
    #[must_use]
    pub fn sum(self) -> u64 {
        self.added + self.removed + self.changed
    }

    fn add(&mut self, sign: Sign) {
        *match sign {
            Sign::Added => &mut self.added,
            Sign::Removed => &mut self.removed,
            Sign::Changed => &mut self.changed,
        } += 1;
    }
}

/// Compares two sides; `each` is called with what differs, sorted bytewise by name.
///
/// # Errors
///
/// What is wrong with an input; [`crate::Error::Incomparable`] where the sides cannot be compared, or a pattern matches nothing
/// on either of them.
pub fn diff(
    request: &DiffRequest,
    mut each: impl FnMut(&Difference) -> Result<()>,
    mut say: impl FnMut(Said<'_>),
) -> Result<DiffSummary> {
    let scratch = &request.scratch;
    let mut old = Side::open(&request.old, scratch, &mut say)?;
    let mut new = Side::open(&request.new, scratch, &mut say)?;
    options::agree(&mut old, &mut new, &request.selection)?;
    request.new.progress.enter(Phase::Comparing, 0);
    // Of two snapshots only those objects are looked at of which rows differ.
    let touched = match (old.snapshot(), new.snapshot()) {
        (Some(one), Some(other)) => Some(Arc::new(Touched::compare(one, other, &old.options.excluded)?)),
        _ => None,
    };
    let filter = touched.as_ref().map(|touched| Filter { touched, selection: &request.selection });
    let rows = both([&mut old, &mut new], |side| side.rows(filter))?;
    let [(old_rows, old_warnings), (new_rows, new_warnings)] = rows;
    old_warnings.iter().chain(&new_warnings).for_each(|warning| say(Said::Warning(warning)));
    let rows = (old_rows, new_rows);
    let (differing, gathered) = Gathered::merge(rows, &request.selection, scratch)?;
    let problems = [old.problems(), new.problems()];
    if !request.selection.is_everything() {
        gathered.refuse_unmatched(&request.selection)?;
    }
    let mut summary = DiffSummary { problems, ..DiffSummary::default() };
    let mut records = Sorter::new(scratch, MEMORY);
    let contents = gathered.contents([&mut old, &mut new], filter)?;
    summary.names_cut = contents.is_cut();
    contents.compare(differing, &mut records, scratch)?;
    let mut records = records.sort()?;
    let mut group: Option<Difference> = None;
    while let Some((name, record)) = records.next()? {
        let record = Record::read(record)?;
        match &mut group {
            Some(open) if open.name.as_bytes() == name => open.add(record),
            _ => {
                let next = Difference::new(name, record)?;
                if let Some(done) = group.replace(next) {
                    finish(done, request, &mut summary, &mut each)?;
                }
            }
        }
    }
    if let Some(done) = group {
        finish(done, request, &mut summary, &mut each)?;
    }
    old.check_unchanged()?;
    new.check_unchanged()?;
    Ok(summary)
}

/// Does the same with both sides, at once where the system has another thread.
fn both<T: Send>([old, new]: [&mut Side; 2], work: impl Fn(&mut Side) -> Result<T> + Sync) -> Result<[T; 2]> {
    // One after the other where no other thread is to be had.
    let old = Mutex::new(old);
    let of_old = || work(&mut old.lock().unwrap_or_else(PoisonError::into_inner));
    std::thread::scope(|scope| {
        let worker = worker::scoped(scope, of_old);
        let new = work(new);
        Ok([worker.map_or_else(of_old, worker::join)?, new?])
    })
}

/// Counts an object, and passes it on, if it is one that is looked at.
fn finish(
    mut difference: Difference,
    request: &DiffRequest,
    summary: &mut DiffSummary,
    each: &mut impl FnMut(&Difference) -> Result<()>,
) -> Result<()> {
    if !request.selection.selects(&difference.name) {
        return Ok(());
    }
    difference.end();
    summary.total.add(difference.sign);
    let scope = name::scope_of(&difference.name);
    match summary.scopes.get_mut(scope) {
        Some(counts) => counts.add(difference.sign),
        None => summary.scopes.entry(scope.to_owned()).or_default().add(difference.sign),
    }
    each(&difference)
}
