//! From sources to a store: the first pass over each, and what follows from all of them together.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::Result;
use super::claims::Claims;
use super::encrypted::{self, Encrypted};
use super::first_pass::{Catalog, catalog};
use super::index::IndexShape;
use super::input::Input;
use super::overlay::Overlay;
use super::read_view::ReadView;
use super::stats::{FamilyStats, GroupOrigin, InputInfo, Largest};
use super::warnings;
use super::{Error, Snapshot, SnapshotOptions};
use super::{duplicate, txn};
use crate::container::{self, Layout, Proof, Source};
use crate::event::{Event, Warning};
use crate::keyspace::Family;
use crate::progress::Phase;
use crate::time::Hlc;

/// Opens a store with indexes of this shape.
pub(super) fn open(sources: Vec<Source>, options: &SnapshotOptions, shape: IndexShape) -> Result<Snapshot> {
    let mut at_least = Hlc::ZERO;
    for source in &sources {
        let layout = Layout::of(source).or_else(|error| source.check_unchanged().and(Err(error)))?;
        at_least = at_least.max(container::last_commit_ts(source, &layout)?);
    }
    // What the payloads' headers say is T where a live node wrote them. Where a row lies above it, only an
    // expiry in between can have been judged wrongly.
    let newest = options.at.map_or(Hlc::MAX, |at| at.resolve(at_least));
    let guess = ReadView { newest, now: newest.min(at_least) };
    let catalog = |source: &Source, view| {
        let result = catalog(source, view, shape, options);
        // A file that was written to meanwhile: that is what is wrong, whatever the pass met.
        options.interrupt.check()?;
        source.check_unchanged()?;
        result
    };
    options.progress.enter(Phase::Reading, sources.iter().map(Source::len).sum());
    let mut surveys = Vec::new();
    for source in &sources {
        surveys.push(catalog(source, guess)?);
    }
    let latest = surveys.iter().map(|catalog| catalog.info.highest_commit_ts).fold(at_least, Hlc::max);
    let asked = options.at.map(|at| at.check(latest).map(|()| at.resolve(latest))).transpose()?;
    let view = ReadView::at(asked.map_or(latest, |asked| asked.min(latest)));
    refuse_below_floor(asked, latest, &surveys)?;
    let mut inputs = Vec::new();
    for (source, mut first) in sources.into_iter().zip(surveys) {
        // A time before T is another one where T was guessed wrongly.
        let moved = asked.is_some_and(|asked| asked != newest);
        if moved || first.earliest_expiry.is_some_and(|expiry| expiry <= view.now) {
            first = catalog(&source, view)?;
        }
        inputs.push(Input { source: Arc::new(source), catalog: first });
    }
    let mut snapshot = assemble(inputs, view, latest, options)?;
    if !options.counts_only {
        snapshot.refuse_without_keys()?;
    }
    if snapshot.can_read_all() {
        let read = |source: &Arc<Source>| {
            let mut catalog = catalog(source, view)?;
            let counters = std::mem::take(&mut catalog.encrypted.counters);
            if counters.faulty > 0 {
                return Err(encrypted::undecryptable(source.path().to_owned(), counters));
            }
            Ok(Input { catalog, source: Arc::clone(source) })
        };
        let records = match snapshot.stats(Family::TxnLock).visible {
            0 => Vec::new(),
            _ => options.txn_from.iter().map(read).collect::<Result<_>>()?,
        };
        snapshot.place_inputs(&records)?;
        snapshot.put_in_order();
        snapshot.settle(&records, options)?;
    }
    snapshot.warn_of_time(options.at);
    Ok(snapshot)
}

fn refuse_below_floor(asked: Option<Hlc>, latest: Hlc, surveys: &[Catalog]) -> Result<()> {
    let Some(highest) = surveys.iter().map(|catalog| &catalog.info).max_by_key(|info| info.floor()) else {
        return Ok(());
    };
    let floor = highest.floor();
    match asked.filter(|at| *at < floor && *at < latest) {
        Some(at) => Err(Error::BelowFloor { input: highest.path.clone(), at, floor }),
        None => Ok(()),
    }
}

/// Joins what was learnt about each input; fails when there are keys and a version that counts is not authentic.
fn assemble(
    mut inputs: Vec<Input>,
    view: ReadView,
    latest: Hlc,
    options: &SnapshotOptions,
) -> Result<Snapshot> {
    let mut stats = vec![FamilyStats::default(); Family::COUNT];
    let mut largest = Largest::default();
    let mut warnings = Vec::new();
    let mut infos: Vec<InputInfo> = Vec::new();
    let mut encrypted = Encrypted::default();
    let several = inputs.len() > 1;
    for Input { source, catalog } in &mut inputs {
        for (sum, stats) in stats.iter_mut().zip(&catalog.stats) {
            sum.add(stats);
        }
        for large in catalog.largest.as_slice() {
            largest.take(large.clone());
        }
        if catalog.info.checked_by.is_none() {
            let path = catalog.info.path.to_string_lossy().into_owned();
            warnings.push(Warning::new(Event::INPUT_UNCHECKED).with("path", path));
        }
        let named = several.then(|| catalog.info.path.to_string_lossy().into_owned());
        warnings.extend(catalog.warnings.warnings().into_iter().map(|warning| match &named {
            Some(path) if warning.total().is_none() => warning.with("input", path.as_str()),
            _ => warning,
        }));
        let mut info = std::mem::take(&mut catalog.info);
        let placed = options.groups.get(&info.path).map(|group| (*group, GroupOrigin::Path));
        info.group = placed.or_else(|| match source.proof() {
            Some(Proof::Manifest { group, .. }) => group.map(|group| (group, GroupOrigin::Manifest)),
            _ => None,
        });
        let found = std::mem::take(&mut catalog.encrypted);
        if found.counters.faulty > 0 {
            return Err(encrypted::undecryptable(info.path, found.counters));
        }
        encrypted.add(found);
        infos.push(info);
    }
    if let [info] = infos.as_slice()
        && info.oracle
    {
        warnings.push(Warning::new(Event::ORACLE_SNAPSHOT));
    }
    warnings.extend(warnings::reserved(&stats));
    if let Some(keyring) = &options.keyring {
        let headers = infos.iter().filter(|info| info.header_version.is_some());
        let cutovers = headers.map(|info| info.cutover_index.unwrap_or_default());
        warnings.extend(encrypted::warnings(keyring, &encrypted, cutovers));
    }
    let interrupt = options.interrupt.clone();
    Ok(Snapshot {
        order: (0..).zip(&inputs).map(|(at, _)| at).collect(),
        inputs: inputs.into_iter().map(Arc::new).collect(),
        infos,
        stats,
        largest,
        warnings,
        encrypted,
        keyring: options.keyring.clone(),
        view,
        latest,
        interrupt,
        overlay: Overlay::default(),
        undecided: Vec::new(),
        undecided_count: 0,
        focus: super::Focus::default(),
        catalog: None,
        busy: AtomicUsize::new(1),
    })
}

impl Snapshot {
    /// Orders the inputs by group, so that the order in which they were given does not matter.
    fn put_in_order(&mut self) {
        let infos = &self.infos;
        self.order.sort_by_key(|at| {
            let info = infos.get(usize::from(*at));
            let group = info.and_then(InputInfo::group);
            (group.is_none(), group, info.map(|info| (info.last_commit_ts, info.crc32c, info.size)))
        });
    }

    /// Decides about transactions that were cut in the middle and about keys in several inputs.
    fn settle(&mut self, records: &[Input], options: &SnapshotOptions) -> Result<()> {
        let locks = self.stats(Family::TxnLock).visible > 0;
        if !locks && self.inputs.len() < 2 {
            return Ok(());
        }
        let mut claims = Claims::new(&options.scratch);
        if locks {
            let resolved = txn::resolve(self, records, &options.scratch, &mut claims)?;
            self.warnings.extend(resolved.warnings());
            self.undecided = resolved.undecided;
            self.undecided_count = resolved.undecided_count;
        }
        duplicate::find(self, &mut claims)?;
        claims.settle(self)?.lay_over(self);
        Ok(())
    }
}
