//! One object: the bytes of its file, and of no other.
//!
//! In: all objects, or those that a [`Selection`](crate::name::Selection) leaves. Out: the first file of the object that
//! is asked for. Tables, buckets, queues and directories around it are laid out, so that it is called what it is called
//! in a whole dump, and nothing of them is kept.

use super::{Answer, LayoutOptions, Sink, TreeSink, Wants};
use crate::error::Result;
use crate::keyspace::Namespace;
use crate::model::Object;
use crate::name;
use crate::report::Report;
use crate::tree::{Pick, Tree};

/// Which object is asked for.
pub type IsWanted<'w> = Box<dyn FnMut(Object<'_>, &str) -> Result<bool> + 'w>;

/// Keeps the file of one object.
pub struct Picked<'w> {
    files: TreeSink,
    is_wanted: IsWanted<'w>,
    name: String,
    /// What the object that was asked for is, once it came.
    kind: Option<&'static str>,
    /// How many came.
    met: u64,
}

impl<'w> Picked<'w> {
    /// Passes the file of the object that `is_wanted`, by itself and its name, to `pick`.
    #[must_use]
    pub fn new(pick: Pick, options: LayoutOptions, is_wanted: IsWanted<'w>) -> Self {
        Self {
            files: TreeSink::new(Tree::Pick(pick), options),
            is_wanted,
            name: String::new(),
            kind: None,
            met: 0,
        }
    }

    /// Returns what the object is: `string`, `item`, ...; `None` where it did not come.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        self.kind
    }

    /// Returns how many objects have the name: a text and a number, a string and a `HyperLogLog` can have one.
    #[must_use]
    pub fn met(&self) -> u64 {
        self.met
    }

    /// Returns what became of the file.
    #[must_use]
    pub fn into_pick(self) -> Option<Pick> {
        match self.files.into_tree() {
            Tree::Pick(pick) => Some(pick),
            _ => None,
        }
    }
}

impl Sink for Picked<'_> {
    fn behind(&self) -> Option<&dyn Sink> {
        Some(&self.files)
    }

    fn behind_mut(&mut self) -> Option<&mut dyn Sink> {
        Some(&mut self.files)
    }

    fn wants(&self) -> Wants {
        Wants::Contents
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        let summary = object.summary();
        name::of(&summary, &mut self.name);
        let kind = summary.kind;
        let wanted = (self.is_wanted)(object, &self.name)?;
        if !wanted && !matches!(kind, "table" | "bucket" | "queue") {
            return Ok(Answer::Left);
        }
        if wanted {
            self.kind.get_or_insert(kind);
            self.met += 1;
        }
        if let Tree::Pick(pick) = self.files.tree() {
            pick.arm(wanted);
        }
        self.files.object(report, object)
    }

    fn end_service(&mut self, report: &mut Report<'_>, owner: Namespace) -> Result<()> {
        if let Tree::Pick(pick) = self.files.tree() {
            pick.arm(false);
        }
        self.files.end_service(report, owner)
    }
}
