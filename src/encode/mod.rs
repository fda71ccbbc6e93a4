//! Objects to the rows of a snapshot: what a dump is restored from (`encode.md`).
//!
//! In: objects, as a [`Sink`] takes them. Out: a payload that nodes restore: all rows of all objects, sorted by encoded key
//! in bounded memory, each of them at one commit timestamp. Keys and values are written by the code that parses them.

mod bodies;
mod dynamodb;
mod fs;
mod payload;
mod redis;
mod rows;
mod s3;
mod sqs;

pub use bodies::Bodies;
pub use payload::{Payload, Written};

use crate::bug::Bug;
use crate::error::Result;
use crate::keyspace::Namespace;
use crate::model::{Answer, Object, Piece, ScopeEnd};
use crate::report::Report;
use crate::sink::{Sink, Wants};
use crate::sort::Scratch;
use rows::Rows;

const NOT_OPEN: Bug = Bug::new("contents of an object that is not open");

/// How objects become rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The one commit timestamp of all rows, an HLC.
    pub commit_ts: u64,
    /// What the reference encoder writes, and nothing else (`encode.md` 13).
    pub reference_rows: bool,
    /// When the rows are made, Unix ms: what is over by then is counted.
    pub now_ms: u64,
    /// Redis keys that have expired by now are left out.
    pub drop_expired: bool,
    /// What the dump says of receives is kept.
    pub preserve_sqs_visibility: bool,
}

/// Makes the rows of objects.
#[derive(Debug)]
pub struct Encode {
    options: Options,
    rows: Rows,
    /// The service whose object is open.
    open: Option<Namespace>,
    dynamodb: dynamodb::Dynamodb,
    fs: fs::Fs,
    redis: redis::Redis,
    s3: s3::S3,
    sqs: sqs::Sqs,
}

impl Encode {
    /// Returns a sink without rows, which are sorted in `scratch`.
    #[must_use]
    pub fn new(scratch: &Scratch, options: Options) -> Self {
        Self {
            options,
            rows: Rows::new(scratch, options.commit_ts),
            open: None,
            dynamodb: dynamodb::Dynamodb::default(),
            fs: fs::Fs::new(scratch),
            redis: redis::Redis::default(),
            s3: s3::S3::default(),
            sqs: sqs::Sqs::new(scratch),
        }
    }

    /// Returns the rows, when all services have ended.
    pub fn finish(self) -> Result<Payload> {
        self.rows.finish(self.options.commit_ts)
    }
}

impl Sink for Encode {
    fn wants(&self) -> Wants {
        Wants::Places
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        self.rows.begin_object();
        let rows = &mut self.rows;
        let (owner, answer) = match object {
            Object::Dynamodb(object) => (Namespace::Dynamodb, self.dynamodb.object(rows, object)?),
            Object::Redis(key) => (Namespace::Redis, self.redis.key(rows, &self.options, key)?),
            Object::S3(object) => (Namespace::S3, self.s3.object(rows, report, (object, &self.options))?),
            Object::Sqs(object) => (Namespace::Sqs, self.sqs.object(rows, &self.options, object)?),
            Object::Fs(_) | Object::Kv(_) if self.options.reference_rows => return Ok(Answer::Left),
            Object::Fs(node) => (Namespace::Fs, self.fs.node(rows, node)?),
            Object::Kv(pair) => {
                rows.row(|out| out.extend_from_slice(pair.key), |out| out.extend_from_slice(pair.value))?;
                (Namespace::Kv, Answer::Taken)
            }
        };
        self.open = (answer == Answer::Open).then_some(owner);
        Ok(if answer == Answer::Taken { self.rows.end_object() } else { answer })
    }

    fn piece(&mut self, piece: Piece<'_>) -> Result<Answer> {
        match (self.open, piece) {
            (Some(Namespace::Redis), Piece::Element(element)) => self.redis.element(&mut self.rows, element),
            (Some(Namespace::Fs), piece) => self.fs.piece(&mut self.rows, piece),
            (Some(Namespace::S3), piece) => self.s3.piece(&mut self.rows, piece),
            _ => Err(NOT_OPEN.into()),
        }
    }

    fn end(&mut self, _report: &mut Report<'_>) -> Result<Answer> {
        let answer = match self.open.take() {
            Some(Namespace::Fs) => self.fs.end(&mut self.rows)?,
            Some(Namespace::Redis) => self.redis.end(&mut self.rows)?,
            Some(Namespace::S3) => self.s3.end(&mut self.rows)?,
            _ => return Err(NOT_OPEN.into()),
        };
        Ok(if answer == Answer::Taken { self.rows.end_object() } else { answer })
    }

    fn abandon(&mut self) -> Result<()> {
        if self.open.take().is_some() {
            self.rows.abandon_object();
        }
        Ok(())
    }

    fn end_scope(&mut self, report: &mut Report<'_>, end: ScopeEnd) -> Result<()> {
        match end {
            ScopeEnd::Table => self.dynamodb.end_table(report),
            ScopeEnd::Queue { last_sequence } => {
                self.sqs.end_queue(&mut self.rows, report, (&self.options, last_sequence))?;
            }
            ScopeEnd::Bucket => {}
        }
        Ok(())
    }

    fn end_service(&mut self, report: &mut Report<'_>, owner: Namespace) -> Result<()> {
        match owner {
            Namespace::Redis => self.redis.finish(report, &self.options),
            Namespace::Fs => self.fs.finish(&mut self.rows, report)?,
            Namespace::S3 => self.s3.finish(report),
            _ => {}
        }
        Ok(())
    }
}
