//! SQS: queues, their messages, and the records that a server keeps beside them (`format/sqs.md#values`).

use std::borrow::Cow;

use super::Summary;
use crate::keyspace::Family;
use crate::time::{Hlc, UnixMs};

/// An object of the service.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// A queue; its messages and records follow until the scope ends.
    Queue(&'a NamedQueue<'a>),
    /// A message of the queue, in the order of send time, sequence number and id.
    Message(&'a Message<'a>),
    /// A record beside the messages of the queue.
    SideRecord(&'a SideRecord<'a>),
}

/// A queue under its name.
#[derive(Clone, Copy, Debug)]
pub struct NamedQueue<'a> {
    /// Name that the row keys encode, which counts.
    pub name: &'a [u8],
    /// The same as text; bytes that are no UTF-8 are replaced.
    pub text: &'a str,
    /// Segment of the row keys, as text.
    pub encoded: &'a str,
    /// What is stored of it.
    pub queue: &'a Queue<'a>,
    /// Commit time of its meta row, HLC.
    pub commit_ts: Hlc,
}

/// A row of a family that the server keeps beside the messages.
#[derive(Clone, Copy, Debug)]
pub struct SideRecord<'a> {
    /// Name of its queue, which the row keys encode.
    pub queue: &'a [u8],
    /// Whose record it is.
    pub of: Namespace<'a>,
    /// Its family.
    pub family: Family,
    /// The whole user key.
    pub key: &'a [u8],
    /// The stored value.
    pub value: &'a [u8],
}

/// Whose a side record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace<'a> {
    /// The queue at hand.
    Queue,
    /// A queue that is gone, of this segment; `taken`: there is a queue of the name [`orphan_name`].
    Gone {
        /// Segment of the row keys.
        segment: &'a [u8],
        /// See above.
        taken: bool,
    },
}

/// Suffix of the directory with the side records of a queue that is gone.
pub const ORPHAN: &str = ".orphan";

/// Returns the name of the queue that would be where a queue that is gone has its side records. No server creates
/// such a queue, but a snapshot can hold it.
#[must_use]
pub fn orphan_name(segment: &[u8]) -> Vec<u8> {
    [segment, ORPHAN.as_bytes()].concat()
}

/// A queue. Absent strings are empty, absent numbers 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue<'a> {
    /// Name, as the value tells it; the key's counts (`compat.md#names-of-directories-and-queues`).
    pub name: Cow<'a, str>,
    /// Current generation, the only one that a live server reads.
    pub generation: u64,
    /// Generation at creation.
    pub incarnation: u64,
    /// An identity, not a time.
    pub created_at_hlc: Hlc,
    /// FIFO queue.
    pub fifo: bool,
    /// Deduplication by body hash.
    pub content_based_deduplication: bool,
    /// Seconds.
    pub visibility_timeout: i64,
    /// Seconds.
    pub message_retention: i64,
    /// Seconds.
    pub delay: i64,
    /// Seconds.
    pub receive_message_wait: i64,
    /// Bytes.
    pub maximum_message_size: i64,
    /// The client's JSON text.
    pub redrive_policy: Cow<'a, str>,
    /// The client's JSON text.
    pub redrive_allow_policy: Cow<'a, str>,
    /// Checked JSON text of an object of strings, of which `null` is the empty one; empty when there is none.
    pub tags: &'a [u8],
    /// Unix ms.
    pub last_purged_at: i64,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub last_modified_at: i64,
    /// Throttle settings.
    pub throttle: Throttle<'a>,
    /// 0 and 1 are classic.
    pub partition_count: u32,
    /// Empty, `perMessageGroupId` or `perQueue`.
    pub fifo_throughput_limit: Cow<'a, str>,
    /// Empty, `messageGroup` or `queue`.
    pub deduplication_scope: Cow<'a, str>,
}

/// Throttle settings, as they are spelt; `None` where absent or 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttle<'a> {
    /// Messages.
    pub send_capacity: Option<&'a str>,
    /// Messages a second.
    pub send_refill_per_second: Option<&'a str>,
    /// Messages.
    pub recv_capacity: Option<&'a str>,
    /// Messages a second.
    pub recv_refill_per_second: Option<&'a str>,
    /// Calls.
    pub default_capacity: Option<&'a str>,
    /// Calls a second.
    pub default_refill_per_second: Option<&'a str>,
}

/// A message. Absent strings are empty, absent numbers 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// Id, as the value tells it.
    pub id: Cow<'a, str>,
    /// The body's bytes, which may be no UTF-8.
    pub body: &'a [u8],
    /// Lower-case hex.
    pub md5_of_body: Cow<'a, str>,
    /// Lower-case hex, over the bytes that the client sent; never to be recomputed.
    pub md5_of_message_attributes: Cow<'a, str>,
    /// Checked JSON text of an object; empty when there is none.
    pub attributes: &'a [u8],
    /// Sender, which the live server never sets.
    pub sender_id: Cow<'a, str>,
    /// When it was sent, ms.
    pub send_timestamp: i64,
    /// Send time plus delay, ms.
    pub available_at: i64,
    /// When the next receive may return it, ms.
    pub visible_at: i64,
    /// How often it was received.
    pub receive_count: i64,
    /// When it was first received, ms.
    pub first_receive: i64,
    /// Raw bytes of the newest receipt's token.
    pub receipt_token: &'a [u8],
    /// Generation of the queue, for information: the key's counts (`reading/sqs.md#which-messages-belong-to-a-queue`).
    pub queue_generation: u64,
    /// FIFO group.
    pub group_id: Cow<'a, str>,
    /// FIFO deduplication id that the client gave.
    pub deduplication_id: Cow<'a, str>,
    /// FIFO sequence number.
    pub sequence_number: u64,
    /// Name of its queue, which the row keys encode.
    pub queue: &'a [u8],
    /// Partition in its key; `None` in a classic key.
    pub partition: Option<u32>,
    /// Commit time, HLC.
    pub commit_ts: Hlc,
    /// Queue that a redrive took it from.
    pub dead_letter_source_arn: Cow<'a, str>,
}

impl Message<'_> {
    /// Whether there is anything that only `--preserve-sqs-visibility` keeps: a receive, or a time before which
    /// receivers do not see it other than its own delay.
    #[must_use]
    pub fn is_received(&self) -> bool {
        self.receive_count != 0
            || self.first_receive != 0
            || ![0, self.available_at].contains(&self.visible_at)
    }
}

/// Where a message is on its way to receivers: what the live server goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// How often it was received.
    pub receives: i64,
    /// When the next receive may return it, Unix ms; 0 is at once.
    pub visible_at: i64,
    /// When it was received or its visibility changed last, Unix ms, where it is in flight: received and not to be seen.
    pub in_flight_since: Option<UnixMs>,
    /// FIFO group; empty where there is none.
    pub group: String,
    /// The lock of its group.
    pub lock: Side<GroupLock>,
    /// Until when a message of its deduplication id is taken for this one, Unix ms.
    pub dedup_until: Side<i64>,
}

/// The lock of a FIFO group: its mere presence locks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupLock {
    /// The message that holds it.
    pub message_id: String,
    /// When it was taken, Unix ms.
    pub acquired_at: i64,
}

/// What is known from a side record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Side<T> {
    /// There is none.
    #[default]
    Absent,
    /// It is not as the server writes it.
    Unreadable,
    /// It says this.
    Read(T),
}

impl Object<'_> {
    pub(super) fn summary(&self) -> Summary<'_> {
        let sqs = Summary { service: "sqs", ..Summary::default() };
        match self {
            Self::Queue(queue) => {
                Summary { scope: queue.name.into(), kind: "queue", commit_ts: queue.commit_ts.known(), ..sqs }
            }
            Self::Message(message) => Summary {
                scope: message.queue.into(),
                name: message.id.as_bytes().into(),
                kind: "message",
                bytes: u64::try_from(message.body.len()).ok(),
                commit_ts: message.commit_ts.known(),
                ..sqs
            },
            Self::SideRecord(record) => Summary {
                scope: record.queue.into(),
                name: record.key.into(),
                kind: "side_record",
                bytes: u64::try_from(record.value.len()).ok(),
                ..sqs
            },
        }
    }
}
