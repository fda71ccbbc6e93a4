//! Lines of `messages.jsonl` to messages (`tree/sqs.md#lines-of-messages`).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::text::Line as Text;
use super::super::{File, Reader};
use crate::codec::gojson::read::Binary;
use crate::error::Result;
use crate::event::Class;
use crate::keyspace::Namespace;
use crate::model;
use crate::model::sqs::{Message, Object};
use crate::time::Hlc;

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    message_id: Cow<'l, str>,
    #[serde(borrow)]
    body: Binary<'l>,
    #[serde(borrow, default)]
    md5_of_body: Cow<'l, str>,
    #[serde(borrow, default)]
    md5_of_message_attributes: Cow<'l, str>,
    #[serde(borrow)]
    message_attributes: Option<&'l RawValue>,
    #[serde(borrow, default)]
    sender_id: Cow<'l, str>,
    #[serde(default)]
    send_timestamp_millis: i64,
    #[serde(default)]
    available_at_millis: i64,
    #[serde(default)]
    visible_at_millis: i64,
    #[serde(default)]
    receive_count: i64,
    #[serde(default)]
    first_receive_millis: i64,
    #[serde(borrow)]
    current_receipt_token: Option<Cow<'l, str>>,
    #[serde(default)]
    queue_generation: u64,
    #[serde(borrow, default)]
    message_group_id: Cow<'l, str>,
    #[serde(borrow, default)]
    message_deduplication_id: Cow<'l, str>,
    #[serde(default)]
    sequence_number: u64,
    #[serde(borrow, default)]
    dead_letter_source_arn: Cow<'l, str>,
    partition: Option<u32>,
}

/// Passes the messages of a queue on; returns how many were taken, and the last sequence number that was issued: the
/// greatest of theirs and `sequence`; 0 where that is 0, for a queue that counts none.
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    queue: &[u8],
    file: &File,
    sequence: u64,
) -> Result<(u64, u64)> {
    let (mut count, mut last) = (0, sequence);
    let mut lines = reader.lines(file)?;
    while let Some(line) = lines.next()? {
        reader.dump.interrupt().check()?;
        let (read, attributes, token) = match parse(&line) {
            Ok(read) => read,
            Err(error) => {
                let named = (Namespace::Sqs.name(), queue, file.path.as_slice());
                reader.invalid(named, Class::SQS_INVALID_MESSAGE, file, error)?;
                continue;
            }
        };
        let message = Message {
            id: read.message_id,
            body: &read.body.0,
            md5_of_body: read.md5_of_body,
            md5_of_message_attributes: read.md5_of_message_attributes,
            attributes: attributes.as_bytes(),
            sender_id: read.sender_id,
            send_timestamp: read.send_timestamp_millis,
            available_at: read.available_at_millis,
            visible_at: read.visible_at_millis,
            receive_count: read.receive_count,
            first_receive: read.first_receive_millis,
            receipt_token: &token,
            queue_generation: read.queue_generation,
            group_id: read.message_group_id,
            deduplication_id: read.message_deduplication_id,
            sequence_number: read.sequence_number,
            queue,
            partition: read.partition,
            commit_ts: Hlc::ZERO,
            dead_letter_source_arn: read.dead_letter_source_arn,
        };
        last = last.max(message.sequence_number);
        count += u64::from(reader.put(model::Object::Sqs(Object::Message(&message)), file)?);
    }
    Ok((count, if sequence == 0 { 0 } else { last }))
}

/// Reads a line: its members, the text of its attributes, the bytes of its receipt's token.
fn parse<'l>(line: &Text<'l>) -> Result<(Line<'l>, &'l str, Vec<u8>)> {
    let read: Line<'l> = line.parse()?;
    let attributes = read.message_attributes.map_or("", RawValue::get);
    if !attributes.is_empty() && !attributes.starts_with('{') {
        return Err(line.unsound(&"expected an object as message_attributes"));
    }
    let token = STANDARD.decode(read.current_receipt_token.as_deref().unwrap_or_default());
    let token = token.map_err(|_| line.unsound(&"current_receipt_token is not base64"))?;
    Ok((read, attributes, token))
}
