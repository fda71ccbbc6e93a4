//! Exports: objects as the tools of other services and engines load them (`docs/export.md`).
//!
//! In: objects. Out: a directory, or a stream. Each format is a [`Sink`]; what it cannot hold it names in a warning.

mod dynamodb;
mod out;
mod parts;
mod resp;
mod s3;
mod sqs;
mod tables;

use std::io::Write;

pub use parts::Packing;

use crate::bug::Bug;
use crate::error::{Error, Result};
use crate::event::Class;
use crate::keyspace::Namespace;
use crate::model::Refusal;
use crate::service::redis::hll_members;
use crate::sink::Sink;
use crate::tree::Tree;

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Commands of Redis.
    Resp,
    /// Tables as DynamoDB imports them.
    Dynamodb,
    /// Bodies of S3 objects and how they are uploaded.
    S3,
    /// Queues as requests of SQS.
    Sqs,
    /// Tables of all services as lines of JSON.
    Jsonl,
    /// The same as Parquet.
    Parquet,
}

/// How it is made.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line")]
pub struct Settings {
    /// Keys are deleted before they are written.
    pub replace: bool,
    /// Requests of `BatchWriteItem` are written too.
    pub batch: bool,
    /// The upload plan is written for `s5cmd` too.
    pub s5cmd: bool,
    /// The upload plan is written for `rclone` too.
    pub rclone: bool,
    /// Bytes before compression that files are cut at.
    pub part_size: u64,
    /// How lines of JSON are compressed.
    pub packing: Packing,
}

/// Where it goes.
pub enum Target<'w> {
    /// Into files.
    Tree(Tree),
    /// Into a stream.
    Stream(&'w mut dyn Write),
}

impl Target<'_> {
    fn tree(self) -> Result<Tree> {
        match self {
            Target::Tree(tree) => Ok(tree),
            Target::Stream(_) => Err(Bug::new("an export of files goes to a stream").into()),
        }
    }
}

/// A sink of one format.
pub(crate) trait Export<'w>: Sink {
    /// Ends what is open, when all services have ended.
    fn finish(self: Box<Self>) -> Result<Target<'w>>;
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 6] = [Self::Resp, Self::Dynamodb, Self::S3, Self::Sqs, Self::Jsonl, Self::Parquet];

    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Resp => "resp",
            Self::Dynamodb => "dynamodb",
            Self::S3 => "s3",
            Self::Sqs => "sqs",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// Whether it can go to a stream.
    #[must_use]
    pub fn is_stream(self) -> bool {
        matches!(self, Self::Resp)
    }

    /// Whether objects of a service go into it, or are counted as left out.
    #[must_use]
    pub fn takes(self, service: Namespace) -> bool {
        match self {
            // Redis serves keys without a prefix too.
            Self::Resp => matches!(service, Namespace::Redis | Namespace::Kv),
            Self::Dynamodb => service == Namespace::Dynamodb,
            Self::S3 => service == Namespace::S3,
            Self::Sqs => service == Namespace::Sqs,
            Self::Jsonl | Self::Parquet => true,
        }
    }

    /// Returns the sink.
    pub(crate) fn sink<'w>(self, settings: Settings, target: Target<'w>) -> Result<Box<dyn Export<'w> + 'w>> {
        Ok(match self {
            Self::Resp => Box::new(resp::Resp::new(target, settings)?),
            Self::S3 => Box::new(s3::S3::new(target.tree()?, settings)?),
            Self::Sqs => Box::new(sqs::Sqs::new(target.tree()?)),
            Self::Dynamodb => Box::new(dynamodb::Dynamodb::new(target.tree()?, settings)),
            Self::Parquet if cfg!(not(feature = "parquet")) => {
                let what = "this program was built without Parquet (the cargo feature `parquet`)";
                return Err(Error::Name(what.to_owned()));
            }
            Self::Jsonl | Self::Parquet => Box::new(tables::Tables::new(target.tree()?, self, settings)?),
        })
    }
}

/// Says why a `HyperLogLog` has no members; `None` when they can be read.
fn refuse_hll(payload: &[u8]) -> Option<Refusal> {
    let read = hll_members(payload).and_then(|mut members| members.try_for_each(|member| member.map(drop)));
    read.err().map(|error| Refusal::new(Class::INVALID_HLL_VALUE, error.to_string()))
}
