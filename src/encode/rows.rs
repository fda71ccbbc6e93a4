//! The rows of all objects, on their way to be sorted (`encoding.md#the-payload`).
//!
//! In: rows, object by object. Out: a sorter of records: encoded key -> number of the object, what the row is to equal ones,
//! and the body or its place. Bodies of S3 are as long as what is backed up: they stay where they are, or go to a spool.

use super::bodies::{Place, Spool};
use super::payload::Payload;
use crate::cursor;
use crate::error::Result;
use crate::event::Class;
use crate::limits;
use crate::model::{Answer, Refusal};
use crate::snapshot::operational::is_operational;
use crate::sort::{Scratch, Sorter};
use crate::time::Hlc;

/// Memory of the rows, bytes.
const MEMORY: usize = 32 << 20;
/// Bodies of S3 that are sorted as they are, bytes: a place takes nearly as much.
pub(super) const INLINE: usize = 512;

/// Collects rows.
#[derive(Debug)]
pub(super) struct Rows {
    sorter: Sorter,
    spool: Spool,
    suffix: [u8; 8],
    /// Number of objects so far.
    objects: u64,
    /// Number of the object at hand; 0 for rows of none.
    object: u64,
    /// Objects whose rows do not count, ascending.
    abandoned: Vec<u64>,
    /// Why the object at hand has no rows.
    refused: Option<Refusal>,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// What a record has besides its key.
#[derive(Debug)]
pub(super) struct Record<'r> {
    /// Number of the object.
    pub(super) object: u64,
    /// Of rows of one key, the one of highest rank counts, of equals the first; without ranks there may be one alone.
    pub(super) rank: Option<i64>,
    pub(super) body: Body<'r>,
}

/// Where the body of a row is.
#[derive(Debug)]
pub(super) enum Body<'r> {
    Here(&'r [u8]),
    At(Place<'r>),
}

impl Rows {
    pub(super) fn new(scratch: &Scratch, commit_ts: Hlc) -> Self {
        Self {
            sorter: Sorter::new(scratch, MEMORY),
            spool: Spool::new(scratch),
            suffix: commit_ts.suffix(),
            objects: 0,
            object: 0,
            abandoned: Vec::new(),
            refused: None,
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    pub(super) fn begin_object(&mut self) {
        self.objects += 1;
        self.resume_object(self.objects);
    }

    /// Makes the rows that follow those of an earlier object; of none, given 0.
    pub(super) fn resume_object(&mut self, object: u64) {
        self.object = object;
        self.refused = None;
    }

    /// Returns the number of the object at hand.
    pub(super) fn object(&self) -> u64 {
        self.object
    }

    /// Whether the rows of an object do not count.
    pub(super) fn is_abandoned(&self, object: u64) -> bool {
        self.abandoned.binary_search(&object).is_ok()
    }

    /// Says what became of the object at hand.
    pub(super) fn end_object(&mut self) -> Answer {
        match self.refused.take() {
            None => Answer::Taken,
            Some(refusal) => {
                self.abandon_object();
                Answer::Refused(refusal)
            }
        }
    }

    /// Forgets the rows of the object at hand.
    pub(super) fn abandon_object(&mut self) {
        if let Err(place) = self.abandoned.binary_search(&self.object) {
            self.abandoned.insert(place, self.object);
        }
    }

    /// Adds a row; `key` and `body` append the user key and the body.
    pub(super) fn row(
        &mut self,
        key: impl FnOnce(&mut Vec<u8>),
        body: impl FnOnce(&mut Vec<u8>),
    ) -> Result<()> {
        self.ranked(None, key, body)
    }

    /// Adds a row of which equal ones may be there.
    pub(super) fn ranked(
        &mut self,
        rank: Option<i64>,
        key: impl FnOnce(&mut Vec<u8>),
        body: impl FnOnce(&mut Vec<u8>),
    ) -> Result<()> {
        self.value.clear();
        self.value.extend_from_slice(&self.object.to_be_bytes());
        self.value.push(if rank.is_some() { RANKED } else { HERE });
        self.value.extend(rank.into_iter().flat_map(i64::to_be_bytes));
        let start = self.value.len();
        body(&mut self.value);
        self.push(key, self.value.len() - start)
    }

    /// Adds a row whose body is a part of a file of the dump.
    pub(super) fn row_at(&mut self, key: impl FnOnce(&mut Vec<u8>), place: Place<'_>) -> Result<()> {
        self.value.clear();
        self.value.extend_from_slice(&self.object.to_be_bytes());
        self.value.push(AT);
        place.push(&mut self.value);
        self.push(key, 0)
    }

    /// Adds a row whose body is not kept in memory.
    pub(super) fn row_spooled(&mut self, key: impl FnOnce(&mut Vec<u8>), body: &[u8]) -> Result<()> {
        if body.len() <= INLINE {
            return self.row(key, |out| out.extend_from_slice(body));
        }
        let place = self.spool.push(body)?;
        self.row_at(key, place)
    }

    fn push(&mut self, key: impl FnOnce(&mut Vec<u8>), body: usize) -> Result<()> {
        self.key.clear();
        key(&mut self.key);
        self.key.extend_from_slice(&self.suffix);
        let over = |length: usize, limit: u64| u64::try_from(length).unwrap_or(u64::MAX) > limit;
        let length = self.key.len();
        if over(length, limits::RESTORE_KEY) {
            let what = format!("a row key of {length} bytes, over the limit of {}", limits::RESTORE_KEY);
            self.refuse(Refusal::new(Class::OVER_RESTORE_LIMIT, what));
        } else if over(body, limits::ENCODE_BODY) {
            let what = format!("a value of {body} bytes, over the limit of {}", limits::ENCODE_BODY);
            self.refuse(Refusal::new(Class::OVER_RESTORE_LIMIT, what));
        } else if is_operational(&self.key) {
            self.refuse(Refusal::new(Class::RESERVED_ROW_KEY, "its row would be one of the node's own"));
        } else {
            self.sorter.push(&self.key, &self.value)?;
        }
        Ok(())
    }

    /// Makes the object at hand one without rows.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.refused.get_or_insert(refusal);
    }

    pub(super) fn finish(self, commit_ts: Hlc) -> Result<Payload> {
        Ok(Payload::new((self.sorter.into_sorted()?, self.spool), self.abandoned, commit_ts))
    }
}

const HERE: u8 = 0;
const RANKED: u8 = 1;
const AT: u8 = 2;

impl<'r> Record<'r> {
    /// Reads the value of a record.
    pub(super) fn parse(mut value: &'r [u8]) -> Option<Self> {
        let object = cursor::take_u64_be(&mut value)?;
        let tag = cursor::take_u8(&mut value)?;
        let rank =
            if tag == RANKED { Some(i64::from_be_bytes(cursor::take_array(&mut value)?)) } else { None };
        let body = if tag == AT { Body::At(Place::take(&mut value)?) } else { Body::Here(value) };
        Some(Self { object, rank, body })
    }
}
