//! A message as it is stored (`format/sqs.md#message-record`).
//!
//! In: the value of a data row. Out: a [`Message`] that borrows from it and from reused buffers.

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::value::{self, Invalid};
use crate::codec::gojson::read::Reader;
use crate::codec::gojson::{Html, compact};
use crate::interrupt::Interrupt;
use crate::model::sqs::Message;

const MAGIC: [u8; 4] = *b"\0SM\x01";

/// Decoded bytes of one message, reused from one to the next.
#[derive(Clone, Debug, Default)]
pub struct Buffers {
    body: Vec<u8>,
    receipt_token: Vec<u8>,
}

/// The value as it is written.
#[derive(Serialize)]
struct Row<'a> {
    message_id: &'a str,
    body: Base64<'a>,
    md5_of_body: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    md5_of_message_attributes: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_attributes: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "str::is_empty")]
    sender_id: &'a str,
    send_timestamp_millis: i64,
    available_at_millis: i64,
    visible_at_millis: i64,
    receive_count: i64,
    #[serde(skip_serializing_if = "is_zero")]
    first_receive_millis: i64,
    current_receipt_token: Option<Base64<'a>>,
    queue_generation: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    message_group_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message_deduplication_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_number: Option<u64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    dead_letter_source_arn: &'a str,
}

/// Bytes as a JSON string of standard base64.
struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what `serde` calls")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl<'a> Message<'a> {
    /// Appends the value of a data row; `attributes` are the message's own as compact text.
    pub(crate) fn write(&self, out: &mut Vec<u8>, attributes: Option<&RawValue>) {
        out.extend_from_slice(&MAGIC);
        let row = Row {
            message_id: &self.id,
            body: Base64(self.body),
            md5_of_body: &self.md5_of_body,
            md5_of_message_attributes: &self.md5_of_message_attributes,
            message_attributes: attributes,
            sender_id: &self.sender_id,
            send_timestamp_millis: self.send_timestamp,
            available_at_millis: self.available_at,
            visible_at_millis: self.visible_at,
            receive_count: self.receive_count,
            first_receive_millis: self.first_receive,
            current_receipt_token: Some(Base64(self.receipt_token)).filter(|token| !token.0.is_empty()),
            queue_generation: self.queue_generation,
            message_group_id: &self.group_id,
            message_deduplication_id: &self.deduplication_id,
            sequence_number: Some(self.sequence_number).filter(|number| *number != 0),
            dead_letter_source_arn: &self.dead_letter_source_arn,
        };
        compact(out, &row, Html::Escaped);
    }

    /// Reads the value of a data row.
    pub fn parse(
        value: &'a [u8],
        interrupt: &'a Interrupt,
        buffers: &'a mut Buffers,
    ) -> Result<Self, Invalid> {
        let mut message = Self::default();
        buffers.body.clear();
        buffers.receipt_token.clear();
        value::fields(value, MAGIC, interrupt, |name, reader| {
            match name {
                "message_id" => message.id = reader.string()?,
                "body" => value::bytes(reader, "body", &mut buffers.body)?,
                "md5_of_body" => message.md5_of_body = reader.string()?,
                "md5_of_message_attributes" => message.md5_of_message_attributes = reader.string()?,
                "message_attributes" => message.attributes = object(reader)?,
                "sender_id" => message.sender_id = reader.string()?,
                "send_timestamp_millis" => message.send_timestamp = reader.integer()?,
                "available_at_millis" => message.available_at = reader.integer()?,
                "visible_at_millis" => message.visible_at = reader.integer()?,
                "receive_count" => message.receive_count = reader.integer()?,
                "first_receive_millis" => message.first_receive = reader.integer()?,
                "current_receipt_token" => {
                    value::bytes(reader, "current_receipt_token", &mut buffers.receipt_token)?;
                }
                "queue_generation" => message.queue_generation = reader.integer()?,
                "message_group_id" => message.group_id = reader.string()?,
                "message_deduplication_id" => message.deduplication_id = reader.string()?,
                "sequence_number" => message.sequence_number = reader.integer()?,
                "dead_letter_source_arn" => message.dead_letter_source_arn = reader.string()?,
                _ => _ = reader.value()?,
            }
            Ok(())
        })?;
        message.body = &buffers.body;
        message.receipt_token = &buffers.receipt_token;
        Ok(message)
    }
}

fn object<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Invalid> {
    let start = reader.clone();
    let text = reader.value()?;
    if text.starts_with(b"{") { Ok(text) } else { Err(start.expected("an object").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::gojson::read::in_capitals;
    use crate::time::Hlc;

    fn parse(text: &str, check: impl FnOnce(&Message<'_>)) -> Result<(), Invalid> {
        let value = [&MAGIC[..], text.as_bytes()].concat();
        let mut buffers = Buffers { body: b"stale".to_vec(), receipt_token: b"stale".to_vec() };
        Message::parse(&value, &Interrupt::default(), &mut buffers).map(|message| check(&message))
    }

    #[test]
    fn absent_fields_are_empty() {
        for text in ["null", "{}", r#"{"body":null,"sequence_number":null,"message_attributes":null}"#] {
            parse(text, |message| assert_eq!(*message, Message::default())).unwrap();
        }
    }

    #[test]
    fn each_field_is_read() {
        let text = r#"{"message_id":"m","body":"/wD+","md5_of_body":"5b","md5_of_message_attributes":"5a",
            "message_attributes":{"a": {}},"sender_id":"s","send_timestamp_millis":-1,"available_at_millis":2,
            "visible_at_millis":3,"receive_count":4,"first_receive_millis":5,"current_receipt_token":"AAE=",
            "queue_generation":6,"message_group_id":"g","message_deduplication_id":"d",
            "sequence_number":18446744073709551615,"dead_letter_source_arn":"arn"}"#;
        let expected = Message {
            queue: b"",
            partition: None,
            commit_ts: Hlc::ZERO,
            id: "m".into(),
            body: &[0xff, 0, 0xfe],
            md5_of_body: "5b".into(),
            md5_of_message_attributes: "5a".into(),
            attributes: b"{\"a\": {}}",
            sender_id: "s".into(),
            send_timestamp: -1,
            available_at: 2,
            visible_at: 3,
            receive_count: 4,
            first_receive: 5,
            receipt_token: &[0, 1],
            queue_generation: 6,
            group_id: "g".into(),
            deduplication_id: "d".into(),
            sequence_number: u64::MAX,
            dead_letter_source_arn: "arn".into(),
        };
        parse(text, |message| assert_eq!(*message, expected)).unwrap();
        parse(&in_capitals(text), |message| assert_eq!(*message, Message::default())).unwrap();
    }

    #[test]
    fn the_last_of_duplicate_fields_wins_and_unknown_ones_are_ignored() {
        let text = r#"{"message_id":"a","body":"aGk=","x":[{"y":1}],"body":"eW8=","Message_Id":"m"}"#;
        parse(text, |message| assert_eq!((&*message.id, message.body), ("a", &b"yo"[..]))).unwrap();
    }

    #[test]
    fn a_field_of_another_type_is_invalid() {
        for text in [
            r#"{"message_id":1}"#,
            r#"{"body":[256]}"#,
            r#"{"body":1}"#,
            r#"{"receive_count":"1"}"#,
            r#"{"receive_count":1.0}"#,
            r#"{"send_timestamp_millis":9223372036854775808}"#,
            r#"{"sequence_number":-1}"#,
            r#"{"message_attributes":[]}"#,
            r#"{"message_attributes":"{}"}"#,
            r#"{"unknown":tru}"#,
        ] {
            assert!(matches!(parse(text, |_| ()), Err(Invalid::Json(_))), "{text}");
        }
        for text in [r#"{"body":"aGk"}"#, r#"{"current_receipt_token":"*"}"#] {
            assert!(matches!(parse(text, |_| ()), Err(Invalid::Base64(_))), "{text}");
        }
    }
}
