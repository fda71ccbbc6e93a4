//! The first pass over one input: everything that is known about it before the first entry is lent.

use std::cmp::Ordering;

use super::StoreOptions;
use super::classify::Classifier;
use super::clock::Clock;
use super::encrypted::{Encrypted, FirstEncrypted};
use super::facts::Facts;
use super::index::{Index, IndexShape};
use super::operational::Operational;
use super::stats::{FamilyStats, InputInfo, Largest};
use super::stretch::Stretches;
use super::version::{Choice, VersionFilter};
use super::{Error, Result};
use crate::container::{
    self, Checksums, Contents, ErrorKind, Excerpt, Head, KEY_SUFFIX, Layout, Payload, Position, Proof, Rows,
    Source, Start, VALUE_HEADER,
};
use crate::crypto::{Checker, OVERHEAD};
use crate::interrupt::Interrupt;
use crate::keyspace::{Family, Kind};
use crate::progress::Progress;
use crate::{cursor, limits};

/// What the first pass learnt.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) info: InputInfo,
    pub(super) contents: Contents,
    /// Position of the first row.
    pub(super) start: Position,
    /// Position after the last row.
    pub(super) end: Position,
    /// By [`Family::index`].
    pub(super) stats: Vec<FamilyStats>,
    /// Sum of the fingerprints of each family's rows, by [`Family::index`].
    pub(super) fingerprints: Vec<u64>,
    /// By [`Family::index`].
    pub(super) stretches: Vec<Stretches>,
    pub(super) index: Index,
    pub(super) largest: Largest,
    pub(super) facts: Facts,
    /// Versions that count and are envelopes.
    pub(super) encrypted: Encrypted,
    /// Earliest expiry of a version that was taken for visible: at a later read timestamp the counts are wrong.
    pub(super) earliest_expiry: Option<u64>,
}

/// Bytes between two steps of the progress.
const TELL_EVERY: u64 = 1 << 20;

/// The first pass while it runs.
struct Pass<'a> {
    source: &'a Source,
    clock: Clock,
    interrupt: &'a Interrupt,
    progress: &'a Progress,
    /// Offset up to which the progress knows.
    told: u64,
    survey: Survey,
    filter: VersionFilter,
    classifier: Classifier,
    /// The run of rows of one family that is being read: family, start, end.
    run: Option<(Family, Position, Position)>,
    native: bool,
    /// With keys: authenticates each version that counts.
    checker: Option<Checker<'a>>,
}

/// Reads one input from the first byte to the last.
pub(super) fn survey(
    source: &Source,
    clock: Clock,
    shape: IndexShape,
    options: &StoreOptions,
) -> Result<Survey> {
    let interrupt = &options.interrupt;
    let mut layout = Layout::of(source)?;
    let contents = open_contents(source, &layout, interrupt)?;
    let mut info = describe(source, &layout, &contents)?;
    if layout.payload == Payload::Memory {
        let start = Start::read(source, &layout)?;
        let mut checksums = Checksums::new(source, &layout);
        while checksums.step()? {
            interrupt.check()?;
        }
        (layout.payload_end, info.crc32c) = checksums.finish(&start)?;
        info.min_retained_ts = Some(start.min_retained_ts).filter(|ts| *ts != 0);
    }
    // The in-memory store's payload holds plaintext alone (`encryption.md` 12).
    let keyring = options.keyring.as_deref().filter(|_| layout.payload != Payload::Memory);
    let survey = Survey {
        info,
        start: contents.start(&layout),
        end: Position::at(layout.payload_end),
        contents: contents.clone(),
        stats: vec![FamilyStats::default(); Family::COUNT],
        fingerprints: vec![0; Family::COUNT],
        stretches: vec![Stretches::default(); Family::COUNT],
        index: Index::new(shape),
        largest: Largest::default(),
        facts: Facts::default(),
        encrypted: Encrypted::default(),
        earliest_expiry: None,
    };
    std::thread::scope(|scope| {
        let mut pass = Pass {
            source,
            clock,
            interrupt,
            progress: &options.progress,
            told: 0,
            survey,
            filter: VersionFilter::default(),
            classifier: Classifier::default(),
            run: None,
            native: layout.payload != Payload::Memory,
            checker: keyring.map(|keyring| Checker::start(keyring, scope)),
        };
        pass.first(Rows::first(source, &layout, &contents, Some(scope)), &layout)?;
        pass.end_run();
        let footer = pass.survey.info.crc32c;
        let info = &mut pass.survey.info;
        (info.checked_by, info.crc32c) = proof(source, &layout, footer);
        if let (None, Some(error)) = (info.checked_by, source.disproof()) {
            return Err(error.into());
        }
        Ok(pass.completed(&layout))
    })
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
/// (`container.md` 2).
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
        info.min_retained_ts = Some(manifest.min_retained_ts).filter(|ts| *ts != 0);
        info.pending_min_retained_ts = Some(manifest.pending_min_retained_ts).filter(|ts| *ts != 0);
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
            // A footer that does not match is the error, whatever the walk found (`container.md` 2).
            while rows.pass_on()? {
                self.interrupt.check()?;
            }
            let end = rows.finish(self.source, layout)?;
            self.survey.end = Position::at(end.rows_end);
            self.survey.info.crc32c = self.survey.info.crc32c.or(end.footer);
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
        self.survey.index.offer(start, sorted_by, self.filter.nothing_open());
        let bytes = (key.len() + rows.value_len()) as u64;
        if key.len() as u64 > limits::RESTORE_KEY || rows.value_len() as u64 > limits::RESTORE_VALUE {
            self.survey.facts.over_limit(key, key.len(), rows.value_len(), rows.position().offset());
        }
        if let Some(operational) = Operational::of(key).filter(|_| self.native) {
            return self.operational(operational, rows);
        }
        let head = rows.head()?;
        let fingerprint = rows.fingerprint(&head)?;
        let key = user_key(rows.key());
        let family = self.classifier.of(key);
        self.extend_run(family, start, end);
        if let Some(sum) = self.survey.fingerprints.get_mut(family.index()) {
            *sum = sum.wrapping_add(fingerprint);
        }
        if family != Family::S3ChunkBlob {
            let info = &mut self.survey.info;
            info.highest_commit_ts = info.highest_commit_ts.max(head.commit_ts);
            if head.commit_ts > info.last_commit_ts {
                self.survey.facts.above_watermark();
            }
        }
        let clock = self.clock.of(family);
        let choice = self.filter.decide(key.len(), clock.is_too_new(&head));
        if let Some(stats) = self.survey.stats.get_mut(family.index()) {
            stats.rows += 1;
            stats.bytes += bytes;
            stats.tombstones += u64::from(head.tombstone);
            stats.shadowed += u64::from(choice == Choice::Shadowed);
            if choice == Choice::Counts && clock.is_visible(&head) {
                stats.visible += 1;
                self.survey.largest.offer(bytes, key, family);
            } else if choice == Choice::Counts && !head.tombstone {
                stats.expired += 1;
            }
        }
        if choice == Choice::Counts {
            self.counting(rows, head, family, clock)?;
        }
        Ok(())
    }

    /// Looks at a version that counts.
    #[inline]
    fn counting(&mut self, rows: &mut Rows<'_>, head: Head, family: Family, clock: Clock) -> Result<()> {
        // An expired version needs no key, but only a key tells that its expiry is true. A tombstone in an envelope
        // is no server's.
        if head.encrypted && (head.tombstone || clock.is_visible(&head)) {
            if self.survey.encrypted.first.is_none() {
                let (path, position) = (self.source.path().to_owned(), rows.position());
                let place = self.survey.contents.locate(position);
                self.survey.encrypted.first = Some(FirstEncrypted { path, offset: position.offset(), place });
            }
            self.survey.encrypted.count(rows.key_id());
        }
        if let Some(checker) = &mut self.checker
            && (head.encrypted || rows.value_len() >= VALUE_HEADER + OVERHEAD)
        {
            checker.row(&rows.row(head)?);
        }
        if !clock.is_visible(&head) {
            return Ok(());
        }
        if head.expire_at != 0 {
            let earliest = self.survey.earliest_expiry.unwrap_or(u64::MAX);
            self.survey.earliest_expiry = Some(earliest.min(head.expire_at));
        }
        if family.kind() == Kind::Internal {
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
            self.survey.facts.malformed_key(family);
        }
    }

    #[cold]
    fn operational(&mut self, operational: Operational, rows: &mut Rows<'_>) -> Result<()> {
        let (length, info) = (rows.value_len(), &mut self.survey.info);
        info.operational_rows += 1;
        if length != operational.value_len() {
            self.survey.facts.malformed_operational(rows.key(), length);
        }
        // The first 8 bytes of a longer value count, as the live store reads it; a shorter one is absent.
        let (_, mut value) = rows.key_and_value()?;
        let value = cursor::take_u64_le(&mut value);
        match operational {
            Operational::AppliedIndex => info.applied_index = value,
            Operational::MinRetainedTs => info.min_retained_ts = value,
            Operational::PendingMinRetainedTs => info.pending_min_retained_ts = value,
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
            && let Some(stretches) = self.survey.stretches.get_mut(family.index())
        {
            stretches.add(start, end);
        }
    }
}

impl Pass<'_> {
    /// Fills in what only the whole input tells.
    fn completed(mut self, layout: &Layout) -> Survey {
        let tally = self.checker.take().map(Checker::finish).unwrap_or_default();
        self.survey.encrypted.tally = tally.within(&self.survey.contents);
        self.survey.completed(layout)
    }
}

impl Survey {
    /// Fills in what the counts tell.
    fn completed(mut self, layout: &Layout) -> Self {
        let info = &mut self.info;
        info.snapshot_index = info.name_index.or(info.applied_index);
        let rows: u64 = self.stats.iter().map(|stats| stats.rows).sum();
        info.oracle = match layout.payload {
            Payload::Oracle { .. } => true,
            Payload::Native | Payload::Sst => {
                rows == 0
                    && info.last_commit_ts == 0
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
