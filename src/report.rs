//! What a run has to say besides the tree: warnings (to a sink, at once) and problems (to `PROBLEMS.jsonl`).
//!
//! Both are values; only `cli` prints. Memory is bounded: of each warning event the first
//! [`limits::WARNINGS_PER_EVENT`] are kept, the rest counted; problems are sorted with runs on disk.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::codec::gojson::{self as json, Html, Lossy};
use crate::error::Result;
use crate::event::{Class, Warning};
use crate::limits;
pub use crate::problem::Problem;
use crate::snapshot::RowLocation;
use crate::sort::{Scratch, Sorter};

/// Lets problems pass, and warnings.
type Only<'a> = (Box<dyn Fn(&Problem<'_>) -> bool + 'a>, Box<dyn Fn(&Warning) -> bool + 'a>);

/// Collects the warnings and problems of one run.
pub struct Report<'a> {
    sink: Box<dyn FnMut(&Warning) + 'a>,
    /// Says in words where a row is, beyond its offset.
    locate: Box<dyn Fn(RowLocation) -> Option<String> + 'a>,
    /// Which problems and warnings are recorded; `None`: all.
    only: Option<Only<'a>>,
    kept: Vec<Warning>,
    counts: BTreeMap<&'static str, u64>,
    problems: Sorter,
    problem_count: u64,
    /// Paths of the inputs by their index, where there are several.
    inputs: Vec<Vec<u8>>,
}

impl<'a> Report<'a> {
    /// Returns an empty report; `sink` is called with each warning that is kept, as it comes up.
    pub fn new(scratch: &Scratch, sink: impl FnMut(&Warning) + 'a) -> Self {
        Self {
            sink: Box::new(sink),
            locate: Box::new(|_| None),
            only: None,
            kept: Vec::new(),
            counts: BTreeMap::new(),
            problems: Sorter::new(scratch, 1 << 20),
            problem_count: 0,
            inputs: Vec::new(),
        }
    }

    /// Names the inputs in the order of the store: where there are several, problems name theirs.
    pub fn name_inputs<'p>(&mut self, paths: impl Iterator<Item = &'p Path>) {
        self.inputs = paths.map(|path| path.as_os_str().as_encoded_bytes().to_vec()).collect();
        if self.inputs.len() < 2 {
            self.inputs.clear();
        }
    }

    /// Adds to each problem's message what `locate` says of its row.
    #[must_use]
    pub fn locating(self, locate: impl Fn(RowLocation) -> Option<String> + 'a) -> Self {
        Self { locate: Box::new(locate), ..self }
    }

    /// Records only the problems and warnings that these let pass; what is adopted passes all the same.
    #[must_use]
    pub fn only(
        self,
        problems: impl Fn(&Problem<'_>) -> bool + 'a,
        warnings: impl Fn(&Warning) -> bool + 'a,
    ) -> Self {
        Self { only: Some((Box::new(problems), Box::new(warnings))), ..self }
    }

    /// Records a warning.
    pub fn warn(&mut self, warning: Warning) {
        if self.only.as_ref().is_some_and(|(_, passes)| !passes(&warning)) {
            return;
        }
        debug_assert!(warning.is_allowed(), "fields of another row: {warning:?}");
        let count = self.counts.entry(warning.event.name()).or_default();
        *count += 1;
        if *count <= limits::WARNINGS_PER_EVENT {
            (self.sink)(&warning);
            self.kept.push(warning);
        }
    }

    /// Records warnings that were capped where they come from: all of them are kept. One that follows
    /// [`limits::WARNINGS_PER_EVENT`] of its event and has the field `count` alone tells how many there were.
    pub fn adopt(&mut self, warnings: &[Warning]) {
        for warning in warnings {
            debug_assert!(warning.is_allowed(), "fields of another row: {warning:?}");
            let count = self.counts.entry(warning.event.name()).or_default();
            let total = warning.total().filter(|_| *count >= limits::WARNINGS_PER_EVENT);
            *count = total.unwrap_or(*count + 1);
            (self.sink)(warning);
            self.kept.push(warning.clone());
        }
    }

    /// Records a problem: one line of `PROBLEMS.jsonl`.
    pub fn problem(&mut self, problem: &Problem<'_>) -> Result<()> {
        if self.only.as_ref().is_some_and(|(passes, _)| !passes(problem)) {
            return Ok(());
        }
        self.problem_count += 1;
        let key = sort_key(problem.adapter.as_bytes(), problem.scope, problem.key);
        let mut line = Vec::new();
        let input = problem.place.and_then(|place| self.inputs.get(place.input()));
        let mut shown = Line::new(problem, input.map(Vec::as_slice));
        let message;
        if let Some(place) = problem.place.and_then(&self.locate) {
            message = format!("{} (in {place})", problem.message);
            shown.message = &message;
        }
        json::compact(&mut line, &shown, Html::Raw);
        self.problems.push(&key, &line)?;
        Ok(())
    }

    /// Returns the number of problems so far.
    #[must_use]
    pub fn problem_count(&self) -> u64 {
        self.problem_count
    }

    /// Returns the warnings that were kept, in the order in which they came up.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.kept
    }

    /// Returns how often each event came up, kept or not.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// Returns the lines of `PROBLEMS.jsonl`, sorted by (adapter, scope, key) and then in the order in which
    /// they came up. Each value that the sorter lends is one line without its newline.
    pub fn problems(&mut self) -> &mut Sorter {
        &mut self.problems
    }
}

/// Orders like the tuple (adapter, scope, key): a zero byte cannot end a part early.
pub(crate) fn sort_key(adapter: &[u8], scope: &[u8], name: &[u8]) -> Vec<u8> {
    let mut key = Vec::new();
    for part in [adapter, scope] {
        for &byte in part {
            key.push(byte);
            if byte == 0 {
                key.push(0xff);
            }
        }
        key.extend_from_slice(&[0, 1]);
    }
    key.extend_from_slice(name);
    key
}

#[derive(Serialize)]
struct Line<'a> {
    adapter: &'static str,
    scope: Lossy<'a>,
    key: String,
    class: Class,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Lossy<'a>>,
}

impl<'a> Line<'a> {
    fn new(problem: &'a Problem<'a>, input: Option<&'a [u8]>) -> Self {
        use base64::Engine;
        Line {
            adapter: problem.adapter,
            scope: Lossy(problem.scope),
            key: base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(problem.key),
            class: problem.class,
            message: &problem.message,
            offset: problem.place.map(RowLocation::offset),
            input: input.map(Lossy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn problem<'a>(scope: &'a [u8], key: &'a [u8], message: &str) -> Problem<'a> {
        let place = Some(RowLocation::new(0, 7));
        Problem {
            adapter: "s3",
            scope,
            key,
            class: Class::S3_CORRUPT_OBJECT,
            message: message.to_owned(),
            place,
        }
    }

    #[test]
    fn warnings_go_to_the_sink_up_to_the_limit_and_are_counted_beyond() {
        let scratch = Scratch::new(std::env::temp_dir());
        let mut seen = 0;
        let mut report = Report::new(&scratch, |_| seen += 1);
        for number in 0..limits::WARNINGS_PER_EVENT + 5 {
            report.warn(Warning::new(Event::ENVELOPE_KEY_PURPOSE).with("key_id", number));
        }
        assert_eq!(report.counts().get("envelope_key_purpose"), Some(&(limits::WARNINGS_PER_EVENT + 5)));
        drop(report);
        assert_eq!(seen, limits::WARNINGS_PER_EVENT);
    }

    #[test]
    fn the_last_of_a_capped_event_tells_how_many_there_were() {
        let scratch = Scratch::new(std::env::temp_dir());
        let mut report = Report::new(&scratch, |_| {});
        let (capped, other) = (Event::META_ROW_MALFORMED, Event::VERSION_ABOVE_WATERMARK);
        let one = |number| Warning::new(capped).with("key", "k").with("length", number);
        let named = (0..limits::WARNINGS_PER_EVENT).map(one);
        let mut warnings: Vec<_> = named.collect();
        warnings.push(Warning::new(capped).with("count", 250));
        warnings.push(Warning::new(other).with("count", 7));
        report.adopt(&warnings);
        assert_eq!(report.warnings(), warnings);
        assert_eq!(report.counts(), &BTreeMap::from([(capped.name(), 250), (other.name(), 1)]));
    }

    #[test]
    fn problems_are_sorted_by_scope_and_key_whatever_bytes_they_hold() {
        let scratch = Scratch::new(std::env::temp_dir());
        let mut report = Report::new(&scratch, |_| {});
        for (scope, key) in [(&b"b"[..], &b"a"[..]), (b"a\0z", b"k"), (b"a", b"\xff"), (b"a", b"")] {
            report.problem(&problem(scope, key, "is \"bad\"")).unwrap();
        }
        assert_eq!(report.problem_count(), 4);
        let mut lines = Vec::new();
        let mut sorted = report.problems().sort().unwrap();
        while let Some((_, line)) = sorted.next().unwrap() {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
        }
        let first = r#"{"adapter":"s3","scope":"a","key":"","class":"S3_CORRUPT_OBJECT","message":"is \"bad\"","offset":7}"#;
        assert_eq!(lines[0], first);
        assert!(lines[1].contains(r#""key":"_w""#));
        assert!(lines[2].contains(r#""scope":"a\u0000z""#));
        assert!(lines[3].contains(r#""scope":"b""#));
    }
}
