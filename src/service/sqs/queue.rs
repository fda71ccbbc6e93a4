//! A queue's metadata as it is stored (`format/sqs.md#queue-record`).
//!
//! In: the value of a meta row. Out: a [`Queue`] that borrows from it.

use serde::Serialize;
use serde_json::value::RawValue;

use super::value::{self, Invalid};
use crate::codec::gojson::read::{ErrorKind, Reader};
use crate::codec::gojson::{Html, compact};
use crate::interrupt::Interrupt;
use crate::model::sqs::{Queue, Throttle};
use crate::time::Hlc;

const MAGIC: [u8; 4] = *b"\0SQ\x01";

/// The value as it is written. Members that no dump of the reference layout has are left out where they are empty.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    generation: u64,
    #[serde(skip_serializing_if = "is_default")]
    incarnation: u64,
    #[serde(skip_serializing_if = "is_default")]
    created_at_hlc: Hlc,
    #[serde(skip_serializing_if = "is_default")]
    is_fifo: bool,
    #[serde(skip_serializing_if = "is_default")]
    content_based_dedup: bool,
    visibility_timeout_seconds: i64,
    message_retention_seconds: i64,
    delay_seconds: i64,
    receive_message_wait_seconds: i64,
    maximum_message_size: i64,
    #[serde(skip_serializing_if = "is_default")]
    redrive_policy: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    redrive_allow_policy: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "is_default")]
    last_purged_at_millis: i64,
    #[serde(skip_serializing_if = "is_default")]
    created_at_millis: i64,
    #[serde(skip_serializing_if = "is_default")]
    last_modified_at_millis: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    throttle: Option<ThrottleRow<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    partition_count: u32,
    #[serde(skip_serializing_if = "is_default")]
    fifo_throughput_limit: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    deduplication_scope: &'a str,
}

#[derive(Serialize)]
struct ThrottleRow<'a> {
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

impl<'a> ThrottleRow<'a> {
    fn of(throttle: &Throttle<'a>) -> Option<Self> {
        let number = |text: Option<&'a str>| text.and_then(|text| serde_json::from_str(text).ok());
        (*throttle != Throttle::default()).then(|| Self {
            send_capacity: number(throttle.send_capacity),
            send_refill_per_second: number(throttle.send_refill_per_second),
            recv_capacity: number(throttle.recv_capacity),
            recv_refill_per_second: number(throttle.recv_refill_per_second),
            default_capacity: number(throttle.default_capacity),
            default_refill_per_second: number(throttle.default_refill_per_second),
        })
    }
}

impl<'a> Queue<'a> {
    /// Appends the value of a meta row: the queue's, under this name. `tags` are its own as compact text.
    pub(crate) fn write(&self, out: &mut Vec<u8>, name: &str, tags: Option<&RawValue>) {
        out.extend_from_slice(&MAGIC);
        let row = Row {
            name,
            generation: self.generation,
            incarnation: self.incarnation,
            created_at_hlc: self.created_at_hlc,
            is_fifo: self.fifo,
            content_based_dedup: self.content_based_deduplication,
            visibility_timeout_seconds: self.visibility_timeout,
            message_retention_seconds: self.message_retention,
            delay_seconds: self.delay,
            receive_message_wait_seconds: self.receive_message_wait,
            maximum_message_size: self.maximum_message_size,
            redrive_policy: &self.redrive_policy,
            redrive_allow_policy: &self.redrive_allow_policy,
            tags,
            last_purged_at_millis: self.last_purged_at,
            created_at_millis: self.created_at,
            last_modified_at_millis: self.last_modified_at,
            throttle: ThrottleRow::of(&self.throttle),
            partition_count: self.partition_count,
            fifo_throughput_limit: &self.fifo_throughput_limit,
            deduplication_scope: &self.deduplication_scope,
        };
        compact(out, &row, Html::Escaped);
    }

    /// Reads the value of a meta row.
    pub fn parse(value: &'a [u8], interrupt: &'a Interrupt) -> Result<Self, Invalid> {
        let mut queue = Self::default();
        value::fields(value, MAGIC, interrupt, |name, reader| {
            match name {
                "name" => queue.name = reader.string()?,
                "generation" => queue.generation = reader.integer()?,
                "incarnation" => queue.incarnation = reader.integer()?,
                "created_at_hlc" => queue.created_at_hlc = reader.integer()?,
                "is_fifo" => queue.fifo = reader.boolean()?,
                "content_based_dedup" => queue.content_based_deduplication = reader.boolean()?,
                "visibility_timeout_seconds" => queue.visibility_timeout = reader.integer()?,
                "message_retention_seconds" => queue.message_retention = reader.integer()?,
                "delay_seconds" => queue.delay = reader.integer()?,
                "receive_message_wait_seconds" => queue.receive_message_wait = reader.integer()?,
                "maximum_message_size" => queue.maximum_message_size = reader.integer()?,
                "redrive_policy" => queue.redrive_policy = reader.string()?,
                "redrive_allow_policy" => queue.redrive_allow_policy = reader.string()?,
                "tags" => queue.tags = tags(reader)?,
                "last_purged_at_millis" => queue.last_purged_at = reader.integer()?,
                "created_at_millis" => queue.created_at = reader.integer()?,
                "last_modified_at_millis" => queue.last_modified_at = reader.integer()?,
                "throttle" => queue.throttle = Throttle::read(reader)?,
                "partition_count" => queue.partition_count = reader.integer()?,
                "fifo_throughput_limit" => queue.fifo_throughput_limit = reader.string()?,
                "deduplication_scope" => queue.deduplication_scope = reader.string()?,
                _ => _ = reader.value()?,
            }
            Ok(())
        })?;
        Ok(queue)
    }
}

impl<'a> Throttle<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Invalid> {
        let mut throttle = Self::default();
        reader.object(|name, reader| {
            if reader.null()? {
                return Ok(());
            }
            match &*name {
                "send_capacity" => throttle.send_capacity = setting(reader)?,
                "send_refill_per_second" => throttle.send_refill_per_second = setting(reader)?,
                "recv_capacity" => throttle.recv_capacity = setting(reader)?,
                "recv_refill_per_second" => throttle.recv_refill_per_second = setting(reader)?,
                "default_capacity" => throttle.default_capacity = setting(reader)?,
                "default_refill_per_second" => throttle.default_refill_per_second = setting(reader)?,
                _ => _ = reader.value()?,
            }
            Ok::<_, Invalid>(())
        })?;
        Ok(throttle)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn setting<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a str>, Invalid> {
    let start = reader.clone();
    let text = reader.number()?;
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((number != 0.0).then_some(text)),
        _ => Err(start.error(ErrorKind::Float).into()),
    }
}

/// Takes an object of strings, some of which may be `null`, and returns its text.
fn tags<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Invalid> {
    let start = reader.clone();
    reader.object(|_, reader| reader.string().map(drop))?;
    Ok(reader.since(&start))
}

#[cfg(test)]
mod tests {
    use super::super::partition::Partitions;
    use super::*;
    use crate::codec::gojson::read::in_capitals;

    fn stored(text: &str) -> Vec<u8> {
        [&MAGIC[..], text.as_bytes()].concat()
    }

    #[test]
    fn absent_fields_are_empty() {
        for text in ["null", "{}", r#"{"name":null,"tags":null,"throttle":null}"#] {
            assert_eq!(Queue::parse(&stored(text), &Interrupt::default()), Ok(Queue::default()));
        }
    }

    #[test]
    fn every_field_is_read() {
        let text = r#"{"name":"q","generation":1,"incarnation":2,"created_at_hlc":3,"is_fifo":true,
            "content_based_dedup":true,"visibility_timeout_seconds":4,"message_retention_seconds":5,
            "delay_seconds":6,"receive_message_wait_seconds":7,"maximum_message_size":8,"redrive_policy":"{}",
            "redrive_allow_policy":"[]","tags":{"b":"2","a":null},"last_purged_at_millis":9,
            "created_at_millis":10,"last_modified_at_millis":11,
            "throttle":{"send_capacity":10,"send_refill_per_second":2.50,"recv_capacity":0,
            "default_capacity":1e1,"other":[]},"partition_count":4,
            "fifo_throughput_limit":"perQueue","deduplication_scope":"queue","other":{}}"#;
        let expected = Queue {
            name: "q".into(),
            generation: 1,
            incarnation: 2,
            created_at_hlc: Hlc(3),
            fifo: true,
            content_based_deduplication: true,
            visibility_timeout: 4,
            message_retention: 5,
            delay: 6,
            receive_message_wait: 7,
            maximum_message_size: 8,
            redrive_policy: "{}".into(),
            redrive_allow_policy: "[]".into(),
            tags: br#"{"b":"2","a":null}"#,
            last_purged_at: 9,
            created_at: 10,
            last_modified_at: 11,
            throttle: Throttle {
                send_capacity: Some("10"),
                send_refill_per_second: Some("2.50"),
                default_capacity: Some("1e1"),
                ..Throttle::default()
            },
            partition_count: 4,
            fifo_throughput_limit: "perQueue".into(),
            deduplication_scope: "queue".into(),
        };
        let interrupt = Interrupt::default();
        let capitals = stored(&in_capitals(text));
        assert_eq!(Queue::parse(&capitals, &interrupt).as_ref(), Ok(&Queue::default()));
        let value = stored(text);
        let queue = Queue::parse(&value, &interrupt).unwrap();
        assert_eq!(queue, expected);
        assert_eq!(Partitions::of_queue(&queue), Partitions { count: 4, per_queue: true });
    }

    #[test]
    fn a_field_of_another_type_is_invalid() {
        for text in [
            r#"{"generation":1.0}"#,
            r#"{"generation":-1}"#,
            r#"{"incarnation":"1"}"#,
            r#"{"is_fifo":1}"#,
            r#"{"name":1}"#,
            r#"{"partition_count":4294967296}"#,
            r#"{"tags":[]}"#,
            r#"{"tags":{"a":1}}"#,
            r#"{"throttle":{"send_capacity":"1"}}"#,
            r#"{"throttle":{"send_capacity":1e999}}"#,
        ] {
            assert!(
                matches!(Queue::parse(&stored(text), &Interrupt::default()), Err(Invalid::Json(_))),
                "{text}"
            );
        }
        assert_eq!(Queue::parse(b"\0SM\x01{}", &Interrupt::default()), Err(Invalid::Magic));
    }
}
