//! What the objects of a snapshot are: typed, borrowed from where they were read, no I/O.
//!
//! A service makes them from rows, a [sink](crate::sink) takes them. One file a service; what it holds is all that any
//! sink has to know of an object, in the words of the service.

mod answer;
pub mod dynamodb;
pub mod fs;
pub mod kv;
pub mod redis;
pub mod s3;
pub mod sqs;

pub use answer::{Answer, Refusal};

use crate::time::{Hlc, UnixMs};
use std::borrow::Cow;

/// One object, or the head of one whose contents follow in [pieces](Piece).
///
/// ```
/// use ekv_backup::model::Object;
/// use ekv_backup::report::Report;
/// use ekv_backup::run::{Source, objects};
/// use ekv_backup::service::Options;
/// use ekv_backup::sink::{Answer, Sink, Wants};
///
/// /// Counts keys of Redis.
/// struct Keys(u64);
///
/// impl Sink for Keys {
///     fn wants(&self) -> Wants {
///         Wants::Heads
///     }
///
///     fn object(&mut self, _: &mut Report<'_>, object: Object<'_>) -> ekv_backup::Result<Answer> {
///         self.0 += u64::from(matches!(object, Object::Redis(_)));
///         Ok(Answer::Taken)
///     }
/// }
///
/// let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/live/shop/000000000000016e.fsm");
/// let source = Source::new(vec![path.into()]);
/// let scratch = source.scratch(std::env::temp_dir());
/// let opened = source.open(&scratch, &mut |_| ())?;
/// let mut keys = Keys(0);
/// objects(&opened.snapshot, &Options::default(), &scratch, &mut keys, |_| ())?;
/// assert_eq!(keys.0, 51);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// Of DynamoDB.
    Dynamodb(dynamodb::Object<'a>),
    /// A key that no service owns.
    Kv(&'a kv::Pair<'a>),
    /// A file or directory of the filesystem.
    Fs(&'a fs::Node<'a>),
    /// A key of Redis.
    Redis(&'a redis::Key<'a>),
    /// Of S3.
    S3(s3::Object<'a>),
    /// Of SQS.
    Sqs(sqs::Object<'a>),
}

/// A part of the contents of the object that was announced last, in their order.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// Bytes of a body.
    Bytes(&'a [u8]),
    /// The whole body, which is a file of a dump: for sinks that want [places](crate::sink::Wants::Places).
    File {
        /// Path from the dump's root.
        path: &'a [u8],
        /// Its length, bytes.
        length: u64,
        /// Its SHA-256.
        digest: &'a [u8; 32],
    },
    /// So many zero bytes of a body, which are not stored.
    Zeros(u64),
    /// An element of a collection of Redis.
    Element(redis::Element<'a>),
}

/// The end of a table, bucket or queue: no object of it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeEnd {
    /// Of a table of DynamoDB.
    Table,
    /// Of a bucket of S3.
    Bucket,
    /// Of a queue of SQS, or of the records of one that is gone.
    Queue {
        /// The last sequence number that it issued; 0 where it counts none.
        last_sequence: u64,
    },
}

/// What can be said of any object in one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary<'a> {
    /// Name of the service: `redis`, `dynamodb`, `s3`, `sqs`, `fs` or `kv`.
    pub service: &'static str,
    /// Table, bucket, queue, `db_0`; empty where there is none.
    pub scope: Cow<'a, [u8]>,
    /// The object's own name, as its users spell it; of a scope's own record empty.
    pub name: Cow<'a, [u8]>,
    /// Of an item with a range key: how many bytes of `name` are its hash key; a `/` stands behind it.
    pub hash_len: Option<usize>,
    /// What it is: `string`, `item`, `message`, …
    pub kind: &'static str,
    /// Bytes of its contents, as far as they are known at its head.
    pub bytes: Option<u64>,
    /// Elements of a collection.
    pub elements: Option<u64>,
    /// When it expires, Unix ms.
    pub expires_ms: Option<UnixMs>,
    /// Commit time of its newest row, HLC.
    pub commit_ts: Option<Hlc>,
}

impl Object<'_> {
    /// Says of the object what can be said in one line.
    #[must_use]
    pub fn summary(&self) -> Summary<'_> {
        match self {
            Self::Dynamodb(object) => object.summary(),
            Self::Kv(pair) => pair.summary(),
            Self::Fs(node) => node.summary(),
            Self::Redis(key) => key.summary(),
            Self::S3(object) => object.summary(),
            Self::Sqs(object) => object.summary(),
        }
    }
}
