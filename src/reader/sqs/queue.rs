//! `_queue.json`, and the line of `extra/sqs/queues.jsonl`, to a queue (`tree/sqs.md#queue-file`, `compat.md#queue-attributes-that-are-lost`).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::text::Place;
use super::super::{File, Reader};
use crate::error::Result;
use crate::limits;
use crate::model::sqs::{Queue, Throttle};
use crate::time::Hlc;

#[derive(Deserialize)]
struct Document<'t> {
    format_version: u64,
    #[serde(borrow)]
    name: Cow<'t, str>,
    #[serde(default)]
    fifo: bool,
    #[serde(default)]
    content_based_deduplication: bool,
    #[serde(default)]
    visibility_timeout_seconds: i64,
    #[serde(default)]
    message_retention_seconds: i64,
    #[serde(default)]
    delay_seconds: i64,
    #[serde(default)]
    receive_message_wait_seconds: i64,
    #[serde(default)]
    maximum_message_size: i64,
    #[serde(borrow, default)]
    redrive_policy: Cow<'t, str>,
    #[serde(borrow, default)]
    redrive_allow_policy: Cow<'t, str>,
    #[serde(default)]
    partition_count: u32,
    #[serde(borrow, default)]
    fifo_throughput_limit: Cow<'t, str>,
    #[serde(borrow, default)]
    deduplication_scope: Cow<'t, str>,
}

/// What only the line of a queue tells.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Extra<'t> {
    generation: u64,
    incarnation: u64,
    created_at_hlc: Hlc,
    created_at_millis: i64,
    last_modified_at_millis: i64,
    last_purged_at_millis: i64,
    #[serde(borrow)]
    tags: Option<&'t RawValue>,
    #[serde(borrow)]
    throttle: Settings<'t>,
    sequence_number: u64,
}

/// Numbers as they are spelt.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings<'t> {
    #[serde(borrow)]
    send_capacity: Option<&'t RawValue>,
    #[serde(borrow)]
    send_refill_per_second: Option<&'t RawValue>,
    #[serde(borrow)]
    recv_capacity: Option<&'t RawValue>,
    #[serde(borrow)]
    recv_refill_per_second: Option<&'t RawValue>,
    #[serde(borrow)]
    default_capacity: Option<&'t RawValue>,
    #[serde(borrow)]
    default_refill_per_second: Option<&'t RawValue>,
}

/// Returns the name of the queue that a file is of.
pub(super) fn name(reader: &mut Reader<'_, '_>, file: &File) -> Result<String> {
    let mut text = Vec::new();
    reader.whole(file, limits::LENGTH, &mut text)?;
    let document: Document<'_> =
        serde_json::from_slice(&text).map_err(|error| reader.unsound(&file.path, &error))?;
    if document.format_version != 1 {
        return Err(reader.unsound(&file.path, &"format_version is not 1"));
    }
    Ok(document.name.into_owned())
}

/// Reads a queue, and the last sequence number that it issued. Without a line its generation is not known, and 0.
pub(super) fn parse<'t>(text: &'t [u8], line: Option<&'t [u8]>, place: &Place) -> Result<(Queue<'t>, u64)> {
    let of_line =
        |what: &dyn ToString| place.unsound(&format!("its line of queues.jsonl: {}", what.to_string()));
    let document: Document<'t> = serde_json::from_slice(text).map_err(|error| place.unsound(&error))?;
    let extra: Option<Extra<'t>> =
        line.map(serde_json::from_slice).transpose().map_err(|error| of_line(&error))?;
    let extra = extra.unwrap_or_default();
    let number = |setting: Option<&'t RawValue>| -> Result<Option<&'t str>> {
        let Some(text) = setting.map(RawValue::get) else { return Ok(None) };
        match serde_json::from_str::<f64>(text) {
            Ok(number) => Ok((number != 0.0).then_some(text)),
            Err(error) => Err(of_line(&error)),
        }
    };
    let settings = &extra.throttle;
    let throttle = Throttle {
        send_capacity: number(settings.send_capacity)?,
        send_refill_per_second: number(settings.send_refill_per_second)?,
        recv_capacity: number(settings.recv_capacity)?,
        recv_refill_per_second: number(settings.recv_refill_per_second)?,
        default_capacity: number(settings.default_capacity)?,
        default_refill_per_second: number(settings.default_refill_per_second)?,
    };
    let tags = extra.tags.map_or("", RawValue::get);
    if !tags.is_empty() {
        serde_json::from_str::<std::collections::BTreeMap<Cow<'_, str>, Cow<'_, str>>>(tags)
            .map_err(|error| of_line(&error))?;
    }
    let queue = Queue {
        name: document.name,
        generation: extra.generation,
        incarnation: extra.incarnation,
        created_at_hlc: extra.created_at_hlc,
        fifo: document.fifo,
        content_based_deduplication: document.content_based_deduplication,
        visibility_timeout: document.visibility_timeout_seconds,
        message_retention: document.message_retention_seconds,
        delay: document.delay_seconds,
        receive_message_wait: document.receive_message_wait_seconds,
        maximum_message_size: document.maximum_message_size,
        redrive_policy: document.redrive_policy,
        redrive_allow_policy: document.redrive_allow_policy,
        tags: tags.as_bytes(),
        last_purged_at: extra.last_purged_at_millis,
        created_at: extra.created_at_millis,
        last_modified_at: extra.last_modified_at_millis,
        throttle,
        partition_count: document.partition_count,
        fifo_throughput_limit: document.fifo_throughput_limit,
        deduplication_scope: document.deduplication_scope,
    };
    Ok((queue, extra.sequence_number))
}
