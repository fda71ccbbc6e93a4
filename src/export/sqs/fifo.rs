//! Messages of a FIFO queue in the order of their sequence numbers, with deduplication ids of which none comes twice.
//!
//! A queue can hold messages of one id that were sent more than five minutes apart; sent again within a moment, all but the
//! first would be dropped. The later ones get the id of the message instead, and are counted.

use sha2::{Digest, Sha256};

use super::entry::Entry;
use crate::bug::Bug;
use crate::error::Result;
use crate::model::sqs::Message;
use crate::sort::{Scratch, Sorter};
use crate::tree::json::{self, Html};

const MEMORY: usize = 4 << 20;
const RECORD: Bug = Bug::new("a message of a FIFO queue does not read back");

/// The messages of one queue.
pub(super) struct Fifo {
    /// Sequence number and id to id texts and entry.
    messages: Sorter,
    /// Digest of the deduplication id, sequence number and id.
    ids: Sorter,
    scratch: Scratch,
}

impl Fifo {
    pub(super) fn new(scratch: &Scratch) -> Self {
        let sorter = || Sorter::new(scratch, MEMORY);
        Self { messages: sorter(), ids: sorter(), scratch: scratch.clone() }
    }

    /// Adds a message.
    pub(super) fn push(&mut self, message: &Message<'_>, entry: &Entry) -> Result<()> {
        let key = [&message.sequence_number.to_be_bytes()[..], message.id.as_bytes()].concat();
        // Where the client gave none, the queue took the digest of the body.
        let id = match &*message.deduplication_id {
            "" => hex::encode(Sha256::digest(message.body)),
            id => id.to_owned(),
        };
        let digest = Sha256::digest(id.as_bytes());
        self.ids.push(&[&digest[..], &key].concat(), b"")?;
        let (mut own, mut instead) = (Vec::new(), Vec::new());
        json::string(&mut own, &id, Html::Raw);
        json::string(&mut instead, &message.id, Html::Raw);
        let mut record = u32::try_from(own.len()).map_err(|_| RECORD)?.to_be_bytes().to_vec();
        record.extend_from_slice(&u32::try_from(instead.len()).map_err(|_| RECORD)?.to_be_bytes());
        for part in [own, instead, entry.text.clone()] {
            record.extend_from_slice(&part);
        }
        Ok(self.messages.push(&key, &record)?)
    }

    /// Calls `each` with each entry; returns how many have another deduplication id.
    pub(super) fn finish(mut self, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<u64> {
        let mut repeated = Sorter::new(&self.scratch, MEMORY);
        let mut last = Vec::new();
        let mut ids = self.ids.sort()?;
        while let Some((id, _)) = ids.next()? {
            let (digest, key) = id.split_at_checked(32).ok_or(RECORD)?;
            if digest == last {
                repeated.push(key, b"")?;
            }
            last.clear();
            last.extend_from_slice(digest);
        }
        drop(ids);
        let mut repeated = repeated.sort()?;
        let mut next = repeated.next()?.map(|(key, _)| key.to_vec());
        let (mut count, mut text) = (0, Vec::new());
        let mut messages = self.messages.sort()?;
        while let Some((key, record)) = messages.next()? {
            let (own, instead, entry) = parts(record).ok_or(RECORD)?;
            let is_repeated = next.as_deref() == Some(key);
            if is_repeated {
                count += 1;
                next = repeated.next()?.map(|(key, _)| key.to_vec());
            }
            text.clear();
            text.extend_from_slice(entry);
            text.extend_from_slice(b",\"MessageDeduplicationId\":");
            text.extend_from_slice(if is_repeated { instead } else { own });
            each(&text)?;
        }
        Ok(count)
    }
}

/// Parts a record: both ids and the entry.
fn parts(record: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let length = |bytes: [u8; 4]| usize::try_from(u32::from_be_bytes(bytes)).ok();
    let (own, rest) = record.split_first_chunk::<4>()?;
    let (instead, rest) = rest.split_first_chunk::<4>()?;
    let (own, rest) = rest.split_at_checked(length(*own)?)?;
    let (instead, entry) = rest.split_at_checked(length(*instead)?)?;
    Some((own, instead, entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_order_and_no_id_comes_twice() {
        let mut fifo = Fifo::new(&Scratch::default());
        for (sequence_number, id, dedup, body) in [
            (3, "m3", "same", "c"),
            (1, "m1", "", "a"),
            (2, "m2", "same", "b"),
            (10, "m10", "", "a"),
            (4, "m4", "same", "d"),
        ] {
            let message = Message {
                id: id.into(),
                body: body.as_bytes(),
                deduplication_id: dedup.into(),
                sequence_number,
                ..Message::default()
            };
            fifo.push(&message, &Entry::of(&message, 0).unwrap()).unwrap();
        }
        let mut entries = Vec::new();
        let renamed = fifo.finish(|entry| {
            entries.push(String::from_utf8(entry.to_vec()).unwrap());
            Ok(())
        });
        assert_eq!(renamed.unwrap(), 3);
        let id = |text: &str| text.rsplit('"').nth(1).unwrap().to_owned();
        let digest = hex::encode(Sha256::digest(b"a"));
        assert_eq!(
            entries.iter().map(|entry| id(entry)).collect::<Vec<_>>(),
            [&digest, "same", "m3", "m4", "m10"]
        );
    }
}
