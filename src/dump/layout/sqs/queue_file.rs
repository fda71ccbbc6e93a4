//! The two texts that describe a queue: `_queue.json` in the tree, and its line in `extra/sqs/queues.jsonl`
//! (`sqs.md` 4.2, S4).
//!
//! In: a queue's metadata, and what its key and other rows say. Out: JSON text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::codec::gojson::{Html, compact, indented};
use crate::model::sqs::{Queue, Throttle};

/// Path of the file that carries what `_queue.json` has no place for.
pub const EXTRA: &[u8] = b"extra/sqs/queues.jsonl";

#[derive(Serialize)]
struct QueueFile<'a> {
    format_version: u32,
    name: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    fifo: bool,
    #[serde(skip_serializing_if = "is_default")]
    content_based_deduplication: bool,
    visibility_timeout_seconds: i64,
    message_retention_seconds: i64,
    delay_seconds: i64,
    #[serde(skip_serializing_if = "is_default")]
    receive_message_wait_seconds: i64,
    #[serde(skip_serializing_if = "is_default")]
    maximum_message_size: i64,
    #[serde(skip_serializing_if = "is_default")]
    redrive_policy: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    redrive_allow_policy: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    partition_count: u32,
    #[serde(skip_serializing_if = "is_default")]
    fifo_throughput_limit: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    deduplication_scope: &'a str,
}

/// Replaces the content of `out` by the text of `_queue.json`. `name` is the key's.
pub fn set(out: &mut Vec<u8>, name: &str, queue: &Queue<'_>) {
    out.clear();
    let file = QueueFile {
        format_version: 1,
        name,
        fifo: queue.fifo,
        content_based_deduplication: queue.content_based_deduplication,
        visibility_timeout_seconds: queue.visibility_timeout,
        message_retention_seconds: queue.message_retention,
        delay_seconds: queue.delay,
        receive_message_wait_seconds: queue.receive_message_wait,
        maximum_message_size: queue.maximum_message_size,
        redrive_policy: &queue.redrive_policy,
        redrive_allow_policy: &queue.redrive_allow_policy,
        partition_count: queue.partition_count,
        fifo_throughput_limit: &queue.fifo_throughput_limit,
        deduplication_scope: &queue.deduplication_scope,
    };
    indented(out, &file, Html::Escaped);
}

#[derive(Serialize)]
struct ExtraLine<'a> {
    queue: &'a str,
    encoded: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    generation: u64,
    #[serde(skip_serializing_if = "is_default")]
    incarnation: u64,
    #[serde(skip_serializing_if = "is_default")]
    created_at_hlc: u64,
    #[serde(skip_serializing_if = "is_default")]
    created_at_millis: i64,
    #[serde(skip_serializing_if = "is_default")]
    last_modified_at_millis: i64,
    #[serde(skip_serializing_if = "is_default")]
    last_purged_at_millis: i64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: &'a BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    throttle: Option<ThrottleObject<'a>>,
}

#[derive(Serialize)]
struct ThrottleObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    send_capacity: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    send_refill_per_second: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recv_capacity: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recv_refill_per_second: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_capacity: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_refill_per_second: Option<&'a RawValue>,
}

impl<'a> ThrottleObject<'a> {
    fn new(throttle: &Throttle<'a>) -> Option<Self> {
        let verbatim = |text: Option<&'a str>| text.and_then(|text| serde_json::from_str(text).ok());
        (*throttle != Throttle::default()).then(|| Self {
            send_capacity: verbatim(throttle.send_capacity),
            send_refill_per_second: verbatim(throttle.send_refill_per_second),
            recv_capacity: verbatim(throttle.recv_capacity),
            recv_refill_per_second: verbatim(throttle.recv_refill_per_second),
            default_capacity: verbatim(throttle.default_capacity),
            default_refill_per_second: verbatim(throttle.default_refill_per_second),
        })
    }
}

/// Returns the queue's line of [`EXTRA`], still open at its end: the sequence number is known only after the
/// messages. `name` and `encoded` are the key's; 0 and empty members are left out.
#[must_use]
pub fn open_extra(name: &str, encoded: &str, queue: &Queue<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let line = ExtraLine {
        queue: name,
        encoded,
        generation: queue.generation,
        incarnation: queue.incarnation,
        created_at_hlc: queue.created_at_hlc,
        created_at_millis: queue.created_at,
        last_modified_at_millis: queue.last_modified_at,
        last_purged_at_millis: queue.last_purged_at,
        tags: &queue.tags,
        throttle: ThrottleObject::new(&queue.throttle),
    };
    compact(&mut out, &line, Html::Raw);
    out.pop();
    out
}

/// Completes a line of [`EXTRA`], newline included.
pub fn close_extra(line: &mut Vec<u8>, sequence_number: u64) {
    if sequence_number != 0 {
        line.extend_from_slice(format!(",\"sequence_number\":{sequence_number}").as_bytes());
    }
    line.extend_from_slice(b"}\n");
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(text: &str) -> Vec<u8> {
        [b"\0SQ\x01", text.as_bytes()].concat()
    }

    fn file(name: &str, text: &str) -> String {
        let (value, mut out) = (queue(text), b"stale".to_vec());
        set(&mut out, name, &Queue::parse(&value).unwrap());
        String::from_utf8(out).unwrap()
    }

    fn extra(text: &str, sequence_number: u64) -> String {
        let mut line = open_extra("q", "cQ", &Queue::parse(&queue(text)).unwrap());
        close_extra(&mut line, sequence_number);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn members_that_are_never_left_out_stand_for_an_empty_record() {
        let expected = "{\n  \"format_version\": 1,\n  \"name\": \"q\",\n  \"visibility_timeout_seconds\": 0,\n  \
            \"message_retention_seconds\": 0,\n  \"delay_seconds\": 0\n}";
        assert_eq!(file("q", "null"), expected);
    }

    #[test]
    fn every_member_has_its_place_and_is_escaped_for_html() {
        let text = r#"{"name":"other","generation":7,"is_fifo":true,"content_based_dedup":true,
            "visibility_timeout_seconds":-1,"message_retention_seconds":2,"delay_seconds":3,
            "receive_message_wait_seconds":4,"maximum_message_size":5,"redrive_policy":"{\"a\":\"<\"}",
            "redrive_allow_policy":"&","partition_count":1,"fifo_throughput_limit":"perQueue",
            "deduplication_scope":"queue"}"#;
        let expected = r#"{
  "format_version": 1,
  "name": "a\u003eb.fifo",
  "fifo": true,
  "content_based_deduplication": true,
  "visibility_timeout_seconds": -1,
  "message_retention_seconds": 2,
  "delay_seconds": 3,
  "receive_message_wait_seconds": 4,
  "maximum_message_size": 5,
  "redrive_policy": "{\"a\":\"\u003c\"}",
  "redrive_allow_policy": "\u0026",
  "partition_count": 1,
  "fifo_throughput_limit": "perQueue",
  "deduplication_scope": "queue"
}"#;
        assert_eq!(file("a>b.fifo", text), expected);
    }

    #[test]
    fn the_extra_line_has_what_the_tree_has_no_place_for() {
        assert_eq!(extra("{}", 0), "{\"queue\":\"q\",\"encoded\":\"cQ\"}\n");
        let text = r#"{"generation":7,"incarnation":5,"created_at_hlc":1,"created_at_millis":2,
            "last_modified_at_millis":3,"last_purged_at_millis":4,"tags":{"b":"<2>","a":"1"},
            "throttle":{"send_capacity":10,"send_refill_per_second":2.50,"recv_capacity":0}}"#;
        let expected = r#"{"queue":"q","encoded":"cQ","generation":7,"incarnation":5,"created_at_hlc":1,"created_at_millis":2,"last_modified_at_millis":3,"last_purged_at_millis":4,"tags":{"a":"1","b":"<2>"},"throttle":{"send_capacity":10,"send_refill_per_second":2.50},"sequence_number":18446744073709551615}"#;
        assert_eq!(extra(text, u64::MAX), format!("{expected}\n"));
    }
}
