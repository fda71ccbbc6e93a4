//! Files of bounded size in one folder: `part-00000`, `part-00001`, …, each of whole lines, compressed.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};

use crate::error::{Error, Result};
use crate::tree::{Tree, TreeFile};

/// Compressed bytes that are collected before they are written.
const BUFFER: usize = 64 << 10;

/// Writes lines into one part after the other.
pub(super) struct Parts {
    /// What stands before the number of a part.
    front: Vec<u8>,
    limit: u64,
    open: Option<Part>,
    number: u32,
    done: Vec<Done>,
}

struct Part {
    path: Vec<u8>,
    file: TreeFile,
    encoder: GzEncoder<Vec<u8>>,
    md5: Md5,
    bytes: u64,
    lines: u64,
}

/// A part that is complete.
pub(super) struct Done {
    /// Its path in the tree.
    pub path: Vec<u8>,
    /// Lines in it.
    pub lines: u64,
    /// MD5 of its bytes, as they stand on the disk.
    pub md5: [u8; 16],
}

impl Parts {
    /// Begins with no part; each is cut before the line with which it would have more than `limit` bytes.
    pub(super) fn new(folder: &[u8], limit: u64) -> Self {
        Self { front: [folder, b"/part-"].concat(), limit, open: None, number: 0, done: Vec::new() }
    }

    /// Appends a line, whose newline is there.
    pub(super) fn line(&mut self, tree: &mut Tree, line: &[u8]) -> Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.open.as_ref().is_some_and(|part| part.bytes.saturating_add(length) > self.limit) {
            self.end(tree)?;
        }
        let part = match &mut self.open {
            Some(part) => part,
            slot @ None => {
                let path = [&self.front, format!("{:05}.json.gz", self.number).as_bytes()].concat();
                self.number += 1;
                let encoder = GzEncoder::new(Vec::with_capacity(2 * BUFFER), Compression::fast());
                let file = tree.file(&path)?;
                slot.insert(Part { path, file, encoder, md5: Md5::new(), bytes: 0, lines: 0 })
            }
        };
        part.encoder.write_all(line).map_err(Error::Output)?;
        part.bytes += length;
        part.lines += 1;
        if part.encoder.get_ref().len() >= BUFFER { part.pass_on() } else { Ok(()) }
    }

    /// Ends the last part; returns all of them.
    pub(super) fn finish(mut self, tree: &mut Tree) -> Result<Vec<Done>> {
        self.end(tree)?;
        Ok(self.done)
    }

    fn end(&mut self, tree: &mut Tree) -> Result<()> {
        let Some(mut part) = self.open.take() else { return Ok(()) };
        part.encoder.try_finish().map_err(Error::Output)?;
        part.pass_on()?;
        let Part { path, file, md5, lines, .. } = part;
        file.finish(tree)?;
        self.done.push(Done { path, lines, md5: md5.finalize().into() });
        Ok(())
    }
}

impl Part {
    fn pass_on(&mut self) -> Result<()> {
        let packed = self.encoder.get_mut();
        self.md5.update(&packed);
        self.file.write(packed)?;
        packed.clear();
        Ok(())
    }
}
