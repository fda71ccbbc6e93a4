//! `strings_ttl.jsonl`, `hll_ttl.jsonl` and `KEYMAP.jsonl`, in the order in which an encoder's own dump has them
//! (`redis.md` 4.5).

use serde::Serialize;

use super::collection::Collection;
use crate::dump::segment::Segment;
use crate::dump::{Scratch, Sorter, Tree, json, keymap};
use crate::error::Result;

/// Memory of each sorter, bytes: most keys have neither an expiry nor a fallback name.
const MEMORY: usize = 1 << 20;

/// What a file holds, as far as the sidecars care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Hll,
    String,
    Collection(Collection),
}

impl Object {
    fn keymap_rank(self) -> u8 {
        match self {
            Object::Hll => 0,
            Object::String => 1,
            Object::Collection(collection) => collection.keymap_rank(),
        }
    }
}

#[derive(Serialize)]
struct TtlLine<'a> {
    key: &'a str,
    expire_at_ms: u64,
}

/// Collects the lines of the sidecars.
#[derive(Debug)]
pub(super) struct Sidecars {
    strings: Sorter,
    hlls: Sorter,
    keymap: Sorter,
    /// Suffix that every row has when a dump is encoded again.
    suffix: [u8; 8],
    key: Vec<u8>,
    line: Vec<u8>,
}

impl Sidecars {
    /// Returns empty sidecars. `stamp` is the HLC timestamp that an encoder gives every row: the manifest's
    /// `last_commit_ts`.
    pub(super) fn new(scratch: &Scratch, stamp: u64) -> Self {
        let sorter = || Sorter::new(scratch, MEMORY);
        Self {
            strings: sorter(),
            hlls: sorter(),
            keymap: sorter(),
            suffix: (!stamp).to_be_bytes(),
            key: Vec::new(),
            line: Vec::new(),
        }
    }

    /// Enters a file: its name where that is a fallback, and the expiry (Unix ms) of a string or an HLL.
    pub(super) fn enter(
        &mut self,
        object: Object,
        key: &[u8],
        segment: &Segment,
        expiry: Option<u64>,
    ) -> Result<()> {
        let ttl = match object {
            Object::String => expiry.map(|ms| (ms, &mut self.strings)),
            Object::Hll => expiry.map(|ms| (ms, &mut self.hlls)),
            Object::Collection(_) => None,
        };
        let lines = if ttl.is_some() { 2 } else { 1 };
        if let Some((expire_at_ms, sorter)) = ttl {
            self.key.clear();
            self.key.extend_from_slice(key);
            self.key.extend_from_slice(&self.suffix);
            self.line.clear();
            json::compact(&mut self.line, &TtlLine { key: &segment.text, expire_at_ms }, json::Html::Raw);
            self.line.push(b'\n');
            sorter.push(&self.key, &self.line)?;
        }
        if segment.fallback {
            self.key.clear();
            self.key.push(object.keymap_rank());
            self.key.extend_from_slice(key);
            if !matches!(object, Object::Collection(_)) {
                self.key.extend_from_slice(&self.suffix);
            }
            self.line.clear();
            // The expiry of a string or an HLL repeats its record.
            for _ in 0..lines {
                keymap::line(&mut self.line, segment.text.as_bytes(), key, keymap::Kind::ShaFallback);
            }
            self.keymap.push(&self.key, &self.line)?;
        }
        Ok(())
    }

    /// Writes the sidecars that have a line.
    pub(super) fn write(&mut self, tree: &mut Tree) -> Result<()> {
        write_lines(tree, b"redis/db_0/strings_ttl.jsonl", &mut self.strings)?;
        write_lines(tree, b"redis/db_0/hll_ttl.jsonl", &mut self.hlls)?;
        write_lines(tree, b"redis/db_0/KEYMAP.jsonl", &mut self.keymap)
    }
}

fn write_lines(tree: &mut Tree, path: &[u8], lines: &mut Sorter) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut file = tree.file(path)?;
    let mut lines = lines.sort()?;
    while let Some((_, line)) = lines.next()? {
        file.write(line)?;
    }
    file.finish(tree)?;
    Ok(())
}
