//! Tables for engines: a row for each key, element, item, object, message and inode.
//!
//! In: objects of all services. Out: `<table>/part-00000…` and `tables.jsonl` with the columns of each. What a column is of
//! is decided once ([`schema`]), for lines of JSON and for Parquet.

mod fs;
mod items;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;
mod redis;
mod s3;
mod schema;
mod sqs;
mod store;
mod types;

use sha2::{Digest, Sha256};

use super::{Export, Format, Settings, Target, refuse_hll};
use crate::bug::Bug;
use crate::error::{Error, Result};
use crate::keyspace::Namespace;
use crate::model::dynamodb::Object as Dynamodb;
use crate::model::s3::Object as S3;
use crate::model::sqs::Object as Sqs;
use crate::model::{Answer, Object, Piece, ScopeEnd};
use crate::report::Report;
use crate::sink::{Sink, Wants};
use crate::tree::Tree;
use fs::OpenNode;
use items::Items;
use redis::OpenKey;
use s3::OpenObject;
use schema::Cell;
use store::Store;

const NOT_OPEN: Bug = Bug::new("contents of an object that is not open, or of another one");
const CHECKED: Bug = Bug::new("what was checked does not read back");
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Writes tables.
pub(super) struct Tables {
    store: Store,
    items: Option<Items>,
    open: Option<Open>,
    /// JSON text of a cell.
    json: Vec<u8>,
}

/// The object whose contents come.
enum Open {
    Key(OpenKey),
    Object(Box<OpenObject>),
    Node(OpenNode),
}

impl Tables {
    pub(super) fn new(tree: Tree, format: Format, settings: Settings) -> Result<Self> {
        Ok(Self { store: Store::new(tree, format, settings)?, items: None, open: None, json: Vec::new() })
    }

    fn hash(&mut self) -> Result<&mut Sha256> {
        match &mut self.open {
            Some(Open::Object(open)) => Ok(&mut open.hash),
            Some(Open::Node(open)) => Ok(&mut open.hash),
            Some(Open::Key(_)) | None => Err(NOT_OPEN.into()),
        }
    }
}

impl<'w> Export<'w> for Tables {
    fn finish(self: Box<Self>) -> Result<Target<'w>> {
        Ok(Target::Tree(self.store.finish()?))
    }
}

impl Sink for Tables {
    fn wants(&self) -> Wants {
        Wants::Contents
    }

    fn object(&mut self, _: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::Redis(key) => return self.redis(key),
            Object::Fs(node) => return self.node(node),
            Object::S3(S3::Object(head)) => {
                self.open = Some(Open::Object(Box::new(OpenObject::of(head))));
                return Ok(Answer::Open);
            }
            Object::S3(S3::Bucket(bucket)) => self.bucket(bucket)?,
            Object::Sqs(Sqs::Queue(queue)) => self.queue(queue)?,
            Object::Sqs(Sqs::Message(message)) => self.message(message)?,
            Object::Dynamodb(Dynamodb::Table(table)) => {
                self.items = Some(Items::new(self.store.tree.scratch(), table));
            }
            Object::Dynamodb(Dynamodb::Item(item)) => {
                let items = self.items.as_mut().ok_or(NOT_OPEN)?;
                items.push(item).map_err(|error| match (error, item.place) {
                    (Error::Internal(bug), Some(place)) => bug.or_at(place).into(),
                    (error, _) => error,
                })?;
            }
            Object::Kv(pair) => {
                let ([key, key_base64], [value, value_base64]) =
                    (Cell::pair(pair.key), Cell::pair(pair.value));
                let cells = [key, key_base64, value, value_base64, Cell::known(pair.commit_ts.0)];
                self.store.row(&schema::KV, &cells)?;
            }
            Object::S3(S3::Orphan(_) | S3::Upload(_)) | Object::Sqs(Sqs::SideRecord(_)) => {
                return Ok(Answer::Left);
            }
        }
        Ok(Answer::Taken)
    }

    fn piece(&mut self, piece: Piece<'_>) -> Result<Answer> {
        match piece {
            Piece::Element(element) => self.piece_of_key(element)?,
            Piece::Bytes(bytes) => self.hash()?.update(bytes),
            Piece::Zeros(mut left) => {
                let hash = self.hash()?;
                while left > 0 {
                    let zeros =
                        usize::try_from(left).ok().and_then(|left| ZEROS.get(..left)).unwrap_or(&ZEROS);
                    hash.update(zeros);
                    left -= u64::try_from(zeros.len()).unwrap_or(left);
                }
            }
            Piece::File { .. } => return Err(NOT_OPEN.into()),
        }
        Ok(Answer::Open)
    }

    fn end(&mut self, _: &mut Report<'_>) -> Result<Answer> {
        match self.open.take() {
            Some(Open::Key(open)) => self.end_key(&open)?,
            Some(Open::Object(open)) => self.end_object(*open)?,
            Some(Open::Node(open)) => self.end_node(open)?,
            None => return Err(NOT_OPEN.into()),
        }
        Ok(Answer::Taken)
    }

    fn abandon(&mut self) -> Result<()> {
        // A key that is nothing after all had no element.
        self.open = None;
        Ok(())
    }

    fn end_scope(&mut self, report: &mut Report<'_>, end: ScopeEnd) -> Result<()> {
        match (end, self.items.take()) {
            (ScopeEnd::Table, Some(items)) => items.finish(&mut self.store, report),
            _ => Ok(()),
        }
    }

    fn end_service(&mut self, _: &mut Report<'_>, _: Namespace) -> Result<()> {
        self.store.end_all()
    }
}
