//! Rows to visible entries: the snapshot as a read-only store (`reading/versions.md#time`, `reading/versions.md#which-versions-a-snapshot-holds`, `reading/versions.md#order-of-rows`, `format/keys.md#operational-rows`).
//!
//! In: [`Source`]s, one a snapshot. Out: [`Entry`]s, the one version of each user key that counts at the read
//! timestamp, by family, by prefix or one at a time. Adapters never see two versions of a key, a tombstone or
//! an expired version, unless they ask for [`Snapshot::versions`].

use crate::time::{Hlc, UnixMs};

mod claims;
mod classify;
mod duplicate;
mod encrypted;
mod entries;
mod entry;
mod error;
mod extents;
mod first_pass;
mod focus;
mod index;
mod input;
mod item_runs;
mod merge;
mod missing;
mod open;
pub(crate) mod operational;
mod overlay;
mod point;
mod probe;
mod read_at;
mod read_view;
mod reorder;
mod routes;
mod scan;
mod shared_scan;
mod sizes;
mod stats;
#[cfg(test)]
mod tests;
mod txn;
mod version;
mod warnings;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::container::{Position, Source};
use crate::crypto::Keyring;
use crate::event::Warning;
use crate::interrupt::Interrupt;
use crate::keyspace::Family;
use crate::progress::Progress;
use crate::sort::Scratch;
use extents::Extents;
use index::IndexShape;
use input::Input;
use merge::{Merge, Walk};
use read_view::ReadView;
use routes::RouteCatalog;
use scan::{KeyFilter, Scan, VersionMode};
use shared_scan::SharedScan;
use stats::Largest;
use warnings::shown;

pub use encrypted::{Encrypted, FirstEncrypted};
pub use entries::{Entries, Versions};
pub use entry::{Entry, EntryBuf, RowLocation, Version};
pub use error::{Error, Result};
pub use focus::{Focus, RowFilter};
pub use missing::MissingGroups;
pub use read_at::ReadAt;
pub use sizes::{RowSize, Sizes};
pub use stats::{FamilyStats, GroupOrigin, InputInfo, Large};
pub use txn::{InDoubt, Lock};

/// How a store is opened.
#[derive(Clone, Debug, Default)]
pub struct SnapshotOptions {
    /// Read at this time instead of T; above T it is T (`reading/versions.md#decided-cases`).
    pub at: Option<ReadAt>,
    /// Raft groups of inputs by their paths, where the place in which they were found tells them.
    pub groups: BTreeMap<PathBuf, u64>,
    /// Opens envelopes.
    pub keyring: Option<Arc<Keyring>>,
    /// The store is opened to look at its counts. Without keys encrypted rows are no error before one is read, and of
    /// rows that are read again, but for those of scopes and transactions, only the number is compared.
    pub counts_only: bool,
    /// Snapshots that are searched for commit and rollback records only (`reading/transactions.md#deciding-without-a-server`). They are read when there
    /// are transactions to look up.
    pub txn_from: Vec<Arc<Source>>,
    /// What was read of standard input already, to see that it is no dump.
    pub stdin_head: Arc<[u8]>,
    /// Where transactions are sorted when there are very many of them; the default is in memory.
    pub scratch: Scratch,
    /// Polled while rows are read.
    pub interrupt: Interrupt,
    /// Counts the bytes of the first pass.
    pub progress: Progress,
}

/// One or more snapshots, read at one timestamp. Reading needs only `&self`: each scan has its own buffer.
///
/// ```
/// use ekv_backup::keyspace::Family;
/// use ekv_backup::run::Source;
/// use ekv_backup::snapshot::EntryBuf;
///
/// let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/live/shop/000000000000016e.fsm");
/// let source = Source::new(vec![path.into()]);
/// let snapshot = source.open(&source.scratch(std::env::temp_dir()), &mut |_| ())?.snapshot;
/// assert_eq!(snapshot.stats(Family::S3BucketMeta).visible, 2);
/// let mut buckets = snapshot.scan(Family::S3BucketMeta);
/// let bucket = buckets.next()?.expect("there are two");
/// let (key, body) = (bucket.key.to_vec(), bucket.body.to_vec());
/// let mut row = EntryBuf::default();
/// assert!(snapshot.get(&key, &mut row)? && row.body == body);
/// snapshot.check_unchanged()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Snapshot {
    inputs: Vec<Arc<Input>>,
    /// Indexes of the inputs in the order of their groups: what depends on an order does so on this one.
    order: Vec<u16>,
    infos: Vec<InputInfo>,
    stats: Vec<FamilyStats>,
    largest: Largest,
    warnings: Vec<Warning>,
    encrypted: Encrypted,
    keyring: Option<Arc<Keyring>>,
    view: ReadView,
    latest: Hlc,
    interrupt: Interrupt,
    overlay: overlay::Overlay,
    undecided: Vec<InDoubt>,
    undecided_count: u64,
    catalog: Option<RouteCatalog>,
    focus: Focus,
    /// Cores that the caller has something to do for.
    busy: AtomicUsize,
}

impl Snapshot {
    /// Makes the first pass over all sources: checksums, order, operational rows, counts and ranges by family,
    /// sparse index. Nothing can be read before the footer of each was checked.
    pub fn open(sources: Vec<Source>, options: &SnapshotOptions) -> Result<Self> {
        open::open(sources, options, IndexShape::default())
    }

    /// Returns the read timestamp, an HLC (`reading/versions.md#time`): T, or the one asked for.
    #[must_use]
    pub fn read_ts(&self) -> Hlc {
        self.view.newest
    }

    /// Returns the `last_commit_ts` that the manifest names, an HLC (`tree/manifest.md#manifestjson`, `reading/versions.md#decided-cases`): the payload
    /// header's, with several inputs T; whatever timestamp is read at.
    #[must_use]
    pub fn last_commit_ts(&self) -> Hlc {
        match self.inputs() {
            [info] => info.last_commit_ts,
            _ => self.latest,
        }
    }

    /// Returns the request to stop, for loops over the values in one row.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Returns the read timestamp's millisecond.
    #[must_use]
    pub fn read_ms(&self) -> UnixMs {
        self.read_ts().ms()
    }

    /// Returns the time for questions like "is this TTL past?" (`reading/redis.md#decided-cases`): the greatest ceiling of
    /// the headers less 10 s, since it was agreed on when the snapshot was cut; commit timestamps may stem from a
    /// clock that was set back. Without a header, or read at an older timestamp, that timestamp's time less 10 s.
    #[must_use]
    pub fn now_ms(&self) -> UnixMs {
        let ceiling = self.infos.iter().filter_map(|info| info.ceiling_ms).max();
        let ceiling = ceiling.filter(|_| self.read_ts() >= self.latest);
        UnixMs(ceiling.unwrap_or(self.read_ms()).0.saturating_sub(10_000))
    }

    /// Returns facts about the inputs, in the order in which they were given.
    #[must_use]
    pub fn inputs(&self) -> &[InputInfo] {
        &self.infos
    }

    /// Returns facts about the inputs by Raft group; inputs of unknown group come last.
    #[must_use]
    pub fn inputs_by_group(&self) -> Vec<&InputInfo> {
        let mut infos: Vec<_> = self.infos.iter().collect();
        infos.sort_by_key(|info| info.group().map_or((true, 0), |group| (false, group)));
        infos
    }

    /// Returns the input of the default group: the lowest that is not the timestamp oracle's 0 (`reading/groups.md#several-groups`).
    #[must_use]
    pub fn default_input(&self) -> Option<&InputInfo> {
        let infos = self.inputs_by_group();
        infos.iter().find(|info| info.group() != Some(0)).or(infos.first()).copied()
    }

    /// Returns the path of the input that holds a row, for reports; `None` where there is only one.
    #[must_use]
    pub fn input_name(&self, row: RowLocation) -> Option<String> {
        let info = self.infos.get(row.input()).filter(|_| self.infos.len() > 1)?;
        Some(info.path.to_string_lossy().into_owned())
    }

    /// Gives the sources back, in their order.
    #[must_use]
    pub fn into_sources(self) -> Vec<Source> {
        let inputs = self.inputs.into_iter().filter_map(Arc::into_inner);
        inputs.filter_map(|input| Arc::into_inner(input.source)).collect()
    }

    /// Fails when an input is no longer what it was when it was opened (`tree/outcome.md#outcome`). To be asked when the last
    /// row was read, before what was read is published.
    pub fn check_unchanged(&self) -> Result<()> {
        self.inputs.iter().try_for_each(|input| Ok(input.source.check_unchanged()?))
    }

    /// Returns what the first pass found worth a warning.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Returns what the first pass counted for a family.
    #[must_use]
    pub fn stats(&self, family: Family) -> &FamilyStats {
        static NONE: FamilyStats = FamilyStats {
            rows: 0,
            tombstones: 0,
            shadowed: 0,
            expired: 0,
            visible: 0,
            collections: 0,
            bytes: 0,
        };
        self.stats.get(family.index()).unwrap_or(&NONE)
    }

    /// Lists table segment, generation and number of the visible rows of DynamoDB items, run by run in row order, where
    /// the first pass has counted them; `None` where a scan has to.
    #[must_use]
    pub fn item_runs(&self) -> Option<impl Iterator<Item = (&[u8], u64, u64)>> {
        let [input] = self.inputs.as_slice() else { return None };
        input.catalog.items.list().filter(|_| self.overlay.is_empty() && self.focus.is_everything())
    }

    /// Returns the sum over all families; operational rows are not in it.
    #[must_use]
    pub fn totals(&self) -> FamilyStats {
        let mut totals = FamilyStats::default();
        for stats in &self.stats {
            totals.add(stats);
        }
        totals
    }

    /// Returns the 10 visible entries that take the most room, the largest first.
    #[must_use]
    pub fn largest(&self) -> &[Large] {
        self.largest.as_slice()
    }

    /// Returns how many versions that count are encrypted, under which data keys, and what became of them.
    #[must_use]
    pub fn encrypted(&self) -> &Encrypted {
        &self.encrypted
    }

    /// Returns the keys that the store was opened with.
    #[must_use]
    pub fn keyring(&self) -> Option<&Keyring> {
        self.keyring.as_deref()
    }

    /// Lists the locks of which the inputs do not tell what became of their transactions; the stored version of
    /// each such key counts. At most [`crate::limits::TXN_UNDECIDED`], in row order.
    #[must_use]
    pub fn undecided(&self) -> &[InDoubt] {
        &self.undecided
    }

    /// Returns the number of such locks.
    #[must_use]
    pub fn undecided_count(&self) -> u64 {
        self.undecided_count
    }

    /// Scans the visible entries of one family in row order, whatever the form of the payloads: that of encoded
    /// keys, `user_key · NOT commit_ts` (`reading/versions.md#order-of-rows`).
    /// A key's extensions by bytes below `fe` come before it: `ab` before `a`. Sort where order matters.
    /// Node-local chunks ([`Family::S3ChunkBlob`]) are read at the end of time; mind that an older version of
    /// such a key may be the good one (`format/keys.md#families-of-s3`): use [`Snapshot::versions`].
    #[must_use]
    pub fn scan(&self, family: Family) -> Entries<'_> {
        if let Some(prefixes) = self.focus.of_family(family) {
            return Entries::chain(self, prefixes, None);
        }
        Entries::new(self, self.family(family, VersionMode::Visible), KeyFilter::Family(family))
    }

    /// Splits [`Snapshot::scan`] into at most `parts` scans of about equal length, for as many threads: one behind
    /// the other they lend what it lends. Several inputs are not split.
    #[must_use]
    pub fn scan_parts(&self, family: Family, parts: usize) -> Vec<Entries<'_>> {
        let [input] = self.inputs.as_slice() else { return vec![self.scan(family)] };
        if !self.overlay.is_empty() {
            return vec![self.scan(family)];
        }
        let Some(extents) = input.catalog.extents.get(family.index()) else { return Vec::new() };
        let lists = extents.cut(input.catalog.index.splits(), parts);
        let merge = |list| {
            Merge::new(
                std::iter::once((0, self.over(input, list, family, false).into())),
                VersionMode::Visible,
            )
        };
        lists.into_iter().map(|list| Entries::new(self, merge(list), KeyFilter::Family(family))).collect()
    }

    /// Scans the visible entries whose user key begins with `prefix`, whatever their families. `hint` is the
    /// place of a visible entry at or before the first of them, when the caller has one: it saves the search.
    #[must_use]
    pub fn scan_prefix(&self, prefix: &[u8], hint: Option<RowLocation>) -> Entries<'_> {
        Entries::chain(self, self.focus.of_prefix(prefix), hint)
    }

    fn with_prefix(&self, prefix: &[u8], hint: Option<RowLocation>, mode: VersionMode) -> Merge<'_> {
        let scans = self.numbered().map(|(at, input)| {
            let hint = hint.filter(|hint| hint.input == at && input.is_native());
            let wanted = || KeyFilter::Prefix(prefix.to_vec());
            let shared = if hint.is_none() { self.shared((at, input), mode, wanted) } else { None };
            let alone = || Scan::prefix(input, prefix, hint, self.view, &self.interrupt).into();
            (at, shared.map_or_else(alone, Walk::Shared))
        });
        Merge::new(scans, mode)
    }

    /// Tells that so many threads go through rows at the same time. Where there are more cores than these, a scan of
    /// many rows has another thread read for it.
    pub fn set_busy(&self, threads: usize) {
        self.busy.store(threads, Ordering::Relaxed);
    }

    /// Narrows all scans that follow; the default widens them again. Counts stay those of all rows.
    pub fn set_focus(&mut self, focus: Focus) {
        self.focus = focus;
    }

    /// Scans **all** versions of one family, also those newer than the read timestamp: tombstones, expired and
    /// shadowed ones; newest first for each key.
    #[must_use]
    pub fn versions(&self, family: Family) -> Versions<'_> {
        match self.focus.of_family(family) {
            Some(prefixes) => Versions::chain(self, prefixes),
            None => Versions::new(self, self.family(family, VersionMode::All)),
        }
    }

    /// Tells what all versions of one family take; no focus narrows it.
    #[must_use]
    pub fn sizes(&self, family: Family) -> Sizes<'_> {
        Sizes::new(self.family(family, VersionMode::All), self.view.of(family))
    }

    fn family(&self, family: Family, mode: VersionMode) -> Merge<'_> {
        let scans = self.numbered().map(|(at, input)| {
            let shared = self.shared((at, input), mode, || KeyFilter::Family(family));
            let alone = || {
                let extents = input.catalog.extents.get(family.index()).map(Extents::to_vec);
                self.over(input, extents.unwrap_or_default(), family, true).into()
            };
            (at, shared.map_or_else(alone, Walk::Shared))
        });
        Merge::new(scans, mode)
    }

    /// Begins a scan that another thread shares, where that is worth it.
    fn shared(
        &self,
        input: (u16, &Arc<Input>),
        mode: VersionMode,
        wanted: impl FnOnce() -> KeyFilter,
    ) -> Option<Box<SharedScan>> {
        if mode != VersionMode::Visible {
            return None;
        }
        let busy = self.busy.load(Ordering::Relaxed).max(1);
        SharedScan::start(input, wanted(), self.view, &self.interrupt, busy).map(Box::new)
    }

    fn over<'s>(
        &'s self,
        input: &'s Input,
        extents: Vec<(Position, Position)>,
        family: Family,
        whole: bool,
    ) -> Scan<'s> {
        Scan::over(input, extents, KeyFilter::Family(family), whole, self.view, &self.interrupt)
    }

    /// Lists the inputs with their indexes, in the order of their groups.
    fn numbered(&self) -> impl Iterator<Item = (u16, &Arc<Input>)> {
        self.order.iter().filter_map(|at| Some((*at, self.inputs.get(usize::from(*at))?)))
    }

    /// Returns the place of an input in the order of groups.
    fn mode(&self, input: u16) -> usize {
        self.order.iter().position(|at| *at == input).unwrap_or_default()
    }

    /// Returns the Raft group of an input, where it is known.
    fn group(&self, input: u16) -> Option<u64> {
        self.infos.get(usize::from(input))?.group()
    }
}
