//! A list: a line an object, of those that are asked for, in the order in which they come or in one that is asked for.
//!
//! In: heads of objects. Out: what `render` makes of each. Sorted lines wait in bounded memory and on disk.

use std::io::{self, Write};

use super::{Answer, Sink};
use crate::error::{Error, Result};
use crate::model::sqs::{self, Delivery, Message};
use crate::model::{Object, Summary};
use crate::name::{self, Selection};
use crate::report::Report;
use crate::snapshot::ReadAt;
use crate::sort::{Scratch, Sorter};
use crate::time::Hlc;

/// Memory for lines that are sorted, bytes.
const MEMORY: usize = 16 << 20;

/// What of the selected objects is listed, and in which order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// Committed at or after this time.
    pub since: Option<ReadAt>,
    /// Committed at or before this time.
    pub until: Option<ReadAt>,
    /// Not in the order in which they come.
    pub order: Option<Order>,
    /// Messages with where they are on their way.
    pub deliveries: bool,
    /// Not what is there, but what was deleted.
    pub deleted: bool,
    /// So many at most; where nothing is sorted, reading ends there.
    pub limit: Option<u64>,
}

/// An order of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Bytewise by name.
    Name,
    /// The largest first; those of unknown size last; of equal ones by name.
    Size,
    /// The newest first; those of unknown time last; of equal ones by name.
    Time,
}

/// An object that is listed.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Its name in the one spelling that is printed and accepted.
    pub name: &'a str,
    /// What is known of it.
    pub summary: &'a Summary<'a>,
    /// It is there no more: its commit time is that of its deletion.
    pub deleted: bool,
    /// Of a message, where somebody asks for it.
    pub delivery: Option<&'a Delivery>,
}

/// Makes a line of an object, with its line break.
pub type Render<'a> = dyn FnMut(&Listed<'_>, &mut Vec<u8>) + 'a;

/// Tells where a message is on its way.
pub type Deliveries<'a> = dyn Fn(&Message<'_>) -> Result<Delivery> + 'a;

/// Lists objects.
pub struct List<'a> {
    deliveries: Option<&'a Deliveries<'a>>,
    selection: &'a Selection,
    query: Query,
    /// First and last commit time, HLC; `None`: no time is asked for.
    times: Option<(Hlc, Hlc)>,
    sorter: Option<Sorter>,
    render: &'a mut Render<'a>,
    out: &'a mut dyn Write,
    name: String,
    line: Vec<u8>,
    key: Vec<u8>,
    written: u64,
}

impl<'a> List<'a> {
    /// Lists what is selected and asked for in `out`; times before the last commit are before `latest`, the time that
    /// the snapshot is read at.
    ///
    /// # Errors
    ///
    /// A number that is no HLC.
    pub fn new(
        selection: &'a Selection,
        query: Query,
        latest: Hlc,
        scratch: &Scratch,
        render: &'a mut Render<'a>,
        out: &'a mut dyn Write,
    ) -> Result<Self> {
        for time in [query.since, query.until].into_iter().flatten() {
            time.check(latest)?;
        }
        let times = (query.since.is_some() || query.until.is_some()).then(|| {
            let first = query.since.map_or(Hlc::ZERO, |time| time.start(latest));
            (first, query.until.map_or(Hlc::MAX, |time| time.resolve(latest)))
        });
        Ok(Self {
            deliveries: None,
            selection,
            query,
            times,
            sorter: query.order.map(|_| Sorter::new(scratch, MEMORY)),
            render,
            out,
            name: String::new(),
            line: Vec::new(),
            key: Vec::new(),
            written: 0,
        })
    }

    /// Tells of each message where it is on its way.
    #[must_use]
    pub fn with_deliveries(self, deliveries: &'a Deliveries<'a>) -> Self {
        Self { deliveries: Some(deliveries), ..self }
    }

    /// Lists an object that is selected, where its time is asked for.
    pub fn add(&mut self, listed: &Listed<'_>) -> Result<()> {
        let is_asked = |time| self.times.is_none_or(|(first, last)| (first..=last).contains(&time));
        if self.times.is_some() && !listed.summary.commit_ts.is_some_and(is_asked) {
            return Ok(());
        }
        self.line.clear();
        (self.render)(listed, &mut self.line);
        match (&mut self.sorter, self.query.order) {
            (Some(sorter), Some(order)) => {
                order.key(listed, &mut self.key);
                Ok(sorter.push(&self.key, &self.line)?)
            }
            _ => write(self.out, &self.line, &mut self.written, self.query.limit),
        }
    }

    /// Writes what was sorted.
    pub fn finish(&mut self) -> Result<()> {
        let Some(sorter) = &mut self.sorter else { return Ok(()) };
        let mut lines = sorter.sort()?;
        while self.query.limit.is_none_or(|limit| self.written < limit) {
            let Some((_, line)) = lines.next()? else { break };
            write(self.out, line, &mut self.written, None)?;
        }
        Ok(())
    }
}

/// Writes a line; the one after the last that is wanted is as if nobody read any more.
fn write(out: &mut dyn Write, line: &[u8], written: &mut u64, limit: Option<u64>) -> Result<()> {
    if limit.is_some_and(|limit| *written >= limit) {
        return Err(Error::Output(io::ErrorKind::BrokenPipe.into()));
    }
    *written += 1;
    out.write_all(line).map_err(Error::Output)
}

impl Order {
    /// Writes what an object is sorted by in place of what `key` holds.
    fn key(self, listed: &Listed<'_>, key: &mut Vec<u8>) {
        key.clear();
        let largest_first = match self {
            Self::Name => None,
            Self::Size => Some(listed.summary.bytes),
            Self::Time => Some(listed.summary.commit_ts.map(|time| time.0)),
        };
        if let Some(number) = largest_first {
            key.push(u8::from(number.is_none()));
            key.extend_from_slice(&(!number.unwrap_or_default()).to_be_bytes());
        }
        key.extend_from_slice(listed.name.as_bytes());
    }
}

impl Sink for List<'_> {
    fn object(&mut self, _report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        let summary = object.summary();
        let mut name = std::mem::take(&mut self.name);
        name::of(&summary, &mut name);
        if self.selection.selects(&name) {
            let delivery = match (object, self.deliveries) {
                (Object::Sqs(sqs::Object::Message(message)), Some(tell)) => Some(tell(message)?),
                _ => None,
            };
            let delivery = delivery.as_ref();
            self.add(&Listed { name: &name, summary: &summary, deleted: false, delivery })?;
        }
        self.name = name;
        Ok(Answer::Left)
    }
}
