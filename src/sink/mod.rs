//! Where objects go.
//!
//! A service calls [`Sink::object`] for each object that counts. What the sink answers decides what follows: nothing, or
//! the contents in [pieces](Piece) and then [`Sink::end`], or [`Sink::abandon`] where the service finds that the object
//! cannot be served after all. One object is open at a time. Which rows count is the service's business, and no sink
//! changes it; what files are called is a sink's.

mod digest;
mod lines;
mod list;
mod picked;
mod selected;
mod tree;

pub use crate::model::{Answer, Refusal};
pub use digest::Digest;
pub use lines::{Lines, line};
pub use list::{Deliveries, List, Listed, Order, Query, Render};
pub use picked::{IsWanted, Picked};
pub use selected::Selected;
pub use tree::{LayoutOptions, TreeSink};

use crate::error::Result;
use crate::keyspace::Namespace;
use crate::model::{Object, Piece, ScopeEnd, s3};
use crate::report::Report;
use crate::time::Hlc;

/// How much of its objects a sink looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Their heads: a service that would have to read contents for their own sake does not.
    Heads,
    /// Contents too.
    Contents,
    /// Contents too; bodies of S3 by their place, where they are files ([`Piece::File`]).
    Places,
}

/// Takes objects. What a sink does not say itself, the one behind it does, if it has one.
pub trait Sink {
    /// Returns the sink that objects are passed on to.
    fn behind(&self) -> Option<&dyn Sink> {
        None
    }

    /// Returns the same, to pass something on.
    fn behind_mut(&mut self) -> Option<&mut dyn Sink> {
        None
    }

    /// How much of the objects is looked at: of a sink that says nothing else, heads, so that none of the methods
    /// about contents is called.
    fn wants(&self) -> Wants {
        self.behind().map_or(Wants::Heads, Sink::wants)
    }

    /// Hears the snapshot's time (HLC) before any object comes.
    fn begin(&mut self, last_commit_ts: Hlc) {
        if let Some(sink) = self.behind_mut() {
            sink.begin(last_commit_ts);
        }
    }

    /// Says whether the sink has no place for an object, before anything of it is looked at.
    fn refusal(&self, object: Object<'_>) -> Option<Refusal> {
        self.behind()?.refusal(object)
    }

    /// Hears of a generation of a bucket, given by their name and number, before objects come: a sink that gives names
    /// plans them from the keys.
    fn announce(&mut self, generation: (&[u8], u64), announced: &mut dyn s3::Announced) -> Result<()> {
        self.behind_mut().map_or(Ok(()), |sink| sink.announce(generation, announced))
    }

    /// Takes an object, or the head of one.
    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer>;

    /// Hears of an object of another share, in its order: its name counts, and nothing is made of it
    /// ([`Shard`](crate::name::Shard)). Left, or refused where each share has to say so.
    fn other(&mut self, object: Object<'_>) -> Result<Answer> {
        self.behind_mut().map_or(Ok(Answer::Left), |sink| sink.other(object))
    }

    /// Takes a part of the contents of the open object. After a refusal nothing of it is kept, and no end follows.
    fn piece(&mut self, piece: Piece<'_>) -> Result<Answer> {
        self.behind_mut().map_or(Ok(Answer::Left), |sink| sink.piece(piece))
    }

    /// Ends the open object: it counts.
    fn end(&mut self, report: &mut Report<'_>) -> Result<Answer> {
        self.behind_mut().map_or(Ok(Answer::Taken), |sink| sink.end(report))
    }

    /// Forgets the open object, if there is one.
    fn abandon(&mut self) -> Result<()> {
        self.behind_mut().map_or(Ok(()), Sink::abandon)
    }

    /// Ends a table, bucket or queue: no object of it follows.
    fn end_scope(&mut self, report: &mut Report<'_>, end: ScopeEnd) -> Result<()> {
        self.behind_mut().map_or(Ok(()), |sink| sink.end_scope(report, end))
    }

    /// Ends a service: no object of it follows.
    fn end_service(&mut self, report: &mut Report<'_>, owner: Namespace) -> Result<()> {
        self.behind_mut().map_or(Ok(()), |sink| sink.end_service(report, owner))
    }

    /// Returns where the last object went, for messages; empty where it has no place of its own.
    fn place(&self) -> &[u8] {
        self.behind().map_or(b"", Sink::place)
    }
}
