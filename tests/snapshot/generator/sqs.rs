//! Standard SQS queues (`format/sqs.md#layouts-of-keys`, `format/sqs.md#queue-record`, `format/sqs.md#message-record`).

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clap::Args;

use super::rows::{NOW_MS, Rows};

/// SQS: queues and messages
#[derive(Args)]
#[group(id = "sqs")]
pub struct Options {
    /// SQS queues
    #[arg(long = "sqs-queues", default_value_t = 0)]
    queues: u64,
    /// Messages of each queue
    #[arg(long = "sqs-messages", default_value_t = 100)]
    messages: u64,
    /// Bytes of the body of each message
    #[arg(long = "sqs-body-size", default_value = "200", value_parser = super::size)]
    body_size: usize,
}

/// An MD5; nothing compares it with the body.
const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";
/// Send times lie within this span before now, ms.
const SPAN_MS: u64 = 3_600_000;

/// Writes messages, generation counters, queue records.
pub fn write<W: Write>(rows: &mut Rows<W>, options: &Options) -> io::Result<()> {
    let mut queues: Vec<(String, String)> = (0..options.queues)
        .map(|number| format!("queue{number:04}"))
        .map(|name| (URL_SAFE_NO_PAD.encode(&name), name))
        .collect();
    queues.sort();
    let ids = Ids::new();
    let generation = 1_u64.to_be_bytes();
    for (segment, _) in &queues {
        for key in rows.numbers(options.messages) {
            let id = ids.id(key.number);
            let sent = NOW_MS - 1 - rows.random.next() % SPAN_MS;
            let body = STANDARD.encode(rows.random.text(options.body_size));
            let message = format!(
                concat!(
                    r#"{{"message_id":"{id}","body":"{body}","md5_of_body":"{md5}","send_timestamp_millis":{sent},"#,
                    r#""available_at_millis":{sent},"visible_at_millis":{sent},"receive_count":0,"#,
                    r#""current_receipt_token":"AAAAAAAAAAAAAAAAAAAAAA==","queue_generation":1}}"#
                ),
                id = id,
                body = body,
                md5 = MD5,
                sent = sent,
            );
            let prefix = format!("!sqs|msg|data|{segment}");
            let user_key = [prefix.as_bytes(), &generation, URL_SAFE_NO_PAD.encode(&id).as_bytes()].concat();
            rows.write(&key, &user_key, &[b"\0SM\x01", message.as_bytes()].concat())?;
        }
    }
    for (segment, _) in &queues {
        rows.write_one(format!("!sqs|queue|gen|{segment}").as_bytes(), b"1")?;
    }
    for (segment, name) in &queues {
        let record = format!(
            concat!(
                r#"{{"name":"{name}","generation":1,"incarnation":1,"created_at_hlc":1,"#,
                r#""visibility_timeout_seconds":30,"message_retention_seconds":345600,"delay_seconds":0,"#,
                r#""receive_message_wait_seconds":0,"maximum_message_size":262144,"created_at_millis":{created}}}"#
            ),
            name = name,
            created = NOW_MS - SPAN_MS,
        );
        let user_key = format!("!sqs|queue|meta|{segment}");
        rows.write_one(user_key.as_bytes(), &[b"\0SQ\x01", record.as_bytes()].concat())?;
    }
    Ok(())
}

/// Message ids whose base64url text ascends with their number: three hex digits make four letters.
struct Ids {
    groups: Vec<String>,
}

impl Ids {
    fn new() -> Self {
        let mut groups: Vec<String> = (0..4_096).map(|number| format!("{number:03x}")).collect();
        groups.sort_by_key(|group| URL_SAFE_NO_PAD.encode(group));
        Self { groups }
    }

    fn id(&self, number: u64) -> String {
        let group = |shift: u32| self.groups[(number >> shift) as usize % self.groups.len()].as_str();
        format!("{}{}{}{}{}", "0123456789abcdef01", group(36), group(24), group(12), group(0)) + "00"
    }
}
