//! Where a message is on its way to receivers (`format/sqs.md#other-values`, `reading/sqs.md#which-messages-belong-to-a-queue`).
//!
//! In: a message. Out: what it says of itself, and what the side records of its group and of its deduplication id say,
//! each of which is looked up by its key.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::codec::gojson::{Html, compact};
use crate::error::Result;
use crate::keyspace::sqs::{dedup_key, group_key};
use crate::model::sqs::{Delivery, GroupLock, Message, Side};
use crate::snapshot::{EntryBuf, Snapshot};
use crate::time::UnixMs;

#[derive(Default, Deserialize)]
#[serde(default)]
struct LockRecord {
    message_id: String,
    acquired_at_ms: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DedupRecord {
    message_id: String,
    expires_at_millis: i64,
}

/// How long an id is taken for the message that was sent with it first, ms.
const WINDOW: i64 = 300_000;

#[derive(Serialize)]
struct LockRow<'a> {
    message_id: &'a str,
    acquired_at_ms: i64,
    visible_at_ms: i64,
}

#[derive(Serialize)]
struct DedupRow<'a> {
    message_id: &'a str,
    send_timestamp_ms: i64,
    expires_at_millis: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_sequence: Option<u64>,
}

/// Appends the lock that a received message has on its group.
pub(crate) fn write_lock(out: &mut Vec<u8>, message: &Message<'_>) {
    let row = LockRow {
        message_id: &message.id,
        acquired_at_ms: message.first_receive,
        visible_at_ms: message.visible_at,
    };
    compact(out, &row, Html::Escaped);
}

/// Appends the window of a message's deduplication id.
pub(crate) fn write_window(out: &mut Vec<u8>, message: &Message<'_>) {
    let row = DedupRow {
        message_id: &message.id,
        send_timestamp_ms: message.send_timestamp,
        expires_at_millis: message.send_timestamp.saturating_add(WINDOW),
        original_sequence: Some(message.sequence_number).filter(|number| *number != 0),
    };
    compact(out, &row, Html::Escaped);
}

/// Returns what stands for a message that was sent again: its own id, or the hash of its body.
pub(crate) fn deduplication_id<'m>(message: &'m Message<'_>) -> Cow<'m, str> {
    match &*message.deduplication_id {
        "" => hex::encode(Sha256::digest(message.body)).into(),
        id => id.into(),
    }
}

/// Returns how far a message's delivery is at the time that the snapshot is read at.
pub(crate) fn delivery(snapshot: &Snapshot, message: &Message<'_>) -> Result<Delivery> {
    let is_hidden = u64::try_from(message.visible_at).is_ok_and(|visible| visible > snapshot.now_ms().0);
    let is_in_flight = message.receive_count > 0 && is_hidden;
    // Receiving and changing the visibility are what rewrites the row; its commit time is up to 10 s ahead of the clock
    // that the other times are of.
    let first = u64::try_from(message.first_receive).ok().filter(|first| *first > 0);
    let since = first.filter(|_| message.receive_count == 1).map_or(message.commit_ts.ms(), UnixMs);
    let mut delivery = Delivery {
        receives: message.receive_count,
        visible_at: message.visible_at,
        in_flight_since: is_in_flight.then_some(since),
        group: message.group_id.clone().into_owned(),
        ..Delivery::default()
    };
    if message.group_id.is_empty() {
        return Ok(delivery);
    }
    let (queue, partition, generation) = (message.queue, message.partition, message.queue_generation);
    let group = message.group_id.as_bytes();
    let lock = side::<LockRecord>(snapshot, &group_key(queue, partition, generation, group))?;
    delivery.lock = lock
        .map(|lock| Side::Read(GroupLock { message_id: lock.message_id, acquired_at: lock.acquired_at_ms }));
    if let (Side::Read(lock), Some(since)) = (&delivery.lock, &mut delivery.in_flight_since)
        && lock.message_id == message.id
    {
        *since = UnixMs(u64::try_from(lock.acquired_at).unwrap_or(since.0));
    }
    let id = deduplication_id(message);
    let window =
        side::<DedupRecord>(snapshot, &dedup_key(queue, partition, generation, (group, id.as_bytes())))?;
    delivery.dedup_until = window.map(|window| {
        // The window of an id can be another message's.
        if window.message_id == message.id { Side::Read(window.expires_at_millis) } else { Side::Absent }
    });
    Ok(delivery)
}

fn side<T: for<'d> Deserialize<'d>>(snapshot: &Snapshot, key: &[u8]) -> Result<Side<T>> {
    let mut entry = EntryBuf::default();
    if !snapshot.get(key, &mut entry)? {
        return Ok(Side::Absent);
    }
    Ok(serde_json::from_slice(&entry.body).map_or(Side::Unreadable, Side::Read))
}

impl<T> Side<T> {
    fn map<U>(self, read: impl FnOnce(T) -> Side<U>) -> Side<U> {
        match self {
            Self::Absent => Side::Absent,
            Self::Unreadable => Side::Unreadable,
            Self::Read(value) => read(value),
        }
    }
}
