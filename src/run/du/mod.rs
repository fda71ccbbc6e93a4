//! What fills a snapshot, or a dump: bytes of rows by service, table, bucket or queue, and front of the name.
//!
//! In: all versions of all families, and the objects. Out: a [`Usage`] a group of names; together they have the bytes of
//! all rows. Memory is bounded: of too many groups the smallest are counted as one.

mod groups;
mod label;
mod uploads;

use crate::error::Result;
use crate::event::Warning;
use crate::inputs::Opened;
use crate::keyspace::dynamodb::ItemKey;
use crate::keyspace::{Family, Namespace};
use crate::model::{Answer, Object};
use crate::name::{self, Selection};
use crate::report::Report;
use crate::run::{list, objects};
use crate::service::Options;
use crate::sink::{Sink, Wants};
use crate::snapshot::Snapshot;
use crate::sort::Scratch;
use crate::tree::Dump;
use crate::worker;

use groups::Groups;
use label::Labels;
use uploads::Uploads;

/// What a group of names takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Front of the names; what is in parentheses is of no object.
    pub name: String,
    /// Objects at the read timestamp.
    pub objects: u64,
    /// Bytes of rows that count at the read timestamp.
    pub bytes: u64,
    /// Rows of versions that do not count: shadowed, expired, later than the read timestamp.
    pub history_rows: u64,
    /// Their bytes.
    pub history_bytes: u64,
    /// Tombstone rows.
    pub tombstone_rows: u64,
    /// Their bytes.
    pub tombstone_bytes: u64,
}

impl Usage {
    /// Returns the bytes of all rows.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.bytes.saturating_add(self.history_bytes).saturating_add(self.tombstone_bytes)
    }

    /// Adds what another group takes.
    pub fn add(&mut self, other: &Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
        self.history_rows += other.history_rows;
        self.history_bytes += other.history_bytes;
        self.tombstone_rows += other.tombstone_rows;
        self.tombstone_bytes += other.tombstone_bytes;
    }
}

/// What is asked.
#[derive(Debug)]
pub struct DuRequest {
    /// Names that are looked at; without patterns rows of no object are counted too.
    pub selection: Selection,
    /// Parts of a name that make a group: a table, bucket or queue is one, so is what ends in `:`, `/` or `.`.
    pub depth: usize,
}

/// Returns the groups, those that take most first. `warn` is called with each warning that is kept.
///
/// # Errors
///
/// Whatever is wrong with the snapshot.
pub fn du(
    opened: &Opened,
    request: &DuRequest,
    scratch: &Scratch,
    warn: impl FnMut(&Warning),
) -> Result<Vec<Usage>> {
    let snapshot = &opened.snapshot;
    let mut options = Options::default();
    options.excluded.extend(request.selection.excluded());
    let (groups, _) = counted(snapshot, request, |sink| objects(snapshot, &options, scratch, sink, warn))?;
    Ok(groups)
}

/// Counts all rows, and the objects that `walk` passes to the sink that it is given; returns what `walk` does too.
pub(super) fn counted<T>(
    snapshot: &Snapshot,
    request: &DuRequest,
    walk: impl FnOnce(&mut dyn Sink) -> Result<T>,
) -> Result<(Vec<Usage>, T)> {
    let labels = Labels::new(request.depth);
    let all_rows = || -> Result<Groups> {
        let mut groups = Groups::default();
        for family in Family::all().filter(|family| snapshot.stats(*family).rows > 0) {
            rows(snapshot, family, request, labels, &mut groups)?;
        }
        Ok(groups)
    };
    let mut counted =
        Counted { groups: Groups::default(), labels, request, name: String::new(), label: Vec::new() };
    let (groups, walked) = std::thread::scope(|scope| {
        // This thread does it alone where no other is to be had.
        let worker = worker::scoped(scope, all_rows);
        snapshot.set_busy(1 + usize::from(worker.is_some()));
        let walked = walk(&mut counted)?;
        let groups = worker.map_or_else(all_rows, worker::join)?;
        Ok::<_, crate::Error>((groups, walked))
    })?;
    counted.groups.absorb(groups);
    Ok((counted.groups.finish(), walked))
}

/// Does the same with a dump: bytes are those of an object's file, or of its line; those of lists and sidecars do not count.
///
/// # Errors
///
/// Whatever is wrong with the dump.
pub fn du_dump(dump: &mut Dump, request: &DuRequest, scratch: &Scratch) -> Result<Vec<Usage>> {
    let labels = Labels::new(request.depth);
    let (mut groups, mut label) = (Groups::default(), Vec::new());
    list::dump::objects(dump, scratch, |name| request.selection.reaches(name), &mut |name, object| {
        if request.selection.selects(name) {
            labels.object(object, &mut label)?;
            groups.add(&label, |usage| {
                usage.objects += u64::from(is_object(object.kind));
                usage.bytes += object.bytes.unwrap_or_default();
            });
        }
        Ok(())
    })?;
    Ok(groups.finish())
}

/// Whether `list` lists what is of this kind as an object.
fn is_object(kind: &str) -> bool {
    !matches!(kind, "table" | "bucket" | "queue" | "side_record" | "orphan_chunk" | "upload" | "upload_part")
}

/// Counts the rows of a family.
fn rows(
    snapshot: &Snapshot,
    family: Family,
    request: &DuRequest,
    labels: Labels,
    groups: &mut Groups,
) -> Result<()> {
    let is_everything = request.selection.is_everything();
    let (mut label, mut is_counted) = (Vec::new(), false);
    // Items of a table have one label: no key is looked at twice for it.
    let mut table = Vec::new();
    let mut uploads = Uploads::of(snapshot, family);
    let mut versions = snapshot.sizes(family);
    while let Some(version) = versions.next()? {
        let item = (family == Family::DynamodbItem).then(|| ItemKey::parse(version.key).ok()).flatten();
        let of = item.map_or(&[][..], |item| item.table_segment);
        if of.is_empty() || of != table {
            let name = labels.row(family, version.key, &mut label, !is_everything);
            is_counted = match name {
                _ if is_everything => true,
                Some(name) => selects(&request.selection, family, &name),
                // Of no object: each line is of one share.
                None => {
                    let shard = request.selection.shard();
                    request.selection.is_whole() && shard.is_none_or(|shard| shard.owns_bytes(&label))
                }
            };
            table.clear();
            table.extend_from_slice(of);
        }
        if !is_counted {
            continue;
        }
        if let Some(uploads) = &mut uploads
            && !uploads.has(family, version.key)?
        {
            label::left_over(&mut label);
        }
        groups.add(&label, |usage| {
            let (rows, bytes) = match (version.tombstone, version.is_visible) {
                (true, _) => (&mut usage.tombstone_rows, &mut usage.tombstone_bytes),
                (false, false) => (&mut usage.history_rows, &mut usage.history_bytes),
                (false, true) => {
                    usage.bytes += version.bytes;
                    return;
                }
            };
            *rows += 1;
            *bytes += version.bytes;
        });
    }
    Ok(())
}

/// Whether a row is of what is selected; where keys don't tell names, whether it may be.
fn selects(selection: &Selection, family: Family, name: &str) -> bool {
    let owner = if family == Family::DynamodbItem { name::scope_of(name) } else { name };
    selection.owns(owner)
        && (selection.matches(name)
            || (matches!(family.owner(), Namespace::Dynamodb | Namespace::Sqs | Namespace::Fs)
                && selection.reaches(name)))
}

/// Counts objects.
struct Counted<'r> {
    groups: Groups,
    labels: Labels,
    request: &'r DuRequest,
    name: String,
    label: Vec<u8>,
}

impl Sink for Counted<'_> {
    fn wants(&self) -> Wants {
        Wants::Heads
    }

    fn object(&mut self, _report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        let summary = object.summary();
        if !is_object(summary.kind) {
            return Ok(Answer::Left);
        }
        if !self.request.selection.is_everything() {
            name::of(&summary, &mut self.name);
            if !self.request.selection.selects(&self.name) {
                return Ok(Answer::Left);
            }
        }
        self.labels.object(&summary, &mut self.label)?;
        self.groups.add(&self.label, |usage| usage.objects += 1);
        Ok(Answer::Left)
    }
}
