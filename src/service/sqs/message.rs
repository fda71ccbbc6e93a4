//! A message as it is stored (`sqs.md` 2.2).
//!
//! In: the value of a data row. Out: a [`Message`] that borrows from it and from reused buffers.

use super::value::{self, Invalid};
use crate::codec::gojson::read::Reader;
use crate::interrupt::Interrupt;
use crate::model::sqs::Message;

const MAGIC: [u8; 4] = *b"\0SM\x01";

/// Decoded bytes of one message, reused from one to the next.
#[derive(Clone, Debug, Default)]
pub struct Buffers {
    body: Vec<u8>,
    receipt_token: Vec<u8>,
}

impl<'a> Message<'a> {
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
            commit_ts: 0,
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
