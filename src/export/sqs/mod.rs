//! SQS: the requests that make queues and send their messages again.
//!
//! In: queues, each with its messages. Out: `create-queues.jsonl`, dead-letter queues before those that name them, and by
//! queue `send-messages.jsonl`, requests of up to 10 entries; of a FIFO queue in the order of sequence numbers.

mod entry;
mod fifo;
mod graph;
mod queue;

use super::{Export, Target};
use crate::bug::Bug;
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::excerpt;
use crate::keyspace::Namespace;
use crate::layout::sqs::path;
use crate::model::sqs::{Message, NamedQueue, Object as Row};
use crate::model::{Answer, Object, ScopeEnd};
use crate::report::Report;
use crate::sink::{Sink, Wants};
use crate::sort::Scratch;
use crate::time::Hlc;
use crate::tree::{Tree, TreeFile};
use entry::{Entry, Request};
use fifo::Fifo;
use graph::Graph;

const NO_QUEUE: Bug = Bug::new("a message of SQS comes without its queue");
/// Longest delay, seconds.
const DELAY: i64 = 900;

/// Writes queues.
pub(super) struct Sqs {
    tree: Tree,
    scratch: Scratch,
    graph: Graph,
    queue: Option<OpenQueue>,
    /// Time of the snapshot, Unix ms.
    now: i64,
    /// Messages that were written.
    sent: u64,
}

/// The queue at hand.
struct OpenQueue {
    name: Vec<u8>,
    file: Option<TreeFile>,
    request: Request,
    /// Of a FIFO queue.
    fifo: Option<Fifo>,
    messages: u64,
}

impl Sqs {
    pub(super) fn new(tree: Tree) -> Self {
        let scratch = tree.scratch().clone();
        let graph = Graph::new(&scratch);
        Self { tree, scratch, graph, queue: None, now: 0, sent: 0 }
    }

    fn queue(&mut self, report: &mut Report<'_>, named: &NamedQueue<'_>) -> Result<()> {
        self.queue = Some(OpenQueue {
            name: named.name.to_vec(),
            file: None,
            request: Request::default(),
            fifo: named.queue.fifo.then(|| Fifo::new(&self.scratch)),
            messages: 0,
        });
        let made = queue::request(named, |what| {
            let warning = Warning::new(Event::EXPORT_SQS_QUEUE);
            report.warn(warning.with("queue", excerpt::name(named.name)).with("what", what));
        });
        self.graph.push(named.text, &made)
    }

    fn message(&mut self, report: &mut Report<'_>, message: &Message<'_>) -> Result<Answer> {
        let open = self.queue.as_mut().ok_or(NO_QUEUE)?;
        // Of a FIFO queue only the queue has a delay.
        let left = message.available_at.saturating_sub(self.now).saturating_add(999) / 1000;
        let delay = if open.fifo.is_some() { 0 } else { left.clamp(0, DELAY) };
        let entry = match Entry::of(message, delay) {
            Ok(entry) => entry,
            Err(reason) => {
                let warning = Warning::new(Event::EXPORT_SQS_MESSAGE)
                    .with("queue", excerpt::name(&open.name))
                    .with("message_id", excerpt::name(message.id.as_bytes()))
                    .with("reason", reason);
                report.warn(warning);
                return Ok(Answer::Left);
            }
        };
        match &mut open.fifo {
            Some(fifo) => fifo.push(message, &entry)?,
            None => open.put(&mut self.tree, &entry.text)?,
        }
        self.sent += 1;
        Ok(Answer::Taken)
    }

    fn end_queue(&mut self, report: &mut Report<'_>) -> Result<()> {
        let Some(mut open) = self.queue.take() else { return Ok(()) };
        if let Some(fifo) = open.fifo.take() {
            let tree = &mut self.tree;
            let renamed = fifo.finish(|entry| open.put(tree, entry))?;
            if renamed > 0 {
                let warning = Warning::new(Event::EXPORT_SQS_DEDUPLICATION)
                    .with("queue", excerpt::name(&open.name))
                    .with("count", renamed);
                report.warn(warning);
            }
        }
        open.flush(&mut self.tree)?;
        match open.file {
            Some(file) => Ok(file.finish(&mut self.tree)?),
            None => Ok(()),
        }
    }

    /// Writes the queues in their order, when all are known.
    fn end(&mut self, report: &mut Report<'_>) -> Result<()> {
        self.graph.finish(&mut self.tree, &self.scratch, |queue, what| {
            report.warn(
                Warning::new(Event::EXPORT_SQS_QUEUE).with("queue", excerpt::name(queue)).with("what", what),
            );
        })?;
        if self.sent > 0 {
            report.warn(Warning::new(Event::EXPORT_SQS_MESSAGES).with("count", self.sent));
        }
        Ok(())
    }
}

impl OpenQueue {
    fn put(&mut self, tree: &mut Tree, entry: &[u8]) -> Result<()> {
        if self.request.is_full_with(entry) {
            self.flush(tree)?;
        }
        self.request.push(entry);
        self.messages += 1;
        Ok(())
    }

    fn flush(&mut self, tree: &mut Tree) -> Result<()> {
        let Some(line) = self.request.line() else { return Ok(()) };
        let file = match &mut self.file {
            Some(file) => file,
            slot @ None => slot.insert(tree.file(&path(&self.name, "send-messages.jsonl"))?),
        };
        file.write(line)?;
        self.request.clear();
        Ok(())
    }
}

impl<'w> Export<'w> for Sqs {
    fn finish(self: Box<Self>) -> Result<Target<'w>> {
        Ok(Target::Tree(self.tree))
    }
}

impl Sink for Sqs {
    fn wants(&self) -> Wants {
        Wants::Contents
    }

    fn begin(&mut self, last_commit_ts: Hlc) {
        self.now = last_commit_ts.ms().signed();
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::Sqs(Row::Queue(queue)) => {
                self.queue(report, queue)?;
                Ok(Answer::Taken)
            }
            Object::Sqs(Row::Message(message)) => self.message(report, message),
            _ => Ok(Answer::Left),
        }
    }

    fn other(&mut self, object: Object<'_>) -> Result<Answer> {
        if let Object::Sqs(Row::Queue(queue)) = object {
            let made = queue::request(queue, |_| ());
            self.graph.push_other(queue.text, made.target.as_deref())?;
        }
        Ok(Answer::Left)
    }

    fn end_scope(&mut self, report: &mut Report<'_>, _end: ScopeEnd) -> Result<()> {
        self.end_queue(report)
    }

    fn end_service(&mut self, report: &mut Report<'_>, owner: Namespace) -> Result<()> {
        if owner == Namespace::Sqs { self.end(report) } else { Ok(()) }
    }
}
