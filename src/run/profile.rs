//! What a page about a snapshot shows beside what fills it: commits over time, expiries ahead, the largest objects.
//!
//! In: the heads of all objects. Out: a [`Profile`] of bounded size, whatever the snapshot holds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::du::{DuRequest, Usage, counted};
use super::objects::{Walked, walk};
use crate::error::Result;
use crate::event::Warning;
use crate::inputs::Opened;
use crate::model::{Answer, Object};
use crate::name::{self, Selection};
use crate::report::Report;
use crate::service::Options;
use crate::sink::Sink;
use crate::sort::Scratch;
use crate::time::UnixMs;

/// Most bars of a [`Histogram`].
const BARS: usize = 200;
/// Number of the largest objects that are kept.
const LARGEST: usize = 50;
/// Characters of a name that are kept.
const NAME: usize = 256;
/// Expiries later than this many ms after the snapshot have no bar, or all others would share one: ten years.
const FAR: u64 = 3653 * 24 * 3600 * 1000;

/// Counts by time, in at most 200 bars of equal width.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Width of a bar, ms; 0 where nothing was counted.
    pub width_ms: u64,
    /// Objects by the number of the bar: its start is that many widths after 1970.
    pub bars: BTreeMap<u64, u64>,
}

impl Histogram {
    /// Counts one at a time, Unix ms.
    fn add(&mut self, UnixMs(ms): UnixMs) {
        self.width_ms = self.width_ms.max(1000);
        *self.bars.entry(ms / self.width_ms).or_default() += 1;
        while self.span() >= BARS {
            self.width_ms *= 2;
            let mut wider = BTreeMap::new();
            for (bar, count) in std::mem::take(&mut self.bars) {
                *wider.entry(bar / 2).or_default() += count;
            }
            self.bars = wider;
        }
    }

    /// Returns from how many bars to the left of the last one the first one stands.
    fn span(&self) -> usize {
        let ends = self.bars.first_key_value().zip(self.bars.last_key_value());
        ends.map_or(0, |((first, _), (last, _))| usize::try_from(last - first).unwrap_or(usize::MAX))
    }
}

/// An object that is among the largest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LargeObject {
    /// Bytes of its contents.
    pub bytes: u64,
    /// Its name, of which at most 256 characters are kept.
    pub name: String,
    /// What it is.
    pub kind: &'static str,
    /// Elements of a collection.
    pub elements: Option<u64>,
}

/// What a snapshot holds, by time and size.
#[derive(Debug, Default)]
pub struct Profile {
    /// Objects by commit time of their newest row.
    pub commits: Histogram,
    /// Objects by the time when they expire.
    pub expiries: Histogram,
    /// Of those, how many have expired at the read timestamp.
    pub expired: u64,
    /// How many more expire later than ten years after it.
    pub far: u64,
    /// The largest objects, the largest first.
    pub largest: Vec<LargeObject>,
    /// Objects by service and what they are: `("redis", "hash")`.
    pub kinds: BTreeMap<(&'static str, &'static str), u64>,
    /// Their problems.
    pub problems: u64,
    /// The first of them.
    pub listed: Vec<crate::problem::ListedProblem>,
}

/// Reads all rows, and the heads of all objects once: what fills the snapshot ([`du`](super::du::du) of everything), and
/// its profile. `warn` is called with each warning that is kept.
///
/// # Errors
///
/// Whatever is wrong with the snapshot.
pub fn profile(
    opened: &Opened,
    depth: usize,
    scratch: &Scratch,
    warn: impl FnMut(&Warning),
) -> Result<(Vec<Usage>, Profile)> {
    let snapshot = &opened.snapshot;
    let request = DuRequest { selection: Selection::default(), depth };
    counted(snapshot, &request, |counted| {
        let (profile, largest) = (Profile::default(), BinaryHeap::new());
        let mut sink = Profiled { counted, read_ms: snapshot.read_ms(), profile, largest };
        let Walked { problems, listed, .. } = walk(snapshot, &Options::default(), scratch, &mut sink, warn)?;
        let largest = sink.largest.into_sorted_vec().into_iter().map(|(_, large)| large).collect();
        Ok(Profile { largest, problems, listed, ..sink.profile })
    })
}

struct Profiled<'c> {
    /// Counts the same objects by group.
    counted: &'c mut dyn Sink,
    read_ms: UnixMs,
    profile: Profile,
    /// The largest first, of equal ones by name: the last of them is on top.
    largest: BinaryHeap<(Reverse<u64>, LargeObject)>,
}

impl Sink for Profiled<'_> {
    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        self.counted.object(report, object)?;
        let summary = object.summary();
        let profile = &mut self.profile;
        *profile.kinds.entry((summary.service, summary.kind)).or_default() += 1;
        if let Some(commit_ts) = summary.commit_ts {
            profile.commits.add(commit_ts.ms());
        }
        if let Some(expires_ms) = summary.expires_ms {
            if expires_ms.0 > self.read_ms.0.saturating_add(FAR) {
                profile.far += 1;
            } else {
                profile.expiries.add(expires_ms);
            }
            profile.expired += u64::from(expires_ms <= self.read_ms);
        }
        let Some(bytes) = summary.bytes else { return Ok(Answer::Left) };
        let is_full = self.largest.len() >= LARGEST;
        if is_full && self.largest.peek().is_some_and(|(_, last)| last.bytes > bytes) {
            return Ok(Answer::Left);
        }
        let mut name = String::new();
        name::of(&summary, &mut name);
        if let Some((end, _)) = name.char_indices().nth(NAME) {
            name.truncate(end);
            name.push('…');
        }
        let large = LargeObject { bytes, name, kind: summary.kind, elements: summary.elements };
        self.largest.push((Reverse(bytes), large));
        if is_full {
            self.largest.pop();
        }
        Ok(Answer::Left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_wider_until_they_fit() {
        let mut histogram = Histogram::default();
        for second in 0..150 {
            histogram.add(UnixMs(1_700_000_000_000 + second * 1000));
        }
        assert_eq!((histogram.width_ms, histogram.bars.len()), (1000, 150));
        histogram.add(UnixMs(1_700_000_000_000 + 400_000));
        assert_eq!(histogram.width_ms, 4000);
        histogram.add(UnixMs(u64::MAX));
        histogram.add(UnixMs(0));
        assert!(histogram.bars.len() <= BARS && histogram.span() < BARS);
        assert_eq!(histogram.bars.values().sum::<u64>(), 153);
    }
}
