//! `list`: the objects of snapshots, or of a dump, a line each, and nothing written but those.
//!
//! In: a snapshot, what is asked for. Out: lines; the problems that were met on the way.

pub(super) mod dump;

use std::io::Write;

use super::deleted::Names;
use super::objects::{Walked, walk_of};
use crate::error::{Error, Result};
use crate::event::Warning;
use crate::model::sqs::Message;
use crate::name::Selection;
use crate::service::Options;
use crate::service::sqs::delivery;
use crate::sink::{List, Listed, Order, Query, Render};
use crate::snapshot::Snapshot;
use crate::sort::Scratch;
use crate::time::Hlc;
use crate::tree::Dump;

/// Lists the selected objects in `out`. `warn` is called with each warning that is kept.
///
/// # Errors
///
/// [`Error::Output`](crate::Error::Output) of kind `BrokenPipe` also where a limit is reached: nothing more is read.
pub fn list(
    snapshot: &Snapshot,
    (selection, query): (Selection, Query),
    scratch: &Scratch,
    warn: impl FnMut(&Warning),
    render: &mut Render<'_>,
    out: &mut dyn Write,
) -> Result<Walked> {
    let mut options = Options::default();
    options.select(selection);
    // Objects are selected where they are listed: a table does not go with its items here.
    let selection = options.selection.take().unwrap_or_default();
    let deliveries = |message: &Message<'_>| delivery(snapshot, message);
    let mut list = List::new(&selection, query, snapshot.read_ts(), scratch, render, out)?;
    if query.deliveries {
        list = list.with_deliveries(&deliveries);
    }
    if query.deleted {
        let mut names = Names::new(&selection, scratch);
        // A table that is gone can be asked for.
        options.scopes.clear();
        let walked = walk_of(snapshot, (&options, Some(&selection)), scratch, &mut names, warn)?;
        let untold = names.scan(snapshot, scratch, &options.excluded)?;
        names.list(&mut list)?;
        list.finish()?;
        selection.check()?;
        return Ok(Walked { untold, ..walked });
    }
    let walked = walk_of(snapshot, (&options, Some(&selection)), scratch, &mut list, warn)?;
    list.finish()?;
    selection.check()?;
    Ok(walked)
}

/// Lists the selected objects of a dump in `out`; of those that its snapshot had and it has not, only the number is known.
///
/// # Errors
///
/// [`Error::Name`] where times are asked for, which no dump has; whatever is wrong with the dump.
pub fn list_dump(
    dump: &mut Dump,
    (selection, query): (Selection, Query),
    scratch: &Scratch,
    render: &mut Render<'_>,
    out: &mut dyn Write,
) -> Result<Walked> {
    let asks_for_times = query.since.is_some() || query.until.is_some() || query.order == Some(Order::Time);
    if asks_for_times || query.deleted {
        let what = "a dump does not know when its objects were committed, nor what was deleted: --since, --until, \
                    --sort time and --deleted are of snapshots";
        return Err(Error::Name(what.to_owned()));
    }
    let (manifest, _) = dump.manifest()?;
    let mut list = List::new(&selection, query, Hlc::ZERO, scratch, render, out)?;
    dump::objects(dump, scratch, |name| selection.reaches(name), &mut |name, summary| {
        if selection.selects(name) {
            list.add(&Listed { name, summary, deleted: false, delivery: None })
        } else {
            Ok(())
        }
    })?;
    list.finish()?;
    selection.check()?;
    Ok(Walked { problems: manifest.problems, listed: Vec::new(), untold: 0 })
}
