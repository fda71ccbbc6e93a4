//! Tables for engines: a row for each key, element, item, object, message and inode.
//!
//! In: objects of all services. Out: `<table>/part-00000…` and `tables.jsonl` with the columns of each. What a column is of
//! is decided once ([`schema`]), for lines of JSON and for Parquet.

mod items;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;
mod schema;
mod store;
mod types;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Export, Format, Settings, Target, refuse_hll};
use crate::bug::Bug;
use crate::error::{Error, Result};
use crate::keyspace::Namespace;
use crate::keyspace::redis::StreamId;
use crate::layout::sqs::pieces::Pieces;
use crate::model::dynamodb::Object as Dynamodb;
use crate::model::fs::{InodeRecord, Node, NodeType};
use crate::model::redis::{Collection, Element, EntryFields, Key, Value};
use crate::model::s3::{Bucket, Headers, Object as S3, ObjectHead};
use crate::model::sqs::{Message, NamedQueue, Object as Sqs};
use crate::model::{Answer, Object, Piece, ScopeEnd};
use crate::report::Report;
use crate::service::redis::hll_members;
use crate::sink::{Sink, Wants};
use crate::time::{Hlc, UnixMs};
use crate::tree::Tree;
use crate::tree::json::{self, Html};
use items::Items;
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

struct OpenKey {
    key: Vec<u8>,
    collection: Collection,
    expiry_ms: Option<UnixMs>,
    commit_ts: Hlc,
    last: StreamId,
    elements: u64,
}

struct OpenObject {
    bucket: Vec<u8>,
    key: Vec<u8>,
    headers: Headers<'static>,
    part_sizes: Vec<i64>,
    commit_ts: Hlc,
    hash: Sha256,
}

struct OpenNode {
    path: Vec<u8>,
    inode: u64,
    record: InodeRecord,
    commit_ts: Hlc,
    hash: Sha256,
}

impl Tables {
    pub(super) fn new(tree: Tree, format: Format, settings: Settings) -> Result<Self> {
        Ok(Self { store: Store::new(tree, format, settings)?, items: None, open: None, json: Vec::new() })
    }

    fn redis(&mut self, key: &Key<'_>) -> Result<Answer> {
        match key.value {
            Value::Collection { collection, last, .. } => {
                let (expiry_ms, commit_ts) = (key.expiry_ms, key.commit_ts);
                let key = key.key.to_vec();
                self.open =
                    Some(Open::Key(OpenKey { key, collection, expiry_ms, commit_ts, last, elements: 0 }));
                return Ok(Answer::Open);
            }
            Value::String(value) => {
                let kept = (key.expiry_ms, key.commit_ts);
                self.key(key.key, "string", Cell::pair(value), [Cell::Null; 2], kept)?;
            }
            Value::Hll(payload) => {
                if let Some(refusal) = refuse_hll(payload) {
                    return Ok(Answer::Refused(refusal));
                }
                let mut members = 0;
                for member in hll_members(payload).map_err(|_| CHECKED)? {
                    let name = [Cell::Text(member.map_err(|_| CHECKED)?), Cell::Null];
                    self.element(key.key, "hll", members, (name, [Cell::Null; 2]), [Cell::Null; 2])?;
                    members += 1;
                }
                let kept = (key.expiry_ms, key.commit_ts);
                let counted = [Cell::UInt(members), Cell::Null];
                self.key(key.key, "hll", [Cell::Null; 2], counted, kept)?;
            }
        }
        Ok(Answer::Taken)
    }

    fn key(
        &mut self,
        key: &[u8],
        kind: &str,
        value: [Cell<'_>; 2],
        [elements, last]: [Cell<'_>; 2],
        (expiry_ms, commit_ts): (Option<UnixMs>, Hlc),
    ) -> Result<()> {
        let [key, key_base64] = Cell::pair(key);
        let [value, value_base64] = value;
        let expiry = expiry_ms.map_or(Cell::Null, |ms| Cell::UInt(ms.0));
        let cells = [
            key,
            key_base64,
            Cell::Text(kind),
            value,
            value_base64,
            elements,
            last,
            expiry,
            Cell::known(commit_ts.0),
        ];
        self.store.row(&schema::REDIS_KEYS, &cells)
    }

    fn element(
        &mut self,
        key: &[u8],
        kind: &str,
        position: u64,
        ([name, name_base64], [value, value_base64]): ([Cell<'_>; 2], [Cell<'_>; 2]),
        [score, fields]: [Cell<'_>; 2],
    ) -> Result<()> {
        let [key, key_base64] = Cell::pair(key);
        let cells = [
            key,
            key_base64,
            Cell::Text(kind),
            Cell::UInt(position),
            name,
            name_base64,
            value,
            value_base64,
            score,
            fields,
        ];
        self.store.row(&schema::REDIS_ELEMENTS, &cells)
    }

    fn piece_of_key(&mut self, element: Element<'_>) -> Result<()> {
        let Some(Open::Key(mut open)) = self.open.take() else { return Err(NOT_OPEN.into()) };
        let mut json = std::mem::take(&mut self.json);
        let none = [Cell::Null; 2];
        let id;
        let (named, rest) = match element {
            Element::Field { name, value } => ((Cell::pair(name), Cell::pair(value)), none),
            Element::Item(value) => ((none, Cell::pair(value)), none),
            Element::Member(name) => ((Cell::pair(name), none), none),
            Element::Scored { member, score } => {
                ((Cell::pair(member), none), [Cell::Float(score), Cell::Null])
            }
            Element::Entry { id: entry, fields } => {
                open.last = open.last.max(entry);
                id = stream_id(entry);
                fields_text(&mut json, fields)?;
                (([Cell::Text(&id), Cell::Null], none), [Cell::Null, Cell::Json(&json)])
            }
        };
        self.element(&open.key, open.collection.name(), open.elements, named, rest)?;
        open.elements += 1;
        self.open = Some(Open::Key(open));
        self.json = json;
        Ok(())
    }

    fn end_key(&mut self, open: &OpenKey) -> Result<()> {
        let last = stream_id(open.last);
        let last = if open.collection == Collection::Stream { Cell::Text(&last) } else { Cell::Null };
        let counted = [Cell::UInt(open.elements), last];
        let kept = (open.expiry_ms, open.commit_ts);
        self.key(&open.key, open.collection.name(), [Cell::Null; 2], counted, kept)
    }

    fn bucket(&mut self, bucket: &Bucket<'_>) -> Result<()> {
        let [name, base64] = Cell::pair(bucket.name);
        let text =
            |text: fn(&crate::model::s3::BucketMeta) -> &str| Cell::given(bucket.meta.map_or("", text));
        let cells = [
            name,
            base64,
            Cell::known(bucket.meta.map_or(Hlc::ZERO, |meta| meta.created_at).ms().0),
            text(|meta| &meta.owner),
            text(|meta| &meta.region),
            text(|meta| &meta.acl),
            Cell::known(bucket.commit_ts.unwrap_or_default().0),
        ];
        self.store.row(&schema::BUCKETS, &cells)
    }

    fn end_object(&mut self, open: OpenObject) -> Result<()> {
        let OpenObject { bucket, key, headers, part_sizes, commit_ts, hash } = open;
        let ([bucket, bucket_base64], [key, key_base64]) = (Cell::pair(&bucket), Cell::pair(&key));
        let digest = hex::encode(hash.finalize());
        let (mut metadata, mut parts) = (Vec::new(), Vec::new());
        json::compact(&mut metadata, &headers.user_metadata, Html::Raw);
        json::compact(&mut parts, &part_sizes, Html::Raw);
        // Only an upload in parts has an ETag with their number.
        let is_multipart = headers.etag.contains('-');
        let cells = [
            bucket,
            bucket_base64,
            key,
            key_base64,
            Cell::Int(headers.size),
            Cell::given(&headers.etag),
            Cell::Text(&digest),
            Cell::known(headers.last_modified.ms().0),
            Cell::given(&headers.content_type),
            Cell::given(&headers.content_encoding),
            Cell::given(&headers.cache_control),
            Cell::given(&headers.content_disposition),
            if headers.user_metadata.is_empty() { Cell::Null } else { Cell::Json(&metadata) },
            if is_multipart { Cell::Json(&parts) } else { Cell::Null },
            Cell::known(commit_ts.0),
        ];
        self.store.row(&schema::OBJECTS, &cells)
    }

    fn queue(&mut self, named: &NamedQueue<'_>) -> Result<()> {
        let queue = named.queue;
        let [name, base64] = Cell::pair(named.name);
        dense(&mut self.json, queue.tags)?;
        let cells = [
            name,
            base64,
            Cell::Bool(queue.fifo),
            Cell::Bool(queue.content_based_deduplication),
            Cell::Int(queue.visibility_timeout),
            Cell::Int(queue.message_retention),
            Cell::Int(queue.delay),
            Cell::Int(queue.receive_message_wait),
            Cell::Int(queue.maximum_message_size),
            Cell::given(&queue.redrive_policy),
            Cell::given(&queue.redrive_allow_policy),
            object(&self.json),
            Cell::UInt(queue.partition_count.into()),
            Cell::Int(queue.created_at),
            Cell::Int(queue.last_modified_at),
            Cell::Int(queue.last_purged_at),
            Cell::known(named.commit_ts.0),
        ];
        self.store.row(&schema::QUEUES, &cells)
    }

    fn message(&mut self, message: &Message<'_>) -> Result<()> {
        let ([queue, queue_base64], [body, body_base64]) =
            (Cell::pair(message.queue), Cell::pair(message.body));
        dense(&mut self.json, message.attributes)?;
        let cells = [
            queue,
            queue_base64,
            Cell::Text(&message.id),
            body,
            body_base64,
            Cell::given(&message.md5_of_body),
            object(&self.json),
            Cell::given(&message.md5_of_message_attributes),
            Cell::given(&message.sender_id),
            Cell::given(&message.group_id),
            Cell::given(&message.deduplication_id),
            Cell::known(message.sequence_number),
            Cell::Int(message.send_timestamp),
            Cell::Int(message.available_at),
            Cell::Int(message.visible_at),
            Cell::Int(message.receive_count),
            if message.first_receive == 0 { Cell::Null } else { Cell::Int(message.first_receive) },
            Cell::given(&message.dead_letter_source_arn),
            message.partition.map_or(Cell::Null, |partition| Cell::UInt(partition.into())),
            Cell::known(message.commit_ts.0),
        ];
        self.store.row(&schema::MESSAGES, &cells)
    }

    fn node(&mut self, node: &Node<'_>) -> Result<Answer> {
        let &Node { path, inode, record, commit_ts, .. } = node;
        let open = OpenNode { path: path.to_vec(), inode, record: *record, commit_ts, hash: Sha256::new() };
        if record.node_type == NodeType::File {
            self.open = Some(Open::Node(open));
            return Ok(Answer::Open);
        }
        self.end_node(open)?;
        Ok(Answer::Taken)
    }

    fn end_node(&mut self, open: OpenNode) -> Result<()> {
        let OpenNode { path, inode, record, commit_ts, hash } = open;
        let [path, path_base64] = Cell::pair(&path);
        let is_file = record.node_type == NodeType::File;
        let digest = hex::encode(hash.finalize());
        let cells = [
            path,
            path_base64,
            Cell::UInt(inode),
            Cell::Text(if is_file { "file" } else { "directory" }),
            Cell::UInt(record.size),
            if is_file { Cell::Text(&digest) } else { Cell::Null },
            Cell::UInt(record.mode.into()),
            Cell::UInt(record.uid.into()),
            Cell::UInt(record.gid.into()),
            Cell::UInt(record.nlink.into()),
            Cell::UInt(record.generation),
            Cell::Int(record.atime_nsec),
            Cell::Int(record.mtime_nsec),
            Cell::Int(record.ctime_nsec),
            Cell::known(commit_ts.0),
        ];
        self.store.row(&schema::INODES, &cells)
    }

    fn hash(&mut self) -> Result<&mut Sha256> {
        match &mut self.open {
            Some(Open::Object(open)) => Ok(&mut open.hash),
            Some(Open::Node(open)) => Ok(&mut open.hash),
            Some(Open::Key(_)) | None => Err(NOT_OPEN.into()),
        }
    }
}

impl OpenObject {
    fn of(head: &ObjectHead<'_>) -> Self {
        let text = |text: &str| text.to_owned().into();
        let headers = head.headers;
        let metadata = &headers.user_metadata;
        Self {
            bucket: head.bucket.to_vec(),
            key: head.key.to_vec(),
            headers: Headers {
                etag: text(&headers.etag),
                size: headers.size,
                last_modified: headers.last_modified,
                content_type: text(&headers.content_type),
                content_encoding: text(&headers.content_encoding),
                cache_control: text(&headers.cache_control),
                content_disposition: text(&headers.content_disposition),
                user_metadata: metadata.iter().map(|(name, value)| (text(name), text(value))).collect(),
            },
            part_sizes: head.part_sizes.to_vec(),
            commit_ts: head.commit_ts,
            hash: Sha256::new(),
        }
    }
}

fn stream_id(id: StreamId) -> String {
    format!("{}-{}", id.ms, id.seq)
}

/// Writes names and values of a stream's entry: names may repeat, so that they are a list.
fn fields_text(out: &mut Vec<u8>, fields: EntryFields<'_>) -> Result<()> {
    #[derive(Serialize)]
    struct Field<'a> {
        name: &'a str,
        value: &'a str,
    }
    out.clear();
    out.push(b'[');
    for field in fields.iter() {
        let (name, value) = field.map_err(|_| CHECKED)?;
        if out.len() > 1 {
            out.push(b',');
        }
        json::compact(out, &Field { name, value }, Html::Raw);
    }
    out.push(b']');
    Ok(())
}

/// Puts checked JSON text without the white space between its tokens in place of what `out` holds.
fn dense(out: &mut Vec<u8>, text: &[u8]) -> Result<()> {
    let mut buffer = Vec::new();
    out.clear();
    let mut pieces = Pieces::new(&mut buffer, |piece: &[u8]| {
        out.extend_from_slice(piece);
        Ok(())
    });
    pieces.dense(text)?;
    pieces.finish()
}

/// Returns the text of an object; of none, or an empty one, nothing.
fn object(text: &[u8]) -> Cell<'_> {
    if matches!(text, b"" | b"{}" | b"null") { Cell::Null } else { Cell::Json(text) }
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
