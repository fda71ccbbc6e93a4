//! The JSONL layout: `redis/db_0/strings-00001.jsonl` and so on, a key a line, the keys of each type in the order of their
//! bytes (`docs/tree/commands.md`).

use super::super::parts::Parts;
use super::super::record;
use crate::error::Result;
use crate::model::redis::{Collection, Key, Value};
use crate::tree::part::REDIS;
use crate::tree::{Scratch, Sorter, Tree};

/// Memory for the lines, bytes.
const MEMORY: usize = 16 << 20;

/// Places of the types in [`REDIS`].
const STRINGS: u8 = 0;
const HLLS: u8 = 1;
/// Of the first type of collections; the others follow in the order of [`Collection`].
const COLLECTIONS: u8 = 2;

/// Collects the lines.
#[derive(Debug)]
pub(super) struct Lines {
    /// Number of the type and key -> line.
    sorter: Sorter,
    key: Vec<u8>,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { sorter: Sorter::new(scratch, MEMORY), key: Vec::new(), line: Vec::new() }
    }

    /// Takes a string or an HLL.
    pub(super) fn push_whole(&mut self, key: &Key<'_>, body: &[u8]) -> Result<()> {
        self.line.clear();
        record::of_bytes(&mut self.line, key.key, body, key.expiry_ms);
        self.push(if matches!(key.value, Value::Hll(_)) { HLLS } else { STRINGS }, key.key)
    }

    /// Takes a collection with the text of its file.
    pub(super) fn push_collection(&mut self, collection: Collection, key: &[u8], text: &[u8]) -> Result<()> {
        self.line.clear();
        match collection {
            Collection::Stream => record::of_lines(&mut self.line, key, text),
            _ => record::of_json(&mut self.line, key, text),
        }
        self.push(COLLECTIONS + collection as u8, key)
    }

    fn push(&mut self, number: u8, key: &[u8]) -> Result<()> {
        self.key.clear();
        self.key.push(number);
        self.key.extend_from_slice(key);
        Ok(self.sorter.push(&self.key, &self.line)?)
    }

    /// Writes the parts, cut at `size` bytes.
    pub(super) fn write(&mut self, tree: &mut Tree, size: u64) -> Result<()> {
        let mut lines = self.sorter.sort()?;
        let mut open: Option<(u8, Parts)> = None;
        while let Some((key, line)) = lines.next()? {
            let number = key.first().copied().unwrap_or_default();
            let parts = match &mut open {
                Some((of, parts)) if *of == number => parts,
                _ => {
                    if let Some((_, done)) = open.take() {
                        done.finish(tree)?;
                    }
                    let kind = REDIS.get(usize::from(number)).copied().unwrap_or_default();
                    let front = format!("redis/db_0/{kind}-").into_bytes();
                    &mut open.insert((number, Parts::new(front, size))).1
                }
            };
            parts.append(tree, line)?;
        }
        open.map_or(Ok(()), |(_, parts)| parts.finish(tree))
    }
}
