//! Parts of the JSONL layout: the lines of all shares in the order of their keys, cut again.

use crate::error::Result;
use crate::layout::parts;
use crate::tree::part::{self, Record};
use crate::tree::{Scratch, Sorter, Tree};

/// Memory for the lines, bytes.
const MEMORY: usize = 16 << 20;

/// The lines so far.
#[derive(Debug)]
pub(super) struct Parts {
    /// What the path begins with, a zero byte and the key -> the line.
    lines: Sorter,
    line: Vec<u8>,
}

impl Parts {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { lines: Sorter::new(scratch, MEMORY), line: Vec::new() }
    }

    /// Takes a line of a part; says what is wrong with it.
    pub(super) fn push(&mut self, front: &[u8], line: &[u8]) -> Result<Result<(), String>> {
        let record: Record<'_> = match serde_json::from_slice(line) {
            Ok(record) => record,
            Err(error) => return Ok(Err(error.to_string())),
        };
        self.line.clear();
        self.line.extend_from_slice(line);
        self.line.push(b'\n');
        self.lines.push(&[front, b"\0", &*record.key.0].concat(), &self.line)?;
        Ok(Ok(()))
    }

    /// Writes the parts, cut at `size` bytes.
    pub(super) fn write(&mut self, tree: &mut Tree, size: u64) -> Result<()> {
        let mut lines = self.lines.sort()?;
        let mut last = Vec::new();
        let mut open: Option<parts::Parts> = None;
        while let Some((key, line)) = lines.next()? {
            let front = key.split(|&byte| byte == 0).next().unwrap_or_default();
            let is_new = open.as_ref().is_none_or(|parts| parts.front() != front);
            if is_new && let Some(done) = open.replace(parts::Parts::new(front.to_vec(), size)) {
                done.finish(tree)?;
            }
            if let Some(parts) = &mut open {
                parts.append(tree, line)?;
                if last == key {
                    let what = "two shares have a line of one key".to_owned();
                    return Err(super::unsound(
                        String::from_utf8_lossy(parts.path()).into_owned().into(),
                        what,
                    ));
                }
            }
            last.clear();
            last.extend_from_slice(key);
        }
        open.map_or(Ok(()), |parts| parts.finish(tree))
    }
}

/// Returns what the paths of parts begin with that a file is one of.
pub(super) fn front(path: &[u8]) -> Option<&[u8]> {
    part::of(path).map(|part| part.front)
}
