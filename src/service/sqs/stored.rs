//! A message in a sort record: its fields one after the other, so that it is not parsed twice.
//!
//! In: a message. Out: bytes, and a message again that borrows from them.

use std::borrow::Cow;

use crate::cursor;
use crate::model::sqs::Message;
use crate::time::Hlc;

/// Appends a message; its queue and its partition are known from the record that it is in.
pub(super) fn push(out: &mut Vec<u8>, message: &Message<'_>) {
    for text in [
        message.id.as_bytes(),
        message.body,
        message.md5_of_body.as_bytes(),
        message.md5_of_message_attributes.as_bytes(),
        message.attributes,
        message.sender_id.as_bytes(),
        message.receipt_token,
        message.group_id.as_bytes(),
        message.deduplication_id.as_bytes(),
        message.dead_letter_source_arn.as_bytes(),
    ] {
        out.extend_from_slice(&text.len().to_be_bytes());
        out.extend_from_slice(text);
    }
    for number in [
        message.send_timestamp,
        message.available_at,
        message.visible_at,
        message.receive_count,
        message.first_receive,
    ] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    for number in [message.queue_generation, message.sequence_number, message.commit_ts.0] {
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// Reads a message off the front of a record.
pub(super) fn take<'a>(record: &mut &'a [u8]) -> Option<Message<'a>> {
    let mut text = || {
        let length = usize::from_be_bytes(cursor::take_array(record)?);
        cursor::take(record, length)
    };
    let (id, body, md5_of_body, md5_of_message_attributes) = (text()?, text()?, text()?, text()?);
    let (attributes, sender_id, receipt_token) = (text()?, text()?, text()?);
    let (group_id, deduplication_id, dead_letter_source_arn) = (text()?, text()?, text()?);
    let utf8 = |text| std::str::from_utf8(text).ok().map(Cow::Borrowed);
    let mut signed = || cursor::take_array(record).map(i64::from_be_bytes);
    Some(Message {
        queue: b"",
        partition: None,
        id: utf8(id)?,
        body,
        md5_of_body: utf8(md5_of_body)?,
        md5_of_message_attributes: utf8(md5_of_message_attributes)?,
        attributes,
        sender_id: utf8(sender_id)?,
        send_timestamp: signed()?,
        available_at: signed()?,
        visible_at: signed()?,
        receive_count: signed()?,
        first_receive: signed()?,
        receipt_token,
        group_id: utf8(group_id)?,
        deduplication_id: utf8(deduplication_id)?,
        dead_letter_source_arn: utf8(dead_letter_source_arn)?,
        queue_generation: cursor::take_u64_be(record)?,
        sequence_number: cursor::take_u64_be(record)?,
        commit_ts: Hlc(cursor::take_u64_be(record)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_back_as_it_was_written() {
        let message = Message {
            queue: b"",
            partition: None,
            id: "m".into(),
            body: &[0xff, 0],
            md5_of_body: "5b".into(),
            md5_of_message_attributes: "5a".into(),
            attributes: b"{}",
            sender_id: "s".into(),
            send_timestamp: -1,
            available_at: 2,
            visible_at: 3,
            receive_count: i64::MIN,
            first_receive: 5,
            receipt_token: &[1],
            queue_generation: u64::MAX,
            group_id: "g".into(),
            deduplication_id: "d".into(),
            sequence_number: 7,
            commit_ts: Hlc(8),
            dead_letter_source_arn: "é".into(),
        };
        let mut record = Vec::new();
        push(&mut record, &message);
        assert_eq!(take(&mut &record[..]), Some(message));
        for cut in 0..record.len() {
            assert_eq!(take(&mut &record[..cut]), None);
        }
    }
}
