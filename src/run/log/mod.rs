//! Every version of one object that snapshots still hold, and what changed from one to the next.
//!
//! In: a name. Out: changes, the newest first. Versions are sorted on disk where they are many.

mod fact;
mod row;

use serde::{Deserialize, Serialize};

use super::{Source, objects};
use crate::bug::Bug;
use crate::error::Result;
use crate::event::Warning;
use crate::inputs::Notice;
use crate::keyspace::Family;
use crate::keyspace::s3::Segment;
use crate::name::Literal;
use crate::service::focus;
use crate::snapshot::{Focus, InputInfo, ReadAt, Snapshot};
use crate::sort::{Scratch, Sorter};
use crate::time::Hlc;
pub use fact::Difference;
pub(crate) use fact::Facts;
pub(super) use row::Rows;

/// Memory of each of the two sorters, bytes.
const MEMORY: usize = 8 << 20;
const RECORD: Bug = Bug::new("a version of a history does not read back");

/// What is asked for.
#[derive(Clone, Debug)]
pub struct LogRequest {
    /// The snapshots.
    pub source: Source,
    /// Name of the object.
    pub name: String,
    /// Key of an item of the table `name`, as JSON.
    pub key: Option<String>,
    /// Nothing older.
    pub since: Option<ReadAt>,
    /// Nothing newer.
    pub until: Option<ReadAt>,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It was not there before.
    Created,
    /// The oldest version that is held: there may have been older ones.
    Oldest,
    /// It says something else.
    Changed,
    /// It was written again and says the same.
    Same,
    /// It was deleted.
    Deleted,
}

/// One version of one row of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Commit time, HLC.
    pub commit_ts: Hlc,
    /// What became of the row.
    pub change: ChangeKind,
    /// What the row is: `string`, `field "name"`, `item`, ...
    pub what: String,
    /// Bytes of the stored value; 0 for a deletion.
    pub bytes: u64,
    /// When the store itself lets the version expire, HLC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Hlc>,
    /// What differs from the version before, by name.
    pub differences: Vec<Difference>,
}

/// Calls `each` with the changes of an object, the newest first, until it answers `false`; returns whether any version is
/// held.
///
/// # Errors
///
/// Whatever is wrong with the snapshots; [`Error::Name`](crate::Error::Name), [`Error::ItemKey`](crate::Error::ItemKey).
pub fn log(
    request: &LogRequest,
    mut warn: impl FnMut(&Warning),
    mut tell: impl FnMut(Notice<'_>),
    each: &mut dyn FnMut(Change) -> Result<bool>,
) -> Result<bool> {
    let object = Literal::parse(&request.name, request.key.as_deref())?;
    let scratch = request.source.scratch(std::env::temp_dir());
    let mut opened = request.source.open(&scratch, &mut tell)?;
    let snapshot = &mut opened.snapshot;
    snapshot.warnings().iter().for_each(&mut warn);
    let newest = snapshot.read_ts();
    for time in [request.since, request.until].into_iter().flatten() {
        time.check(newest)?;
    }
    let since = request.since.map_or(Hlc::ZERO, |since| since.start(newest));
    let until = request.until.map_or(Hlc::MAX, |until| until.resolve(newest));
    let mut in_range = |change: Change| {
        // The newest come first.
        if change.commit_ts < since {
            Ok(false)
        } else if change.commit_ts > until {
            Ok(true)
        } else {
            each(change)
        }
    };
    let any = history(snapshot, &scratch, (&object, newest), &mut in_range);
    let any = any.map_err(|error| objects::reason(snapshot, error))?;
    snapshot.check_unchanged()?;
    Ok(any)
}

/// Calls `each` with the changes of an object of an open snapshot that were committed up to a time, HLC.
///
/// # Errors
///
/// Whatever reading meets.
pub fn history(
    snapshot: &mut Snapshot,
    scratch: &Scratch,
    (object, newest): (&Literal, Hlc),
    each: &mut dyn FnMut(Change) -> Result<bool>,
) -> Result<bool> {
    focus::set_history(snapshot, object)?;
    let changes = changes(snapshot, scratch, object, newest);
    snapshot.set_focus(Focus::default());
    let mut changes = changes?;
    let any = !changes.is_empty();
    let mut sorted = changes.sort()?;
    while let Some((_, change)) = sorted.next()? {
        if !each(serde_json::from_slice(change).map_err(|_| RECORD)?)? {
            break;
        }
    }
    Ok(any)
}

fn changes(snapshot: &Snapshot, scratch: &Scratch, object: &Literal, newest: Hlc) -> Result<Sorter> {
    let mut rows = Rows::of(snapshot, object)?;
    let floor = snapshot.inputs().iter().map(InputInfo::floor).max().unwrap_or_default();
    let mut changes = Changes { sorter: Sorter::new(scratch, MEMORY), floor, newer: None, number: 0 };
    for &family in rows.families() {
        let mut versions = collect(snapshot, scratch, &rows, (family, newest))?;
        let mut last = Vec::new();
        let mut label = String::new();
        let mut sorted = versions.sort()?;
        while let Some((place, value)) = sorted.next()? {
            let (mut key, commit_ts) = place.split_last_chunk::<8>().ok_or(RECORD)?;
            let commit_ts = Hlc::of_suffix(*commit_ts);
            if key != last || label.is_empty() {
                changes.end()?;
                last.clear();
                last.extend_from_slice(key);
                let row_key = Segment::take(&mut key).ok_or(RECORD)?.raw();
                label = rows.label(family, &row_key).ok_or(RECORD)?;
            }
            let (state, rest) = value.split_first().ok_or(RECORD)?;
            let (expires, body) = rest.split_first_chunk().ok_or(RECORD)?;
            let expires = Hlc(u64::from_be_bytes(*expires)).known();
            let facts = match *state {
                DELETED => None,
                SEALED => Some(Facts::from([("value".to_owned(), "encrypted".to_owned())])),
                _ => Some(rows.facts(family, body)?),
            };
            changes.version(&label, (commit_ts, expires), facts, body.len())?;
        }
        changes.end()?;
    }
    Ok(changes.sorter)
}

const DELETED: u8 = 0;
const STORED: u8 = 1;
const SEALED: u8 = 2;

/// Sorts the versions of an object's rows in one family by row, the newest first.
fn collect(
    snapshot: &Snapshot,
    scratch: &Scratch,
    rows: &Rows<'_>,
    (family, newest): (Family, Hlc),
) -> Result<Sorter> {
    let mut sorter = Sorter::new(scratch, MEMORY);
    let mut key = Vec::new();
    let mut value = Vec::new();
    let mut push = |row_key: &[u8], (commit_ts, expires): (Hlc, Hlc), state: u8, body: &[u8]| -> Result<()> {
        key.clear();
        Segment::write(&mut key, row_key);
        key.extend_from_slice(&commit_ts.suffix());
        value.clear();
        value.push(state);
        value.extend_from_slice(&expires.0.to_be_bytes());
        value.extend_from_slice(body);
        Ok(sorter.push(&key, &value)?)
    };
    let mut versions = snapshot.versions(family);
    while let Some(version) = versions.next()? {
        if version.commit_ts > newest || rows.label(family, version.key).is_none() {
            continue;
        }
        let state = match (version.tombstone, version.encrypted) {
            (true, _) => DELETED,
            (false, true) => SEALED,
            (false, false) => STORED,
        };
        push(version.key, (version.commit_ts, version.expire_at), state, version.body)?;
    }
    // Writes of transactions that were committed and not applied yet are no versions; those that were come twice.
    let mut entries = snapshot.scan(family);
    while let Some(entry) = entries.next()? {
        if rows.label(family, entry.key).is_some() {
            push(entry.key, (entry.commit_ts, entry.expire_at), STORED, entry.body)?;
        }
    }
    Ok(sorter)
}

/// Makes changes of versions that come by row, the newest first.
struct Changes {
    sorter: Sorter,
    /// Versions at and below this time may have been compacted away, HLC.
    floor: Hlc,
    /// The version that the next one is compared with.
    newer: Option<(Change, Option<Facts>)>,
    number: u64,
}

impl Changes {
    fn version(
        &mut self,
        what: &str,
        (commit_ts, expires): (Hlc, Option<Hlc>),
        facts: Option<Facts>,
        bytes: usize,
    ) -> Result<()> {
        if self.newer.as_ref().is_some_and(|(newer, _)| newer.commit_ts == commit_ts) {
            return Ok(());
        }
        let change = Change {
            commit_ts,
            change: ChangeKind::Deleted,
            what: what.to_owned(),
            bytes: if facts.is_some() { u64::try_from(bytes).unwrap_or(u64::MAX) } else { 0 },
            expires,
            differences: Vec::new(),
        };
        if let Some(newer) = self.newer.take() {
            self.push(newer, Some(&facts))?;
        }
        self.newer = Some((change, facts));
        Ok(())
    }

    /// Ends a row.
    fn end(&mut self) -> Result<()> {
        self.newer.take().map_or(Ok(()), |newer| self.push(newer, None))
    }

    /// Keeps a change; `older` is the version before it.
    fn push(
        &mut self,
        (mut change, facts): (Change, Option<Facts>),
        older: Option<&Option<Facts>>,
    ) -> Result<()> {
        // Servers delete what may be there: rows of the other types of a key, for example.
        if facts.is_none() && (older == Some(&None) || (older.is_none() && change.commit_ts > self.floor)) {
            return Ok(());
        }
        let nothing = Facts::new();
        let before = older.and_then(Option::as_ref);
        change.differences =
            fact::differences(before.unwrap_or(&nothing), facts.as_ref().unwrap_or(&nothing));
        change.change = match (&facts, older) {
            (None, _) => ChangeKind::Deleted,
            (Some(_), None) if change.commit_ts <= self.floor => ChangeKind::Oldest,
            (Some(_), None | Some(None)) => ChangeKind::Created,
            (Some(_), Some(Some(_))) if change.differences.is_empty() => ChangeKind::Same,
            (Some(_), Some(Some(_))) => ChangeKind::Changed,
        };
        let key = [change.commit_ts.suffix(), self.number.to_be_bytes()];
        self.number += 1;
        let record = serde_json::to_vec(&change).map_err(|_| RECORD)?;
        Ok(self.sorter.push(key.as_flattened(), &record)?)
    }
}
