//! `strings_ttl.jsonl`, `hll_ttl.jsonl` and `KEYMAP.jsonl`, in the order in which an encoder's own dump has them
//! (`compat.md#redis-what-the-encoder-demands`).

use serde::Serialize;

use super::super::write_lines;
use crate::bug::Bug;
use crate::error::Result;
use crate::model::redis::{Collection, Key, Value};
use crate::time::{Hlc, UnixMs};
use crate::tree::segment::Segment;
use crate::tree::{Scratch, Sorter, Tree, json, keymap};

/// Memory of each sorter, bytes: room for a few keys of 1 MiB, which would else be merged two by two.
const MEMORY: usize = 4 << 20;
/// Where the sidecars stand.
pub(super) const STRINGS_TTL: &[u8] = b"redis/db_0/strings_ttl.jsonl";
pub(super) const HLL_TTL: &[u8] = b"redis/db_0/hll_ttl.jsonl";
pub(super) const KEYMAP: &[u8] = b"redis/db_0/KEYMAP.jsonl";

#[derive(Serialize)]
struct TtlLine<'a> {
    key: &'a str,
    expire_at_ms: UnixMs,
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
    pub(super) fn new(scratch: &Scratch, stamp: Hlc) -> Self {
        let sorter = || Sorter::new(scratch, MEMORY);
        Self {
            strings: sorter(),
            hlls: sorter(),
            keymap: sorter(),
            suffix: stamp.suffix(),
            key: Vec::new(),
            line: Vec::new(),
        }
    }

    /// Records the file of a string or an HLL: its expiry, and its name where that is a fallback.
    pub(super) fn record_whole(&mut self, key: &Key<'_>, segment: &Segment) -> Result<()> {
        let (rank, expiries) =
            if let Value::Hll(_) = key.value { (0, &mut self.hlls) } else { (1, &mut self.strings) };
        if let Some(expire_at_ms) = key.expiry_ms {
            self.key.clear();
            self.key.extend_from_slice(key.key);
            self.key.extend_from_slice(&self.suffix);
            self.line.clear();
            json::compact(&mut self.line, &TtlLine { key: &segment.text, expire_at_ms }, json::Html::Raw);
            self.line.push(b'\n');
            expiries.push(&self.key, &self.line)?;
        }
        // An expiry repeats the record of the name.
        let lines = if key.expiry_ms.is_some() { 2 } else { 1 };
        if segment.fallback { self.record_name(rank, key.key, segment, lines, 8) } else { Ok(()) }
    }

    /// Records the file of a collection, whose name is a fallback.
    pub(super) fn record_collection(
        &mut self,
        collection: Collection,
        key: &[u8],
        segment: &Segment,
    ) -> Result<()> {
        let rank = match collection {
            Collection::Hash => 2,
            Collection::List => 3,
            Collection::Set => 4,
            Collection::Zset => 5,
            Collection::Stream => 6,
        };
        self.record_name(rank, key, segment, 1, 0)
    }

    /// Records a name: as many `lines` as it has, by the `rank` of its type, its key and so much of the suffix.
    fn record_name(&mut self, rank: u8, key: &[u8], segment: &Segment, lines: u8, suffix: u8) -> Result<()> {
        self.key.clear();
        self.key.push(rank);
        self.key.extend_from_slice(key);
        self.key.extend_from_slice(self.suffix.get(..usize::from(suffix)).unwrap_or_default());
        // Not the lines themselves, each of which would hold the key once more.
        self.line.clear();
        self.line.extend([lines, suffix]);
        self.line.extend_from_slice(segment.text.as_bytes());
        Ok(self.keymap.push(&self.key, &self.line)?)
    }

    /// Writes the sidecars that have a line.
    pub(super) fn write(&mut self, tree: &mut Tree) -> Result<()> {
        write_lines(tree, STRINGS_TTL, &mut self.strings)?;
        write_lines(tree, HLL_TTL, &mut self.hlls)?;
        write_keymap(tree, &mut self.keymap)
    }
}

fn write_keymap(tree: &mut Tree, names: &mut Sorter) -> Result<()> {
    const NAME: Bug = Bug::new("a record of a Redis KEYMAP does not read back");
    if names.is_empty() {
        return Ok(());
    }
    let mut file = tree.file(KEYMAP)?;
    let mut names = names.sort()?;
    let mut line = Vec::new();
    while let Some((order, name)) = names.next()? {
        let (key, [lines, suffix, segment @ ..]) = (order.get(1..), name) else {
            return Err(NAME.at((order, name)).into());
        };
        let key = key
            .and_then(|key| key.get(..key.len().checked_sub((*suffix).into())?))
            .ok_or_else(|| NAME.at((order, name)))?;
        line.clear();
        keymap::line(&mut line, segment, key, keymap::Kind::ShaFallback);
        for _ in 0..*lines {
            file.write(&line)?;
        }
    }
    file.finish(tree)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::tree::TreeOptions;

    #[test]
    fn a_damaged_record_of_a_name_is_a_fault_of_the_program() {
        let parent = tempfile::tempdir().unwrap();
        let mut tree = Tree::create(&parent.path().join("out"), &TreeOptions::default()).unwrap();
        for (key, value) in [(&b""[..], &[1, 0][..]), (b"\x01key", b"\x01"), (b"\x01key", b"\x01\x08name")] {
            let mut sidecars = Sidecars::new(&Scratch::default(), Hlc::ZERO);
            sidecars.keymap.push(key, value).unwrap();
            let written = write_keymap(&mut tree, &mut sidecars.keymap);
            assert!(matches!(written, Err(Error::Internal(bug)) if bug.place().is_some()), "{key:?}");
        }
    }
}
