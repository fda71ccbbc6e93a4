//! Where a message is on its way to receivers (`sqs.md` 2.3, 3.3).
//!
//! In: a message. Out: what it says of itself, and what the side records of its group and of its deduplication id say,
//! each of which is looked up by its key.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::keyspace::sqs::{dedup_key, group_key};
use crate::model::sqs::{Delivery, GroupLock, Message, Side};
use crate::snapshot::{EntryBuf, Snapshot};

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

/// Returns how far a message's delivery is at the time that the snapshot is read at.
pub(crate) fn delivery(snapshot: &Snapshot, message: &Message<'_>) -> Result<Delivery> {
    let is_hidden = u64::try_from(message.visible_at).is_ok_and(|visible| visible > snapshot.now_ms());
    let is_in_flight = message.receive_count > 0 && is_hidden;
    // Receiving and changing the visibility are what rewrites the row; its commit time is up to 10 s ahead of the clock
    // that the other times are of.
    let first = u64::try_from(message.first_receive).ok().filter(|first| *first > 0);
    let since = first.filter(|_| message.receive_count == 1).unwrap_or(message.commit_ts >> 16);
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
        *since = u64::try_from(lock.acquired_at).unwrap_or(*since);
    }
    let id = match &*message.deduplication_id {
        "" => hex::encode(Sha256::digest(message.body)),
        id => id.to_owned(),
    };
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
