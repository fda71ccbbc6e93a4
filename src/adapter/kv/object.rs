//! The files of `extra/kv/`: one a key, its value byte for byte.

use crate::dump::{self, ErrorKind, Scratch, Sorter, Tree, keymap, segment};
use crate::error::Result;
use crate::report::{Problem, Report};
use crate::store::{Entry, RowLocation};

const DIRECTORY: &[u8] = b"extra/kv/";
const SUFFIX: &[u8] = b".bin";
const KEYMAP: &[u8] = b"extra/kv/KEYMAP.jsonl";
const MEMORY: usize = 4 << 20;

/// Writes the files, and remembers the names that need a KEYMAP record.
#[derive(Debug)]
pub struct Objects {
    enabled: bool,
    path: Vec<u8>,
    keymap: Sorter,
}

impl Objects {
    /// Returns a writer; not `enabled`, it writes nothing (`--no-extra`).
    #[must_use]
    pub fn new(scratch: &Scratch, enabled: bool) -> Self {
        Self { enabled, path: Vec::new(), keymap: Sorter::new(scratch, MEMORY) }
    }

    /// Writes one entry.
    pub fn write(&mut self, tree: &mut Tree, report: &mut Report<'_>, entry: &Entry<'_>) -> Result<()> {
        self.write_parts(tree, report, entry.key, entry.body, entry.place)
    }

    /// Writes one key and its value, which stand at `place`.
    pub fn write_parts(
        &mut self,
        tree: &mut Tree,
        report: &mut Report<'_>,
        key: &[u8],
        body: &[u8],
        place: RowLocation,
    ) -> Result<()> {
        if !self.enabled {
            return Ok(());
        }
        let segment = segment::encode(key);
        if segment.fallback
            && let Some(message) = keymap::too_long(segment.text.as_bytes(), key)
        {
            return report.problem(&Problem {
                adapter: "kv",
                scope: b"",
                key,
                class: keymap::LINE_TOO_LONG,
                message,
                place: Some(place),
            });
        }
        self.path.clear();
        self.path.extend_from_slice(DIRECTORY);
        self.path.extend_from_slice(segment.text.as_bytes());
        self.path.extend_from_slice(SUFFIX);
        match tree.write(&self.path, body) {
            // Where the file system knows no case, `Key` and `key` are one name (`dump.md` 2).
            Err(dump::Error { kind: kind @ (ErrorKind::Taken | ErrorKind::CaseTwin), .. }) => {
                return report.problem(&Problem {
                    adapter: "kv",
                    scope: b"",
                    key,
                    class: "kv_name_taken",
                    message: kind.to_string(),
                    place: Some(place),
                });
            }
            other => other?,
        }
        if segment.fallback {
            let encoded = segment.text.as_bytes();
            let mut line = Vec::new();
            keymap::line(&mut line, encoded, key, keymap::Kind::ShaFallback);
            self.keymap.push(encoded, &line)?;
        }
        Ok(())
    }

    /// Writes `KEYMAP.jsonl`, sorted by the encoded name; none when no name needs a record.
    pub fn finish(mut self, tree: &mut Tree) -> Result<()> {
        if self.keymap.is_empty() {
            return Ok(());
        }
        let mut file = tree.file(KEYMAP)?;
        let mut lines = self.keymap.sort()?;
        while let Some((_, line)) = lines.next()? {
            file.write(line)?;
        }
        file.finish(tree)?;
        Ok(())
    }
}
