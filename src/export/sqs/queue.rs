//! A queue as a request of `CreateQueue`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::sqs::{NamedQueue, Throttle};
use crate::tree::json::{self, Html};

/// The request, as a line each.
pub(super) struct Made {
    pub request: Vec<u8>,
    /// The same without the redrive policy.
    pub without_redrive: Vec<u8>,
    /// Name of the dead-letter queue.
    pub target: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    queue_name: &'a str,
    attributes: BTreeMap<&'static str, String>,
    #[serde(rename = "tags", skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    /// A number or its text; the server's default where there is none (`reading/sqs.md#which-messages-belong-to-a-queue`).
    #[serde(default = "default_receives")]
    max_receive_count: serde_json::Value,
}

fn default_receives() -> serde_json::Value {
    10.into()
}

/// Returns the request that makes a queue; `say` hears what SQS does not take.
pub(super) fn request(named: &NamedQueue<'_>, mut say: impl FnMut(&'static str)) -> Made {
    let queue = named.queue;
    let fifo = named.text.strip_suffix(".fifo");
    let stem = fifo.unwrap_or(named.text);
    let is_name = stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_name || stem.is_empty() || named.text.len() > 80 || queue.fifo != fifo.is_some() {
        say("a name that no queue can have: another is to be put into the request");
    }
    if queue.throttle != Throttle::default() {
        say("throttle settings, which SQS does not have");
    }
    let mut attributes = BTreeMap::new();
    for (name, value, allowed) in [
        ("VisibilityTimeout", queue.visibility_timeout, 0..=43_200),
        ("MessageRetentionPeriod", queue.message_retention, 60..=1_209_600),
        ("DelaySeconds", queue.delay, 0..=900),
        ("ReceiveMessageWaitTimeSeconds", queue.receive_message_wait, 0..=20),
        ("MaximumMessageSize", queue.maximum_message_size, 1024..=1 << 20),
    ] {
        if allowed.contains(&value) {
            attributes.insert(name, value.to_string());
        } else {
            say("an attribute left out: its value is out of the range of SQS");
        }
    }
    if queue.fifo {
        attributes.insert("FifoQueue", "true".to_owned());
        attributes.insert("ContentBasedDeduplication", queue.content_based_deduplication.to_string());
        for (name, value) in [
            ("FifoThroughputLimit", &queue.fifo_throughput_limit),
            ("DeduplicationScope", &queue.deduplication_scope),
        ] {
            if !value.is_empty() {
                attributes.insert(name, value.to_string());
            }
        }
    }
    if !queue.redrive_allow_policy.is_empty() {
        attributes.insert("RedriveAllowPolicy", queue.redrive_allow_policy.to_string());
    }
    let tags = match queue.tags {
        b"" => Ok(None),
        tags => serde_json::from_slice::<Option<BTreeMap<String, String>>>(tags),
    };
    let tags = tags.unwrap_or_else(|_| {
        say("tags left out: they cannot be read");
        None
    });
    let mut request = Request { queue_name: named.text, attributes, tags: tags.unwrap_or_default() };
    let without_redrive = line(&request);
    let mut target = None;
    if !queue.redrive_policy.is_empty() {
        let policy = serde_json::from_str::<RedrivePolicy>(&queue.redrive_policy).ok();
        let named = policy.as_ref().and_then(|policy| policy.dead_letter_target_arn.rsplit_once(':'));
        match named {
            Some((_, name)) => {
                target = Some(name.to_owned());
                let mut text = Vec::new();
                json::compact(&mut text, &policy, Html::Raw);
                request.attributes.insert("RedrivePolicy", String::from_utf8_lossy(&text).into_owned());
            }
            None => say("redrive policy left out: it names no dead-letter queue"),
        }
    }
    Made { request: line(&request), without_redrive, target }
}

fn line(request: &Request<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    json::compact(&mut text, request, Html::Raw);
    text.push(b'\n');
    text
}
