//! `sqs/<queue>/` and `extra/sqs/queues.jsonl` (`tree/sqs.md#files-of-sqs`).
//!
//! In: queues, each followed by its messages and side records. Out: the files of one queue after the other.

mod directory;
pub(crate) mod line;
pub(crate) mod members;
pub(crate) mod pieces;
pub(crate) mod queue_file;
mod side_record;

use super::{Root, write_lines};
use crate::bug::Bug;
use crate::error::Result;
use crate::event::Class;
use crate::model::sqs::{Message, NamedQueue, Namespace, Object, SideRecord};
use crate::model::{Answer, Refusal};
use crate::tree::{Scratch, Sorter, TreeFile, keymap};
use directory::Directory;
use members::Members;
use pieces::Pieces;

const SIDE_RECORDS: &str = "_internals/side_records.jsonl";

/// Writes the files.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Lines of [`queue_file::EXTRA`] by queue name, each in pieces: records of one key keep their order.
    extra: Sorter,
    members: Members,
    queue: Option<OpenQueue>,
    side_file: Option<TreeFile>,
    text: Vec<u8>,
}

/// The queue at hand.
#[derive(Debug)]
struct OpenQueue {
    name: Vec<u8>,
    directory: Directory,
    /// Where its messages go, from the first one on.
    messages: Option<TreeFile>,
}

/// Returns the path of a file of a queue.
pub(crate) fn path(queue: &[u8], file: &str) -> Vec<u8> {
    Directory::of(queue).file(file)
}

impl Layout {
    /// Returns a layout without files.
    #[must_use]
    pub(crate) fn new(scratch: &Scratch) -> Self {
        let (extra, members) = (Sorter::new(scratch, 1 << 20), Members::new(scratch));
        Self { extra, members, queue: None, side_file: None, text: Vec::new() }
    }

    /// Writes what an object has of files.
    pub(crate) fn object(&mut self, root: &mut Root, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::Queue(queue) => self.queue(root, queue),
            Object::Message(message) => self.message(root, message),
            Object::SideRecord(record) => self.side_record(root, record),
        }
    }

    fn queue(&mut self, root: &mut Root, queue: &NamedQueue<'_>) -> Result<Answer> {
        let directory = Directory::of(queue.name);
        if directory.fallback {
            if let Some(message) = keymap::too_long(directory.path.as_bytes(), queue.name) {
                return Ok(Answer::Refused(Refusal { class: Class::KEYMAP_LINE_TOO_LONG, message }));
            }
            root.keymap.push(directory.path.as_bytes(), queue.name)?;
        }
        queue_file::set(&mut self.text, queue.text, queue.queue);
        root.tree.write(&directory.file("_queue.json"), &self.text)?;
        if !root.options.no_extra {
            let names = (queue.text, queue.encoded);
            let mut out =
                Pieces::new(&mut self.text, |piece: &[u8]| Ok(self.extra.push(queue.name, piece)?));
            queue_file::open_extra(&mut out, &mut self.members, names, queue.queue)?;
            out.finish()?;
        }
        self.queue = Some(OpenQueue { name: queue.name.to_vec(), directory, messages: None });
        Ok(Answer::Taken)
    }

    fn message(&mut self, root: &mut Root, message: &Message<'_>) -> Result<Answer> {
        const QUEUE: Bug = Bug::new("a message without a queue");
        let queue = self.queue.as_mut().ok_or(QUEUE)?;
        let file = match &mut queue.messages {
            Some(file) => file,
            none => none.insert(root.tree.file(&queue.directory.file("messages.jsonl"))?),
        };
        let preserve = root.options.preserve_sqs_visibility;
        let mut out = Pieces::new(&mut self.text, |piece: &[u8]| Ok(file.write(piece)?));
        line::write(&mut out, &mut self.members, message, preserve)?;
        out.finish()?;
        Ok(Answer::Taken)
    }

    fn side_record(&mut self, root: &mut Root, record: &SideRecord<'_>) -> Result<Answer> {
        let file = match &mut self.side_file {
            Some(file) => file,
            none => {
                let path = match (record.of, &self.queue) {
                    (Namespace::Queue, Some(queue)) => queue.directory.file(SIDE_RECORDS),
                    (Namespace::Queue, None) => {
                        return Err(Bug::new("a side record without a queue").into());
                    }
                    (Namespace::Gone { segment, taken }, _) => {
                        let directory = Directory::of_orphan(segment, taken);
                        if directory.fallback {
                            root.keymap.push(directory.path.as_bytes(), segment)?;
                        }
                        directory.file(SIDE_RECORDS)
                    }
                };
                none.insert(root.tree.file(&path)?)
            }
        };
        side_record::set(&mut self.text, record);
        file.write(&self.text)?;
        Ok(Answer::Taken)
    }

    /// Ends the files of a queue, or of one that is gone.
    pub(crate) fn end_queue(&mut self, root: &mut Root, last_sequence: u64) -> Result<()> {
        if let Some(file) = self.side_file.take() {
            file.finish(&mut root.tree)?;
        }
        let Some(queue) = self.queue.take() else { return Ok(()) };
        if !root.options.no_extra {
            self.extra.push(&queue.name, queue_file::close_extra(last_sequence).as_bytes())?;
        }
        if let Some(messages) = queue.messages {
            messages.finish(&mut root.tree)?;
        }
        Ok(())
    }

    /// Writes what the reference layout has no place for.
    pub(crate) fn finish(&mut self, root: &mut Root) -> Result<()> {
        write_lines(&mut root.tree, queue_file::EXTRA, &mut self.extra)
    }
}
