//! Objects to the rows of a snapshot: what a dump is restored from (`encoding.md`).
//!
//! In: objects, as a [`Sink`] takes them. Out: a payload that nodes restore: all rows of all objects, sorted by encoded key
//! in bounded memory, each of them at one commit timestamp. Keys and values are written by the code that parses them.

mod bodies;
mod dynamodb;
mod fingerprint;
mod fs;
mod payload;
mod proof;
mod redis;
mod rows;
mod s3;
mod sqs;

pub use bodies::Bodies;
pub use fingerprint::Known;
pub use payload::{Outputs, Payload, Written};
pub use proof::{Proof, Proving};

use crate::bug::Bug;
use crate::error::Result;
use crate::keyspace::Namespace;
use crate::model::{self, Answer, Object, Piece, ScopeEnd};
use crate::report::Report;
use crate::sink::{Sink, Wants};
use crate::sort::Scratch;
use crate::time::{Hlc, UnixMs};
use rows::Rows;

const NOT_OPEN: Bug = Bug::new("contents of an object that is not open");

/// How objects become rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The one commit timestamp of all rows, an HLC.
    pub commit_ts: Hlc,
    /// What the reference encoder writes, and nothing else (`compat.md#encoding`).
    pub reference_rows: bool,
    /// When the rows are made, Unix ms: what is over by then is counted.
    pub now_ms: UnixMs,
    /// Redis keys that have expired by now are left out.
    pub drop_expired: bool,
    /// What is added to the times of SQS messages, ms.
    pub sqs_shift_ms: i64,
    /// What the dump says of receives is kept.
    pub preserve_sqs_visibility: bool,
}

/// Makes the rows of objects.
#[derive(Debug)]
pub struct Encode {
    options: Options,
    rows: Rows,
    proof: Option<Proof>,
    /// Objects, by their numbers, whose names are asked for.
    named: Vec<(u64, String)>,
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
            proof: None,
            named: Vec::new(),
            open: None,
            dynamodb: dynamodb::Dynamodb::default(),
            fs: fs::Fs::new(scratch),
            redis: redis::Redis::default(),
            s3: s3::S3::default(),
            sqs: sqs::Sqs::new(scratch),
        }
    }

    /// Returns the rows, when all services have ended, and the proof of what they hold.
    pub fn finish(self) -> Result<(Payload, Option<Proof>)> {
        Ok((self.rows.finish(self.options.commit_ts)?, self.proof))
    }
}

impl Encode {
    /// Proves later on that what was taken is in the snapshot.
    #[must_use]
    pub fn proving(self, proof: Proof) -> Self {
        Self { proof: Some(proof), ..self }
    }

    /// Finds out what objects are called, given their numbers in an earlier run.
    #[must_use]
    pub fn naming(self, objects: &[u64]) -> Self {
        Self { named: objects.iter().map(|object| (*object, String::new())).collect(), ..self }
    }

    /// Returns the names that were asked for.
    #[must_use]
    pub fn into_names(self) -> Vec<String> {
        self.named.into_iter().map(|(_, name)| name).collect()
    }

    /// Takes an object as it is restored.
    fn put(&mut self, object: Object<'_>) -> Result<Answer> {
        let rows = &mut self.rows;
        rows.begin_object();
        for (_, name) in self.named.iter_mut().filter(|(number, _)| *number == rows.object()) {
            crate::name::of(&object.summary(), name);
        }
        let (owner, answer) = match object {
            Object::Dynamodb(object) => (Namespace::Dynamodb, self.dynamodb.object(rows, object)?),
            Object::Redis(key) => (Namespace::Redis, self.redis.key(rows, key)?),
            Object::S3(object) => (Namespace::S3, self.s3.object(rows, object)?),
            Object::Sqs(object) => (Namespace::Sqs, self.sqs.object(rows, &self.options, object)?),
            Object::Fs(node) => (Namespace::Fs, self.fs.node(rows, node)?),
            Object::Kv(pair) => {
                rows.row(|out| out.extend_from_slice(pair.key), |out| out.extend_from_slice(pair.value))?;
                (Namespace::Kv, Answer::Taken)
            }
        };
        self.open = (answer == Answer::Open).then_some(owner);
        let answer = if answer == Answer::Taken { self.rows.end_object() } else { answer };
        if let Some(proof) = self.proof.as_mut().filter(|_| matches!(answer, Answer::Taken | Answer::Open)) {
            proof.begin(object, answer == Answer::Open)?;
        }
        Ok(answer)
    }
}

impl Sink for Encode {
    fn wants(&self) -> Wants {
        Wants::Places
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::Fs(_) | Object::Kv(_) if self.options.reference_rows => Ok(Answer::Left),
            Object::Redis(key) if self.redis.is_left_out(key, &self.options) => Ok(Answer::Left),
            Object::S3(model::s3::Object::Bucket(bucket)) => {
                let meta = s3::restored(bucket, report, &self.options);
                let bucket = model::s3::Bucket { meta: Some(&meta), ..*bucket };
                self.put(Object::S3(model::s3::Object::Bucket(&bucket)))
            }
            // Nothing tells of its bucket, without which nobody finds the object.
            Object::S3(model::s3::Object::Object(head)) => {
                if self.s3.lacks_bucket(head.bucket) {
                    let bucket = model::s3::Bucket { name: head.bucket, meta: None, commit_ts: None };
                    self.object(report, Object::S3(model::s3::Object::Bucket(&bucket)))?;
                }
                let parts = if self.options.reference_rows { &[] } else { head.parts };
                let head = model::s3::ObjectHead { parts, ..*head };
                self.put(Object::S3(model::s3::Object::Object(&head)))
            }
            Object::Sqs(model::sqs::Object::Queue(named)) => {
                let queue = sqs::restored(named.queue, &self.options);
                let named = model::sqs::NamedQueue { queue: &queue, ..*named };
                self.put(Object::Sqs(model::sqs::Object::Queue(&named)))
            }
            Object::Sqs(model::sqs::Object::Message(message)) => {
                let message = self.sqs.restored(message, &self.options);
                self.put(Object::Sqs(model::sqs::Object::Message(&message)))
            }
            object => self.put(object),
        }
    }

    fn piece(&mut self, piece: Piece<'_>) -> Result<Answer> {
        let rows = &mut self.rows;
        let answer = match (self.open, piece) {
            (Some(Namespace::Redis), Piece::Element(element)) => self.redis.element(rows, element),
            (Some(Namespace::Fs), piece) => self.fs.piece(rows, piece),
            (Some(Namespace::S3), piece) => self.s3.piece(rows, piece),
            _ => Err(NOT_OPEN.into()),
        }?;
        if let Some(proof) = &mut self.proof {
            proof.piece(piece)?;
        }
        Ok(answer)
    }

    fn end(&mut self, _report: &mut Report<'_>) -> Result<Answer> {
        let answer = match self.open.take() {
            Some(Namespace::Fs) => self.fs.end(&mut self.rows)?,
            Some(Namespace::Redis) => self.redis.end(&mut self.rows)?,
            Some(Namespace::S3) => self.s3.end(&mut self.rows)?,
            _ => return Err(NOT_OPEN.into()),
        };
        let answer = if answer == Answer::Taken { self.rows.end_object() } else { answer };
        match &mut self.proof {
            Some(proof) if answer == Answer::Taken => proof.end()?,
            Some(proof) => proof.forget(),
            None => {}
        }
        Ok(answer)
    }

    fn abandon(&mut self) -> Result<()> {
        if self.open.take().is_some() {
            self.rows.abandon_object();
        }
        self.proof.as_mut().map(Proof::forget);
        Ok(())
    }

    fn end_scope(&mut self, report: &mut Report<'_>, end: ScopeEnd) -> Result<()> {
        match end {
            ScopeEnd::Table => self.dynamodb.end_table(report),
            ScopeEnd::Queue { last_sequence } => {
                let last_sequence = if self.options.reference_rows { 0 } else { last_sequence };
                if let Some((queue, last_sequence)) =
                    self.sqs.end_queue(&mut self.rows, report, last_sequence)?
                    && let Some(proof) = &mut self.proof
                {
                    proof.scope(ScopeEnd::Queue { last_sequence }, &queue)?;
                }
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

#[cfg(test)]
mod tests;
