//! `extra/kv/<segment>.bin`, a value byte for byte, and `extra/kv/KEYMAP.jsonl` (`reading/keys.md#keys-without-a-prefix`); in the JSONL layout
//! `extra/kv/data-<part>.jsonl`.

use super::parts::Parts;
use super::{Root, record, write_lines};
use crate::error::Result;
use crate::event::Class;
use crate::model::kv::Pair;
use crate::model::{Answer, Refusal};
use crate::tree::{self, ErrorKind, Scratch, Sorter, keymap, segment};

const DIRECTORY: &[u8] = b"extra/kv/";
const SUFFIX: &[u8] = b".bin";
const KEYMAP: &[u8] = b"extra/kv/KEYMAP.jsonl";
/// What the paths of its parts begin with.
const PARTS: &[u8] = b"extra/kv/data-";
const MEMORY: usize = 4 << 20;

/// Writes the files, and remembers the names that need a KEYMAP record.
#[derive(Debug)]
pub(crate) struct Layout {
    path: Vec<u8>,
    keymap: Sorter,
    /// Lines by their keys: those without a prefix come first, those of unknown families, among which they sort, then.
    lines: Sorter,
    line: Vec<u8>,
}

impl Layout {
    /// Returns a layout without files.
    #[must_use]
    pub(crate) fn new(scratch: &Scratch) -> Self {
        let sorter = || Sorter::new(scratch, MEMORY);
        Self { path: Vec::new(), keymap: sorter(), lines: sorter(), line: Vec::new() }
    }

    /// Writes one key's file.
    pub(crate) fn pair(&mut self, root: &mut Root, pair: &Pair<'_>) -> Result<Answer> {
        if root.options.no_extra {
            return Ok(Answer::Left);
        }
        if root.options.jsonl.is_some() && record::fits(pair.key, pair.value) {
            self.line.clear();
            record::of_bytes(&mut self.line, pair.key, pair.value, None);
            self.lines.push(pair.key, &self.line)?;
            return Ok(Answer::Taken);
        }
        let segment = segment::encode(pair.key);
        let encoded = segment.text.as_bytes();
        if segment.fallback
            && let Some(message) = keymap::too_long(encoded, pair.key)
        {
            return Ok(Answer::Refused(Refusal { class: Class::KEYMAP_LINE_TOO_LONG, message }));
        }
        self.path.clear();
        for part in [DIRECTORY, encoded, SUFFIX] {
            self.path.extend_from_slice(part);
        }
        match root.tree.write(&self.path, pair.value) {
            // Where the file system knows no case, `Key` and `key` are one name (`tree/names.md#segments`).
            Err(tree::Error { kind: kind @ (ErrorKind::Taken | ErrorKind::CaseTwin), .. }) => {
                return Ok(Answer::Refused(Refusal {
                    class: Class::KV_NAME_TAKEN,
                    message: kind.to_string(),
                }));
            }
            other => other?,
        }
        if segment.fallback {
            let mut line = Vec::new();
            keymap::line(&mut line, encoded, pair.key, keymap::Kind::ShaFallback);
            self.keymap.push(encoded, &line)?;
        }
        Ok(Answer::Taken)
    }

    /// Writes the parts, and `KEYMAP.jsonl`, sorted by the encoded name; none when no name needs a record.
    pub(crate) fn finish(&mut self, root: &mut Root) -> Result<()> {
        if let Some(size) = root.options.jsonl {
            Parts::write_sorted(PARTS.to_vec(), size, &mut root.tree, &mut self.lines)?;
        }
        write_lines(&mut root.tree, KEYMAP, &mut self.keymap)
    }
}
