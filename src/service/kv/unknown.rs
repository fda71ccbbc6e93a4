//! What is said about rows of no known family: one warning a prefix, and problems under an adapter's namespace
//! (`reading/keys.md#decided-cases`).

use std::collections::BTreeMap;

use super::prefix;
use crate::bug::Bug;
use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::excerpt;
use crate::keyspace::Namespace;
use crate::limits;
use crate::report::{Problem, Report};
use crate::service::Context;
use crate::snapshot::{EntryBuf, RowLocation, Snapshot};
use crate::tree::{Scratch, Sorter};

const MEMORY: usize = 4 << 20;
/// Prefixes whose rows become problems one by one. Only made-up keys have more.
const PREFIXES_NAMED: u64 = 1000;
const BROKEN: Bug = Bug::new("a place of an unknown row does not read back");

/// The rows by prefix, in row order for each.
#[derive(Debug)]
pub(super) struct UnknownRows {
    places: Sorter,
}

impl UnknownRows {
    /// Returns an empty collection.
    #[must_use]
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { places: Sorter::new(scratch, MEMORY) }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, key: &[u8], place: RowLocation) -> Result<()> {
        self.places.push(prefix::of(key), &place.to_bytes())?;
        Ok(())
    }

    /// Says what there is to say.
    pub(super) fn report(mut self, context: &mut Context<'_, '_>) -> Result<()> {
        if self.places.is_empty() {
            return Ok(());
        }
        let mut rows = self.places.sort()?;
        let mut groups = Groups::new(context.snapshot, context.report);
        while let Some((prefix, value)) = rows.next()? {
            if groups.prefix != prefix {
                groups.close()?;
                groups.open(prefix);
            }
            let place = RowLocation::from_bytes(value);
            groups.row(place.ok_or_else(|| BROKEN.at((prefix, value)))?)?;
        }
        groups.close()?;
        groups.close_overflow()
    }
}

/// Counts the rows of one prefix after the other.
struct Groups<'s, 'r, 'a> {
    snapshot: &'s Snapshot,
    report: &'r mut Report<'a>,
    entry: EntryBuf,
    prefix: Vec<u8>,
    count: u64,
    namespace: Option<(&'static [u8], Namespace)>,
    named: u64,
    /// Rows under namespaces whose prefixes are too many to name.
    overflow: BTreeMap<&'static [u8], (Namespace, u64)>,
}

impl<'s, 'r, 'a> Groups<'s, 'r, 'a> {
    fn new(snapshot: &'s Snapshot, report: &'r mut Report<'a>) -> Self {
        Self {
            snapshot,
            report,
            entry: EntryBuf::default(),
            prefix: Vec::new(),
            count: 0,
            namespace: None,
            named: 0,
            overflow: BTreeMap::new(),
        }
    }

    fn open(&mut self, prefix: &[u8]) {
        self.prefix.clear();
        self.prefix.extend_from_slice(prefix);
        self.count = 0;
        self.namespace = prefix::namespace(prefix);
        self.named += u64::from(self.namespace.is_some());
    }

    fn row(&mut self, place: RowLocation) -> Result<()> {
        self.count += 1;
        let Some((namespace, owner)) = self.namespace else { return Ok(()) };
        if self.named > PREFIXES_NAMED {
            self.overflow.entry(namespace).or_insert((owner, 0)).1 += 1;
        } else if self.count <= limits::UNKNOWN_ROWS_NAMED {
            self.snapshot.read(place, &mut self.entry)?;
            if prefix::of(&self.entry.key) != self.prefix {
                return Err(self.snapshot.differs(place, "a row of another prefix stands here now").into());
            }
            let message = "row of no known family".to_owned();
            self.report.problem(&problem(owner, &self.entry.key, message, Some(place)))?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let text = excerpt::key(&self.prefix);
        self.report.warn(Warning::new(Event::UNKNOWN_FAMILY).with("prefix", text).with("count", self.count));
        match self.namespace {
            Some((_, owner)) if self.named <= PREFIXES_NAMED && self.count > limits::UNKNOWN_ROWS_NAMED => {
                let message = format!("{} rows of no known family begin with this prefix", self.count);
                self.report.problem(&problem(owner, &self.prefix, message, None))
            }
            _ => Ok(()),
        }
    }

    fn close_overflow(self) -> Result<()> {
        for (namespace, (owner, count)) in self.overflow {
            let message = format!("{count} more rows of no known family, under prefixes of their own");
            self.report.problem(&problem(owner, namespace, message, None))?;
        }
        Ok(())
    }
}

fn problem(owner: Namespace, key: &[u8], message: String, place: Option<RowLocation>) -> Problem<'_> {
    let scope: &[u8] = if owner == Namespace::Redis { b"db_0" } else { b"" };
    Problem { adapter: owner.name(), scope, key, class: Class::UNKNOWN_FAMILY, message, place }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::container;
    use crate::keyspace::Family;
    use crate::service::fixture::{Dumped, Rows};
    use crate::service::{Options, Scope};

    /// Reports one record, made from the place of the row.
    fn report(prefix: &[u8], record: impl FnOnce(RowLocation) -> Vec<u8>) -> Result<Dumped> {
        let mut rows = Rows::default();
        rows.put(b"!s3|x|1", b"");
        rows.dump(&Options::default(), |context| {
            let place = context.snapshot.scan(Family::Unknown).next()?.unwrap().place;
            let mut unknown = UnknownRows::new(context.scratch);
            unknown.places.push(prefix, &record(place))?;
            unknown.report(context)?;
            Ok(Scope::new())
        })
    }

    #[test]
    fn a_place_that_does_not_read_back_ends_the_run() {
        let dumped = report(b"!s3|x|", |place| place.to_bytes().to_vec()).unwrap();
        assert_eq!(dumped.classes(), [(Class::UNKNOWN_FAMILY.to_string(), b"!s3|x|1".to_vec())]);
        for cut in 0..RowLocation::LEN {
            let short = report(b"!s3|x|", |place| place.to_bytes()[..cut].to_vec());
            assert!(matches!(short, Err(Error::Internal(bug)) if bug.place().is_some()), "{cut}");
        }
        let long = report(b"!s3|x|", |place| [&place.to_bytes()[..], &[0]].concat());
        assert!(matches!(long, Err(Error::Internal(bug)) if bug.place().is_some()));
    }

    #[test]
    fn a_row_of_another_prefix_is_a_change_of_the_input() {
        let Err(Error::Container(error)) = report(b"!s3|y|", |place| place.to_bytes().to_vec()) else {
            panic!("the row was taken");
        };
        assert!(matches!(error.kind, container::ErrorKind::Changed { .. }));
    }
}
