//! Rows of queues and messages of SQS.

use super::Tables;
use super::schema::{self, Cell};
use crate::error::Result;
use crate::layout::sqs::pieces::Pieces;
use crate::model::sqs::{Message, NamedQueue};

impl Tables {
    pub(super) fn queue(&mut self, named: &NamedQueue<'_>) -> Result<()> {
        let queue = named.queue;
        let [name, base64] = Cell::pair(named.name);
        dense(&mut self.json, queue.tags)?;
        let cells = [
            name,
            base64,
            Cell::Bool(queue.fifo),
            Cell::Bool(queue.content_based_deduplication),
            Cell::Int(queue.visibility_timeout),
            Cell::Int(queue.message_retention),
            Cell::Int(queue.delay),
            Cell::Int(queue.receive_message_wait),
            Cell::Int(queue.maximum_message_size),
            Cell::given(&queue.redrive_policy),
            Cell::given(&queue.redrive_allow_policy),
            object(&self.json),
            Cell::UInt(queue.partition_count.into()),
            Cell::Int(queue.created_at),
            Cell::Int(queue.last_modified_at),
            Cell::Int(queue.last_purged_at),
            Cell::known(named.commit_ts.0),
        ];
        self.store.row(&schema::QUEUES, &cells)
    }

    pub(super) fn message(&mut self, message: &Message<'_>) -> Result<()> {
        let ([queue, queue_base64], [body, body_base64]) =
            (Cell::pair(message.queue), Cell::pair(message.body));
        dense(&mut self.json, message.attributes)?;
        let cells = [
            queue,
            queue_base64,
            Cell::Text(&message.id),
            body,
            body_base64,
            Cell::given(&message.md5_of_body),
            object(&self.json),
            Cell::given(&message.md5_of_message_attributes),
            Cell::given(&message.sender_id),
            Cell::given(&message.group_id),
            Cell::given(&message.deduplication_id),
            Cell::known(message.sequence_number),
            Cell::Int(message.send_timestamp),
            Cell::Int(message.available_at),
            Cell::Int(message.visible_at),
            Cell::Int(message.receive_count),
            if message.first_receive == 0 { Cell::Null } else { Cell::Int(message.first_receive) },
            Cell::given(&message.dead_letter_source_arn),
            message.partition.map_or(Cell::Null, |partition| Cell::UInt(partition.into())),
            Cell::known(message.commit_ts.0),
        ];
        self.store.row(&schema::MESSAGES, &cells)
    }
}

/// Puts checked JSON text without the white space between its tokens in place of what `out` holds.
fn dense(out: &mut Vec<u8>, text: &[u8]) -> Result<()> {
    let mut buffer = Vec::new();
    out.clear();
    let mut pieces = Pieces::new(&mut buffer, |piece: &[u8]| {
        out.extend_from_slice(piece);
        Ok(())
    });
    pieces.dense(text)?;
    pieces.finish()
}

/// Returns the text of an object; of none, or an empty one, nothing.
fn object(text: &[u8]) -> Cell<'_> {
    if matches!(text, b"" | b"{}" | b"null") { Cell::Null } else { Cell::Json(text) }
}
