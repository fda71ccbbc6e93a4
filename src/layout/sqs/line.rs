//! One line of `messages.jsonl` (`tree/sqs.md#lines-of-messages`).
//!
//! In: a message. Out: the line, newline included, in pieces. Only the body's characters are escaped for HTML.

use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::members::Members;
use super::pieces::Pieces;
use crate::codec::gojson::Html;
use crate::error::Result;
use crate::model::sqs::Message;

/// Adds the line of a message; without `preserve` the members that tell what receivers did are zeroed.
pub(crate) fn write<W: FnMut(&[u8]) -> Result<()>>(
    out: &mut Pieces<'_, W>,
    members: &mut Members,
    message: &Message<'_>,
    preserve: bool,
) -> Result<()> {
    out.bytes(b"{\"message_id\":")?;
    out.string(&message.id, Html::Raw)?;
    out.name("body")?;
    if let Ok(text) = std::str::from_utf8(message.body) {
        out.string(text, Html::Escaped)?;
    } else {
        out.bytes(b"{\"base64\":")?;
        out.base64(message.body, &URL_SAFE_NO_PAD)?;
        out.bytes(b"}")?;
    }
    out.text("md5_of_body", &message.md5_of_body)?;
    out.text("md5_of_message_attributes", &message.md5_of_message_attributes)?;
    if let Some(attributes) = members.read(message.attributes)? {
        out.name("message_attributes")?;
        attributes.write(out, Pieces::dense)?;
    }
    out.text("sender_id", &message.sender_id)?;
    out.number("send_timestamp_millis", message.send_timestamp)?;
    out.number("available_at_millis", message.available_at)?;
    out.number("visible_at_millis", if preserve { message.visible_at } else { 0 })?;
    out.number("receive_count", if preserve { message.receive_count } else { 0 })?;
    if preserve && message.first_receive != 0 {
        out.number("first_receive_millis", message.first_receive)?;
    }
    if preserve && !message.receipt_token.is_empty() {
        out.name("current_receipt_token")?;
        out.base64(message.receipt_token, &STANDARD)?;
    }
    out.number("queue_generation", message.queue_generation)?;
    out.text("message_group_id", &message.group_id)?;
    out.text("message_deduplication_id", &message.deduplication_id)?;
    if message.sequence_number != 0 {
        out.number("sequence_number", message.sequence_number)?;
    }
    out.text("dead_letter_source_arn", &message.dead_letter_source_arn)?;
    if let Some(partition) = message.partition {
        out.number("partition", partition)?;
    }
    out.bytes(b"}\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use base64::Engine;

    use super::*;
    use crate::codec::gojson::{Binary, PIECE, compact};
    use crate::interrupt::Interrupt;
    use crate::service::sqs::message::Buffers;
    use crate::tree::Scratch;

    fn line(text: &str, partition: Option<u32>, preserve: bool) -> String {
        let value = [b"\0SM\x01", text.as_bytes()].concat();
        let (mut buffers, interrupt) = (Buffers::default(), Interrupt::default());
        let message = Message::parse(&value, &interrupt, &mut buffers).unwrap();
        written(&Message { partition, ..message }, preserve)
    }

    fn written(message: &Message<'_>, preserve: bool) -> String {
        let (mut line, mut buffer) = (Vec::new(), Vec::new());
        let mut out = Pieces::new(&mut buffer, |piece: &[u8]| {
            line.extend_from_slice(piece);
            Ok(())
        });
        write(&mut out, &mut Members::new(&Scratch::default()), message, preserve).unwrap();
        out.finish().unwrap();
        String::from_utf8(line).unwrap()
    }

    const RECEIVED: &str = r#"{"message_id":"00112233445566778899aabbccddeeff","body":"YTxiICYgImMiCg==","md5_of_body":"881a34c910901982e281096a99dffa69","send_timestamp_millis":1700000000123,"available_at_millis":1700000000123,"visible_at_millis":1700000030456,"receive_count":2,"first_receive_millis":1700000000400,"current_receipt_token":"AAECAwQFBgcICQoLDA0ODw==","queue_generation":3}"#;

    #[test]
    fn what_receivers_did_is_zeroed() {
        let expected = r#"{"message_id":"00112233445566778899aabbccddeeff","body":"a\u003cb \u0026 \"c\"\n","md5_of_body":"881a34c910901982e281096a99dffa69","send_timestamp_millis":1700000000123,"available_at_millis":1700000000123,"visible_at_millis":0,"receive_count":0,"queue_generation":3}"#;
        assert_eq!(line(RECEIVED, None, false), format!("{expected}\n"));
    }

    #[test]
    fn what_receivers_did_is_preserved_on_request() {
        let expected = r#"{"message_id":"00112233445566778899aabbccddeeff","body":"a\u003cb \u0026 \"c\"\n","md5_of_body":"881a34c910901982e281096a99dffa69","send_timestamp_millis":1700000000123,"available_at_millis":1700000000123,"visible_at_millis":1700000030456,"receive_count":2,"first_receive_millis":1700000000400,"current_receipt_token":"AAECAwQFBgcICQoLDA0ODw==","queue_generation":3}"#;
        assert_eq!(line(RECEIVED, None, true), format!("{expected}\n"));
    }

    #[test]
    fn a_body_that_is_not_utf8_stands_in_an_envelope_and_attributes_are_sorted() {
        let stored = r#"{"message_id":"m1","body":"/wD+","message_attributes":{"z<":{"DataType":"String","StringValue":"\u003cx\u003e"},"a":{"DataType":"Binary","BinaryValue":"AAE="}},"send_timestamp_millis":5,"available_at_millis":5,"visible_at_millis":5,"receive_count":0,"current_receipt_token":null,"queue_generation":1}"#;
        let expected = r#"{"message_id":"m1","body":{"base64":"_wD-"},"message_attributes":{"a":{"DataType":"Binary","BinaryValue":"AAE="},"z<":{"DataType":"String","StringValue":"\u003cx\u003e"}},"send_timestamp_millis":5,"available_at_millis":5,"visible_at_millis":0,"receive_count":0,"queue_generation":1}"#;
        assert_eq!(line(stored, None, false), format!("{expected}\n"));
    }

    #[test]
    fn every_partitioned_row_has_its_partition() {
        let head = r#"{"message_id":"","body":"","send_timestamp_millis":0,"available_at_millis":0,"visible_at_millis":0,"receive_count":0,"queue_generation":0"#;
        assert_eq!(line("{}", None, true), format!("{head}}}\n"));
        assert_eq!(line("{}", Some(0), true), format!("{head},\"partition\":0}}\n"));
    }

    #[test]
    fn a_long_line_has_the_pieces_of_its_body() {
        let text: Vec<u8> = "é<\"\n\u{2028}😀x".bytes().cycle().take(170 * (PIECE / 50)).collect();
        let binary = [&text[..], b"\xff"].concat();
        for body in [&b""[..], b"x", b"\xff", &text, &binary, &text[..PIECE], &binary[1..=PIECE]] {
            let message = Message { body, partition: Some(3), ..Message::default() };
            let line = written(&message, true);
            let mut expected = b"{\"message_id\":\"\",\"body\":".to_vec();
            compact(&mut expected, &Binary(body), Html::Escaped);
            expected.extend_from_slice(b",\"send_timestamp_millis\":0");
            assert!(line.as_bytes().starts_with(&expected), "{} bytes", body.len());
        }
    }

    proptest! {
        #[test]
        fn a_line_read_back_gives_the_message(
            texts in proptest::array::uniform8("[ -~\\PC\u{0}-\u{1f}\u{2028}<>&\"\\\\]{0,8}"),
            body: Vec<u8>,
            token in proptest::collection::vec(any::<u8>(), 1..20),
            signed: [i64; 5],
            unsigned: [u64; 2],
            partition: Option<u32>,
        ) {
            let [id, md5, md5_attributes, sender, group, dedup, arn, attribute] = &texts;
            let stored = json!({
                "message_id": id, "body": STANDARD.encode(&body), "md5_of_body": md5,
                "md5_of_message_attributes": md5_attributes,
                "message_attributes": { attribute.as_str(): { "DataType": "String", "StringValue": attribute } },
                "sender_id": sender, "send_timestamp_millis": signed[0], "available_at_millis": signed[1],
                "visible_at_millis": signed[2], "receive_count": signed[3], "first_receive_millis": signed[4],
                "current_receipt_token": STANDARD.encode(&token), "queue_generation": unsigned[0],
                "message_group_id": group, "message_deduplication_id": dedup, "sequence_number": unsigned[1],
                "dead_letter_source_arn": arn,
            });
            let read: Value = serde_json::from_str(&line(&stored.to_string(), partition, true)).unwrap();
            let mut expected = stored;
            if let Ok(text) = std::str::from_utf8(&body) {
                expected["body"] = json!(text);
            } else {
                use base64::engine::general_purpose::URL_SAFE_NO_PAD;
                expected["body"] = json!({ "base64": URL_SAFE_NO_PAD.encode(&body) });
            }
            if let Some(partition) = partition {
                expected["partition"] = json!(partition);
            }
            let members = expected.as_object_mut().unwrap();
            let always = ["message_id", "body"];
            let optional = ["first_receive_millis", "sequence_number"];
            members.retain(|name, value| {
                always.contains(&name.as_str())
                    || *value != json!("") && !(optional.contains(&name.as_str()) && *value == json!(0))
            });
            prop_assert_eq!(read, expected);
        }
    }
}
