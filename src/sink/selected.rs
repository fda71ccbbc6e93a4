//! A part of the objects: those that a [`Selection`] selects.
//!
//! In: all objects. Out: the selected ones, to the sink behind, and how many of each scope it took. A table, bucket,
//! queue or directory goes with what is selected in it. All names of a bucket are announced, so that files are called
//! what they are called in a whole dump; for the same reason the sink hears of the objects of other shares.

use std::collections::BTreeMap;

use super::{Answer, Refusal, Sink};
use crate::error::Result;
use crate::keyspace::Namespace;
use crate::model::{Object, ScopeEnd, Summary, s3};
use crate::name::{self, SERVICES, Selection};
use crate::report::Report;

/// Passes the selected objects on.
pub struct Selected<'s> {
    sink: &'s mut dyn Sink,
    selection: &'s Selection,
    name: String,
    /// Service and scope of the object that is open.
    open: Option<(Namespace, Vec<u8>)>,
    /// Whether anything of the scope was passed on.
    in_scope: bool,
    counts: BTreeMap<(Namespace, Vec<u8>), u64>,
}

impl<'s> Selected<'s> {
    /// Passes what `selection` selects to `sink`.
    pub fn new(selection: &'s Selection, sink: &'s mut dyn Sink) -> Self {
        Self { sink, selection, name: String::new(), open: None, in_scope: false, counts: BTreeMap::new() }
    }

    /// Returns how many objects of a scope were taken.
    #[must_use]
    pub fn count(&self, service: Namespace, scope: &[u8]) -> u64 {
        self.counts.get(&(service, scope.to_vec())).copied().unwrap_or_default()
    }

    /// Whether anything of a scope was taken.
    #[must_use]
    pub fn has_taken(&self, service: Namespace, scope: &[u8]) -> bool {
        self.counts.contains_key(&(service, scope.to_vec()))
    }
}

/// Whether the sink is to see an object, in this share or another one.
fn passes(selection: &Selection, summary: &Summary<'_>, name: &mut String) -> bool {
    name::of(summary, name);
    let is_container = matches!(summary.kind, "table" | "bucket" | "queue" | "directory");
    selection.matches(name) || (is_container && selection.reaches(name))
}

/// Whether it is a bucket of which there is no record.
fn is_unrecorded(object: Object<'_>) -> bool {
    matches!(object, Object::S3(s3::Object::Bucket(s3::Bucket { meta: None, .. })))
}

impl Sink for Selected<'_> {
    fn behind(&self) -> Option<&dyn Sink> {
        Some(self.sink)
    }

    fn behind_mut(&mut self) -> Option<&mut dyn Sink> {
        Some(self.sink)
    }

    fn refusal(&self, object: Object<'_>) -> Option<Refusal> {
        let refusal = self.sink.refusal(object)?;
        passes(self.selection, &object.summary(), &mut String::new()).then_some(refusal)
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        let summary = object.summary();
        self.open = None;
        if !passes(self.selection, &summary, &mut self.name) {
            return Ok(Answer::Left);
        }
        self.in_scope = true;
        if !self.selection.shard().is_none_or(|shard| shard.owns_object(&summary, &self.name)) {
            return self.sink.other(object);
        }
        let counts =
            matches!(object, Object::Redis(_)) || matches!(summary.kind, "item" | "object" | "message");
        let service = SERVICES.into_iter().find(|service| service.name() == summary.service);
        let key = service.map(|service| (service, summary.scope.into_owned()));
        let answer = self.sink.object(report, object)?;
        match (&answer, key) {
            (Answer::Open, key) => self.open = key,
            // Of a bucket without a record there is something only if there is an object.
            (Answer::Taken | Answer::Left, Some(key)) if !is_unrecorded(object) => {
                *self.counts.entry(key).or_default() += u64::from(counts);
            }
            _ => {}
        }
        Ok(answer)
    }

    fn end(&mut self, report: &mut Report<'_>) -> Result<Answer> {
        let answer = self.sink.end(report)?;
        if let Some(key) = self.open.take().filter(|_| !matches!(answer, Answer::Refused(_))) {
            *self.counts.entry(key).or_default() += 1;
        }
        Ok(answer)
    }

    fn abandon(&mut self) -> Result<()> {
        self.open = None;
        self.sink.abandon()
    }

    fn end_scope(&mut self, report: &mut Report<'_>, end: ScopeEnd) -> Result<()> {
        if std::mem::take(&mut self.in_scope) { self.sink.end_scope(report, end) } else { Ok(()) }
    }

    fn end_service(&mut self, report: &mut Report<'_>, owner: Namespace) -> Result<()> {
        self.in_scope = false;
        self.sink.end_service(report, owner)
    }
}
