//! `list`: the objects of snapshots, a line each, and nothing written but those.
//!
//! In: a snapshot, what is asked for. Out: lines; the problems that were met on the way.

use std::io::Write;

use super::deleted::Names;
use super::objects::{Walked, walk};
use crate::error::Result;
use crate::event::Warning;
use crate::model::sqs::Message;
use crate::name::Selection;
use crate::service::Options;
use crate::service::sqs::delivery;
use crate::sink::{List, Query, Render};
use crate::snapshot::Snapshot;
use crate::sort::Scratch;

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
    let mut list = List::new(&selection, query, snapshot, scratch, render, out)?;
    if query.deliveries {
        list = list.with_deliveries(&deliveries);
    }
    if query.deleted {
        let mut names = Names::new(&selection, scratch);
        // A table that is gone can be asked for.
        options.scopes.clear();
        let walked = walk(snapshot, &options, scratch, &mut names, warn)?;
        names.scan(snapshot, &options.excluded)?;
        names.list(&mut list)?;
        list.finish()?;
        selection.check()?;
        return Ok(walked);
    }
    let walked = walk(snapshot, &options, scratch, &mut list, warn)?;
    list.finish()?;
    selection.check()?;
    Ok(walked)
}
