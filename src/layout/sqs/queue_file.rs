//! The two texts that describe a queue: `_queue.json` in the tree, and its line in `extra/sqs/queues.jsonl`
//! (`tree/sqs.md#queue-file`, `compat.md#queue-attributes-that-are-lost`).
//!
//! In: a queue's metadata, and what its key and other rows say. Out: JSON text.

use serde::Serialize;

use super::members::{Members, tag};
use super::pieces::Pieces;
use crate::codec::gojson::{Html, indented};
use crate::error::Result;
use crate::model::sqs::{Queue, Throttle};

/// Path of the file that carries what `_queue.json` has no place for.
pub(super) const EXTRA: &[u8] = b"extra/sqs/queues.jsonl";

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
pub(crate) fn set(out: &mut Vec<u8>, name: &str, queue: &Queue<'_>) {
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

/// Adds the queue's line of [`EXTRA`], still open at its end: the sequence number is known only after the messages.
/// `name` and `encoded` are the key's; 0 and empty members are left out.
pub(crate) fn open_extra<W: FnMut(&[u8]) -> Result<()>>(
    out: &mut Pieces<'_, W>,
    members: &mut Members,
    (name, encoded): (&str, &str),
    queue: &Queue<'_>,
) -> Result<()> {
    out.bytes(b"{\"queue\":")?;
    out.string(name, Html::Raw)?;
    out.name("encoded")?;
    out.string(encoded, Html::Raw)?;
    for (member, number) in [
        ("generation", queue.generation),
        ("incarnation", queue.incarnation),
        ("created_at_hlc", queue.created_at_hlc.0),
    ] {
        if number != 0 {
            out.number(member, number)?;
        }
    }
    for (member, number) in [
        ("created_at_millis", queue.created_at),
        ("last_modified_at_millis", queue.last_modified_at),
        ("last_purged_at_millis", queue.last_purged_at),
    ] {
        if number != 0 {
            out.number(member, number)?;
        }
    }
    if let Some(tags) = members.read(queue.tags)? {
        out.name("tags")?;
        tags.write(out, tag)?;
    }
    throttle(out, &queue.throttle)
}

/// Adds the settings as they are spelt.
fn throttle<W: FnMut(&[u8]) -> Result<()>>(out: &mut Pieces<'_, W>, throttle: &Throttle<'_>) -> Result<()> {
    let settings = [
        ("send_capacity", throttle.send_capacity),
        ("send_refill_per_second", throttle.send_refill_per_second),
        ("recv_capacity", throttle.recv_capacity),
        ("recv_refill_per_second", throttle.recv_refill_per_second),
        ("default_capacity", throttle.default_capacity),
        ("default_refill_per_second", throttle.default_refill_per_second),
    ];
    let mut open = None;
    for (member, number) in settings {
        let Some(number) = number else { continue };
        if open.is_some() {
            out.name(member)?;
        } else {
            out.name("throttle")?;
            for part in ["{\"", member, "\":"] {
                out.bytes(part.as_bytes())?;
            }
            open = Some("}");
        }
        out.bytes(number.as_bytes())?;
    }
    out.bytes(open.unwrap_or_default().as_bytes())
}

/// Returns what completes a line of [`EXTRA`], newline included.
#[must_use]
pub(super) fn close_extra(sequence_number: u64) -> String {
    match sequence_number {
        0 => "}\n".to_owned(),
        number => format!(",\"sequence_number\":{number}}}\n"),
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::Interrupt;
    use crate::tree::Scratch;

    fn queue(text: &str) -> Vec<u8> {
        [b"\0SQ\x01", text.as_bytes()].concat()
    }

    fn file(name: &str, text: &str) -> String {
        let (value, mut out) = (queue(text), b"stale".to_vec());
        set(&mut out, name, &Queue::parse(&value, &Interrupt::default()).unwrap());
        String::from_utf8(out).unwrap()
    }

    fn extra(text: &str, sequence_number: u64) -> String {
        let (mut line, mut buffer) = (Vec::new(), Vec::new());
        let mut out = Pieces::new(&mut buffer, |piece: &[u8]| {
            line.extend_from_slice(piece);
            Ok(())
        });
        let (value, interrupt) = (queue(text), Interrupt::default());
        let queue = Queue::parse(&value, &interrupt).unwrap();
        open_extra(&mut out, &mut Members::new(&Scratch::default()), ("q", "cQ"), &queue).unwrap();
        out.finish().unwrap();
        String::from_utf8(line).unwrap() + &close_extra(sequence_number)
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
            "throttle":{"send_capacity":10,"send_refill_per_second":2.50,"recv_capacity":0,
            "recv_refill_per_second":1e-3,"default_capacity":9007199254740993,"default_refill_per_second":-0.5}}"#;
        let expected = r#"{"queue":"q","encoded":"cQ","generation":7,"incarnation":5,"created_at_hlc":1,"created_at_millis":2,"last_modified_at_millis":3,"last_purged_at_millis":4,"tags":{"a":"1","b":"<2>"},"throttle":{"send_capacity":10,"send_refill_per_second":2.50,"recv_refill_per_second":1e-3,"default_capacity":9007199254740993,"default_refill_per_second":-0.5},"sequence_number":18446744073709551615}"#;
        assert_eq!(extra(text, u64::MAX), format!("{expected}\n"));
    }
}
