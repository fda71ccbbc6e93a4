//! `strings_ttl.jsonl`, `hll_ttl.jsonl` and `KEYMAP.jsonl`, in the order in which an encoder's own dump has them
//! (`redis.md` 4.5).

use serde::Serialize;

use super::collection::Collection;
use crate::dump::segment::Segment;
use crate::dump::{Scratch, Sorter, Tree, json, keymap};
use crate::error::Result;

/// Memory of each sorter, bytes: room for a few keys of 1 MiB, which would else be merged two by two.
const MEMORY: usize = 4 << 20;
/// Where the sidecars stand.
const STRINGS_TTL: &[u8] = b"redis/db_0/strings_ttl.jsonl";
const HLL_TTL: &[u8] = b"redis/db_0/hll_ttl.jsonl";
const KEYMAP: &[u8] = b"redis/db_0/KEYMAP.jsonl";

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
        // The expiry of a string or an HLL repeats its record.
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
            let suffix = if matches!(object, Object::Collection(_)) { 0 } else { 8 };
            self.key.clear();
            self.key.push(object.keymap_rank());
            self.key.extend_from_slice(key);
            self.key.extend_from_slice(self.suffix.get(..usize::from(suffix)).unwrap_or_default());
            // Not the lines themselves, each of which would hold the key once more.
            self.line.clear();
            self.line.extend([lines, suffix]);
            self.line.extend_from_slice(segment.text.as_bytes());
            self.keymap.push(&self.key, &self.line)?;
        }
        Ok(())
    }

    /// Writes the sidecars that have a line.
    pub(super) fn write(&mut self, tree: &mut Tree) -> Result<()> {
        write_expiries(tree, STRINGS_TTL, &mut self.strings)?;
        write_expiries(tree, HLL_TTL, &mut self.hlls)?;
        write_keymap(tree, &mut self.keymap)
    }
}

fn write_expiries(tree: &mut Tree, path: &[u8], lines: &mut Sorter) -> Result<()> {
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

fn write_keymap(tree: &mut Tree, names: &mut Sorter) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let mut file = tree.file(KEYMAP)?;
    let mut names = names.sort()?;
    let mut line = Vec::new();
    while let Some((order, name)) = names.next()? {
        let [lines, suffix, segment @ ..] = name else { continue };
        let key = order.get(1..order.len().saturating_sub((*suffix).into())).unwrap_or_default();
        line.clear();
        keymap::line(&mut line, segment, key, keymap::Kind::ShaFallback);
        for _ in 0..*lines {
            file.write(&line)?;
        }
    }
    file.finish(tree)?;
    Ok(())
}
