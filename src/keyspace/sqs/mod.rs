//! Typed keys of the SQS families (`format/sqs.md#keys`).
//!
//! In: a user key. Out: its queue segment, and for a message its partition, generation and message id. A
//! classic key has no delimiter behind the queue segment: the segment ends at the first byte outside the
//! base64url alphabet, which is the generation's first byte. Fixed-width fields may hold any byte.

mod segment;

pub use segment::Segment;

use super::Family;
use crate::cursor;

/// What the partitioned form of a key begins with, behind the family's prefix.
const PARTITIONED: &[u8] = b"p|";

/// Why a key is malformed (`reading/sqs.md#errors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The key does not begin with its family's prefix.
    #[error("the key does not begin with the prefix of its family")]
    Prefix,
    /// The queue segment is empty or not canonical base64url.
    #[error("the queue segment is empty or not canonical base64url")]
    Queue,
    /// A partitioned key has no `|` behind the queue segment.
    #[error("no | behind the queue segment")]
    Terminator,
    /// The key ends before its fixed-width fields do.
    #[error("the key ends {found} bytes behind the queue segment, at least {expected} are needed")]
    Short {
        /// Bytes that must stand behind the queue segment.
        expected: usize,
        /// Bytes that stand there.
        found: usize,
    },
    /// The message-id segment is not canonical base64url.
    #[error("the message-id segment is not canonical base64url")]
    MessageId,
}

/// A key that is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadKey<'a> {
    /// The queue, when the key tells it.
    pub queue: Option<Segment<'a>>,
    /// What is wrong.
    pub malformed: Malformed,
}

impl From<Malformed> for BadKey<'_> {
    fn from(malformed: Malformed) -> Self {
        Self { queue: None, malformed }
    }
}

/// The key of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataKey<'a> {
    /// The queue.
    pub queue: Segment<'a>,
    /// The partition; `None` in a classic key.
    pub partition: Option<u32>,
    /// The generation of the queue that the message was sent to.
    pub generation: u64,
    /// The message's id.
    pub message_id: Segment<'a>,
}

impl<'a> DataKey<'a> {
    /// Parses a key of [`Family::SqsData`].
    pub fn parse(key: &'a [u8]) -> Result<Self, BadKey<'a>> {
        let split = Split::new(Family::SqsData, key)?;
        let short = split.short(if split.partitioned { 13 } else { 9 });
        let mut rest = split.trailer;
        let partition =
            if split.partitioned { Some(cursor::take_u32_be(&mut rest).ok_or(short)?) } else { None };
        let generation = cursor::take_u64_be(&mut rest).ok_or(short)?;
        if rest.is_empty() {
            return Err(short);
        }
        let message_id = Segment::new(rest).ok_or(split.bad(Malformed::MessageId))?;
        Ok(Self { queue: split.queue, partition, generation, message_id })
    }
}

/// Parses a key of a family whose keys end with the queue segment: meta, gen, seq.
pub fn queue(family: Family, key: &[u8]) -> Result<Segment<'_>, BadKey<'_>> {
    let rest = key.strip_prefix(family.prefix()).ok_or(Malformed::Prefix)?;
    Ok(Segment::new(rest).ok_or(Malformed::Queue)?)
}

/// Parses a key of a side record as far as its queue segment: byage, dedup, group, vis, seq, tombstone. What
/// stands behind the fixed-width fields is not looked at.
pub fn side(family: Family, key: &[u8]) -> Result<Segment<'_>, BadKey<'_>> {
    if family == Family::SqsQueueSequence {
        return queue(family, key);
    }
    let split = Split::new(family, key)?;
    let expected = if split.partitioned { 12 } else { 1 };
    if split.trailer.len() < expected { Err(split.short(expected)) } else { Ok(split.queue) }
}

/// Returns the queue of a key of any of the SQS families, when the key tells it.
#[must_use]
pub fn any_queue(key: &[u8]) -> Option<Segment<'_>> {
    let family = Family::of(key);
    match family {
        Family::SqsData => DataKey::parse(key).map_or_else(|bad| bad.queue, |key| Some(key.queue)),
        Family::SqsQueueMeta | Family::SqsQueueGeneration => queue(family, key).ok(),
        _ => side(family, key).map_or_else(|bad| bad.queue, Some),
    }
}

/// Appends the key of a queue's own row in `family`: meta, gen, seq.
pub fn write_queue(out: &mut Vec<u8>, family: Family, queue: &[u8]) {
    out.extend_from_slice(family.prefix());
    segment::push(out, queue);
}

/// Returns the key of a message.
#[must_use]
pub fn data_key(queue: &[u8], partition: Option<u32>, generation: u64, id: &[u8]) -> Vec<u8> {
    let mut key = front(Family::SqsData, queue, partition, generation);
    segment::push(&mut key, id);
    key
}

/// Returns the key of a message in the order of times, Unix ms, in `family`: visibility or age.
#[must_use]
pub fn time_key(
    family: Family,
    queue: &[u8],
    partition: Option<u32>,
    generation: u64,
    (ms, id): (u64, &[u8]),
) -> Vec<u8> {
    let mut key = front(family, queue, partition, generation);
    key.extend_from_slice(&ms.to_be_bytes());
    segment::push(&mut key, id);
    key
}

/// Returns the key of the lock of a FIFO group (`format/sqs.md#layouts-of-keys`).
#[must_use]
pub fn group_key(queue: &[u8], partition: Option<u32>, generation: u64, group: &[u8]) -> Vec<u8> {
    let mut key = front(Family::SqsGroup, queue, partition, generation);
    segment::push(&mut key, group);
    key
}

/// Returns the key of the deduplication window of an id, which a partitioned queue has by group (`format/sqs.md#layouts-of-keys`).
#[must_use]
pub fn dedup_key(
    queue: &[u8],
    partition: Option<u32>,
    generation: u64,
    (group, id): (&[u8], &[u8]),
) -> Vec<u8> {
    let mut key = front(Family::SqsDedup, queue, partition, generation);
    if partition.is_some() {
        segment::push(&mut key, group);
        key.push(b'|');
    }
    segment::push(&mut key, id);
    key
}

fn front(family: Family, queue: &[u8], partition: Option<u32>, generation: u64) -> Vec<u8> {
    let mut key = family.prefix().to_vec();
    if partition.is_some() {
        key.extend_from_slice(PARTITIONED);
    }
    segment::push(&mut key, queue);
    if let Some(partition) = partition {
        key.push(b'|');
        key.extend_from_slice(&partition.to_be_bytes());
    }
    key.extend_from_slice(&generation.to_be_bytes());
    key
}

/// The families that have a partitioned form.
const BY_PARTITION: [Family; 5] =
    [Family::SqsByAge, Family::SqsData, Family::SqsDedup, Family::SqsGroup, Family::SqsVisibility];

/// Returns the queue and the partition of a partitioned key, whichever of these families it belongs to.
#[must_use]
pub fn partition(key: &[u8]) -> Option<(Segment<'_>, u32)> {
    let family = BY_PARTITION.into_iter().find(|family| key.starts_with(family.prefix()))?;
    let mut split = Split::new(family, key).ok()?;
    let partition = cursor::take_u32_be(&mut split.trailer)?;
    split.partitioned.then_some((split.queue, partition))
}

/// Lists what partitioned keys begin with.
pub fn partitioned() -> impl Iterator<Item = Vec<u8>> {
    BY_PARTITION.into_iter().map(|family| [family.prefix(), PARTITIONED].concat())
}

/// A key that is split behind its queue segment.
#[derive(Clone, Copy)]
struct Split<'a> {
    queue: Segment<'a>,
    /// What stands behind the segment, in a partitioned key behind its terminator.
    trailer: &'a [u8],
    partitioned: bool,
}

impl<'a> Split<'a> {
    fn new(family: Family, key: &'a [u8]) -> Result<Self, Malformed> {
        let rest = key.strip_prefix(family.prefix()).ok_or(Malformed::Prefix)?;
        // No classic key begins like this: a segment of one symbol is no base64.
        let (text, trailer, partitioned) = match rest.strip_prefix(PARTITIONED) {
            Some(rest) if family != Family::SqsQueueTombstone => {
                let end = memchr::memchr(b'|', rest).ok_or(Malformed::Terminator)?;
                let (text, trailer) = rest.split_at_checked(end).unwrap_or_default();
                (text, trailer.split_first().map_or(trailer, |(_, trailer)| trailer), true)
            }
            _ => {
                let end = rest.iter().position(|&byte| !segment::is_symbol(byte)).unwrap_or(rest.len());
                let (text, trailer) = rest.split_at_checked(end).unwrap_or_default();
                (text, trailer, false)
            }
        };
        Ok(Self { queue: Segment::new(text).ok_or(Malformed::Queue)?, trailer, partitioned })
    }

    fn bad(self, malformed: Malformed) -> BadKey<'a> {
        // What a classic key without a trailer ends with may be a part of the segment, or more than it.
        let known = self.partitioned || !self.trailer.is_empty();
        BadKey { queue: known.then_some(self.queue), malformed }
    }

    fn short(self, expected: usize) -> BadKey<'a> {
        self.bad(Malformed::Short { expected, found: self.trailer.len() })
    }
}

#[cfg(test)]
mod tests;
