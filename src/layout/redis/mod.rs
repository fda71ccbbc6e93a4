//! `redis/db_0/`: a file a key, and the sidecars (`tree/redis.md#files-of-redis`).
//!
//! In: keys, those of collections followed by their elements. Out: one file after the other.

mod binary;
mod document;
mod joined;
mod parts;
mod sidecars;
mod stream;

use super::file_writer::{FileBuffer, FileWriter};
use super::{LayoutOptions, Root, record};
use crate::bug::Bug;
use crate::error::Result;
use crate::event::Class;
use crate::keyspace::redis::StreamId;
use crate::model::redis::{Collection, Element, Key, Value};
use crate::model::{Answer, Refusal};
use crate::time::UnixMs;
use crate::tree::segment::{self, Segment};
use crate::tree::{Scratch, keymap};
use document::Document;
pub(crate) use joined::Joined;
use parts::Lines;
use sidecars::Sidecars;

/// Where everything stands. Keys that differ have names that differ.
pub(crate) const DIRECTORY: &[u8] = b"redis/db_0/";

/// Writes the files.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Path of the file at hand.
    path: Vec<u8>,
    buffer: FileBuffer,
    sidecars: Sidecars,
    /// Of the JSONL layout.
    lines: Lines,
    collection: Option<OpenCollection>,
}

/// The collection at hand.
#[derive(Debug)]
struct OpenCollection {
    collection: Collection,
    contents: Contents,
    expiry_ms: Option<UnixMs>,
    key: Vec<u8>,
    /// The name of its file.
    segment: Segment,
}

/// What the file of a collection holds so far.
#[derive(Debug)]
enum Contents {
    Document(Document),
    Stream { entries: u64, last: StreamId },
}

impl Layout {
    /// Returns a layout without files.
    #[must_use]
    pub(crate) fn new(scratch: &Scratch, options: &LayoutOptions) -> Self {
        Self {
            path: Vec::new(),
            buffer: FileBuffer::default(),
            sidecars: Sidecars::new(scratch, options.last_commit_ts),
            lines: Lines::new(scratch),
            collection: None,
        }
    }

    /// Writes the file of a string or an HLL, begins that of a collection.
    pub(crate) fn key(&mut self, root: &mut Root, key: &Key<'_>) -> Result<Answer> {
        if let Value::String(body) | Value::Hll(body) = key.value
            && root.options.jsonl.is_some()
            && record::fits(key.key, body)
        {
            self.lines.push_whole(key, body)?;
            return Ok(Answer::Taken);
        }
        let segment = segment::encode(key.key);
        if segment.fallback
            && let Some(message) = keymap::too_long(segment.text.as_bytes(), key.key)
        {
            return Ok(Answer::Refused(Refusal { class: Class::KEYMAP_LINE_TOO_LONG, message }));
        }
        self.set_path(key.value, &segment);
        match key.value {
            Value::String(body) | Value::Hll(body) => root.tree.write(&self.path, body)?,
            Value::Collection { collection, last, .. } => {
                let mut file =
                    FileWriter { buffer: &mut self.buffer, tree: &mut root.tree, path: &self.path };
                let contents = match collection {
                    Collection::Stream => Contents::Stream { entries: 0, last },
                    _ => Contents::Document(Document::begin(collection, &mut file)),
                };
                let (key, expiry_ms) = (key.key.to_vec(), key.expiry_ms);
                self.collection = Some(OpenCollection { collection, contents, expiry_ms, key, segment });
                return Ok(Answer::Open);
            }
        }
        self.sidecars.record_whole(key, &segment)?;
        Ok(Answer::Taken)
    }

    /// Writes an element of the collection at hand.
    pub(crate) fn element(&mut self, root: &mut Root, element: Element<'_>) -> Result<Answer> {
        const ALIEN: Bug = Bug::new("an element of another Redis collection");
        let collection = self.collection.as_mut().ok_or(ALIEN)?;
        let file = &mut FileWriter { buffer: &mut self.buffer, tree: &mut root.tree, path: &self.path };
        match (&mut collection.contents, element) {
            (Contents::Stream { entries, last }, Element::Entry { id, fields }) => {
                // The encoder rejects a stream whose last ID is below an entry's.
                *last = id.max(*last);
                *entries += 1;
                stream::write_entry(file, id, fields.iter())?;
            }
            (Contents::Document(document), Element::Field { name, value }) => {
                document.field(file, name, value)?;
            }
            (Contents::Document(document), Element::Item(value) | Element::Member(value)) => {
                document.plain(file, value)?;
            }
            (Contents::Document(document), Element::Scored { member, score }) => {
                document.scored(file, member, score)?;
            }
            _ => return Err(ALIEN.into()),
        }
        Ok(Answer::Open)
    }

    /// Ends the file of the collection at hand, if there is one.
    pub(crate) fn end(&mut self, root: &mut Root) -> Result<Answer> {
        if let Some(open) = self.collection.take() {
            let mut file = FileWriter { buffer: &mut self.buffer, tree: &mut root.tree, path: &self.path };
            match open.contents {
                Contents::Document(document) => document.end(&mut file, open.expiry_ms),
                Contents::Stream { entries, last } => {
                    stream::write_meta(&mut file, entries, last, open.expiry_ms);
                }
            }
            if root.options.jsonl.is_some()
                && let Some(text) = self.buffer.whole().filter(|text| record::fits(&open.key, text))
            {
                self.lines.push_collection(open.collection, &open.key, text)?;
                self.buffer.discard();
                return Ok(Answer::Taken);
            }
            FileWriter { buffer: &mut self.buffer, tree: &mut root.tree, path: &self.path }.finish()?;
            if open.segment.fallback {
                self.sidecars.record_collection(open.collection, &open.key, &open.segment)?;
            }
        }
        Ok(Answer::Taken)
    }

    /// Forgets the collection at hand, if there is one.
    pub(crate) fn abandon(&mut self) {
        if self.collection.take().is_some() {
            self.buffer.discard();
        }
    }

    /// Writes the parts and the sidecars.
    pub(crate) fn finish(&mut self, root: &mut Root) -> Result<()> {
        if let Some(size) = root.options.jsonl {
            self.lines.write(&mut root.tree, size)?;
        }
        self.sidecars.write(&mut root.tree)
    }

    fn set_path(&mut self, value: Value<'_>, segment: &Segment) {
        let (directory, suffix) = match value {
            Value::String(_) => ("strings", ".bin"),
            Value::Hll(_) => ("hll", ".bin"),
            Value::Collection { collection, .. } => match collection {
                Collection::List => ("lists", ".json"),
                Collection::Hash => ("hashes", ".json"),
                Collection::Set => ("sets", ".json"),
                Collection::Zset => ("zsets", ".json"),
                Collection::Stream => ("streams", ".jsonl"),
            },
        };
        self.path.clear();
        self.path.extend_from_slice(DIRECTORY);
        for part in [directory, "/", &segment.text, suffix] {
            self.path.extend_from_slice(part.as_bytes());
        }
    }
}
