//! The first pass over one input: everything that is known about it before the first entry is lent.

use std::cmp::Ordering;

use super::SnapshotOptions;
use super::classify::Classifier;
use super::encrypted::{Encrypted, FirstEncrypted};
use super::extents::Extents;
use super::index::{Index, IndexShape};
use super::item_runs::ItemRuns;
use super::operational::Operational;
use super::read_view::ReadView;
use super::stats::{FamilyStats, InputInfo, Largest};
use super::version::{VersionFilter, Visibility};
use super::warnings::FirstPassWarnings;
use super::{Error, Result};
use crate::container::{
    self, Checksums, Contents, ErrorKind, Excerpt, KEY_SUFFIX, Layout, MemoryHeader, Payload, Position,
    Proof, RowHeader, Rows, Source, VALUE_HEADER,
};
use crate::crypto::{Checker, OVERHEAD};
use crate::interrupt::Interrupt;
use crate::keyspace::{Family, Role, redis};
use crate::progress::Progress;
use crate::time::Hlc;
use crate::{cursor, limits};

/// What the first pass learnt.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) info: InputInfo,
    pub(super) contents: Contents,
    /// Position of the first row.
    pub(super) start: Position,
    /// Position after the last row.
    pub(super) end: Position,
    /// By [`Family::index`].
    pub(super) stats: Vec<FamilyStats>,
    /// Sum of the fingerprints of each family's rows, where they may be read again, by [`Family::index`].
    pub(super) fingerprints: Vec<Option<u64>>,
    /// By [`Family::index`].
    pub(super) extents: Vec<Extents>,
    pub(super) items: ItemRuns,
    pub(super) index: Index,
    pub(super) largest: Largest,
    pub(super) warnings: FirstPassWarnings,
    /// Versions that count and are envelopes.
    pub(super) encrypted: Encrypted,
    /// Earliest expiry of a version that was taken for visible: at a later read timestamp the counts are wrong.
    pub(super) earliest_expiry: Option<Hlc>,
}

/// Bytes between two steps of the progress.
const TELL_EVERY: u64 = 1 << 20;

/// The first pass while it runs.
struct Pass<'a> {
    source: &'a Source,
    view: ReadView,
    interrupt: &'a Interrupt,
    progress: &'a Progress,
    /// Offset up to which the progress knows.
    told: u64,
    catalog: Catalog,
    filter: VersionFilter,
    /// The collection of Redis that was counted last.
    collection: Counted,
    classifier: Classifier,
    /// The run of rows of one family that is being read: family, start, end.
    run: Option<(Family, Position, Position)>,
    native: bool,
    /// With keys: authenticates each version that counts.
    checker: Option<Checker<'a>>,
}

/// A collection of Redis with a visible element.
#[derive(Default)]
struct Counted {
    /// Length of the collection's part of the element's key; 0 before the first one.
    len: usize,
    /// Bytes that the current row's key has in common with that element's.
    common: usize,
}

/// Reads one input from the first byte to the last.
pub(super) fn catalog(
    source: &Source,
    view: ReadView,
    shape: IndexShape,
    options: &SnapshotOptions,
) -> Result<Catalog> {
    let interrupt = &options.interrupt;
    let mut layout = Layout::of(source)?;
    let contents = open_contents(source, &layout, interrupt)?;
    let mut info = describe(source, &layout, &contents)?;
    if layout.payload == Payload::Memory {
        let start = MemoryHeader::read(source, &layout)?;
        let mut checksums = Checksums::new(source, &layout);
        while checksums.step()? {
            interrupt.check()?;
        }
        (layout.payload_end, info.crc32c) = checksums.finish(&start)?;
        info.min_retained_ts = Some(start.min_retained_ts).filter(|ts| *ts != Hlc::ZERO);
    }
    // The in-memory store's payload holds plaintext alone (`format/encryption.md#encryption-in-each-payload`).
    let keyring = options.keyring.as_deref().filter(|_| layout.payload != Payload::Memory);
    let catalog = Catalog {
        info,
        start: contents.start(&layout),
        end: Position::at(layout.payload_end),
        contents: contents.clone(),
        stats: vec![FamilyStats::default(); Family::COUNT],
        fingerprints: fingerprints(options.counts_only),
        extents: vec![Extents::default(); Family::COUNT],
        items: ItemRuns::default(),
        index: Index::new(shape),
        largest: Largest::default(),
        warnings: FirstPassWarnings::default(),
        encrypted: Encrypted::default(),
        earliest_expiry: None,
    };
    std::thread::scope(|scope| {
        let mut pass = Pass {
            source,
            view,
            interrupt,
            progress: &options.progress,
            told: 0,
            catalog,
            filter: VersionFilter::default(),
            collection: Counted::default(),
            classifier: Classifier::default(),
            run: None,
            native: layout.payload != Payload::Memory,
            checker: keyring.map(|keyring| Checker::start(keyring, scope)),
        };
        pass.first(Rows::first(source, &layout, &contents, Some(scope)), &layout)?;
        pass.end_run();
        let footer = pass.catalog.info.crc32c;
        let info = &mut pass.catalog.info;
        (info.checked_by, info.crc32c) = proof(source, &layout, footer);
        if let (None, Some(error)) = (info.checked_by, source.disproof()) {
            return Err(error.into());
        }
        Ok(pass.completed(&layout))
    })
}

/// Returns empty sums for the families of which rows are read again.
fn fingerprints(counts_only: bool) -> Vec<Option<u64>> {
    let mut sums = vec![Some(0).filter(|_| !counts_only); Family::COUNT];
    let is_read = |family: &Family| {
        matches!(family.kind(), Role::Internal | Role::Reserved)
            || matches!(family, Family::DynamodbTable | Family::S3BucketMeta | Family::SqsQueueMeta)
    };
    for family in Family::all().filter(is_read) {
        if let Some(sum) = sums.get_mut(family.index()) {
            *sum = Some(0);
        }
    }
    sums
}

/// Returns what proves that the input is whole, and the checksum of the file if one was checked.
fn proof(source: &Source, layout: &Layout, footer: Option<u32>) -> (Option<&'static str>, Option<u32>) {
    match (footer, source.proof()) {
        (Some(_), _) => (Some("footer"), footer),
        (None, Some(Proof::Manifest { crc32c, .. })) => (Some("manifest"), Some(crc32c)),
        (None, Some(Proof::Name)) => (Some("name"), None),
        (None, None) => (Some("payload").filter(|_| layout.payload != Payload::Native), None),
    }
}

/// Reads what comes before the rows. A footer that does not match is the error, whatever is wrong in there
/// (`format/container.md#the-layers-of-a-file`).
fn open_contents(source: &Source, layout: &Layout, interrupt: &Interrupt) -> Result<Contents> {
    let opened = Contents::open(source, layout);
    let known = |kind: &ErrorKind| kind.is_unreadable() || matches!(kind, ErrorKind::NoFooter);
    if layout.footer && opened.as_ref().is_err_and(|error| !known(&error.kind)) {
        let mut rows = Rows::none(source, layout);
        while rows.pass_on()? {
            interrupt.check()?;
        }
        rows.finish(source, layout)?;
    }
    Ok(opened?)
}

/// Collects what the layout and the contents tell.
fn describe(source: &Source, layout: &Layout, contents: &Contents) -> Result<InputInfo> {
    let ceiling_ms = match layout.payload {
        Payload::Oracle { ceiling_ms } => Some(ceiling_ms),
        _ => layout.header.map(|header| header.ceiling_ms),
    };
    let mut info = InputInfo {
        path: source.path().to_owned(),
        size: source.len(),
        compression: source.compression().map(container::Compression::name),
        header_version: layout.header.map(|header| header.version),
        ceiling_ms,
        cutover_index: layout.header.and_then(|header| header.cutover_index),
        payload: layout.payload.name(),
        last_commit_ts: container::last_commit_ts(source, layout)?,
        name_index: source.snapshot_index(),
        ..InputInfo::default()
    };
    if let Some(manifest) = contents.manifest() {
        // Where a row says the same, it is the row that counts.
        info.min_retained_ts = Some(manifest.min_retained_ts).filter(|ts| *ts != Hlc::ZERO);
        info.pending_min_retained_ts = Some(manifest.pending_min_retained_ts).filter(|ts| *ts != Hlc::ZERO);
        info.applied_index = manifest.applied_index;
    }
    if let Payload::Empty | Payload::Oracle { .. } = layout.payload {
        let mut footer = [0; 4];
        source.read_at(&mut footer, layout.payload_end)?;
        info.crc32c = Some(u32::from_be_bytes(footer));
    }
    Ok(info)
}

impl Pass<'_> {
    /// Walks all rows and checks the footer.
    fn first(&mut self, mut rows: Rows<'_>, layout: &Layout) -> Result<()> {
        let walked = self.walk(&mut rows);
        let damaged = matches!(&walked, Err(Error::Container(error)) if !error.kind.is_unreadable());
        if walked.is_ok() || (damaged && layout.footer) {
            // A footer that does not match is the error, whatever the walk found (`format/container.md#the-layers-of-a-file`).
            while rows.pass_on()? {
                self.interrupt.check()?;
            }
            let end = rows.finish(self.source, layout)?;
            self.catalog.end = Position::at(end.rows_end);
            self.catalog.info.crc32c = self.catalog.info.crc32c.or(end.footer);
        }
        walked
    }

    /// Moves the progress, now and then.
    #[inline]
    fn tell(&mut self, offset: u64) {
        let done = offset.saturating_sub(self.told);
        if done >= TELL_EVERY {
            self.progress.add(done);
            self.told = offset;
        }
    }

    fn walk(&mut self, rows: &mut Rows<'_>) -> Result<()> {
        let mut first = true;
        while rows.advance()? {
            self.interrupt.check()?;
            self.tell(rows.position().offset());
            let step = self.filter.step(rows.key());
            if step.ordering != Ordering::Greater && self.native && !first {
                return Err(self.out_of_order(rows));
            }
            self.filter.follow(rows.key(), step);
            self.collection.common = self.collection.common.min(step.common);
            first = false;
            self.row(rows)?;
        }
        Ok(())
    }

    #[cold]
    fn out_of_order(&self, rows: &Rows<'_>) -> Error {
        let (previous, found) = (Excerpt::of(self.filter.previous()), Excerpt::of(rows.key()));
        rows.error(ErrorKind::OutOfOrder { what: "key", previous, found }).into()
    }

    #[inline]
    fn row(&mut self, rows: &mut Rows<'_>) -> Result<()> {
        let key = rows.key();
        let (start, end) = rows.span();
        let sorted_by = if self.native { key } else { user_key(key) };
        self.catalog.index.offer(start, sorted_by, self.filter.nothing_open());
        let bytes = (key.len() + rows.value_len()) as u64;
        if key.len() as u64 > limits::RESTORE_KEY || rows.value_len() as u64 > limits::RESTORE_VALUE {
            self.catalog.warnings.over_limit(key, key.len(), rows.value_len(), rows.position().offset());
        }
        if let Some(operational) = Operational::of(key).filter(|_| self.native) {
            return self.operational(operational, rows);
        }
        let head = rows.head()?;
        let key = user_key(rows.key());
        let family = self.classifier.of(key);
        self.extend_run(family, start, end);
        let mut fingerprint = None;
        if let Some(Some(sum)) = self.catalog.fingerprints.get_mut(family.index()) {
            let of_row = rows.fingerprint(&head)?;
            *sum = sum.wrapping_add(of_row);
            fingerprint = Some(of_row);
        }
        let key = user_key(rows.key());
        if family == Family::DynamodbItem {
            self.catalog.items.add(key, fingerprint);
        }
        if family != Family::S3ChunkBlob {
            let info = &mut self.catalog.info;
            info.highest_commit_ts = info.highest_commit_ts.max(head.commit_ts);
            if family.kind() != Role::Internal {
                info.lowest_commit_ts = Some(info.lowest_commit_ts.unwrap_or(Hlc::MAX).min(head.commit_ts));
            }
            if head.commit_ts > info.last_commit_ts {
                self.catalog.warnings.above_watermark();
            }
        }
        let view = self.view.of(family);
        let choice = self.filter.decide(key.len(), view.is_too_new(&head));
        if let Some(stats) = self.catalog.stats.get_mut(family.index()) {
            stats.rows += 1;
            stats.bytes += bytes;
            stats.tombstones += u64::from(head.tombstone);
            stats.shadowed += u64::from(choice == Visibility::Shadowed);
            if choice == Visibility::Counts && view.is_visible(&head) {
                stats.visible += 1;
                if family == Family::DynamodbItem {
                    self.catalog.items.count_visible();
                }
                let same = self.collection.len != 0 && self.collection.common >= self.collection.len;
                // Of a list another key can go on where this one ends.
                if same && family != Family::ListItem {
                    self.collection.common = key.len();
                } else if let Some(len) = redis::collection_len(family, key) {
                    stats.collections += u64::from(!same || self.collection.len != len);
                    self.collection = Counted { len, common: key.len() };
                }
                self.catalog.largest.offer(bytes, key, family);
            } else if choice == Visibility::Counts && !head.tombstone {
                stats.expired += 1;
            }
        }
        if choice == Visibility::Counts {
            self.counting(rows, head, family, view)?;
        }
        Ok(())
    }

    /// Looks at a version that counts.
    #[inline]
    fn counting(
        &mut self,
        rows: &mut Rows<'_>,
        head: RowHeader,
        family: Family,
        view: ReadView,
    ) -> Result<()> {
        // An expired version needs no key, but only a key tells that its expiry is true. A tombstone in an envelope
        // is no server's.
        if head.encrypted && (head.tombstone || view.is_visible(&head)) {
            if self.catalog.encrypted.first.is_none() {
                let (path, position) = (self.source.path().to_owned(), rows.position());
                let place = self.catalog.contents.locate(position);
                self.catalog.encrypted.first =
                    Some(FirstEncrypted { path, offset: position.offset(), place });
            }
            self.catalog.encrypted.count(rows.key_id());
        }
        if let Some(checker) = &mut self.checker
            && (head.encrypted || rows.value_len() >= VALUE_HEADER + OVERHEAD)
        {
            checker.row(&rows.row(head)?);
        }
        if !view.is_visible(&head) {
            return Ok(());
        }
        if head.expire_at != Hlc::ZERO {
            let earliest = self.catalog.earliest_expiry.unwrap_or(Hlc::MAX);
            self.catalog.earliest_expiry = Some(earliest.min(head.expire_at));
        }
        if family.kind() == Role::Internal {
            self.internal(rows, family);
        }
        Ok(())
    }

    /// Looks at a visible row of an internal family: malformed keys are counted.
    fn internal(&mut self, rows: &Rows<'_>, family: Family) {
        let rest = user_key(rows.key()).get(family.prefix().len()..).unwrap_or_default().len();
        let well_formed = match family {
            Family::DistRoute | Family::DistDelta | Family::DistJob => rest == 8,
            Family::DistJobHistory => rest == 16,
            Family::TxnCommit | Family::TxnRollback => rest >= 8,
            _ => true,
        };
        if !well_formed {
            self.catalog.warnings.malformed_key(family);
        }
    }

    #[cold]
    fn operational(&mut self, operational: Operational, rows: &mut Rows<'_>) -> Result<()> {
        let (length, info) = (rows.value_len(), &mut self.catalog.info);
        info.operational_rows += 1;
        if length != operational.value_len() {
            self.catalog.warnings.malformed_operational(rows.key(), length);
        }
        // The first 8 bytes of a longer value count, as the live store reads it; a shorter one is absent.
        let (_, mut value) = rows.key_and_value()?;
        let value = cursor::take_u64_le(&mut value);
        match operational {
            Operational::AppliedIndex => info.applied_index = value,
            Operational::MinRetainedTs => info.min_retained_ts = value.map(Hlc),
            Operational::PendingMinRetainedTs => info.pending_min_retained_ts = value.map(Hlc),
            Operational::LastCommitTs | Operational::Writer => {}
        }
        Ok(())
    }

    #[inline]
    fn extend_run(&mut self, family: Family, start: Position, end: Position) {
        match &mut self.run {
            Some(run) if run.0 == family => run.2 = end,
            _ => {
                self.end_run();
                self.run = Some((family, start, end));
            }
        }
    }

    #[cold]
    fn end_run(&mut self) {
        if let Some((family, start, end)) = self.run.take()
            && let Some(extents) = self.catalog.extents.get_mut(family.index())
        {
            extents.add(start, end);
        }
    }
}

impl Pass<'_> {
    /// Fills in what only the whole input tells.
    fn completed(mut self, layout: &Layout) -> Catalog {
        let counters = self.checker.take().map(Checker::finish).unwrap_or_default();
        self.catalog.encrypted.counters = counters.within(&self.catalog.contents);
        self.catalog.completed(layout)
    }
}

impl Catalog {
    /// Fills in what the counts tell.
    fn completed(mut self, layout: &Layout) -> Self {
        let info = &mut self.info;
        info.snapshot_index = info.name_index.or(info.applied_index);
        let rows: u64 = self.stats.iter().map(|stats| stats.rows).sum();
        info.oracle = match layout.payload {
            Payload::Oracle { .. } => true,
            Payload::Native | Payload::Sst => {
                rows == 0
                    && info.last_commit_ts == Hlc::ZERO
                    && info.operational_rows == 1
                    && info.applied_index.is_some()
                    && layout.header.is_some()
            }
            _ => false,
        };
        self
    }
}

/// Returns an encoded key without its timestamp.
#[inline]
pub(super) fn user_key(encoded_key: &[u8]) -> &[u8] {
    encoded_key.len().checked_sub(KEY_SUFFIX).and_then(|len| encoded_key.get(..len)).unwrap_or_default()
}
