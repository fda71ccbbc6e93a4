//! Whether a snapshot holds what a dump does: a digest an object, whatever the order of what is in it (`encoding.md#proof`).
//!
//! In: objects on their way into rows, and those of the finished snapshot. Out: the names of those that differ. What is
//! hashed is what the tree says of an object, so that nothing counts that a dump does not hold.

use std::cmp::Ordering;

use sha2::{Digest, Sha256};

use super::fingerprint::{Fingerprint, Known, LONG};
use crate::bug::Bug;
use crate::codec::gojson::escape;
use crate::error::Result;
use crate::keyspace::Namespace;
use crate::layout::dynamodb::{render, schema};
use crate::layout::fs::listing::append_line;
use crate::layout::s3::{bucket_file, multipart, sidecar};
use crate::layout::sqs::members::Members;
use crate::layout::sqs::pieces::Pieces;
use crate::layout::sqs::{line, queue_file};
use crate::model::redis::{Collection, Element, Value};
use crate::model::{Answer, Object, Piece, ScopeEnd, dynamodb, s3, sqs};
use crate::name;
use crate::report::Report;
use crate::sink::{Sink, Wants};
use crate::sort::{OwnedSorted, Scratch, Sorter};

/// Memory of the digests, bytes.
const MEMORY: usize = 16 << 20;
/// Names that are listed.
const LISTED: usize = 100;
/// Parts a name from its digest: no name holds it.
const END: u8 = 0;

const RECORD: Bug = Bug::new("a digest of an object does not read back");
const NOT_OPEN: Bug = Bug::new("contents of an object that is not open");

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A digest an object.
#[derive(Debug)]
pub struct Proof {
    digests: Sorter,
    members: Members,
    /// Whether receives count.
    preserve: bool,
    name: String,
    /// Whether a string of the same name hides the object at hand from everyone.
    hidden: u8,
    buffer: Vec<u8>,
    text: Vec<u8>,
    open: Option<Open>,
    /// What long bodies are known by.
    known: Option<Known>,
}

/// The object whose contents come.
#[derive(Debug, Default)]
struct Open {
    /// Of the head.
    head: [u8; 32],
    /// Of the bytes so far.
    body: Sha256,
    /// The same of a long body.
    long: Option<Fingerprint>,
    /// Of the whole body, where it is known.
    whole: Option<[u8; 32]>,
    /// Sum of the digests of the elements: their order does not count, but where it is a part of them.
    sum: [u64; 4],
    elements: u64,
    ordered: bool,
}

impl Proof {
    /// Returns a proof without objects; with `preserve_sqs_visibility` receives of messages count.
    #[must_use]
    pub fn new(scratch: &Scratch, preserve_sqs_visibility: bool) -> Self {
        Self {
            digests: Sorter::new(scratch, MEMORY),
            members: Members::new(scratch),
            preserve: preserve_sqs_visibility,
            name: String::new(),
            hidden: 0,
            buffer: Vec::new(),
            text: Vec::new(),
            open: None,
            known: None,
        }
    }

    /// Tells long bodies of S3 by what those of the dump are known by.
    #[must_use]
    pub fn knowing(self, known: Known) -> Self {
        Self { known: Some(known), ..self }
    }

    /// Takes an object; what `is_open` has contents, which follow.
    pub(super) fn begin(&mut self, object: Object<'_>, is_open: bool) -> Result<()> {
        let summary = object.summary();
        name::of(&summary, &mut self.name);
        self.text.clear();
        self.text.extend_from_slice(summary.kind.as_bytes());
        self.text.push(END);
        self.head(object)?;
        self.hidden = match object {
            Object::Redis(key) => u8::from(!matches!(key.value, Value::String(_))),
            _ => 0,
        };
        let head = Sha256::digest(&self.text).into();
        if !is_open {
            return self.push(head);
        }
        let ordered = match object {
            Object::Redis(key) => {
                matches!(key.value, Value::Collection { collection: Collection::List, .. })
            }
            _ => false,
        };
        let long = match object {
            Object::S3(s3::Object::Object(head)) if self.known.is_some() => {
                u64::try_from(head.headers.size).is_ok_and(|size| size >= LONG).then(Fingerprint::default)
            }
            _ => None,
        };
        self.open = Some(Open { head, long, ordered, ..Open::default() });
        Ok(())
    }

    /// Appends what the tree says of an object, but for its contents.
    fn head(&mut self, object: Object<'_>) -> Result<()> {
        let Self { members, text, buffer, preserve, .. } = self;
        match object {
            Object::Dynamodb(dynamodb::Object::Table(table)) => schema::write(text, table.schema.message())?,
            Object::Dynamodb(dynamodb::Object::Item(item)) => {
                render::item(text, &item.attributes, render::Layout::Compact)?;
            }
            Object::S3(s3::Object::Bucket(bucket)) => {
                let meta = bucket.meta.cloned().unwrap_or_default();
                bucket_file::write_file(text, bucket.name, &meta);
                bucket_file::write_line(text, bucket.name, &meta);
            }
            Object::S3(s3::Object::Object(head)) => {
                sidecar::write(text, head.headers);
                multipart::write(text, head);
            }
            Object::S3(_) | Object::Sqs(sqs::Object::SideRecord(_)) => {}
            Object::Redis(key) => {
                text.extend(key.expiry_ms.unwrap_or_default().0.to_be_bytes());
                match key.value {
                    Value::String(value) | Value::Hll(value) => text.extend_from_slice(value),
                    Value::Collection { last, .. } => text.extend(last.to_bytes()),
                }
            }
            Object::Sqs(sqs::Object::Queue(queue)) => {
                let mut pieces = Pieces::new(buffer, |piece: &[u8]| {
                    text.extend_from_slice(piece);
                    Ok(())
                });
                queue_file::open_extra(&mut pieces, members, (queue.text, queue.encoded), queue.queue)?;
                pieces.finish()?;
                queue_file::set(buffer, queue.text, queue.queue);
                text.extend_from_slice(buffer);
            }
            Object::Sqs(sqs::Object::Message(message)) => {
                // Nodes escape what clients spell as they like.
                let mut pieces = Pieces::new(buffer, |piece: &[u8]| {
                    escape::html(text, piece);
                    Ok(())
                });
                line::write(&mut pieces, members, message, *preserve)?;
                pieces.finish()?;
            }
            Object::Fs(node) => append_line(text, node.path, node.inode, node.record),
            Object::Kv(pair) => text.extend_from_slice(pair.value),
        }
        Ok(())
    }

    /// Takes a part of the contents.
    pub(super) fn piece(&mut self, piece: Piece<'_>) -> Result<()> {
        let open = self.open.as_mut().ok_or(NOT_OPEN)?;
        match piece {
            Piece::Bytes(bytes) => match &mut open.long {
                Some(long) => long.update(bytes),
                None => open.body.update(bytes),
            },
            Piece::File { digest, .. } => open.whole = Some(*digest),
            Piece::Zeros(mut count) => {
                while count > 0 {
                    let zeros = usize::try_from(count).ok().and_then(|count| ZEROS.get(..count));
                    let zeros = zeros.unwrap_or(&ZEROS);
                    match &mut open.long {
                        Some(long) => long.update(zeros),
                        None => open.body.update(zeros),
                    }
                    count -= u64::try_from(zeros.len()).unwrap_or(count);
                }
            }
            Piece::Element(element) => {
                let mut hash = Sha256::new();
                if open.ordered {
                    hash.update(open.elements.to_be_bytes());
                }
                hash_element(&mut hash, element)?;
                open.add(hash.finalize().into());
            }
        }
        Ok(())
    }

    /// Ends the open object.
    pub(super) fn end(&mut self) -> Result<()> {
        let mut open = self.open.take().ok_or(NOT_OPEN)?;
        if let (Some(long), Some(known)) = (open.long.take(), &mut self.known) {
            open.whole = Some(known.digest(long)?);
        }
        let mut hash = Sha256::new_with_prefix(open.head);
        hash.update(open.whole.unwrap_or_else(|| open.body.finalize().into()));
        open.sum.iter().chain([&open.elements]).for_each(|number| hash.update(number.to_be_bytes()));
        self.push(hash.finalize().into())
    }

    /// Forgets the open object.
    pub(super) fn forget(&mut self) {
        self.open = None;
    }

    /// Takes what ends a scope: the number that a queue goes on with.
    pub(super) fn scope(&mut self, end: ScopeEnd, queue: &[u8]) -> Result<()> {
        self.hidden = 0;
        let ScopeEnd::Queue { last_sequence } = end else { return Ok(()) };
        self.name = name::of_scope(Namespace::Sqs, queue);
        self.push(Sha256::digest(last_sequence.to_be_bytes()).into())
    }

    fn push(&mut self, digest: [u8; 32]) -> Result<()> {
        let record = [self.name.as_bytes(), &[END, self.hidden], &digest].concat();
        Ok(self.digests.push(&record, b"")?)
    }

    /// Returns the names of objects that two proofs do not have alike, the first of them, in their order; and their number.
    pub fn differences(self, other: Self) -> Result<(Vec<String>, u64)> {
        let (mut one, mut other) = (self.digests.into_sorted()?, other.digests.into_sorted()?);
        let (mut names, mut count) = (Vec::<String>::new(), 0_u64);
        let mut both = Vec::new();
        let mut differs = |name: &[u8]| {
            let name = String::from_utf8_lossy(name).into_owned();
            if names.last() != Some(&name) {
                count += 1;
                if names.len() < LISTED {
                    names.push(name);
                }
            }
        };
        let (mut left, mut right) = (next(&mut one)?, next(&mut other)?);
        loop {
            let order = match (&left, &right) {
                (None, None) => break,
                (Some(left), Some(right)) => left.cmp(right),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
            };
            let record = if order == Ordering::Greater { &right } else { &left };
            let (name, hidden) = record.as_deref().and_then(split).ok_or(RECORD)?;
            match order {
                Ordering::Equal => both = name.to_vec(),
                Ordering::Less if hidden && both == name => {}
                _ => differs(name),
            }
            if order != Ordering::Greater {
                left = next(&mut one)?;
            }
            if order != Ordering::Less {
                right = next(&mut other)?;
            }
        }
        Ok((names, count))
    }
}

fn next(records: &mut OwnedSorted) -> Result<Option<Vec<u8>>> {
    Ok(records.next()?.map(|(record, _)| record.to_vec()))
}

/// Returns name of a record, and whether a string of that name hides its object.
fn split(record: &[u8]) -> Option<(&[u8], bool)> {
    let (record, _) = record.split_last_chunk::<32>()?;
    match record {
        [name @ .., END, hidden] => Some((name, *hidden != 0)),
        _ => None,
    }
}

fn hash_element(hash: &mut Sha256, element: Element<'_>) -> Result<()> {
    let mut part = |bytes: &[u8]| {
        hash.update(bytes.len().to_be_bytes());
        hash.update(bytes);
    };
    match element {
        Element::Field { name, value } => [name, value].into_iter().for_each(part),
        Element::Item(item) => part(item),
        Element::Member(member) => part(member),
        Element::Scored { member, score } => {
            part(member);
            part(&score.to_bits().to_be_bytes());
        }
        Element::Entry { id, fields } => {
            part(&id.to_bytes());
            for field in fields.iter() {
                let (name, value) = field.map_err(|_| RECORD)?;
                part(name.as_bytes());
                part(value.as_bytes());
            }
        }
    }
    Ok(())
}

impl Open {
    fn add(&mut self, digest: [u8; 32]) {
        let (words, _) = digest.as_chunks::<8>();
        for (sum, word) in self.sum.iter_mut().zip(words) {
            *sum = sum.wrapping_add(u64::from_be_bytes(*word));
        }
        self.elements += 1;
    }
}

/// The objects of a finished snapshot.
#[derive(Debug)]
pub struct Proving {
    proof: Proof,
    /// Name of the queue at hand.
    queue: Option<Vec<u8>>,
}

impl Proving {
    /// Takes the objects of a snapshot for a proof.
    #[must_use]
    pub fn new(proof: Proof) -> Self {
        Self { proof, queue: None }
    }

    /// Returns the proof.
    #[must_use]
    pub fn into_proof(self) -> Proof {
        self.proof
    }
}

impl Sink for Proving {
    fn wants(&self) -> Wants {
        Wants::Contents
    }

    fn object(&mut self, _report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        if let Object::Sqs(sqs::Object::Queue(queue)) = object {
            self.queue = Some(queue.name.to_vec());
        }
        let is_open = match object {
            Object::Redis(key) => matches!(key.value, Value::Collection { .. }),
            Object::S3(object) => matches!(object, s3::Object::Object(_)),
            Object::Fs(node) => node.record.node_type == crate::model::fs::NodeType::File,
            _ => false,
        };
        self.proof.begin(object, is_open)?;
        Ok(if is_open { Answer::Open } else { Answer::Taken })
    }

    fn piece(&mut self, piece: Piece<'_>) -> Result<Answer> {
        self.proof.piece(piece)?;
        Ok(Answer::Open)
    }

    fn end(&mut self, _report: &mut Report<'_>) -> Result<Answer> {
        self.proof.end()?;
        Ok(Answer::Taken)
    }

    fn abandon(&mut self) -> Result<()> {
        self.proof.forget();
        Ok(())
    }

    fn end_scope(&mut self, _report: &mut Report<'_>, end: ScopeEnd) -> Result<()> {
        match self.queue.take() {
            Some(queue) => self.proof.scope(end, &queue),
            None => Ok(()),
        }
    }
}
