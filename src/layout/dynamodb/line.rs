//! One item as a line of a bundle (`tree/dynamodb.md#items-as-lines`).
//!
//! A part is cut before the line that would make it too long, so the length has to be known first. A long line is
//! measured and then written piece by piece; others are put together in memory.

use super::render::{self, Layout};
use crate::error::Result;
use crate::layout::output::Output;
use crate::layout::parts::Parts;
use crate::model::dynamodb::item::Attributes;
use crate::model::dynamodb::value::Unservable;
use crate::tree::{Tree, TreeFile};

/// Longest message whose line is put together in memory, bytes. The line can have thirty times as many.
const SHORT: usize = 128 << 10;
/// Bytes that are passed on at once.
const PIECE: usize = 64 << 10;

/// Appends the line of an item to the part that it belongs to; says why a server would fail on it, if it would.
/// `line` is a buffer that is used again.
pub(super) fn write(
    tree: &mut Tree,
    parts: &mut Parts,
    item: &Attributes<'_>,
    line: &mut Vec<u8>,
) -> Result<Option<Unservable>> {
    if item.message.len() <= SHORT {
        line.clear();
        let unservable = render::item(line, item, Layout::Compact)?;
        line.push(b'\n');
        parts.file(tree, length(line))?.write(line)?;
        return Ok(unservable);
    }
    let mut measured = Pieces { buffer: Vec::new(), file: None, length: 1 };
    let unservable = render::item(&mut measured, item, Layout::Compact)?;
    measured.pass_on()?;
    let file = parts.file(tree, measured.length)?;
    let mut written = Pieces { buffer: measured.buffer, file: Some(file), length: 0 };
    render::item(&mut written, item, Layout::Compact)?;
    written.buffer.push(b'\n');
    written.pass_on()?;
    Ok(unservable)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// A line on its way to a file, or only measured.
struct Pieces<'f> {
    buffer: Vec<u8>,
    file: Option<&'f mut TreeFile>,
    length: u64,
}

impl Pieces<'_> {
    fn pass_on(&mut self) -> Result<()> {
        self.length += length(&self.buffer);
        if let Some(file) = &mut self.file {
            file.write(&self.buffer)?;
        }
        self.buffer.clear();
        Ok(())
    }
}

impl Output for Pieces<'_> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    fn flush_if_full(&mut self) -> Result<()> {
        if self.buffer.len() < PIECE { Ok(()) } else { self.pass_on() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::TreeOptions;

    #[test]
    fn a_long_line_is_the_same_line_and_cuts_parts_as_a_short_one_does() {
        let parent = tempfile::tempdir().unwrap();
        let mut tree = Tree::create(&parent.path().join("out"), &TreeOptions::default()).unwrap();
        // An attribute `a`: a list of so many empty texts.
        let item = |elements: usize| {
            let list = b"\x0a\x02\x0a\x00".repeat(elements);
            let mut message = list;
            for tag in [&b"\x4a"[..], b"\x0a\x01a\x12", b"\x0a"] {
                let (name, tag) = tag.split_at(tag.len() - 1);
                let mut length = Vec::new();
                prost::encoding::encode_varint(message.len() as u64, &mut length);
                message = [name, tag, &length, &message].concat();
            }
            message
        };
        let messages = [item(2), item(SHORT / 4 + 7), item(1), item(SHORT / 2)];
        let mut parts = Parts::new(b"t/items/data-".to_vec(), 512 << 10);
        let mut want = Vec::new();
        let mut buffer = Vec::new();
        for message in &messages {
            let item = Attributes { message, unknown_fields: 0 };
            assert_eq!(write(&mut tree, &mut parts, &item, &mut buffer).unwrap(), None);
            render::item(&mut want, &item, Layout::Compact).unwrap();
            want.push(b'\n');
        }
        // The last line, of 600 KiB, no longer fits the first part.
        assert!(parts.path().ends_with(b"data-00002.jsonl"));
        parts.finish(&mut tree).unwrap();
        tree.settle().unwrap();
        let staging = std::fs::read_dir(parent.path()).unwrap().next().unwrap().unwrap().path();
        let read = |part| std::fs::read(staging.join(format!("t/items/data-0000{part}.jsonl"))).unwrap();
        assert_eq!([read(1), read(2)].concat(), want);
    }
}
