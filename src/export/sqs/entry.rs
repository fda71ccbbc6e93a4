//! One message as an entry of `SendMessageBatch`, and the requests that entries make.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::sqs::Message;
use crate::tree::json::{self, Html};

/// Entries of a request, at most.
const ENTRIES: usize = 10;
/// Bytes of a request's entries: the limit of all servers but the newest is 256 KiB.
const BYTES: usize = 250 << 10;
/// Longest message, attributes included, bytes: that of the newest servers.
const MESSAGE: usize = 1 << 20;
/// Most attributes of a message.
const ATTRIBUTES: usize = 10;

/// A message without what its place in a request and its queue decide.
pub(super) struct Entry {
    /// Members of the entry, without braces.
    pub text: Vec<u8>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    data_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

impl Entry {
    /// Returns the entry of a message that is delivered after `delay` seconds; an error is why SQS does not take it.
    pub(super) fn of(message: &Message<'_>, delay: i64) -> Result<Self, &'static str> {
        let Ok(body) = std::str::from_utf8(message.body) else { return Err("a body that is no UTF-8") };
        if body.is_empty() {
            return Err("an empty body");
        }
        if body.len() + message.attributes.len() > MESSAGE {
            return Err("larger than 1 MiB");
        }
        if !body.chars().all(is_allowed) {
            return Err("a body with a character that SQS does not take");
        }
        let mut text = b"\"MessageBody\":".to_vec();
        json::string(&mut text, body, Html::Raw);
        if !message.attributes.is_empty() {
            let attributes: BTreeMap<String, Attribute> = serde_json::from_slice(message.attributes)
                .map_err(|_| "attributes of another form than the API's")?;
            if attributes.len() > ATTRIBUTES {
                return Err("more than 10 attributes");
            }
            if !attributes.iter().all(|(name, attribute)| is_attribute(name, attribute)) {
                return Err("an attribute that SQS does not take");
            }
            if !attributes.is_empty() {
                text.extend_from_slice(b",\"MessageAttributes\":");
                json::compact(&mut text, &attributes, Html::Raw);
            }
        }
        if delay > 0 {
            text.extend_from_slice(format!(",\"DelaySeconds\":{delay}").as_bytes());
        }
        if !message.group_id.is_empty() {
            text.extend_from_slice(b",\"MessageGroupId\":");
            json::string(&mut text, &message.group_id, Html::Raw);
        }
        Ok(Self { text })
    }
}

/// Whether SQS takes a character of a text.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn is_attribute(name: &str, attribute: &Attribute) -> bool {
    let lower = name.to_ascii_lowercase();
    let value = attribute.string_value.as_deref().or(attribute.binary_value.as_deref()).unwrap_or("");
    (1..=256).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
        && !lower.starts_with("aws.")
        && !lower.starts_with("amazon.")
        && ["String", "Number", "Binary"].contains(&attribute.data_type.split('.').next().unwrap_or(""))
        && !value.is_empty()
        && value.chars().all(is_allowed)
}

/// A request of up to 10 entries; the queue's URL is the caller's to give.
#[derive(Default)]
pub(super) struct Request {
    line: Vec<u8>,
    entries: usize,
}

impl Request {
    /// Whether another entry is to begin a new request.
    pub(super) fn is_full_with(&self, entry: &[u8]) -> bool {
        self.entries == ENTRIES || (self.entries > 0 && self.line.len() + entry.len() > BYTES)
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, entry: &[u8]) {
        self.line.extend_from_slice(if self.entries == 0 { b"{\"Entries\":[" } else { b"," });
        self.line.extend_from_slice(format!("{{\"Id\":\"{}\",", self.entries).as_bytes());
        self.line.extend_from_slice(entry);
        self.line.push(b'}');
        self.entries += 1;
    }

    /// Ends the request; returns its line, `None` where it has no entry.
    pub(super) fn line(&mut self) -> Option<&[u8]> {
        if self.entries == 0 {
            return None;
        }
        self.line.extend_from_slice(b"]}\n");
        Some(&self.line)
    }

    /// Begins the next one.
    pub(super) fn clear(&mut self) {
        self.line.clear();
        self.line.shrink_to(2 * BYTES);
        self.entries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(message: &Message<'_>, delay: i64) -> Result<String, &'static str> {
        Entry::of(message, delay).map(|entry| String::from_utf8(entry.text).unwrap())
    }

    #[test]
    fn an_entry_has_what_a_sender_gives() {
        let attributes = br#"{"b":{"DataType":"Binary.png","BinaryValue":"AAE="},"a":{"DataType":"Number","StringValue":"1"}}"#;
        let message = Message {
            body: b"<\"\t>",
            attributes,
            group_id: "g".into(),
            receive_count: 3,
            ..Message::default()
        };
        assert_eq!(
            entry(&message, 5).unwrap(),
            "\"MessageBody\":\"<\\\"\\t>\",\"MessageAttributes\":{\"a\":{\"DataType\":\"Number\",\"StringValue\":\"1\"},\
             \"b\":{\"DataType\":\"Binary.png\",\"BinaryValue\":\"AAE=\"}},\"DelaySeconds\":5,\"MessageGroupId\":\"g\""
        );
    }

    #[test]
    fn what_sqs_does_not_take_is_said() {
        for body in [&b""[..], b"\xff", b"\x00", b"\x0b", "\u{fffe}".as_bytes(), &vec![b'x'; MESSAGE + 1]] {
            assert!(entry(&Message { body, ..Message::default() }, 0).is_err(), "{}", body.len());
        }
        for attributes in [
            &br#"{"":{"DataType":"String","StringValue":"x"}}"#[..],
            br#"{"a b":{"DataType":"String","StringValue":"x"}}"#,
            br#"{"AWS.x":{"DataType":"String","StringValue":"x"}}"#,
            br#"{"a":{"DataType":"Other","StringValue":"x"}}"#,
            br#"{"a":{"DataType":"String","StringValue":""}}"#,
            br#"{"a":{"DataType":"String"}}"#,
            br#"{"a":1}"#,
        ] {
            assert!(entry(&Message { body: b"x", attributes, ..Message::default() }, 0).is_err());
        }
    }

    #[test]
    fn a_request_has_ten_entries_or_some_bytes() {
        let mut request = Request::default();
        assert_eq!(request.line(), None);
        assert!(!request.is_full_with(&vec![0; 2 * BYTES]));
        request.push(b"\"x\":1");
        assert!(request.is_full_with(&vec![0; BYTES]));
        (1..ENTRIES).for_each(|_| request.push(b"\"x\":1"));
        assert!(request.is_full_with(b""));
        assert!(request.line().unwrap().starts_with(b"{\"Entries\":[{\"Id\":\"0\",\"x\":1},{\"Id\":\"1\""));
        request.clear();
        assert_eq!(request.line(), None);
    }
}
